/* SPDX-License-Identifier: MIT */
/* Byte-range locks. [MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9 */
#include <stdlib.h>

#include "engine/caching.h"
#include "engine/durable.h"
#include "engine/fileops.h"
#include "engine/lock.h"
#include "engine/posix.h"

bool lock_overlaps(uint64_t offset, uint64_t n, uint64_t offset2, uint64_t n2)
{
	/* {0, 0} is nowhere. */
	if ((offset == 0 && n == 0) || (offset2 == 0 && n2 == 0)) {
		return false;
	}
	return offset <= offset2 + n2 - 1 && offset + n - 1 >= offset2;
}

static bool lock_stands_against(const struct lock *lock,
	const struct open *open, uint64_t offset, uint64_t n, bool exclusive)
{
	bool mine = lock->open == open;

	if (!lock_overlaps(offset, n, lock->offset, lock->length) ||
		posix_lock_mixed(lock, open)) {
		return false;
	}
	if (lock->exclusive && mine) {
		return exclusive && RULE(CORE_LOCK_0007);
	}
	if (lock->exclusive) {
		return !exclusive || RULE(CORE_LOCK_0006);
	}
	if (exclusive) {
		return mine || RULE(CORE_LOCK_0006);
	}
	return !RULE(CORE_LOCK_0005) && !mine;
}

static bool lock_conflicts(const struct file *file, const struct open *open,
	uint64_t offset, uint64_t n, bool exclusive)
{
	list_each(lock, &file->locks, struct lock, in_file)
	{
		if (lock_stands_against(lock, open, offset, n, exclusive)) {
			return true;
		}
	}
	return false;
}

uint32_t lock_check_io(
	const struct open *open, uint64_t offset, uint64_t n, bool write)
{
	if (n == 0) {
		return STATUS_SUCCESS;
	}
	list_each(lock, &open->file->locks, struct lock, in_file)
	{
		bool mine = lock->open == open && RULE(CORE_LOCK_0017);

		if (!lock_overlaps(offset, n, lock->offset, lock->length)) {
			continue;
		}
		if (open->posix || (lock->open && lock->open->posix)) {
			if (!posix_lock_lets(lock, open, write)) {
				return STATUS_FILE_LOCK_CONFLICT;
			}
			continue;
		}
		if (lock->exclusive && !mine &&
			(!write || RULE(CORE_WRITE_0013))) {
			return STATUS_FILE_LOCK_CONFLICT;
		}
		if (!lock->exclusive && write && RULE(CORE_WRITE_0014)) {
			return STATUS_FILE_LOCK_CONFLICT;
		}
	}
	return STATUS_SUCCESS;
}

/* The first lock of this open over exactly this range. */
static struct lock *lock_exact(
	const struct open *open, uint64_t offset, uint64_t n)
{
	list_each(lock, &open->file->locks, struct lock, in_file)
	{
		bool mine = lock->open == open || !RULE(CORE_LOCK_0015);

		if (mine && lock->offset == offset && lock->length == n) {
			return lock;
		}
	}
	return NULL;
}

static void lock_destroy(struct lock *lock)
{
	list_remove(&lock->in_file);
	free(lock);
}

/* A LOCK request under way. */
struct lock_work {
	struct smb2_lock_request body;
	struct list_link in_waiters;
	struct request *req;
	struct open *open;
	uint64_t offset, length; /* what is waited for */
	bool exclusive;
	bool unlock;
};

static uint32_t lock_take(
	struct open *open, const struct smb2_lock_element *element)
{
	bool exclusive = element->flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
	struct lock *lock;
	unsigned int count = 0;

	if (open->posix) {
		return posix_lock_take(
			open, element->offset, element->length, exclusive);
	}
	if (lock_conflicts(open->file, open, element->offset, element->length,
		    exclusive)) {
		return STATUS_LOCK_NOT_GRANTED;
	}
	list_each(other, &open->file->locks, struct lock, in_file)
	{
		count += other->open == open;
	}
	lock = count < LIMIT_LOCKS ? calloc(1, sizeof *lock) : NULL;
	if (!lock) {
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	lock->open = open;
	lock->offset = element->offset;
	lock->length = element->length;
	lock->exclusive = exclusive;
	list_add(&open->file->locks, &lock->in_file);
	return STATUS_SUCCESS;
}

static void lock_reply(struct request *req)
{
	struct lock_work *work = req->work;
	struct smb2_lock_response response = {0};

	lock_sequence_done(req->open, work->body.lock_sequence, work->unlock);
	request_reply(req, STATUS_SUCCESS, &smb2_lock_response_type, &response);
}

/* Is everything there that is to be unlocked? */
static bool lock_all_there(struct request *req)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;

	while (wire_list_next(&list, &element, NULL) > 0) {
		if (!lock_exact(req->open, element.offset, element.length)) {
			return false;
		}
	}
	return true;
}

static void lock_unlock_posix(struct request *req)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;
	uint32_t status = STATUS_SUCCESS;

	while (!status && wire_list_next(&list, &element, NULL) > 0) {
		status = element.flags != SMB2_LOCKFLAG_UNLOCK
				 ? STATUS_INVALID_PARAMETER
				 : posix_lock_release(req->open, element.offset,
					   element.length);
	}
	if (RULE(PSX_LOCK_0018)) {
		lock_retry(req->open->file);
	}
	if (status) {
		request_fail(req, status);
		return;
	}
	lock_reply(req);
}

static void lock_unlock(struct request *req)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;
	struct file *file = req->open->file;

	if (!RULE(CORE_LOCK_0014) && !lock_all_there(req)) {
		request_fail(req, STATUS_RANGE_NOT_LOCKED);
		return;
	}
	while (wire_list_next(&list, &element, NULL) > 0) {
		struct lock *lock =
			lock_exact(req->open, element.offset, element.length);
		uint32_t flags = element.flags;
		uint32_t kind = flags & ~SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

		if (kind != SMB2_LOCKFLAG_UNLOCK
				? RULE(CORE_LOCK_0011)
				: RULE(CORE_LOCK_0012) && kind != flags) {
			lock_retry(file);
			request_fail(req, STATUS_INVALID_PARAMETER);
			return;
		}
		if (!lock) {
			lock_retry(file);
			request_fail(req, STATUS_RANGE_NOT_LOCKED);
			return;
		}
		lock_destroy(lock);
	}
	lock_retry(file);
	lock_reply(req);
}

/* Takes back what the first count elements took. */
static void lock_undo(struct request *req, unsigned int count)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;

	while (count-- > 0 && RULE(CORE_LOCK_0013) &&
		wire_list_next(&list, &element, NULL) > 0) {
		struct lock *lock =
			lock_exact(req->open, element.offset, element.length);

		if (lock) {
			lock_destroy(lock);
		}
	}
}

static void lock_cancelled(struct request *req)
{
	struct lock_work *work = req->work;

	list_remove(&work->in_waiters);
	request_fail(req, req->cancel_status);
}

static void lock_wait(
	struct request *req, const struct smb2_lock_element *element)
{
	struct lock_work *work = req->work;

	work->req = req;
	work->open = req->open;
	work->offset = element->offset;
	work->length = element->length;
	work->exclusive = element->flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK;
	/* One that may not wait ends through lock_cancelled(). */
	list_add(&work->open->file->lock_waiters, &work->in_waiters);
	request_park(req, lock_cancelled);
}

/* Several locks of a POSIX open are taken together or not at all. */
static uint32_t lock_foresee(struct request *req)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;
	uint32_t status = STATUS_SUCCESS;

	while (!status && wire_list_next(&list, &element, NULL) > 0) {
		bool exclusive = element.flags & SMB2_LOCKFLAG_EXCLUSIVE_LOCK;

		status = posix_lock_access(req->open, exclusive);
		if (!status && work->body.lock_count > 1 &&
			posix_lock_conflicts(req->open, element.offset,
				element.length, exclusive)) {
			status = STATUS_LOCK_NOT_GRANTED;
		}
	}
	return status;
}

static void lock_lock(struct request *req)
{
	struct lock_work *work = req->work;
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, work->body.locks);
	struct smb2_lock_element element;
	unsigned int count = 0;

	if (caching_wait(req, MODEL_LEASE_REASON_LOCK, lock_lock)) {
		return;
	}
	while (wire_list_next(&list, &element, NULL) > 0) {
		bool now = element.flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
		uint32_t status = lock_take(req->open, &element);

		if (status == STATUS_LOCK_NOT_GRANTED &&
			(!now || !RULE(CORE_LOCK_0004)) &&
			work->body.lock_count == 1) {
			lock_wait(req, &element);
			return;
		}
		if (status) {
			if (!req->open->posix) {
				lock_undo(req, count);
			}
			request_fail(req, status);
			return;
		}
		count++;
	}
	if (req->open->posix) {
		/* An exclusive lock may have become a shared one. */
		lock_retry(req->open->file);
	}
	lock_reply(req);
}

void lock_retry(struct file *file)
{
	struct list granted = {0};
	struct lock_work *work;

	if (!RULE(CORE_LOCK_0008)) {
		return;
	}
	list_each_safe(
		waiter, &file->lock_waiters, struct lock_work, in_waiters)
	{
		struct smb2_lock_element element = {
			.offset = waiter->offset,
			.length = waiter->length,
			.flags = waiter->exclusive
					 ? SMB2_LOCKFLAG_EXCLUSIVE_LOCK
					 : SMB2_LOCKFLAG_SHARED_LOCK,
		};

		if (lock_take(waiter->open, &element) == STATUS_SUCCESS) {
			list_remove(&waiter->in_waiters);
			list_add(&granted, &waiter->in_waiters);
		}
	}
	/* An answer may let other requests run that end the file. */
	while ((work = list_first(&granted, struct lock_work, in_waiters))) {
		list_remove(&work->in_waiters);
		lock_reply(work->req);
	}
}

void lock_close(struct open *open)
{
	struct file *file = open->file;
	bool again = true;

	if (!file) {
		return;
	}
	while (again) {
		again = false;
		list_each(
			work, &file->lock_waiters, struct lock_work, in_waiters)
		{
			if (work->open == open) {
				list_remove(&work->in_waiters);
				request_fail(
					work->req, STATUS_RANGE_NOT_LOCKED);
				again = true;
				break;
			}
		}
	}
	if (open->posix) {
		posix_lock_close(open);
	}
	list_each_safe(lock, &file->locks, struct lock, in_file)
	{
		if (lock->open == open && RULE(CORE_LOCK_0016)) {
			lock_destroy(lock);
		} else if (lock->open == open) {
			/* Broken: it stays until the file is closed. */
			lock->open = NULL;
		}
	}
	if (file->opens.count <= 1) {
		list_each_safe(lock, &file->locks, struct lock, in_file)
		{
			lock_destroy(lock);
		}
	}
	lock_retry(file);
}

static uint32_t lock_check_element(
	const struct smb2_lock_element *element, bool unlock, bool several)
{
	uint32_t flags = element->flags;
	uint32_t kind = flags & ~SMB2_LOCKFLAG_FAIL_IMMEDIATELY;

	if (RULE(CORE_LOCK_0003) && element->length != 0 &&
		element->offset + element->length - 1 < element->offset) {
		return STATUS_INVALID_LOCK_RANGE;
	}
	if (unlock) {
		return STATUS_SUCCESS;
	}
	if (RULE(CORE_LOCK_0010) && (flags & SMB2_LOCKFLAG_UNLOCK)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_LOCK_0012) && !(flags & SMB2_LOCKFLAG_UNLOCK) &&
		kind != SMB2_LOCKFLAG_SHARED_LOCK &&
		kind != SMB2_LOCKFLAG_EXCLUSIVE_LOCK) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_LOCK_0009) && several &&
		!(flags & SMB2_LOCKFLAG_UNLOCK) &&
		!(flags & SMB2_LOCKFLAG_FAIL_IMMEDIATELY)) {
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

/* Everything that is wrong with the elements themselves. */
static uint32_t lock_check(
	const struct smb2_lock_request *body, bool *ret_unlock)
{
	struct wire_list list =
		wire_list_of(&smb2_lock_element_type, body->locks);
	struct smb2_lock_element element;
	uint32_t status = STATUS_SUCCESS;
	bool first = true;

	while (!status && wire_list_next(&list, &element, NULL) > 0) {
		if (first) {
			*ret_unlock = element.flags & SMB2_LOCKFLAG_UNLOCK;
			first = false;
		}
		status = lock_check_element(
			&element, *ret_unlock, body->lock_count > 1);
	}
	return status;
}

static uint32_t lock_allowed(struct request *req, bool unlock)
{
	if (req->open->posix) {
		return unlock ? STATUS_SUCCESS : lock_foresee(req);
	}
	return req->open->granted_access & (FILE_READ_DATA | FILE_WRITE_DATA)
		       ? STATUS_SUCCESS
		       : STATUS_ACCESS_DENIED;
}

void cmd_lock(struct request *req)
{
	struct lock_work *work = request_alloc(req, sizeof *work);
	bool unlock = false;
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	req->work = work;
	if (!request_decode(req, &smb2_lock_request_type, &work->body)) {
		return;
	}
	if (work->body.lock_count == 0 && RULE(CORE_LOCK_0001)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	if (!request_open(req, work->body.file_id)) {
		return;
	}
	if (req->open->file->directory) {
		request_fail(req, RULE(CORE_LOCK_0002)
					  ? STATUS_INVALID_PARAMETER
					  : STATUS_INVALID_DEVICE_REQUEST);
		return;
	}
	status = lock_check(&work->body, &unlock);
	if (status) {
		request_fail(req, status);
		return;
	}
	work->unlock = unlock;
	if (lock_sequence_repeated(req, work->body.lock_sequence, unlock)) {
		lock_reply(req);
		return;
	}
	status = lock_allowed(req, unlock);
	if (status) {
		request_fail(req, status);
		return;
	}
	if (unlock && req->open->posix) {
		lock_unlock_posix(req);
	} else if (unlock) {
		lock_unlock(req);
	} else {
		lock_lock(req);
	}
}
