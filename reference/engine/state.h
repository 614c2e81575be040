/* SPDX-License-Identifier: MIT */
/*
 * The engine's objects, named as in the abstract data model of [MS-SMB2]
 * 3.3.1, and the words in which command files speak about a request.
 * Only engine/ includes this.
 *
 * A command file has one entry, void cmd_NAME(struct request *req). It reads
 * the body with request_decode() and ends in exactly one of
 *	request_reply(), request_fail(),
 *	request_submit() (its done() goes on and ends in one of these again),
 *	request_park() (an event of the engine, or on_cancel, goes on).
 * After request_reply() and request_fail() req is gone. After request_submit()
 * and request_park() it is not touched until done(), on_cancel() or the event
 * runs; done() may already have run inside request_submit().
 *
 * Replies are dropped quietly when the connection is gone; done() and
 * on_cancel() run all the same and clean up as usual.
 */
#ifndef SMB3X_ENGINE_STATE_H
#define SMB3X_ENGINE_STATE_H

#include <string.h>

#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/list.h"
#include "ports/rule.h"
#include "engine/table.h"
#include "crypto/crypto.h"
#include "wire/all.h"

struct session;
struct tree;
struct open;
struct file;
struct request;
struct closing;
struct credit_window;
struct break_wait;
struct lease;
struct chain;

/* Time is in units of 100 ns (FILETIME). */
#define TICKS_PER_MS 10000ull
#define TICKS_PER_SECOND 10000000ull

/* [MS-SMB2] 3.3.1.5 */
struct engine {
	struct engine_config config; /* shares and interfaces: our copies */
	const struct auth_port *auth;
	const struct host_port *host;
	uint64_t now;
	struct list conns, shares, session_list;
	struct table sessions, opens; /* opens by FileId.Volatile */
	struct list files;            /* struct file, by in_engine */
	struct table files_by_id;     /* engine/file.c */
	struct list watches;          /* engine/notify.c */
	struct list leases;           /* engine/lease.c */
	struct list directory_leases;
	struct list due_leases; /* to be broken at the end of the round */
	struct table leases_by_key;
	struct list breaks;        /* struct breaking, oldest first */
	struct list break_waiters; /* engine/break_wait.c */
	struct list parked;        /* opens, by in_session */
	struct list guids;         /* opens with a CreateGuid */
	struct list waiting;       /* submitted requests, oldest first */
	unsigned int open_count;
	unsigned int background; /* file operations without a request */
	uint64_t id_counter, id_secret, async_counter;
	bool draining;
	uint64_t drain_until, expiry_at;
};

/* [MS-SMB2] 3.3.1.7 */
struct engine_conn {
	struct engine *engine;
	struct list_link in_engine;
	struct link *link;
	bool closing;         /* we ended it: no more input */
	bool gone;            /* the transport said so */
	unsigned int holders; /* chains and the link */
	uint64_t created;
	uint16_t negotiate_dialect; /* 0xffff before NEGOTIATE, 0x02ff after
				       the multi-protocol answer */
	uint16_t dialect;           /* 0 = unknown */
	bool multi_credit, should_sign;
	bool constrained;       /* nobody but anonymous so far */
	bool can_encrypt;       /* both sides, for this dialect */
	bool secure;            /* the transport encrypts (QUIC) */
	bool accepts_transport; /* AcceptTransportSecurity */
	bool posix;             /* the UNIX extensions were negotiated */
	uint32_t client_capabilities, server_capabilities;
	uint16_t client_security_mode, server_security_mode;
	struct wire_guid client_guid;
	uint16_t client_dialects[LIMIT_DIALECTS];
	unsigned int client_dialect_count;
	uint16_t cipher, signing, preauth_hash_id; /* 0 = none */
	uint8_t preauth_hash[64];
	uint32_t max_transact, max_read, max_write;
	struct credit_window *credits; /* engine/credits.c */
	struct list requests;          /* in flight, by in_conn */
	struct list bindings;          /* PreauthSessionTable */
	struct list channels;          /* SessionTable, by in_conn */
	size_t arena_size;             /* of all requests together */
	unsigned int parked;
};

/* A connection that a session is bound to. [MS-SMB2] 3.3.1.14 */
struct channel {
	struct list_link in_session, in_conn;
	struct session *session;
	struct engine_conn *conn;
	struct crypto_keys keys; /* signing: the channel's own */
};

enum session_state { SESSION_IN_PROGRESS, SESSION_VALID, SESSION_EXPIRED };

/* [MS-SMB2] 3.3.1.8 */
struct session {
	struct engine *engine;
	struct table_link by_id;
	struct list_link in_engine;
	uint64_t id;
	enum session_state state;
	unsigned int holders;
	bool ended;                     /* not in the tables any more */
	bool keep_opens;                /* faulty build: they leak */
	bool logoff;                    /* it ends by LOGOFF */
	bool authenticated;             /* was valid once */
	struct auth_exchange *exchange; /* while authentication goes on */
	unsigned int legs;
	struct auth_identity identity;
	uint16_t dialect;
	struct wire_guid client_guid;
	uint8_t preauth_hash[64];
	bool signing_required, encrypt, guest, anonymous;
	bool made_exempt; /* faulty build: set up where the transport did */
	bool has_keys;    /* anonymous and guest may have none */
	struct crypto_keys keys;
	uint64_t nonce; /* counts sealed messages */
	struct list channels, trees, opens;
	struct table trees_by_id;
	uint32_t next_tree_id;
	uint64_t last_used, expires; /* expires: UINT64_MAX = never */
};

/* [MS-SMB2] 3.3.1.9 */
struct tree {
	struct list_link in_session;
	struct table_link by_id;
	uint32_t id;
	struct session *session;
	struct share *share;
	unsigned int holders;
	uint32_t maximal_access;
	bool disconnected;
	bool made_exempt; /* as in struct session */
};

/* [MS-SMB2] 3.3.1.6 */
struct share {
	struct list_link in_engine;
	struct engine_share config;
	bool pipe;    /* IPC$ */
	bool encrypt; /* by its own or the global policy */
	bool removed; /* by a reload */
	unsigned int holders;
};

/* A break of a lease or an oplock that waits for its acknowledgment. */
struct breaking {
	struct list_link in_engine; /* linked: it does */
	uint64_t deadline;
	struct lease *lease; /* one of them */
	struct open *open;
};

/* [MS-SMB2] 3.3.1.12; states are sets of SMB2_LEASE_... */
struct lease {
	struct table_link by_key;
	struct list_link in_engine, in_directories, in_due;
	struct engine *engine;
	struct wire_guid client, key;
	struct file *file;
	struct list opens;    /* by in_lease; at least one */
	uintptr_t granted_on; /* connection, to compare only */
	bool v2;
	uint16_t epoch;
	uint32_t held;
	struct breaking breaking;
	uint32_t to;    /* what is left after the break */
	uint32_t later; /* and what is to be left then */
	bool stepping;  /* the break is a further step of another */
	bool overdue;   /* the last break was never acknowledged */
};

/* What may let an open outlive its connection. engine/durable.h */
struct durability {
	bool granted, resilient;
	bool parked;         /* it has lost its session */
	bool lasting;        /* parked: by a faulty build */
	bool named;          /* create_guid counts */
	bool replayable;     /* IsReplayEligible */
	bool app, versioned; /* AppInstanceId, AppInstanceVersion */
	struct list_link in_guids;
	struct wire_guid client, create_guid, app_id;
	uint64_t version_high, version_low;
	uint32_t timeout; /* milliseconds */
	uint32_t action;  /* CreateAction */
	uint64_t until;   /* parked: it is closed then */
};

/* A LockSequenceIndex of an open. */
struct lock_entry {
	uint8_t next; /* number + 1; 0: not valid */
	bool unlock;  /* for broken rules */
};

/* ParentLeaseKey, if there is one. */
struct parent_key {
	bool set;
	struct wire_guid key;
};

/* A name by which a file was opened: hard links have several, and are deleted
 * one by one. [MS-FSA] 2.1.1.5 */
struct file_link {
	struct list_link in_file;
	char *path;          /* as on disk, changes on rename */
	bool delete_pending; /* it goes when its opens allow that */
	bool gone;           /* deleted or replaced: no name any more */
	bool replaced;
	const struct open *marker; /* who marked it; to compare only */
	struct parent_key marker_parent;
	unsigned int holders; /* opens and closings */
};

/*
 * A file that is open at least once, found by (share port, device, inode,
 * stream): carries what is common to its opens. Owned by the file commands.
 */
struct file {
	struct list_link in_engine;
	struct table_link by_id;
	struct files_port *port;
	uint64_t device, inode;
	char *stream; /* NULL: unnamed data */
	bool directory;
	bool special;           /* a link, pipe, socket or device */
	struct list links;      /* struct file_link */
	unsigned int holders;   /* closings under way */
	struct closing *doomed; /* deletion that waits for streams to close */
	struct list opens;      /* by in_file */
	struct list locks;      /* byte ranges, engine/lock.c */
	struct list lock_waiters;
};

/* What an open had that is being closed, as long as operations on its node may
 * go on: what they change is told to others all the same. */
struct open_past {
	struct file *file;
	struct file_link *link;
	struct parent_key lease; /* the key of its lease */
};

/* [MS-SMB2] 3.3.1.10 */
struct open {
	struct table_link by_id;
	struct list_link in_session, in_file;
	struct smb2_fileid id;
	struct session *session;
	struct tree *tree;
	struct file *file;
	struct file_link *link; /* held */
	struct files_node *node;
	unsigned int holders;
	bool closing; /* request_open() finds it no more */
	uint32_t granted_access, share_access, create_options;
	bool posix;        /* opened by the rules of the UNIX extensions */
	bool posix_append; /* and only for appending */
	bool delete_on_close;
	bool unannounced; /* its file is new, and nobody told */
	bool emptied;     /* its file was overwritten, and nobody told */
	struct open_past past;
	uint32_t close_status; /* of a deletion at the end */
	/* What class 0x64 told when it was opened, what was set since: for
	 * broken rules. */
	uint32_t nlink;
	uint64_t write_time, set_write_time;
	bool written;
	uint8_t oplock_level;
	uint8_t oplock_to;        /* while it is broken */
	uintptr_t oplock_on;      /* connection, to compare only */
	struct breaking breaking; /* of the oplock */
	struct lease *lease;
	struct list_link in_lease;
	struct parent_key parent;
	struct durability durable;
	uint16_t channel_sequence;
	unsigned int outstanding, outstanding_before; /* 3.3.5.2.10 */
	uint64_t position;         /* FilePositionInformation */
	uint64_t change_time;      /* set through this open; 0 = not */
	uint32_t mode;             /* FileModeInformation */
	struct dir_search *search; /* engine/query_directory.c */
	struct watch *watch;       /* engine/notify.c */
	struct lock_entry lock_sequence[64];
	void *extension;
};

typedef void request_cancel(struct request *req);

struct request {
	struct list_link in_conn, in_waiting;
	struct engine *engine;
	struct engine_conn *conn;
	struct session *session; /* held; NULL without one */
	struct channel *channel; /* valid while session has it */
	struct tree *tree;       /* held */
	struct open *open;       /* held; set by request_open(), CREATE */
	struct chain *chain;
	const struct command *command;
	struct wire_view pdu; /* header and body of this element */
	struct smb2_header header;
	uint16_t credit_charge;  /* as charged: at least 1 */
	bool encrypted, signed_; /* and found authentic */
	bool sign;               /* the response, with sign_key */
	struct crypto_key sign_key;
	uint8_t *preauth;  /* hash that takes in the response */
	bool related;      /* takes its ids from the element before */
	bool counted_open; /* in open->outstanding */
	bool last;         /* of its compound */
	uint64_t async_id; /* 0 until an interim response left */
	bool parked, submitted, cancelled;
	uint32_t cancel_status; /* what on_cancel() is to answer */
	request_cancel *on_cancel;
	struct break_wait *wait; /* engine/break_wait.c */
	struct files_op op;      /* one at a time */
	void (*done)(struct files_op *op);
	uint64_t submitted_at;
	void *work;                /* the command's own, from request_alloc */
	struct arena_chunk *arena; /* newest chunk */
	size_t arena_size;
};

/* ---- request.c: what a command file may do with its request ---- */

/* Decodes the body; false = answered with STATUS_INVALID_PARAMETER. */
bool request_decode(
	struct request *req, const struct wire_type *type, void *ret_body);

/* Memory that lives as long as the request; zeroed, aligned to 16. NULL
 * without memory or beyond LIMIT_ARENA. */
void *request_alloc(struct request *req, size_t n);

/* Ends the request with a body of the given type. */
void request_reply(struct request *req, uint32_t status,
	const struct wire_type *type, const void *body);

/* Ends it with an error response (no data). */
void request_fail(struct request *req, uint32_t status);
/* ... with ErrorData as [MS-SMB2] 2.2.2 wraps it for the dialect. */
void request_fail_with(struct request *req, uint32_t status, uint32_t error_id,
	struct wire_view data);

/* Ends it without a response and ends the connection; why is for the log. */
void request_disconnect(struct request *req, const char *why);

/* Hands req->op to the share's files; done(op) goes on (op->ctx is req). An
 * interim response is sent by itself when the driver is slow. Fills in verb,
 * port, who, ctx and done; everything else is the caller's, and stays as it
 * was between two operations (clear it when that matters). */
void request_submit(struct request *req, enum files_verb verb,
	void (*done)(struct files_op *op));

/* Wait with an interim STATUS_PENDING. on_cancel runs on CANCEL, and when the
 * session, tree or connection ends; it must end the request, with
 * req->cancel_status or what the command's section says. It runs at once, from
 * inside, when the request may not wait: beyond LIMIT_ASYNC, or in the midst of
 * a compound (which [MS-SMB2] 3.3.5.2.7 allows to fail):
 * then false is returned, and req is gone. */
bool request_park(struct request *req, request_cancel *on_cancel);

/* The same for a request that waits for the break of a lease: also in the
 * midst of a compound, which then goes on afterwards. */
bool request_park_anywhere(struct request *req, request_cancel *on_cancel);
/* It waits no longer; what it does next is up to the caller. */
void request_unpark(struct request *req);

/* Finds the open that a FileId names (related compounds: the one of the
 * element before), checks session, tree and channel sequence, sets and
 * returns req->open; NULL = already failed. */
struct open *request_open(struct request *req, struct smb2_fileid id);

/* Checks that a payload of n bytes was paid for (CreditCharge, 3.3.5.2.5);
 * false = already failed with STATUS_INVALID_PARAMETER. n is the larger one
 * of what the request carries and what it asks for. */
bool request_charge(struct request *req, uint64_t n);

/* errno of a files_op (negative) to what the peer is told. */
uint32_t status_of_errno(int error);

/* Severity "error": success, information and warnings are false. */
static inline bool status_is_error(uint32_t status)
{
	return status >> 30 == 3;
}

static inline bool guid_equal(
	const struct wire_guid *a, const struct wire_guid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* One line to the log about this request. */
void request_log(struct request *req, enum log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- open.c ---- */

/* A new open in the tables, one holder (the tables); NULL = a limit or no
 * memory (STATUS_INSUFFICIENT_RESOURCES). session and tree are held. The
 * caller sets file, node and access. CREATE also does
 * req->open = open_hold(open) before request_reply(): elements of a related
 * compound find it there. */
struct open *open_create(struct request *req);
struct open *open_hold(struct open *open);
/* Accepts NULL; frees with the last holder (everything that hangs on it must
 * be gone by then: open_close() sees to that). */
void open_release(struct open *open);
/* Out of the tables, and the tables' hold is dropped. */
void open_remove(struct open *open);

/* ---- written with the file commands ---- */

/*
 * close.c: ends an open whose session, tree or connection ends (and serves
 * CLOSE): marks it closing, ends what is parked on it, drops locks and share
 * mode at once, then deletes if it is due, closes the node (an operation of
 * its own, counted in engine->background), calls open_remove(), and at last
 * done(ctx). done may be NULL and may be called from inside.
 */
void open_close(struct open *open, void (*done)(void *ctx), void *ctx);

/* ioctl_file.c: true when code is one of the files' (the request is then
 * taken care of). The body was checked as 3.3.5.15 says; input is its data. */
bool ioctl_file(struct request *req, const struct smb2_ioctl_request *body,
	struct wire_view input);

/* ioctl.c, for ioctl_file.c: the response with this output. */
void ioctl_reply(struct request *req, uint32_t status,
	const struct smb2_ioctl_request *body, struct wire_view output);

void cmd_create(struct request *req);
void cmd_close(struct request *req);
void cmd_flush(struct request *req);
void cmd_read(struct request *req);
void cmd_write(struct request *req);
void cmd_lock(struct request *req);
void cmd_query_directory(struct request *req);
void cmd_change_notify(struct request *req);
void cmd_query_info(struct request *req);
void cmd_set_info(struct request *req);

/* ---- engine.c ---- */

/* Unique, never 0 or UINT64_MAX, not to be guessed from earlier ones. */
uint64_t engine_new_id(struct engine *engine);
void engine_log(struct engine *engine, enum log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
