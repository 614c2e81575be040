/* SPDX-License-Identifier: MIT */
/*
 * What the messages at the server's end of all connections promise to whom,
 * and whether the promises fit together. It knows the engine by its messages
 * only. The invariants:
 *
 *   two writers     Nobody is granted caching beside a promise that does not
 *                   stand it: write caching is alone on a file. A promise
 *                   lasts until the acknowledgment of its break is answered,
 *                   its last open is closed, its time is over; what a break
 *                   takes without an acknowledgment ends as the break leaves.
 *   lost break      An operation is not answered with success beside a promise
 *                   that it breaks, when that was given before the operation
 *                   came: write caching beside any use of the data, handle
 *                   caching beside a rename or a mark for deletion, read
 *                   caching beside a change of the data unless its holder has
 *                   been told. A break that is under way is told enough: what
 *                   comes meanwhile and need not wait ([MS-FSA] 2.1.4.12,
 *                   BreakingToRead) is owed to the holder, and told as soon as
 *                   the acknowledgment is answered. Breaks go to the holder,
 *                   one at a time, and nothing is taken from a lease without
 *                   one.
 *   wrong owner     An open is taken up again by its user, with its lease key
 *                   from its client, with its CreateGuid, once for each loss,
 *                   in time, not after something that had to close it came
 *                   between; its locks stayed with it.
 *   epoch           That of a lease of version 2 grows by one when its state
 *                   does, and for a break that begins; a later step of a break
 *                   may leave it, nothing else changes it.
 *
 * An open without a session may be closed by the server at any time, and the
 * judge is not told: what would close it is remembered, and must not be
 * followed by a success to take it up; a resilient open stays, without what
 * would have been broken. Responses that the server drops because
 * their connection is gone are not seen: the key of a lost CREATE is blurred,
 * and no longer judged.
 */
#ifndef SMB3X_SERVER_TEST_LEASE_JUDGE_H
#define SMB3X_SERVER_TEST_LEASE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/all.h"

#define JUDGE_OPENS 160
#define JUDGE_LEASES 200
#define JUDGE_SESSIONS 64
#define JUDGE_ASKED 32

struct world;
struct conn;

/* A request that the engine has taken and not answered. */
struct judge_asked {
	bool used;
	uint64_t id, at; /* by contents.clock */
	uint64_t came;   /* by the simulator's */
	uint16_t command;
	struct smb2_fileid file;
	/* CREATE */
	bool lease, v2, durable, again_v1, again_v2;
	uint64_t key, guid;
	uint16_t epoch;
	uint32_t access, disposition, timeout;
	/* SESSION_SETUP */
	uint64_t previous;
	bool binding;
	/* LOCK, WRITE, READ: which region; SET_INFO: its class */
	unsigned int region;
	uint32_t flags;
};

struct judge_lease {
	bool used, v2, blurred;
	uint64_t client, key; /* ClientGuid */
	uint64_t inode;
	uint32_t state;
	uint16_t epoch;
	uint64_t since[3]; /* R, H, W: granted then */
	bool breaking, stepped;
	bool owed; /* a break of R */
	uint64_t owed_since;
	uint32_t to;
	uint64_t deadline;
	unsigned int opens, parked, breaks;
};

struct judge_open {
	bool used, directory;
	struct smb2_fileid id;
	uint64_t session, client, inode, guid;
	unsigned int user;
	uint32_t access;
	struct judge_lease *lease;
	uint8_t level; /* of its oplock */
	bool breaking;
	uint8_t to;
	uint64_t deadline, since;
	unsigned int breaks;
	bool durable, resilient, parked;
	uint32_t dropped; /* parked and resilient: that it lost silently */
	uint32_t timeout; /* milliseconds */
	uint64_t until;
	uint32_t locks; /* of regions, exclusive */
	uint64_t locked_at;
};

struct judge_session {
	uint64_t id;
	unsigned int user;
	unsigned int channels;
};

struct judge {
	struct judge_open opens[JUDGE_OPENS];
	struct judge_lease leases[JUDGE_LEASES];
	struct judge_session sessions[JUDGE_SESSIONS];
	unsigned int session_count;
};

/* Time has passed: breaks that nobody has acknowledged are over. */
void judge_tick(struct world *world);
/* The engine is about to be given, or has given, a message. */
void judge_receives(struct conn *conn, struct wire_view message);
void judge_sends(struct conn *conn, struct wire_view message);
/* The engine is about to learn that the connection is over. */
void judge_gone(struct conn *conn);

/* May what is read from a cache be judged? Not while a break is under way that
 * takes read caching. epoch: of version 2; breaks: that the client has seen. */
bool judge_trusts_lease(const struct world *world, uint64_t client,
	uint64_t key, uint16_t epoch, unsigned int breaks);
bool judge_trusts_oplock(
	const struct world *world, struct smb2_fileid id, unsigned int breaks);

/* A CREATE response with success, as client and judge read it. */
struct judge_made {
	struct smb2_create_response body;
	uint64_t inode, key;
	bool leased, v2;
	uint32_t state; /* of the lease, or what the oplock's level allows */
	uint32_t flags; /* of the lease */
	uint16_t epoch;
	unsigned int durable; /* the version; 0: it is not */
	uint32_t timeout;     /* milliseconds */
};

/* false: it is malformed. */
bool judge_decode(struct wire_view message, struct judge_made *ret);
/* The caching that an oplock of that level stands for, in the words of a
 * lease. */
uint32_t judge_caching(uint8_t level);

#endif
