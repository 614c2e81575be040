/* SPDX-License-Identifier: MIT */
/* Datagrams of AF_UNIX as if they were UDP; see quic_unix.h. */
#include "transport/quic_unix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVER 0x0affffffu
#define NETWORK 0x0a000000u
#define PORT 443
#define DIGITS 5
#define BUFFER (1024 * 1024)

static union quic_address address_of(uint32_t host)
{
	union quic_address address;

	memset(&address, 0, sizeof(address));
	address.in.sin_family = AF_INET;
	address.in.sin_addr.s_addr = htonl(host);
	address.in.sin_port = htons(PORT);
	return address;
}

union quic_address quic_unix_server(void)
{
	return address_of(SERVER);
}

static int open_socket(int flags)
{
	const int size = BUFFER;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return fd < 0 ? -errno : fd;
}

/* Only a socket makes room. */
static int clear(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(st.st_mode)) {
		return -EEXIST;
	}
	return unlink(path) < 0 ? -errno : 0;
}

int quic_unix_listen(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, r;

	if (path[0] == '\0' || strlen(path) >= sizeof(un.sun_path)) {
		return -EINVAL;
	}
	memcpy(un.sun_path, path, strlen(path));
	r = clear(path);
	if (r < 0) {
		return r;
	}
	fd = open_socket(0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int quic_unix_connect(
	const struct sockaddr *server, socklen_t size, bool blocking)
{
	const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
	int fd = open_socket(blocking ? 0 : SOCK_NONBLOCK), r;

	if (fd >= 0 && (bind(fd, (const struct sockaddr *)&unnamed,
				sizeof(unnamed.sun_family)) < 0 ||
			       connect(fd, server, size) < 0)) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

bool quic_unix_to_address(const struct sockaddr_storage *from, socklen_t size,
	union quic_address *ret_address)
{
	const struct sockaddr_un *un = (const void *)from;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	char digits[DIGITS + 1] = "", *end;
	unsigned long host;

	if (un->sun_family != AF_UNIX || size != head + 1 + DIGITS ||
		un->sun_path[0] != '\0') {
		return false;
	}
	memcpy(digits, un->sun_path + 1, DIGITS);
	host = strtoul(digits, &end, 16);
	if (end != digits + DIGITS) {
		return false;
	}
	*ret_address = address_of(NETWORK | (uint32_t)host);
	return true;
}

socklen_t quic_unix_from_address(
	const union quic_address *address, struct sockaddr_storage *ret_to)
{
	struct sockaddr_un *un = (void *)ret_to;
	uint32_t host = ntohl(address->in.sin_addr.s_addr) & 0xfffff;
	char digits[DIGITS + 1];

	snprintf(digits, sizeof(digits), "%05x", host);
	memset(ret_to, 0, sizeof(*ret_to));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path + 1, digits, DIGITS);
	return offsetof(struct sockaddr_un, sun_path) + 1 + DIGITS;
}
