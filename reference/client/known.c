/* SPDX-License-Identifier: MIT */
/* What is remembered of files and directories. */
#include "client/known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/lane.h"
#include "client/open.h"

/* How long attributes are believed. */
#define ATTR_MS 1000

static bool is_possible(const struct client_tree *tree)
{
	const struct smb3x *share = lane_of(tree->client)->share;
	return share->options.cache != SMB3X_CACHE_OFF &&
	       lane_keeps(lane_of(tree->client)) &&
	       __atomic_load_n(&share->refused, __ATOMIC_RELAXED) <
		       SHARE_REFUSED_MAX &&
	       create_can_lease_directories(tree->client);
}

/* The lease held of the directory that a path is in. Under the lock. */
static struct lease *find_parent(struct smb3x *share, const char *path)
{
	struct lease *lease = lease_find_parent(share, path);
	return lease != NULL && lease_has(lease, SMB2_LEASE_READ_CACHING)
		       ? lease
		       : NULL;
}

static bool is_fresh(const struct smb3x *share, uint64_t when)
{
	unsigned int most = share->options.attr_ms;
	return listing_now() - when < (most == 0 ? ATTR_MS : most);
}

/* Links and special files have more to be asked for than attributes; of a file
 * with several names, what is done by another breaks no lease of this one. */
static bool is_common(const struct smb3x_stat *stat)
{
	return (S_ISDIR(stat->mode) && stat->nlink > 0) ||
	       (S_ISREG(stat->mode) && stat->nlink == 1);
}

/* By the lease of the object. */
static bool tell_stat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat)
{
	const struct lease *lease = lease_find(share, path);
	if (lease == NULL || !lease->stat_known ||
		!lease_has(lease, SMB2_LEASE_READ_CACHING) ||
		!is_fresh(share, lease->stat_when)) {
		return false;
	}
	const struct lease *parent = find_parent(share, path);
	*ret_stat = lease->stat;
	return parent != NULL && parent->breaks == lease->parent_breaks;
}

/* By the lease of the directory: 0, -ENOENT, or -EAGAIN when it does not tell.
 * Exact names alone can be said to be missing. */
static int tell_entry(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat)
{
	struct lease *parent = find_parent(share, path);
	if (parent == NULL || parent->listing == NULL || !share->posix) {
		return -EAGAIN;
	}
	size_t n = path_parent(path, strlen(path));
	if (!listing_find(parent->listing, path + n + (n > 0), ret_stat)) {
		return -ENOENT;
	}
	return is_fresh(share, listing_when(parent->listing)) &&
			       is_common(ret_stat)
		       ? 0
		       : -EAGAIN;
}

int known_stat(
	struct smb3x *share, const char *path, struct smb3x_stat *ret_stat)
{
	struct path_walk walk = {.posix = share->posix};
	struct smb3x_stat stat;
	int result = -EAGAIN;
	if (share->options.cache == SMB3X_CACHE_OFF ||
		path_begin(&walk, path) < 0) {
		return -EAGAIN;
	}
	pthread_mutex_lock(&share->lock);
	if (*walk.path != '\0') {
		result = tell_stat(share, walk.path, &stat)
				 ? 0
				 : tell_entry(share, walk.path, &stat);
	}
	pthread_mutex_unlock(&share->lock);
	path_finish(&walk);
	if (result == 0) {
		*ret_stat = stat;
	}
	return result;
}

struct listing *known_listing(
	struct smb3x *share, const char *path, uint64_t age_ms)
{
	struct path_walk walk = {.posix = share->posix};
	struct listing *listing = NULL;
	if (path_begin(&walk, path) < 0) {
		return NULL;
	}
	pthread_mutex_lock(&share->lock);
	struct lease *lease = lease_find(share, walk.path);
	if (lease != NULL && lease->listing != NULL &&
		lease_has(lease, SMB2_LEASE_READ_CACHING) &&
		listing_now() - listing_when(lease->listing) < age_ms) {
		listing = listing_use(lease->listing);
	}
	pthread_mutex_unlock(&share->lock);
	path_finish(&walk);
	return listing;
}

/* A file of the library's own: one that is kept on this lane, or a new one. */
static int own_open(struct client_tree *tree, const char *path,
	struct opening *o, const struct posix_step *step,
	struct smb3x_file **ret_file, int *ret_step)
{
	struct lane *lane = lane_of(tree->client);
	struct smb3x *share = lane->share;
	pthread_mutex_lock(&share->lock);
	struct smb3x_file *kept = cache_reuse(share, path, o->flags, lane);
	if (kept != NULL) {
		o->changes = kept->lease->changes;
	}
	pthread_mutex_unlock(&share->lock);
	if (kept == NULL) {
		return open_file(tree, path, o, step, ret_file, ret_step);
	}
	*ret_file = kept;
	if (step != NULL) {
		struct smb2_query_info_request request =
			*(const struct smb2_query_info_request *)step->body;
		request.file_id = kept->file->id;
		struct posix_step again = *step;
		again.body = &request;
		*ret_step = posix_step(kept->file, &again, NULL);
	}
	return 0;
}

/* Keeps it, or closes it now. */
static void own_close(struct client_tree *tree, struct smb3x_file *file)
{
	struct smb3x *share = file->share;
	uint32_t status = tree->client->status;
	pthread_mutex_lock(&share->lock);
	bool leased = file->lease != NULL &&
		      lease_has(file->lease, SMB2_LEASE_READ_CACHING);
	__atomic_store_n(&share->refused, leased ? 0 : share->refused + 1,
		__ATOMIC_RELAXED);
	bool kept = leased && cache_keep(file);
	pthread_mutex_unlock(&share->lock);
	if (!kept) {
		open_close(file);
	}
	tree->client->status = status;
}

static struct opening opening_of_directory(void)
{
	return (struct opening){
		.how = {.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES,
			.disposition = FILE_OPEN,
			.options = FILE_DIRECTORY_FILE},
		.directory = true,
		.flags = CACHE_OWN | O_DIRECTORY,
	};
}

/* Sees to it that the lease of the directory of a path is held; false: it is
 * not. *ret_breaks tells this time from others. */
static bool hold_parent(
	struct client_tree *tree, const char *path, uint64_t *ret_breaks)
{
	struct smb3x *share = lane_of(tree->client)->share;
	for (unsigned int tries = 0; tries < 2; tries++) {
		pthread_mutex_lock(&share->lock);
		const struct lease *lease = find_parent(share, path);
		*ret_breaks = lease == NULL ? 0 : lease->breaks;
		pthread_mutex_unlock(&share->lock);
		if (lease != NULL) {
			return true;
		}
		struct opening o = opening_of_directory();
		struct smb3x_file *file = NULL;
		char *parent = strndup(path, path_parent(path, strlen(path)));
		int error =
			parent == NULL || tries > 0
				? -ENOMEM
				: own_open(tree, parent, &o, NULL, &file, NULL);
		free(parent);
		if (error < 0) {
			return false;
		}
		own_close(tree, file);
	}
	return false;
}

static void remember_stat(const struct smb3x_file *file, uint64_t changes,
	uint64_t breaks, const struct smb3x_stat *stat)
{
	struct lease *lease = file->lease;
	pthread_mutex_lock(&file->share->lock);
	const struct lease *parent = find_parent(file->share, file->path);
	if (lease != NULL && lease_has(lease, SMB2_LEASE_READ_CACHING) &&
		lease->changes == changes && parent != NULL &&
		parent->breaks == breaks) {
		lease->stat = *stat;
		lease->stat_when = listing_now();
		lease->stat_known = true;
		lease->parent_breaks = breaks;
	}
	pthread_mutex_unlock(&file->share->lock);
}

int known_ask_stat(struct client_tree *tree, const char *path, bool follow,
	struct smb3x_stat *ret_stat)
{
	uint64_t breaks = 0;
	if (*path == '\0' || !tree->posix || !is_possible(tree) ||
		!hold_parent(tree, path, &breaks)) {
		return tree->client->broken
			       ? -ECONNRESET
			       : posix_lstat(tree, path, follow, ret_stat);
	}
	struct opening o = {
		.how = {.access = FILE_READ_ATTRIBUTES,
			.disposition = FILE_OPEN,
			.options = follow ? 0 : FILE_OPEN_REPARSE_POINT},
		.flags = CACHE_OWN,
	};
	struct posix_stat_query query;
	struct smb3x_file *file = NULL;
	int asked = 0;
	posix_stat_query(&query);
	int error = own_open(tree, path, &o, &query.step, &file, &asked);
	if (error < 0) {
		return error;
	}
	if (asked == 0 && is_common(&query.stat)) {
		remember_stat(file, o.changes, breaks, &query.stat);
		own_close(tree, file);
		*ret_stat = query.stat;
		return 0;
	}
	if (asked == 0 && query.stat.nlink == 0) {
		share_moved(tree, path, NULL); /* nobody told of that */
	}
	open_close(file);
	return tree->client->broken ? -ECONNRESET
				    : posix_lstat(tree, path, follow, ret_stat);
}

static int add_entry(void *ctx, const char *name, const struct smb3x_stat *stat)
{
	return listing_add(ctx, name, stat);
}

static void remember_listing(const struct smb3x_file *file, uint64_t changes,
	struct listing *listing)
{
	struct lease *lease = file->lease;
	pthread_mutex_lock(&file->share->lock);
	if (lease != NULL && lease_has(lease, SMB2_LEASE_READ_CACHING) &&
		lease->changes == changes) {
		listing_leave(lease->listing);
		lease->listing = listing_use(listing);
	}
	pthread_mutex_unlock(&file->share->lock);
}

int known_ask_listing(
	struct client_tree *tree, const char *path, struct listing *listing)
{
	listing_clear(listing);
	if (!is_possible(tree)) {
		return posix_list(tree, path, add_entry, listing);
	}
	struct opening o = opening_of_directory();
	struct smb3x_file *file = NULL;
	int error = own_open(tree, path, &o, NULL, &file, NULL);
	if (error < 0) {
		return error;
	}
	error = posix_list_file(file->file, add_entry, listing);
	if (error == 0) {
		remember_listing(file, o.changes, listing);
	}
	own_close(tree, file);
	return error;
}
