/* SPDX-License-Identifier: MIT */
/* Whole messages over TCP or QUIC, each behind its length. [MS-SMB2] 2.1 */
#include "client/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/quic_client.h"

#define PREFIX_SIZE 4

/* Neither connecting nor sending takes longer than an answer may. */
static void limit_waiting(int fd, unsigned int timeout_ms)
{
	const struct timeval limit = {.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int open_tcp(
	const struct addrinfo *list, unsigned int timeout_ms, int *ret_fd)
{
	int error = -EHOSTUNREACH;
	int fd = -1;
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC,
			a->ai_protocol);
		if (fd >= 0) {
			limit_waiting(fd, timeout_ms);
		}
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
			break;
		}
		error = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
		if (fd >= 0) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0) {
		return error;
	}
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
}

static int make_credentials(struct client *client)
{
	const struct client_quic *quic = &client->options.quic;
	const struct quic_tls_client tls = {quic->ca, quic->fingerprint,
		quic->insecure, quic->certificate, quic->key};
	char why[256];
	int error = quic_tls_client_create(&tls, &client->quic_tls, why);
	return error < 0 ? client_complain(client, error, "%s", why) : 0;
}

/* A refused certificate is no reason to try the next address. */
static int open_quic(
	struct client *client, const char *host, const struct addrinfo *list)
{
	int error = make_credentials(client);
	if (error < 0) {
		return error;
	}
	struct quic_end end = {.kind = QUIC_END_NOT_YET};
	error = -EHOSTUNREACH;
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		const struct quic_client_options options = {
			.address = a->ai_addr,
			.address_size = a->ai_addrlen,
			.name = host,
			.tls = client->quic_tls,
			.no_offload = client->options.quic.no_offload,
		};
		error = quic_client_connect(
			&options, (int)client->timeout_ms, &client->quic, &end);
		if (error == 0 || error == -EPROTO) {
			break;
		}
	}
	if (error == -EPROTO) {
		return client_complain(client, error,
			"the QUIC handshake with %s failed: %s", host,
			end.text);
	}
	return error;
}

/* One address made of the path; the host is only a name. */
static int open_unix(struct client *client, const char *host)
{
	const char *path = client->options.quic.unix_path;
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct addrinfo list = {
		.ai_addr = (struct sockaddr *)&un, .ai_addrlen = sizeof(un)};
	if (strlen(path) >= sizeof(un.sun_path)) {
		return client_complain(
			client, -ENAMETOOLONG, "%s is too long", path);
	}
	memcpy(un.sun_path, path, strlen(path));
	client->complaint[0] = '\0';
	int error = open_quic(client, host, &list);
	if (error < 0 && client->complaint[0] == '\0') {
		return client_complain(
			client, error, "cannot connect to %s", path);
	}
	return error;
}

int connection_open(struct client *client, const char *host, const char *port)
{
	bool quic = client->options.quic.wanted;
	struct addrinfo hints = {
		.ai_socktype = quic ? SOCK_DGRAM : SOCK_STREAM};
	struct addrinfo *list = NULL;
	if (quic && client->options.quic.unix_path != NULL) {
		return open_unix(client, host);
	}
	if (getaddrinfo(host, port, &hints, &list) != 0) {
		return client_complain(client, -EHOSTUNREACH,
			"the address of %s is not known", host);
	}
	client->complaint[0] = '\0';
	int error = quic ? open_quic(client, host, list)
			 : open_tcp(list, client->timeout_ms, &client->fd);
	freeaddrinfo(list);
	if (error < 0 && client->complaint[0] == '\0') {
		return client_complain(client, error,
			"cannot connect to %s port %s", host, port);
	}
	return error;
}

void connection_close(struct client *client)
{
	if (client->fd >= 0) {
		close(client->fd);
		client->fd = -1;
	}
	quic_client_destroy(client->quic);
	client->quic = NULL;
	quic_tls_destroy(client->quic_tls);
	client->quic_tls = NULL;
}

bool connection_is_up(struct client *client)
{
	char byte;
	if (client->quic != NULL) {
		return quic_client_process(client->quic) == 0;
	}
	return client->fd >= 0 &&
	       recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static int quic_send(struct client *client, const void *data, size_t n)
{
	ssize_t done = quic_client_send_wait(
		client->quic, data, n, (int)client->timeout_ms);
	return done < 0 ? (int)done : 0;
}

static int write_all(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;
	while (n > 0) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return -ECONNRESET;
		}
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int connection_send(struct client *client, struct wire_view message)
{
	const uint8_t prefix[PREFIX_SIZE] = {0, (uint8_t)(message.n >> 16),
		(uint8_t)(message.n >> 8), (uint8_t)message.n};
	struct iovec parts[] = {
		{(void *)prefix, sizeof(prefix)},
		{(void *)message.p, message.n},
	};
	if (client->quic != NULL) {
		int broken = quic_send(client, prefix, sizeof(prefix));
		if (broken == 0) {
			broken = quic_send(client, message.p, message.n);
		}
		return broken == 0 ? 0
				   : client_complain(client, -ECONNRESET,
					     "the connection broke while "
					     "sending");
	}
	const struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t done = sendmsg(client->fd, &whole, MSG_NOSIGNAL);
	if (done < 0 && errno != EINTR) {
		return client_complain(client, -ECONNRESET,
			"the connection broke while sending");
	}
	size_t sent = done < 0 ? 0 : (size_t)done;
	int error = 0;
	if (sent < sizeof(prefix)) {
		error = write_all(
			client->fd, prefix + sent, sizeof(prefix) - sent);
		sent = sizeof(prefix);
	}
	if (error == 0) {
		size_t at = sent - sizeof(prefix);
		error = write_all(client->fd, message.p + at, message.n - at);
	}
	if (error < 0) {
		return client_complain(
			client, error, "the connection broke while sending");
	}
	return 0;
}

int connection_fd(const struct client *client)
{
	return client->quic != NULL ? quic_client_fd(client->quic) : client->fd;
}

/* What has arrived of n bytes: a count, 0 at the end, -EAGAIN. */
static ssize_t read_some(struct client *client, uint8_t *ret_bytes, size_t n)
{
	if (client->quic != NULL) {
		return quic_client_receive(client->quic, ret_bytes, n);
	}
	ssize_t done = recv(client->fd, ret_bytes, n, MSG_DONTWAIT);
	return done >= 0                                ? done
	       : errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN
							: -errno;
}

static int complain_of_end(struct client *client)
{
	return client->quic != NULL
		       ? client_complain(client, -ECONNRESET,
				 "the server closed the connection: %s",
				 quic_client_end(client->quic)->text)
		       : client_complain(client, -ECONNRESET,
				 "the server closed the connection");
}

/* Until there is something to read; meanwhile the owner may want work done,
 * but only where a message may be sent: between two that arrive. */
static int wait_for_bytes(struct client *client, bool between)
{
	const struct client_owner *owner = client->owner;
	bool wakeful = between && owner != NULL && !client->working;
	struct pollfd wait[2] = {
		{.fd = connection_fd(client), .events = POLLIN},
		{.fd = wakeful ? owner->wake_fd : -1, .events = POLLIN}};
	int ready = poll(wait, 2, (int)client->timeout_ms);
	if (ready == 0) {
		return client_complain(client, -ETIMEDOUT,
			"no answer within %u ms", client->timeout_ms);
	}
	if (ready > 0 && (wait[1].revents & POLLIN) != 0) {
		client->working = true;
		owner->work(owner->ctx);
		client->working = false;
	}
	return 0;
}

static int read_all(
	struct client *client, uint8_t *ret_bytes, size_t n, bool between)
{
	size_t got = 0;
	while (got < n) {
		ssize_t done = read_some(client, ret_bytes + got, n - got);
		int error = 0;
		if (done == -EAGAIN) {
			error = wait_for_bytes(client, between && got == 0);
		} else if (done <= 0) {
			error = complain_of_end(client);
		} else {
			got += (size_t)done;
		}
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

int connection_peek(struct client *client)
{
	ssize_t done = 1;
	while (client->ahead_size < PREFIX_SIZE && done > 0) {
		done = read_some(client, client->ahead + client->ahead_size,
			PREFIX_SIZE - client->ahead_size);
		client->ahead_size += done > 0 ? (unsigned int)done : 0;
	}
	if (done <= 0 && done != -EAGAIN) {
		return complain_of_end(client);
	}
	return client->ahead_size == PREFIX_SIZE ? 1 : 0;
}

static int receive_prefix(
	struct client *client, uint8_t ret_prefix[PREFIX_SIZE])
{
	unsigned int n = client->ahead_size;
	memcpy(ret_prefix, client->ahead, n);
	client->ahead_size = 0;
	return read_all(client, ret_prefix + n, PREFIX_SIZE - n, n == 0);
}

int connection_receive(
	struct client *client, uint8_t **ret_bytes, size_t *ret_n)
{
	uint8_t prefix[PREFIX_SIZE];
	int error = receive_prefix(client, prefix);
	if (error < 0) {
		return error;
	}
	size_t n = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
	if (prefix[0] != 0 || n > CLIENT_MESSAGE_MAX) {
		return client_complain(client, -EPROTO,
			"a message of type %u and %zu bytes", prefix[0], n);
	}
	uint8_t *bytes = malloc(n + 1);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	error = read_all(client, bytes, n, false);
	if (error < 0) {
		free(bytes);
		return error;
	}
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}
