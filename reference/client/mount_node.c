/* SPDX-License-Identifier: MIT */
/*
 * Nodes and their names. A node is found again by inode and device where the
 * server tells them, else by its name; it lives as long as the kernel or a
 * name below it needs it.
 */
#include "client/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t bucket_of_inode(uint64_t inode, uint64_t device)
{
	return (inode * 0x9e3779b97f4a7c15ULL ^ device) >> 20 &
	       (MOUNT_BUCKETS - 1);
}

static size_t bucket_of_name(const struct node *parent, const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL ^ (uintptr_t)parent;
	for (; *text != '\0'; text++) {
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	}
	return hash >> 20 & (MOUNT_BUCKETS - 1);
}

struct node *node_of(struct mount *m, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &m->root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t node_ino(struct mount *m, struct node *node)
{
	return node == &m->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}

/* Bytes of the path; a node without a name is below no path. */
static int measure(struct mount *m, const struct node *node, size_t *ret_n)
{
	size_t n = 0;
	while (node != &m->root) {
		if (node->names == NULL) {
			return -ENOENT;
		}
		n += strlen(node->names->text) + 1;
		node = node->names->parent;
	}
	*ret_n = n;
	return 0;
}

/* Puts text in front of *at, with a separator behind it if it is needed. */
static void prepend(char **at, const char *text, bool separate)
{
	size_t n = strlen(text);
	if (n > 0 && separate) {
		*--*at = '/';
	}
	*at -= n;
	memcpy(*at, text, n);
}

static char *build_path(
	struct mount *m, const struct node *node, const char *name, size_t n)
{
	size_t room =
		n + strlen(m->top) + 3 + (name == NULL ? 0 : strlen(name));
	char *bytes = malloc(room);
	if (bytes == NULL) {
		return NULL;
	}
	char *at = bytes + room - 1;
	*at = '\0';
	if (name != NULL) {
		prepend(&at, name, false);
	}
	for (; node != &m->root; node = node->names->parent) {
		prepend(&at, node->names->text, *at != '\0');
	}
	prepend(&at, m->top, *at != '\0');
	memmove(bytes, at, strlen(at) + 1);
	return bytes;
}

char *node_path(
	struct mount *m, struct node *node, const char *name, int *ret_error)
{
	size_t n = 0;
	pthread_mutex_lock(&m->lock);
	int error = measure(m, node, &n);
	char *path = error < 0 ? NULL : build_path(m, node, name, n);
	pthread_mutex_unlock(&m->lock);
	if (path == NULL) {
		*ret_error = error < 0 ? error : -ENOMEM;
	}
	return path;
}

static struct name *find_name(
	struct mount *m, const struct node *parent, const char *text)
{
	struct name *name = m->names[bucket_of_name(parent, text)];
	while (name != NULL &&
		(name->parent != parent || strcmp(name->text, text) != 0)) {
		name = name->link;
	}
	return name;
}

static void unkey(struct mount *m, struct node *node)
{
	struct node **at =
		&m->inodes[bucket_of_inode(node->inode, node->device)];
	while (node->keyed && *at != node) {
		at = &(*at)->link;
	}
	if (node->keyed) {
		*at = node->link;
		node->keyed = false;
	}
}

static void drop_name(struct mount *m, struct name *name);

/* Frees what neither the kernel nor anything below it needs. */
static void collect(struct mount *m, struct node *node)
{
	if (node == &m->root || node->lookups > 0 || node->children > 0 ||
		node->handles != NULL) {
		return;
	}
	unkey(m, node);
	while (node->names != NULL) {
		drop_name(m, node->names);
	}
	free(node->last);
	free(node);
}

static void drop_name(struct mount *m, struct name *name)
{
	struct name **at = &m->names[bucket_of_name(name->parent, name->text)];
	while (*at != name) {
		at = &(*at)->link;
	}
	*at = name->link;
	at = &name->node->names;
	while (*at != name) {
		at = &(*at)->next;
	}
	*at = name->next;
	struct node *parent = name->parent;
	free(name);
	parent->children--;
	collect(m, parent);
}

/* Without a name left, an inode number may come back as another file. */
static void lose(struct mount *m, struct name *name)
{
	struct node *node = name->node;
	drop_name(m, name);
	if (node->names == NULL) {
		unkey(m, node);
	}
	collect(m, node);
}

static void add_name(struct mount *m, struct node *parent, const char *text,
	struct node *node)
{
	struct name *old = find_name(m, parent, text);
	if (old != NULL && old->node == node) {
		return;
	}
	if (old != NULL) {
		lose(m, old);
	}
	size_t n = strlen(text) + 1;
	struct name *name = malloc(sizeof(*name) + n);
	if (name == NULL) {
		return; /* the node has no path then, as if it were unlinked */
	}
	size_t bucket = bucket_of_name(parent, text);
	*name = (struct name){.next = node->names,
		.link = m->names[bucket],
		.parent = parent,
		.node = node};
	memcpy(name->text, text, n);
	node->names = name;
	m->names[bucket] = name;
	parent->children++;
}

static struct node *find_inode(struct mount *m, const struct smb3x_stat *stat)
{
	struct node *node =
		m->inodes[bucket_of_inode(stat->inode, stat->device)];
	while (node != NULL &&
		(node->inode != stat->inode || node->device != stat->device ||
			node->type != (stat->mode & S_IFMT))) {
		node = node->link;
	}
	return node;
}

static struct node *make_node(struct mount *m, const struct smb3x_stat *stat)
{
	struct node *node = calloc(1, sizeof(*node));
	if (node == NULL) {
		return NULL;
	}
	node->inode = stat->inode;
	node->device = stat->device;
	node->type = stat->mode & S_IFMT;
	if (stat->has_inode) {
		size_t bucket = bucket_of_inode(stat->inode, stat->device);
		node->link = m->inodes[bucket];
		m->inodes[bucket] = node;
		node->keyed = true;
	}
	return node;
}

/* An open directory may be removed, and there is no file to ask then. */
static void keep_last(struct node *node, const struct smb3x_stat *stat)
{
	if (node->last == NULL && S_ISDIR(node->type)) {
		node->last = malloc(sizeof(*node->last));
	}
	if (node->last != NULL) {
		*node->last = *stat;
	}
}

bool node_is(
	struct mount *m, const struct node *node, const struct smb3x_stat *stat)
{
	pthread_mutex_lock(&m->lock);
	bool same = !node->keyed || (stat->inode == node->inode &&
					    stat->device == node->device);
	pthread_mutex_unlock(&m->lock);
	return same;
}

bool node_last(
	struct mount *m, const struct node *node, struct smb3x_stat *ret_stat)
{
	pthread_mutex_lock(&m->lock);
	bool gone = node->last != NULL && node->names == NULL;
	if (gone) {
		*ret_stat = *node->last;
		ret_stat->nlink = 0;
	}
	pthread_mutex_unlock(&m->lock);
	return gone;
}

struct node *node_meet(struct mount *m, struct node *parent, const char *name,
	const struct smb3x_stat *stat)
{
	pthread_mutex_lock(&m->lock);
	struct name *known = find_name(m, parent, name);
	struct node *node = NULL;
	if (stat->has_inode) {
		node = find_inode(m, stat);
	} else if (known != NULL &&
		   known->node->type == (stat->mode & S_IFMT)) {
		node = known->node;
	}
	if (node == NULL) {
		node = make_node(m, stat);
	}
	if (node != NULL) {
		node->lookups++;
		keep_last(node, stat);
		/* A directory has one name: an old one has been renamed. */
		while (S_ISDIR(node->type) && node->names != NULL &&
			node->names->node == node &&
			(node->names->parent != parent ||
				strcmp(node->names->text, name) != 0)) {
			drop_name(m, node->names);
		}
		add_name(m, parent, name, node);
	}
	pthread_mutex_unlock(&m->lock);
	return node;
}

void node_forget(struct mount *m, struct node *node, uint64_t lookups)
{
	pthread_mutex_lock(&m->lock);
	if (node != &m->root) {
		node->lookups -=
			lookups < node->lookups ? lookups : node->lookups;
		collect(m, node);
	}
	pthread_mutex_unlock(&m->lock);
}

void node_add_name(struct mount *m, struct node *parent, const char *name,
	struct node *node)
{
	pthread_mutex_lock(&m->lock);
	add_name(m, parent, name, node);
	pthread_mutex_unlock(&m->lock);
}

void node_lose_name(struct mount *m, struct node *parent, const char *name)
{
	pthread_mutex_lock(&m->lock);
	struct name *known = find_name(m, parent, name);
	if (known != NULL) {
		lose(m, known);
	}
	pthread_mutex_unlock(&m->lock);
}

void node_rename(struct mount *m, struct node *from, const char *name,
	struct node *to, const char *new_name)
{
	pthread_mutex_lock(&m->lock);
	struct name *old = find_name(m, from, name);
	struct name *target = find_name(m, to, new_name);
	/* Two names of one file stay as they are: POSIX rename(). */
	if (old != NULL && (target == NULL || target->node != old->node)) {
		struct node *node = old->node;
		node->lookups++; /* lives while its name changes */
		drop_name(m, old);
		add_name(m, to, new_name, node);
		node->lookups--;
		collect(m, node);
	} else if (old == NULL && target != NULL) {
		lose(m, target);
	}
	pthread_mutex_unlock(&m->lock);
}

void node_add_handle(struct mount *m, struct handle *handle)
{
	pthread_mutex_lock(&m->lock);
	handle->next = handle->node->handles;
	handle->node->handles = handle;
	pthread_mutex_unlock(&m->lock);
}

void node_remove_handle(struct mount *m, struct handle *handle)
{
	pthread_mutex_lock(&m->lock);
	struct handle **at = &handle->node->handles;
	while (*at != handle) {
		at = &(*at)->next;
	}
	*at = handle->next;
	collect(m, handle->node);
	pthread_mutex_unlock(&m->lock);
}

struct handle *node_hold_handle(struct mount *m, struct node *node)
{
	pthread_mutex_lock(&m->lock);
	struct handle *found = node->handles;
	for (struct handle *h = found; h != NULL; h = h->next) {
		if ((h->flags & O_ACCMODE) != O_RDONLY) {
			found = h;
			break;
		}
	}
	if (found != NULL) {
		found->uses++;
	}
	pthread_mutex_unlock(&m->lock);
	return found;
}

void node_finish_all(struct mount *m)
{
	for (size_t i = 0; i < MOUNT_BUCKETS; i++) {
		while (m->names[i] != NULL) {
			struct node *node = m->names[i]->node;
			node->lookups = 0;
			drop_name(m, m->names[i]);
			collect(m, node);
		}
	}
	for (size_t i = 0; i < MOUNT_BUCKETS; i++) {
		while (m->inodes[i] != NULL) {
			struct node *node = m->inodes[i];
			m->inodes[i] = node->link;
			free(node->last);
			free(node);
		}
	}
}
