/* SPDX-License-Identifier: MIT */
/* A bad network; see impair.h. */
#include "transport/impair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MILLION 1000000u

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t impair_chance(uint64_t *state, uint64_t n)
{
	return n == 0 ? 0 : next(state) % n;
}

void impair_init(struct impair *impair, const struct impair_config *config)
{
	memset(impair, 0, sizeof(*impair));
	impair->config = *config;
	impair->state = config->seed;
}

enum impair_type impair_type_of(const uint8_t *p, size_t n)
{
	if (n < 5 || (p[0] & 0x80) == 0) {
		return IMPAIR_SHORT;
	}
	if ((p[1] | p[2] | p[3] | p[4]) == 0) {
		return IMPAIR_VERSION;
	}
	return (enum impair_type)(1 << ((p[0] >> 4) & 3));
}

static bool happens(struct impair *impair, uint32_t chance)
{
	return impair_chance(&impair->state, MILLION) < chance;
}

static uint64_t delay_of(struct impair *impair)
{
	const struct impair_config *config = &impair->config;

	return config->delay_min +
	       (config->delay_max > config->delay_min
			       ? impair_chance(&impair->state,
					 config->delay_max - config->delay_min)
			       : 0);
}

static bool must_drop(struct impair *impair, const uint8_t *p, size_t n)
{
	const struct impair_config *config = &impair->config;

	if (config->mtu != 0 && n > config->mtu) {
		return true;
	}
	if (impair->dropped < config->drop_first &&
		(config->drop_types == 0 ||
			(config->drop_types & impair_type_of(p, n)))) {
		impair->dropped++;
		return true;
	}
	return false;
}

void impair_decide(struct impair *impair, const uint8_t *p, size_t n,
	struct impair_fate *ret_fate)
{
	const struct impair_config *config = &impair->config;
	struct impair_fate fate = {.copies = 1};

	fate.delay[0] = fate.delay[1] = delay_of(impair);
	if (++impair->packets <= config->pass_first) {
		*ret_fate = fate;
		return;
	}
	/* Each chance is drawn, so that one setting does not move another. */
	bool lost = happens(impair, config->loss);
	bool doubled = happens(impair, config->duplicate);
	bool late = happens(impair, config->reorder);

	fate.corrupt = happens(impair, config->corrupt) && n > 0;
	fate.rebind = happens(impair, config->rebind);
	fate.at = (size_t)impair_chance(&impair->state, n);
	fate.mask = (uint8_t)(1 + impair_chance(&impair->state, 255));
	if (late) {
		fate.delay[0] += config->overtaken;
	}
	if (doubled) {
		fate.copies = 2;
		fate.delay[1] = delay_of(impair);
	}
	if (must_drop(impair, p, n) || lost) {
		fate.copies = 0;
	}
	impair->lost += fate.copies == 0;
	impair->doubled += fate.copies == 2;
	impair->reordered += late;
	impair->corrupted += fate.corrupt;
	impair->rebound += fate.rebind;
	*ret_fate = fate;
}

static int parse_chance(const char *text, uint32_t *ret_chance)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || strcmp(end, "%") != 0 || percent < 0 ||
		percent > 100) {
		return -EINVAL;
	}
	*ret_chance = (uint32_t)(percent * 10000 + 0.5);
	return 0;
}

/* "5ms", "200us", "1s"; *ret_end is behind it. */
static int parse_time(const char *text, const char **ret_end, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"s", 1e9}};
	char *end;
	double n = strtod(text, &end);

	for (size_t i = 0; i < 3 && end != text && n >= 0; i++) {
		size_t length = strlen(units[i].unit);

		if (strncmp(end, units[i].unit, length) == 0) {
			*ret_ns = (uint64_t)(n * units[i].ns);
			*ret_end = end + length;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_delay(const char *text, struct impair_config *config)
{
	const char *end = text;
	int r = parse_time(text, &end, &config->delay_min);

	config->delay_max = config->delay_min;
	if (r == 0 && *end == '-') {
		r = parse_time(end + 1, &end, &config->delay_max);
	}
	return r == 0 && *end == '\0' ? 0 : -EINVAL;
}

static int parse_count(const char *text, uint64_t *ret_count)
{
	char *end;

	if (*text < '0' || *text > '9') {
		return -EINVAL;
	}
	*ret_count = strtoull(text, &end, 10);
	return *end == '\0' ? 0 : -EINVAL;
}

static int parse_types(char *text, uint32_t *ret_types)
{
	static const char *const names[] = {"initial", "zero-rtt", "handshake",
		"retry", "version", "short"};
	char *word;

	while ((word = strsep(&text, "+")) != NULL) {
		unsigned int i = 0;

		while (i < 6 && strcmp(names[i], word) != 0) {
			i++;
		}
		if (i == 6) {
			return -EINVAL;
		}
		*ret_types |= 1u << i;
	}
	return 0;
}

static int set_one(struct impair_config *config, const char *key, char *value)
{
	struct {
		const char *key;
		uint32_t *chance;
	} chances[] = {{"loss", &config->loss},
		{"duplicate", &config->duplicate},
		{"reorder", &config->reorder}, {"corrupt", &config->corrupt},
		{"rebind", &config->rebind}};
	const char *end = "";
	uint64_t count = 0;
	int r;

	for (size_t i = 0; i < 5; i++) {
		if (strcmp(chances[i].key, key) == 0) {
			return parse_chance(value, chances[i].chance);
		}
	}
	if (strcmp(key, "delay") == 0) {
		return parse_delay(value, config);
	}
	if (strcmp(key, "overtaken") == 0) {
		r = parse_time(value, &end, &config->overtaken);
		return *end == '\0' ? r : -EINVAL;
	}
	if (strcmp(key, "drop-types") == 0) {
		return parse_types(value, &config->drop_types);
	}
	r = parse_count(value, &count);
	if (strcmp(key, "seed") == 0) {
		config->seed = count;
	} else if (strcmp(key, "pass-first") == 0) {
		config->pass_first = (uint32_t)count;
	} else if (strcmp(key, "drop-first") == 0) {
		config->drop_first = (uint32_t)count;
	} else if (strcmp(key, "mtu") == 0) {
		config->mtu = (size_t)count;
	} else {
		r = -EINVAL;
	}
	return r;
}

int impair_parse(const char *text, struct impair_config *ret_config)
{
	struct impair_config config = {.overtaken = 10000000};
	char copy[512], *rest = copy, *word, *value;

	if (strlen(text) >= sizeof(copy)) {
		return -EINVAL;
	}
	memcpy(copy, text, strlen(text) + 1);
	while ((word = strsep(&rest, ",")) != NULL) {
		if (*word == '\0') {
			continue;
		}
		value = strchr(word, '=');
		if (value == NULL) {
			return -EINVAL;
		}
		*value++ = '\0';
		if (set_one(&config, word, value) < 0) {
			return -EINVAL;
		}
	}
	*ret_config = config;
	return 0;
}
