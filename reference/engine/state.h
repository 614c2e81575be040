/* SPDX-License-Identifier: MIT */
/*
 * The engine's objects, named as in the abstract data model of [MS-SMB2]
 * 3.3.1, and the words in which command files speak about a request.
 * Only engine/ includes this.
 *
 * A command file has one entry, void cmd_NAME(struct request *req). It reads
 * req->pdu through the generated decoder, and ends in exactly one of
 *	request_reply(), request_fail(), request_submit() (go on in its done),
 *	request_park() (wait: CANCEL or an event of the engine ends it).
 * After any of these four it does not touch req again.
 */
#ifndef SMB3X_ENGINE_STATE_H
#define SMB3X_ENGINE_STATE_H

#include "engine/engine.h"
#include "engine/limits.h"
#include "engine/list.h"
#include "engine/rule.h"
#include "crypto/crypto.h"
#include "wire/all.h"

struct session;
struct tree;
struct open;
struct file;
struct request;

enum conn_phase { CONN_NEW, CONN_NEGOTIATED, CONN_CLOSING };

struct engine_conn {
	struct engine *engine;
	struct list_link in_engine;
	struct link *link;
	enum conn_phase phase;
	bool gone;
	unsigned int pending;         /* requests not yet answered */
	uint16_t dialect;             /* 0 before NEGOTIATE, 0x02ff after the
	                                 multi-protocol answer */
	bool multi_credit;
	uint32_t client_capabilities, server_capabilities;
	uint16_t client_security_mode, server_security_mode;
	struct wire_guid client_guid;
	uint16_t cipher, signing, preauth_hash_id; /* 0 = none */
	uint8_t preauth_hash[64];
	struct credit_window *credits; /* engine/credits.c */
	struct list requests;         /* in flight, by in_conn */
};

/* A connection that a session is bound to. [MS-SMB2] 3.3.1.14 */
struct channel {
	struct list_link in_session;
	struct engine_conn *conn;
	struct crypto_key signing;
	uint8_t preauth_hash[64];
};

enum session_state { SESSION_IN_PROGRESS, SESSION_VALID, SESSION_EXPIRED };

/* [MS-SMB2] 3.3.1.8 */
struct session {
	struct list_link in_engine;
	uint64_t id;
	enum session_state state;
	unsigned int holders;
	struct auth_exchange *exchange; /* while authentication goes on */
	struct auth_identity identity;
	uint16_t dialect;
	uint8_t session_key[64];
	unsigned int session_key_size;
	bool signing_required, encrypt, guest, anonymous;
	struct crypto_key encryption, decryption;
	uint16_t cipher;
	uint64_t nonce;
	struct list channels, trees, opens;
	uint32_t next_tree_id;
	uint64_t created, last_used;
};

/* [MS-SMB2] 3.3.1.9 */
struct tree {
	struct list_link in_session;
	uint32_t id;
	struct session *session;
	struct share *share;
	unsigned int holders;
	uint32_t maximal_access;
	bool encrypt, disconnected;
};

struct share {
	struct list_link in_engine;
	struct engine_share config;
	unsigned int holders;
};

/*
 * A file that is open at least once, found by (share port, device, inode,
 * stream): carries what is common to its opens.
 */
struct file {
	struct list_link in_engine;
	struct files_port *port;
	uint64_t device, inode;
	char *stream;              /* NULL: unnamed data */
	char *path;                /* as on disk, changes on rename */
	bool directory, delete_pending;
	struct list opens;         /* by in_file */
	struct list locks;         /* byte ranges, engine/lock.c */
	struct list lock_waiters;
};

/* [MS-SMB2] 3.3.1.10 */
struct open {
	struct list_link in_session, in_file;
	struct smb2_fileid id;
	struct session *session;
	struct tree *tree;
	struct file *file;
	struct files_node *node;
	unsigned int holders;
	bool closing;
	uint32_t granted_access, share_access, create_options;
	bool delete_on_close;
	uint8_t oplock_level;
	uint16_t channel_sequence;
	uint64_t position;         /* FilePositionInformation */
	uint32_t mode;             /* FileModeInformation */
	struct dir_search *search; /* engine/query_directory.c */
	struct watch *watch;       /* engine/notify.c */
	uint8_t lock_sequence[64];
	void *extension;
};

/* The elements of one received message that belong together. */
struct chain;

typedef void request_cancel(struct request *req);

struct request {
	struct list_link in_conn;
	struct engine_conn *conn;
	struct session *session;   /* held */
	struct channel *channel;
	struct tree *tree;         /* held */
	struct open *open;         /* held; set by request_open() */
	struct chain *chain;
	struct blob *message;      /* held */
	struct wire_view pdu;      /* header and body of this element */
	struct smb2_header header;
	uint16_t credit_charge;
	bool encrypted, signed_;
	uint64_t async_id;         /* 0 until an interim response left */
	bool parked, cancelled;
	request_cancel *on_cancel;
	struct files_op op;        /* one at a time */
	void *work;                /* the command's own, from request_alloc */
	struct arena *arena;
};

/* Memory that lives as long as the request; zeroed. NULL without memory. */
void *request_alloc(struct request *req, size_t n);

/* Ends the request with a body of the given type. */
void request_reply(struct request *req, uint32_t status,
	const struct wire_type *type, const void *body);

/* Ends it with an error response (no data). */
void request_fail(struct request *req, uint32_t status);
/* ... with ErrorData as [MS-SMB2] 2.2.2 wraps it for the dialect. */
void request_fail_with(struct request *req, uint32_t status, uint32_t error_id,
	struct wire_view data);

/* Hands req->op to the share's files; done(op) goes on (op->ctx is req). An
 * interim response is sent by itself when the driver is slow. */
void request_submit(struct request *req, enum files_verb verb,
	void (*done)(struct files_op *op));

/* Wait with an interim STATUS_PENDING; on_cancel runs on CANCEL, and when the
 * session, tree or connection ends, and must end the request. */
void request_park(struct request *req, request_cancel *on_cancel);

/* Finds the open a FileId names (related compounds: the previous one), checks
 * session and tree, sets and returns req->open; NULL = already failed. */
struct open *request_open(struct request *req, struct smb2_fileid id);

/* Checks that a response of n bytes was paid for (CreditCharge) and is within
 * limits; false = already failed. */
bool request_charge(struct request *req, uint64_t n);

/* errno of a files_op to what the peer is told. */
uint32_t status_of_errno(int error);

/* One line to the log about this request. */
void request_log(struct request *req, enum log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
