/* SPDX-License-Identifier: MIT */
/* The simulator; see sim.h. */
#include <stdlib.h>
#include <string.h>

#include "loop/sim.h"

enum event_kind {
	EVENT_TO_MACHINE, /* a message arrives */
	EVENT_TO_PEER,
	EVENT_MACHINE_GONE, /* an end learns that nothing follows */
	EVENT_PEER_GONE,
	EVENT_WORK,
};

struct event {
	uint64_t at, tie; /* tie is random, so that equal times are shuffled */
	enum event_kind kind;
	struct sim_peer *peer;
	struct blob *message;
	struct work *work;
};

struct sim_peer {
	struct link link; /* the machine's end; first */
	struct sim *sim;
	struct sim_peer *next;
	struct sim_peer_user user;
	void *conn;
	bool closed, cut;             /* nothing more enters the link */
	bool machine_gone, peer_gone; /* told, or about to be */
	uint64_t to_machine, to_peer; /* arrival of the last message */
};

struct sim {
	struct sim_config config;
	struct sim_machine machine;
	struct host_port host;
	struct work_port work;
	uint64_t now, random, digest;
	struct event *events; /* a heap */
	size_t count, cap;
	struct sim_peer *peers;
};

/* splitmix64 */
static uint64_t next_random(struct sim *sim)
{
	uint64_t z = sim->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t sim_chance(struct sim *sim, uint64_t n)
{
	return n == 0 ? 0 : next_random(sim) % n;
}

static uint64_t between(struct sim *sim, uint64_t min, uint64_t max)
{
	return min + (max > min ? sim_chance(sim, max - min + 1) : 0);
}

static void note(struct sim *sim, uint64_t value)
{
	sim->digest = (sim->digest ^ value) * 0x100000001b3ull;
	sim->digest ^= sim->digest >> 29;
}

static void note_bytes(struct sim *sim, const struct blob *message)
{
	note(sim, message->n);
	for (size_t i = 0; i < message->n; i++) {
		note(sim, message->data[i]);
	}
}

static bool before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->tie < b->tie;
}

static void swap(struct event *a, struct event *b)
{
	struct event c = *a;

	*a = *b;
	*b = c;
}

/* Without memory a simulation has no meaning. */
static void push(struct sim *sim, struct event event)
{
	size_t i = sim->count++;

	if (sim->count > sim->cap) {
		sim->cap = 2 * sim->cap + 64;
		sim->events =
			realloc(sim->events, sim->cap * sizeof(*sim->events));
		if (sim->events == NULL) {
			abort();
		}
	}
	event.tie = next_random(sim);
	sim->events[i] = event;
	while (i > 0 && before(&sim->events[i], &sim->events[(i - 1) / 2])) {
		swap(&sim->events[i], &sim->events[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static struct event pop(struct sim *sim)
{
	struct event first = sim->events[0];
	size_t i = 0, child;

	sim->events[0] = sim->events[--sim->count];
	while ((child = 2 * i + 1) < sim->count) {
		if (child + 1 < sim->count &&
			before(&sim->events[child + 1], &sim->events[child])) {
			child++;
		}
		if (!before(&sim->events[child], &sim->events[i])) {
			break;
		}
		swap(&sim->events[i], &sim->events[child]);
		i = child;
	}
	return first;
}

/* When something sent now arrives: after everything sent before it. */
static uint64_t arrival(struct sim_peer *peer, uint64_t *last)
{
	struct sim *sim = peer->sim;
	uint64_t at = sim->now + between(sim, sim->config.delay_min,
					 sim->config.delay_max);

	if (at <= *last) {
		at = *last + 1;
	}
	*last = at;
	return at;
}

static void tell_machine(struct sim_peer *peer, uint64_t at)
{
	if (!peer->machine_gone) {
		peer->machine_gone = true;
		push(peer->sim, (struct event){.at = at,
					.kind = EVENT_MACHINE_GONE,
					.peer = peer});
	}
}

static void tell_peer(struct sim_peer *peer, uint64_t at)
{
	if (!peer->peer_gone) {
		peer->peer_gone = true;
		push(peer->sim, (struct event){.at = at,
					.kind = EVENT_PEER_GONE,
					.peer = peer});
	}
}

void sim_cut(struct sim_peer *peer)
{
	peer->closed = peer->cut = true;
	tell_machine(peer, arrival(peer, &peer->to_machine));
	tell_peer(peer, arrival(peer, &peer->to_peer));
}

static void put_on_link(struct sim_peer *peer, enum event_kind kind,
	uint64_t *last, struct blob *message)
{
	struct sim *sim = peer->sim;

	if (peer->closed) {
		blob_release(message);
		return;
	}
	if (sim->config.loss > 0 &&
		sim_chance(sim, 1000000) < sim->config.loss) {
		blob_release(message);
		sim_cut(peer);
		return;
	}
	push(sim, (struct event){.at = arrival(peer, last),
			  .kind = kind,
			  .peer = peer,
			  .message = message});
}

static void link_send(struct link *link, struct blob *message)
{
	struct sim_peer *peer = (struct sim_peer *)link;

	put_on_link(peer, EVENT_TO_PEER, &peer->to_peer, message);
}

static void link_close(struct link *link, bool flush)
{
	struct sim_peer *peer = (struct sim_peer *)link;

	if (peer->closed) {
		return;
	}
	peer->closed = true;
	peer->cut = !flush;
	tell_peer(peer, arrival(peer, &peer->to_peer));
	tell_machine(peer, arrival(peer, &peer->to_machine));
}

static const struct link_ops sim_link_ops = {link_send, link_close};

struct sim_peer *sim_connect(struct sim *sim, const struct sim_peer_user *user)
{
	struct sim_peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		return NULL;
	}
	peer->link.ops = &sim_link_ops;
	peer->link.max_message = sim->config.max_message;
	memcpy(peer->link.peer_name, "simulated", sizeof("simulated"));
	memcpy(peer->link.local_name, "simulated", sizeof("simulated"));
	peer->sim = sim;
	peer->user = *user;
	sim->machine.advance(sim->machine.ctx, sim->now);
	peer->conn = sim->machine.accepted(sim->machine.ctx, &peer->link);
	if (peer->conn == NULL) {
		free(peer);
		return NULL;
	}
	peer->next = sim->peers;
	sim->peers = peer;
	return peer;
}

void sim_send(struct sim_peer *peer, struct blob *message)
{
	put_on_link(peer, EVENT_TO_MACHINE, &peer->to_machine, message);
}

void sim_hang_up(struct sim_peer *peer)
{
	if (!peer->closed) {
		peer->closed = true;
		tell_machine(peer, arrival(peer, &peer->to_machine));
		tell_peer(peer, arrival(peer, &peer->to_peer));
	}
}

bool sim_connected(const struct sim_peer *peer)
{
	return !peer->closed;
}

static void happen_to_machine(struct sim *sim, struct event *event)
{
	struct sim_peer *peer = event->peer;

	if (event->kind == EVENT_MACHINE_GONE) {
		sim->machine.gone(peer->conn);
		peer->conn = NULL;
	} else if (peer->cut || peer->conn == NULL) {
		blob_release(event->message);
	} else {
		note_bytes(sim, event->message);
		sim->machine.input(peer->conn, event->message);
	}
}

static void happen_to_peer(struct sim *sim, struct event *event)
{
	struct sim_peer *peer = event->peer;

	if (event->kind == EVENT_PEER_GONE) {
		peer->user.gone(peer->user.ctx);
	} else if (peer->cut) {
		blob_release(event->message);
	} else {
		note_bytes(sim, event->message);
		peer->user.received(peer->user.ctx, event->message);
	}
}

static void happen(struct sim *sim, struct event *event)
{
	sim->now = event->at;
	note(sim, sim->now);
	note(sim, event->kind);
	sim->machine.advance(sim->machine.ctx, sim->now);
	switch (event->kind) {
	case EVENT_TO_MACHINE:
	case EVENT_MACHINE_GONE:
		happen_to_machine(sim, event);
		break;
	case EVENT_TO_PEER:
	case EVENT_PEER_GONE:
		happen_to_peer(sim, event);
		break;
	case EVENT_WORK:
		event->work->run(event->work);
		event->work->done(event->work);
		break;
	}
}

static uint64_t next_time(const struct sim *sim)
{
	uint64_t deadline = sim->machine.deadline(sim->machine.ctx);

	return sim->count > 0 && sim->events[0].at <= deadline
		       ? sim->events[0].at
		       : deadline;
}

bool sim_step(struct sim *sim)
{
	uint64_t at = next_time(sim);
	struct event event;

	if (at == UINT64_MAX) {
		return false;
	}
	if (sim->count > 0 && sim->events[0].at <= at) {
		event = pop(sim);
		happen(sim, &event);
		return true;
	}
	if (at > sim->now) {
		sim->now = at;
	}
	note(sim, sim->now);
	sim->machine.advance(sim->machine.ctx, sim->now);
	return true;
}

void sim_run(struct sim *sim, uint64_t until)
{
	while (next_time(sim) <= until && sim_step(sim)) {
	}
	if (sim->now < until) {
		sim->now = until;
		sim->machine.advance(sim->machine.ctx, until);
	}
}

static void post(void *ctx, struct work *work)
{
	struct sim *sim = ctx;

	push(sim, (struct event){
			  .at = sim->now + between(sim, sim->config.work_min,
						   sim->config.work_max),
			  .kind = EVENT_WORK,
			  .work = work});
}

static void host_random(void *ctx, void *ret_bytes, size_t n)
{
	uint8_t *p = ret_bytes;

	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)next_random(ctx);
	}
}

static void host_log(
	void *ctx, enum log_level level, const char *event, const char *detail)
{
	struct sim *sim = ctx;

	note(sim, level);
	for (; *event != '\0'; event++) {
		note(sim, (uint8_t)*event);
	}
	for (; *detail != '\0'; detail++) {
		note(sim, (uint8_t)*detail);
	}
}

struct sim *sim_create(const struct sim_config *config)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (sim == NULL) {
		return NULL;
	}
	sim->config = *config;
	sim->now = config->start;
	sim->random = config->seed;
	sim->digest = 0xcbf29ce484222325ull;
	sim->host = (struct host_port){sim, host_random, host_log};
	sim->work = (struct work_port){sim, post};
	return sim;
}

void sim_set_machine(struct sim *sim, const struct sim_machine *machine)
{
	sim->machine = *machine;
}

/* Work that was posted has to be done before its owner can end. */
void sim_destroy(struct sim *sim)
{
	struct sim_peer *peer, *next;
	struct event event;

	if (sim == NULL) {
		return;
	}
	for (peer = sim->peers; peer != NULL; peer = peer->next) {
		peer->closed = peer->cut = true;
		if (peer->conn != NULL) {
			sim->machine.gone(peer->conn);
			peer->conn = NULL;
		}
	}
	while (sim->count > 0) {
		event = pop(sim);
		if (event.kind == EVENT_WORK) {
			event.work->run(event.work);
			event.work->done(event.work);
		}
		blob_release(event.message);
	}
	for (peer = sim->peers; peer != NULL; peer = next) {
		next = peer->next;
		free(peer);
	}
	free(sim->events);
	free(sim);
}

const struct host_port *sim_host(struct sim *sim)
{
	return &sim->host;
}

struct work_port *sim_work(struct sim *sim)
{
	return &sim->work;
}

uint64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

uint64_t sim_digest(const struct sim *sim)
{
	return sim->digest;
}
