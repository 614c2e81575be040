/* SPDX-License-Identifier: MIT */
/* Files that are kept open while their lease has H. [MS-SMB2] 3.2.5.19.2 */
#include "client/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/lane.h"
#include "client/open.h"

#define KEPT_MAX 64
#define KEPT_SECONDS 30
/* How long it is waited for that kept files are closed. */
#define RELEASE_SECONDS 5

static time_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void cache_forget(struct smb3x_file *file)
{
	if (file->drop) {
		lease_leave_closed(file->lease);
		pthread_cond_broadcast(&file->share->changed);
	} else {
		file->share->kept--;
		lease_leave(file->lease);
	}
	open_free(file);
}

void cache_drop(struct smb3x_file *file)
{
	if (file->kept && !file->drop) {
		file->drop = true;
		file->share->kept--;
		file->lease->closing++;
		lane_wake(&file->share->lanes[file->lane]);
	}
}

void cache_drop_lease(struct lease *lease)
{
	struct smb3x_file *file = lease->share->files;
	for (; file != NULL; file = file->next) {
		if (file->lease == lease) {
			cache_drop(file);
		}
	}
}

static void drop_oldest(struct smb3x *share)
{
	struct smb3x_file *oldest = NULL;
	for (struct smb3x_file *f = share->files; f != NULL; f = f->next) {
		if (f->kept && !f->drop &&
			(oldest == NULL || f->since <= oldest->since)) {
			oldest = f;
		}
	}
	if (oldest != NULL) {
		cache_drop(oldest);
	}
}

bool cache_keep(struct smb3x_file *file)
{
	struct smb3x *share = file->share;
	const struct lane *lane = &share->lanes[file->lane];
	const int harmless = O_NOFOLLOW | O_CLOEXEC | O_DIRECTORY | CACHE_OWN;
	if (share->options.cache == SMB3X_CACHE_OFF || file->lease == NULL ||
		!lease_has(file->lease, SMB2_LEASE_HANDLE_CACHING) ||
		file->lease->path == NULL || file->changed || file->lost ||
		lane->lost || file->generation != lane->generation ||
		(file->flags & ~harmless) != 0) {
		return false;
	}
	file->kept = true;
	file->since = now();
	if (++share->kept > KEPT_MAX) {
		drop_oldest(share);
	}
	return true;
}

struct smb3x_file *cache_reuse(struct smb3x *share, const char *path, int flags,
	const struct lane *lane)
{
	struct smb3x_file *f = share->files;
	while (f != NULL &&
		(!f->kept || f->drop || f->flags != flags ||
			f->lease->path == NULL || strcmp(f->path, path) != 0 ||
			(lane != NULL && lane != &share->lanes[f->lane]))) {
		f = f->next;
	}
	if (f != NULL) {
		f->kept = false;
		share->kept--;
	}
	return f;
}

bool cache_age(struct smb3x *share)
{
	time_t old = now() - KEPT_SECONDS;
	for (struct smb3x_file *f = share->files; f != NULL; f = f->next) {
		if (f->kept && f->since < old) {
			cache_drop(f);
		}
	}
	return share->kept > 0;
}

void cache_finish(struct smb3x *share)
{
	struct smb3x_file *file = share->files;
	while (file != NULL) {
		struct smb3x_file *next = file->next;
		cache_forget(file);
		file = next;
	}
	share->files = NULL;
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);
	return n == 0 || (strncmp(path, top, n) == 0 &&
				 (path[n] == '\0' || path[n] == '/'));
}

static bool drop_below(struct smb3x *share, const char *path)
{
	bool left = false;
	for (struct smb3x_file *f = share->files; f != NULL; f = f->next) {
		if (f->kept && is_below(f->path, path)) {
			cache_drop(f);
			left = true;
		}
	}
	return left;
}

static bool is_closing(const struct smb3x *share, const char *path)
{
	for (unsigned int i = 0; i < LEASE_BUCKETS; i++) {
		const struct lease *lease = share->leases[i];
		for (; lease != NULL; lease = lease->next) {
			if (lease->closing > 0 && is_below(lease->path, path)) {
				return true;
			}
		}
	}
	return false;
}

void cache_release(struct smb3x *share, const char *path)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += RELEASE_SECONDS;
	pthread_mutex_lock(&share->lock);
	int error = drop_below(share, path) ? 0 : ETIMEDOUT;
	while (error == 0 && is_closing(share, path)) {
		error = pthread_cond_timedwait(
			&share->changed, &share->lock, &end);
	}
	pthread_mutex_unlock(&share->lock);
}

static void purge(struct lease *lease)
{
	if (lease != NULL) {
		lease_purge(lease);
	}
}

void cache_changed(struct smb3x *share, const char *path)
{
	pthread_mutex_lock(&share->lock);
	purge(lease_find(share, path));
	purge(lease_find_parent(share, path));
	pthread_mutex_unlock(&share->lock);
}

/* What is open can be taken up again by its new name alone. */
static void move_files(struct smb3x *share, const char *from, const char *to)
{
	for (struct smb3x_file *f = share->files; f != NULL; f = f->next) {
		char *path = NULL;
		if (is_below(f->path, from) &&
			asprintf(&path, "%s%s", to, f->path + strlen(from)) >=
				0) {
			free(f->path);
			f->path = path;
		}
	}
}

void cache_moved(struct smb3x *share, const char *from, const char *to)
{
	pthread_mutex_lock(&share->lock);
	for (unsigned int i = 0; i < LEASE_BUCKETS; i++) {
		struct lease *lease = share->leases[i];
		while (lease != NULL) {
			struct lease *next = lease->next;
			if (is_below(lease->path, from)) {
				lease_lose_path(lease);
			}
			lease = next;
		}
	}
	if (to != NULL) {
		move_files(share, from, to);
	}
	pthread_mutex_unlock(&share->lock);
}
