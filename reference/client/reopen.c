/* SPDX-License-Identifier: MIT */
/*
 * Durable opens after the loss of their connection: each is taken up on the
 * new one with the lease that it had. [MS-SMB2] 3.2.4.4, 3.2.5.8, 3.2.7.1
 */
#include "client/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/open.h"

/* A file of the lane that is neither on this connection nor given up. */
static struct smb3x_file *find_parted(const struct lane *lane)
{
	struct smb3x *share = lane->share;
	unsigned int number = lane_number(lane);
	pthread_mutex_lock(&share->lock);
	struct smb3x_file *file = share->files;
	while (file != NULL && (file->lane != number || file->lost ||
				       file->generation == lane->generation)) {
		file = file->next;
	}
	pthread_mutex_unlock(&share->lock);
	return file;
}

static struct client_wish wish_of(const struct smb3x_file *file)
{
	const struct client_grant *grant = &file->file->grant;
	struct client_wish wish = {
		.durable = true,
		.again = true,
		.guid = file->guid,
		.id = file->file->id,
		.oplock = grant->lease ? 0 : SMB2_OPLOCK_LEVEL_BATCH,
	};
	if (grant->lease && file->lease != NULL) {
		pthread_mutex_lock(&file->share->lock);
		wish.lease = true;
		wish.key = file->lease->key;
		wish.state = file->lease->state;
		wish.epoch = file->lease->epoch;
		wish.has_parent = file->has_parent;
		wish.parent = file->parent;
		open_set_parent(file->share, file->path, &wish);
		pthread_mutex_unlock(&file->share->lock);
	}
	return wish;
}

/* Without the context of the extensions, which Samba does not expect here,
 * the name must mean the same. */
static bool is_plain(const char *path)
{
	return strpbrk(path, "\\:*?\"<>|") == NULL;
}

static int reopen(struct lane *lane, struct smb3x_file *file,
	struct client_file **ret_file)
{
	const struct client_wish wish = wish_of(file);
	struct posix_how how = file->how;
	struct client_tree tree = *lane->tree;
	char *path = share_file_path(file);
	if (path == NULL) {
		return -ENOMEM;
	}
	how.wish = &wish;
	int error = posix_open(lane->tree, path, &how, ret_file);
	uint32_t status = lane->client->status;
	if (tree.posix && is_plain(path) &&
		(status == STATUS_OBJECT_NAME_NOT_FOUND ||
			status == STATUS_INVALID_PARAMETER)) {
		tree.posix = false;
		error = posix_open(&tree, path, &how, ret_file);
	}
	free(path);
	return error;
}

static void keep(
	struct lane *lane, struct smb3x_file *file, struct client_file *fresh)
{
	struct client_file *old = file->file;
	pthread_mutex_lock(&lane->share->lock);
	old->tree = lane->tree;
	old->id = fresh->id;
	old->grant.lease = fresh->grant.lease;
	old->grant.oplock = fresh->grant.oplock;
	file->generation = lane->generation;
	if (file->lease != NULL) {
		lease_granted(file->lease, &fresh->grant);
	}
	pthread_mutex_unlock(&lane->share->lock);
	free(fresh);
}

int reopen_files(struct lane *lane)
{
	struct smb3x_file *file = find_parted(lane);
	while (file != NULL) {
		struct client_file *fresh = NULL;
		int error = file->file->grant.durable
				    ? reopen(lane, file, &fresh)
				    : -ESTALE;
		if (lane->client->broken) {
			return -ECONNRESET;
		}
		if (error == 0) {
			keep(lane, file, fresh);
		} else {
			file->lost = true;
			file->lost_status = lane->client->status;
		}
		file = find_parted(lane);
	}
	lane->client->status = 0;
	lane->client->complaint[0] = '\0';
	return 0;
}
