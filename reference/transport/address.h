/* SPDX-License-Identifier: MIT */
/* Addresses to listen on, as they are written in settings. */
#ifndef SMB3X_TRANSPORT_ADDRESS_H
#define SMB3X_TRANSPORT_ADDRESS_H

#include <sys/socket.h>

/* "127.0.0.1:445" or "[::1]:445"; -EINVAL for anything else. */
int transport_parse_address(const char *text,
	struct sockaddr_storage *ret_address, socklen_t *ret_size);

#endif
