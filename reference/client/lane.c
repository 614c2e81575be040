/* SPDX-License-Identifier: MIT */
/* Connections: made when they are needed, taken for one call at a time, and
 * made again when they break. */
#include "client/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cache.h"

/* How long a server that has open files of ours is tried to be reached. */
#define REDIAL_MS 10000
#define REDIAL_PAUSE_MS 50

struct lane *lane_of(const struct client *client)
{
	return client->owner->ctx;
}

void lane_wake(struct lane *lane)
{
	const uint64_t once = 1;
	lane->work = true;
	(void)!write(lane->owner.wake_fd, &once, sizeof(once));
}

bool lane_keeps(const struct lane *lane)
{
	const struct smb3x *share = lane->share;
	return share->lane_count == 1 || lane != &share->lanes[0];
}

static void set_options(struct lane *lane, struct client_options *options)
{
	const struct smb3x *share = lane->share;
	const struct smb3x_options *o = &share->options;
	const struct target *t = &share->target;
	*options = share->dial;
	options->host = t->host;
	options->port = t->port_given ? t->port : NULL;
	options->user = t->user != NULL ? t->user : o->user;
	options->password = t->password != NULL ? t->password : o->password;
	options->leases =
		o->cache != SMB3X_CACHE_OFF || o->durable != SMB3X_DURABLE_OFF;
	options->guid = lane_keeps(lane) ? share->guid : NULL;
	options->previous_session = lane->session;
}

static int dial(struct lane *lane)
{
	struct smb3x *share = lane->share;
	struct client_options options;
	set_options(lane, &options);
	int error = client_connect(&options, &lane->client);
	if (lane->client != NULL) {
		lane->client->owner = &lane->owner;
	}
	if (error == 0) {
		lane->session = lane->client->session_id;
		error = client_tree_connect(
			lane->client, share->target.share, &lane->tree);
	}
	if (error == 0) {
		error = posix_probe(lane->tree);
	}
	if (error == 0 && share->options.posix == SMB3X_POSIX_REQUIRE &&
		!lane->tree->posix) {
		lane->client->status = 0;
		error = client_complain(lane->client, -EOPNOTSUPP,
			"the share has no POSIX extensions");
	}
	if (error < 0 && lane->client != NULL) {
		share_complain(
			error, lane->client->status, lane->client->complaint);
	} else if (error < 0) {
		share_complain(error, 0, NULL);
	}
	return error;
}

/* What was held by the connection alone is gone; what is durable waits. */
void lane_part(struct lane *lane)
{
	struct smb3x *share = lane->share;
	unsigned int number = lane_number(lane);
	pthread_mutex_lock(&share->lock);
	bool first = !lane->lost;
	lane->lost = true;
	struct smb3x_file **at = &share->files;
	while (first && *at != NULL) {
		struct smb3x_file *file = *at;
		bool mine = file->lane == number && !file->lost &&
			    file->generation == lane->generation;
		if (mine && file->lease != NULL) {
			lease_part(file->lease);
		}
		if (mine && file->kept) {
			*at = file->next;
			cache_forget(file);
		} else {
			at = &file->next;
		}
	}
	pthread_mutex_unlock(&share->lock);
}

void lane_hang_up(struct lane *lane)
{
	if (lane->client == NULL) {
		return;
	}
	if (lane->client->broken) {
		lane->client->session_valid = false; /* nobody to log off at */
	}
	lane_part(lane);
	if (lane->tree != NULL && lane->client->session_valid) {
		client_tree_close(lane->tree);
	} else {
		free(lane->tree);
	}
	struct client *client = lane->client;
	pthread_mutex_lock(&lane->share->lock);
	lane->tree = NULL;
	lane->client = NULL;
	lane->generation++;
	pthread_mutex_unlock(&lane->share->lock);
	if (client->session_valid) {
		lane->session = 0; /* ended in good order */
	}
	client_destroy(client);
}

/* A server that has closed the connection while it was idle. */
static bool is_dead(const struct lane *lane)
{
	return lane->client->broken || !connection_is_up(lane->client);
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Of the network, so that it may be better soon. */
static bool is_passing(int error)
{
	return error == -ECONNREFUSED || error == -ECONNRESET ||
	       error == -ENETUNREACH || error == -EHOSTUNREACH ||
	       error == -EPIPE;
}

static bool has_parted_files(const struct lane *lane)
{
	const struct smb3x *share = lane->share;
	unsigned int number = lane_number(lane);
	const struct smb3x_file *file = share->files;
	while (file != NULL && (file->lane != number || file->lost ||
				       !file->file->grant.durable)) {
		file = file->next;
	}
	return file != NULL;
}

static int dial_and_reopen(struct lane *lane)
{
	int error = dial(lane);
	if (error == 0) {
		pthread_mutex_lock(&lane->share->lock);
		lane->lost = false;
		pthread_mutex_unlock(&lane->share->lock);
		error = reopen_files(lane);
	}
	if (error < 0) {
		lane_hang_up(lane);
	}
	return error;
}

/* 3.2.7.1: for open files it pays to try for some time. */
static int dial_again(struct lane *lane)
{
	struct smb3x *share = lane->share;
	bool again = lane->generation > 0;
	pthread_mutex_lock(&share->lock);
	bool patient = again && has_parted_files(lane);
	pthread_mutex_unlock(&share->lock);
	unsigned int timeout = share->dial.timeout_ms;
	uint64_t end =
		now_ms() +
		(timeout != 0 && timeout < REDIAL_MS ? timeout : REDIAL_MS);
	uint64_t pause = REDIAL_PAUSE_MS;
	int error = dial_and_reopen(lane);
	while (is_passing(error) && now_ms() < end &&
		(patient || (again && error == -ECONNRESET))) {
		const struct timespec wait = {.tv_nsec = (long)pause * 1000000};
		nanosleep(&wait, NULL);
		pause = pause < 500 ? pause * 2 : pause;
		error = dial_and_reopen(lane);
	}
	if (error == 0 && again) {
		__atomic_add_fetch(&share->reconnects, 1, __ATOMIC_RELAXED);
	}
	return error;
}

int lane_prepare(struct lane *lane)
{
	if (lane->client != NULL && is_dead(lane)) {
		lane->client->broken = true;
		lane_hang_up(lane);
	}
	if (lane->client == NULL) {
		int error = dial_again(lane);
		if (error < 0) {
			return error;
		}
		watch_look(lane->share);
	}
	lane->client->status = 0;
	lane->client->complaint[0] = '\0';
	return 0;
}

/* A lane that is free, rather one that is connected. Under the lock. */
static struct lane *find_lane(struct smb3x *share, unsigned int how)
{
	struct lane *unused = NULL;
	bool several = share->lane_count > 1;
	unsigned int first = several && (how & SHARE_OPENS) != 0 ? 1 : 0;
	unsigned int end =
		several && (how & SHARE_RENAMES) != 0 ? 1 : share->lane_count;
	for (unsigned int i = first; i < end; i++) {
		struct lane *lane = &share->lanes[i];
		if (lane->busy || lane->waiting > 0) {
			continue;
		}
		if (lane->client != NULL) {
			return lane;
		}
		unused = unused == NULL ? lane : unused;
	}
	return unused;
}

struct lane *lane_take(struct smb3x *share, unsigned int how)
{
	pthread_mutex_lock(&share->lock);
	struct lane *lane = find_lane(share, how);
	while (lane == NULL) {
		pthread_cond_wait(&share->changed, &share->lock);
		lane = find_lane(share, how);
	}
	lane->busy = true;
	pthread_mutex_unlock(&share->lock);
	return lane;
}

void lane_take_this(struct lane *lane)
{
	struct smb3x *share = lane->share;
	pthread_mutex_lock(&share->lock);
	lane->waiting++;
	while (lane->busy) {
		pthread_cond_wait(&share->changed, &share->lock);
	}
	lane->waiting--;
	lane->busy = true;
	pthread_mutex_unlock(&share->lock);
}

void lane_give_back(struct lane *lane)
{
	struct smb3x *share = lane->share;
	pthread_mutex_lock(&share->lock);
	lane->busy = false;
	bool work = lane->work;
	pthread_cond_broadcast(&share->changed);
	pthread_mutex_unlock(&share->lock);
	if (work) {
		watch_look(share);
	}
}

/* Sessions and trees that the server has forgotten are made anew. */
static bool is_forgotten(uint32_t status)
{
	return status == STATUS_USER_SESSION_DELETED ||
	       status == STATUS_NETWORK_SESSION_EXPIRED ||
	       status == STATUS_NETWORK_NAME_DELETED;
}

int lane_judge(struct lane *lane, int error)
{
	struct client *client = lane->client;
	if (is_forgotten(client->status)) {
		client->broken = true;
	}
	return error < 0 ? share_complain(
				   error, client->status, client->complaint)
			 : error;
}
