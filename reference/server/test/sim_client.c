/* SPDX-License-Identifier: MIT */
/* A client in the simulator; see sim_client.h. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/blob.h"
#include "server/test/sim_client.h"

#define RELATED SMB2_FLAGS_RELATED_OPERATIONS
#define UNKNOWN_ID \
	{ \
		UINT64_MAX, UINT64_MAX \
	}

static uint64_t chance(struct conn *conn, uint64_t n)
{
	return sim_chance(conn->world->server.sim, n);
}

/* ---- sending ---- */

/* One more element of the message under way; returns what waits for it. */
static struct pending *add(struct conn *conn, enum pending_kind kind,
	uint16_t command, uint32_t flags, const struct wire_type *type,
	const void *body)
{
	struct pending *pending = conn->pending;
	struct wire_buf out = {
		conn->message, sizeof(conn->message), conn->n, conn->n, 0};
	const struct smb2_header header = {.command = command,
		.credit_charge = conn->dialect > 0x0202,
		.credits = (uint16_t)(1 + chance(conn, 6)),
		.flags = flags,
		.message_id = conn->message_id,
		.session_id = conn->session_id,
		.tree_id = conn->tree_id};

	if (conn->n > 0) {
		wire_buf_zero(&out, (8 - conn->n % 8) % 8);
		wire_put32(conn->message + conn->element + 20,
			(uint32_t)(out.n - conn->element));
		out.base = out.n;
	}
	conn->element = out.n;
	must(smb2_header_encode(&header, &out) == 0);
	must(wire_encode(type, body, &out) == 0);
	conn->n = out.n;
	while (pending->used) {
		pending++;
	}
	must(pending < conn->pending + CONN_PENDING);
	*pending = (struct pending){.used = true,
		.kind = kind,
		.id = conn->message_id++,
		.sent = ++conn->world->clock};
	conn->credits--;
	return pending;
}

static void sign(struct conn *conn)
{
	size_t at = 0, next;

	do {
		uint8_t *p = conn->message + at;

		next = wire_get32(p + 20);
		wire_put32(p + 16, wire_get32(p + 16) | SMB2_FLAGS_SIGNED);
		must(crypto_sign(&conn->keys.signing, p,
			     next > 0 ? next : conn->n - at) == 0);
		at += next;
	} while (next > 0);
}

static void send(struct conn *conn)
{
	struct blob *blob = blob_create(conn->n);

	must(blob != NULL);
	if (conn->sign) {
		sign(conn);
	}
	memcpy(blob->data, conn->message, conn->n);
	blob->n = conn->n;
	conn->n = conn->element = 0;
	sim_send(conn->peer, blob);
}

/* ---- the way in ---- */

static void send_negotiate(struct conn *conn)
{
	static const uint8_t contexts[] = {1, 0, 8, 0, 0, 0, 0, 0, 1, 0, 2, 0,
		1, 0, 7, 7, 8, 0, 4, 0, 0, 0, 0, 0, 1, 0, 1, 0};
	uint8_t dialects[2];
	struct smb2_negotiate_request body = {.dialect_count = 1,
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.dialects = wire_view_of(dialects, 2)};

	body.client_guid.b[0] = (uint8_t)(conn->client + 1);
	wire_put16(dialects, conn->dialect);
	if (conn->dialect == 0x0311) {
		body.negotiate_context_count = 2;
		body.negotiate_context_list =
			wire_view_of(contexts, sizeof(contexts));
	}
	add(conn, PENDING_NEGOTIATE, SMB2_NEGOTIATE, 0,
		&smb2_negotiate_request_type, &body);
	must(crypto_preauth_update(
		     conn->preauth, wire_view_of(conn->message, conn->n)) == 0);
	send(conn);
}

static void user(const struct conn *conn, char ret_name[32])
{
	snprintf(ret_name, 32, "user%u", conn->client);
}

/* The session before goes, and its locks with it, once this one is there. */
static void forget_before(struct conn *conn)
{
	for (struct conn *c = conn->world->conns; c != NULL; c = c->next) {
		if (c != conn && c->client == conn->client) {
			c->leaving = true;
			world_unlocked(conn->world, UINT_MAX, c);
		}
	}
}

static void send_session(struct conn *conn)
{
	char name[32];
	struct smb2_session_setup_request body = {.security_mode = 1};

	user(conn, name);
	if (chance(conn, 20) == 0) {
		name[0] = '?'; /* an unknown one */
	}
	if (chance(conn, 2) == 0) {
		body.previous_session_id = conn->world->sessions[conn->client];
		forget_before(conn);
	}
	body.buffer = wire_view_of(name, strlen(name));
	add(conn, PENDING_SESSION, SMB2_SESSION_SETUP, 0,
		&smb2_session_setup_request_type, &body);
	must(crypto_preauth_update(
		     conn->preauth, wire_view_of(conn->message, conn->n)) == 0);
	send(conn);
}

static void send_tree(struct conn *conn)
{
	const struct smb2_tree_connect_request body = {
		.buffer = sim_server_share()};

	add(conn, PENDING_TREE, SMB2_TREE_CONNECT, 0,
		&smb2_tree_connect_request_type, &body);
	send(conn);
}

static struct pending *add_create(struct conn *conn, enum pending_kind kind,
	const char *name, uint32_t options)
{
	uint8_t text[64];
	int n = wire_utf8_to_utf16(name, text, sizeof(text));
	const struct smb2_create_request body = {
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA | FILE_WRITE_DATA | DELETE,
		.share_access =
			FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		.create_disposition = FILE_OPEN_IF,
		.create_options = options,
		.name = wire_view_of(text, (size_t)n)};

	return add(
		conn, kind, SMB2_CREATE, 0, &smb2_create_request_type, &body);
}

/* ---- what a client does ---- */

static void do_read(struct conn *conn, unsigned int region)
{
	const struct smb2_read_request body = {.length = SIM_REGION,
		.offset = region * SIM_REGION,
		.file_id = conn->data};

	add(conn, PENDING_READ, SMB2_READ, 0, &smb2_read_request_type, &body)
		->region = region;
}

static void do_write(struct conn *conn, unsigned int region)
{
	uint8_t data[SIM_REGION];
	const uint64_t value = world_write_begins(conn->world, region);
	const struct smb2_write_request body = {.length = SIM_REGION,
		.offset = region * SIM_REGION,
		.file_id = conn->data,
		.buffer = wire_view_of(data, SIM_REGION)};
	struct pending *pending;

	for (size_t i = 0; i < SIM_REGION; i += 8) {
		wire_put64(data + i, value);
	}
	pending = add(conn, PENDING_WRITE, SMB2_WRITE, 0,
		&smb2_write_request_type, &body);
	pending->region = region;
	pending->value = value;
}

static bool waits(
	const struct conn *conn, enum pending_kind kind, unsigned int region)
{
	for (unsigned int i = 0; i < CONN_PENDING; i++) {
		const struct pending *p = &conn->pending[i];

		if (p->used && p->kind == kind && p->region == region) {
			return true;
		}
	}
	return false;
}

static void do_lock(struct conn *conn, unsigned int region, uint32_t flags)
{
	const struct smb2_lock_element element = {.offset = region * SIM_REGION,
		.length = SIM_REGION,
		.flags = flags};
	uint8_t bytes[24];
	struct wire_buf out = {bytes, sizeof(bytes), 0, 0, 0};
	struct smb2_lock_request body = {
		.lock_count = 1, .file_id = conn->data};
	bool unlock = flags == SMB2_LOCKFLAG_UNLOCK;

	must(wire_encode(&smb2_lock_element_type, &element, &out) == 0);
	body.locks = wire_view_of(bytes, sizeof(bytes));
	if (unlock) {
		world_unlocked(conn->world, region, conn);
	}
	add(conn, unlock ? PENDING_UNLOCK : PENDING_LOCK, SMB2_LOCK, 0,
		&smb2_lock_request_type, &body)
		->region = region;
}

static void do_some_lock(struct conn *conn, unsigned int region)
{
	uint32_t flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK;

	for (unsigned int i = 0; i < SIM_REGIONS && chance(conn, 8) > 0; i++) {
		if (conn->world->regions[i].holder == conn) {
			region = i;
		}
	}
	if (conn->world->regions[region].holder == conn) {
		do_lock(conn, region, SMB2_LOCKFLAG_UNLOCK);
	} else if (!waits(conn, PENDING_LOCK, region) &&
		   !waits(conn, PENDING_UNLOCK, region)) {
		if (chance(conn, 2) == 0) {
			flags |= SMB2_LOCKFLAG_FAIL_IMMEDIATELY;
		}
		do_lock(conn, region, flags);
	}
}

static void do_notify(struct conn *conn)
{
	const struct smb2_change_notify_request body = {.file_id = conn->root,
		.output_buffer_length = 1024,
		.completion_filter = FILE_NOTIFY_CHANGE_FILE_NAME};

	add(conn, PENDING_NOTIFY, SMB2_CHANGE_NOTIFY, 0,
		&smb2_change_notify_request_type, &body);
}

static void do_cancel(struct conn *conn, struct pending *pending)
{
	const struct smb2_cancel_request body = {0};
	struct smb2_header_async async = {.command = SMB2_CANCEL,
		.flags = SMB2_FLAGS_ASYNC_COMMAND,
		.message_id = pending->id,
		.async_id = pending->async_id,
		.session_id = conn->session_id};
	const struct smb2_header sync = {.command = SMB2_CANCEL,
		.message_id = pending->id,
		.session_id = conn->session_id};
	struct wire_buf out = {conn->message, sizeof(conn->message), 0, 0, 0};

	must((pending->interim ? smb2_header_async_encode(&async, &out)
			       : smb2_header_encode(&sync, &out)) == 0);
	must(wire_encode(&smb2_cancel_request_type, &body, &out) == 0);
	conn->n = out.n;
	pending->cancelled = true;
	send(conn);
}

static void do_some_cancel(struct conn *conn)
{
	struct pending *pending = &conn->pending[chance(conn, CONN_PENDING)];

	if (pending->used && (pending->kind == PENDING_LOCK ||
				     pending->kind == PENDING_NOTIFY)) {
		do_cancel(conn, pending);
	}
}

static void do_close(struct conn *conn, struct smb2_fileid id, uint32_t flags)
{
	const struct smb2_close_request body = {.file_id = id};

	add(conn, PENDING_OTHER, SMB2_CLOSE, flags, &smb2_close_request_type,
		&body);
}

/* CREATE, WRITE and CLOSE in one message. */
static void do_compound(struct conn *conn)
{
	const struct smb2_fileid unknown = UNKNOWN_ID;
	const struct smb2_write_request body = {.length = 3,
		.file_id = unknown,
		.buffer = wire_view_of("abc", 3)};

	if (conn->credits < 3 || conn_unanswered(conn) > 16) {
		return;
	}
	add_create(conn, PENDING_OTHER, "compound", FILE_NON_DIRECTORY_FILE);
	add(conn, PENDING_OTHER, SMB2_WRITE, RELATED, &smb2_write_request_type,
		&body);
	do_close(conn, unknown, RELATED);
}

static void do_temporary(struct conn *conn)
{
	char name[32];

	snprintf(name, sizeof(name), "temporary%u",
		(unsigned int)chance(conn, 4));
	add_create(conn, PENDING_TEMP, name,
		FILE_NON_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE);
}

static void do_logoff(struct conn *conn)
{
	const struct smb2_logoff_request body = {0};
	const struct smb2_tree_disconnect_request tree = {0};

	conn->leaving = true;
	world_unlocked(conn->world, UINT_MAX, conn);
	if (chance(conn, 2) == 0) {
		add(conn, PENDING_OTHER, SMB2_LOGOFF, 0,
			&smb2_logoff_request_type, &body);
	} else {
		add(conn, PENDING_OTHER, SMB2_TREE_DISCONNECT, 0,
			&smb2_tree_disconnect_request_type, &tree);
	}
}

static void do_flush(struct conn *conn)
{
	const struct smb2_flush_request body = {.file_id = conn->data};

	add(conn, PENDING_OTHER, SMB2_FLUSH, 0, &smb2_flush_request_type,
		&body);
}

static void do_list(struct conn *conn)
{
	static const uint8_t all[] = {'*', 0};
	const struct smb2_query_directory_request body = {
		.file_information_class = FileNamesInformation,
		.flags = chance(conn, 2) == 0 ? SMB2_RESTART_SCANS : 0,
		.file_id = conn->root,
		.output_buffer_length = 1024,
		.buffer = wire_view_of(all, sizeof(all))};

	add(conn, PENDING_OTHER, SMB2_QUERY_DIRECTORY, 0,
		&smb2_query_directory_request_type, &body);
}

static void do_echo(struct conn *conn)
{
	const struct smb2_echo_request body = {0};

	add(conn, PENDING_OTHER, SMB2_ECHO, 0, &smb2_echo_request_type, &body);
}

/* Ways to end a connection. */
static void leave(struct conn *conn)
{
	struct blob *blob;

	switch (chance(conn, 3)) {
	case 0:
		sim_cut(conn->peer);
		break;
	case 1:
		sim_hang_up(conn->peer);
		break;
	default:
		blob = blob_create(70);
		must(blob != NULL);
		memset(blob->data, 0x42, 70);
		blob->n = 70;
		conn->leaving = true;
		sim_send(conn->peer, blob);
		break;
	}
}

static void do_something(struct conn *conn)
{
	unsigned int region = (unsigned int)chance(conn, SIM_REGIONS);
	uint64_t n = chance(conn, 100);

	if (n < 30) {
		do_read(conn, region);
	} else if (n < 60) {
		do_write(conn, region);
	} else if (n < 78) {
		do_some_lock(conn, region);
	} else if (n < 84) {
		do_compound(conn);
	} else if (n < 90) {
		do_temporary(conn);
	} else if (n < 94) {
		do_notify(conn);
	} else if (n < 95) {
		do_flush(conn);
	} else if (n < 97) {
		do_list(conn);
	} else if (n < 99) {
		do_echo(conn);
	} else {
		do_logoff(conn);
	}
}

void conn_act(struct conn *conn)
{
	if (chance(conn, 150) == 0) {
		leave(conn);
	} else if (conn->ready && !conn->leaving && chance(conn, 10) == 0) {
		do_some_cancel(conn);
	} else if (conn->ready && !conn->leaving && conn->credits > 0 &&
		   conn_unanswered(conn) < CONN_PENDING) {
		do_something(conn);
		if (conn->n > 0) {
			send(conn);
		}
	}
}

void conn_quiet(struct conn *conn)
{
	for (unsigned int i = 0; i < CONN_PENDING && conn->ready; i++) {
		struct pending *p = &conn->pending[i];

		if (p->used && !p->cancelled &&
			(p->kind == PENDING_LOCK ||
				p->kind == PENDING_NOTIFY)) {
			do_cancel(conn, p);
		}
	}
}

unsigned int conn_unanswered(const struct conn *conn)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CONN_PENDING; i++) {
		n += conn->pending[i].used;
	}
	return n;
}

/* ---- answers ---- */

static void next_in(
	struct conn *conn, const struct pending *pending, struct wire_view pdu)
{
	struct smb2_create_response create;

	if (pending->kind == PENDING_NEGOTIATE) {
		send_session(conn);
	} else if (pending->kind == PENDING_SESSION) {
		conn->world->sessions[conn->client] = conn->session_id;
		conn->sign = true;
		send_tree(conn);
	} else if (pending->kind == PENDING_TREE) {
		add_create(
			conn, PENDING_DATA, "common", FILE_NON_DIRECTORY_FILE);
		send(conn);
	} else if (wire_decode(&smb2_create_response_type, pdu, &create,
			   NULL) != 0) {
		world_broken(conn->world, "a CREATE response is malformed");
	} else if (pending->kind == PENDING_DATA) {
		conn->data = create.file_id;
		add_create(conn, PENDING_ROOT, "", FILE_DIRECTORY_FILE);
		send(conn);
	} else if (pending->kind == PENDING_ROOT) {
		conn->root = create.file_id;
		conn->ready = true;
	} else if (!conn->leaving && conn->credits > 0 &&
		   conn_unanswered(conn) < CONN_PENDING) {
		do_close(conn, create.file_id, 0);
		send(conn);
	}
}

static void answered_read(struct conn *conn, const struct pending *pending,
	struct wire_view pdu, uint32_t status)
{
	struct smb2_read_response body = {0};

	if (status == STATUS_SUCCESS &&
		wire_decode(&smb2_read_response_type, pdu, &body, NULL) != 0) {
		world_broken(conn->world, "a READ response is malformed");
		return;
	}
	world_passed(conn->world, pending->region, conn, pending->sent, true);
	world_read(conn->world, pending->region, pending->sent, body.buffer.p,
		body.buffer.n);
}

static void answered_io(struct conn *conn, const struct pending *pending,
	struct wire_view pdu, uint32_t status)
{
	struct world *world = conn->world;
	enum world_outcome outcome = WORLD_UNKNOWN;

	if (status == STATUS_SUCCESS || status == STATUS_END_OF_FILE) {
		outcome = WORLD_DONE;
	} else if (status == STATUS_FILE_LOCK_CONFLICT) {
		outcome = WORLD_REFUSED;
		world->refused++;
		world_passed(
			world, pending->region, conn, pending->sent, false);
	} else if (!conn->leaving) {
		world_broken(world, "status %08x of I/O", status);
	}
	if (pending->kind == PENDING_WRITE) {
		if (outcome == WORLD_DONE) {
			world_passed(world, pending->region, conn,
				pending->sent, true);
		}
		world_write_ends(
			world, pending->region, pending->value, outcome);
	} else if (outcome == WORLD_DONE) {
		answered_read(conn, pending, pdu, status);
	}
}

static void answered_lock(
	struct conn *conn, const struct pending *pending, uint32_t status)
{
	if (status == STATUS_SUCCESS && pending->kind == PENDING_LOCK) {
		if (!conn->leaving) {
			world_locked(conn->world, pending->region, conn);
		}
	} else if (status != STATUS_SUCCESS && !conn->leaving &&
		   (pending->kind == PENDING_UNLOCK ||
			   (status != STATUS_LOCK_NOT_GRANTED &&
				   status != STATUS_CANCELLED))) {
		world_broken(conn->world, "status %08x of LOCK", status);
	}
}

static void final(struct conn *conn, const struct pending *pending,
	const struct smb2_header *header, struct wire_view pdu)
{
	switch (pending->kind) {
	case PENDING_READ:
	case PENDING_WRITE:
		answered_io(conn, pending, pdu, header->status);
		break;
	case PENDING_LOCK:
	case PENDING_UNLOCK:
		answered_lock(conn, pending, header->status);
		break;
	case PENDING_NOTIFY:
	case PENDING_OTHER:
		break;
	default:
		if (header->status == STATUS_SUCCESS) {
			next_in(conn, pending, pdu);
		} else if (pending->kind != PENDING_TEMP) {
			sim_hang_up(conn->peer);
		}
		break;
	}
}

static struct pending *find(struct conn *conn, uint64_t id)
{
	for (unsigned int i = 0; i < CONN_PENDING; i++) {
		if (conn->pending[i].used && conn->pending[i].id == id) {
			return &conn->pending[i];
		}
	}
	return NULL;
}

/* Keys are there when the response that ends the logon is to be checked. */
static void learn_keys(struct conn *conn, const struct smb2_header *header)
{
	uint8_t key[16];
	char name[32];

	conn->session_id = header->session_id;
	user(conn, name);
	sim_server_key(name, key);
	must(crypto_derive(conn->dialect, key, sizeof(key), conn->preauth,
		     conn->dialect < 0x0300 ? 0 : 1, 1, &conn->keys) == 0);
}

static void element(struct conn *conn, struct wire_view pdu)
{
	struct world *world = conn->world;
	struct smb2_header header;
	struct pending *pending, was;

	if (smb2_header_decode(pdu, &header) != 0 ||
		!(pending = find(conn, header.message_id))) {
		world_broken(world, "an answer to nothing");
		return;
	}
	conn->credits += header.credits;
	if (conn->credits > SIM_CREDITS || conn->credits < 0) {
		world_broken(world, "%lld credits", (long long)conn->credits);
	}
	if (header.status == STATUS_PENDING) {
		if (pending->interim) {
			world_broken(world, "two interim responses");
		}
		pending->interim = true;
		pending->async_id = wire_get64(pdu.p + 32);
		world->interims++;
		return;
	}
	if (pending->kind == PENDING_NEGOTIATE) {
		must(crypto_preauth_update(conn->preauth, pdu) == 0);
	} else if (pending->kind == PENDING_SESSION && !header.status) {
		learn_keys(conn, &header);
	} else if (pending->kind == PENDING_TREE) {
		conn->tree_id = header.tree_id;
	}
	if (header.flags & SMB2_FLAGS_SIGNED &&
		!crypto_verify(&conn->keys.signing, pdu)) {
		world_broken(world, "a signature is wrong");
	}
	was = *pending;
	pending->used = false;
	world->answers++;
	final(conn, &was, &header, pdu);
}

static void received(void *ctx, struct blob *message)
{
	struct conn *conn = ctx;
	size_t at = 0, next;

	do {
		if (message->n < at + 64) {
			world_broken(conn->world, "a message is cut off");
			break;
		}
		next = wire_get32(message->data + at + 20);
		element(conn, wire_view_of(message->data + at,
				      next > 0 ? next : message->n - at));
		at += next;
	} while (next > 0);
	blob_release(message);
	if (conn_unanswered(conn) == 0 && conn->credits < 1) {
		world_broken(conn->world, "a client has no credit left");
	}
}

static void gone(void *ctx)
{
	struct conn *conn = ctx;

	if (conn->gone) {
		world_broken(conn->world, "an end came twice");
	}
	conn->gone = true;
	conn->world->lost++;
}

struct conn *conn_open(struct world *world, unsigned int client)
{
	static const uint16_t dialects[] = {
		0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct conn *conn = calloc(1, sizeof(*conn));
	const struct sim_peer_user peer = {conn, received, gone};

	must(conn != NULL);
	conn->world = world;
	conn->client = client;
	conn->credits = 1;
	conn->dialect = dialects[sim_chance(world->server.sim, 5)];
	world->connecting = conn;
	conn->peer = sim_connect(world->server.sim, &peer);
	if (conn->peer == NULL) {
		free(conn);
		return NULL;
	}
	conn->next = world->conns;
	world->conns = conn;
	send_negotiate(conn);
	return conn;
}
