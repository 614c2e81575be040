/* SPDX-License-Identifier: MIT */
/*
 * One thread for each share reads what comes on connections that no call
 * uses, so that breaks are acknowledged at once also while the program does
 * something else. A connection that a call uses is left to it.
 */
#include "client/lane.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/cache.h"

/* How soon a connection that was in use is looked after again. */
#define BUSY_MS 10
#define AGE_MS 5000

/* Two descriptors for each lane, behind that of the thread itself. */
struct round {
	struct pollfd fds[1 + 2 * SHARE_LANES_MAX];
	struct lane *lanes[SHARE_LANES_MAX];
	unsigned int count;
	int timeout_ms;
};

/* False: the thread is to end. */
static bool plan(struct smb3x *share, struct round *r)
{
	*r = (struct round){.timeout_ms = -1};
	r->fds[0] = (struct pollfd){.fd = share->watch_fd, .events = POLLIN};
	pthread_mutex_lock(&share->lock);
	bool going_on = !share->ending;
	for (unsigned int i = 0; i < share->lane_count; i++) {
		struct lane *lane = &share->lanes[i];
		if (lane->busy || lane->waiting > 0) {
			r->timeout_ms = BUSY_MS;
		} else if (lane->client != NULL && !lane->client->broken) {
			struct pollfd *fds = &r->fds[1 + 2 * r->count];
			fds[0] = (struct pollfd){
				.fd = connection_fd(lane->client),
				.events = POLLIN};
			fds[1] = (struct pollfd){
				.fd = lane->owner.wake_fd, .events = POLLIN};
			r->lanes[r->count++] = lane;
			if (lane->work && lane->client->credits > 0) {
				lane_wake(lane);
			}
		}
	}
	if (cache_age(share) && r->timeout_ms < 0) {
		r->timeout_ms = AGE_MS;
	}
	pthread_mutex_unlock(&share->lock);
	return going_on;
}

/* Reads all that has come on a lane that is taken. */
static void serve(struct lane *lane)
{
	struct client *client = lane->client;
	lease_work(lane);
	int more = connection_peek(client);
	while (more > 0 && exchange_receive(client) == 0) {
		more = connection_peek(client);
	}
	if (more < 0) {
		client->broken = true;
	}
	if (client->broken) {
		lane_part(lane);
	}
}

static void serve_if_idle(struct lane *lane)
{
	pthread_mutex_lock(&lane->share->lock);
	bool idle = !lane->busy && lane->waiting == 0 && lane->client != NULL &&
		    !lane->client->broken;
	lane->busy = lane->busy || idle;
	pthread_mutex_unlock(&lane->share->lock);
	if (idle) {
		serve(lane);
		lane_give_back(lane);
	}
}

static void *watch(void *ctx)
{
	struct smb3x *share = ctx;
	struct round r;
	while (plan(share, &r)) {
		if (poll(r.fds, 1 + 2 * r.count, r.timeout_ms) <= 0) {
			continue;
		}
		uint64_t times = 0;
		if (r.fds[0].revents != 0) {
			(void)!read(share->watch_fd, &times, sizeof(times));
		}
		for (unsigned int i = 0; i < r.count; i++) {
			if (r.fds[1 + 2 * i].revents != 0 ||
				r.fds[2 + 2 * i].revents != 0) {
				serve_if_idle(r.lanes[i]);
			}
		}
	}
	return NULL;
}

int watch_begin(struct smb3x *share)
{
	if (share->watched) {
		return 0;
	}
	share->ending = false;
	share->watched =
		pthread_create(&share->watcher, NULL, watch, share) == 0;
	return share->watched ? 0 : -EAGAIN;
}

void watch_look(struct smb3x *share)
{
	const uint64_t once = 1;
	(void)!write(share->watch_fd, &once, sizeof(once));
}

void watch_end(struct smb3x *share)
{
	if (share->watched) {
		pthread_mutex_lock(&share->lock);
		share->ending = true;
		pthread_mutex_unlock(&share->lock);
		watch_look(share);
		pthread_join(share->watcher, NULL);
		share->watched = false;
	}
}
