/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-RECONNECT: reconnects that race each other, and those of
 * somebody who guesses. [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12
 */
#include "durable/durable.h"

#define ROUNDS 6

static const struct kind_row {
	const char *name;
	bool v1;
	uint32_t state;
	enum rule_id rule;
} kind_rows[] = {{"v1_batch", true, 0, RULE_LEASE_RECONNECT_0001},
	{"v2_batch", false, 0, RULE_LEASE_RECONNECT_0002},
	{"v2_RH", false, L_RH, RULE_LEASE_RECONNECT_0002},
	{"v2_RWH", false, L_RWH, RULE_LEASE_RECONNECT_0002}};

/* Both ask before either is answered. The one that has got the open. */
static struct peer *race(struct durable *d, struct peer *const both[2])
{
	struct test *t = both[0]->t;
	const struct reconnect_request q = reconnect_of(d);
	struct request *requests[2];
	struct reply *replies[2];
	unsigned int i, winner;

	for (i = 0; i < 2; i++) {
		requests[i] = reconnect_send(both[i], &q);
	}
	for (i = 0; i < 2; i++) {
		replies[i] = peer_wait(requests[i]);
	}
	winner = replies[0]->status == STATUS_SUCCESS ? 0 : 1;
	check_status(t, replies[1 - winner], STATUS_OBJECT_NAME_NOT_FOUND,
		LEASE_RECONNECT_0006);
	need_ok(t, replies[winner]);
	d->peer = both[winner];
	d->file = file_of(replies[winner]);
	return both[winner];
}

CONF_TABLE(durable, two_at_once, kind_rows,
	"of two reconnects that come at once one gets the open",
	RULES(LEASE_RECONNECT_0001, LEASE_RECONNECT_0002, LEASE_RECONNECT_0006),
	NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1, .state = row->state});

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct peer *second = come_again(a, false);
		struct peer *both[2] = {second, lose(a)};

		if (i % 2 == 1) {
			both[0] = both[1];
			both[1] = second;
		}
		a = race(d, both);
		CONF_STOP(t, rule_status(t, file_write(d->file, 0, "x", 1),
				     STATUS_SUCCESS, row->rule));
	}
	rule_status(t, file_close(d->file), STATUS_SUCCESS, row->rule);
}

/* --- guesses -------------------------------------------------------- */

static const struct {
	const char *name;
	bool v1, stranger; /* another user */
} guess_rows[] = {{"v1_other_user", true, true}, {"v2_other_user", false, true},
	{"v2_same_user", false, false}};

/* Ids next to the right one, and those that differ in one bit. */
static uint64_t guess(uint64_t id, unsigned int i)
{
	if (i < 64) {
		return id ^ (uint64_t)1 << i;
	}
	return i < 96 ? id + (i - 63) : id - (i - 95);
}

CONF_TABLE(durable, guessed, guess_rows,
	"who guesses ids finds nothing and does no harm",
	RULES(LEASE_RECONNECT_0005, LEASE_RECONNECT_0011, LEASE_RECONNECT_0021),
	NEEDS(DURABLE_V2, SECOND_USER))
{
	struct peer *a = client(t);
	struct durable *d =
		need_durable(a, "x", &(struct durable_request){.v1 = row->v1});
	struct peer *again = lose(a);
	struct peer *thief =
		row->stranger ? come_again(a, true) : come_with(a, NULL, false);
	struct reconnect_request q = reconnect_of(d);

	for (unsigned int i = 0; i < 128; i++) {
		q.id.persistent = guess(d->file->id.persistent, i);
		/* It may be the id of an open of another test. */
		CONF_STOP(t,
			check_status_in(t, reconnect(thief, &q),
				LEASE_RECONNECT_0005,
				STATUS_OBJECT_NAME_NOT_FOUND,
				row->stranger ? STATUS_ACCESS_DENIED
					      : STATUS_OBJECT_NAME_NOT_FOUND));
	}
	if (row->stranger) {
		q.id.persistent = d->file->id.persistent;
		check_status(t, reconnect(thief, &q), STATUS_ACCESS_DENIED,
			LEASE_RECONNECT_0011);
	}
	stop_ok(t, take_up(again, d), LEASE_RECONNECT_0021);
	check_ok(t, file_write(d->file, 0, "x", 1), LEASE_RECONNECT_0021);
	file_close(d->file);
}
