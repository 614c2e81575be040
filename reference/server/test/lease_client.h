/* SPDX-License-Identifier: MIT */
/*
 * Clients that cache as they should: with R they read from their cache, with
 * W they keep what they write, with H they keep handles open that nobody uses,
 * with R of a directory they list from their cache. A break ends what it takes
 * at once; what was kept back is flushed, then the break is acknowledged.
 *
 * A break may be lost with the connection on which it came. So a client that
 * loses one of several connections flushes and forgets, as if every lease had
 * been broken; one that has lost all of them serves nothing from its caches
 * until it has taken its handles up again. Between the end of a connection and
 * the moment when its client learns of it nothing is promised, and nothing is
 * served here.
 */
#ifndef SMB3X_SERVER_TEST_LEASE_CLIENT_H
#define SMB3X_SERVER_TEST_LEASE_CLIENT_H

#include "server/test/lease_world.h"

#define CLIENT_CHANNELS 2
#define CLIENT_HANDLES 10
#define CLIENT_CACHES 12
#define CONN_SENT 12

#define R SMB2_LEASE_READ_CACHING
#define H SMB2_LEASE_HANDLE_CACHING
#define W SMB2_LEASE_WRITE_CACHING

struct cached_region {
	bool valid, dirty, flushing, again;
	uint64_t value, first;   /* that was kept back */
	unsigned int generation; /* of what the client itself has written */
};

/* What a lease, or the oplock of one handle, allows. */
struct cache {
	bool used, lease, v2, known, directory;
	uint64_t serial, key, inode;
	unsigned int file; /* or directory */
	uint32_t state;
	uint16_t epoch;
	unsigned int handles, breaks;
	unsigned int generation; /* of what the server has allowed */
	bool breaking, mute, frozen;
	uint32_t to;
	unsigned int busy;         /* own truncations under way */
	struct smb2_fileid oplock; /* of its open */
	struct cached_region regions[CONTENTS_REGIONS];
	bool listed;
	uint64_t listing;
};

enum handle_state {
	HANDLE_FREE,
	HANDLE_OPENING,
	HANDLE_OPEN,
	HANDLE_LOST, /* without a session; it may be taken up again */
	HANDLE_AGAIN,
	HANDLE_CLOSING,
};

struct handle {
	enum handle_state state;
	uint64_t serial, inode, guid;
	unsigned int file; /* or directory */
	bool directory, unused, deletes;
	unsigned int durable; /* version, 0: not */
	/* As it was asked for. */
	uint32_t access, share, disposition, options, wish, timeout;
	uint8_t level;
	unsigned int asked_durable;
	bool asked_v2;
	uint64_t parent;
	uint32_t locks;
	struct smb2_fileid id;
	struct cache *cache;
	uint64_t cache_serial;
};

enum sent_kind {
	SENT_NEGOTIATE,
	SENT_SESSION,
	SENT_TREE,
	SENT_OPEN,
	SENT_AGAIN,
	SENT_WRONG, /* to take up an open with something wrong */
	SENT_CLOSE,
	SENT_READ,
	SENT_WRITE,
	SENT_FLUSH, /* a WRITE of what was kept back */
	SENT_LOCK,
	SENT_UNLOCK,
	SENT_SET,
	SENT_LIST,
	SENT_ACK,
	SENT_OTHER,
};

struct sent {
	bool used, interim;
	enum sent_kind kind;
	uint64_t id, async_id, at; /* by contents.clock */
	struct handle *handle;
	uint64_t handle_serial, cache_serial, inode, value;
	struct cache *cache;
	unsigned int region, generation, cache_generation;
	unsigned int directories; /* whose entries it may change, as bits */
	bool truncates;
};

/* A connection, both of its ends. */
struct conn {
	struct link link; /* what the engine sends on; first */
	struct link *carrier;
	struct world *world;
	struct conn *next;
	struct client *client;
	uint64_t serial;
	struct sim_peer *peer;
	struct engine_conn *engine;
	bool server_gone, gone, ready, binds;
	int64_t credits;
	uint64_t message_id;
	struct sent sent[CONN_SENT];
	struct judge_asked asked[JUDGE_ASKED];
	uint64_t judged_session; /* that the judge knows it by */
};

struct client {
	struct world *world;
	unsigned int index, user;
	uint64_t guid;
	uint16_t dialect;
	bool several; /* connections for one session */
	bool dead, settled;
	struct client *victim; /* of an impostor */
	struct conn *conns[CLIENT_CHANNELS];
	uint64_t session_id, previous;
	uint32_t tree_id;
	uint16_t sequence;
	struct crypto_keys keys;
	struct handle handles[CLIENT_HANDLES];
	struct cache caches[CLIENT_CACHES];
	unsigned int changing[WORLD_DIRS]; /* own changes under way */
	unsigned int changes[WORLD_DIRS];
};

void clients_init(struct world *world);
void clients_finish(struct world *world);

/* ---- lease_wire.c: connections and messages ---- */

/* A connection that makes its way in, to a session of its own or to the
 * client's; false when the server refuses it. */
bool conn_open(struct client *client, bool binds);
/* One request; NULL when there is no credit, or no room. */
struct sent *client_send(struct conn *conn, enum sent_kind kind,
	uint16_t command, uint32_t flags, const struct wire_type *type,
	const void *body);
unsigned int conn_unanswered(const struct conn *conn);
/* One of the client's connections that are ready; NULL: none is. */
struct conn *client_conn(struct client *client);
/* Does everything still arrive that is sent to it? */
bool client_connected(const struct client *client);

/* ---- lease_create.c: what CREATE asks for ---- */

/* Opens, or opens once more after the answer was lost. */
struct sent *handle_open(struct client *client, struct conn *conn,
	struct handle *handle, bool replay);
/* Takes up an open again, maybe one of another client, maybe with something
 * wrong. */
bool handle_again(struct client *client, struct handle *handle, bool wrong);

/* ---- lease_answer.c: what an answer changes ---- */

void client_answered(struct conn *conn, const struct sent *sent,
	const struct smb2_header *header, struct wire_view pdu);
void client_notified(struct conn *conn, struct wire_view pdu);
void client_conn_gone(struct conn *conn);
/* The server has given up waiting for an acknowledgment. */
void client_overdue(struct world *world, uint64_t client, uint64_t key,
	const struct smb2_fileid *oplock);

/* ---- lease_cache.c ---- */

struct cache *cache_find(struct client *client, uint64_t key);
struct cache *cache_of_file(struct client *client, unsigned int file);
struct cache *cache_new(struct client *client);
struct cache *handle_cache(const struct handle *handle);
struct handle *handle_new(struct client *client);
/* The handle is gone, and its cache with the last one. */
void handle_free(struct client *client, struct handle *handle);
/* What is kept back is lost, or may be: nobody can count on it. */
void cache_unsure(struct client *client, struct cache *cache);
/* It begins anew with the next grant. */
void cache_forget(struct client *client, struct cache *cache);
void cache_lost(struct client *client, struct cache *cache, unsigned int at);
void cache_drop(struct client *client, struct cache *cache);
/* No longer valid, but for what is kept back. */
void cache_purge(struct cache *cache);
/* Which may be used? */
bool cache_serves(
	const struct client *client, const struct cache *cache, uint32_t what);
/* A grant in an answer; a break. */
void cache_granted(struct client *client, struct cache *cache, uint32_t state,
	uint16_t epoch, bool v2);
void cache_broken(struct client *client, struct cache *cache, uint32_t to,
	bool acknowledge);
/* One step on the way to an acknowledgment; false: there is none to take. */
bool cache_answer_break(struct client *client, struct cache *cache);
/* An open handle for I/O of a region, respecting the client's own locks. */
struct handle *cache_handle(struct client *client, const struct cache *cache,
	uint32_t access, unsigned int region);
/* Sends what is kept back; false when there was nothing. */
bool cache_flush(struct client *client, struct cache *cache);
/* The client itself changes entries of these directories: begins, ends. */
void client_changing(struct client *client, unsigned int directories);
void client_changed(struct client *client, unsigned int directories);

/* ---- lease_do.c ---- */

/* One operation of a client that is connected. */
void client_do(struct client *client);
bool handle_close(struct client *client, struct handle *handle);

/* ---- lease_act.c ---- */

static inline uint64_t chance(const struct client *client, uint64_t n)
{
	return world_chance(client->world, n);
}

/* Something in the life of a client. */
void client_act(struct client *client);
/* On the way to the end: only breaks are answered. */
void client_settle(struct client *client);
/* Somebody who wants what others have lost. */
void impostor_act(struct client *client);

#endif
