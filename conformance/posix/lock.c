/* SPDX-License-Identifier: MIT */
/*
 * Byte-range locks of POSIX opens: advisory among themselves, mandatory
 * towards ordinary opens; owned by the open; split, merged and converted by
 * range. Rules PSX-LOCK, POSIX-FSA 2.1.4.10, [MS-SMB2] 3.3.5.14.
 */
#include "posix/kinds.h"

#define SHARED (SMB2_LOCKFLAG_SHARED_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)
#define EXCLUSIVE \
	(SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)
#define UNLOCK SMB2_LOCKFLAG_UNLOCK
#define LAST INT64_MAX /* the last byte that POSIX can lock */

/* Two opens of one file by two clients. */
struct pair {
	struct file *f, *g;
};

static struct pair two_opens(
	struct test *t, enum open_kind first, enum open_kind second)
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct pair p = {.f = need_kind(a, first, "x", NULL)};

	p.g = need_kind(b, second, "x", NULL);
	need_ok(t, file_write(p.f, 0, "0123456789", 10));
	return p;
}

/* The first has locked the ten bytes that are in the file. */
static struct pair locked(struct test *t, enum open_kind first, uint32_t held,
	enum open_kind second)
{
	struct pair p = two_opens(t, first, second);

	need_ok(t, file_lock(p.f, 0, 10, held));
	return p;
}

static const struct {
	const char *name;
	enum open_kind first, second;
	uint32_t held, asked;
} conflict_rows[] = {
	{"posix_shared_exclusive", P, P, SHARED, EXCLUSIVE},
	{"posix_exclusive_shared", P, P, EXCLUSIVE, SHARED},
	{"posix_exclusive_exclusive", P, P, EXCLUSIVE, EXCLUSIVE},
	{"exclusive_beside_exclusive", P, W, EXCLUSIVE, EXCLUSIVE},
	{"shared_beside_exclusive", P, W, EXCLUSIVE, SHARED},
	{"exclusive_beside_shared", P, W, SHARED, EXCLUSIVE},
	{"posix_exclusive_beside_exclusive", W, P, EXCLUSIVE, EXCLUSIVE},
	{"posix_shared_beside_exclusive", W, P, EXCLUSIVE, SHARED},
	{"posix_exclusive_beside_shared", W, P, SHARED, EXCLUSIVE},
};

CONF_TABLE(posix, conflict, conflict_rows,
	"locks conflict between POSIX opens, and with those of ordinary opens",
	RULES(PSX_LOCK_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, row->first, row->second);
	need_ok(t, file_lock(p.f, 2, 4, row->held));
	check_status(t, file_lock(p.g, 5, 2, row->asked),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0007);
}

static const struct {
	const char *name;
	enum open_kind first, second;
} shared_rows[] = {
	{"posix", P, P}, {"ordinary_first", W, P}, {"posix_first", P, W}};

CONF_TABLE(posix, shared_locks_share, shared_rows,
	"shared locks do not conflict, whatever the opens are",
	RULES(CORE_LOCK_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, row->first, SHARED, row->second);
	check_ok(t, file_lock(p.g, 5, 10, SHARED), CORE_LOCK_0005);
}

CONF_TEST(posix, beside_each_other,
	"locks of two POSIX opens that do not overlap are both granted",
	RULES(PSX_LOCK_0016), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	need_ok(t, file_lock(p.f, 2, 4, EXCLUSIVE));
	check_ok(t, file_lock(p.g, 6, 1, EXCLUSIVE), PSX_LOCK_0016);
	check_ok(t, file_lock(p.g, 1, 1, EXCLUSIVE), PSX_LOCK_0016);
}

enum io { READ, WRITE };

static struct reply *use(struct file *f, enum io io)
{
	return io == READ ? file_read(f, 3, 1) : file_write(f, 3, "z", 1);
}

static const struct {
	const char *name;
	uint32_t held;
	enum io io;
} advisory_rows[] = {
	{"read_exclusive", EXCLUSIVE, READ},
	{"write_exclusive", EXCLUSIVE, WRITE},
	{"write_shared", SHARED, WRITE},
};

CONF_TABLE(posix, advisory, advisory_rows,
	"a lock of a POSIX open hinders no other POSIX open to read and write",
	RULES(PSX_LOCK_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, row->held, P);
	check_ok(t, use(p.g, row->io), PSX_LOCK_0002);
}

static const struct {
	const char *name;
	enum open_kind holder, user;
	uint32_t held;
	enum io io;
	enum rule_id rule;
} mandatory_rows[] = {
	{"posix_exclusive_read", P, W, EXCLUSIVE, READ, RULE_PSX_LOCK_0006},
	{"posix_exclusive_write", P, W, EXCLUSIVE, WRITE, RULE_PSX_LOCK_0005},
	{"posix_shared_write", P, W, SHARED, WRITE, RULE_PSX_LOCK_0005},
	{"exclusive_posix_read", W, P, EXCLUSIVE, READ, RULE_PSX_LOCK_0004},
	{"exclusive_posix_write", W, P, EXCLUSIVE, WRITE, RULE_PSX_LOCK_0003},
	{"shared_posix_write", W, P, SHARED, WRITE, RULE_PSX_LOCK_0003},
};

CONF_TABLE(posix, mandatory, mandatory_rows,
	"between a POSIX open and an ordinary one locks hinder data transfer",
	RULES(PSX_LOCK_0003, PSX_LOCK_0004, PSX_LOCK_0005, PSX_LOCK_0006),
	NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, row->holder, row->held, row->user);
	rule_status(t, use(p.g, row->io), STATUS_FILE_LOCK_CONFLICT, row->rule);
}

CONF_TEST(posix, upgrade,
	"an exclusive lock of the same open takes the place of its shared one",
	RULES(PSX_LOCK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, SHARED, P);
	stop_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE), PSX_LOCK_0008);
	check_status(t, file_lock(p.g, 5, 1, SHARED), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0008);
}

CONF_TEST(posix, downgrade,
	"a shared lock of the same open takes the place of its exclusive one",
	RULES(PSX_LOCK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	stop_ok(t, file_lock(p.f, 0, 10, SHARED), PSX_LOCK_0008);
	check_ok(t, file_lock(p.g, 5, 1, SHARED), PSX_LOCK_0008);
}

CONF_TEST(posix, convert_a_part,
	"a lock of another type on a part converts that part alone",
	RULES(PSX_LOCK_0008), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	stop_ok(t, file_lock(p.f, 4, 2, SHARED), PSX_LOCK_0008);
	check_ok(t, file_lock(p.g, 4, 2, SHARED), PSX_LOCK_0008);
	check_status(t, file_lock(p.g, 3, 1, SHARED), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0008);
	check_status(t, file_lock(p.g, 6, 1, SHARED), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0008);
}

CONF_TEST(posix, upgrade_that_conflicts,
	"an upgrade that another open's shared lock forbids keeps the old lock",
	RULES(PSX_LOCK_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, SHARED, P);
	need_ok(t, file_lock(p.g, 0, 10, SHARED));
	check_status(t, file_lock(p.f, 0, 10, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0009);
	need_ok(t, file_lock(p.g, 0, 10, UNLOCK));
	check_status(t, file_lock(p.g, 0, 1, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0009);
}

CONF_TEST(posix, same_lock_twice,
	"locking a range twice needs one unlock: locks do not stack",
	RULES(PSX_LOCK_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	stop_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE), PSX_LOCK_0011);
	need_ok(t, file_lock(p.f, 0, 10, UNLOCK));
	check_ok(t, file_lock(p.g, 0, 10, EXCLUSIVE), PSX_LOCK_0011);
}

static const struct {
	const char *name;
	uint64_t at, length;        /* what is unlocked of 10 to 19 */
	uint64_t free_at, free_for; /* what another open gets then */
	uint64_t held_at;           /* a byte that it still does not get */
} split_rows[] = {
	{"middle", 14, 2, 14, 2, 13},
	{"middle_right", 14, 2, 14, 2, 16},
	{"begin", 10, 3, 10, 3, 13},
	{"end", 17, 3, 17, 3, 16},
	{"over_the_begin", 5, 8, 5, 8, 13},
	{"over_the_end", 17, 10, 17, 10, 16},
};

CONF_TABLE(posix, split, split_rows,
	"unlocking a part of a locked range unlocks that part alone",
	RULES(PSX_LOCK_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	need_ok(t, file_lock(p.f, 10, 10, EXCLUSIVE));
	stop_ok(t, file_lock(p.f, row->at, row->length, UNLOCK), PSX_LOCK_0010);
	check_ok(t, file_lock(p.g, row->free_at, row->free_for, EXCLUSIVE),
		PSX_LOCK_0010);
	check_status(t, file_lock(p.g, row->held_at, 1, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0010);
}

CONF_TEST(posix, merge,
	"one unlock over several locked ranges unlocks them all",
	RULES(PSX_LOCK_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	need_ok(t, file_lock(p.f, 0, 4, EXCLUSIVE));
	need_ok(t, file_lock(p.f, 4, 4, EXCLUSIVE));
	need_ok(t, file_lock(p.f, 20, 4, SHARED));
	stop_ok(t, file_lock(p.f, 0, 30, UNLOCK), PSX_LOCK_0011);
	check_ok(t, file_lock(p.g, 0, 30, EXCLUSIVE), PSX_LOCK_0011);
}

static const struct {
	const char *name;
	uint64_t at, length;
} never_rows[] = {{"nothing_locked", 0, 10}, {"beyond_the_file", 1000, 1}};

CONF_TABLE(posix, unlock_of_what_is_not_locked, never_rows,
	"a POSIX open unlocks what it has not locked, and nothing happens",
	RULES(PSX_LOCK_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	check_ok(
		t, file_lock(p.f, row->at, row->length, UNLOCK), PSX_LOCK_0012);
}

CONF_TEST(posix, unlock_of_anothers_lock,
	"an unlock touches no lock of another open", RULES(PSX_LOCK_0001),
	NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	file_lock(p.g, 0, 10, UNLOCK);
	check_status(t, file_lock(p.g, 0, 10, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0001);
}

CONF_TEST(posix, two_opens_of_one_client,
	"two POSIX opens of one client are two owners of locks",
	RULES(PSX_LOCK_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	struct file *g = need_posix(a, "x", 0644, NULL);
	need_ok(t, file_lock(f, 0, 10, EXCLUSIVE));
	check_status(t, file_lock(g, 0, 10, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0001);
}

CONF_TEST(posix, close_of_another_open,
	"closing an open releases its own locks, not those of another open",
	RULES(PSX_LOCK_0017), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	struct file *g = need_posix(a, "x", 0644, NULL);
	struct file *h = need_posix(b, "x", 0644, NULL);
	need_ok(t, file_lock(f, 0, 10, EXCLUSIVE));
	need_ok(t, file_lock(g, 20, 10, EXCLUSIVE));
	need_ok(t, file_close(g));
	check_status(t, file_lock(h, 0, 10, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0017);
	check_ok(t, file_lock(h, 20, 10, EXCLUSIVE), PSX_LOCK_0017);
	need_ok(t, file_close(f));
	check_ok(t, file_lock(h, 0, 10, EXCLUSIVE), PSX_LOCK_0017);
}

static const struct {
	const char *name;
	uint32_t access, flags, status;
	enum rule_id rule;
} access_rows[] = {
	{"exclusive_without_write", FILE_READ_DATA, EXCLUSIVE,
		STATUS_INVALID_HANDLE, RULE_PSX_LOCK_0013},
	{"shared_without_write", FILE_READ_DATA, SHARED, STATUS_SUCCESS,
		RULE_PSX_LOCK_0016},
	{"exclusive_without_read", FILE_WRITE_DATA, EXCLUSIVE, STATUS_SUCCESS,
		RULE_PSX_LOCK_0016},
	{"exclusive_to_append", FILE_APPEND_DATA, EXCLUSIVE, STATUS_SUCCESS,
		RULE_PSX_LOCK_0016},
	{"shared_without_read", FILE_WRITE_DATA, SHARED, STATUS_INVALID_HANDLE,
		RULE_PSX_LOCK_0014},
};

CONF_TABLE(posix, access, access_rows,
	"what a POSIX open locks with only one of the rights",
	RULES(PSX_LOCK_0013, PSX_LOCK_0014, PSX_LOCK_0016),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644);
	struct file *f = need_posix_open(a, "x", row->access);
	rule_status(t, file_lock(f, 0, 10, row->flags), row->status, row->rule);
}

CONF_TEST(posix, waiting_lock,
	"a lock that waits is granted when the range becomes free",
	RULES(PSX_LOCK_0010, PSX_LOCK_0018), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	struct request *waits =
		file_lock_send(p.g, 4, 2, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
	stop_status(t, peer_interim(waits), STATUS_PENDING, PSX_LOCK_0018);
	stop_ok(t, file_lock(p.f, 4, 2, UNLOCK), PSX_LOCK_0010);
	check_ok(t, peer_wait(waits), PSX_LOCK_0018);
	check_status(t, file_lock(p.f, 5, 1, SHARED), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0018);
}

CONF_TEST(posix, waiting_lock_after_downgrade,
	"a shared lock that waits is granted when the other becomes shared",
	RULES(PSX_LOCK_0018), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	struct request *waits =
		file_lock_send(p.g, 4, 2, SMB2_LOCKFLAG_SHARED_LOCK);
	need_status(t, peer_interim(waits), STATUS_PENDING);
	need_ok(t, file_lock(p.f, 0, 10, SHARED));
	check_ok(t, peer_wait(waits), PSX_LOCK_0018);
}

CONF_TEST(posix, waiting_lock_cancelled, "a lock that waits can be cancelled",
	RULES(CORE_CANCEL_0001, PSX_LOCK_0018), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = locked(t, P, EXCLUSIVE, P);
	struct request *waits =
		file_lock_send(p.g, 4, 2, SMB2_LOCKFLAG_EXCLUSIVE_LOCK);
	need_status(t, peer_interim(waits), STATUS_PENDING);
	peer_cancel(waits);
	check_status(t, peer_wait(waits), STATUS_CANCELLED, CORE_CANCEL_0001);
	need_ok(t, file_lock(p.f, 0, 10, UNLOCK));
	check_ok(t, file_lock(p.f, 4, 2, EXCLUSIVE), PSX_LOCK_0018);
}

CONF_TEST(posix, zero_length, "a lock of no bytes locks nothing, to no end",
	RULES(PSX_LOCK_0015), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	check_ok(t, file_lock(p.f, 4, 0, EXCLUSIVE), PSX_LOCK_0015);
	check_ok(t, file_lock(p.g, 0, 10, EXCLUSIVE), PSX_LOCK_0015);
}

static const struct {
	const char *name;
	uint64_t at, length, inside, outside;
} huge_rows[] = {
	{"to_the_end", 5, LAST - 4, LAST, 4},
	{"all_but_the_last", 0, LAST, LAST - 1, LAST},
	{"last_bytes", LAST - 9, 10, LAST, LAST - 20},
};

CONF_TABLE(posix, huge_ranges, huge_rows,
	"ranges up to the last offset of POSIX are locked exactly",
	RULES(PSX_LOCK_0007, PSX_LOCK_0016), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	check_ok(t, file_lock(p.f, row->at, row->length, EXCLUSIVE),
		PSX_LOCK_0016);
	check_status(t, file_lock(p.g, row->inside, 1, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0007);
	check_ok(t, file_lock(p.g, row->outside, 1, EXCLUSIVE), PSX_LOCK_0016);
}

CONF_TEST(posix, unlinked_file,
	"opens of an unlinked file lock it among themselves",
	RULES(PSX_LOCK_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct pair p = two_opens(t, P, P);
	struct file *d = need_posix(p.f->peer, "x", 0, NULL);
	need_ok(t, file_delete(d));
	need_ok(t, file_close(d));
	check_ok(t, file_lock(p.f, 0, 10, EXCLUSIVE), PSX_LOCK_0007);
	check_status(t, file_lock(p.g, 0, 10, EXCLUSIVE),
		STATUS_LOCK_NOT_GRANTED, PSX_LOCK_0007);
}

CONF_TEST(posix, names_of_one_file,
	"a lock taken through one name of a file is seen through the other",
	RULES(PSX_LOCK_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, posix_link(f, "y", false));
	struct file *g = need_posix(b, "y", 0, NULL);
	need_ok(t, file_lock(f, 0, 10, EXCLUSIVE));
	check_status(t, file_lock(g, 0, 10, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED,
		PSX_LOCK_0007);
}
