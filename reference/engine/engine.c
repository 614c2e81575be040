/* SPDX-License-Identifier: MIT */
/* The whole server: configuration, time, ids, drain. [MS-SMB2] 3.3.1.5 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/caching.h"
#include "engine/core.h"
#include "engine/durable.h"

static int copy_interfaces(
	struct engine *engine, const struct engine_config *config)
{
	struct engine_interface *copy = NULL;

	if (config->interface_count) {
		copy = calloc(config->interface_count, sizeof(*copy));
		if (!copy) {
			return -ENOMEM;
		}
		memcpy(copy, config->interfaces,
			config->interface_count * sizeof(*copy));
	}
	free((void *)engine->config.interfaces);
	engine->config = *config;
	engine->config.interfaces = copy;
	engine->config.shares = NULL; /* they live in engine->shares */
	engine->config.share_count = 0;
	return 0;
}

static int load_config(
	struct engine *engine, const struct engine_config *config)
{
	int r = copy_interfaces(engine, config);

	return r < 0 ? r : shares_load(engine, config);
}

struct engine *engine_create(
	const struct engine_config *config, const struct engine_ports *ports)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine) {
		return NULL;
	}
	engine->auth = ports->auth;
	engine->host = ports->host;
	engine->expiry_at = UINT64_MAX;
	engine->host->random(engine->host->ctx, &engine->id_secret,
		sizeof(engine->id_secret));
	if (load_config(engine, config) < 0) {
		engine_destroy(engine);
		return NULL;
	}
	return engine;
}

void engine_destroy(struct engine *engine)
{
	struct share *share;

	if (!engine) {
		return;
	}
	durables_close(engine, NULL);
	while ((share = list_first(&engine->shares, struct share, in_engine))) {
		list_remove(&share->in_engine);
		share_release(share);
	}
	table_finish(&engine->sessions);
	table_finish(&engine->opens);
	table_finish(&engine->leases_by_key);
	table_finish(&engine->files_by_id);
	free((void *)engine->config.interfaces);
	free(engine);
}

int engine_reload(struct engine *engine, const struct engine_config *config)
{
	int r = load_config(engine, config);

	engine_log(engine, r < 0 ? LOG_ERROR : LOG_INFO, "engine.reload",
		"shares=%u result=%d", config->share_count, r);
	return r;
}

void engine_advance(struct engine *engine, uint64_t now)
{
	if (now > engine->now) {
		engine->now = now;
	}
	dirleases_due(engine);
	requests_advance(engine);
	if (engine->now >= engine->expiry_at) {
		engine->expiry_at = UINT64_MAX;
		sessions_expire(engine);
		conns_expire(engine);
		breaks_expire(engine);
		durables_expire(engine);
	}
}

uint64_t engine_deadline(const struct engine *engine)
{
	uint64_t deadline = requests_deadline(engine);

	if (!list_empty(&engine->due_leases)) {
		return engine->now;
	}
	return deadline < engine->expiry_at ? deadline : engine->expiry_at;
}

void engine_expect(struct engine *engine, uint64_t at)
{
	if (at < engine->expiry_at) {
		engine->expiry_at = at;
	}
}

void engine_drain(struct engine *engine)
{
	if (engine->draining) {
		return;
	}
	engine->draining = true;
	engine->drain_until =
		engine->now + LIMIT_DRAIN_SECONDS * TICKS_PER_SECOND;
	engine_expect(engine, engine->drain_until);
	engine_log(engine, LOG_INFO, "engine.drain", "connections=%zu",
		engine->conns.count);
	durables_close(engine, NULL);
	conns_drain(engine);
}

bool engine_idle(const struct engine *engine)
{
	return list_empty(&engine->conns) && !engine->background;
}

/*
 * Four rounds of a Feistel network over a counter: every value comes once,
 * and which one is next depends on a secret. Not for keys, only so that ids
 * of others cannot be named by counting.
 */
static uint32_t mix(uint32_t half, uint64_t secret, unsigned int round)
{
	uint64_t x = (half ^ (secret >> round * 8)) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull ^ secret;
	return x >> 32;
}

uint64_t engine_new_id(struct engine *engine)
{
	uint64_t id;

	do {
		uint64_t n = ++engine->id_counter;
		uint32_t left = n >> 32, right = n;

		for (unsigned int round = 0; round < 4; round++) {
			uint32_t swap = right;

			right = left ^ mix(right, engine->id_secret, round);
			left = swap;
		}
		id = (uint64_t)left << 32 | right;
	} while (id == 0 || id == UINT64_MAX);
	return id;
}

void engine_log(struct engine *engine, enum log_level level, const char *event,
	const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	engine->host->log(engine->host->ctx, level, event, text);
}
