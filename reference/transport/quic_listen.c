/* SPDX-License-Identifier: MIT */
/* UDP sockets of the server's side, and what the kernel does for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/quic_internal.h"
#include "transport/quic_offload.h"
#include "transport/quic_unix.h"

#define SOCKET_BUFFER (4 * 1024 * 1024)

/* Under socket_wrapper the options are accepted and do nothing, so that
 * packets would get lost. */
bool quic_set_offload(int fd)
{
	const int off = 0, on = 1;

	if (getenv("SOCKET_WRAPPER_DIR") != NULL ||
		setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof(off)) <
			0) {
		return false;
	}
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	return true;
}

static void set_options(int fd, bool is6)
{
	const int on = 1, size = SOCKET_BUFFER, probe = IP_PMTUDISC_DO;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (is6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe,
			sizeof(probe));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
		setsockopt(
			fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	}
}

int quic_listen(struct quic *quic, const char *address, char ret_bound[64])
{
	struct sockaddr_storage local = {0};
	socklen_t size;
	int fd, r = transport_parse_address(address, &local, &size);

	if (r < 0) {
		return r;
	}
	fd = socket(local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	set_options(fd, local.ss_family == AF_INET6);
	if (bind(fd, (struct sockaddr *)&local, size) < 0 ||
		getsockname(fd, (struct sockaddr *)&local, &size) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	transport_address_text((struct sockaddr *)&local, ret_bound);
	r = quic_listen_on(quic, fd, &local);
	if (r < 0) {
		close(fd);
		return r;
	}
	quic->listeners->offload =
		!quic->limits.no_offload && quic_set_offload(fd);
	return 0;
}

int quic_listen_unix(struct quic *quic, const char *path)
{
	const union quic_address server = quic_unix_server();
	struct sockaddr_storage local = {0};
	char *copy = strdup(path);
	int r, fd = copy == NULL ? -ENOMEM : quic_unix_listen(path);

	if (fd < 0) {
		free(copy);
		return fd;
	}
	memcpy(&local, &server, sizeof(server.in));
	r = quic_listen_on(quic, fd, &local);
	if (r < 0) {
		close(fd);
		unlink(path);
		free(copy);
		return r;
	}
	quic->listeners->local_only = true;
	quic->listeners->path = copy;
	return 0;
}
