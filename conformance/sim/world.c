/* SPDX-License-Identifier: MIT */
/* Drivers around the engine; see world.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "auth/gss.h"
#include "authclient/authclient.h"
#include "files/memory.h"
#include "ports/rule.h"
#include "server/config.h"
#include "sim/world.h"
#include "transport/simnet.h"
#include "transport/simstream.h"
#include "transport/tcp.h"

#define UID_NOBODY 65534
#define START 133801632000000000u /* FILETIME: 2025-01-01 */
#define MS 1000000u
#define DELAY_MIN (MS / 20)
#define DELAY_MAX (MS / 2)
#define WINDOW (1u << 20)
#define QUEUE_HIGH (16u << 20)
#define MESSAGE_ROOM 65536 /* headers beside the data of one message */
#define SHARE_BYTES (1ull << 30)
#define END_NS 10000000000u /* connections have so long to end */

struct root {
	const char *path;
	struct files_port *files;
};

struct world {
	struct simnet *net;
	const struct io_port *clock;
	struct simstream *streams;
	struct tcp *tcp;
	struct engine *engine;
	struct host_port host;
	struct root roots[CONFIG_SHARES_MAX];
	struct engine_share shares[CONFIG_SHARES_MAX];
	uint64_t random;
};

static struct config config;
static struct auth_port *auth;
static struct auth_port named; /* the same with ids of our own */

static void must(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "smb3x-check-sim: %s: %s\n", what,
			strerror(-r));
		exit(4);
	}
}

static void break_rules(void)
{
	for (unsigned int i = 0; i < config.break_count; i++) {
#ifdef SMB3X_FAULTY
		must(rule_break(config.breaks[i]), config.breaks[i]);
#else
		must(-ENOTSUP, config.breaks[i]);
#endif
	}
}

/* The first user is root, every other one somebody, whatever accounts this
 * machine has. */
static int step_named(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *ret_result)
{
	int r = auth->step(exchange, token, ret_result);
	struct auth_identity *who = &ret_result->identity;

	if (r < 0 || ret_result->outcome != AUTH_DONE) {
		return r;
	}
	who->uid = who->gid = UID_NOBODY;
	who->group_count = 0;
	for (unsigned int i = 0; i < config.user_count; i++) {
		if (strcmp(config.users[i].name, who->user) == 0) {
			who->uid = who->gid = i;
		}
	}
	return 0;
}

/* One logon: what the libraries below set up once is there for all tests. */
static void log_on_once(void)
{
	const struct authclient_config who = {.mechanism = AUTHCLIENT_NTLM,
		.user = config.users[0].name,
		.password = config.users[0].password,
		.host = "localhost"};
	struct auth_exchange *exchange = auth->begin(auth->ctx);
	struct auth_result result = {.outcome = AUTH_CONTINUE};
	struct authclient *client = NULL;
	struct wire_view token;
	bool done = false;

	must(exchange != NULL ? 0 : -ENOMEM, "users");
	must(authclient_begin(&who, &client), "authentication");
	while (result.outcome == AUTH_CONTINUE) {
		must(authclient_step(client, result.token, &token, &done),
			"authentication of the client");
		must(auth->step(exchange, token, &result),
			"authentication of the server");
	}
	must(result.outcome == AUTH_DONE ? 0 : -EACCES, who.user);
	auth->end(exchange);
	authclient_end(client);
}

void world_configure(int argc, char *const argv[])
{
	struct gss_config users = {0};
	char error[256] = "";

	must(config_load(argc, argv, &config, error), error);
	users.users = config.users;
	users.user_count = config.user_count;
	users.guest = config.engine.guest;
	users.anonymous = config.anonymous;
	must(gss_auth_create(&users, &auth), "users");
	named = *auth;
	named.step = step_named;
	break_rules();
	if (config.user_count > 0) {
		log_on_once();
	}
}

/* splitmix64 */
static void host_random(void *ctx, void *ret_bytes, size_t n)
{
	struct world *world = ctx;
	uint8_t *p = ret_bytes;

	for (size_t i = 0; i < n; i++) {
		uint64_t z = world->random += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		p[i] = (uint8_t)(z ^ z >> 31);
	}
}

/* Kept with the test, as what its process printed. */
static void host_log(
	void *ctx, enum log_level level, const char *event, const char *detail)
{
	(void)ctx;
	if (level <= config.log) {
		printf("%s %s\n", event, detail);
	}
}

static uint64_t filetime(void *ctx)
{
	return START + world_clock(ctx) / 100;
}

static void *accepted(void *ctx, struct link *link)
{
	struct world *world = ctx;

	return engine_accept(world->engine, link);
}

static void input(void *conn, struct blob *message)
{
	engine_input(conn, message);
}

static void gone(void *conn)
{
	engine_gone(conn);
}

/* Shares with the same path have the same files. */
static struct files_port *open_root(struct world *world, const char *path)
{
	struct root *root = world->roots;

	while (root->files != NULL && strcmp(root->path, path) != 0) {
		root++;
	}
	if (root->files == NULL) {
		root->path = path;
		root->files = files_memory_create(filetime, world, SHARE_BYTES);
		must(root->files != NULL ? 0 : -ENOMEM, path);
	}
	return root->files;
}

static void start_engine(struct world *world)
{
	static const struct engine_interface loopback = {.index = 1,
		.speed = 1000000000,
		.family = AF_INET,
		.address = {127, 0, 0, 1}};
	struct engine_config view = config.engine;
	const struct engine_ports ports = {&named, &world->host};

	host_random(world, &view.server_guid, sizeof(view.server_guid));
	view.interfaces = &loopback;
	view.interface_count = 1;
	view.shares = world->shares;
	view.share_count = config.share_count;
	for (unsigned int i = 0; i < config.share_count; i++) {
		world->shares[i] = config.shares[i].engine;
		world->shares[i].files =
			open_root(world, config.shares[i].path);
	}
	world->host = (struct host_port){world, host_random, host_log};
	world->engine = engine_create(&view, &ports);
	must(world->engine != NULL ? 0 : -ENOMEM, "engine");
	engine_advance(world->engine, filetime(world));
}

static void start_transport(struct world *world)
{
	const struct transport_user user = {
		world, accepted, input, gone, host_log};
	const struct engine_config *e = &config.engine;
	const struct tcp_limits limits = {
		.max_message =
			MESSAGE_ROOM + (e->max_write > e->max_transact
						       ? e->max_write
						       : e->max_transact),
		.max_connections = e->max_connections,
		.queue_high = QUEUE_HIGH,
		.stall_ns = config.stall_ns,
	};

	world->tcp = tcp_create(simstream_io(world->streams), &limits, &user);
	must(world->tcp != NULL ? 0 : -ENOMEM, "transport");
}

struct world *world_create(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct simstream_config streams = {.seed = seed,
		.delay_min = DELAY_MIN,
		.delay_max = DELAY_MAX,
		.window = WINDOW};

	must(world != NULL ? 0 : -ENOMEM, "world");
	world->random = ~seed;
	world->net = simnet_create(0);
	must(world->net != NULL ? 0 : -ENOMEM, "clock");
	world->clock = simnet_io(world->net);
	world->streams = simstream_create(world->clock, &streams);
	must(world->streams != NULL ? 0 : -ENOMEM, "streams");
	start_engine(world);
	start_transport(world);
	return world;
}

void world_destroy(struct world *world)
{
	uint64_t latest = world_clock(world) + END_NS;

	tcp_close_all(world->tcp, false);
	while ((!tcp_idle(world->tcp) || !engine_idle(world->engine)) &&
		world_clock(world) < latest) {
		world_step(world, latest);
	}
	tcp_destroy(world->tcp);
	engine_destroy(world->engine);
	for (struct root *root = world->roots; root->files != NULL; root++) {
		root->files->destroy(root->files);
	}
	simstream_destroy(world->streams);
	simnet_destroy(world->net);
	free(world);
}

uint64_t world_clock(const struct world *world)
{
	return world->clock->now(world->clock->ctx);
}

/* When the engine wants to be told the time. */
static uint64_t engine_due(const struct world *world)
{
	uint64_t deadline = engine_deadline(world->engine);

	return deadline == UINT64_MAX ? deadline
	       : deadline > START     ? (deadline - START) * 100
				      : 0;
}

void world_step(struct world *world, uint64_t until)
{
	uint64_t due = engine_due(world);

	simnet_step(world->net, due < until ? due : until);
	engine_advance(world->engine, filetime(world));
}

int world_connect(struct world *world)
{
	int near, far, r = simstream_open(world->streams, &near, &far);

	if (r == 0) {
		r = tcp_adopt(world->tcp, near);
	}
	if (r == -EMFILE) {
		r = 0; /* a listener would have closed it at once, too */
	}
	return r < 0 ? r : far;
}

struct simstream *world_streams(struct world *world)
{
	return world->streams;
}
