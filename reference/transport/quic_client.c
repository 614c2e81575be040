/* SPDX-License-Identifier: MIT */
/* A client's endpoint on a UDP socket; see quic_client.h. */
#include "transport/quic_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "transport/quic_limits.h"
#include "transport/quic_offload.h"
#include "transport/quic_unix.h"

#define SEND_AHEAD (8u * 1024 * 1024)
#define READ_ROUNDS 64 /* datagrams taken before sending again */
#define SOCKET_BUFFER (4 * 1024 * 1024)

/* Bytes of one stream that have come and were not fetched. */
struct store {
	uint8_t *p;
	size_t at, n, cap;
	bool ended;
};

struct quic_client {
	struct quic_ep *ep;
	int epoll, timer, udp;
	struct quic_path path;
	struct sockaddr_storage server;
	socklen_t server_size;
	struct store main, other;
	int64_t other_stream;
	bool no_memory, refused;
	bool offload, wants_offload;
	void *tap_ctx;
	void (*tap)(void *ctx, bool sent, const struct quic_path *path,
		const uint8_t *p, size_t n);
	void (*keylog)(void *ctx, const char *line);
	uint8_t packets[QUIC_BATCH_BYTES];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int store_put(struct store *store, const uint8_t *p, size_t n)
{
	if (store->at > 0 && store->n + n > store->cap) {
		memmove(store->p, store->p + store->at, store->n - store->at);
		store->n -= store->at;
		store->at = 0;
	}
	if (store->n + n > store->cap) {
		size_t cap = 2 * (store->n + n);
		uint8_t *grown = realloc(store->p, cap);

		if (grown == NULL) {
			return -ENOMEM;
		}
		store->p = grown;
		store->cap = cap;
	}
	if (n > 0) {
		memcpy(store->p + store->n, p, n);
		store->n += n;
	}
	return 0;
}

static size_t store_take(struct store *store, void *ret_p, size_t n)
{
	size_t there = store->n - store->at;

	n = n < there ? n : there;
	if (n > 0) {
		memcpy(ret_p, store->p + store->at, n);
		store->at += n;
	}
	return n;
}

static void got_bytes(
	void *ctx, int64_t stream, const uint8_t *p, size_t n, bool end)
{
	struct quic_client *client = ctx;
	struct store *store = &client->main;

	if (stream != quic_ep_stream(client->ep)) {
		client->other_stream = stream;
		store = &client->other;
	}
	if (store_put(store, p, n) < 0) {
		client->no_memory = true;
	}
	store->ended = store->ended || end;
}

static void got_secret(void *ctx, const char *line)
{
	struct quic_client *client = ctx;

	client->keylog(client->tap_ctx, line);
}

static void tap(
	struct quic_client *client, bool out, const uint8_t *p, size_t n)
{
	if (client->tap != NULL) {
		client->tap(client->tap_ctx, out, &client->path, p, n);
	}
}

static void arm(struct quic_client *client)
{
	uint64_t at = quic_ep_expiry(client->ep);
	struct itimerspec time = {0};

	if (at != UINT64_MAX) {
		at = at == 0 ? 1 : at;
		time.it_value.tv_sec = (time_t)(at / 1000000000u);
		time.it_value.tv_nsec = (long)(at % 1000000000u);
	}
	timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &time, NULL);
}

/* Nobody is there. Of a network anybody can say so, and a connection does not
 * believe it. Of a socket on this machine it is true for good; and the kernel
 * throws away what the server sent last, its good-bye among it. */
static void judge_error(struct quic_client *client, int error)
{
	bool local = client->server.ss_family == AF_UNIX;

	if (error == ECONNREFUSED && !quic_ep_is_ready(client->ep)) {
		client->refused = true;
	} else if (local && (error == ECONNREFUSED || error == ENOTCONN ||
				    error == ECONNRESET)) {
		quic_ep_lose(client->ep, "its socket is gone");
	}
}

/* How much of a batch goes with one call; a message with its size of packets
 * when the kernel cuts it up. */
static size_t send_some(
	struct quic_client *client, const uint8_t *p, size_t n, size_t segment)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint16_t))];
	struct iovec vec = {(void *)p, n};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	uint16_t size = (uint16_t)segment;
	struct cmsghdr *c = (struct cmsghdr *)control;

	if (!client->offload && n > segment) {
		vec.iov_len = segment;
	} else if (n > segment) {
		memset(control, 0, sizeof(control));
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
	}
	if (sendmsg(client->udp, &message, MSG_NOSIGNAL) >= 0) {
		return vec.iov_len;
	}
	if (errno == EINTR) {
		return 0;
	}
	judge_error(client, errno);
	if ((errno == EIO || errno == EINVAL) && vec.iov_len > segment) {
		client->offload = false;
		return 0;
	}
	return vec.iov_len; /* lost */
}

static void send_packets(
	struct quic_client *client, const uint8_t *p, size_t n, size_t segment)
{
	for (size_t at = 0; at < n; at += segment) {
		tap(client, true, p + at, segment < n - at ? segment : n - at);
	}
	while (n > 0) {
		size_t done = send_some(client, p, n, segment);

		p += done;
		n -= done;
	}
}

static void flush(struct quic_client *client)
{
	struct quic_path path;
	size_t n, segment;
	uint8_t ecn;

	while ((n = quic_ep_output(client->ep, client->packets,
			sizeof(client->packets), &segment, &path, &ecn,
			now_ns())) > 0) {
		send_packets(client, client->packets, n, segment);
	}
}

/* One or several packets of the size that the kernel says. */
static ssize_t read_some(struct quic_client *client, size_t *ret_segment)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec vec = {client->packets, sizeof(client->packets)};
	struct msghdr message = {.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(client->udp, &message, MSG_DONTWAIT);
	int size;

	if (n < 0) {
		return n;
	}
	*ret_segment = (size_t)n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL;
		c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			*ret_segment = (size_t)size;
		}
	}
	return n;
}

static void read_packets(struct quic_client *client)
{
	size_t segment = 0, size;

	for (unsigned int i = 0; i < READ_ROUNDS; i++) {
		ssize_t n = read_some(client, &segment);

		if (n < 0) {
			judge_error(client, errno);
			return;
		}
		for (size_t at = 0; at < (size_t)n; at += size) {
			size = segment < (size_t)n - at ? segment
							: (size_t)n - at;
			tap(client, false, client->packets + at, size);
			quic_ep_input(client->ep, &client->path, 0,
				client->packets + at, size, now_ns());
		}
	}
}

static int errno_of(const struct quic_client *client)
{
	if (client->refused) {
		return -ECONNREFUSED;
	}
	if (client->no_memory) {
		return -ENOMEM;
	}
	switch (quic_ep_end(client->ep)->kind) {
	case QUIC_END_NOT_YET:
		return 0;
	case QUIC_END_IDLE:
	case QUIC_END_HANDSHAKE_TIMEOUT:
		return -ETIMEDOUT;
	case QUIC_END_TLS:
	case QUIC_END_TRANSPORT:
	case QUIC_END_APPLICATION:
	case QUIC_END_VERSION:
		return -EPROTO;
	default:
		return quic_ep_is_ready(client->ep) ? -ECONNRESET : -EPROTO;
	}
}

int quic_client_process(struct quic_client *client)
{
	uint64_t count, now = now_ns();

	(void)!read(client->timer, &count, sizeof(count));
	read_packets(client);
	if (quic_ep_expiry(client->ep) <= now) {
		quic_ep_expire(client->ep, now);
	}
	flush(client);
	arm(client);
	return errno_of(client);
}

int quic_client_fd(const struct quic_client *client)
{
	return client->epoll;
}

const struct quic_end *quic_client_end(const struct quic_client *client)
{
	return quic_ep_end(client->ep);
}

struct quic_ep *quic_client_ep(struct quic_client *client)
{
	return client->ep;
}

static ssize_t fetch(struct quic_client *client, struct store *store,
	int64_t stream, void *ret_p, size_t n)
{
	int r = quic_client_process(client);
	size_t taken = store_take(store, ret_p, n);

	if (taken > 0) {
		quic_ep_consumed(client->ep, stream, taken);
		flush(client); /* the window has grown */
		arm(client);
		return (ssize_t)taken;
	}
	if (store->ended || r == -ECONNRESET) {
		return 0;
	}
	return r < 0 ? r : -EAGAIN;
}

ssize_t quic_client_receive(struct quic_client *client, void *ret_p, size_t n)
{
	return fetch(
		client, &client->main, quic_ep_stream(client->ep), ret_p, n);
}

ssize_t quic_client_receive_other(
	struct quic_client *client, int64_t *ret_stream, void *ret_p, size_t n)
{
	ssize_t r =
		fetch(client, &client->other, client->other_stream, ret_p, n);

	if (r >= 0) {
		*ret_stream = client->other_stream;
	}
	return r;
}

ssize_t quic_client_send(struct quic_client *client, const void *p, size_t n)
{
	int r = quic_client_process(client);

	if (r == 0 && quic_ep_queued(client->ep) > SEND_AHEAD) {
		return -EAGAIN;
	}
	if (r == 0) {
		r = quic_ep_write(
			client->ep, quic_ep_stream(client->ep), p, n, false);
	}
	if (r == 0) {
		r = quic_client_process(client);
	}
	return r < 0 ? r : (ssize_t)n;
}

/* Waits until there is something to process. */
static int wait_some(struct quic_client *client, uint64_t deadline)
{
	struct pollfd p = {.fd = client->epoll, .events = POLLIN};
	uint64_t now = now_ns();

	if (now >= deadline) {
		return -ETIMEDOUT;
	}
	(void)poll(&p, 1, (int)((deadline - now + 999999) / 1000000));
	return 0;
}

static uint64_t deadline_of(int timeout_ms)
{
	return now_ns() + (uint64_t)timeout_ms * 1000000u;
}

ssize_t quic_client_send_wait(
	struct quic_client *client, const void *p, size_t n, int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);
	ssize_t r;

	while ((r = quic_client_send(client, p, n)) == -EAGAIN) {
		int error = wait_some(client, deadline);

		if (error < 0) {
			return error;
		}
	}
	return r;
}

static int replace_socket(struct quic_client *client, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	if (client->udp >= 0) {
		close(client->udp);
	}
	client->udp = fd;
	return 0;
}

/* Datagrams of AF_UNIX; addresses are made up for the endpoint. */
static int open_unix(struct quic_client *client)
{
	struct sockaddr_storage name = {0};
	socklen_t size = sizeof(name);
	int fd = quic_unix_connect(
		(struct sockaddr *)&client->server, client->server_size, false);

	if (fd < 0) {
		return fd;
	}
	if (getsockname(fd, (struct sockaddr *)&name, &size) < 0 ||
		!quic_unix_to_address(&name, size, &client->path.local)) {
		close(fd);
		return -EADDRNOTAVAIL;
	}
	client->path.remote = quic_unix_server();
	client->offload = false;
	return replace_socket(client, fd);
}

/* A connected UDP socket in place of the one before. */
static int open_udp(struct quic_client *client)
{
	const union quic_address *remote = &client->path.remote;
	const int size = SOCKET_BUFFER, probe = IP_PMTUDISC_DO;
	socklen_t n = sizeof(client->path.local);
	int fd = socket(remote->any.sa_family,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (remote->any.sa_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe,
			sizeof(probe));
	} else {
		setsockopt(
			fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	}
	memset(&client->path.local, 0, sizeof(client->path.local));
	if (connect(fd, &remote->any, quic_address_size(remote)) < 0 ||
		getsockname(fd, &client->path.local.any, &n) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	client->offload = client->wants_offload && quic_set_offload(fd);
	return replace_socket(client, fd);
}

static int open_socket(struct quic_client *client)
{
	return client->server.ss_family == AF_UNIX ? open_unix(client)
						   : open_udp(client);
}

static int open_all(struct quic_client *client)
{
	struct epoll_event event = {.events = EPOLLIN};

	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	client->timer =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (client->epoll < 0 || client->timer < 0 ||
		epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->timer, &event) <
			0) {
		return -errno;
	}
	return open_socket(client);
}

static int open_ep(
	struct quic_client *client, const struct quic_client_options *options)
{
	const struct quic_ep_user user = {.ctx = client,
		.bytes = got_bytes,
		.keylog = options->keylog != NULL ? got_secret : NULL};
	struct quic_ep_config config = {
		.tls = options->tls,
		.peer = {.name = options->name,
			.alpn = options->alpn,
			.alpn_count = options->alpn_count,
			.no_name = options->no_name},
		.version = options->version,
		.window = options->window,
		.connection_window = options->connection_window,
		.idle_ns = options->idle_ns,
		.keep_alive_ns = options->keep_alive_ns,
		.streams_bidi = (uint8_t)options->streams_bidi,
		.streams_uni = (uint8_t)options->streams_uni,
		.no_stream = options->no_stream,
	};

	if (config.keep_alive_ns == 0 && !options->no_keep_alive) {
		config.keep_alive_ns = QUIC_KEEP_ALIVE_NS;
	}
	return quic_ep_connect(
		&config, &user, &client->path, now_ns(), &client->ep);
}

static int wait_ready(struct quic_client *client, uint64_t deadline)
{
	int r = quic_client_process(client);

	while (r == 0 && !quic_ep_is_ready(client->ep)) {
		r = wait_some(client, deadline);
		if (r == 0) {
			r = quic_client_process(client);
		}
	}
	return r;
}

int quic_client_connect(const struct quic_client_options *options,
	int timeout_ms, struct quic_client **ret_client,
	struct quic_end *ret_end)
{
	uint64_t deadline = deadline_of(timeout_ms);
	struct quic_client *client;
	int r;

	if (options->address_size > sizeof(client->server)) {
		return -EINVAL;
	}
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		return -ENOMEM;
	}
	client->epoll = client->timer = client->udp = -1;
	client->wants_offload = !options->no_offload;
	client->tap_ctx = options->ctx;
	client->tap = options->tap;
	client->keylog = options->keylog;
	memcpy(&client->server, options->address, options->address_size);
	client->server_size = options->address_size;
	if (client->server.ss_family != AF_UNIX) {
		memcpy(&client->path.remote, &client->server,
			sizeof(client->path.remote));
	}
	r = open_all(client);
	if (r == 0) {
		r = open_ep(client, options);
	}
	if (r == 0) {
		r = wait_ready(client, deadline);
	}
	if (r < 0) {
		if (ret_end != NULL && client->ep != NULL) {
			*ret_end = *quic_ep_end(client->ep);
		}
		quic_client_destroy(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

void quic_client_destroy(struct quic_client *client)
{
	if (client == NULL) {
		return;
	}
	if (client->ep != NULL) {
		quic_ep_close(client->ep, QUIC_CODE_NONE, false, now_ns());
		flush(client);
	}
	quic_ep_destroy(client->ep);
	close_fd(client->udp);
	close_fd(client->timer);
	close_fd(client->epoll);
	free(client->main.p);
	free(client->other.p);
	free(client);
}

int quic_client_rebind(struct quic_client *client)
{
	struct quic_path before = client->path;
	int r = open_socket(client);

	/* The endpoint does not know: to it nothing has changed. */
	client->path = r == 0 ? before : client->path;
	return r;
}

int quic_client_migrate(struct quic_client *client)
{
	int r = open_socket(client);

	return r < 0 ? r : quic_ep_migrate(client->ep, &client->path, now_ns());
}

static uint16_t port_of(const union quic_address *address)
{
	return ntohs(address->any.sa_family == AF_INET6 ? address->in6.sin6_port
							: address->in.sin_port);
}

void quic_client_ports(const struct quic_client *client, uint16_t *ret_local,
	uint16_t *ret_remote)
{
	union quic_address local = client->path.local;
	socklen_t n = sizeof(local);

	getsockname(client->udp, &local.any, &n);
	*ret_local = port_of(&local);
	*ret_remote = port_of(&client->path.remote);
}
