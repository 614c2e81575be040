/* SPDX-License-Identifier: MIT */
/* LOCK. Rules CORE-LOCK, [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.8. */
#include "suite/file.h"

#define SHARED (SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)
#define EXCLUSIVE \
	(SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)
#define UNLOCK SMB2_LOCKFLAG_UNLOCK

struct range {
	uint64_t offset, length;
	uint32_t flags;
};

static struct smb2_lock_request lock_request(
	struct file *f, const struct range *ranges, unsigned int count)
{
	struct test *t = f->peer->t;
	uint8_t *bytes = test_alloc(t, count * 24 + 1);
	struct wire_buf out = {.p = bytes, .cap = count * 24 + 1};
	for (unsigned int i = 0; i < count; i++) {
		const struct smb2_lock_element e = {.offset = ranges[i].offset,
			.length = ranges[i].length,
			.flags = ranges[i].flags};
		need(t, smb2_lock_element_encode(&e, &out) == 0,
			"a lock element");
	}
	return (struct smb2_lock_request){.lock_count = (uint16_t)count,
		.file_id = f->id,
		.locks = wire_view_of(bytes, out.n)};
}

static struct reply *lock_all(
	struct file *f, const struct range *ranges, unsigned int count)
{
	struct smb2_lock_request lock = lock_request(f, ranges, count);
	return peer_call(f->peer, &smb2_lock_request_type, &lock);
}

/* Two opens of one file by one client. */
struct pair {
	struct file *f, *g;
};

static struct pair two_opens(struct test *t)
{
	struct peer *a = client(t);
	struct pair p = {.f = need_file(a, "x", NULL)};
	p.g = need_file(a, "x", NULL);
	need_ok(t, file_write(p.f, 0, "0123456789", 10));
	return p;
}

CONF_TEST(
	core, lock_of_nothing, "LockCount 0 is refused", RULES(CORE_LOCK_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct range range = {0, 1, EXCLUSIVE};
	struct smb2_lock_request lock = lock_request(f, &range, 1);
	struct pdu *pdu = pdu_build(a, &smb2_lock_request_type, &lock);
	mutate(pdu, SMB2_LOCK_REQUEST_F_LOCK_COUNT, set_to(0));
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_LOCK_0001);
}

CONF_TEST(core, lock_of_a_directory, "a directory cannot be locked",
	RULES(CORE_LOCK_0002))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	check_status(t, file_lock(d, 0, 1, EXCLUSIVE), STATUS_INVALID_PARAMETER,
		CORE_LOCK_0002);
}

static const struct {
	const char *name;
	uint64_t offset, length;
} wrap_rows[] = {{"by_one", UINT64_MAX, 2}, {"far", 1ull << 63, UINT64_MAX}};

CONF_TABLE(core, lock_range_that_wraps, wrap_rows,
	"a range beyond the last offset is refused", RULES(CORE_LOCK_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, file_lock(f, row->offset, row->length, EXCLUSIVE),
		STATUS_INVALID_LOCK_RANGE, CORE_LOCK_0003);
}

CONF_TEST(core, lock_conflict, "a lock in the way refuses an exclusive one",
	RULES(CORE_LOCK_0004, CORE_LOCK_0006))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 2, 4, EXCLUSIVE));
	struct reply *r = file_lock(p.g, 5, 2, EXCLUSIVE);
	check_status(t, r, STATUS_LOCK_NOT_GRANTED, CORE_LOCK_0004);
	check_refused(t, r, CORE_LOCK_0006);
	check_ok(t, file_lock(p.g, 6, 2, EXCLUSIVE), CORE_LOCK_0006);
}

CONF_TEST(core, exclusive_against_shared,
	"a shared lock of another open refuses an exclusive one",
	RULES(CORE_LOCK_0006))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 10, SHARED));
	check_refused(t, file_lock(p.g, 9, 1, EXCLUSIVE), CORE_LOCK_0006);
}

CONF_TEST(core, shared_locks_share, "shared locks do not conflict",
	RULES(CORE_LOCK_0005))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 10, SHARED));
	check_ok(t, file_lock(p.g, 5, 10, SHARED), CORE_LOCK_0005);
}

CONF_TEST(core, exclusive_twice_by_one_open,
	"an open cannot lock a range exclusively twice", RULES(CORE_LOCK_0007))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE));
	check_refused(t, file_lock(p.f, 5, 1, EXCLUSIVE), CORE_LOCK_0007);
}

CONF_TEST(core, waiting_lock_is_granted,
	"a waiting lock is granted when the range becomes free",
	RULES(CORE_LOCK_0008))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE));
	struct request *waits =
		file_lock_send(p.g, 0, 10, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
	need_status(t, peer_interim(waits), STATUS_PENDING);
	need_ok(t, file_lock(p.f, 0, 10, UNLOCK));
	check_ok(t, peer_wait(waits), CORE_LOCK_0008);
}

CONF_TEST(core, several_waiting_locks,
	"a request of several locks must not wait", RULES(CORE_LOCK_0009))
{
	struct pair p = two_opens(t);
	const struct range ranges[] = {{0, 1, SMB2_LOCKFLAG_EXCLUSIVE_LOCK},
		{2, 1, SMB2_LOCKFLAG_EXCLUSIVE_LOCK}};
	check_status(t, lock_all(p.f, ranges, 2), STATUS_INVALID_PARAMETER,
		CORE_LOCK_0009);
}

CONF_TEST(core, unlock_among_locks, "a series of locks cannot unlock",
	RULES(CORE_LOCK_0010))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 4, 1, EXCLUSIVE));
	const struct range ranges[] = {{0, 1, EXCLUSIVE}, {4, 1, UNLOCK}};
	check_status(t, lock_all(p.f, ranges, 2), STATUS_INVALID_PARAMETER,
		CORE_LOCK_0010);
}

CONF_TEST(core, lock_among_unlocks, "a series of unlocks cannot lock",
	RULES(CORE_LOCK_0011))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 4, 1, EXCLUSIVE));
	const struct range ranges[] = {{4, 1, UNLOCK}, {0, 1, EXCLUSIVE}};
	check_status(t, lock_all(p.f, ranges, 2), STATUS_INVALID_PARAMETER,
		CORE_LOCK_0011);
}

static const struct {
	const char *name;
	uint32_t flags;
} flag_rows[] = {{"none", 0}, {"shared_and_exclusive", 3}, {"undefined", 0x20},
	{"unlock_and_exclusive", 6}};

CONF_TABLE(core, lock_flags, flag_rows,
	"an undefined combination of flags is refused", RULES(CORE_LOCK_0012))
{
	struct pair p = two_opens(t);
	check_status(t, file_lock(p.f, 0, 1, row->flags),
		STATUS_INVALID_PARAMETER, CORE_LOCK_0012);
}

CONF_TEST(core, failed_series_locks_nothing,
	"a series of locks that fails leaves none behind",
	RULES(CORE_LOCK_0013))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 8, 1, EXCLUSIVE));
	const struct range ranges[] = {{0, 1, EXCLUSIVE}, {8, 1, EXCLUSIVE}};
	need_status(t, lock_all(p.g, ranges, 2), STATUS_LOCK_NOT_GRANTED);
	check_ok(t, file_lock(p.f, 0, 1, EXCLUSIVE), CORE_LOCK_0013);
}

CONF_TEST(core, failed_series_stays_unlocked,
	"a series of unlocks that fails does not lock anew",
	RULES(CORE_LOCK_0014))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 1, EXCLUSIVE));
	const struct range ranges[] = {{0, 1, UNLOCK}, {4, 1, UNLOCK}};
	need_status(t, lock_all(p.f, ranges, 2), STATUS_RANGE_NOT_LOCKED);
	check_ok(t, file_lock(p.g, 0, 1, EXCLUSIVE), CORE_LOCK_0014);
}

static const struct {
	const char *name;
	uint64_t offset, length;
	bool by_other;
} unlock_rows[] = {{"part", 2, 2, false}, {"more", 0, 8, false},
	{"elsewhere", 20, 1, false}, {"by_another_open", 2, 4, true}};

CONF_TABLE(core, unlock_of_what_is_not_locked, unlock_rows,
	"only exactly what the open itself locked can be unlocked",
	RULES(CORE_LOCK_0015))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 2, 4, EXCLUSIVE));
	check_status(t,
		file_lock(row->by_other ? p.g : p.f, row->offset, row->length,
			UNLOCK),
		STATUS_RANGE_NOT_LOCKED, CORE_LOCK_0015);
}

CONF_TEST(core, close_releases_locks, "CLOSE releases the locks of the open",
	RULES(CORE_LOCK_0016))
{
	struct pair p = two_opens(t);
	/* Who does it a moment after the response is caught in time. */
	for (unsigned round = 0; round < 20; round++) {
		struct file *f = need_file(p.f->peer, "x", NULL);
		need_ok(t, file_lock(f, 0, 10, EXCLUSIVE));
		need_status(t, file_lock(p.g, 0, 10, EXCLUSIVE),
			STATUS_LOCK_NOT_GRANTED);
		need_ok(t, file_close(f));
		stop_ok(t, file_lock(p.g, 0, 10, EXCLUSIVE), CORE_LOCK_0016);
		need_ok(t, file_lock(p.g, 0, 10, UNLOCK));
	}
}

CONF_TEST(core, owner_of_a_lock_works_on,
	"the open that holds an exclusive lock reads and writes the range",
	RULES(CORE_LOCK_0017))
{
	struct pair p = two_opens(t);
	need_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE));
	check_ok(t, file_write(p.f, 2, "ab", 2), CORE_LOCK_0017);
	check_ok(t, file_read(p.f, 0, 10), CORE_LOCK_0017);
}

CONF_TEST(core, repeated_lock_sequence,
	"a LOCK with the same LockSequence is not processed twice",
	RULES(CORE_LOCK_0018),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_300),
		CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct pair p = two_opens(t);
	const struct range range = {0, 1, EXCLUSIVE};
	struct smb2_lock_request lock = lock_request(p.f, &range, 1);
	lock.lock_sequence = 1 << 4 | 5;
	need_ok(t, peer_call(p.f->peer, &smb2_lock_request_type, &lock));
	check_ok(t, peer_call(p.f->peer, &smb2_lock_request_type, &lock),
		CORE_LOCK_0018);
}
