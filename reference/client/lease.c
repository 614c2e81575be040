/* SPDX-License-Identifier: MIT */
/* Leases: the table of them, what CREATE answers and breaks do to it, and the
 * acknowledgments. [MS-SMB2] 3.2.5.7.4, 3.2.5.7.5, 3.2.5.19 */
#include "client/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/cache.h"
#include "client/lane.h"
#include "client/open.h"

#define CACHED (SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING)

static struct lease **bucket_of(struct smb3x *share, const char *path)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	for (; *path != '\0'; path++) {
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3ULL;
	}
	return &share->leases[hash >> 20 & (LEASE_BUCKETS - 1)];
}

struct lease *lease_find(struct smb3x *share, const char *path)
{
	struct lease *lease = *bucket_of(share, path);
	while (lease != NULL && strcmp(lease->path, path) != 0) {
		lease = lease->next;
	}
	return lease;
}

struct lease *lease_find_parent(struct smb3x *share, const char *path)
{
	if (*path == '\0') {
		return NULL;
	}
	char *parent = strndup(path, path_parent(path, strlen(path)));
	struct lease *lease = parent == NULL ? NULL : lease_find(share, parent);
	free(parent);
	return lease;
}

struct lease *lease_use(struct smb3x *share, const char *path)
{
	struct lease *lease = lease_find(share, path);
	if (lease != NULL) {
		lease->uses++;
		return lease;
	}
	lease = calloc(1, sizeof(*lease));
	char *copy = strdup(path);
	if (lease == NULL || copy == NULL ||
		getrandom(&lease->key, sizeof(lease->key), 0) !=
			(ssize_t)sizeof(lease->key)) {
		free(copy);
		free(lease);
		return NULL;
	}
	struct lease **bucket = bucket_of(share, path);
	lease->share = share;
	lease->breaks = ++share->leases_made << 32; /* not as one before */
	lease->path = copy;
	lease->uses = 1;
	lease->next = *bucket;
	*bucket = lease;
	return lease;
}

static void unlink_from(struct lease **at, const struct lease *lease)
{
	while (*at != lease) {
		at = &(*at)->next;
	}
	*at = lease->next;
}

static void drop_path(struct lease *lease)
{
	if (lease->path != NULL) {
		unlink_from(bucket_of(lease->share, lease->path), lease);
		free(lease->path);
		lease->path = NULL;
	} else {
		unlink_from(&lease->share->nameless, lease);
	}
}

void lease_purge(struct lease *lease)
{
	lease->changes++;
	lease->stat_known = false;
	listing_leave(lease->listing);
	lease->listing = NULL;
}

void lease_leave(struct lease *lease)
{
	if (lease != NULL && --lease->uses == 0) {
		lease_purge(lease);
		drop_path(lease);
		free(lease);
	}
}

void lease_lose_path(struct lease *lease)
{
	if (lease->path != NULL) {
		drop_path(lease);
		lease->next = lease->share->nameless;
		lease->share->nameless = lease;
		lease->breaks++;
		lease_purge(lease);
	}
}

bool lease_has(const struct lease *lease, uint32_t state)
{
	return lease->v2 && !lease->parted && (lease->state & state) == state;
}

/* 3.2.5.7.5; what the table calls invalid is taken as the less of both. While
 * a break is under way, its notification tells. */
void lease_granted(struct lease *lease, const struct client_grant *grant)
{
	if (!grant->lease) {
		return;
	}
	int16_t newer = (int16_t)(grant->epoch - lease->epoch);
	uint32_t state = grant->state & CACHED;
	if (!lease->granted || lease->parted) {
		lease->v2 = grant->v2;
	} else if (grant->breaking || (lease->v2 && newer < 0)) {
		return;
	} else if (lease->v2 && newer == 0) {
		state &= lease->state;
	}
	if (grant->breaking) {
		state = SMB2_LEASE_NONE;
	}
	bool less = (state & lease->state) != lease->state;
	if (lease->granted && (less || (lease->v2 && newer > 1))) {
		lease->breaks++;
		lease_purge(lease);
	}
	lease->granted = true;
	lease->parted = false;
	lease->state = state;
	lease->epoch = grant->epoch;
}

/* All leases are in lists: of a bucket each, then of those without a path. */
#define LISTS (LEASE_BUCKETS + 1)

static struct lease **list_of(struct smb3x *share, unsigned int i)
{
	return i < LEASE_BUCKETS ? &share->leases[i] : &share->nameless;
}

static struct lease *find_key(struct smb3x *share, const struct wire_guid *key)
{
	for (unsigned int i = 0; i < LISTS; i++) {
		struct lease *lease = *list_of(share, i);
		for (; lease != NULL; lease = lease->next) {
			if (memcmp(&lease->key, key, sizeof(*key)) == 0) {
				return lease;
			}
		}
	}
	return NULL;
}

/*
 * On which lane the rest of what is open acknowledges, if anything is: a file,
 * or a CREATE whose answer is on its way. With none of it, the CLOSE requests
 * say enough. 3.2.5.19.2
 */
static bool find_ack_lane(struct lease *lease)
{
	const struct smb3x *share = lease->share;
	unsigned int known = lease->closing;
	for (struct smb3x_file *f = share->files; f != NULL; f = f->next) {
		if (f->lease != lease || f->drop) {
			continue; /* counted as closing */
		}
		known++;
		const struct lane *lane = &share->lanes[f->lane];
		if (!f->ending && !f->lost && !lane->lost &&
			f->generation == lane->generation) {
			lease->lane = f->lane;
			return true;
		}
	}
	return lease->uses > known;
}

/* When all that is to be closed before is closed; a CREATE may come between. */
static void wake_for_ack(struct lease *lease)
{
	if (lease->ack_due && lease->closing == 0) {
		lease->ack_due = find_ack_lane(lease);
		if (lease->ack_due) {
			lane_wake(&lease->share->lanes[lease->lane]);
		}
	}
}

static void break_lease(
	struct lane *lane, const struct smb2_lease_break_notification *n)
{
	struct smb3x *share = lane->share;
	struct lease *lease = find_key(share, &n->lease_key);
	if (lease == NULL) {
		return;
	}
	if (!lease->granted) { /* faster than the answer that grants it */
		lease->granted = true;
		lease->v2 = n->new_epoch != 0;
		lease->epoch = n->new_epoch;
	}
	lease->state &= n->new_lease_state;
	if ((int16_t)(n->new_epoch - lease->epoch) > 0) {
		lease->epoch = n->new_epoch;
	}
	lease->breaks++;
	lease_purge(lease);
	if ((lease->state & SMB2_LEASE_HANDLE_CACHING) == 0) {
		cache_drop_lease(lease);
	}
	if ((n->flags & SMB2_NOTIFY_BREAK_LEASE_FLAG_ACK_REQUIRED) != 0) {
		lease->ack_due = true;
		lease->lane = lane_number(lane);
		wake_for_ack(lease);
	}
}

static struct smb3x_file *find_id(
	const struct lane *lane, const struct smb2_fileid *id)
{
	struct smb3x_file *f = lane->share->files;
	unsigned int number = lane_number(lane);
	while (f != NULL &&
		(f->lane != number || f->generation != lane->generation ||
			memcmp(&f->file->id, id, sizeof(*id)) != 0)) {
		f = f->next;
	}
	return f;
}

/* 3.2.5.19.1 */
static void break_oplock(
	struct lane *lane, const struct smb2_oplock_break_notification *n)
{
	struct smb3x_file *file = find_id(lane, &n->file_id);
	if (file == NULL || n->oplock_level > SMB2_OPLOCK_LEVEL_II) {
		return;
	}
	uint8_t *level = &file->file->grant.oplock;
	file->ack_due = *level == SMB2_OPLOCK_LEVEL_BATCH ||
			*level == SMB2_OPLOCK_LEVEL_EXCLUSIVE;
	if (file->ack_due || *level == SMB2_OPLOCK_LEVEL_II) {
		*level = n->oplock_level;
		file->file->grant.durable = false;
	}
	if (file->ack_due) {
		lane_wake(lane);
	}
}

void lease_notified(void *ctx, struct wire_view pdu)
{
	struct lane *lane = ctx;
	struct smb2_lease_break_notification lease;
	struct smb2_oplock_break_notification oplock;
	uint16_t size = pdu.n < 66 ? 0 : wire_get16(pdu.p + 64);
	pthread_mutex_lock(&lane->share->lock);
	if (size == 44 &&
		smb2_lease_break_notification_decode(pdu, &lease) == 0) {
		break_lease(lane, &lease);
	} else if (size == 24 &&
		   smb2_oplock_break_notification_decode(pdu, &oplock) == 0) {
		break_oplock(lane, &oplock);
	}
	pthread_mutex_unlock(&lane->share->lock);
}

void lease_leave_closed(struct lease *lease)
{
	lease->closing--;
	if (lease->uses > 1) {
		lease->uses--;
		wake_for_ack(lease);
	} else {
		lease_leave(lease);
	}
}

/* A CLOSE has been answered, or nobody will answer it. */
static void closed(void *ctx, uint32_t status)
{
	(void)status;
	struct lease *lease = ctx;
	struct smb3x *share = lease->share;
	pthread_mutex_lock(&share->lock);
	lease_leave_closed(lease);
	pthread_cond_broadcast(&share->changed);
	pthread_mutex_unlock(&share->lock);
}

/* 3.2.5.19.4 */
static void acknowledged(void *ctx, uint32_t status)
{
	struct lease *lease = ctx;
	struct smb3x *share = lease->share;
	pthread_mutex_lock(&share->lock);
	if (status != 0) {
		lease->state = SMB2_LEASE_NONE;
		lease->breaks++;
		lease_purge(lease);
		cache_drop_lease(lease);
	}
	lease_leave(lease);
	pthread_mutex_unlock(&share->lock);
}

/* One thing that is to be sent on a lane. */
struct errand {
	struct smb3x_file *close; /* no longer in the list */
	struct lease *lease;      /* to be acknowledged */
	uint32_t state;
	struct smb3x_file *oplock;
};

static bool take_file_errand(struct lane *lane, struct errand *errand)
{
	struct smb3x *share = lane->share;
	unsigned int number = lane_number(lane);
	struct smb3x_file **at = &share->files;
	for (; *at != NULL; at = &(*at)->next) {
		struct smb3x_file *file = *at;
		if (file->lane != number || file->lost) {
			continue;
		}
		if (file->drop) {
			*at = file->next;
			errand->close = file;
			return true;
		}
		if (file->ack_due) {
			file->ack_due = false;
			errand->oplock = file;
			return true;
		}
	}
	return false;
}

static bool take_lease_errand(struct lane *lane, struct errand *errand)
{
	struct smb3x *share = lane->share;
	unsigned int number = lane_number(lane);
	for (unsigned int i = 0; i < LISTS; i++) {
		struct lease *lease = *list_of(share, i);
		for (; lease != NULL; lease = lease->next) {
			if (lease->ack_due && lease->lane == number &&
				lease->closing == 0) {
				lease->ack_due = false;
				lease->uses++;
				errand->lease = lease;
				errand->state = lease->state;
				return true;
			}
		}
	}
	return false;
}

/* Without credits it is left for later. */
static bool take_errand(struct lane *lane, struct errand *errand)
{
	*errand = (struct errand){0};
	pthread_mutex_lock(&lane->share->lock);
	bool due = lane->work && lane->client->credits > 0;
	if (due) {
		due = take_file_errand(lane, errand) ||
		      take_lease_errand(lane, errand);
		lane->work = due;
	}
	pthread_mutex_unlock(&lane->share->lock);
	return due;
}

static void close_file(struct lane *lane, struct smb3x_file *file)
{
	struct lease *lease = file->lease;
	const struct smb2_close_request request = {.file_id = file->file->id};
	if (exchange_post(lane->client, lane->tree, SMB2_CLOSE,
		    &smb2_close_request_type, &request, closed, lease) < 0) {
		closed(lease, 0);
	}
	open_free(file);
}

static void acknowledge(struct lane *lane, struct lease *lease, uint32_t state)
{
	const struct smb2_lease_break_acknowledgment request = {
		.lease_key = lease->key, .lease_state = state};
	if (exchange_post(lane->client, lane->tree, SMB2_OPLOCK_BREAK,
		    &smb2_lease_break_acknowledgment_type, &request,
		    acknowledged, lease) < 0) {
		acknowledged(lease, 0);
	}
}

static void acknowledge_oplock(struct lane *lane, const struct client_file *f)
{
	const struct smb2_oplock_break_acknowledgment request = {
		.oplock_level = f->grant.oplock, .file_id = f->id};
	/* When it fails, the connection has broken. */
	(void)exchange_post(lane->client, lane->tree, SMB2_OPLOCK_BREAK,
		&smb2_oplock_break_acknowledgment_type, &request, NULL, NULL);
}

void lease_work(void *ctx)
{
	struct lane *lane = ctx;
	struct errand errand;
	uint64_t times = 0;
	(void)!read(lane->owner.wake_fd, &times, sizeof(times));
	while (lane->tree != NULL && take_errand(lane, &errand)) {
		if (errand.close != NULL) {
			close_file(lane, errand.close);
		} else if (errand.oplock != NULL) {
			acknowledge_oplock(lane, errand.oplock->file);
		} else {
			acknowledge(lane, errand.lease, errand.state);
		}
	}
}

void lease_part(struct lease *lease)
{
	lease->parted = true;
	lease->breaks++;
	lease_purge(lease);
	if (lease->ack_due && lease->share->lanes[lease->lane].lost) {
		lease->ack_due = find_ack_lane(lease) &&
				 !lease->share->lanes[lease->lane].lost;
		wake_for_ack(lease);
	}
}

void lease_finish(struct smb3x *share)
{
	for (unsigned int i = 0; i < LISTS; i++) {
		struct lease **head = list_of(share, i);
		while (*head != NULL) {
			(*head)->uses = 1;
			lease_leave(*head);
		}
	}
}
