/* SPDX-License-Identifier: MIT */
/*
 * The run: sanity tests first, then everything at once, at the end alone what
 * measures silence or touches the whole server.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authclient/authclient.h"
#include "runner/case.h"
#include "runner/child.h"
#include "runner/needs.h"
#include "suite/network.h"
#include "suite/peer.h"

#define JOBS_MAX 64
/* More tests that may run beside the jobs, if they only wait. */
#define WAITING_MAX 8

enum phase {
	PHASE_SANITY,
	PHASE_TOGETHER,
	PHASE_QUIET,
	PHASE_ALONE,
	PHASE_COUNT
};

/* A test that is being run. */
struct slot {
	struct child child;
	struct item *item;
	bool busy;
	unsigned int repetition;
	const struct run *run;
};

/* By a signal; what goes on is ended, what has not begun does not begin. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* The second signal ends the program at once. */
static void watch_signals(void)
{
	const struct sigaction once = {
		.sa_handler = interrupt, .sa_flags = SA_RESETHAND};

	sigaction(SIGINT, &once, NULL);
	sigaction(SIGTERM, &once, NULL);
}

/* A server for each test: none can disturb another. */
static bool apart(const struct run *run)
{
	return run->target->network != NULL && run->target->network->apart;
}

static enum phase phase_of(const struct run *run, const struct item *item)
{
	if ((item->test->tags & TAG_SANITY) != 0 && !run->options->no_sanity) {
		return PHASE_SANITY;
	}
	if ((item->test->tags & TAG_EXCLUSIVE) != 0 && !apart(run)) {
		return PHASE_ALONE;
	}
	return (item->test->tags & TAG_QUIET) != 0 && !apart(run)
		       ? PHASE_QUIET
		       : PHASE_TOGETHER;
}

/* FNV-1a: a test's seed depends on the run's seed and its id, not on when it
 * runs, so that it does the same alone and together. */
static uint64_t seed_of(const struct run *run, const struct item *item)
{
	uint64_t h = 0xcbf29ce484222325u ^ run->options->seed;
	const char *p;

	for (p = item->id; *p != '\0'; p++) {
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	}
	return h;
}

static void body(struct log *log, void *ctx)
{
	const struct slot *slot = ctx;
	const struct run *run = slot->run;
	struct test t = {
		.test = slot->item->test,
		.id = slot->item->id,
		.target = run->target,
		.log = log,
		.run = run->name,
		.number = slot->item->number + slot->repetition * 10000,
		.time_scale = run->options->time_scale,
		.seed = seed_of(run, slot->item),
	};

	test_run(&t, slot->item->row);
}

/* Orders worse verdicts above better ones, for repetitions. */
static unsigned int gravity(enum verdict v)
{
	static const unsigned int of[VERDICT_COUNT] = {
		[VERDICT_SKIP] = 0,
		[VERDICT_PASS] = 1,
		[VERDICT_WARN] = 2,
		[VERDICT_XFAIL] = 3,
		[VERDICT_XPASS] = 4,
		[VERDICT_CHANGED] = 5,
		[VERDICT_FAIL] = 6,
		[VERDICT_NOVERDICT] = 7,
		[VERDICT_ERROR] = 8,
		[VERDICT_FLAKY] = 9,
	};

	return of[v];
}

/* An outcome that stands for `times` repetitions becomes the item's, if it is
 * graver than what was seen before. */
static void take(struct run *run, struct item *item, struct outcome *outcome,
	unsigned int times)
{
	item->verdicts[outcome->verdict] += times;
	item->milliseconds += outcome->milliseconds;
	if (item->done == 0 ||
		gravity(outcome->verdict) > gravity(item->verdict)) {
		item->verdict = outcome->verdict;
		snprintf(item->reason, sizeof(item->reason), "%s",
			outcome->reason);
		text_finish(&item->json);
		item->json = outcome->json;
	} else {
		text_finish(&outcome->json);
	}
	item->done += times;
	if (item->done < run->options->repeat) {
		return;
	}
	if (item->verdicts[item->verdict] != item->done) {
		case_make_flaky(item);
	}
	run->counts[item->verdict]++;
	progress_item(run, item);
}

static void settle(struct run *run, struct slot *slot)
{
	struct outcome outcome = case_outcome(run, slot->item, &slot->child);

	take(run, slot->item, &outcome, 1);
	child_finish(&slot->child);
	slot->busy = false;
}

/* A test that is not started, with its reason. */
static void refuse(struct run *run, struct item *item, enum verdict verdict,
	const char *reason)
{
	struct outcome outcome = case_refused(run, item, verdict, reason);

	take(run, item, &outcome, run->options->repeat - item->done);
}

/* The sanity test of the item's area that failed, or NULL. */
static const struct item *insane(const struct run *run, const struct item *item)
{
	unsigned int i;

	for (i = 0; i < run->item_count; i++) {
		const struct item *s = &run->items[i];

		if (phase_of(run, s) == PHASE_SANITY && s->done != 0 &&
			strcmp(s->area, item->area) == 0 &&
			gravity(s->verdict) >= gravity(VERDICT_FAIL)) {
			return s;
		}
	}
	return NULL;
}

/* Starts an item, or settles it at once. */
static int start(struct run *run, struct slot *slot, struct item *item,
	unsigned int repetition)
{
	unsigned int budget = item->test->budget_ms != 0 ? item->test->budget_ms
							 : BUDGET_DEFAULT_MS;
	const struct item *sanity =
		phase_of(run, item) == PHASE_SANITY ? NULL : insane(run, item);
	char reason[200];

	if (interrupted) {
		refuse(run, item, VERDICT_NOVERDICT, "the run was interrupted");
		return 1;
	}
	if (sanity != NULL) {
		snprintf(reason, sizeof(reason), "%.120s ended with %s",
			sanity->id, verdict_name(sanity->verdict));
		refuse(run, item, VERDICT_NOVERDICT, reason);
		return 1;
	}
	if (!needs_met(run->target, item->test, reason)) {
		refuse(run, item, VERDICT_SKIP, reason);
		return 1;
	}
	slot->item = item;
	slot->repetition = repetition;
	slot->run = run;
	slot->busy = true;
	return child_start(&slot->child,
		(unsigned int)(budget * run->options->time_scale), body, slot);
}

/* Waits until a child ends or is overdue, and settles those that are over. */
static void wait_some(struct run *run, struct slot *slots, unsigned int jobs)
{
	struct pollfd fds[JOBS_MAX + WAITING_MAX];
	uint64_t now = test_clock(), next = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < jobs; i++) {
		fds[i] = (struct pollfd){
			.fd = slots[i].busy ? slots[i].child.pidfd : -1,
			.events = POLLIN,
		};
		if (slots[i].busy && slots[i].child.deadline < next) {
			next = slots[i].child.deadline;
		}
	}
	poll(fds, jobs, next > now ? (int)((next - now) / 1000000 + 1) : 0);
	now = test_clock();
	for (i = 0; i < jobs; i++) {
		struct slot *s = &slots[i];

		if (!s->busy || (fds[i].revents == 0 && !interrupted &&
					now < s->child.deadline)) {
			continue;
		}
		s->child.end.killed = fds[i].revents == 0;
		s->child.end.interrupted = interrupted != 0;
		child_collect(&s->child);
		settle(run, s);
	}
}

static struct slot *idle(struct slot *slots, unsigned int jobs)
{
	unsigned int i;

	for (i = 0; i < jobs && slots[i].busy; i++) {
	}
	return i < jobs ? &slots[i] : NULL;
}

static bool any_busy(const struct slot *slots, unsigned int jobs)
{
	unsigned int i;

	for (i = 0; i < jobs && !slots[i].busy; i++) {
	}
	return i < jobs;
}

/* The slots of a phase: for tests that wait long, then for all the others. */
struct slots {
	struct slot all[WAITING_MAX + JOBS_MAX];
	unsigned int waiting, jobs;
};

/* A long budget is for waiting until a server gives up, which costs nothing. */
static bool waits_long(const struct item *item)
{
	return item->test->budget_ms > BUDGET_DEFAULT_MS;
}

static struct slot *slot_for(struct slots *slots, const struct item *item)
{
	struct slot *slot = NULL;

	if (waits_long(item)) {
		slot = idle(slots->all, slots->waiting);
	}
	return slot != NULL ? slot
			    : idle(slots->all + slots->waiting, slots->jobs);
}

static int run_one(struct run *run, struct slots *slots, struct item *item)
{
	unsigned int i;

	for (i = item->done; i < run->options->repeat; i++) {
		struct slot *slot;
		int r;

		while ((slot = slot_for(slots, item)) == NULL) {
			wait_some(
				run, slots->all, slots->waiting + slots->jobs);
		}
		r = start(run, slot, item, i);
		if (r != 0) {
			return r < 0 ? r : 0;
		}
	}
	return 0;
}

static int run_phase(struct run *run, struct item **order, enum phase phase)
{
	struct slots slots = {.jobs = 1};
	unsigned int i, all;
	int r = 0;

	if (phase == PHASE_TOGETHER) {
		slots.jobs = run->options->jobs;
		slots.waiting = slots.jobs > 1 && !apart(run) ? WAITING_MAX : 0;
	} else if (phase == PHASE_QUIET) {
		slots.jobs = run->options->jobs < WAITING_MAX
				     ? run->options->jobs
				     : WAITING_MAX;
	}
	all = slots.waiting + slots.jobs;
	for (i = 0; i < run->item_count && r == 0; i++) {
		if (phase_of(run, order[i]) == phase) {
			r = run_one(run, &slots, order[i]);
		}
	}
	while (any_busy(slots.all, all)) {
		wait_some(run, slots.all, all);
	}
	return r;
}

/* Those that wait long begin first; otherwise the order stays. */
static void long_first(struct item **order, unsigned int n)
{
	unsigned int i, j, first = 0;

	for (i = 0; i < n; i++) {
		struct item *item = order[i];

		if (!waits_long(item)) {
			continue;
		}
		for (j = i; j > first; j--) {
			order[j] = order[j - 1];
		}
		order[first++] = item;
	}
}

/* The same order for the same seed; rand_r() is enough for that. */
static void shuffle(struct item **order, unsigned int n, uint64_t seed)
{
	unsigned int state = (unsigned int)(seed ^ seed >> 32);
	unsigned int i;

	for (i = n; i > 1; i--) {
		unsigned int j = (unsigned int)rand_r(&state) % i;
		struct item *kept = order[i - 1];

		order[i - 1] = order[j];
		order[j] = kept;
	}
}

int run_all(struct run *run)
{
	struct item **order = calloc(run->item_count + 1, sizeof(*order));
	uint64_t begin = test_clock();
	unsigned int i;
	int r = 0;

	if (order == NULL) {
		return -ENOMEM;
	}
	for (i = 0; i < run->item_count; i++) {
		order[i] = &run->items[i];
	}
	shuffle(order, run->item_count, run->options->seed);
	long_first(order, run->item_count);
	authclient_prepare();
	watch_signals();
	progress_begin(run, run->item_count);
	for (i = 0; i < PHASE_COUNT && r == 0; i++) {
		r = run_phase(run, order, i);
	}
	progress_end();
	if (interrupted) {
		fputs("smb3x-check: interrupted; what the tests made is being "
		      "removed\n",
			stderr);
	}
	run->milliseconds = (double)(test_clock() - begin) / 1e6;
	free(order);
	return r;
}
