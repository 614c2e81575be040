/* SPDX-License-Identifier: MIT */
/* A server in the simulator; see sim_server.h. */
#include <string.h>

#include "files/memory.h"
#include "server/test/sim_server.h"
#include "wire/all.h"

#define SHARE "data"

static uint64_t files_now(void *ctx)
{
	return sim_now(((struct sim_server *)ctx)->sim);
}

void sim_server_key(const char *user, uint8_t ret_key[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		ret_key[i] = (uint8_t)(user[i % strlen(user)] * 5 + (int)i);
	}
}

/* A token is a name; one that begins with a question mark is unknown. */
static void judge(struct wire_view token, struct auth_result *ret)
{
	if (token.n > 0 && token.n < 32 && token.p[0] != '?') {
		ret->outcome = AUTH_DONE;
		memcpy(ret->identity.user, token.p, token.n);
		sim_server_key(ret->identity.user, ret->key);
		ret->key_size = 16;
	}
}

struct wire_view sim_server_share(void)
{
	static uint8_t path[64];
	int n = wire_utf8_to_utf16("\\\\server\\" SHARE, path, sizeof(path));

	return wire_view_of(path, (size_t)n);
}

void sim_server_advance(void *ctx, uint64_t now)
{
	engine_advance(((struct sim_server *)ctx)->engine, now);
}

uint64_t sim_server_deadline(void *ctx)
{
	return engine_deadline(((struct sim_server *)ctx)->engine);
}

static void start_engine(
	struct sim_server *server, const struct sim_server_config *config)
{
	const struct engine_ports ports = {
		&server->auth.port, sim_host(server->sim)};
	const struct engine_config engine = {
		.min_dialect = 0x0202,
		.max_dialect = 0x0311,
		.sign = POLICY_OFFERED,
		.encrypt = POLICY_OFFERED,
		.ciphers = {2, 1},
		.signings = {2, 1, 0},
		.max_transact = 1 << 16,
		.max_read = 1 << 16,
		.max_write = 1 << 16,
		.max_credits = config->credits,
		.max_connections = config->connections,
		.max_sessions = config->sessions,
		.max_opens = config->opens,
		.lease_break_ns = config->lease_break_ns,
		.shares = &server->share,
		.share_count = 1,
	};

	server->engine = engine_create(&engine, &ports);
	must(server->engine != NULL);
	engine_advance(server->engine, SIM_START);
	sim_set_machine(server->sim, &config->machine);
}

void sim_server_init(
	struct sim_server *server, const struct sim_server_config *config)
{
	const struct sim_config sim = {.seed = config->seed,
		.start = SIM_START,
		.delay_min = 100,
		.delay_max = SIM_SECOND / 100,
		.work_min = 10,
		.work_max = config->work_max,
		.loss = config->loss,
		.max_message = 1 << 20};
	struct files_port *memory;

	server->sim = sim_create(&sim);
	must(server->sim != NULL);
	memory = files_memory_create(files_now, server, 1 << 20);
	must(memory != NULL);
	sim_files_init(&server->files, memory, sim_work(server->sim));
	sim_auth_init(&server->auth, judge);
	server->share = (struct engine_share){
		.name = SHARE, .files = &server->files.port};
	start_engine(server, config);
}

void sim_server_finish(struct sim_server *server)
{
	sim_destroy(server->sim);
	engine_destroy(server->engine);
	server->files.memory->destroy(server->files.memory);
}
