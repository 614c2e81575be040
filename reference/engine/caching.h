/* SPDX-License-Identifier: MIT */
/*
 * Oplocks and leases: what the files that grant and break them offer the
 * others. What breaks what is in the tables of spec/model/.
 */
#ifndef SMB3X_ENGINE_CACHING_H
#define SMB3X_ENGINE_CACHING_H

#include "engine/access.h"
#include "engine/core.h"
#include "model.h"

/* What a CREATE request asks for. */
struct lease_wish {
	bool asked; /* a context that counts */
	bool v2;
	struct wire_guid key;
	uint32_t state;
	uint16_t epoch;
	struct parent_key parent;
	uint64_t allocation; /* of the file */
};

/* ---- model_rules.c ---- */

/* Does the rule hold that a row of a table names? */
bool model_rule(const char *id);

/* Of an open that neither sees nor changes what others would cache. */
#define STAT_ACCESS \
	(uint32_t)(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE)

static inline bool open_sees_data(const struct open *open)
{
	return open->granted_access & ~STAT_ACCESS;
}

/* ---- lease.c ---- */

#define LEASE_ALL \
	(SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING | \
		SMB2_LEASE_WRITE_CACHING)

enum model_held lease_row(uint32_t state);
uint32_t lease_bits(enum model_held held);
struct lease *lease_find(struct engine *engine, const struct wire_guid *client,
	const struct wire_guid *key);
/* Does the key name a lease of another file? file NULL: a new one. */
bool lease_misused(struct engine_conn *conn, const struct lease_wish *wish,
	const struct file *file);
/* Is the file to be deleted? FileDeleteOnClose in [MS-SMB2] 3.3.1.12 */
bool lease_doomed(const struct lease *lease);
/* Is the key to be refused because of that? */
bool lease_refused(struct engine_conn *conn, const struct lease_wish *wish,
	const struct file *file);
/* The open takes part in the lease, which may come into being or be extended;
 * NULL without memory. */
struct lease *lease_join(struct open *open, struct engine_conn *conn,
	const struct lease_wish *wish);
/* The open is about to end. */
void lease_leave(struct open *open);

/* ---- oplock.c ---- */

/* The level that is granted. */
uint8_t oplock_grant(struct open *open, uint8_t wanted);
/* True: whoever did that has to wait. */
bool oplock_break(struct open *holder, enum model_oplock_reason reason);
void oplock_acknowledge(struct request *req, uint8_t level);
void oplock_expire(struct open *open);

/* ---- lease_send.c ---- */

/* Tells the client about the break, on the first of its connections that can
 * be used. False: there is none. */
bool lease_send(const struct lease *lease,
	const struct smb2_lease_break_notification *body);

/* ---- lease_break.c ---- */

/* What is done to a file, and by whom. */
struct cause {
	enum model_lease_reason lease;
	enum model_oplock_reason oplock;
	bool oplocks;            /* does it concern them? */
	bool step;               /* it has waited for a break before */
	const struct open *open; /* through which; NULL: CREATE */
	const struct session *session;
	const struct wire_guid *client;  /* with the key: its lease */
	const struct wire_guid *key;     /* NULL: none */
	const struct share_claim *claim; /* SHARING: with whom it conflicts */
};

/* Breaks what others hold on the file. True: it has to wait. */
bool caching_break(struct file *file, const struct cause *cause);
/* What an operation on an open is for the others. */
struct cause caching_cause(
	const struct open *open, enum model_lease_reason reason);
/* The same for an operation on req->open that waits by itself: again(req)
 * begins anew. True: the request is taken care of. */
bool caching_wait(struct request *req, enum model_lease_reason reason,
	void (*again)(struct request *req));
/* What the open waited for has been done; but others may have opened the file
 * meanwhile, and cached what was there before. Nobody waits. The open may have
 * ended meanwhile as well. */
void caching_changed(const struct open *open, enum model_lease_reason reason);
/* The same for data that was written through the open; those who watch for the
 * filter hear of it too (write.c). */
void open_wrote(
	struct open *open, enum model_lease_reason reason, uint32_t filter);
/* The same for a CREATE that is about to join the lease. */
void caching_overwritten(
	const struct open *open, const struct lease_wish *wish);
/* The open is about to mark its file for deletion, because it ends; the file
 * stays until others close it, so that nobody waits. */
void caching_doomed(const struct open *open);
bool lease_break(
	struct lease *lease, enum model_lease_reason reason, bool step);
/* To nothing, because of what happened in the directory. */
void lease_break_directory(struct lease *lease);
void lease_acknowledge(
	struct request *req, const struct smb2_lease_break_acknowledgment *ack);
/* A break begins to wait; ends. */
void breaking_start(struct engine *engine, struct breaking *breaking);
void breaks_expire(struct engine *engine);
/* The open gives up its oplock and its lease. False (broken): nobody who
 * waits for that is told. */
bool caching_close(struct open *open);

/* ---- rename_break.c ---- */

/* Breaks H of what is open below the directory that by renames, one file at a
 * time: which one is to be waited for; NULL: none. *count is 0 at first: the
 * opens that were there the last time; each break has to make them fewer. */
struct file *caching_break_below(const struct open *by, size_t *count);
/* H of the file that by is to replace. True: it has to wait. */
bool caching_break_replaced(const struct open *by, struct file *target);
/* H of the directory that gets the new name, where that is in the way. */
bool caching_break_entered(const struct open *by, struct file *directory);
/* A new name in a directory counts as an open of it for writing that does not
 * let others delete it: does the open of the directory prevent that?
 * [MS-FSA] 2.1.5.15.11 */
bool rename_kept_out(const struct open *by, const struct open *open);

/* ---- break_wait.c ---- */

/* Parks the request until a break of the file (NULL: any) has ended; then
 * again(req). cancelled(req, status) ends it. */
void break_wait(struct request *req, const struct file *file,
	void (*again)(struct request *req),
	void (*cancelled)(struct request *req, uint32_t status));
/* A break has ended, or an open of the file. Compares only. */
void break_wake(struct engine *engine, uintptr_t file);

/* ---- dirlease.c ---- */

/* Something was done to the entry at path. Breaks go out with
 * dirleases_due(). */
void dirlease_event(struct engine *engine, const struct files_port *port,
	const char *path, enum model_operation operation,
	const struct parent_key *key, const struct open *by);
void dirlease_removed(struct engine *engine, const struct files_port *port,
	const struct file_link *link, const struct open *by);
void dirleases_due(struct engine *engine);
/* The same for the file of an open that is no stream; the open may have ended
 * while that was done. */
void dirlease_done(struct open *open, enum model_operation operation);

#endif
