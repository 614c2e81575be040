/* SPDX-License-Identifier: MIT */
/*
 * The life of one test inside its child process: memory, randomness, and the
 * run of the body under cmocka, whose assertions end it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "suite/network.h"
#include "suite/peer.h"
#include "suite/words.h"

struct arena_block {
	struct arena_block *next;
	max_align_t bytes[];
};

void *test_alloc(struct test *t, size_t size)
{
	struct arena_block *b = calloc(1, sizeof(*b) + (size ? size : 1));

	if (b == NULL) {
		conf_broken(t, "out of memory");
	}
	b->next = t->arena;
	t->arena = b;
	return b->bytes;
}

char *test_text(struct test *t, const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	text = test_alloc(t, (size_t)n + 1);
	va_start(ap, format);
	vsnprintf(text, (size_t)n + 1, format, ap);
	va_end(ap);
	return text;
}

/* splitmix64: small, and good enough for names, keys and file contents. */
void test_random(struct test *t, void *ret_bytes, size_t size)
{
	uint8_t *out = ret_bytes;
	size_t i;

	for (i = 0; i < size; i++) {
		uint64_t z = (t->seed += 0x9e3779b97f4a7c15u);

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		out[i] = (uint8_t)(z ^ (z >> 31));
	}
}

/* What the cmocka wrapper needs besides the test. */
struct run {
	struct test *t;
	const void *row;
	bool returned;
};

static void run_body(void **state)
{
	struct run *run = *state;

	run->t->test->body(run->t, run->row);
	run->returned = true;
}

static bool left_by_word(const struct log *log)
{
	const struct record *r = NULL, *last = NULL;

	while ((r = log_next(log, r)) != NULL) {
		last = r;
	}
	return last != NULL && last->kind == RECORD_END;
}

void test_run(struct test *t, const void *row)
{
	struct run run = {.t = t, .row = row};
	const struct CMUnitTest unit = {
		.name = t->id,
		.test_func = run_body,
		.initial_state = &run,
	};

	network_choose(t->target->network);
	network_chosen()->begin(t->target, t->seed);
	/* cmocka's own report goes to the child's standard output, which the
	 * runner keeps apart; the verdict is in the log. */
	_cmocka_run_group_tests(t->id, &unit, 1, NULL, NULL);
	if (run.returned) {
		log_end(t->log, END_COMPLETE, "");
	} else if (!left_by_word(t->log)) {
		log_end(t->log, END_BROKEN,
			"an assertion or exception outside of the words");
	}
	for (unsigned int i = 0; i < t->peer_count; i++) {
		if (t->peers[i]->quic != NULL) { /* it would not be noticed */
			peer_disconnect(t->peers[i]);
		}
	}
	network_chosen()->end();
	while (t->arena != NULL) {
		struct arena_block *b = t->arena;

		t->arena = b->next;
		free(b);
	}
}
