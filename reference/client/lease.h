/* SPDX-License-Identifier: MIT */
/*
 * Leases of files and directories: one for each path, shared by all its open
 * files on all connections. The server gives them, and takes them away at any
 * time; what depends on one is dropped before that is acknowledged.
 * [MS-SMB2] 3.2.1.5, 3.2.5.7.5, 3.2.5.19
 *
 * All of it is guarded by the lock of the share.
 */
#ifndef SMB3X_CLIENT_LEASE_H
#define SMB3X_CLIENT_LEASE_H

#include "client/share.h"

struct listing;

struct lease {
	struct lease *next;
	struct smb3x *share;
	char *path; /* NULL: the name is another object's by now */
	struct wire_guid key;
	unsigned int uses; /* open files, calls and requests */
	bool granted;      /* has been told of before */
	bool v2;
	bool parted; /* all that held it have lost their connection */
	uint32_t state;
	uint16_t epoch;
	bool ack_due;         /* what was dropped is to be told on this lane, */
	unsigned int lane;    /* once */
	unsigned int closing; /* so many files have been closed */
	/* What is known of the object while R is held. Each break, and each
	 * change made here, counts: what was asked before is old then. */
	uint64_t changes, breaks;
	bool stat_known;
	uint64_t parent_breaks; /* of the directory, when it was asked */
	struct smb3x_stat stat;
	uint64_t stat_when; /* listing_now() */
	struct listing *listing;
};

/* The lease of a path for one use; NULL without memory or random numbers. */
struct lease *lease_use(struct smb3x *share, const char *path);
void lease_leave(struct lease *lease);
/* The use of a file that was counted as closing, and is closed now. */
void lease_leave_closed(struct lease *lease);
struct lease *lease_find(struct smb3x *share, const char *path);
/* That of the directory which a path is in; the root is in none. */
struct lease *lease_find_parent(struct smb3x *share, const char *path);
/* The server means another object by the key: the path gets a new one. */
void lease_lose_path(struct lease *lease);
/* What a CREATE was told. */
void lease_granted(struct lease *lease, const struct client_grant *grant);
bool lease_has(const struct lease *lease, uint32_t state);
/* What was cached is old. */
void lease_purge(struct lease *lease);
/* The connection of one of its files is lost. */
void lease_part(struct lease *lease);

/* Without the lock, by whom has the lane: */
/* A message came that nobody asked for. */
void lease_notified(void *lane, struct wire_view pdu);
/* Closes and acknowledges what is due on this lane. */
void lease_work(void *lane);
/* All has ended; nothing is in use. */
void lease_finish(struct smb3x *share);

#endif
