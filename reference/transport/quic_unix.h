/* SPDX-License-Identifier: MIT */
/*
 * QUIC packets over datagrams of AF_UNIX: no ports, no rights, no network.
 * Endpoints know only IP addresses, so each socket that the kernel has named
 * (autobind, five hexadecimal digits) stands for an address of 10.0.0.0/8, and
 * the server's path for 10.255.255.255. unix(7)
 */
#ifndef SMB3X_TRANSPORT_QUIC_UNIX_H
#define SMB3X_TRANSPORT_QUIC_UNIX_H

#include <stdbool.h>
#include <sys/socket.h>

#include "transport/quic_ep.h"

/* A bound server's socket, or negative errno. What was at path goes. */
int quic_unix_listen(const char *path);
/* A client's socket, named by the kernel and connected to path. */
int quic_unix_connect(
	const struct sockaddr *server, socklen_t size, bool blocking);

/* The server's address as endpoints see it. */
union quic_address quic_unix_server(void);
/* What stands for a client's socket; false for a name of another kind. */
bool quic_unix_to_address(const struct sockaddr_storage *from, socklen_t size,
	union quic_address *ret_address);
socklen_t quic_unix_from_address(
	const union quic_address *address, struct sockaddr_storage *ret_to);

#endif
