/* SPDX-License-Identifier: MIT */
/*
 * Which message ids a client may use, and how many more it is given.
 * [MS-SMB2] 3.3.1.1 and 3.3.1.2. The window is [low, high): ids that were
 * granted; those used already are marked. Nothing below low is left.
 */
#include <stdlib.h>

#include "engine/core.h"

struct credit_window {
	uint64_t low, high;
	unsigned int held; /* granted and not used */
	unsigned int most; /* bound of held */
	unsigned int size; /* bound of high - low; a power of two */
	uint8_t used[];    /* a bit per id, by id modulo size */
};

struct credit_window *credits_create(unsigned int most)
{
	struct credit_window *window;
	unsigned int size = 64;

	if (most < 1) {
		most = 1;
	}
	if (most > LIMIT_CREDITS_MAX) {
		most = LIMIT_CREDITS_MAX;
	}
	while (size < 2 * most) {
		size *= 2;
	}
	window = calloc(1, sizeof(*window) + size / 8);
	if (!window) {
		return NULL;
	}
	window->high = 1;
	window->held = 1;
	window->most = most;
	window->size = size;
	return window;
}

void credits_destroy(struct credit_window *window)
{
	free(window);
}

static bool is_used(const struct credit_window *window, uint64_t id)
{
	unsigned int bit = id & (window->size - 1);

	return window->used[bit / 8] & 1u << bit % 8;
}

static void set_used(struct credit_window *window, uint64_t id, bool used)
{
	unsigned int bit = id & (window->size - 1);

	if (used) {
		window->used[bit / 8] |= 1u << bit % 8;
	} else {
		window->used[bit / 8] &= ~(1u << bit % 8);
	}
}

enum credits_outcome credits_take(
	struct credit_window *window, uint64_t message_id, unsigned int count)
{
	if (message_id < window->low) {
		return CREDITS_USED;
	}
	if (message_id >= window->high) {
		return CREDITS_BEYOND;
	}
	if (count > window->high - message_id) {
		return CREDITS_RANGE_BEYOND;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (is_used(window, message_id + i)) {
			return CREDITS_USED;
		}
	}
	for (unsigned int i = 0; i < count; i++) {
		set_used(window, message_id + i, true);
	}
	window->held -= count;
	while (window->low < window->high && is_used(window, window->low)) {
		set_used(window, window->low, false);
		window->low++;
	}
	return CREDITS_TAKEN;
}

uint16_t credits_grant(struct credit_window *window, uint16_t wanted)
{
	unsigned int room = window->most - window->held;
	unsigned int spread = window->size - (window->high - window->low);
	unsigned int n = wanted;

	if (n > room) {
		n = room;
	}
	if (n > spread) {
		n = spread;
	}
	if (n == 0 && window->held == 0 && spread > 0 &&
		RULE(CORE_CREDIT_0007)) {
		n = 1; /* a client without credits could never speak again */
	}
	window->high += n;
	window->held += n;
	return n;
}

uint64_t credits_lowest(const struct credit_window *window)
{
	return window->low;
}
