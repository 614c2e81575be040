/* SPDX-License-Identifier: MIT */
/*
 * A share: its connections, made when they are needed and replaced when they
 * break; and paths, whose symbolic links are resolved one by one.
 * POSIX-SMB2 3.2.5.7
 */
#include "client/share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cache.h"
#include "client/lane.h"
#include "client/open.h"
#include "wire/registry.h"

#define LANES_DEFAULT 4
/* A call is made so often while connections break. */
#define TRIES_MAX 5

/* What smb3x_why() tells this thread. */
static _Thread_local struct {
	uint32_t status;
	char text[400];
} why;

int share_complain(int error, uint32_t status, const char *text)
{
	why.status = status;
	const char *name = status == 0 ? NULL : status_name(status);
	if (status != 0) {
		snprintf(why.text, sizeof(why.text), "%s (0x%08x): %s",
			name == NULL ? "unknown status" : name, status,
			strerror(-error));
	} else {
		snprintf(why.text, sizeof(why.text), "%s",
			text != NULL && *text != '\0' ? text
						      : strerror(-error));
	}
	return error;
}

const char *smb3x_why(void)
{
	return why.text;
}

uint32_t smb3x_status(void)
{
	return why.status;
}

void smb3x_options_init(struct smb3x_options *options)
{
	*options = (struct smb3x_options){
		.size = sizeof(*options),
		.uid = getuid(),
		.gid = getgid(),
	};
}

/* One copy of the strings, so that the caller's may go. */
static int keep_texts(struct smb3x *share)
{
	const char **texts[] = {&share->options.user, &share->options.password,
		&share->options.domain};
	size_t n = 1;
	for (size_t i = 0; i < 3; i++) {
		n += *texts[i] == NULL ? 0 : strlen(*texts[i]) + 1;
	}
	char *at = malloc(n);
	share->texts = at;
	for (size_t i = 0; at != NULL && i < 3; i++) {
		if (*texts[i] != NULL) {
			size_t length = strlen(*texts[i]) + 1;
			memcpy(at, *texts[i], length);
			*texts[i] = at;
			at += length;
		}
	}
	return share->texts == NULL ? -ENOMEM : 0;
}

/* With the descriptors by which their threads are woken. */
static int make_lanes(struct smb3x *share)
{
	const int flags = EFD_NONBLOCK | EFD_CLOEXEC;
	share->watch_fd = eventfd(0, flags);
	bool whole = share->watch_fd >= 0 &&
		     getrandom(share->guid, sizeof(share->guid), 0) ==
			     (ssize_t)sizeof(share->guid);
	for (unsigned int i = 0; i < share->lane_count; i++) {
		struct lane *lane = &share->lanes[i];
		lane->share = share;
		lane->owner = (struct client_owner){
			lease_notified, lease_work, lane, eventfd(0, flags)};
		whole = whole && lane->owner.wake_fd >= 0;
	}
	return whole ? 0 : -EMFILE;
}

static struct smb3x *share_create(const struct smb3x_options *options)
{
	struct smb3x *share = calloc(1, sizeof(*share));
	if (share == NULL) {
		return NULL;
	}
	smb3x_options_init(&share->options);
	if (options != NULL) {
		size_t known = sizeof(share->options);
		memcpy(&share->options, options,
			options->size < known ? options->size : known);
	}
	unsigned int lanes = share->options.connections;
	share->lane_count = lanes == 0                ? LANES_DEFAULT
			    : lanes > SHARE_LANES_MAX ? SHARE_LANES_MAX
						      : lanes;
	pthread_mutex_init(&share->lock, NULL);
	pthread_cond_init(&share->changed, NULL);
	if (make_lanes(share) < 0 || keep_texts(share) < 0) {
		smb3x_destroy(share);
		return NULL;
	}
	return share;
}

/* A prefix that must be a directory, and may be a link. Samba calls a link
 * that it has stored no directory when one is asked for, so none is. */
static int check_directory(struct client_tree *tree, char *path, size_t n)
{
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
	};
	char kept = path[n];
	path[n] = '\0';
	struct smb3x_stat stat;
	int error = posix_call(tree, path, &how, NULL, &stat, NULL);
	path[n] = kept;
	return error == 0 && !S_ISDIR(stat.mode) ? -ENOTDIR : error;
}

static bool is_stopped(const struct client_tree *tree, int error)
{
	return error == -ELOOP &&
	       tree->client->status == STATUS_STOPPED_ON_SYMLINK;
}

/*
 * The server says only that there is no such path: is there a link on it that
 * it did not see as one, or a file in place of a directory? 0 when it goes on
 * behind a link.
 */
static int look_closer(struct path_walk *walk, struct client_tree *tree,
	size_t asked, int error)
{
	const uint32_t status = tree->client->status;
	size_t n = asked;
	if (status == STATUS_OBJECT_PATH_NOT_FOUND) {
		n = path_parent(walk->path, n);
	}
	while (n > walk->verified) {
		int found = check_directory(tree, walk->path, n);
		if (is_stopped(tree, found)) {
			return path_stopped(walk, n, &tree->client->stop);
		}
		if (found == 0 || found == -ENOTDIR) {
			error = found < 0 ? found : error;
			break;
		}
		n = path_parent(walk->path, n);
	}
	tree->client->status = status;
	return error;
}

static int complain_of_path(struct client_tree *tree, int error)
{
	tree->client->status = 0;
	return client_complain(tree->client, error, "%s",
		error == -EXDEV ? "a symbolic link or .. leads out of the share"
		: error == -ELOOP ? "too many symbolic links"
		: error == -EPROTO
			? "the server told a symbolic link that cannot be"
			: strerror(-error));
}

static int walk_on(struct path_walk *walk, struct client_tree *tree,
	share_call *call, void *ctx)
{
	for (;;) {
		size_t asked = 0;
		int more = path_step(walk, &asked);
		if (more < 0) {
			return complain_of_path(tree, more);
		}
		int error = 0;
		if (more > 0) {
			error = check_directory(tree, walk->path, asked);
		} else {
			asked = strlen(walk->path);
			error = call(tree, walk->path, ctx);
		}
		uint32_t status = tree->client->status;
		if (is_stopped(tree, error)) {
			error = path_stopped(walk, asked, &tree->client->stop);
			if (error < 0) {
				return complain_of_path(tree, error);
			}
		} else if (error < 0 &&
			   (status == STATUS_OBJECT_PATH_NOT_FOUND ||
				   status == STATUS_NOT_A_DIRECTORY)) {
			error = look_closer(walk, tree, asked, error);
			if (error < 0) {
				return error;
			}
		} else if (error < 0 || more == 0) {
			return error;
		} else {
			path_verified(walk, asked);
		}
	}
}

int share_walk(struct smb3x *share, struct client_tree *tree, const char *path,
	share_call *call, void *ctx, char **ret_path)
{
	struct path_walk walk = {
		.posix = tree->posix,
		.share_roots = share->options.absolute == SMB3X_ABSOLUTE_SHARE,
	};
	int error = path_begin(&walk, path);
	if (error < 0) {
		return complain_of_path(tree, error);
	}
	error = walk_on(&walk, tree, call, ctx);
	if (error >= 0 && ret_path != NULL) {
		*ret_path = walk.path;
		walk.path = NULL;
	}
	path_finish(&walk);
	return error;
}

static int run_once(struct smb3x *share, const char *path, unsigned int how,
	share_call *call, void *ctx, struct share_where *ret_where,
	bool *ret_broken)
{
	struct lane *lane = lane_take(share, how);
	int error = lane_prepare(lane);
	*ret_broken = false;
	if (error == 0) {
		char *found = NULL;
		error = share_walk(share, lane->tree, path, call, ctx,
			ret_where == NULL ? NULL : &found);
		lane_judge(lane, error);
		*ret_broken = lane->client->broken;
		if (error >= 0 && ret_where != NULL) {
			*ret_where = (struct share_where){
				lane_number(lane), lane->generation, found};
		}
	}
	lane_give_back(lane);
	return error;
}

int share_run(struct smb3x *share, const char *path, unsigned int how,
	share_call *call, void *ctx, struct share_where *ret_where)
{
	bool broken = false;
	int error = run_once(share, path, how, call, ctx, ret_where, &broken);
	for (unsigned int tries = 1;
		tries < TRIES_MAX && error < 0 && broken &&
		error != -ETIMEDOUT && (how & SHARE_AGAIN) != 0;
		tries++) {
		error = run_once(
			share, path, how, call, ctx, ret_where, &broken);
	}
	return error;
}

void share_changing(struct client_tree *tree, const char *path,
	struct share_change *ret_change)
{
	struct smb3x *share = lane_of(tree->client)->share;
	struct client_wish wish = {.state = SMB2_LEASE_NONE};
	if (tree->client->dialect >= SMB2_DIALECT_300 &&
		getrandom(&wish.key, sizeof(wish.key), 0) ==
			(ssize_t)sizeof(wish.key)) {
		pthread_mutex_lock(&share->lock);
		open_set_parent(share, path, &wish);
		pthread_mutex_unlock(&share->lock);
	}
	wish.lease = wish.has_parent;
	ret_change->wish = wish;
	tree->wish = wish.lease ? &ret_change->wish : NULL;
}

void share_changed(struct client_tree *tree, const char *path)
{
	tree->wish = NULL;
	cache_changed(lane_of(tree->client)->share, path);
}

void share_moved(
	const struct client_tree *tree, const char *from, const char *to)
{
	cache_moved(lane_of(tree->client)->share, from, to);
}

int share_enter(struct smb3x_file *file)
{
	struct lane *lane = &file->share->lanes[file->lane];
	lane_take_this(lane);
	int error = file->lost ? 0 : lane_prepare(lane);
	if (error == 0 && file->lost) {
		error = share_complain(-ESTALE, file->lost_status,
			"the connection on which the file was open is gone, "
			"and the server does not give the file back");
	}
	if (error < 0) {
		lane_give_back(lane);
	}
	return error;
}

int share_leave(struct smb3x_file *file, ssize_t result)
{
	struct lane *lane = &file->share->lanes[file->lane];
	int error = result < 0 ? (int)result : 0;
	lane_judge(lane, error);
	lane_give_back(lane);
	return error;
}

ssize_t share_file_run(
	struct smb3x_file *file, bool again, share_file_call *call, void *ctx)
{
	for (unsigned int tries = 1;; tries++) {
		ssize_t result = share_enter(file);
		if (result < 0) {
			return result;
		}
		result = call(file, ctx);
		const struct lane *lane = &file->share->lanes[file->lane];
		bool cut = result < 0 && lane->client->broken;
		share_leave(file, result);
		if (!cut || !again || tries >= TRIES_MAX) {
			return result;
		}
		if (result == -ETIMEDOUT) { /* that has cost time enough */
			tries = TRIES_MAX - 1;
		}
	}
}

char *share_file_path(struct smb3x_file *file)
{
	pthread_mutex_lock(&file->share->lock);
	char *path = strdup(file->path);
	pthread_mutex_unlock(&file->share->lock);
	return path;
}

void share_file_changed(struct smb3x_file *file)
{
	char *path = share_file_path(file);
	if (path != NULL) {
		cache_changed(file->share, path);
	}
	free(path);
}

static int first_contact(struct smb3x *share)
{
	struct lane *lane = lane_take(share, SHARE_ONCE);
	int error = lane_prepare(lane);
	if (error == 0) {
		share->posix = lane->tree->posix;
		snprintf(share->description, sizeof(share->description), "%s%s",
			client_description(lane->client),
			lane->client->posix && !share->posix
				? ", but not on this share"
				: "");
		share->caches = share->options.cache != SMB3X_CACHE_OFF &&
				create_can_lease_directories(lane->client);
		error = watch_begin(share);
	}
	lane_give_back(lane);
	return error;
}

static struct client_options dial_of(const struct smb3x_options *o)
{
	return (struct client_options){
		.domain = o->domain,
		.kerberos = o->kerberos,
		.min_dialect = o->min_dialect,
		.max_dialect = o->max_dialect,
		.sign = o->sign,
		.seal = o->encrypt ? CLIENT_SEAL_REQUIRED : CLIENT_SEAL_WANTED,
		.timeout_ms = o->timeout_ms,
	};
}

int share_connect(const char *url, const struct client_options *dial,
	const struct smb3x_options *options, struct smb3x **ret_share)
{
	struct smb3x *share = share_create(options);
	if (share == NULL) {
		return share_complain(-ENOMEM, 0, NULL);
	}
	*ret_share = share;
	share->dial = dial != NULL ? *dial : dial_of(&share->options);
	share->dial.no_posix = share->options.posix == SMB3X_POSIX_OFF;
	int error = target_parse(url, &share->target);
	if (error < 0) {
		return share_complain(error, 0,
			"not a URL like "
			"smb://user:password@host:port/share/path");
	}
	return first_contact(share);
}

int smb3x_connect(const char *url, const struct smb3x_options *options,
	struct smb3x **ret_share)
{
	return share_connect(url, NULL, options, ret_share);
}

void smb3x_destroy(struct smb3x *share)
{
	if (share == NULL) {
		return;
	}
	watch_end(share);
	cache_finish(share);
	for (unsigned int i = 0; i < share->lane_count; i++) {
		lane_hang_up(&share->lanes[i]);
		close(share->lanes[i].owner.wake_fd);
	}
	lease_finish(share);
	close(share->watch_fd);
	pthread_cond_destroy(&share->changed);
	pthread_mutex_destroy(&share->lock);
	target_finish(&share->target);
	if (share->options.password != NULL && share->texts != NULL) {
		explicit_bzero((char *)share->options.password,
			strlen(share->options.password));
	}
	free(share->texts);
	free(share);
}

const char *smb3x_url_path(const struct smb3x *share)
{
	return share->target.path == NULL ? "" : share->target.path;
}

bool smb3x_has_posix(const struct smb3x *share)
{
	return share->posix;
}

bool share_caches(const struct smb3x *share)
{
	return share->caches && __atomic_load_n(&share->refused,
					__ATOMIC_RELAXED) < SHARE_REFUSED_MAX;
}

unsigned int smb3x_reconnects(const struct smb3x *share)
{
	return __atomic_load_n(&share->reconnects, __ATOMIC_RELAXED);
}

const char *smb3x_description(struct smb3x *share)
{
	return share->description;
}
