/* SPDX-License-Identifier: MIT */
/*
 * What the core files of the engine offer one another. Commands that concern
 * files include state.h and fileops.h instead.
 */
#ifndef SMB3X_ENGINE_CORE_H
#define SMB3X_ENGINE_CORE_H

#include "engine/state.h"

/* Where SMB 2 messages and elements begin. [MS-SMB2] 2.2.1 */
#define PROTOCOL_SMB1 0x424d53ffu
#define PROTOCOL_SMB2 0x424d53feu
#define PROTOCOL_TRANSFORM 0x424d53fdu
#define PROTOCOL_COMPRESSION 0x424d53fcu
#define SMB2_HEADER_SIZE 64

#define DIALECT_UNKNOWN 0xffff
#define DIALECT_WILDCARD 0x02ff
#define NO_FILE_ID UINT64_MAX

/* What dispatch.c knows about a command before its file runs. */
struct command {
	void (*run)(struct request *req);
	bool session, tree; /* must be there (cmd_ files check by themselves
			       what depends on the request) */
	bool file_id;       /* the request names an open */
	bool even_expired;  /* LOGOFF, CLOSE, LOCK: 3.3.5.2.9 */
	bool large;         /* may exceed LIMIT_SINGLE_CREDIT_MESSAGE */
};

/* ---- engine.c ---- */
/* Something may expire then: engine_advance() is to look. */
void engine_expect(struct engine *engine, uint64_t at);

/* ---- conn.c ---- */
static inline bool conn_is_3x(const struct engine_conn *conn)
{
	return conn->dialect >= 0x0300;
}
void conn_hold(struct engine_conn *conn);
void conn_release(struct engine_conn *conn);
/* Ends the connection, once; what was sent still leaves. */
void conn_close(struct engine_conn *conn, const char *why);
/* Sends a whole message; takes the hold. Drops it when the link is over. */
void conn_send(struct engine_conn *conn, struct blob *message);
void conn_log(struct engine_conn *conn, enum log_level level, const char *event,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Cancels what is in flight in a session, or in one tree of it. The caller
 * holds the session. */
void session_cancel_requests(
	struct session *session, const struct tree *tree, uint32_t status);
/* Ends connections that did not authenticate in time. [MS-SMB2] 3.3.6.3 */
void conns_expire(struct engine *engine);
/* Lets nothing wait for events any more; ends what is idle. */
void conns_drain(struct engine *engine);

/* ---- credits.c: 3.3.1.1, 3.3.1.2 ---- */
struct credit_window *credits_create(unsigned int most);
void credits_destroy(struct credit_window *window);
enum credits_outcome {
	CREDITS_TAKEN,
	CREDITS_USED,         /* one of the ids, before */
	CREDITS_BEYOND,       /* the first id was not granted */
	CREDITS_RANGE_BEYOND, /* a later one was not */
};
/* Takes count consecutive ids, or none. */
enum credits_outcome credits_take(
	struct credit_window *window, uint64_t message_id, unsigned int count);
/* How many the response grants; widens the window. */
uint16_t credits_grant(struct credit_window *window, uint16_t wanted);
/* The lowest id that is not used. */
uint64_t credits_lowest(const struct credit_window *window);

/* ---- frame.c: 3.3.5.2, 3.3.5.2.1, 3.3.5.2.7 ---- */
/* Takes the hold. */
void frame_receive(struct engine_conn *conn, struct blob *message);

/* ---- chain.c ---- */
struct chain_part {
	struct list_link in_chain;
	struct blob *blob; /* header and body, from data + lead on */
	size_t lead;
	bool sign;
	struct crypto_key key;
};

struct chain_element {
	size_t offset, length;
};

struct chain {
	struct engine_conn *conn;     /* held */
	struct blob *message;         /* held */
	bool encrypted;               /* as received */
	bool seal;                    /* the answer */
	struct session *seal_session; /* held */
	uint32_t refuse;              /* answer to every element, 0 = none */
	unsigned int count, next;
	struct request *current;
	bool running;
	/* What the element before leaves to a related one. */
	bool has_ids;
	uint64_t session_id;
	uint32_t tree_id;
	bool file_bearing;
	uint32_t file_status, stop_status;
	struct open *open; /* held */
	struct list parts;
	struct chain_element elements[];
};

/* Holds conn and message; NULL without memory. */
struct chain *chain_create(
	struct engine_conn *conn, struct blob *message, unsigned int count);
void chain_run(struct chain *chain);
/* The current request is answered (status) or over without an answer. */
void chain_request_done(struct request *req, uint32_t status);
/* Encrypts a message that has room for the transform header in front. */
int chain_seal(struct session *session, struct blob *blob);
/* Sends the answers that are there as one message. */
void chain_flush(struct chain *chain);

/* ---- dispatch.c: 3.3.5.2.2 to 3.3.5.2.11 ---- */
/* NULL: no command of the document. */
const struct command *dispatch_command(uint16_t code);
void dispatch(struct request *req);
/* Looks up req's session and tree; false = already failed. */
bool dispatch_session(struct request *req);
/* A request that is signed with the key of a session which does not live on
 * this connection: its client can check the refusal when it is signed, and
 * takes it for a forgery otherwise. */
void dispatch_sign_refusal(struct request *req);
bool dispatch_tree(struct request *req);

/* ---- request.c ---- */
/* One element of a chain; NULL without memory. */
struct request *request_create(struct chain *chain, struct wire_view pdu);
/* Frees it and goes on with the chain. No answer is sent. */
void request_end(struct request *req, uint32_t status);
/* CANCEL, or the end of what it belongs to. */
void request_cancel_now(struct request *req, uint32_t status);
/* Interim responses for submitted requests that are waited for. */
void requests_advance(struct engine *engine);
uint64_t requests_deadline(const struct engine *engine);

/* ---- reply.c: 3.3.4.1 to 3.3.4.4 ---- */
/* Encodes the response and adds it to the chain. False without memory. */
bool reply_add(struct request *req, uint32_t status,
	const struct wire_type *type, const void *body);
/* Gives the request an AsyncId and sends STATUS_PENDING. */
void reply_interim(struct request *req);

/* ---- notification.c: messages that nobody asked for ---- */
/* Where and how a break is sent. False: the connection is of no use. */
struct notification {
	struct engine_conn *conn;
	struct session *session; /* of the open */
	struct tree *tree;
	struct session *keys; /* NULL: those of session */
	uint64_t session_id;
	const struct wire_type *type;
	const void *body;
};
bool notification_send(const struct notification *notification);

/* ---- session.c ---- */
struct session *session_create(struct engine_conn *conn);
struct session *session_find(struct engine *engine, uint64_t id);
/* By id, when it is bound to conn. */
struct session *session_on(struct engine_conn *conn, uint64_t id);
void session_hold(struct session *session);
void session_release(struct session *session);
struct channel *session_channel(
	const struct session *session, const struct engine_conn *conn);
/* NULL: LIMIT_CHANNELS or no memory. */
struct channel *channel_create(
	struct session *session, struct engine_conn *conn);
void channel_destroy(struct channel *channel);
/* Out of the tables, everything in it closed. done (may be NULL) runs when the
 * last open is closed, perhaps from inside. */
void session_end(struct session *session, void (*done)(void *ctx), void *ctx);
/* Sessions whose time is over, and those nobody used. 3.3.6.3 */
void sessions_expire(struct engine *engine);
bool session_same_user(
	const struct auth_identity *a, const struct auth_identity *b);

/* ---- open.c ---- */
/* Closes the opens of a session, or of one tree in it. done (may be NULL)
 * runs when all are closed, perhaps from inside. */
void opens_close(struct session *session, const struct tree *tree,
	void (*done)(void *ctx), void *ctx);

/* ---- tree.c ---- */
struct tree *tree_create(struct session *session, struct share *share);
struct tree *tree_find(struct session *session, uint32_t id);
void tree_hold(struct tree *tree);
void tree_release(struct tree *tree);
/* Closes its opens and takes it out; like session_end(). */
void tree_end(struct tree *tree, void (*done)(void *ctx), void *ctx);
struct share *share_find(struct engine *engine, const char *name);
void share_hold(struct share *share);
void share_release(struct share *share);
/* Brings the engine's shares in line with the configuration. */
int shares_load(struct engine *engine, const struct engine_config *config);

/* ---- bind.c: unfinished bindings (PreauthSessionTable) ---- */
struct binding {
	struct list_link in_conn;
	uint64_t session_id;
	struct auth_exchange *exchange;
	unsigned int legs;
	uint8_t preauth_hash[64];
};
void binding_destroy(struct engine *engine, struct binding *binding);

/* ---- commands ---- */
void negotiate_smb1(struct engine_conn *conn, struct blob *message);
/* What the server offers; also for VALIDATE_NEGOTIATE_INFO. 0 = none. */
uint16_t negotiate_select(const struct engine *engine, const uint16_t *dialects,
	unsigned int count);
void cmd_negotiate(struct request *req);
void cmd_session_setup(struct request *req);
void session_setup_bind(
	struct request *req, const struct smb2_session_setup_request *body);
void session_setup_reply(struct request *req, uint32_t status, uint16_t flags,
	struct wire_view token);
void cmd_logoff(struct request *req);
void cmd_tree_connect(struct request *req);
void cmd_tree_disconnect(struct request *req);
void cmd_echo(struct request *req);
void cmd_cancel(struct request *req);
void cmd_ioctl(struct request *req);
void cmd_oplock_break(struct request *req);
void ioctl_validate_negotiate(struct request *req,
	const struct smb2_ioctl_request *body, struct wire_view input);
void ioctl_network_interfaces(
	struct request *req, const struct smb2_ioctl_request *body);

#endif
