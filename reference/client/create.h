/* SPDX-License-Identifier: MIT */
/* The create contexts of an open, as they are sent and as they come back. */
#ifndef SMB3X_CLIENT_CREATE_H
#define SMB3X_CLIENT_CREATE_H

#include "client/internal.h"

/* Room for all that are sent. */
struct create_contexts {
	uint8_t bytes[256];
	size_t n;
	uint8_t oplock; /* RequestedOplockLevel */
};

/* What dialect and capabilities allow to ask for. 3.2.4.3.8 */
bool create_can_lease(const struct client *client);
bool create_can_lease_directories(const struct client *client);

/* mode: of a POSIX open; wish may be NULL. */
int create_put_contexts(const struct client *client, bool posix, uint32_t mode,
	const struct client_wish *wish, struct create_contexts *ret);
/* 1 with *ret_posix, whose views point into the answer, or 0 without; -EPROTO
 * when a context breaks its layout. */
int create_take_contexts(const struct smb2_create_response *reply,
	struct client_grant *ret_grant,
	struct smb2_create_posix_response *ret_posix);

#endif
