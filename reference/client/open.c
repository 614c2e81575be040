/* SPDX-License-Identifier: MIT */
/* Opens with a lease, durable ones, and their end. */
#include "client/open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/lane.h"

/* While the server works on the first CREATE. 3.2.5.7 */
#define REPLAYS_MAX 20
#define REPLAY_PAUSE_NS 100000000L
#define RH (SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING)

static bool wants_lease(const struct client_tree *tree, const struct opening *o)
{
	const struct client *client = tree->client;
	const struct smb3x_options *options = &lane_of(client)->share->options;
	bool cache = options->cache != SMB3X_CACHE_OFF;
	return lane_keeps(lane_of(client)) && client->options.leases &&
	       (o->directory ? cache && create_can_lease_directories(client)
			     : (cache || o->durable) &&
				       create_can_lease(client));
}

/* The parent's key tells the server that its lease need not be broken for what
 * is done here: the listing is dropped without that. 3.2.4.3.8 */
void open_set_parent(
	struct smb3x *share, const char *path, struct client_wish *wish)
{
	const struct lease *lease = lease_find_parent(share, path);
	if (lease != NULL && lease->v2 && lease->state != SMB2_LEASE_NONE) {
		wish->has_parent = true;
		wish->parent = lease->key;
	}
}

/* A replay has the LeaseKey of the first CREATE, which nobody else may have
 * replaced meanwhile. */
static bool same_key(struct lease *lease, const struct opening *o)
{
	if (!lease->granted && lease->uses == 1) {
		lease->key = o->key;
	}
	return memcmp(&lease->key, &o->key, sizeof(o->key)) == 0;
}

static struct lease *set_lease(struct smb3x *share, const char *path,
	struct opening *o, struct client_wish *wish)
{
	pthread_mutex_lock(&share->lock);
	struct lease *lease = lease_use(share, path);
	if (lease != NULL) {
		wish->replay = wish->replay && same_key(lease, o);
		o->key = lease->key;
		wish->lease = true;
		wish->key = lease->key;
		wish->state = RH;
		wish->epoch = lease->epoch;
		o->changes = lease->changes;
		open_set_parent(share, path, wish);
	}
	pthread_mutex_unlock(&share->lock);
	return lease;
}

/* A new CreateGuid, unless the same CREATE was sent before. */
static int set_guid(struct opening *o, struct client_wish *wish)
{
	if (!o->asked && getrandom(&o->guid, sizeof(o->guid), 0) !=
				 (ssize_t)sizeof(o->guid)) {
		return -EIO;
	}
	wish->guid = o->guid;
	return 0;
}

void open_free(struct smb3x_file *file)
{
	if (file != NULL) {
		free(file->file);
		free(file->path);
		free(file);
	}
}

static struct smb3x_file *file_create(struct client_tree *tree,
	const char *path, const struct opening *o, const struct client_wish *w)
{
	struct lane *lane = lane_of(tree->client);
	struct smb3x_file *file = calloc(1, sizeof(*file));
	char *copy = strdup(path);
	if (file == NULL || copy == NULL) {
		free(copy);
		free(file);
		return NULL;
	}
	*file = (struct smb3x_file){
		.share = lane->share,
		.lane = lane_number(lane),
		.generation = lane->generation,
		.flags = o->flags,
		.path = copy,
		.how = o->how,
		.guid = o->guid,
		.has_parent = w->has_parent,
		.parent = w->parent,
	};
	file->how.wish = NULL;
	return file;
}

/* One CREATE; what it opens is in the list of the share. */
static int try_open(struct client_tree *tree, const char *path,
	struct opening *o, const struct posix_step *step,
	struct smb3x_file *file, struct client_wish *wish, int *ret_step)
{
	struct smb3x *share = file->share;
	struct lease *lease = file->lease;
	struct posix_how how = o->how;
	how.wish = wish;
	o->asked = true;
	int error =
		posix_open_step(tree, path, &how, step, &file->file, ret_step);
	o->asked = error < 0 && tree->client->broken;
	pthread_mutex_lock(&share->lock);
	if (error == 0) {
		if (lease != NULL) {
			lease_granted(lease, &file->file->grant);
		}
		file->next = share->files;
		share->files = file;
	} else if (lease != NULL &&
		   tree->client->status == STATUS_INVALID_PARAMETER) {
		lease_lose_path(lease);
	}
	pthread_mutex_unlock(&share->lock);
	return error;
}

/* The server has an open with this CreateGuid that it does not give back: the
 * first CREATE did all that it was to do. */
static bool was_done(const struct client_tree *tree, struct opening *o)
{
	if (tree->client->status != STATUS_DUPLICATE_OBJECTID) {
		return false;
	}
	if (o->how.disposition == FILE_CREATE) {
		o->how.disposition = FILE_OPEN;
		o->ours = true;
	}
	return true;
}

static int open_once(struct client_tree *tree, const char *path,
	struct opening *o, const struct posix_step *step,
	struct smb3x_file **ret_file, int *ret_step)
{
	struct smb3x *share = lane_of(tree->client)->share;
	bool three = tree->client->dialect >= SMB2_DIALECT_300;
	struct client_wish wish = {
		.durable = o->durable && !o->directory,
		.replay = o->asked && three && o->durable,
	};
	struct lease *lease = NULL;
	int error = 0;
	if (wants_lease(tree, o)) {
		lease = set_lease(share, path, o, &wish);
	} else if (wish.durable) {
		wish.oplock = SMB2_OPLOCK_LEVEL_BATCH;
	}
	if (o->asked && !wish.replay && o->how.disposition == FILE_CREATE) {
		error = client_complain(tree->client, -ECONNRESET,
			"the connection broke, and whether the file was made "
			"is not known");
	}
	o->asked = wish.replay;
	error = error == 0 ? set_guid(o, &wish) : error;
	struct smb3x_file *file = file_create(tree, path, o, &wish);
	error = error == 0 && file == NULL ? -ENOMEM : error;
	if (error == 0) {
		file->lease = lease;
		error = try_open(tree, path, o, step, file, &wish, ret_step);
	}
	if (error < 0) {
		pthread_mutex_lock(&share->lock);
		lease_leave(lease);
		pthread_mutex_unlock(&share->lock);
		open_free(file);
		return error;
	}
	if (o->ours) {
		file->file->action = FILE_CREATED;
	}
	*ret_file = file;
	return 0;
}

/* After a replay that found a file and no open of ours: the first CREATE may
 * have been done when nobody was there to have the file. */
static int judge_collision(struct client_tree *tree, bool again,
	const struct opening *o, int error)
{
	if (!again || o->how.disposition != FILE_CREATE ||
		tree->client->status != STATUS_OBJECT_NAME_COLLISION) {
		return error;
	}
	tree->client->status = 0;
	return client_complain(tree->client, -ECONNRESET,
		"the connection broke while the file was made: it is there "
		"now, but perhaps it is somebody else's");
}

int open_file(struct client_tree *tree, const char *path, struct opening *o,
	const struct posix_step *step, struct smb3x_file **ret_file,
	int *ret_step)
{
	bool leased = wants_lease(tree, o);
	bool again = o->asked;
	int error = open_once(tree, path, o, step, ret_file, ret_step);
	for (unsigned int tries = 0;
		error < 0 && again && tries < REPLAYS_MAX &&
		tree->client->status == STATUS_FILE_NOT_AVAILABLE;
		tries++) {
		nanosleep(&(struct timespec){.tv_nsec = REPLAY_PAUSE_NS}, NULL);
		o->asked = true; /* the first one is still under way */
		error = open_once(tree, path, o, step, ret_file, ret_step);
	}
	if (error < 0 && was_done(tree, o)) {
		o->asked = false;
		error = open_once(tree, path, o, step, ret_file, ret_step);
	}
	/* Another object has the name, and the old one the key. */
	if (error < 0 && leased &&
		tree->client->status == STATUS_INVALID_PARAMETER) {
		error = open_once(tree, path, o, step, ret_file, ret_step);
	}
	return judge_collision(tree, again, o, error);
}

void open_forget(struct smb3x_file *file)
{
	struct smb3x *share = file->share;
	pthread_mutex_lock(&share->lock);
	struct smb3x_file **at = &share->files;
	while (*at != file) {
		at = &(*at)->next;
	}
	*at = file->next;
	lease_leave(file->lease);
	pthread_mutex_unlock(&share->lock);
	open_free(file);
}

int open_close(struct smb3x_file *file)
{
	pthread_mutex_lock(&file->share->lock);
	file->ending = true; /* which acknowledges a break */
	pthread_mutex_unlock(&file->share->lock);
	int error = client_close(file->file);
	file->file = NULL;
	open_forget(file);
	return error;
}
