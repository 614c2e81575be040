/* SPDX-License-Identifier: MIT */
/* Addresses as they are written in settings and logs. */
#ifndef SMB3X_TRANSPORT_ADDRESS_H
#define SMB3X_TRANSPORT_ADDRESS_H

#include <sys/socket.h>

/* "127.0.0.1:445" or "[::1]:445"; -EINVAL for anything else. */
int transport_parse_address(const char *text,
	struct sockaddr_storage *ret_address, socklen_t *ret_size);

/* The other way, of an IPv4 or IPv6 address. */
void transport_address_text(const struct sockaddr *address, char ret_text[64]);

#endif
