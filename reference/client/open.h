/* SPDX-License-Identifier: MIT */
/*
 * Opens of the library: with a lease and durability where the server has them,
 * sent again as a replay when the answer was lost.
 * [MS-SMB2] 3.2.4.3, 3.2.4.3.5, 3.2.4.3.8, 3.2.7.1
 */
#ifndef SMB3X_CLIENT_OPEN_H
#define SMB3X_CLIENT_OPEN_H

#include "client/lease.h"

struct opening {
	struct posix_how how;
	bool directory;
	bool durable;     /* wanted of a file */
	int flags;        /* of the smb3x_file that comes of it */
	uint64_t changes; /* of the lease, when it was asked for */
	/* Kept over the tries of one call: */
	struct wire_guid guid, key; /* CreateGuid, LeaseKey */
	bool asked;                 /* sent, and no answer came */
	bool ours;                  /* it exists because of us */
};

/*
 * *ret_file is in the list of the share. What became of the step (may be NULL)
 * is *ret_step. By whom has the lane of the tree.
 */
int open_file(struct client_tree *tree, const char *path, struct opening *o,
	const struct posix_step *step, struct smb3x_file **ret_file,
	int *ret_step);
/* The key of the lease of the directory, if that is held. Under the lock. */
void open_set_parent(
	struct smb3x *share, const char *path, struct client_wish *wish);
/* Closes it on its lane, which is taken and connected. */
int open_close(struct smb3x_file *file);
/* Its memory alone; may be NULL. */
void open_free(struct smb3x_file *file);
/* Takes it out of the list and frees it, closed or lost. */
void open_forget(struct smb3x_file *file);

#endif
