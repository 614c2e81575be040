/* SPDX-License-Identifier: MIT */
/*
 * Peers: client connections, each with its own ClientGuid, and what travels
 * over them. Everything here belongs to the test and lives until it ends;
 * nothing has to be closed or freed.
 *
 * Three heights to work at:
 *  - client(t), client_with(t, ...): connected, negotiated, logged on, share
 *    connected; anything missing ends the test without a verdict;
 *  - peer_call(peer, &TYPE, &body): one request, its final reply;
 *  - pdu_build(), mutate(), pdu_send(), peer_wait(): one message by hand.
 *
 * Requests are signed or encrypted as the session demands, credits and message
 * ids are kept, replies are decrypted and their signatures verified. Every
 * message of both directions is recorded.
 */
#ifndef SMB3X_SUITE_PEER_H
#define SMB3X_SUITE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "suite/test.h"
#include "wire/all.h"
#include "wire/registry.h"

#define REPLY_TIMEOUT_MS 10000 /* for an answer; a busy machine may stall */
#define CLOSE_TIMEOUT_MS 4000  /* for the end of a connection */
#define PEER_SESSIONS 8

struct request;
struct pdu;
struct quic_wire;

/* A logged-on user; may be carried by several peers (channels). */
struct session {
	uint64_t id;
	uint16_t dialect, cipher;
	uint8_t key[64]; /* the full session key of the mechanism */
	unsigned int key_size;
	struct crypto_keys keys; /* signing: of the first channel */
	bool anonymous, guest;
	bool signing_required; /* requests are signed */
	bool encrypted;        /* requests are encrypted */
	uint16_t flags;        /* SessionFlags of the server */
	uint64_t nonce;
	struct reply *setup; /* the final SESSION_SETUP response */
};

struct channel {
	struct session *session;
	struct crypto_key signing;
};

struct peer {
	struct test *t;
	uint16_t index;
	char name[16]; /* A, B, ... */
	int fd;
	struct quic_wire *quic; /* NULL: TCP */
	bool closed;            /* the server ended the connection */
	uint32_t closed_frame;

	struct wire_guid client_guid;
	uint16_t dialect, cipher, signing, compression;
	uint16_t security_mode;        /* of the server */
	uint32_t capabilities;         /* of the server */
	uint32_t client_capabilities;  /* as sent */
	uint16_t client_security_mode; /* as sent */
	uint16_t client_dialects[8];   /* as sent */
	bool transport_security; /* AcceptTransportSecurity, as answered */
	unsigned int client_dialect_count;
	bool posix; /* the UNIX extensions were negotiated */
	uint32_t max_transact, max_read, max_write;
	struct wire_guid server_guid;
	struct wire_view security_buffer;
	struct reply *negotiate; /* the NEGOTIATE response */
	uint8_t preauth[CRYPTO_PREAUTH_SIZE];

	uint64_t next_id;
	unsigned int credits;
	unsigned int credits_wanted; /* CreditRequest of every request */
	uint16_t channel_sequence;

	/* what requests use unless they say otherwise */
	struct session *session;
	uint32_t tree;
	bool tree_encrypted;
	struct channel channels[PEER_SESSIONS];
	unsigned int channel_count;

	struct request *requests;  /* all that were sent */
	struct reply *unsolicited; /* breaks that nobody took yet */
	uint8_t *input;
	size_t input_size, input_cap;
	bool holds;                     /* peer_hold() */
	struct wire_view held;          /* what it has not sent yet */
	struct wire_view raw;           /* the newest message, decrypted */
	struct wire_view raw_transform; /* its TRANSFORM_HEADER, or empty */
	uint8_t raw_prefix;             /* first byte of its length prefix */
	uint32_t raw_frame;
	unsigned int raw_count, raw_taken;
};

enum reply_outcome { REPLY_ARRIVED, REPLY_TIMEOUT, REPLY_CLOSED };

enum signature { SIGNATURE_NONE, SIGNATURE_GOOD, SIGNATURE_BAD };

/* A response (or its absence: outcome says so, and every check fails). */
struct reply {
	struct peer *peer;
	const struct request *request; /* NULL: unsolicited */
	enum reply_outcome outcome;
	uint32_t frame;       /* packet number in the capture, 0 = none */
	struct wire_view pdu; /* header and body of this element */
	struct smb2_header header;
	uint32_t status;
	uint64_t async_id; /* when the header is the async form */
	bool async, encrypted, last_of_chain;
	enum signature signature;
	unsigned int interims;        /* STATUS_PENDING seen before it */
	const struct wire_type *type; /* of the body, NULL = unknown */
	const void *body;             /* decoded, NULL = it did not decode */
	struct wire_fault fault;      /* why not */
	struct reply *next;
};

enum signing_mode {
	SIGN_AUTO, /* as the session demands */
	SIGN_YES,
	SIGN_NO,
	SIGN_BAD, /* SIGNED flag set, signature wrong in one bit */
};

enum encryption_mode {
	SEAL_AUTO,
	SEAL_YES,
	SEAL_NO,
};

/* One request under construction. */
struct pdu {
	struct peer *peer;
	struct session *session; /* for signature and encryption; NULL = none */
	const struct wire_type *type;
	uint8_t *bytes; /* header and body */
	size_t n, cap;
	enum signing_mode sign;
	enum encryption_mode seal;
	uint32_t requests; /* message ids it takes: its CreditCharge */
};

struct request {
	struct peer *peer;
	uint64_t message_id;
	uint16_t command;
	uint32_t frame;
	uint64_t async_id;
	struct reply *interim; /* first STATUS_PENDING */
	unsigned int interims;
	struct reply *reply; /* final */
	struct request *next;
};

/* TRANSPORT_TARGET: what the target's URL names. */
enum transport { TRANSPORT_TARGET, TRANSPORT_TCP, TRANSPORT_QUIC };

struct client_options {
	uint16_t dialect; /* 0 = the highest that the target has */
	uint16_t cipher;  /* 3.1.1: offer only this; 0 = all */
	uint16_t signing; /* 3.1.1: offer only this + 1; 0 = all */
	bool sign;        /* sign every request */
	bool encrypt;     /* encrypt every request */
	bool plain;       /* no session: negotiate only */
	bool no_tree;     /* no tree connect */
	bool second_user;
	bool anonymous;
	bool posix; /* 3.1.1: offer the UNIX extensions */
	enum transport transport;
	bool offer_transport; /* 3.1.1: SMB2_TRANSPORT_CAPABILITIES */
	uint32_t transport_flags;
	const char *share;     /* NULL = the target's share */
	uint32_t capabilities; /* SMB2_GLOBAL_CAP_*; 0 = all that exist */
	const struct wire_guid *client_guid; /* NULL = a fresh one */
};

/* --- connections ------------------------------------------------------ */

/* A connection, nothing sent. No connection: no verdict. */
struct peer *peer_connect(struct test *t);
struct peer *peer_connect_over(struct test *t, enum transport transport);
/* Negotiates as options say (NULL = everything). The response, whatever it
 * is, is returned and also kept in peer->negotiate. */
struct reply *peer_negotiate(
	struct peer *peer, const struct client_options *options);
/* The request that peer_negotiate() would send, to be changed and sent by
 * peer_negotiate_as(); contexts are the 3.1.1 ones of the options. */
struct smb2_negotiate_request negotiate_request(
	struct peer *peer, const struct client_options *options);
struct reply *peer_negotiate_as(
	struct peer *peer, const struct smb2_negotiate_request *request);
/* What names version 1 of the UNIX extensions: 16 bytes, none of them zero. */
#define POSIX_TAG \
	"\x93\xad\x25\x50\x9c\xb4\x11\xe7" \
	"\xb4\x23\x83\xde\x96\x8b\xcd\x7c"
/* A list of negotiate contexts for NegotiateContextList. */
struct negotiate_context {
	uint16_t type;
	struct wire_view data;
};
struct wire_view negotiate_contexts(struct test *t,
	const struct negotiate_context *contexts, unsigned int count);
/* Finds a context of the NEGOTIATE response; false if it is not there. */
bool negotiated_context(
	struct peer *peer, uint16_t type, struct wire_view *ret_data);
/* Logs on. Returns the final SESSION_SETUP response; on success the session
 * becomes peer->session. */
struct reply *peer_session_setup(
	struct peer *peer, const struct client_options *options);
/* Logs on with more to say; see struct setup_options. */
struct setup_options {
	const struct client_options *client;
	struct session *reauth; /* authenticate this session anew */
	struct session *bind;   /* bind this session to the connection */
	uint64_t previous;      /* PreviousSessionId */
	bool wrong_password;
	bool unknown_user;     /* a name that nobody has */
	bool unsigned_binding; /* binding request without signature */
};
struct reply *peer_setup(struct peer *peer, const struct setup_options *how);
/* The first SESSION_SETUP of a logon, no more: its reply. */
struct reply *peer_setup_first(struct peer *peer);
/* Connects a share; NULL = the target's. On success peer->tree is set. */
struct reply *peer_tree_connect(struct peer *peer, const char *share);

/* All of these; whatever fails ends the test without a verdict. */
struct peer *client(struct test *t);
struct peer *client_with(struct test *t, const struct client_options *options);
/* Without tree connect, and without signatures and encryption, so that any
 * message can be made. */
struct peer *client_unsealed(struct test *t, enum transport transport);
/* A second connection of the same client, bound to primary's session. */
struct peer *client_bind(struct peer *primary);
/* Over this transport; over QUIC it offers to leave out encryption. */
struct peer *client_bind_over(struct peer *primary, enum transport transport);

/* Ends the connection without a word, as a client that vanishes. */
void peer_disconnect(struct peer *peer);
/* Later requests of this peer go to this session and tree. */
void peer_use(struct peer *peer, struct session *session, uint32_t tree);

/* --- requests --------------------------------------------------------- */

/* Sends one request and waits for its final response. Never NULL. */
struct reply *peer_call(
	struct peer *peer, const struct wire_type *type, const void *body);
/* Sends and does not wait. */
struct request *peer_send(
	struct peer *peer, const struct wire_type *type, const void *body);
/* The final response of a request, within REPLY_TIMEOUT_MS. */
struct reply *peer_wait(struct request *request);
struct reply *peer_wait_ms(struct request *request, unsigned int ms);
/* The interim response (STATUS_PENDING); if the final one comes first, that. */
struct reply *peer_interim(struct request *request);
/* Sends a CANCEL for a request. */
void peer_cancel(struct request *request);
/* From here on messages are kept, until peer_release() sends them in one piece:
 * the server finds the second when it has just begun with the first. */
void peer_hold(struct peer *peer);
void peer_release(struct peer *peer);
/* The next unsolicited message (oplock or lease break). */
struct reply *peer_notification(struct peer *peer, unsigned int ms);
/* Waits until the server closes; false when it does not. */
bool peer_closed_within(struct peer *peer, unsigned int ms);

/* --- messages by hand ------------------------------------------------- */

/* A request with header and body as peer_call would send it. */
struct pdu *pdu_build(
	struct peer *peer, const struct wire_type *type, const void *body);
struct request *pdu_send(struct pdu *pdu);
struct reply *pdu_call(struct pdu *pdu);
/* Its bytes behind their length, as they stand on the stream, for
 * peer_send_stream(): no request that peer_wait() knows. */
struct wire_view pdu_framed(const struct pdu *pdu);
/* Any bytes, framed as one message. */
void peer_send_raw(struct peer *peer, struct wire_view message);
/* Any bytes, not even framed. */
void peer_send_stream(struct peer *peer, struct wire_view bytes);
/* The newest message that was not yet looked at, of any shape, decrypted,
 * without the length prefix; empty when none comes. */
struct wire_view peer_receive_raw(struct peer *peer, uint32_t *ret_frame);

enum mutation_kind { MUTATE_SET, MUTATE_XOR, MUTATE_ADD };
struct mutation {
	enum mutation_kind kind;
	uint64_t value;
};
static inline struct mutation set_to(uint64_t value)
{
	return (struct mutation){MUTATE_SET, value};
}
static inline struct mutation xor_with(uint64_t value)
{
	return (struct mutation){MUTATE_XOR, value};
}
static inline struct mutation add_to(int64_t value)
{
	return (struct mutation){MUTATE_ADD, (uint64_t)value};
}
/* Changes a number in the body (SMB2_CREATE_REQUEST_F_NAME_LENGTH, ...) or in
 * the header (SMB2_HEADER_F_...), after encoding and before signing. */
#define mutate(pdu, field, op) conf_mutate((pdu), (field), #field, (op))
void conf_mutate(struct pdu *pdu, unsigned int field, const char *spelled,
	struct mutation op);
void mutate_header(struct pdu *pdu, unsigned int field, struct mutation op);
/* Cuts the message to n bytes; appends n bytes of filler. */
void pdu_truncate(struct pdu *pdu, size_t n);
void pdu_extend(struct pdu *pdu, const void *bytes, size_t n);

/* --- compounds -------------------------------------------------------- */

#define CHAIN_MAX 16
struct chain {
	struct peer *peer;
	unsigned int count;
	struct pdu *pdus[CHAIN_MAX];
	struct request *requests[CHAIN_MAX];
	struct reply *replies[CHAIN_MAX];
};
/* FileId for related requests: "the one of the request before". */
extern const struct smb2_fileid RELATED_FILE;

struct chain *chain_begin(struct peer *peer);
/* related: takes session, tree and file from the element before. The pdu may
 * be mutated until chain_send(). */
struct pdu *chain_add(struct chain *chain, bool related,
	const struct wire_type *type, const void *body);
void chain_send(struct chain *chain);
/* Sends and waits for all replies: chain->replies[i], never NULL. */
void chain_call(struct chain *chain);

/* --- looking at replies ------------------------------------------------ */

/* The decoded body: reply_as(reply, smb2_create_response)->file_id. If the
 * reply is not of that type the test ends without a verdict. */
#define reply_as(reply, name) \
	((const struct name *)conf_reply_as((reply), &name##_type))
const void *conf_reply_as(struct reply *reply, const struct wire_type *type);

/* Command code of a request type, and the type of its response. */
int command_of(const struct wire_type *request);
const struct wire_type *response_type(uint16_t command);
const char *command_name(uint16_t command);
/* "STATUS_X", or the number of an unknown one. */
const char *status_text(uint32_t status);
/* UTF-8 to UTF-16LE bytes. */
struct wire_view utf16(struct test *t, const char *text);
/* A copy of any bytes, for request members that are views. */
struct wire_view bytes_of(struct test *t, const void *bytes, size_t n);
/* An encoded structure: encoded(t, &smb2_create_durable_..._type, &value). */
struct wire_view encoded(
	struct test *t, const struct wire_type *type, const void *value);

/* Waits for traffic on any peer of the test until deadline (CLOCK_MONOTONIC,
 * nanoseconds); false when it passed. */
bool peers_pump(struct test *t, uint64_t deadline);
uint64_t test_clock(void);
uint64_t test_within(const struct test *t, unsigned int ms);

#endif
