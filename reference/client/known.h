/* SPDX-License-Identifier: MIT */
/*
 * Attributes and listings, asked for with leases and told from memory while
 * these are held: a listing while R of the directory is, attributes while R of
 * the object and of its directory are. What [MS-FSA] 2.1.4.12 breaks for them:
 * data and size of a file its own lease, names, times and attributes the one
 * of the directory.
 */
#ifndef SMB3X_CLIENT_KNOWN_H
#define SMB3X_CLIENT_KNOWN_H

#include "client/cache.h"

/* From memory, by a path as it was given: 0, -ENOENT, or -EAGAIN: ask. */
int known_stat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat);
/* With one use, and no older; NULL: ask. */
struct listing *known_listing(
	struct smb3x *share, const char *path, uint64_t age_ms);

/* From the server, and remembered if that is allowed; by whom has the lane. */
int known_ask_stat(struct client_tree *tree, const char *path, bool follow,
	struct smb3x_stat *ret_stat);
int known_ask_listing(
	struct client_tree *tree, const char *path, struct listing *listing);

#endif
