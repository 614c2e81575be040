/* SPDX-License-Identifier: MIT */
/* QUIC connections to the target; see quic_dial.h. */
#include "suite/quic_dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/quic_client.h"

struct quic_wire {
	struct quic_tls *tls;
	struct quic_client *client;
};

static const enum quic_ended ended[] = {
	[QUIC_END_NOT_YET] = QUIC_LIVES,
	[QUIC_END_LOCAL] = QUIC_WE_CLOSED,
	[QUIC_END_TLS] = QUIC_TLS_REFUSED,
	[QUIC_END_TRANSPORT] = QUIC_OTHER,
	[QUIC_END_APPLICATION] = QUIC_WE_CLOSED,
	[QUIC_END_PEER_TRANSPORT] = QUIC_PEER_TRANSPORT,
	[QUIC_END_PEER_APPLICATION] = QUIC_PEER_APPLICATION,
	[QUIC_END_PEER_STREAM] = QUIC_PEER_STREAM,
	[QUIC_END_IDLE] = QUIC_SILENCE,
	[QUIC_END_HANDSHAKE_TIMEOUT] = QUIC_SILENCE,
	[QUIC_END_STATELESS_RESET] = QUIC_STATELESS_RESET,
	[QUIC_END_VERSION] = QUIC_NO_VERSION,
	[QUIC_END_DROPPED] = QUIC_SILENCE,
};

static struct quic_outcome outcome_of(const struct quic_end *end)
{
	struct quic_outcome outcome = {
		.how = (size_t)end->kind < sizeof(ended) / sizeof(ended[0])
			       ? ended[end->kind]
			       : QUIC_OTHER,
		.code = end->code};

	snprintf(outcome.text, sizeof(outcome.text), "%s", end->text);
	return outcome;
}

static void broken(struct quic_outcome *outcome, const char *text)
{
	*outcome = (struct quic_outcome){.how = QUIC_OTHER};
	snprintf(outcome->text, sizeof(outcome->text), "%.*s",
		(int)sizeof(outcome->text) - 1, text);
}

static int make_tls(const struct target *target, const struct quic_offer *offer,
	struct quic_tls **ret_tls, struct quic_outcome *outcome)
{
	bool own = offer->ca != NULL || offer->fingerprint != NULL;
	const struct quic_target *q = &target->quic;
	struct quic_tls_client client = {
		.ca = own ? offer->ca : q->ca,
		.fingerprint = own ? offer->fingerprint : q->fingerprint,
		.certificate = q->certificate,
		.key = q->key,
	};
	char error[256] = "";
	int r;

	/* Somebody who judges servers wants to reach them first. */
	client.insecure = client.ca == NULL && client.fingerprint == NULL;
	if (offer->certificate != NULL || offer->no_certificate) {
		client.certificate = offer->certificate;
		client.key = offer->key;
	}
	r = quic_tls_client_create(&client, ret_tls, error);
	if (r < 0) {
		broken(outcome, error);
	}
	return r;
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)address)->sin6_port = htons(port);
	} else {
		((struct sockaddr_in *)address)->sin_port = htons(port);
	}
}

/* A relay runs in this process. */
static void make_local(struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
	} else {
		((struct sockaddr_in *)address)->sin_addr.s_addr =
			htonl(INADDR_LOOPBACK);
	}
}

int quic_dial(const struct target *target, const struct quic_offer *offer,
	int timeout_ms, struct quic_wire **ret_wire,
	struct quic_outcome *ret_outcome)
{
	struct sockaddr_storage address = target->address;
	struct quic_client_options options = {
		.address = (struct sockaddr *)&address,
		.address_size = target->address_size,
		.name = offer->name         ? offer->name
			: target->quic.name ? target->quic.name
					    : target->host,
		.alpn = offer->alpn,
		.alpn_count = offer->alpn_count,
		.no_name = offer->no_name,
		.version = offer->version,
		.window = offer->window,
		.connection_window = offer->connection_window,
		.streams_bidi = offer->streams_bidi,
		.streams_uni = offer->streams_uni,
		.idle_ns = offer->idle_ms * 1000000ull,
		.keep_alive_ns = offer->keep_alive_ms * 1000000ull,
		.no_keep_alive = offer->no_keep_alive,
		.no_stream = offer->no_stream,
	};
	struct quic_wire *wire = calloc(1, sizeof(*wire));
	struct quic_end end = {0};
	int r;

	if (wire == NULL) {
		return -ENOMEM;
	}
	if (offer->port != 0) {
		make_local(&address);
	}
	set_port(&address, offer->port ? offer->port : target->quic_port);
	r = make_tls(target, offer, &wire->tls, ret_outcome);
	if (r == 0) {
		options.tls = wire->tls;
		r = quic_client_connect(
			&options, timeout_ms, &wire->client, &end);
		*ret_outcome = outcome_of(&end);
		if (r == -ECONNREFUSED) {
			ret_outcome->how = QUIC_NOBODY;
		} else if (r == -ETIMEDOUT) {
			ret_outcome->how = QUIC_SILENCE;
		}
	}
	if (r < 0) {
		quic_tls_destroy(wire->tls);
		free(wire);
		return r;
	}
	*ret_wire = wire;
	return 0;
}

void quic_hang_up(struct quic_wire *wire)
{
	if (wire == NULL) {
		return;
	}
	quic_client_destroy(wire->client);
	quic_tls_destroy(wire->tls);
	free(wire);
}

int quic_wire_fd(const struct quic_wire *wire)
{
	return quic_client_fd(wire->client);
}

void quic_wire_ports(const struct quic_wire *wire, unsigned short *ret_local,
	unsigned short *ret_remote)
{
	quic_client_ports(wire->client, ret_local, ret_remote);
}

ssize_t quic_wire_receive(struct quic_wire *wire, void *ret_p, size_t n)
{
	return quic_client_receive(wire->client, ret_p, n);
}

ssize_t quic_wire_send(struct quic_wire *wire, const void *p, size_t n)
{
	return quic_client_send(wire->client, p, n);
}

void quic_wire_wait(struct quic_wire *wire, int timeout_ms)
{
	struct pollfd p = {
		.fd = quic_client_fd(wire->client), .events = POLLIN};

	poll(&p, 1, timeout_ms);
	(void)quic_client_process(wire->client);
}

struct quic_outcome quic_wire_outcome(const struct quic_wire *wire)
{
	return outcome_of(quic_client_end(wire->client));
}

/* What was asked of the endpoint leaves now. */
static int flushed(struct quic_wire *wire, int r)
{
	(void)quic_client_process(wire->client);
	return r;
}

int quic_wire_open(struct quic_wire *wire, bool uni, long long *ret_stream)
{
	int64_t stream = -1;
	int r = quic_ep_open(quic_client_ep(wire->client), uni, &stream);

	*ret_stream = stream;
	return flushed(wire, r);
}

int quic_wire_write(struct quic_wire *wire, long long stream, const void *p,
	size_t n, bool end)
{
	return flushed(wire,
		quic_ep_write(quic_client_ep(wire->client), stream, p, n, end));
}

int quic_wire_reset(
	struct quic_wire *wire, long long stream, unsigned long long code)
{
	return flushed(wire,
		quic_ep_reset(quic_client_ep(wire->client), stream, code));
}

int quic_wire_stop(
	struct quic_wire *wire, long long stream, unsigned long long code)
{
	return flushed(
		wire, quic_ep_stop(quic_client_ep(wire->client), stream, code));
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void quic_wire_close(
	struct quic_wire *wire, bool transport, unsigned long long code)
{
	struct quic_ep *ep = quic_client_ep(wire->client);

	if (transport) {
		quic_ep_close_transport(ep, code, now_ns());
	} else {
		quic_ep_close(ep, code, false, now_ns());
	}
	(void)flushed(wire, 0);
}

int quic_wire_update_keys(struct quic_wire *wire)
{
	return flushed(wire,
		quic_ep_update_keys(quic_client_ep(wire->client), now_ns()));
}

int quic_wire_rebind(struct quic_wire *wire)
{
	return quic_client_rebind(wire->client);
}

int quic_wire_migrate(struct quic_wire *wire)
{
	return quic_client_migrate(wire->client);
}

ssize_t quic_wire_other(
	struct quic_wire *wire, long long *ret_stream, void *ret_p, size_t n)
{
	int64_t stream = -1;
	ssize_t r = quic_client_receive_other(wire->client, &stream, ret_p, n);

	*ret_stream = stream;
	return r;
}

static void read_names(
	gnutls_x509_crt_t crt, struct quic_certificate *certificate)
{
	char name[256];
	size_t size;
	int type;

	for (unsigned int i = 0;; i++) {
		size_t used = strlen(certificate->names);

		size = sizeof(name);
		type = gnutls_x509_crt_get_subject_alt_name(
			crt, i, name, &size, NULL);
		if (type < 0) {
			return;
		}
		if (type == GNUTLS_SAN_DNSNAME) {
			snprintf(certificate->names + used,
				sizeof(certificate->names) - used, "%s%.*s",
				used ? "," : "", (int)size, name);
		}
	}
}

static void read_usage(
	gnutls_x509_crt_t crt, struct quic_certificate *certificate)
{
	char oid[128];
	size_t size;

	for (unsigned int i = 0;; i++) {
		size = sizeof(oid);
		if (gnutls_x509_crt_get_key_purpose_oid(
			    crt, i, oid, &size, NULL) < 0) {
			return;
		}
		certificate->has_usage = true;
		certificate->for_servers |=
			strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) == 0 ||
			strcmp(oid, GNUTLS_KP_ANY) == 0;
	}
}

int quic_wire_certificate(struct quic_wire *wire, const char *name,
	struct quic_certificate *ret_certificate)
{
	gnutls_session_t tls = quic_ep_tls(quic_client_ep(wire->client));
	unsigned int count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &count);
	time_t now = time(NULL);
	gnutls_x509_crt_t crt;

	*ret_certificate = (struct quic_certificate){0};
	if (chain == NULL || count == 0 || gnutls_x509_crt_init(&crt) < 0) {
		return -ENOENT;
	}
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(crt);
		return -EBADMSG;
	}
	ret_certificate->names_target =
		gnutls_x509_crt_check_hostname(crt, name) != 0;
	ret_certificate->valid_now =
		gnutls_x509_crt_get_activation_time(crt) <= now &&
		gnutls_x509_crt_get_expiration_time(crt) >= now;
	read_names(crt, ret_certificate);
	read_usage(crt, ret_certificate);
	gnutls_x509_crt_deinit(crt);
	return 0;
}

struct quic_announced quic_wire_announced(struct quic_wire *wire)
{
	struct quic_ep_figures figures;

	quic_ep_figures(quic_client_ep(wire->client), &figures);
	return (struct quic_announced){
		.idle_ms = figures.peer_idle_ns / 1000000,
		.streams_bidi = figures.peer_streams_bidi,
		.streams_uni = figures.peer_streams_uni,
		.ticket = quic_tls_can_resume(wire->tls),
		.early_data = figures.early_data,
	};
}

/* --- without a connection ---------------------------------------------------
 */

static int udp_socket(const struct target *target)
{
	struct sockaddr_storage address = target->address;
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	set_port(&address, target->quic_port);
	if (connect(fd, (struct sockaddr *)&address, target->address_size) !=
		0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The next datagram; 0 when none comes in time. */
static ssize_t next_datagram(int fd, int timeout_ms, void *ret_p, size_t cap)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, timeout_ms) != 1) {
		return 0;
	}
	n = recv(fd, ret_p, cap, 0);
	return n < 0 ? -errno : n;
}

ssize_t quic_datagram(const struct target *target, const void *p, size_t n,
	int timeout_ms, void *ret_p, size_t cap)
{
	int fd = udp_socket(target);
	ssize_t r;

	if (fd < 0) {
		return fd;
	}
	r = send(fd, p, n, 0) < 0 ? -errno
				  : next_datagram(fd, timeout_ms, ret_p, cap);
	close(fd);
	return r;
}

/* A client without a transport of its own. */
struct bare_client {
	int fd;
	struct quic_tls *tls;
	struct quic_ep *ep;
	struct quic_path path;
};

static void bare_finish(struct bare_client *client)
{
	quic_ep_destroy(client->ep);
	quic_tls_destroy(client->tls);
}

/* Sets client->ep; client->tls and client->path are there. */
static int bare_connect(struct bare_client *client, const struct target *target)
{
	struct quic_ep_config config = {.peer.name = target->host,
		.handshake_ns = 600000000000ull,
		.idle_ns = 600000000000ull};
	const struct quic_ep_user user = {.ctx = NULL};

	config.tls = client->tls;
	return quic_ep_connect(
		&config, &user, &client->path, now_ns(), &client->ep);
}

static int bare_start(
	struct bare_client *client, const struct target *target, int fd)
{
	static const struct quic_offer usual;
	socklen_t size = sizeof(client->path.local);
	struct quic_outcome outcome;
	int r;

	*client = (struct bare_client){.fd = fd};
	getsockname(fd, &client->path.local.any, &size);
	size = sizeof(client->path.remote);
	getpeername(fd, &client->path.remote.any, &size);
	r = make_tls(target, &usual, &client->tls, &outcome);
	if (r < 0) {
		return r;
	}
	r = bare_connect(client, target);
	if (r < 0) {
		bare_finish(client);
	}
	return r;
}

/* One datagram of the client; bytes, or negative errno. */
static ssize_t bare_send(struct bare_client *client)
{
	size_t segment = 0, n;
	struct quic_path path;
	uint8_t bytes[2048], ecn;

	n = quic_ep_output(client->ep, bytes, sizeof(bytes), &segment, &path,
		&ecn, now_ns());
	if (n == 0) {
		return 0;
	}
	return send(client->fd, bytes, n, 0) < 0 ? -errno : (ssize_t)n;
}

/* Takes what comes within ms; how many bytes, *ret_count datagrams. */
static size_t bare_receive(
	struct bare_client *client, int ms, bool look, unsigned int *ret_count)
{
	uint64_t deadline = now_ns() + (uint64_t)ms * 1000000, now;
	uint8_t bytes[65536];
	size_t sum = 0;
	ssize_t n;

	*ret_count = 0;
	while ((now = now_ns()) < deadline) {
		n = next_datagram(client->fd,
			(int)((deadline - now + 999999) / 1000000), bytes,
			sizeof(bytes));
		if (n > 0) {
			sum += (size_t)n;
			*ret_count += 1;
		}
		if (n > 0 && look) {
			quic_ep_input(client->ep, &client->path, 0, bytes,
				(size_t)n, now_ns());
		}
	}
	return sum;
}

int quic_leave_half_open(const struct target *target, unsigned int count)
{
	int fd = udp_socket(target);
	struct bare_client client;
	int r = fd < 0 ? fd : bare_start(&client, target, fd);

	if (r == 0) {
		for (unsigned int i = 1; i < count && r >= 0; i++) {
			(void)bare_send(&client);
			quic_ep_destroy(client.ep);
			client.ep = NULL;
			r = bare_connect(&client, target);
		}
		r = r < 0 ? r : (int)bare_send(&client);
		bare_finish(&client);
	}
	if (fd >= 0) {
		close(fd);
	}
	return r < 0 ? r : 0;
}

/* Its last flight, at last: so many datagrams come in answer, a refusal not
 * counted. */
static int bare_go_on(struct bare_client *client)
{
	uint8_t bytes[2048];
	unsigned int count;
	ssize_t r = 1;

	while (next_datagram(client->fd, 0, bytes, sizeof(bytes)) > 0) {
	} /* what was repeated meanwhile */
	while (r > 0) {
		r = bare_send(client);
	}
	bare_receive(client, 1000, true, &count);
	if (quic_ep_end(client->ep)->kind != QUIC_END_NOT_YET) {
		count = 0;
	}
	return r < 0 ? (int)r : (int)count;
}

static int bare_begin(struct bare_client *client, const struct target *target)
{
	int fd = udp_socket(target);
	unsigned int count;
	int r = fd < 0 ? fd : bare_start(client, target, fd);

	if (r < 0) {
		if (fd >= 0) {
			close(fd);
		}
		client->fd = -1;
		return r;
	}
	r = (int)bare_send(client);
	bare_receive(client, 200, true, &count);
	return r;
}

static void bare_end(struct bare_client *client)
{
	if (client->fd >= 0) {
		bare_finish(client);
		close(client->fd);
	}
}

int quic_late_handshakes(const struct target *target,
	const unsigned int *silences_ms, unsigned int count)
{
	struct bare_client clients[2 * QUIC_LATE_MAX] = {{0}};
	uint64_t start = now_ns();
	unsigned int n = 2 * count, i;
	int r = 0, answers = -EINVAL;

	for (i = 0; i < n; i++) {
		int begun = bare_begin(&clients[i], target);

		r = begun < 0 ? begun : r;
	}
	for (i = 0; i < n && r >= 0 && answers != 0; i += 2) {
		uint64_t at = start + silences_ms[i / 2] * 1000000ull;
		const struct timespec t = {
			(time_t)(at / 1000000000), (long)(at % 1000000000)};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		answers = bare_go_on(&clients[i]);
		if (answers == 0) { /* rather than a loss */
			answers = bare_go_on(&clients[i + 1]);
		}
		r = answers < 0 ? answers : r;
	}
	for (i = 0; i < n; i++) {
		bare_end(&clients[i]);
	}
	return r < 0 ? r : answers;
}

int quic_first_flight(const struct target *target, int ms,
	struct quic_amplification *ret_amplification)
{
	int fd = udp_socket(target);
	struct bare_client client;
	unsigned int count;
	ssize_t r = fd < 0 ? fd : bare_start(&client, target, fd);

	*ret_amplification = (struct quic_amplification){0};
	if (r == 0) {
		r = bare_send(&client);
		ret_amplification->sent = r > 0 ? (size_t)r : 0;
		ret_amplification->received =
			bare_receive(&client, ms, false, &count);
		bare_finish(&client);
	}
	if (fd >= 0) {
		close(fd);
	}
	return r < 0 ? (int)r : 0;
}
