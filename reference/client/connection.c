/* SPDX-License-Identifier: MIT */
/* Whole messages over TCP, each behind its length. [MS-SMB2] 2.1 */
#include "client/internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PREFIX_SIZE 4

int connection_open(const char *host, const char *port, int *ret_fd)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	if (getaddrinfo(host, port, &hints, &list) != 0) {
		return -EHOSTUNREACH;
	}
	int error = -EHOSTUNREACH;
	int fd = -1;
	for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC,
			a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
			break;
		}
		error = -errno;
		if (fd >= 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0) {
		return error;
	}
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
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
	ssize_t done = writev(client->fd, parts, 2);
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

static int read_all(struct client *client, uint8_t *ret_bytes, size_t n)
{
	while (n > 0) {
		struct pollfd wait = {.fd = client->fd, .events = POLLIN};
		int ready = poll(&wait, 1, (int)client->timeout_ms);
		if (ready == 0) {
			return client_complain(client, -ETIMEDOUT,
				"no answer within %u ms", client->timeout_ms);
		}
		ssize_t done =
			ready < 0 ? -1 : recv(client->fd, ret_bytes, n, 0);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return client_complain(client, -ECONNRESET,
				"the server closed the connection");
		}
		ret_bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

int connection_receive(
	struct client *client, uint8_t **ret_bytes, size_t *ret_n)
{
	uint8_t prefix[PREFIX_SIZE];
	int error = read_all(client, prefix, sizeof(prefix));
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
	error = read_all(client, bytes, n);
	if (error < 0) {
		free(bytes);
		return error;
	}
	*ret_bytes = bytes;
	*ret_n = n;
	return 0;
}
