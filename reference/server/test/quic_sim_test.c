/* SPDX-License-Identifier: MIT */
/*
 * The real engine behind the real QUIC transport, clients with real QUIC
 * endpoints, and between them a network in memory that loses up to 20 % of the
 * packets, reorders, doubles and damages others and moves clients to other
 * ports. Every client writes a file and reads it back; at the end the server
 * holds exactly what was written. Each seed is another run:
 *	quic_sim			50 of them
 *	quic_sim LAST			1 to LAST
 *	quic_sim FIRST LAST		likewise
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "files/memory.h"
#include "server/test/sim_auth.h"
#include "transport/quic.h"
#include "transport/quic_ep.h"
#include "transport/simnet.h"
#include "wire/all.h"

#define SECOND 1000000000ull
#define MS 1000000ull
#define CLIENTS 3
#define CHUNK 49152
#define AHEAD 4 /* requests under way at a time */
/* A handshake cannot change its path, and a new path that is not proved in time
 * because its packets are lost ends the connection: the client comes again. */
#define ATTEMPTS 12
#define LIMIT (900 * SECOND)
#define FILETIME_START 133000000000000000ull

enum step { NEGOTIATE, SETUP, TREE, CREATE, WRITING, READING, CLOSING, DONE };

struct world;

struct client {
	struct world *world;
	unsigned int number, attempts;
	struct quic_ep *ep;
	int fd;
	struct io_op in, out;
	struct io_datagram room, datagram;
	struct io_timer timer;
	struct quic_path path;
	uint8_t bytes[2048], packet[2048];
	bool sending, over;
	struct quic_end end;
	enum step step;
	uint64_t message_id, session_id;
	uint32_t tree_id;
	struct smb2_fileid file;
	size_t size, asked, answered; /* bytes of the file */
	uint64_t offsets[AHEAD];      /* of requests under way, by id */
};

struct world {
	uint64_t seed;
	const char *broken; /* what went wrong */
	struct simnet *net;
	const struct io_port *io;
	struct engine *engine;
	struct quic_tls *server_tls, *client_tls;
	struct quic *quic;
	struct sim_auth auth;
	struct host_port host;
	struct engine_share share;
	struct sockaddr_storage server;
	struct impair_config network;
	struct client clients[CLIENTS];
	uint64_t random;
	/* Of all runs. */
	uint64_t lost, reordered, rebound, handshakes, connections;
	uint64_t packets;
};

static void broken(struct world *world, const char *why)
{
	if (world->broken == NULL) {
		world->broken = why;
	}
}

/* ---- the server ---- */

static uint64_t filetime(void *ctx)
{
	const struct world *world = ctx;

	return FILETIME_START + world->io->now(world->io->ctx) / 100;
}

static void judge(struct wire_view token, struct auth_result *ret_result)
{
	(void)token;
	ret_result->outcome = AUTH_DONE;
	ret_result->identity.anonymous = true;
}

static void host_random(void *ctx, void *ret_bytes, size_t n)
{
	struct world *world = ctx;
	uint8_t *p = ret_bytes;

	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)impair_chance(&world->random, 256);
	}
}

static void host_log(
	void *ctx, enum log_level level, const char *event, const char *detail)
{
	(void)ctx;
	(void)level;
	(void)event;
	(void)detail;
}

static void *server_accepted(void *ctx, struct link *link)
{
	struct world *world = ctx;

	engine_advance(world->engine, filetime(world));
	return engine_accept(world->engine, link);
}

static void server_input(void *conn, struct blob *message)
{
	engine_input(conn, message);
}

static void server_gone(void *conn)
{
	engine_gone(conn);
}

static void start_engine(struct world *world)
{
	struct engine_config config = {.min_dialect = 0x0202,
		.max_dialect = 0x0311,
		.sign = POLICY_OFFERED,
		.encrypt = POLICY_OFFERED,
		.ciphers = {2},
		.signings = {1},
		.max_transact = 1u << 20,
		.max_read = 1u << 20,
		.max_write = 1u << 20,
		.max_credits = 512,
		.max_connections = 64,
		.max_sessions = 64,
		.max_opens = 1000,
		.idle_session_ns = 900 * SECOND,
		.shares = &world->share,
		.share_count = 1};
	const struct engine_ports ports = {&world->auth.port, &world->host};

	sim_auth_init(&world->auth, judge);
	world->host = (struct host_port){world, host_random, host_log};
	snprintf(world->share.name, sizeof(world->share.name), "data");
	world->share.guest_ok = true;
	world->share.files = files_memory_create(filetime, world, 64ull << 20);
	assert_non_null(world->share.files);
	world->engine = engine_create(&config, &ports);
	assert_non_null(world->engine);
}

static void start_server(struct world *world)
{
	const struct quic_limits limits = {.max_message = (1u << 20) + 65536,
		.max_connections = 64,
		.queue_high = 1u << 20,
		.stall_ns = 300 * SECOND,
		.handshake_ns = 60 * SECOND,
		.retry = world->seed % 3 == 0 ? QUIC_RETRY_ALWAYS
					      : QUIC_RETRY_BUSY};
	const struct transport_user user = {
		world, server_accepted, server_input, server_gone, host_log};
	struct impair_config network = world->network;
	int fd;

	network.rebind = 0;
	network.seed += 17;
	fd = simnet_socket(world->net, &network, &world->server);
	world->quic = quic_create(world->io, &limits, &user, world->server_tls);
	assert_non_null(world->quic);
	assert_int_equal(quic_listen_on(world->quic, fd, &world->server), 0);
}

/* ---- a client ---- */

static uint8_t content(
	const struct world *world, unsigned int number, size_t at)
{
	uint64_t x = at + world->seed * 7919 + number * 104729;

	x ^= x >> 13;
	return (uint8_t)((x * 0x9e3779b97f4a7c15u) >> 33);
}

static void flush(struct client *client)
{
	const struct io_port *io = client->world->io;
	struct quic_path path;
	size_t n, segment;
	uint8_t ecn;

	if (client->ep == NULL || client->sending) {
		return;
	}
	n = quic_ep_output(client->ep, client->packet, sizeof(client->packet),
		&segment, &path, &ecn, io->now(io->ctx));
	if (n > 0) {
		client->sending = true;
		client->datagram.data = (struct iovec){client->packet, n};
		client->datagram.segment = n > segment ? (uint16_t)segment : 0;
		client->datagram.ecn = ecn;
		memcpy(&client->datagram.remote, &path.remote,
			sizeof(path.remote));
		client->datagram.remote_size = sizeof(path.remote.in);
		io->send_datagram(
			io->ctx, &client->out, client->fd, &client->datagram);
	} else if (quic_ep_expiry(client->ep) != UINT64_MAX) {
		io->timer_set(
			io->ctx, &client->timer, quic_ep_expiry(client->ep));
	}
}

static void client_sent(struct io_op *op, int result)
{
	struct client *client =
		(struct client *)((char *)op - offsetof(struct client, out));

	(void)result;
	client->sending = false;
	flush(client);
}

static void client_due(struct io_timer *timer)
{
	struct client *client =
		(struct client *)((char *)timer -
				  offsetof(struct client, timer));
	const struct io_port *io = client->world->io;

	if (client->ep != NULL) {
		quic_ep_expire(client->ep, io->now(io->ctx));
		flush(client);
	}
}

static void client_received(struct io_op *op, int result)
{
	struct client *client =
		(struct client *)((char *)op - offsetof(struct client, in));
	const struct io_port *io = client->world->io;

	if (result == -ECANCELED) {
		return;
	}
	if (client->ep != NULL && result > 0) {
		quic_ep_input(client->ep, &client->path, client->room.ecn,
			client->bytes, (size_t)result, io->now(io->ctx));
	}
	io->recv_datagram(io->ctx, op, client->fd, &client->room);
	flush(client);
}

static void request(struct client *client, uint16_t command,
	const struct wire_type *type, const void *body)
{
	struct smb2_header header = {.credit_charge = 1,
		.command = command,
		.credits = 16,
		.message_id = client->message_id++,
		.tree_id = client->tree_id,
		.session_id = client->session_id};
	struct blob *blob = blob_create(CHUNK + 1024);
	struct wire_buf out;

	assert_non_null(blob);
	out = (struct wire_buf){blob->data, blob->cap, 0, 0, 0};
	if (command == SMB2_NEGOTIATE) {
		header.credit_charge = 0;
	}
	assert_int_equal(smb2_header_encode(&header, &out), 0);
	assert_int_equal(wire_encode_message(type, body, &out), 0);
	blob->n = out.n;
	if (quic_ep_send(client->ep, blob) < 0) {
		broken(client->world, "a request could not be sent");
	}
}

static void send_negotiate(struct client *client)
{
	static const uint8_t contexts[] = {1, 0, 8, 0, 0, 0, 0, 0, 1, 0, 2, 0,
		1, 0, 7, 7, 8, 0, 4, 0, 0, 0, 0, 0, 1, 0, 1, 0};
	static const uint8_t dialect[] = {0x11, 0x03};
	struct smb2_negotiate_request body = {.dialect_count = 1,
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.capabilities = SMB2_GLOBAL_CAP_LARGE_MTU,
		.negotiate_context_count = 2,
		.negotiate_context_list =
			wire_view_of(contexts, sizeof(contexts)),
		.dialects = wire_view_of(dialect, 2)};

	body.client_guid.b[0] = (uint8_t)(client->number + 1);
	request(client, SMB2_NEGOTIATE, &smb2_negotiate_request_type, &body);
}

static void send_setup(struct client *client)
{
	const struct smb2_session_setup_request body = {
		.security_mode = 1, .buffer = wire_view_of("nobody", 6)};

	request(client, SMB2_SESSION_SETUP, &smb2_session_setup_request_type,
		&body);
}

static void send_tree(struct client *client)
{
	struct smb2_tree_connect_request body = {0};
	uint8_t path[64];
	int n = wire_utf8_to_utf16("\\\\server\\data", path, sizeof(path));

	body.buffer = wire_view_of(path, (size_t)n);
	request(client, SMB2_TREE_CONNECT, &smb2_tree_connect_request_type,
		&body);
}

static void file_name(const struct client *client, char ret_name[16])
{
	snprintf(ret_name, 16, "file%u", client->number);
}

static void send_create(struct client *client)
{
	char name[16];
	uint8_t text[64];
	int n;

	file_name(client, name);
	n = wire_utf8_to_utf16(name, text, sizeof(text));
	const struct smb2_create_request body = {
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA | FILE_WRITE_DATA,
		.share_access = FILE_SHARE_READ | FILE_SHARE_WRITE,
		.create_disposition = FILE_OPEN_IF,
		.name = wire_view_of(text, (size_t)n)};

	request(client, SMB2_CREATE, &smb2_create_request_type, &body);
}

/* The next piece to write or to read; false when all are asked for. */
static bool ask(struct client *client)
{
	static uint8_t data[CHUNK];
	size_t at = client->asked, n = client->size - at;

	if (n == 0) {
		return false;
	}
	n = n < CHUNK ? n : CHUNK;
	client->offsets[client->message_id % AHEAD] = at;
	client->asked += n;
	if (client->step == READING) {
		const struct smb2_read_request body = {.length = (uint32_t)n,
			.offset = at,
			.file_id = client->file};

		request(client, SMB2_READ, &smb2_read_request_type, &body);
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		data[i] = content(client->world, client->number, at + i);
	}
	const struct smb2_write_request body = {.length = (uint32_t)n,
		.offset = at,
		.file_id = client->file,
		.buffer = wire_view_of(data, n)};

	request(client, SMB2_WRITE, &smb2_write_request_type, &body);
	return true;
}

static void begin_phase(struct client *client, enum step step)
{
	client->step = step;
	client->asked = client->answered = 0;
	for (unsigned int i = 0; i < AHEAD && ask(client); i++) {
	}
}

static void check_read(struct client *client, uint64_t id, struct wire_view pdu)
{
	size_t at = (size_t)client->offsets[id % AHEAD];
	struct smb2_read_response body;

	if (smb2_read_response_decode(pdu, &body) < 0) {
		broken(client->world, "an answer to READ has no layout");
		return;
	}
	client->answered += body.buffer.n;
	for (size_t i = 0; i < body.buffer.n; i++) {
		if (body.buffer.p[i] !=
			content(client->world, client->number, at + i)) {
			broken(client->world, "a file was read with other "
					      "contents");
			return;
		}
	}
}

static void transferred(struct client *client, const struct smb2_header *header,
	struct wire_view pdu)
{
	const struct smb2_close_request close = {.file_id = client->file};
	struct smb2_write_response written;

	if (header->command == SMB2_READ) {
		check_read(client, header->message_id, pdu);
	} else if (smb2_write_response_decode(pdu, &written) == 0) {
		client->answered += written.count;
	}
	if (ask(client) || client->answered < client->size) {
		return;
	}
	if (client->step == WRITING) {
		begin_phase(client, READING);
	} else {
		client->step = CLOSING;
		request(client, SMB2_CLOSE, &smb2_close_request_type, &close);
	}
}

static void opened(struct client *client, struct wire_view pdu)
{
	struct smb2_create_response body;

	if (smb2_create_response_decode(pdu, &body) < 0) {
		broken(client->world, "an answer to CREATE has no layout");
		return;
	}
	client->file = body.file_id;
	begin_phase(client, WRITING);
}

static void go_on(struct client *client, const struct smb2_header *header,
	struct wire_view pdu)
{
	const struct io_port *io = client->world->io;

	switch (client->step) {
	case NEGOTIATE:
		client->step = SETUP;
		send_setup(client);
		break;
	case SETUP:
		client->session_id = header->session_id;
		client->step = TREE;
		send_tree(client);
		break;
	case TREE:
		client->tree_id = header->tree_id;
		client->step = CREATE;
		send_create(client);
		break;
	case CREATE:
		opened(client, pdu);
		break;
	case WRITING:
	case READING:
		transferred(client, header, pdu);
		break;
	case CLOSING:
		client->step = DONE;
		quic_ep_close(client->ep, 0, true, io->now(io->ctx));
		break;
	case DONE:
		break;
	}
}

static void client_message(void *ctx, struct blob *message)
{
	struct client *client = ctx;
	struct wire_view pdu = wire_view_of(message->data, message->n);
	struct smb2_header header;

	if (smb2_header_decode(pdu, &header) < 0) {
		broken(client->world, "an answer has no header");
	} else if (header.status == STATUS_PENDING) {
		/* The answer follows. */
	} else if (header.status != 0) {
		broken(client->world, "a request failed");
	} else {
		go_on(client, &header, pdu);
	}
	blob_release(message);
}

static void client_ready(void *ctx)
{
	struct client *client = ctx;
	struct impair_config network = client->world->network;

	/* From now on the client may be moved to another port. */
	network.seed += 100 * client->number;
	simnet_change(client->world->net, client->fd, &network);
	send_negotiate(client);
}

static void client_over(void *ctx, const struct quic_end *end)
{
	struct client *client = ctx;

	client->over = true;
	client->end = *end;
}

static void connect_client(struct client *client)
{
	struct world *world = client->world;
	const struct quic_ep_user user = {.ctx = client,
		.ready = client_ready,
		.message = client_message,
		.over = client_over};
	const struct quic_ep_config config = {.tls = world->client_tls,
		.peer = {.name = "server"},
		.max_message = (1u << 20) + 65536,
		.handshake_ns = 60 * SECOND,
		.keep_alive_ns = SECOND};
	struct impair_config network = world->network;
	struct sockaddr_storage local;

	network.seed += 100 * client->number + 10007 * ++client->attempts;
	network.rebind = 0;
	client->fd = simnet_socket(world->net, &network, &local);
	memcpy(&client->path.local, &local, sizeof(client->path.local));
	memcpy(&client->path.remote, &world->server,
		sizeof(client->path.remote));
	client->room.data =
		(struct iovec){client->bytes, sizeof(client->bytes)};
	client->in.done = client_received;
	client->out.done = client_sent;
	client->timer.due = client_due;
	client->over = false;
	client->step = NEGOTIATE;
	client->message_id = client->session_id = client->tree_id = 0;
	assert_int_equal(quic_ep_connect(&config, &user, &client->path,
				 world->io->now(world->io->ctx), &client->ep),
		0);
	world->io->recv_datagram(
		world->io->ctx, &client->in, client->fd, &client->room);
	flush(client);
}

static void close_client(struct client *client)
{
	struct world *world = client->world;
	const struct impair *impair = simnet_impair(world->net, client->fd);

	world->packets += impair->packets;
	world->lost += impair->lost;
	world->reordered += impair->reordered;
	world->rebound += impair->rebound;
	quic_ep_destroy(client->ep);
	client->ep = NULL;
	world->io->timer_clear(world->io->ctx, &client->timer);
	world->io->cancel(world->io->ctx, &client->in);
	while (client->in.pending || client->out.pending) {
		simnet_step(world->net, UINT64_MAX);
	}
	world->io->close(world->io->ctx, client->fd);
}

/* ---- a run ---- */

static struct impair_config network_of(uint64_t seed)
{
	return (struct impair_config){.seed = seed,
		.loss = (uint32_t)(seed % 11) * 20000, /* 0 to 20 % */
		.duplicate = (uint32_t)(seed % 3) * 20000,
		.reorder = (uint32_t)(seed % 5) * 50000,
		.corrupt = (uint32_t)(seed % 4) * 5000,
		.rebind = (uint32_t)(seed % 7) * 500,
		.delay_min = 1 * MS,
		.delay_max = (1 + seed % 30) * MS,
		.overtaken = 20 * MS};
}

static bool attend(struct client *client)
{
	struct world *world = client->world;

	if (!client->over) {
		return client->step == DONE && client->ep == NULL;
	}
	if (client->step == DONE) {
		close_client(client);
		client->over = false;
		return true;
	}
	if (client->attempts == ATTEMPTS) {
		broken(world, client->end.text);
		return true;
	}
	world->handshakes += client->step == NEGOTIATE;
	world->connections += client->step != NEGOTIATE;
	close_client(client);
	connect_client(client);
	return false;
}

static bool all_done(struct world *world)
{
	bool done = true;

	for (unsigned int i = 0; i < CLIENTS; i++) {
		done = attend(&world->clients[i]) && done;
	}
	return done || world->broken != NULL;
}

static bool done_op;

static void files_done(struct files_op *op)
{
	(void)op;
	done_op = true;
}

static void submit(struct world *world, struct files_op *op)
{
	struct files_port *port = world->share.files;

	op->port = port;
	op->done = files_done;
	done_op = false;
	port->submit(port, op);
	assert_true(done_op);
}

/* What the server holds, past all protocols. */
static void check_file(struct world *world, struct client *client)
{
	static uint8_t data[1 << 20];
	static struct files_op op;
	struct auth_identity nobody = {.anonymous = true};
	char name[16];

	file_name(client, name);
	memset(&op, 0, sizeof(op));
	op.verb = FILES_OPEN;
	op.who = &nobody;
	op.path = name;
	op.open.type = FILES_FILE;
	op.open.read = true;
	submit(world, &op);
	if (op.result != 0 || op.stat.size != client->size) {
		broken(world, "a file has another size");
		return;
	}
	op.verb = FILES_READ;
	op.data = data;
	op.offset = 0;
	op.size = client->size;
	submit(world, &op);
	for (size_t i = 0; i < client->size; i++) {
		if (op.transferred != client->size ||
			data[i] != content(world, client->number, i)) {
			broken(world, "a file has other contents");
			break;
		}
	}
	op.verb = FILES_CLOSE;
	submit(world, &op);
}

static bool server_is_quiet(struct world *world)
{
	engine_advance(world->engine, filetime(world));
	return quic_idle(world->quic) && engine_idle(world->engine);
}

static void finish(struct world *world)
{
	uint64_t until = world->io->now(world->io->ctx) + 200 * SECOND;

	for (unsigned int i = 0; i < CLIENTS; i++) {
		if (world->clients[i].ep != NULL) {
			close_client(&world->clients[i]);
		}
	}
	quic_stop_listening(world->quic);
	quic_close_all(world->quic, false);
	while (!server_is_quiet(world) && simnet_step(world->net, until)) {
	}
	if (!server_is_quiet(world)) {
		broken(world, "the server does not come to rest");
	}
	quic_destroy(world->quic);
	engine_destroy(world->engine);
	world->share.files->destroy(world->share.files);
	simnet_destroy(world->net);
}

static void start(struct world *world, uint64_t seed)
{
	world->seed = seed;
	world->random = seed;
	world->network = network_of(seed);
	world->net = simnet_create(1000 * SECOND);
	assert_non_null(world->net);
	world->io = simnet_io(world->net);
	start_engine(world);
	engine_advance(world->engine, filetime(world));
	start_server(world);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		struct client *client = &world->clients[i];

		memset(client, 0, sizeof(*client));
		client->world = world;
		client->number = i;
		client->size =
			(size_t)(1 + impair_chance(&world->random, 400000));
		connect_client(client);
	}
}

static bool play(struct world *world, uint64_t seed)
{
	uint64_t until;

	world->broken = NULL;
	start(world, seed);
	until = world->io->now(world->io->ctx) + LIMIT;
	while (!all_done(world) && simnet_step(world->net, until)) {
	}
	for (unsigned int i = 0; i < CLIENTS; i++) {
		if (world->clients[i].step != DONE) {
			broken(world, "a client did not finish");
		} else {
			check_file(world, &world->clients[i]);
		}
	}
	finish(world);
	if (world->broken != NULL) {
		print_error("seed %llu: %s\n", (unsigned long long)seed,
			world->broken);
	}
	return world->broken == NULL;
}

static uint64_t first_seed = 1, last_seed = 50;

static void every_seed_keeps_the_files(void **state)
{
	static struct world world;
	const struct quic_tls_server server = {0};
	struct quic_tls_client client = {0};
	unsigned int failed = 0;
	char error[256];

	(void)state;
	assert_int_equal(
		quic_tls_server_create(&server, &world.server_tls, error), 0);
	client.fingerprint = quic_tls_fingerprint(world.server_tls);
	assert_int_equal(
		quic_tls_client_create(&client, &world.client_tls, error), 0);
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		failed += !play(&world, seed);
	}
	print_message("%llu runs: clients sent %llu packets, %llu lost, %llu "
		      "late; %llu moves to another port; made anew: %llu "
		      "handshakes, %llu connections\n",
		(unsigned long long)(last_seed - first_seed + 1),
		(unsigned long long)world.packets,
		(unsigned long long)world.lost,
		(unsigned long long)world.reordered,
		(unsigned long long)world.rebound,
		(unsigned long long)world.handshakes,
		(unsigned long long)world.connections);
	assert_int_equal(failed, 0);
	if (last_seed - first_seed >= 20) {
		/* The runs are worth something. */
		assert_true(world.lost > 0 && world.reordered > 0 &&
			    world.rebound > 0);
		/* Connections follow: few moves cost one. */
		assert_true(world.connections * 20 <= world.rebound);
	}
	quic_tls_destroy(world.client_tls);
	quic_tls_destroy(world.server_tls);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_seed_keeps_the_files),
	};

	if (argc > 1) {
		last_seed = strtoull(argv[argc - 1], NULL, 10);
	}
	if (argc > 2) {
		first_seed = strtoull(argv[1], NULL, 10);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
