/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target for every decoder: the first two bytes pick the structure,
 * the rest is what it is decoded from. Whatever decodes is walked, printed,
 * encoded, and decoded once more.
 */
#include "wire/all.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

/* Every view lies within what was decoded. */
static int within(const struct wire_visit *visit, void *ctx)
{
	const struct wire_view *whole = ctx;

	require(visit->offset <= whole->n &&
		visit->bytes.n <= whole->n - visit->offset &&
		visit->bytes.p == whole->p + visit->offset);
	return 0;
}

static void again(const struct wire_type *type, const void *value, size_t end)
{
	static uint8_t room[ROOM];
	uint64_t second[WIRE_MAX_STRUCT / sizeof(uint64_t)];
	struct wire_buf out = {
		.p = room,
		.cap = sizeof(room),
		.n = type->start,
	};
	struct wire_buf count = {.n = type->start};

	int rc = wire_encode(type, value, &out);

	require(rc == wire_encode(type, value, &count));
	if (rc < 0) {
		return;
	}
	require(out.n == count.n && out.n <= end);
	(void)!wire_decode(type, wire_view_of(room, out.n), second, NULL);
}

static void as_list(const struct wire_type *type, struct wire_view whole)
{
	uint64_t value[WIRE_MAX_STRUCT / sizeof(uint64_t)];
	struct wire_list list = wire_list_of(type, whole);
	struct wire_view element;
	size_t elements = 0;

	while (wire_list_next(&list, value, &element) == 1) {
		require(element.p >= whole.p &&
			element.p + element.n <= whole.p + whole.n);
		require(++elements <= whole.n + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t value[WIRE_MAX_STRUCT / sizeof(uint64_t)];
	char text[512];
	size_t end;

	if (size < 2 || size > ROOM) {
		return 0;
	}
	const struct wire_type *type =
		wire_types[wire_get16(data) % wire_type_count];
	struct wire_view whole = wire_view_of(data + 2, size - 2);

	(void)wire_message_type_of(whole);
	if (wire_decode_extent(type, whole, value, &end, NULL) == 0) {
		require(end <= whole.n);
		require(wire_walk(type, whole, within, &whole) == 0);
		require(wire_print(type, whole, text, sizeof(text)) >= 0);
		again(type, value, end);
	}
	if (wire_type_is_list(type)) {
		as_list(type, whole);
	}
	return 0;
}
