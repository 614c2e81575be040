/* SPDX-License-Identifier: MIT */
/*
 * Opens that outlive their connection, requests that come again, and what
 * both need. A parked open keeps its session, which has ended, and its tree:
 * it is in engine->parked instead of the session's list. [MS-SMB2] 3.3.1.10
 */
#ifndef SMB3X_ENGINE_DURABLE_H
#define SMB3X_ENGINE_DURABLE_H

#include "engine/caching.h"

struct create_work;

/* The contexts of a CREATE request that concern it. */
struct durable_wish {
	bool request, request_v2, reconnect, reconnect_v2; /* there */
	bool app, versioned;
	uint32_t timeout, flags; /* of the request of version 2 */
	struct wire_guid create_guid;
	struct smb2_fileid id; /* of the reconnect */
	struct wire_guid reconnect_guid;
	uint32_t reconnect_flags;
	struct wire_guid app_id;
	uint64_t version_high, version_low;
};

/* ---- durable.c ---- */

/* One of the contexts? *ret_known is set then, and STATUS_SUCCESS or what is
 * wrong with it returned. */
uint32_t durable_context(const struct request *req,
	const struct smb2_create_context *context,
	struct durable_wish *ret_wish, bool *ret_known);
/* Which of them may not be in one request. */
uint32_t durable_check(const struct durable_wish *wish);
/* Does it hold a batch oplock, or a lease with handle caching? */
bool open_handle_cached(const struct open *open, bool *ret_breaking);
/* The open has its oplock or lease: makes it durable, and tells so. */
void durable_grant(struct request *req, struct wire_buf *out, size_t *last);
/* The session ends (tree NULL), or a tree of it: the opens that outlive that
 * leave it. */
void durable_park(struct session *session, const struct tree *tree);
/* Closes what nobody has taken up again. */
void durables_expire(struct engine *engine);
/* Closes all parked opens, or those of one share. */
void durables_close(struct engine *engine, const struct share *share);
/* Closes the parked opens that what is done to the file does not leave. True:
 * the file went with them. *ret_deletes (may be NULL): one of them deletes its
 * name. */
bool durable_give_way(struct engine *engine, struct file *file,
	const struct cause *cause, bool *ret_deletes);
/* The open ends. */
void durable_close(struct open *open);
/* The longest that an open is kept, in milliseconds. */
uint32_t durable_longest(const struct engine *engine);

/* ---- reconnect.c ---- */

/* True: the request takes up an open again, and is taken care of. */
bool reconnect(struct request *req);
/* The parked open belongs to the session and tree of the request from now on;
 * negative errno. */
int reconnect_bind(struct request *req, struct open *open);
/* create_reply() is to answer from req->open, which was there before. */
void create_reuse(struct request *req, uint32_t action);
/* Answers a CREATE request from req->open, as it is now. */
void create_from_open(struct request *req, uint32_t action);

/* ---- replay.c ---- */

/* True: the CREATE request came before, or should have; taken care of. */
bool replay_create(struct request *req);
/* Is the CREATE request under way, and may the client send it again over
 * another channel of its session? Then it goes on without its connection. */
bool replay_expected(const struct request *req);
/* The open was used: its CREATE cannot come again. */
void replay_used(struct open *open);
/* [MS-SMB2] 3.3.5.2.10. False: WRITE, SET_INFO and IOCTL are to fail. */
bool replay_count(struct request *req, struct open *open);

/* ---- resilient.c ---- */

void ioctl_resiliency(struct request *req,
	const struct smb2_ioctl_request *body, struct wire_view input);

/* ---- app_instance.c ---- */

/* Before the open is judged: closes what the instance left behind elsewhere.
 * STATUS_SUCCESS or what is wrong. */
uint32_t app_instance_apply(struct request *req);

/* ---- lock_sequence.c ---- */

/* Was the LOCK request answered before? If not, it counts as failed until
 * lock_sequence_done(). */
bool lock_sequence_repeated(
	const struct request *req, uint32_t sequence, bool unlock);
void lock_sequence_done(struct open *open, uint32_t sequence, bool unlock);

#endif
