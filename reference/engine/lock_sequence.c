/* SPDX-License-Identifier: MIT */
/* LOCK requests whose answer got lost. [MS-SMB2] 3.3.5.14 */
#include "engine/durable.h"

#define ENTRIES 64

/* Is anything remembered for such an open? */
static bool lock_sequence_counts(const struct request *req)
{
	const struct durability *durable = &req->open->durable;

	if (req->conn->dialect == SMB2_DIALECT_202) {
		return false;
	}
	return durable->granted || durable->resilient ||
	       (conn_is_3x(req->conn) &&
		       (req->conn->server_capabilities &
			       SMB2_GLOBAL_CAP_MULTI_CHANNEL));
}

static bool lock_sequence_checks(uint32_t index)
{
	return index >= 1 && index <= ENTRIES;
}

static struct lock_entry *lock_sequence_at(struct open *open, uint32_t index)
{
	unsigned int at = RULE(LEASE_LOCKSEQ_0005) ? index - 1 : 0;

	return &open->lock_sequence[at % ENTRIES];
}

static enum model_entry lock_sequence_judge(
	const struct lock_entry *entry, uint32_t sequence, bool unlock)
{
	if (!entry->next ||
		(entry->unlock != unlock && !RULE(LEASE_LOCKSEQ_0006))) {
		return MODEL_ENTRY_EMPTY;
	}
	return entry->next == (sequence & 15) + 1 ? MODEL_ENTRY_SAME_NUMBER
						  : MODEL_ENTRY_OTHER_NUMBER;
}

bool lock_sequence_repeated(
	const struct request *req, uint32_t sequence, bool unlock)
{
	uint32_t index = sequence >> 4;
	bool checks = lock_sequence_checks(index);
	struct lock_entry *entry = lock_sequence_at(req->open, index);
	const struct model_lock_sequence *row = model_lock_sequence(
		checks, lock_sequence_judge(entry, sequence, unlock));

	if (!lock_sequence_counts(req) || !RULE(CORE_LOCK_0018)) {
		return false;
	}
	if (row->processed != model_rule(row->rule) &&
		(row->entry != MODEL_ENTRY_EMPTY || checks == false)) {
		return true;
	}
	if (checks) {
		*entry = (struct lock_entry){0};
	}
	if (!RULE(LEASE_LOCKSEQ_0004)) {
		lock_sequence_done(req->open, sequence, unlock);
	}
	return false;
}

void lock_sequence_done(struct open *open, uint32_t sequence, bool unlock)
{
	uint32_t index = sequence >> 4;

	if (lock_sequence_checks(index)) {
		*lock_sequence_at(open, index) = (struct lock_entry){
			.next = (uint8_t)((sequence & 15) + 1),
			.unlock = unlock};
	}
}
