/* SPDX-License-Identifier: MIT */
/* Connections of clients that cache, and what is on them; lease_client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/blob.h"
#include "server/test/lease_client.h"

static void user_name(const struct client *client, char ret_name[16])
{
	snprintf(ret_name, 16, "user%u", client->user);
}

/* ---- connections ---- */

struct conn *client_conn(struct client *client)
{
	unsigned int first =
		(unsigned int)world_chance(client->world, CLIENT_CHANNELS);

	for (unsigned int i = 0; i < CLIENT_CHANNELS; i++) {
		struct conn *conn =
			client->conns[(first + i) % CLIENT_CHANNELS];

		if (conn != NULL && conn->ready) {
			return conn;
		}
	}
	return NULL;
}

bool client_connected(const struct client *client)
{
	bool some = false;

	for (unsigned int i = 0; i < CLIENT_CHANNELS; i++) {
		const struct conn *conn = client->conns[i];

		if (conn != NULL && conn->server_gone) {
			return false;
		}
		if (conn != NULL && !sim_connected(conn->peer)) {
			return false;
		}
		some |= conn != NULL && conn->ready;
	}
	return some;
}

unsigned int conn_unanswered(const struct conn *conn)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CONN_SENT; i++) {
		n += conn->sent[i].used;
	}
	return n;
}

/* ---- sending ---- */

static struct sent *new_sent(struct conn *conn)
{
	for (unsigned int i = 0; i < CONN_SENT; i++) {
		if (!conn->sent[i].used) {
			return &conn->sent[i];
		}
	}
	return NULL;
}

static struct blob *encode(struct conn *conn, const struct smb2_header *header,
	const struct wire_type *type, const void *body)
{
	uint8_t bytes[1024];
	struct wire_buf out = {bytes, sizeof(bytes), 0, 0, 0};
	struct blob *blob;

	must(smb2_header_encode(header, &out) == 0);
	must(wire_encode(type, body, &out) == 0);
	if (header->flags & SMB2_FLAGS_SIGNED) {
		must(crypto_sign(&conn->client->keys.signing, bytes, out.n) ==
			0);
	}
	blob = blob_create(out.n);
	must(blob != NULL);
	memcpy(blob->data, bytes, out.n);
	blob->n = out.n;
	return blob;
}

struct sent *client_send(struct conn *conn, enum sent_kind kind,
	uint16_t command, uint32_t flags, const struct wire_type *type,
	const void *body)
{
	struct client *client = conn->client;
	struct sent *sent = new_sent(conn);
	struct smb2_header header = {.command = command,
		.credit_charge = client->dialect > 0x0202,
		.status = client->dialect >= 0x0300 ? client->sequence : 0,
		.credits = 8,
		.flags = flags,
		.message_id = conn->message_id};

	if (sent == NULL || conn->credits < 1) {
		return NULL;
	}
	if (kind > SENT_SESSION || (flags & SMB2_FLAGS_SIGNED)) {
		header.session_id = client->session_id;
	}
	if (kind > SENT_TREE) {
		header.tree_id = client->tree_id;
	}
	conn->credits--;
	conn->message_id++;
	*sent = (struct sent){.used = true,
		.kind = kind,
		.id = header.message_id,
		.at = ++conn->world->contents.clock};
	sim_send(conn->peer, encode(conn, &header, type, body));
	return sent;
}

/* ---- the way in ---- */

static void send_negotiate(struct conn *conn)
{
	uint8_t dialects[2];
	struct smb2_negotiate_request body = {.dialect_count = 1,
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.dialects = wire_view_of(dialects, 2)};

	wire_put16(dialects, conn->client->dialect);
	wire_put64(body.client_guid.b, conn->client->guid);
	if (conn->client->dialect >= 0x0300) {
		body.capabilities = SMB2_GLOBAL_CAP_LEASING |
				    SMB2_GLOBAL_CAP_MULTI_CHANNEL |
				    SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	}
	client_send(conn, SENT_NEGOTIATE, SMB2_NEGOTIATE, 0,
		&smb2_negotiate_request_type, &body);
}

static void send_session(struct conn *conn)
{
	struct client *client = conn->client;
	struct smb2_session_setup_request body = {.security_mode = 1};
	char name[16];

	user_name(client, name);
	body.buffer = wire_view_of(name, strlen(name));
	if (conn->binds) {
		body.flags = SMB2_SESSION_FLAG_BINDING;
	} else if (world_chance(conn->world, 2) == 0) {
		body.previous_session_id = client->previous;
	}
	client_send(conn, SENT_SESSION, SMB2_SESSION_SETUP,
		conn->binds ? SMB2_FLAGS_SIGNED : 0,
		&smb2_session_setup_request_type, &body);
}

static void send_tree(struct conn *conn)
{
	const struct smb2_tree_connect_request body = {
		.buffer = sim_server_share()};

	client_send(conn, SENT_TREE, SMB2_TREE_CONNECT, 0,
		&smb2_tree_connect_request_type, &body);
}

static void session_there(struct conn *conn, const struct smb2_header *header)
{
	struct client *client = conn->client;
	uint8_t key[16];
	char name[16];

	if (conn->binds) {
		conn->ready = true;
		return;
	}
	client->session_id = client->previous = header->session_id;
	user_name(client, name);
	sim_server_key(name, key);
	must(crypto_derive(client->dialect, key, sizeof(key), NULL,
		     client->dialect < 0x0300 ? 0 : 1, 1, &client->keys) == 0);
	send_tree(conn);
}

/* true: the answer was one on the way in. */
static bool next_in(struct conn *conn, const struct sent *sent,
	const struct smb2_header *header)
{
	if (sent->kind > SENT_TREE) {
		return false;
	}
	if (header->status != STATUS_SUCCESS) {
		sim_hang_up(conn->peer);
	} else if (sent->kind == SENT_NEGOTIATE) {
		send_session(conn);
	} else if (sent->kind == SENT_SESSION) {
		session_there(conn, header);
	} else {
		conn->client->tree_id = header->tree_id;
		conn->ready = true;
	}
	return true;
}

/* ---- receiving ---- */

static struct sent *find_sent(struct conn *conn, uint64_t id)
{
	for (unsigned int i = 0; i < CONN_SENT; i++) {
		if (conn->sent[i].used && conn->sent[i].id == id) {
			return &conn->sent[i];
		}
	}
	return NULL;
}

static void interim(
	struct conn *conn, struct sent *sent, struct wire_view message)
{
	if (sent->interim) {
		world_broken(conn->world, "form", "two interim responses");
	}
	sent->interim = true;
	sent->async_id = wire_get64(message.p + 32);
	conn->world->tally.waits++;
}

static void received(void *ctx, struct blob *blob)
{
	struct conn *conn = ctx;
	struct wire_view message = wire_view_of(blob->data, blob->n);
	struct smb2_header header;
	struct sent *sent, was;

	must(smb2_header_decode(message, &header) == 0);
	if (header.message_id == UINT64_MAX) {
		client_notified(conn, message);
		blob_release(blob);
		return;
	}
	sent = find_sent(conn, header.message_id);
	if (sent == NULL) {
		world_broken(conn->world, "form", "an answer to nothing");
		blob_release(blob);
		return;
	}
	conn->credits += header.credits;
	if (header.status == STATUS_PENDING) {
		interim(conn, sent, message);
		blob_release(blob);
		return;
	}
	was = *sent;
	sent->used = false;
	if (!next_in(conn, &was, &header)) {
		client_answered(conn, &was, &header, message);
	}
	blob_release(blob);
}

static void gone(void *ctx)
{
	struct conn *conn = ctx;

	conn->gone = true;
	conn->ready = false;
	conn->world->tally.lost++;
	client_conn_gone(conn);
}

bool conn_open(struct client *client, bool binds)
{
	struct world *world = client->world;
	struct conn *conn = calloc(1, sizeof(*conn));
	const struct sim_peer_user user = {conn, received, gone};
	unsigned int channel = client->conns[0] == NULL ? 0 : 1;

	must(conn != NULL);
	conn->world = world;
	conn->client = client;
	conn->binds = binds;
	conn->credits = 1;
	conn->serial = ++world->conn_serial;
	world->connecting = conn;
	conn->peer = sim_connect(world->server.sim, &user);
	if (conn->peer == NULL) {
		free(conn);
		return false;
	}
	conn->next = world->conns;
	world->conns = conn;
	client->conns[channel] = conn;
	send_negotiate(conn);
	return true;
}
