/* SPDX-License-Identifier: MIT */
/*
 * An engine on a bench: clients speak to it by bytes over links in memory,
 * files live in memory, and authentication believes what the token says:
 *	"user NAME"   done, as NAME, with a session key made from the name
 *	"leg NAME"    one more leg ("again"), then as "user NAME"
 *	"guest", "nobody"   done, as a guest, anonymously
 *	"expires NAME"      as "user NAME", for 10 seconds
 *	anything else refused with STATUS_LOGON_FAILURE
 */
#ifndef SMB3X_ENGINE_TEST_RIG_H
#define SMB3X_ENGINE_TEST_RIG_H

#include "crypto/crypto.h"
#include "engine/engine.h"
#include "wire/all.h"

#define RIG_LINKS 4

extern const uint8_t rig_posix_tag[16];

#define RIG_MESSAGE 140000

struct rig_link {
	struct link link;
	struct engine_conn *conn;
	struct blob *sent[64]; /* by the engine, not yet taken */
	unsigned int first, last;
	bool closed;
	/* What a client remembers. */
	uint64_t message_id;
	uint64_t session_id;
	uint32_t tree_id;
	uint16_t dialect;
	uint8_t conn_preauth[64], preauth[64];
	char name[64]; /* who authenticates */
	bool again;    /* has keys that stay */
	struct crypto_keys keys;
	struct crypto_key session_key; /* before the channel has its own */
	bool sign, seal;
	uint64_t nonce;
};

struct rig {
	struct engine *engine;
	struct engine_config config;
	struct engine_share shares[3];
	struct engine_interface interfaces[2];
	struct auth_port auth;
	struct host_port host;
	uint64_t now;
	unsigned int random;
	bool quiet;
	bool secure;          /* what rig_accept() makes: links like QUIC */
	uint8_t client;       /* whose ClientGuid; 0: the usual one's */
	bool offer_posix;     /* rig_negotiate() names the UNIX extensions */
	bool offer_transport; /* rig_negotiate() sends SMB2_TRANSPORT_ */
	uint32_t transport_flags; /* _CAPABILITIES with these flags */
	struct rig_link links[RIG_LINKS];
};

/* A message under construction: one element, or several. */
struct rig_message {
	uint8_t bytes[RIG_MESSAGE];
	size_t n;
	size_t element; /* where the last one begins */
};

/* Shares: "data" (files), "secret" (encryption required), "guests". */
void rig_init(struct rig *rig); /* fills config; then change it, then */
void rig_start(struct rig *rig);
void rig_finish(struct rig *rig);

void rig_accept(struct rig *rig, unsigned int i);
void rig_gone(struct rig *rig, unsigned int i);
void rig_advance(struct rig *rig, unsigned int ms);
/* Sends bytes as they are. */
void rig_input(struct rig *rig, unsigned int i, const void *p, size_t n);
/* The next message that the engine sent, decrypted when it was sealed; the
 * caller releases it. NULL: none. */
struct blob *rig_take(struct rig *rig, unsigned int i);

/* Appends an element with the link's ids and the next message id. */
void rig_add(struct rig_link *link, struct rig_message *message,
	uint16_t command, uint32_t flags, const struct wire_type *type,
	const void *body);
/* Signs or seals as the link says, and sends; the message is empty again. */
void rig_send(struct rig *rig, unsigned int i, struct rig_message *message);

/* One request and the header of its response; 0xffffffff as status when
 * nothing came. ret_body (may be NULL) is decoded when type is given; views
 * in it live until the next call. */
uint32_t rig_call(struct rig *rig, unsigned int i, uint16_t command,
	const struct wire_type *type, const void *body,
	const struct wire_type *ret_type, void *ret_body);

/* The usual way in. Each returns the status. */
uint32_t rig_negotiate(struct rig *rig, unsigned int i, uint16_t dialect,
	uint16_t cipher, uint16_t signing);
uint32_t rig_session(struct rig *rig, unsigned int i, const char *token,
	uint8_t flags, uint64_t previous);
uint32_t rig_tree(struct rig *rig, unsigned int i, const char *path);
/* All of it: a signed session of the user on share "data". */
void rig_enter(
	struct rig *rig, unsigned int i, uint16_t dialect, const char *token);
/* rig_start(), and two clients of alice's are in, each with a ClientGuid of
 * its own: links 0 and 1. */
void rig_start_two(struct rig *rig);
uint32_t rig_echo(struct rig *rig, unsigned int i);
/* Opens, making it when it is missing; "" is the share's root. */
uint32_t rig_open(struct rig *rig, unsigned int i, const char *name,
	bool directory, struct smb2_fileid *ret_id);
/* CREATE for a message of one's own, like rig_open(). */
void rig_add_open(struct rig_link *link, struct rig_message *message,
	const char *name, bool directory);

struct smb2_header rig_header(const struct blob *blob, size_t at);

#endif
