/* SPDX-License-Identifier: MIT */
/* The engine and its drivers, wired together; see server.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "files/linux.h"
#include "files/memory.h"
#include "server/log.h"
#include "server/server.h"
#include "transport/quic.h"
#include "transport/quic_kernel.h"
#include "transport/tcp.h"

#define DRAIN_NS 10000000000u /* running requests may take so long to end */
#define CUT_NS 2000000000u    /* and their connections so long after it */
#define QUEUE_HIGH (16u * 1024 * 1024)
#define MESSAGE_ROOM 65536 /* headers beside the data of one message */
#define MEMORY_SHARE (1ull << 30)
#define INTERFACES_MAX 16
#define QUIC_PREFIX "quic:"
#define UNIX_PREFIX "quic-unix:"
#define FILETIME_OF_1970 116444736000000000ull

/* The driver below a path; kept when a reload no longer names it, because
 * opens may still use it. */
struct root {
	struct root *next;
	char *path;
	struct files_port *files;
};

enum phase { PHASE_RUNNING, PHASE_DRAINING, PHASE_CUTTING };

struct server {
	struct config *config;
	struct config *reloaded; /* config, when a reload made it */
	struct loop *loop;
	const struct io_port *io;
	struct tcp *tcp;
	struct quic *quic; /* when something listens on it */
	struct quic_kernel *kernel;
	struct quic_tls *tls;
	struct auth_port *auth;
	struct engine *engine;
	struct host_port host;
	struct root *roots;
	struct engine_share shares[CONFIG_SHARES_MAX];
	struct engine_interface interfaces[INTERFACES_MAX];
	struct wire_guid guid;
	char addresses[CONFIG_LISTEN_MAX][128];
	uint64_t clock_base; /* FILETIME when the loop's clock was 0 */
	struct io_timer engine_timer, drain_timer;
	uint64_t engine_timer_at;
	struct io_op signal_op;
	struct signalfd_siginfo signal;
	int signal_fd;
	enum phase phase;
	bool cut;
	struct config *(*reload)(void *ctx);
	void *reload_ctx;
};

static void random_bytes(void *ctx, void *ret_bytes, size_t n)
{
	uint8_t *p = ret_bytes;

	(void)ctx;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got > 0) {
			p += got;
			n -= (size_t)got;
		} else if (errno != EINTR) {
			abort(); /* keys without randomness are no option */
		}
	}
}

/* FILETIME that never goes back, whatever happens to the wall clock. */
static uint64_t filetime(const struct server *server)
{
	return server->clock_base + server->io->now(server->io->ctx) / 100;
}

static uint64_t memory_now(void *ctx)
{
	return filetime(ctx);
}

static void start_clock(struct server *server)
{
	struct timespec now;
	uint64_t wall;

	clock_gettime(CLOCK_REALTIME, &now);
	wall = FILETIME_OF_1970 + (uint64_t)now.tv_sec * 10000000u +
	       (uint64_t)now.tv_nsec / 100;
	server->clock_base = wall - server->io->now(server->io->ctx) / 100;
}

static void *conn_accepted(void *ctx, struct link *link)
{
	struct server *server = ctx;

	engine_advance(server->engine, filetime(server));
	return engine_accept(server->engine, link);
}

static void conn_input(void *conn, struct blob *message)
{
	engine_input(conn, message);
}

static void conn_gone(void *conn)
{
	engine_gone(conn);
}

static void engine_due(struct io_timer *timer)
{
	struct server *server =
		(struct server *)((char *)timer -
				  offsetof(struct server, engine_timer));

	server->engine_timer_at = UINT64_MAX;
	engine_advance(server->engine, filetime(server));
}

static void drain_step(struct server *server);

/* After every round: time goes on, and the next deadline is known. */
static void round_over(void *ctx)
{
	struct server *server = ctx;
	uint64_t deadline;

	engine_advance(server->engine, filetime(server));
	deadline = engine_deadline(server->engine);
	if (deadline == UINT64_MAX) {
		server->io->timer_clear(server->io->ctx, &server->engine_timer);
		server->engine_timer_at = UINT64_MAX;
	} else if (deadline != server->engine_timer_at) {
		server->engine_timer_at = deadline;
		server->io->timer_set(server->io->ctx, &server->engine_timer,
			deadline > server->clock_base
				? (deadline - server->clock_base) * 100
				: 0);
	}
	if (server->phase != PHASE_RUNNING) {
		drain_step(server);
	}
}

static int open_root(
	struct server *server, const char *path, struct files_port **ret_files)
{
	struct root *root;
	int r = 0;

	for (root = server->roots; root != NULL; root = root->next) {
		if (strcmp(root->path, path) == 0) {
			*ret_files = root->files;
			return 0;
		}
	}
	root = calloc(1, sizeof(*root));
	if (root == NULL || (root->path = strdup(path)) == NULL) {
		free(root);
		return -ENOMEM;
	}
	if (config_after(path, "memory:") != NULL) {
		root->files =
			files_memory_create(memory_now, server, MEMORY_SHARE);
		r = root->files == NULL ? -ENOMEM : 0;
	} else {
		r = files_linux_create(
			path, loop_work(server->loop), &root->files);
	}
	if (r < 0) {
		log_event(LOG_ERROR, "share.failed", "path=%s why=\"%s\"", path,
			strerror(-r));
		free(root->path);
		free(root);
		return r;
	}
	root->next = server->roots;
	server->roots = root;
	*ret_files = root->files;
	return 0;
}

static bool only_loopback(const struct config *config)
{
	for (unsigned int i = 0; i < config->listen_count; i++) {
		const char *text = config->listen[i];
		const char *behind = config_after(text, QUIC_PREFIX);
		const char *address = behind != NULL ? behind : text;

		if (config_after(text, UNIX_PREFIX) == NULL &&
			config_after(address, "127.") == NULL &&
			config_after(address, "[::1]") == NULL) {
			return false;
		}
	}
	return true;
}

/* The engine's view of a configuration; points into server. */
static int engine_view(struct server *server, const struct config *config,
	struct engine_config *ret_engine)
{
	int r = 0;

	*ret_engine = config->engine;
	ret_engine->server_guid = server->guid;
	ret_engine->shares = server->shares;
	ret_engine->share_count = config->share_count;
	ret_engine->interfaces = server->interfaces;
	ret_engine->interface_count = interfaces_list(
		server->interfaces, INTERFACES_MAX, only_loopback(config));
	for (unsigned int i = 0; i < config->share_count && r == 0; i++) {
		server->shares[i] = config->shares[i].engine;
		r = open_root(server, config->shares[i].path,
			&server->shares[i].files);
	}
	return r;
}

static struct gss_config auth_view(const struct config *config)
{
	return (struct gss_config){
		.users = config->users,
		.user_count = config->user_count,
		.keytab = config->keytab,
		.unix_user = config->unix_user,
		.guest = config->engine.guest,
		.anonymous = config->anonymous,
	};
}

/* Certificates and access control lists of QUIC, anew from their files. */
static int tls_view(const struct server *server, const struct config *config,
	struct quic_tls **ret_tls, char ret_error[256])
{
	const struct config_quic *quic = &config->quic;
	struct quic_tls_server tls = {
		.file_count = quic->certificate_count,
		.kept = server->tls,
		.ca = quic->ca,
		.require_client = quic->require_client,
		.skip_access = quic->skip_access,
		.allow = (const char *const *)quic->allow.entries,
		.deny = (const char *const *)quic->deny.entries,
		.allow_count = quic->allow.count,
		.deny_count = quic->deny.count,
	};

	for (unsigned int i = 0; i < quic->certificate_count; i++) {
		tls.files[i] = (struct quic_tls_file){
			quic->certificates[i], quic->keys[i]};
	}
	return quic_tls_server_create(&tls, ret_tls, ret_error);
}

static void set_tls(struct server *server, struct quic_tls *tls)
{
	if (server->quic != NULL) {
		quic_set_tls(server->quic, tls);
	}
	if (server->kernel != NULL) {
		quic_kernel_set_tls(server->kernel, tls);
	}
	quic_tls_destroy(server->tls);
	server->tls = tls;
	log_event(LOG_INFO, "quic.certificate", "sha256=%s",
		quic_tls_fingerprint(tls));
}

/* Everything that may fail comes before anything that lasts. */
static int reload_parts(
	struct server *server, const struct config *config, char ret_error[256])
{
	struct gss_config auth = auth_view(config);
	struct engine_config engine;
	struct quic_tls *tls = NULL;
	int r = 0;

	if (server->tls != NULL) {
		r = tls_view(server, config, &tls, ret_error);
		if (r < 0) {
			return r;
		}
	}
	r = engine_view(server, config, &engine);
	if (r == 0) {
		r = gss_auth_reload(server->auth, &auth);
	}
	if (r == 0) {
		r = engine_reload(server->engine, &engine);
	}
	if (r < 0) {
		snprintf(ret_error, 256, "%s", strerror(-r));
		quic_tls_destroy(tls);
	} else if (tls != NULL) {
		set_tls(server, tls);
	}
	return r;
}

/* On failure the old configuration stays in force. */
static void reload(struct server *server)
{
	struct config *config = server->reload(server->reload_ctx);
	char error[256] = "no memory";

	if (config == NULL) {
		return;
	}
	if (reload_parts(server, config, error) < 0) {
		log_event(LOG_ERROR, "reload.failed", "why=\"%s\"", error);
		config_finish(config);
		free(config);
		return;
	}
	if (server->reloaded != NULL) {
		config_finish(server->reloaded);
		free(server->reloaded);
	}
	server->reloaded = config;
	server->config = config;
	log_set_level(config->log);
	log_event(LOG_INFO, "reload.done", "shares=%u users=%u",
		config->share_count, config->user_count);
}

/* Stops as soon as nothing is left that would have to end. */
static void drain_step(struct server *server)
{
	if (tcp_idle(server->tcp) &&
		(server->quic == NULL || quic_idle(server->quic)) &&
		(server->kernel == NULL || quic_kernel_idle(server->kernel)) &&
		engine_idle(server->engine)) {
		loop_stop(server->loop);
	}
}

static unsigned int connections(const struct server *server)
{
	return tcp_connections(server->tcp) +
	       (server->quic != NULL ? quic_connections(server->quic) : 0) +
	       (server->kernel != NULL ? quic_kernel_connections(server->kernel)
				       : 0);
}

static void cut(struct server *server)
{
	tcp_close_all(server->tcp, false);
	if (server->quic != NULL) {
		quic_close_all(server->quic, false);
	}
	if (server->kernel != NULL) {
		quic_kernel_close_all(server->kernel, false);
	}
}

static void stop_listening(struct server *server)
{
	tcp_stop_listening(server->tcp);
	if (server->quic != NULL) {
		quic_stop_listening(server->quic);
	}
	if (server->kernel != NULL) {
		quic_kernel_stop_listening(server->kernel);
	}
}

static void drain_due(struct io_timer *timer)
{
	struct server *server =
		(struct server *)((char *)timer -
				  offsetof(struct server, drain_timer));

	if (server->phase == PHASE_DRAINING) {
		log_event(LOG_WARN, "drain.cut", "connections=%u",
			connections(server));
		server->phase = PHASE_CUTTING;
		server->cut = true;
		cut(server);
		server->io->timer_set(server->io->ctx, timer,
			server->io->now(server->io->ctx) + CUT_NS);
	} else {
		loop_stop(server->loop);
	}
}

static void start_drain(struct server *server)
{
	if (server->phase != PHASE_RUNNING) {
		server->phase = PHASE_DRAINING; /* asked twice: at once */
		drain_due(&server->drain_timer);
		return;
	}
	server->phase = PHASE_DRAINING;
	log_event(LOG_INFO, "server.drain", "connections=%u",
		connections(server));
	stop_listening(server);
	engine_drain(server->engine);
	server->io->timer_set(server->io->ctx, &server->drain_timer,
		server->io->now(server->io->ctx) + DRAIN_NS);
}

static void watch_signals(struct server *server)
{
	server->io->read(server->io->ctx, &server->signal_op, server->signal_fd,
		&server->signal, sizeof(server->signal));
}

static void signalled(struct io_op *op, int result)
{
	struct server *server =
		(struct server *)((char *)op -
				  offsetof(struct server, signal_op));

	if (result == -ECANCELED) {
		return;
	}
	if (result == (int)sizeof(server->signal)) {
		if (server->signal.ssi_signo == SIGHUP) {
			reload(server);
		} else {
			start_drain(server);
		}
	}
	watch_signals(server);
}

static int open_signals(struct server *server)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signal_fd < 0 ? -errno : 0;
}

static uint32_t max_message(const struct engine_config *engine)
{
	uint32_t n = engine->max_write > engine->max_transact
			     ? engine->max_write
			     : engine->max_transact;

	return n + MESSAGE_ROOM;
}

/* The certificate of QUIC, with the first address that wants it. */
static int open_tls(struct server *server)
{
	char error[256] = "no memory";
	int r;

	if (server->tls != NULL) {
		return 0;
	}
	r = tls_view(server, server->config, &server->tls, error);
	if (r < 0) {
		log_event(LOG_ERROR, "quic.failed", "why=\"%s\"", error);
	}
	return r;
}

static struct transport_user transport_user(struct server *server)
{
	return (struct transport_user){
		server, conn_accepted, conn_input, conn_gone, log_line};
}

/* The endpoint: the kernel's, or our own. */
static int open_quic(struct server *server, bool kernel)
{
	const struct config *config = server->config;
	const struct transport_user user = transport_user(server);
	const struct quic_limits limits = {
		.max_message = max_message(&config->engine),
		.max_connections = config->engine.max_connections,
		.queue_high = QUEUE_HIGH,
		.stall_ns = config->stall_ns,
		.idle_ns = config->quic.idle_ns,
		.handshake_ns = config->quic.handshake_ns,
		.retry = config->quic.retry,
		.no_offload = config->quic.no_offload,
	};
	int r = open_tls(server);

	if (r < 0) {
		return r;
	}
	if (kernel && server->kernel == NULL) {
		server->kernel = quic_kernel_create(
			server->io, &limits, &user, server->tls);
		r = server->kernel == NULL ? -ENOMEM : 0;
	} else if (!kernel && server->quic == NULL) {
		server->quic =
			quic_create(server->io, &limits, &user, server->tls);
		r = server->quic == NULL ? -ENOMEM : 0;
	}
	return r;
}

/* Where the kernel is only tried, our own endpoint takes its place. */
static int listen_quic(
	struct server *server, const char *text, char ret_bound[64])
{
	enum config_quic_kernel kernel = server->config->quic.kernel;
	int r;

	if (kernel == CONFIG_KERNEL_ALWAYS ||
		(kernel == CONFIG_KERNEL_AUTO && quic_kernel_offered())) {
		r = open_quic(server, true);
		if (r == 0) {
			r = quic_kernel_listen(server->kernel, text, ret_bound);
		}
		log_event(r == 0 ? LOG_INFO : LOG_WARN, "quic.kernel",
			"address=%s used=%s why=\"%s\"", text,
			r == 0 ? "yes" : "no", strerror(-r));
		if (r == 0 || kernel == CONFIG_KERNEL_ALWAYS) {
			return r;
		}
	}
	r = open_quic(server, false);
	if (r == 0) {
		r = quic_listen(server->quic, text, ret_bound);
	}
	log_event(LOG_INFO, "quic.own", "address=%s why=\"%s\"", text,
		strerror(-r));
	return r;
}

static int listen_on(struct server *server, unsigned int i)
{
	const char *text = server->config->listen[i];
	const char *quic = config_after(text, QUIC_PREFIX);
	const char *path = config_after(text, UNIX_PREFIX);
	char *address = server->addresses[i];
	int r;

	if (quic != NULL) {
		memcpy(address, QUIC_PREFIX, strlen(QUIC_PREFIX));
		return listen_quic(server, quic, address + strlen(QUIC_PREFIX));
	}
	if (path == NULL) {
		return tcp_listen(server->tcp, text, address);
	}
	r = open_quic(server, false);
	if (r == 0) {
		snprintf(address, sizeof(server->addresses[i]), "%s", text);
		r = quic_listen_unix(server->quic, path);
	}
	return r;
}

static int open_transports(struct server *server)
{
	const struct config *config = server->config;
	const struct transport_user user = transport_user(server);
	const struct tcp_limits limits = {
		.max_message = max_message(&config->engine),
		.max_connections = config->engine.max_connections,
		.queue_high = QUEUE_HIGH,
		.stall_ns = config->stall_ns,
	};

	server->tcp = tcp_create(server->io, &limits, &user);
	if (server->tcp == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < config->listen_count; i++) {
		int r = listen_on(server, i);

		if (r < 0) {
			log_event(LOG_ERROR, "listen.failed",
				"address=%s why=\"%s\"", config->listen[i],
				strerror(-r));
			return r;
		}
	}
	return 0;
}

static int open_engine(struct server *server)
{
	struct gss_config auth = auth_view(server->config);
	struct engine_config engine;
	struct engine_ports ports;
	int r = gss_auth_create(&auth, &server->auth);

	if (r < 0) {
		log_event(LOG_ERROR, "auth.failed", "why=\"%s\"",
			r == -ENOTSUP ? "gss-ntlmssp is not installed"
				      : strerror(-r));
		return r;
	}
	r = engine_view(server, server->config, &engine);
	if (r < 0) {
		return r;
	}
	server->host.random = random_bytes;
	server->host.log = log_line;
	ports = (struct engine_ports){server->auth, &server->host};
	server->engine = engine_create(&engine, &ports);
	if (server->engine == NULL) {
		return -ENOMEM;
	}
	engine_advance(server->engine, filetime(server));
	return 0;
}

int server_create(struct config *config, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (server == NULL) {
		return -ENOMEM;
	}
	server->config = config;
	server->signal_fd = -1;
	server->engine_timer_at = UINT64_MAX;
	server->engine_timer.due = engine_due;
	server->drain_timer.due = drain_due;
	server->signal_op.done = signalled;
	random_bytes(NULL, &server->guid, sizeof(server->guid));
	log_set_level(config->log);
	r = open_signals(server);
	if (r == 0) {
		r = loop_create(
			config->backend, config->threads, &server->loop);
	}
	if (r == 0) {
		server->io = loop_io(server->loop);
		start_clock(server);
		r = open_engine(server);
	}
	if (r == 0) {
		r = open_transports(server);
	}
	if (r < 0) {
		server_destroy(server);
		return r;
	}
	log_event(LOG_INFO, "server.start", "loop=%s shares=%u users=%u",
		loop_backend_name(server->loop), config->share_count,
		config->user_count);
	*ret_server = server;
	return 0;
}

const char *server_address(const struct server *server, unsigned int i)
{
	return i < CONFIG_LISTEN_MAX && server->addresses[i][0] != '\0'
		       ? server->addresses[i]
		       : NULL;
}

const char *server_fingerprint(const struct server *server)
{
	return server->tls != NULL ? quic_tls_fingerprint(server->tls) : NULL;
}

int server_run(struct server *server, struct config *(*reload_config)(void *),
	void *ctx)
{
	int r;

	server->reload = reload_config;
	server->reload_ctx = ctx;
	loop_on_round(server->loop, round_over, server);
	watch_signals(server);
	r = loop_run(server->loop);
	log_event(LOG_INFO, "server.end", "cut=%d", server->cut);
	return r < 0 ? r : server->cut;
}

/* Operations of a server that did not start, or was cut, end here. */
static void finish_operations(struct server *server)
{
	loop_on_round(server->loop, NULL, NULL);
	if (server->tcp != NULL) {
		stop_listening(server);
		cut(server);
	}
	if (server->signal_op.pending) {
		server->io->cancel(server->io->ctx, &server->signal_op);
	}
	loop_settle(server->loop);
}

void server_destroy(struct server *server)
{
	struct root *root, *next;

	if (server == NULL) {
		return;
	}
	if (server->loop != NULL) {
		finish_operations(server);
	}
	tcp_destroy(server->tcp);
	quic_destroy(server->quic);
	quic_kernel_destroy(server->kernel);
	quic_tls_destroy(server->tls);
	engine_destroy(server->engine);
	for (root = server->roots; root != NULL; root = next) {
		next = root->next;
		root->files->destroy(root->files);
		free(root->path);
		free(root);
	}
	gss_auth_destroy(server->auth);
	loop_destroy(server->loop);
	if (server->signal_fd >= 0) {
		close(server->signal_fd);
	}
	if (server->reloaded != NULL) {
		config_finish(server->reloaded);
		free(server->reloaded);
	}
	free(server);
}
