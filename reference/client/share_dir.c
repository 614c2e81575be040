/* SPDX-License-Identifier: MIT */
/* Directories and extended attributes of smb3x.h. */
#include "client/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define NAMESPACE "user."

struct smb3x_dir {
	struct listing *listing;
	size_t at;
	uint32_t uid, gid; /* of owners that have no number */
};

static int call_list(struct client_tree *tree, const char *path, void *ctx)
{
	const struct smb3x_dir *dir = ctx;
	return known_ask_listing(tree, path, dir->listing);
}

int share_opendir(struct smb3x *share, const char *path, uint64_t age_ms,
	struct smb3x_dir **ret_dir)
{
	struct smb3x_dir *dir = calloc(1, sizeof(*dir));
	if (dir == NULL) {
		return share_complain(-ENOMEM, 0, NULL);
	}
	int error = 0;
	dir->listing = known_listing(share, path, age_ms);
	if (dir->listing == NULL) {
		dir->listing = listing_create();
		error = dir->listing == NULL
				? share_complain(-ENOMEM, 0, NULL)
				: share_run(share, path,
					  SHARE_AGAIN | SHARE_OPENS, call_list,
					  dir, NULL);
	}
	if (error < 0) {
		smb3x_closedir(dir);
		return error;
	}
	dir->uid = share->options.uid;
	dir->gid = share->options.gid;
	*ret_dir = dir;
	return 0;
}

int smb3x_opendir(
	struct smb3x *share, const char *path, struct smb3x_dir **ret_dir)
{
	return share_opendir(share, path, UINT64_MAX, ret_dir);
}

uint64_t share_dir_age(const struct smb3x_dir *dir)
{
	return listing_now() - listing_when(dir->listing);
}

int smb3x_readdir(struct smb3x_dir *dir, struct smb3x_entry *ret_entry)
{
	if (dir->at >= listing_count(dir->listing)) {
		return 0;
	}
	listing_entry(dir->listing, dir->at++, ret_entry);
	struct smb3x_stat *stat = &ret_entry->stat;
	stat->uid = stat->uid_known ? stat->uid : dir->uid;
	stat->gid = stat->gid_known ? stat->gid : dir->gid;
	return 1;
}

size_t smb3x_telldir(const struct smb3x_dir *dir)
{
	return dir->at;
}

void smb3x_seekdir(struct smb3x_dir *dir, size_t position)
{
	size_t count = listing_count(dir->listing);
	dir->at = position < count ? position : count;
}

void smb3x_closedir(struct smb3x_dir *dir)
{
	if (dir != NULL) {
		listing_leave(dir->listing);
		free(dir);
	}
}

struct eas {
	uint8_t *list;
	size_t n;
};

static int call_eas(struct client_tree *tree, const char *path, void *ctx)
{
	struct eas *eas = ctx;
	return posix_eas(tree, path, &eas->list, &eas->n);
}

/* The name on the wire: without the namespace, which is the only one. */
static int bare_name(const char *name, const char **ret_name)
{
	size_t n = strlen(NAMESPACE);
	if (strncmp(name, NAMESPACE, n) != 0) {
		return share_complain(-EOPNOTSUPP, 0,
			"only extended attributes of the namespace user. are "
			"kept");
	}
	*ret_name = name + n;
	return name[n] == '\0' ? share_complain(-EINVAL, 0, NULL) : 0;
}

static bool is_named(
	const struct file_full_ea_information *ea, const char *name)
{
	return ea->ea_name.n == strlen(name) &&
	       memcmp(ea->ea_name.p, name, ea->ea_name.n) == 0;
}

static ssize_t copy_value(
	const struct file_full_ea_information *ea, void *ret_value, size_t size)
{
	if (size > 0 && ea->ea_value.n > size) {
		return -ERANGE;
	}
	if (size > 0 && ea->ea_value.n > 0) {
		memcpy(ret_value, ea->ea_value.p, ea->ea_value.n);
	}
	return (ssize_t)ea->ea_value.n;
}

ssize_t smb3x_getxattr(struct smb3x *share, const char *path, const char *name,
	void *ret_value, size_t size)
{
	const char *bare = NULL;
	int error = bare_name(name, &bare);
	if (error < 0) {
		return error;
	}
	struct eas eas = {0};
	ssize_t result =
		share_run(share, path, SHARE_AGAIN, call_eas, &eas, NULL);
	if (result < 0) {
		return result;
	}
	struct wire_list list = wire_list_of(
		&file_full_ea_information_type, wire_view_of(eas.list, eas.n));
	struct file_full_ea_information ea;
	result = -ENODATA;
	int more = wire_list_next(&list, &ea, NULL);
	while (more > 0 && !is_named(&ea, bare)) {
		more = wire_list_next(&list, &ea, NULL);
	}
	if (more != 0) {
		result = more < 0 ? -EPROTO : copy_value(&ea, ret_value, size);
	}
	free(eas.list);
	return result < 0 ? share_complain((int)result, 0, NULL) : result;
}

/* Appends one name; -ERANGE when it does not fit. */
static int put_name(const struct file_full_ea_information *ea, char *ret_names,
	size_t size, size_t *used)
{
	size_t head = strlen(NAMESPACE);
	size_t n = head + ea->ea_name.n + 1;
	if (ea->ea_name.n == 0 ||
		memchr(ea->ea_name.p, '\0', ea->ea_name.n) != NULL) {
		return 0;
	}
	if (size > 0 && n > size - *used) {
		return -ERANGE;
	}
	if (size > 0) {
		memcpy(ret_names + *used, NAMESPACE, head);
		memcpy(ret_names + *used + head, ea->ea_name.p, ea->ea_name.n);
		ret_names[*used + n - 1] = '\0';
	}
	*used += n;
	return 0;
}

ssize_t smb3x_listxattr(
	struct smb3x *share, const char *path, char *ret_names, size_t size)
{
	struct eas eas = {0};
	int error = share_run(share, path, SHARE_AGAIN, call_eas, &eas, NULL);
	if (error < 0) {
		return error;
	}
	struct wire_list list = wire_list_of(
		&file_full_ea_information_type, wire_view_of(eas.list, eas.n));
	struct file_full_ea_information ea;
	size_t used = 0;
	int more = wire_list_next(&list, &ea, NULL);
	while (error == 0 && more > 0) {
		error = put_name(&ea, ret_names, size, &used);
		more = wire_list_next(&list, &ea, NULL);
	}
	free(eas.list);
	error = error == 0 && more < 0 ? -EPROTO : error;
	return error < 0 ? share_complain(error, 0, NULL) : (ssize_t)used;
}

struct set_ea_call {
	const char *name;
	const void *value;
	size_t n;
};

static int call_set_ea(struct client_tree *tree, const char *path, void *ctx)
{
	const struct set_ea_call *c = ctx;
	int error = posix_set_ea(tree, path, c->name, c->value, c->n);
	share_changed(tree, path);
	return error;
}

int smb3x_setxattr(struct smb3x *share, const char *path, const char *name,
	const void *value, size_t size, int flags)
{
	struct set_ea_call c = {NULL, value, size};
	int error = bare_name(name, &c.name);
	if (error < 0) {
		return error;
	}
	if (size == 0) {
		return share_complain(-EINVAL, 0,
			"an empty extended attribute cannot be stored");
	}
	if (flags != 0) {
		ssize_t there = smb3x_getxattr(share, path, name, NULL, 0);
		bool missing = there == -ENODATA;
		if (there < 0 && !missing) {
			return (int)there;
		}
		if ((flags & XATTR_CREATE) != 0 && !missing) {
			return share_complain(-EEXIST, 0, NULL);
		}
		if ((flags & XATTR_REPLACE) != 0 && missing) {
			return share_complain(-ENODATA, 0, NULL);
		}
	}
	return share_run(share, path, SHARE_AGAIN, call_set_ea, &c, NULL);
}

int smb3x_removexattr(struct smb3x *share, const char *path, const char *name)
{
	struct set_ea_call c = {NULL, "", 0};
	int error = bare_name(name, &c.name);
	if (error < 0) {
		return error;
	}
	ssize_t there = smb3x_getxattr(share, path, name, NULL, 0);
	return there < 0 ? (int)there
			 : share_run(share, path, SHARE_AGAIN, call_set_ea, &c,
				   NULL);
}
