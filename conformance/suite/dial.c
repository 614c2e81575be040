/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection to the target. Apart from the rest because the system's
 * socket addresses and those of [MS-SMB2] 2.2.32.5 have the same names in C.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite/dial.h"

static uint16_t port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6) {
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	}
	return ntohs(((const struct sockaddr_in *)a)->sin_port);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
	if (a->ss_family == AF_INET6) {
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
	} else {
		((struct sockaddr_in *)a)->sin_port = htons(port);
	}
}

bool dial_answered(
	const struct sockaddr *address, socklen_t size, int timeout_ms)
{
	int fd = socket(address->sa_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t n = sizeof(error);

	if (fd < 0) {
		return false;
	}
	if ((connect(fd, address, size) != 0 && errno != EINPROGRESS) ||
		poll(&p, 1, timeout_ms) != 1 ||
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) {
		error = ETIMEDOUT;
	}
	close(fd);
	return error == 0;
}

int dial(const struct target *target, int timeout_ms, uint16_t *ret_local,
	uint16_t *ret_remote)
{
	int fd = socket(target->address.ss_family,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct sockaddr_storage address = target->address;
	socklen_t size = sizeof(int);
	int on = 1, error = 0;
	struct sockaddr_storage local = {0};

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	set_port(&address, target->tcp_port);
	if (connect(fd, (const struct sockaddr *)&address,
		    target->address_size) != 0 &&
		errno != EINPROGRESS) {
		error = errno;
	} else if (poll(&p, 1, timeout_ms) != 1) {
		error = ETIMEDOUT;
	} else {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	if (error != 0) {
		close(fd);
		return -error;
	}
	size = sizeof(local);
	getsockname(fd, (struct sockaddr *)&local, &size);
	*ret_local = port_of(&local);
	*ret_remote = target->tcp_port;
	return fd;
}
