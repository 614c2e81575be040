/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of durable opens, on top of lease/lease.h.
 * spec/leases/durable.adoc, reconnect.adoc
 *
 *	struct durable *d = need_durable(a, "x", &(struct durable_request){0});
 *	struct peer *again = lose(a);
 *	struct reply *r = take_up(again, d);
 */
#ifndef SMB3X_DURABLE_H
#define SMB3X_DURABLE_H

#include "lease/lease.h"

/* For NEEDS(). */
#define DURABLE CREATE_CONTEXT("DHnQ")
#define DURABLE_V2 CREATE_CONTEXT("DH2Q")

#define CONTEXTS_MAX 4

/* What asks for a durable open. */
struct durable_request {
	bool v1;               /* SMB2_CREATE_DURABLE_HANDLE_REQUEST */
	uint32_t timeout;      /* version 2 */
	uint32_t flags;        /* version 2 */
	struct wire_guid guid; /* CreateGuid [a new one] */
	uint32_t state;        /* of a lease; 0 = .oplock */
	struct wire_guid key;  /* LeaseKey [a new one] */
	uint8_t oplock;        /* [batch] */
	struct create_context more[CONTEXTS_MAX]; /* beside it */
	struct create_options create;
};

/* A durable open. */
struct durable {
	struct peer *peer;
	const char *path;
	bool v1;
	struct wire_guid guid, key;
	uint32_t state; /* 0: no lease */
	uint32_t timeout;
	struct file *file;
};

/* What takes it up again. */
struct reconnect_request {
	const char *path;
	bool v1;
	struct smb2_fileid id;
	struct wire_guid guid;
	uint32_t flags; /* version 2 */
	bool lease;
	struct wire_guid key;
	uint32_t state;
	struct create_context more[CONTEXTS_MAX]; /* beside it */
	struct create_options create;
};

/* The four contexts. */
struct create_context durable_v1(struct test *t);
struct create_context durable_v2(struct test *t, uint32_t timeout,
	uint32_t flags, struct wire_guid guid);
struct create_context reconnect_v1(struct test *t, struct smb2_fileid id);
struct create_context reconnect_v2(struct test *t, struct smb2_fileid id,
	struct wire_guid guid, uint32_t flags);

/* CREATE that asks for a durable open; new keys are written to the request. */
struct reply *durable_open(
	struct peer *peer, const char *path, struct durable_request *request);
struct request *durable_open_send(
	struct peer *peer, const char *path, struct durable_request *request);
/* Whether the response says that the open is durable (in either version). */
bool durable_answered(const struct reply *create);
/* A durable open; a server that makes none of it: the test is skipped. */
struct durable *need_durable(struct peer *peer, const char *path,
	const struct durable_request *request);

#define RESILIENT_MS 10000
/* FSCTL_LMR_REQUEST_RESILIENCY with n of its 8 bytes. */
struct reply *ask_resilience(struct file *file, uint32_t timeout, size_t n);
/* A resilient open; a server without them: the test is skipped. */
struct reply *need_resilient(struct file *file);

/* The connection is lost; the client comes again with the same ClientGuid and
 * ends the session that it had, so that the server knows of the loss. */
struct peer *lose(struct peer *peer);
/* The client comes again, as that user, with that ClientGuid. */
struct peer *come_again(struct peer *peer, bool second_user);
/* Another client that ends the session of peer, which was disconnected. */
struct peer *come_with(
	struct peer *peer, const struct client_options *options, bool previous);

/* The right request for an open, to be changed. */
struct reconnect_request reconnect_of(const struct durable *d);
struct reply *reconnect(
	struct peer *peer, const struct reconnect_request *request);
struct request *reconnect_send(
	struct peer *peer, const struct reconnect_request *request);
/* The right request: its reply. On success the open belongs to peer. */
struct reply *take_up(struct peer *peer, struct durable *d);

/* WRITE with SMB2_FLAGS_REPLAY_OPERATION, CREATE with it, ...: any request. */
struct reply *replayed(
	struct peer *peer, const struct wire_type *type, const void *body);
/* CREATE of the same open with SMB2_FLAGS_REPLAY_OPERATION. */
struct reply *durable_replay(
	struct peer *peer, const char *path, struct durable_request *request);

#endif
