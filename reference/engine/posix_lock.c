/* SPDX-License-Identifier: MIT */
/*
 * Byte ranges of POSIX opens: each open is an owner, as with the "open file
 * description" locks of Linux. A range has one type per owner, what is locked
 * again changes its type, any part may be unlocked. Among POSIX opens locks
 * only bind those who ask; towards ordinary opens they bind as theirs do.
 * spec/posix/lock.adoc
 */
#include <stdlib.h>

#include "engine/fileops.h"
#include "engine/lock.h"
#include "engine/posix.h"

struct range {
	uint64_t first, last;
};

static struct range range_of(uint64_t offset, uint64_t n)
{
	return (struct range){offset, offset + n - 1};
}

static bool range_meets(struct range a, struct range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static bool lock_is_posix(const struct lock *lock)
{
	return lock->open && lock->open->posix;
}

static bool lock_is_mine(const struct lock *lock, const struct open *open)
{
	if (lock->open == open) {
		return true;
	}
	return !RULE(PSX_LOCK_0001) && lock_is_posix(lock) &&
	       lock->open->session == open->session;
}

/* Is what the lock holds in the way of a lock of this kind by another? */
static bool lock_is_against(
	const struct lock *lock, const struct open *open, bool exclusive)
{
	if (!exclusive && !lock->exclusive) {
		return false;
	}
	return lock_is_posix(lock) == open->posix || RULE(PSX_LOCK_0007);
}

bool posix_lock_conflicts(
	const struct open *open, uint64_t offset, uint64_t n, bool exclusive)
{
	if (n == 0 && RULE(PSX_LOCK_0015)) {
		return false;
	}
	list_each(lock, &open->file->locks, struct lock, in_file)
	{
		if (!lock_overlaps(offset, n, lock->offset, lock->length)) {
			continue;
		}
		if (lock_is_mine(lock, open)
				? !RULE(PSX_LOCK_0008) &&
					  (exclusive || lock->exclusive)
				: lock_is_against(lock, open, exclusive)) {
			return true;
		}
	}
	return false;
}

bool posix_lock_mixed(const struct lock *lock, const struct open *open)
{
	return lock_is_posix(lock) != open->posix && !RULE(PSX_LOCK_0007);
}

static struct lock *lock_new(
	const struct open *open, struct range range, bool exclusive)
{
	struct lock *lock = calloc(1, sizeof *lock);

	if (lock) {
		lock->open = open;
		lock->offset = range.first;
		lock->length = range.last - range.first + 1;
		lock->exclusive = exclusive;
	}
	return lock;
}

/* Takes the range out of a lock; spare is used when two parts remain. */
static void lock_cut(struct lock *lock, struct range cut, struct lock **spare)
{
	struct range whole = range_of(lock->offset, lock->length);

	if (whole.first < cut.first && whole.last > cut.last) {
		struct lock *behind = *spare;

		*spare = NULL;
		behind->open = lock->open;
		behind->exclusive = lock->exclusive;
		behind->offset = cut.last + 1;
		behind->length = whole.last - cut.last;
		list_add(&lock->open->file->locks, &behind->in_file);
		lock->length = cut.first - whole.first;
	} else if (whole.first < cut.first) {
		lock->length = cut.first - whole.first;
	} else if (whole.last > cut.last) {
		lock->offset = cut.last + 1;
		lock->length = whole.last - cut.last;
	} else {
		list_remove(&lock->in_file);
		free(lock);
	}
}

/* At most one lock of an owner lies around a range: one spare is enough. */
static unsigned int lock_carve(
	struct open *open, struct range cut, struct lock **spare)
{
	unsigned int count = 0;

	list_each_safe(lock, &open->file->locks, struct lock, in_file)
	{
		struct range range = range_of(lock->offset, lock->length);

		if (lock->open != open || lock->length == 0 ||
			!range_meets(range, cut)) {
			continue;
		}
		if (count == 0 || RULE(PSX_LOCK_0011)) {
			lock_cut(lock, cut, spare);
		}
		count++;
	}
	return count;
}

static bool lock_too_many(const struct open *open)
{
	unsigned int count = 0;

	list_each(lock, &open->file->locks, struct lock, in_file)
	{
		count += lock->open == open;
	}
	return count + 2 > LIMIT_LOCKS;
}

uint32_t posix_lock_take(
	struct open *open, uint64_t offset, uint64_t n, bool exclusive)
{
	struct range range = range_of(offset, n);
	struct lock *fresh, *spare;

	if (n == 0 && RULE(PSX_LOCK_0015)) {
		return STATUS_SUCCESS;
	}
	if (!RULE(PSX_LOCK_0016) && n > 0 && range.last > UINT32_MAX) {
		return STATUS_LOCK_NOT_GRANTED;
	}
	fresh = lock_new(open, range, exclusive);
	spare = lock_new(open, range, exclusive);
	if (!fresh || !spare || lock_too_many(open)) {
		free(fresh);
		free(spare);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	if (!RULE(PSX_LOCK_0009)) {
		lock_carve(open, range, &spare);
	}
	if (posix_lock_conflicts(open, offset, n, exclusive)) {
		free(fresh);
		free(spare);
		return STATUS_LOCK_NOT_GRANTED;
	}
	if (n > 0) {
		lock_carve(open, range, &spare);
	}
	list_add(&open->file->locks, &fresh->in_file);
	free(spare);
	return STATUS_SUCCESS;
}

/* Broken: a part of a lock is no lock. */
static bool lock_is_whole(const struct open *open, struct range range)
{
	list_each(lock, &open->file->locks, struct lock, in_file)
	{
		struct range held = range_of(lock->offset, lock->length);

		if (lock->open == open && range_meets(held, range) &&
			(held.first < range.first || held.last > range.last)) {
			return false;
		}
	}
	return true;
}

uint32_t posix_lock_release(struct open *open, uint64_t offset, uint64_t n)
{
	struct range range = range_of(offset, n);
	struct lock *spare;
	unsigned int count;

	if (n == 0) {
		return STATUS_SUCCESS;
	}
	if (!RULE(PSX_LOCK_0010) && !lock_is_whole(open, range)) {
		return STATUS_RANGE_NOT_LOCKED;
	}
	spare = lock_new(open, range, false);
	if (!spare || lock_too_many(open)) {
		free(spare);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	count = lock_carve(open, range, &spare);
	free(spare);
	return count == 0 && !RULE(PSX_LOCK_0012) ? STATUS_RANGE_NOT_LOCKED
						  : STATUS_SUCCESS;
}

uint32_t posix_lock_access(const struct open *open, bool exclusive)
{
	uint32_t access = open->granted_access;

	if (exclusive) {
		return RULE(PSX_LOCK_0013) &&
				       !(access & (FILE_WRITE_DATA |
							  FILE_APPEND_DATA))
			       ? STATUS_INVALID_HANDLE
			       : STATUS_SUCCESS;
	}
	return RULE(PSX_LOCK_0014) && !(access & FILE_READ_DATA) &&
			       !posix_is_like(open->tree, POSIX_LIKE_SAMBA)
		       ? STATUS_INVALID_HANDLE
		       : STATUS_SUCCESS;
}

bool posix_lock_lets(
	const struct lock *lock, const struct open *open, bool write)
{
	bool held_by_posix = lock_is_posix(lock);

	if (posix_is_like(open->tree, POSIX_LIKE_KSMBD)) {
		return true;
	}
	if (open->posix && held_by_posix) {
		return RULE(PSX_LOCK_0002) || lock->open == open;
	}
	if (open->posix) {
		return write ? !RULE(PSX_LOCK_0003)
			     : !lock->exclusive || !RULE(PSX_LOCK_0004);
	}
	return write ? !RULE(PSX_LOCK_0005)
		     : !lock->exclusive || !RULE(PSX_LOCK_0006);
}

void posix_lock_close(struct open *open)
{
	if (RULE(PSX_LOCK_0017)) {
		return;
	}
	/* Broken: locks belong to the client, as fcntl() has it. */
	list_each_safe(lock, &open->file->locks, struct lock, in_file)
	{
		if (lock_is_posix(lock) &&
			lock->open->session == open->session) {
			list_remove(&lock->in_file);
			free(lock);
		}
	}
}
