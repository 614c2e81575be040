/* SPDX-License-Identifier: MIT */
/* What the parts of the client library share. */
#ifndef SMB3X_CLIENT_INTERNAL_H
#define SMB3X_CLIENT_INTERNAL_H

#include "client/client.h"
#include "client/path.h"
#include "crypto/crypto.h"
#include "wire/all.h"

/* Largest message that is accepted of a server. */
#define CLIENT_MESSAGE_MAX (16u << 20)
/* What one READ or WRITE of a transfer moves, and how many are under way. */
#define CLIENT_CHUNK (1u << 20)
#define CLIENT_PIPELINE 8
#define CLIENT_CREDITS_WANTED 512

/* Longest chain of requests that is sent as one compound. */
#define CLIENT_CHAIN_MAX 4

/* A request that waits for its answer, or that is sent and forgotten: then
 * done is told of the answer, and it ends by itself. */
struct exchange {
	struct exchange *next;
	uint64_t message_id;
	uint16_t command;
	bool answered, forgotten;
	void (*done)(void *ctx, uint32_t status);
	void *ctx;
	uint8_t *message;     /* owns the bytes below */
	struct wire_view pdu; /* the answer: header and body */
	struct smb2_header header;
};

struct quic_client;
struct quic_tls;

/*
 * Whom a connection tells of what it receives unasked (an oplock or lease
 * break; pdu is the whole message), and by whom it is done what others want
 * done on it. Both are called by the thread that uses the connection, between
 * two messages; notified must not send, work must not wait.
 */
struct client_owner {
	void (*notified)(void *ctx, struct wire_view pdu);
	void (*work)(void *ctx);
	void *ctx;
	int wake_fd; /* of eventfd(2): readable when there is work */
};

struct client {
	int fd;                   /* of TCP, or -1 */
	struct quic_client *quic; /* of QUIC, or NULL */
	struct quic_tls *quic_tls;
	struct client_options options;
	unsigned int timeout_ms;
	uint16_t dialect, cipher, signing_algorithm;
	uint16_t server_security_mode;
	uint32_t server_capabilities;
	struct wire_guid client_guid, server_guid;
	uint32_t max_transact, max_read, max_write;
	uint8_t ahead[4]; /* of the length of the next message */
	unsigned int ahead_size;
	const struct client_owner *owner; /* or NULL */
	bool working;                     /* within owner->work */
	uint8_t preauth[CRYPTO_PREAUTH_SIZE];
	uint64_t session_id;
	bool session_valid, signing_required, sealed;
	bool posix;  /* the extensions were negotiated */
	bool broken; /* nothing more can be asked on this connection */
	struct crypto_keys keys;
	uint64_t nonce;
	uint64_t next_message_id;
	unsigned int credits;
	struct exchange *exchanges;
	uint32_t status;
	struct path_stop stop; /* of the last STATUS_STOPPED_ON_SYMLINK */
	char complaint[256];
	char description[160];
};

struct client_tree {
	struct client *client;
	uint32_t id;
	bool sealed;
	bool posix; /* found to answer POSIX opens */
	/* Of opens that have none of their own, or NULL: the ParentLeaseKey of
	 * a change. */
	const struct client_wish *wish;
};

/* What a CREATE asks for beside the file: caching, and that the open outlives
 * its connection. Dialect and capabilities decide what becomes of it. */
struct client_wish {
	bool lease, durable;
	struct wire_guid key, parent;
	bool has_parent;
	uint32_t state; /* SMB2_LEASE_* */
	uint16_t epoch;
	struct wire_guid guid; /* CreateGuid */
	bool replay;           /* sent before, and the answer was lost */
	bool again;            /* takes up an open that has lost its ... */
	struct smb2_fileid id; /* ... connection */
	uint8_t oplock;        /* to be asked for without a lease */
};

/* What was granted of it. */
struct client_grant {
	bool lease, v2, breaking, durable;
	uint32_t state;
	uint16_t epoch;
	uint8_t oplock;
};

struct client_file {
	struct client_tree *tree;
	struct smb2_fileid id;
	struct client_stat stat;
	bool posix;      /* the answer had the POSIX context */
	uint32_t action; /* what the CREATE did */
	uint32_t mode;   /* POSIXMode of that context */
	struct client_grant grant;
	uint8_t lock_number; /* of the next LOCK; 3.2.4.19 */
};

/* The version of the extensions that is spoken; also the name of the create
 * context. POSIX-SMB2 2.2.3.1.8 */
extern const uint8_t client_posix_tag[16];

/* connection.c: bytes on the socket, or on the stream of QUIC */
int connection_open(struct client *client, const char *host, const char *port);
void connection_close(struct client *client);
/* The server has not ended the connection, as far as can be seen. */
bool connection_is_up(struct client *client);
/* What poll(2) is to wait for. */
int connection_fd(const struct client *client);
/* Whether a message has begun to arrive: 1 or 0, or why none will. Never
 * waits. */
int connection_peek(struct client *client);
int connection_send(struct client *client, struct wire_view message);
/* One whole message; the caller frees *ret_bytes. Does what the owner wants
 * done while it waits. */
int connection_receive(
	struct client *client, uint8_t **ret_bytes, size_t *ret_n);

/* exchange.c: requests and answers */
/* Sends a request; tree may be NULL. */
int exchange_begin(struct client *client, struct client_tree *tree,
	uint16_t command, size_t payload, const struct wire_type *type,
	const void *body, struct exchange **ret_exchange);
/*
 * Sends related requests as one compound: a FileId of all ones in one of them
 * is the file that the CREATE before it opened. ret_exchanges are as many as
 * links.
 */
struct chain_link {
	uint16_t command;
	size_t payload;
	const struct wire_type *type;
	const void *body;
	uint32_t flags; /* more of the header */
};
int exchange_chain(struct client *client, struct client_tree *tree,
	const struct chain_link *links, size_t count,
	struct exchange **ret_exchanges);
/* Sends, if credits are at hand (-EAGAIN), and does not wait: done (may be
 * NULL) is told of the answer unless the connection breaks. */
int exchange_post(struct client *client, struct client_tree *tree,
	uint16_t command, const struct wire_type *type, const void *body,
	void (*done)(void *ctx, uint32_t status), void *ctx);
/* Takes one message that has arrived or is to; then what the owner wants is
 * done. */
int exchange_receive(struct client *client);
/* Waits for its final answer; sets client->status; 0 whatever the status. */
int exchange_wait(struct client *client, struct exchange *exchange);
void exchange_end(struct client *client, struct exchange *exchange);
/*
 * The usual case: send, wait, decode a successful answer into *ret_body (NULL:
 * not wanted). *ret_exchange keeps the bytes that the body's views point into;
 * NULL ends the exchange here (the body then must hold no views).
 */
int exchange_call(struct client *client, struct client_tree *tree,
	uint16_t command, size_t payload, const struct wire_type *type,
	const void *body, const struct wire_type *reply_type, void *ret_body,
	struct exchange **ret_exchange);

/* session.c */
int session_negotiate(struct client *client);
int session_setup(struct client *client);
void session_logoff(struct client *client);
int session_validate_negotiate(struct client_tree *tree);

/* file.c: UTF-16LE; in POSIX opens '/' separates and '\\' does not. */
int client_encode_path(
	const char *path, bool posix, uint8_t **ret_bytes, size_t *ret_n);

/* transfer.c: what one request moves at most */
size_t client_chunk(const struct client *client, uint32_t limit);
int client_begin_read(struct client_file *file, uint64_t offset, size_t n,
	struct exchange **ret_exchange);
/* The bytes of a read that was begun; n is 0 at the end of the file. */
int client_finish_read(struct client *client, struct exchange *e, size_t wanted,
	struct wire_view *ret_data);
int client_begin_write(struct client_file *file, uint64_t offset,
	const void *data, size_t n, struct exchange **ret_exchange);
int client_finish_write(struct client *client, struct exchange *e,
	size_t wanted, size_t *ret_done);

/* error.c */
/* Records what broke and returns error. */
int client_complain(struct client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The errno nearest to an NTSTATUS; 0 for success. */
int client_errno(uint32_t status);

#endif
