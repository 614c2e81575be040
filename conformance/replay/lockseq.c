/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-LOCKSEQ: LOCK requests that come again. [MS-SMB2] 3.3.5.14
 *
 * That a LOCK request was processed shows: an exclusive lock over one of the
 * same open is refused.
 */
#include "durable/durable.h"

#define EXCLUSIVELY \
	(SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)
#define UNLOCK SMB2_LOCKFLAG_UNLOCK
#define PROCESSED STATUS_LOCK_NOT_GRANTED

static struct reply *lock(struct file *f, uint32_t index, uint32_t number,
	uint64_t offset, uint32_t flags)
{
	const struct smb2_lock_element element = {
		.offset = offset, .length = 10, .flags = flags};
	const struct smb2_lock_request q = {.lock_count = 1,
		.lock_sequence = index << 4 | number,
		.file_id = f->id,
		.locks =
			encoded(f->peer->t, &smb2_lock_element_type, &element)};

	return peer_call(f->peer, &smb2_lock_request_type, &q);
}

/* A durable open, and another of the same file that breaks nothing. */
struct pair {
	struct file *f, *other;
};

static struct pair need_pair(struct test *t)
{
	struct peer *a = client(t);
	struct durable *d =
		need_durable(a, "x", &(struct durable_request){.state = L_RWH});
	struct reply *r = lease_open(
		a, "x", &(struct lease_request){.key = d->key, .state = L_RWH});

	need_ok(t, r);
	return (struct pair){d->file, file_of(r)};
}

static void close_pair(struct pair p)
{
	file_close(p.f);
	file_close(p.other);
}

static const struct index_row {
	const char *name;
	uint32_t index;
} checked_rows[] = {{"1", 1}, {"2", 2}, {"33", 33}, {"63", 63}, {"64", 64}},
  unchecked_rows[] = {{"0", 0}, {"65", 65}, {"66", 66}, {"128", 128},
	  {"0x0fffffff", 0x0fffffff}};

CONF_TABLE(replay, repeated, checked_rows,
	"a LOCK that comes again is answered, not processed",
	RULES(LEASE_LOCKSEQ_0001), NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);

	need_ok(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY));
	check_ok(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY),
		LEASE_LOCKSEQ_0001);
	check_ok(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY),
		LEASE_LOCKSEQ_0001);
	need_ok(t, lock(p.f, row->index, 2, 0, UNLOCK));
	check_ok(t, lock(p.f, row->index, 2, 0, UNLOCK), LEASE_LOCKSEQ_0001);
	close_pair(p);
}

CONF_TABLE(replay, not_counted, unchecked_rows,
	"an index beyond 64, or none: every LOCK is processed",
	RULES(LEASE_LOCKSEQ_0002), NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);

	need_ok(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY));
	check_status(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY), PROCESSED,
		LEASE_LOCKSEQ_0002);
	need_ok(t, lock(p.f, row->index, 2, 0, UNLOCK));
	check_status(t, lock(p.f, row->index, 2, 0, UNLOCK),
		STATUS_RANGE_NOT_LOCKED, LEASE_LOCKSEQ_0002);
	close_pair(p);
}

CONF_TABLE(replay, other_number, checked_rows,
	"a LOCK with another number is processed", RULES(LEASE_LOCKSEQ_0003),
	NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);

	for (uint32_t number = 0; number < 16; number++) {
		check_ok(t,
			lock(p.f, row->index, number, 20 * number, EXCLUSIVELY),
			LEASE_LOCKSEQ_0003);
	}
	for (uint32_t number = 0; number < 16; number++) {
		check_status(t, lock(p.other, 0, 0, 20 * number, EXCLUSIVELY),
			PROCESSED, LEASE_LOCKSEQ_0003);
	}
	close_pair(p);
}

CONF_TABLE(replay, failed, checked_rows,
	"a LOCK that failed is processed when it comes again",
	RULES(LEASE_LOCKSEQ_0004), NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);

	need_ok(t, lock(p.other, 0, 0, 0, EXCLUSIVELY));
	need_status(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY), PROCESSED);
	check_status(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY), PROCESSED,
		LEASE_LOCKSEQ_0004);
	need_ok(t, lock(p.other, 0, 0, 0, UNLOCK));
	check_ok(t, lock(p.f, row->index, 1, 0, EXCLUSIVELY),
		LEASE_LOCKSEQ_0004);
	check_status(t, lock(p.other, 0, 0, 0, EXCLUSIVELY), PROCESSED,
		LEASE_LOCKSEQ_0004);
	close_pair(p);
}

CONF_TEST(replay, each_index, "each index is remembered by itself",
	RULES(LEASE_LOCKSEQ_0005), NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);
	uint32_t i;

	for (i = 1; i <= 64; i++) { /* the same number everywhere */
		CONF_STOP(t, check_ok(t, lock(p.f, i, 5, 20 * i, EXCLUSIVELY),
				     LEASE_LOCKSEQ_0005));
		CONF_STOP(t, check_status(t,
				     lock(p.other, 0, 0, 20 * i, EXCLUSIVELY),
				     PROCESSED, LEASE_LOCKSEQ_0005));
	}
	for (i = 1; i <= 64; i++) { /* all are still known */
		CONF_STOP(t, check_ok(t, lock(p.f, i, 5, 20 * i, EXCLUSIVELY),
				     LEASE_LOCKSEQ_0005));
	}
	close_pair(p);
}

CONF_TABLE(replay, other_operation, checked_rows,
	"an unlock with the numbers of a lock is taken for it",
	RULES(LEASE_LOCKSEQ_0006), NEEDS(DURABLE_V2, LEASES))
{
	struct pair p = need_pair(t);

	need_ok(t, lock(p.f, row->index, 3, 0, EXCLUSIVELY));
	check_ok(t, lock(p.f, row->index, 3, 0, UNLOCK), LEASE_LOCKSEQ_0006);
	check_status(t, lock(p.other, 0, 0, 0, EXCLUSIVELY), PROCESSED,
		LEASE_LOCKSEQ_0006);
	close_pair(p);
}
