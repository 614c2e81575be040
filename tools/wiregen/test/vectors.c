/* SPDX-License-Identifier: MIT */
/*
 * Feeds test vectors to the decoders of spec/wire/. A line on standard input
 * is "NAME HEX"; the answer is "accept END same|differs" (END: where the last
 * field ends; same: encoded again it gave the same bytes up to END), or
 * "refuse REASON", or "unknown".
 */
#include "wire/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (1 << 20)

static int digit(int c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the number of bytes, or -1. */
static int unhex(const char *hex, uint8_t *bytes)
{
	int n = 0;

	for (; digit(hex[0]) >= 0; hex += 2) {
		if (digit(hex[1]) < 0) {
			return -1;
		}
		bytes[n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
	}
	return *hex == '\0' ? n : -1;
}

static const char *again(const struct wire_type *type, const void *value,
	struct wire_view whole, size_t end)
{
	static uint8_t bytes[LINE_MAX_BYTES];
	struct wire_buf out = {
		.p = bytes, .cap = sizeof(bytes), .n = type->start};

	if (wire_encode(type, value, &out) < 0 || out.n != end) {
		return "differs";
	}
	return memcmp(bytes + type->start, whole.p + type->start,
		       end - type->start) == 0
		       ? "same"
		       : "differs";
}

static void judge(const char *name, const char *hex)
{
	uint64_t value[WIRE_MAX_STRUCT / 8];
	const struct wire_type *type = wire_type_by_name(name);
	struct wire_fault why = {0};
	int n = -1;
	size_t end;

	/* exactly as many bytes as the vector has, for the sanitizers */
	uint8_t *bytes = (uint8_t *)malloc(strlen(hex) / 2 + 1);

	if (bytes) {
		n = unhex(hex, bytes);
	}
	if (!type || n < 0) {
		puts("unknown");
		free(bytes);
		return;
	}
	uint8_t *exact = (uint8_t *)realloc(bytes, n > 0 ? (size_t)n : 1);
	struct wire_view whole = {exact ? exact : bytes, (size_t)n};

	if (wire_decode_extent(type, whole, value, &end, &why) < 0) {
		printf("refuse %s: %s\n", why.field ? why.field->name : name,
			why.why ? why.why : "?");
	} else {
		printf("accept %zu %s\n", end, again(type, value, whole, end));
	}
	free((void *)whole.p);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		char *hex = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (!hex) {
			puts("unknown");
			continue;
		}
		*hex = '\0';
		judge(line, hex + 1);
	}
	free(line);
	return 0;
}
