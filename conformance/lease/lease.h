/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of oplocks, leases, directory leases and durable opens,
 * on top of suite/file.h. spec/leases.adoc, spec/dirlease.adoc
 *
 *	struct peer *a = client(t), *b = client(t);
 *	struct lease *l = need_lease(a, "x", RWH);
 *	struct request *open = open_send(b, "x", NULL);
 *	check_break(t, l, RH, BREAK_ACK, RULE_LEASE_BREAK_0001);
 *	check_ok(t, lease_ack(l, RH), LEASE_ACK_0006);
 *	check_ok(t, peer_wait(open), LEASE_BREAK_0024);
 */
#ifndef SMB3X_LEASE_H
#define SMB3X_LEASE_H

#include "model.h"
#include "suite/file.h"

/* Lease states as the tables name them. */
#define L_NONE 0u
#define L_R SMB2_LEASE_READ_CACHING
#define L_H SMB2_LEASE_HANDLE_CACHING
#define L_W SMB2_LEASE_WRITE_CACHING
#define L_RH (L_R | L_H)
#define L_RW (L_R | L_W)
#define L_RWH (L_R | L_W | L_H)

/* Levels of oplocks. */
#define O_NONE SMB2_OPLOCK_LEVEL_NONE
#define O_II SMB2_OPLOCK_LEVEL_II
#define O_EXCLUSIVE SMB2_OPLOCK_LEVEL_EXCLUSIVE
#define O_BATCH SMB2_OPLOCK_LEVEL_BATCH

/* For NEEDS(). */
#define LEASES CAPABILITY(SMB2_GLOBAL_CAP_LEASING)
#define DIRECTORY_LEASES CAPABILITY(SMB2_GLOBAL_CAP_DIRECTORY_LEASING)
#define MULTICHANNEL CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)

/* A quiet time for what must not come, in milliseconds. */
#define QUIET_MS 300
/* Less than a server waits for an acknowledgment, even one that is told to be
 * quick; on a busy machine an answer may take as long. */
#define AT_ONCE_MS 3000
/* For a break, which nothing is waited for before. */
#define BREAK_MS 5000
/* Longer than servers wait for an acknowledgment (35 seconds). */
#define BREAK_TIMEOUT_MS 50000

struct lease_request {
	struct wire_guid key;
	uint32_t state;
	bool v1;                      /* version 1 of the context */
	bool parent_set;              /* SMB2_LEASE_FLAG_PARENT_... */
	struct wire_guid parent;      /* sent in any case (version 2) */
	uint16_t epoch;               /* version 2 */
	struct create_options create; /* .contexts follow behind */
};

/* What the lease context of a CREATE response says. */
struct lease_answer {
	bool v2;
	struct wire_guid key, parent;
	uint32_t state, flags;
	uint64_t duration;
	uint16_t epoch;
};

/* A lease that was granted, and the open that has it. */
struct lease {
	struct peer *peer;
	struct wire_guid key;
	uint32_t state;
	uint16_t epoch;
	struct file *file;
};

/* A new key (or CreateGuid ...): random, never zero. */
struct wire_guid new_guid(struct test *t);

/* The RqLs context in front of others. */
struct wire_view lease_contexts(struct test *t, const struct lease_request *r);
/* CREATE with a lease request; the reply, whatever it is. Without a
 * disposition FILE_OPEN_IF; a directory: .create.options. */
struct reply *lease_open(struct peer *peer, const char *path,
	const struct lease_request *request);
struct request *lease_open_send(struct peer *peer, const char *path,
	const struct lease_request *request);
/* Whether a response has a lease context that decodes. */
bool lease_answered(const struct reply *create, struct lease_answer *ret);
/* The answer; none: no verdict. */
struct lease_answer lease_answer(const struct reply *create);
/* A lease that must be granted exactly so. A server that grants less: the
 * test is skipped. */
struct lease *need_lease(struct peer *peer, const char *path, uint32_t state);
struct lease *need_lease_with(struct peer *peer, const char *path,
	const struct lease_request *request);
/* The lease of a successful CREATE. */
struct lease *lease_of(struct reply *create);

/* CREATE that is not waited for. Without a disposition FILE_OPEN. */
struct request *open_send(struct peer *peer, const char *path,
	const struct create_options *options);
/* SET_INFO of a class of SMB2_0_INFO_FILE that is not waited for. */
struct request *set_info_send(
	struct file *file, uint8_t info_class, struct wire_view bytes);
/* A new name, or one more, that nothing has yet; not waited for. */
struct request *rename_send(struct file *file, const char *path);
struct request *hard_link_send(struct file *file, const char *path);
/* FILE_OPEN with this access, everything shared; the reply. */
struct reply *open_existing(
	struct peer *peer, const char *path, uint32_t access);

/* --- breaks --------------------------------------------------------------- */

enum break_ack { BREAK_NO_ACK, BREAK_ACK };

/* The next notification of this client must be a break of the lease to that
 * state: key, states, epoch and flags are judged by the rule. Takes the new
 * state over. */
bool check_break(struct test *t, struct lease *lease, uint32_t to,
	enum break_ack ack, enum rule_id rule);
/* The next notification, which must be a lease break; another or none: no
 * verdict. The decoded body is reply->body. */
struct reply *need_break(struct peer *peer);
/* The next notification on either connection; none: no verdict. */
struct reply *need_notification(struct peer *a, struct peer *b);
/* No notification within QUIET_MS. */
bool check_no_break(struct test *t, struct peer *peer, enum rule_id rule);
/* A request has its interim response and no final one yet. */
bool check_waits(struct test *t, struct request *request, enum rule_id rule);
/* Before an answer to a break is sent that another request of peer waits for:
 * a server may tell the holder before it listens for the answer, and notice one
 * that comes too soon only when its time is over. It has got so far when it
 * answers the next request. */
void settle(struct peer *peer);
/* The reply of a request that is not to wait for a break: it comes before
 * AT_ONCE_MS are over, or at least without an interim response. */
struct reply *wait_at_once(struct request *request);

/* LEASE_BREAK_ACKNOWLEDGMENT: its response. */
struct reply *lease_ack(struct lease *lease, uint32_t state);
struct reply *lease_ack_on(
	struct peer *peer, struct wire_guid key, uint32_t state);

/* The connection ends, and the server knows it: it is the one who ends it,
 * because of a message that is none. */
void end_connection(struct peer *peer);

/* --- oplocks -------------------------------------------------------------- */

/* An open with this oplock level; less granted: the test is skipped. */
struct file *need_oplock(struct peer *peer, const char *path, uint8_t level,
	const struct create_options *options);
/* The next notification must be a break of this open to that level. */
bool check_oplock_break(
	struct test *t, struct file *file, uint8_t level, enum rule_id rule);
/* OPLOCK_BREAK_ACKNOWLEDGMENT: its response. */
struct reply *oplock_ack(struct file *file, uint8_t level);

/* --- tables --------------------------------------------------------------- */

/* State of a lease in bits. */
uint32_t held_bits(enum model_held held);
uint32_t wanted_bits(enum model_wanted wanted);
/* An oplock as its level. */
uint8_t oplock_level(enum model_oplock held);
/* The rule that a row of a table names. */
enum rule_id rule_named(struct test *t, const char *id);

#endif
