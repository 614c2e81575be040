/* SPDX-License-Identifier: MIT */
/*
 * What POSIX calls set: mode, owner, size, times, names, locks.
 * POSIX-SMB2 3.2.4, 3.3.5.21.3; [MS-FSCC] 2.4; [MS-DTYP] 2.4.6
 */
#include "client/posix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECURITY_ROOM 128
#define KIND_USER 1
#define KIND_GROUP 2

/* A SET_INFO and the bytes that it carries. */
struct setting {
	uint8_t type, class;
	uint32_t additional;
	uint8_t room[SECURITY_ROOM];
	struct wire_view bytes;
};

static struct smb2_set_info_request request_of(
	const struct setting *s, struct smb2_fileid id)
{
	return (struct smb2_set_info_request){
		.info_type = s->type,
		.file_info_class = s->class,
		.buffer_length = (uint32_t)s->bytes.n,
		.additional_information = s->additional,
		.file_id = id,
		.buffer = s->bytes,
	};
}

static int set_on_file(struct client_file *file, const struct setting *s)
{
	const struct smb2_set_info_request request = request_of(s, file->id);
	struct posix_step step = {
		.command = SMB2_SET_INFO,
		.payload = s->bytes.n,
		.type = &smb2_set_info_request_type,
		.body = &request,
	};
	return posix_step(file, &step, NULL);
}

static int set_on_path(struct client_tree *tree, const char *path,
	const struct posix_how *how, const struct setting *s)
{
	const struct smb2_set_info_request request =
		request_of(s, posix_related);
	const struct posix_step step = {
		.command = SMB2_SET_INFO,
		.payload = s->bytes.n,
		.type = &smb2_set_info_request_type,
		.body = &request,
	};
	return posix_call(tree, path, how, &step, NULL, NULL);
}

/* A descriptor with one entry, whose trustee is S-1-5-88-3-mode. */
static int put_mode(struct setting *s, uint32_t mode)
{
	static const uint8_t head[] = {1, 3, 0, 0, 0, 0, 0, 5};
	uint8_t sid[20];
	memcpy(sid, head, sizeof(head));
	wire_put32(sid + 8, 88);
	wire_put32(sid + 12, 3);
	wire_put32(sid + 16, mode & 07777);
	uint8_t body[24];
	wire_put32(body, 0); /* Mask */
	memcpy(body + 4, sid, sizeof(sid));
	const struct ace ace = {.ace_type = ACCESS_ALLOWED_ACE_TYPE,
		.ace_size = 28,
		.body = wire_view_of(body, sizeof(body))};
	uint8_t aces[28];
	struct wire_buf entry = {.p = aces, .cap = sizeof(aces)};
	int error = ace_encode(&ace, &entry);
	const struct acl acl = {.acl_revision = ACL_REVISION,
		.acl_size = 36,
		.ace_count = 1,
		.aces = wire_view_of(aces, entry.n)};
	uint8_t list[36];
	struct wire_buf dacl = {.p = list, .cap = sizeof(list)};
	if (error == 0) {
		error = acl_encode(&acl, &dacl);
	}
	const struct security_descriptor descriptor = {
		.control = SE_DACL_PRESENT | SE_SELF_RELATIVE,
		.dacl = wire_view_of(list, dacl.n)};
	struct wire_buf out = {.p = s->room, .cap = sizeof(s->room)};
	if (error == 0) {
		error = security_descriptor_encode(&descriptor, &out);
	}
	s->type = SMB2_0_INFO_SECURITY;
	s->additional = DACL_SECURITY_INFORMATION;
	s->bytes = wire_view_of(s->room, out.n);
	return error;
}

static int put_owners(struct setting *s, const struct posix_change *c)
{
	uint8_t user[16], group[16];
	struct security_descriptor descriptor = {.control = SE_SELF_RELATIVE};
	s->type = SMB2_0_INFO_SECURITY;
	s->additional = 0;
	if (c->set_uid) {
		descriptor.owner_sid = posix_sid_put(KIND_USER, c->uid, user);
		s->additional |= OWNER_SECURITY_INFORMATION;
	}
	if (c->set_gid) {
		descriptor.group_sid = posix_sid_put(KIND_GROUP, c->gid, group);
		s->additional |= GROUP_SECURITY_INFORMATION;
	}
	struct wire_buf out = {.p = s->room, .cap = sizeof(s->room)};
	int error = security_descriptor_encode(&descriptor, &out);
	s->bytes = wire_view_of(s->room, out.n);
	return error;
}

static int put_size(struct setting *s, uint64_t size)
{
	s->type = SMB2_0_INFO_FILE;
	s->class = FileEndOfFileInformation;
	wire_put64(s->room, size);
	s->bytes = wire_view_of(s->room, 8);
	return 0;
}

static int put_times(struct setting *s, const struct posix_change *c)
{
	const struct file_basic_information info = {
		.last_access_time = c->access_time,
		.last_write_time = c->write_time,
	};
	struct wire_buf out = {.p = s->room, .cap = sizeof(s->room)};
	s->type = SMB2_0_INFO_FILE;
	s->class = FileBasicInformation;
	int error = file_basic_information_encode(&info, &out);
	s->bytes = wire_view_of(s->room, out.n);
	return error;
}

static int time_of(
	const struct timespec *time, const struct timespec *now, uint64_t *ret)
{
	if (time->tv_nsec == UTIME_OMIT) {
		*ret = 0;
		return 0;
	}
	if (time->tv_nsec == UTIME_NOW) {
		*ret = posix_filetime(now);
		return 0;
	}
	if (time->tv_nsec < 0 || time->tv_nsec > 999999999) {
		return -EINVAL;
	}
	*ret = posix_filetime(time);
	return 0;
}

int posix_times(const struct timespec times[2], struct posix_change *change)
{
	static const struct timespec both[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	times = times == NULL ? both : times;
	int error = time_of(&times[0], &now, &change->access_time);
	if (error == 0) {
		error = time_of(&times[1], &now, &change->write_time);
	}
	change->set_times = change->access_time != 0 || change->write_time != 0;
	return error;
}

/* The settings of a change in the order in which they must be made: the size
 * and owners first, since both may take bits of the mode away; times last. */
#define SETTINGS_MAX 4
struct settings {
	struct setting list[SETTINGS_MAX];
	uint32_t access[SETTINGS_MAX];
	size_t count;
};

static int settings_of(const struct posix_change *c, struct settings *all)
{
	int error = 0;
	all->count = 0;
	if (c->set_size) {
		all->access[all->count] = FILE_WRITE_DATA;
		error = put_size(&all->list[all->count++], c->size);
	}
	if (error == 0 && (c->set_uid || c->set_gid)) {
		all->access[all->count] = WRITE_OWNER;
		error = put_owners(&all->list[all->count++], c);
	}
	if (error == 0 && c->set_mode) {
		all->access[all->count] = WRITE_DAC;
		error = put_mode(&all->list[all->count++], c->mode);
	}
	if (error == 0 && c->set_times) {
		all->access[all->count] = FILE_WRITE_ATTRIBUTES;
		error = put_times(&all->list[all->count++], c);
	}
	return error;
}

int posix_change_path(struct client_tree *tree, const char *path,
	const struct posix_change *change, bool follow)
{
	if (!tree->posix &&
		(change->set_mode || change->set_uid || change->set_gid)) {
		return client_complain(tree->client, -EOPNOTSUPP,
			"the share has no POSIX extensions");
	}
	struct settings all = {0};
	int error = settings_of(change, &all);
	for (size_t i = 0; error == 0 && i < all.count; i++) {
		const struct posix_how how = {
			.access = FILE_READ_ATTRIBUTES | all.access[i],
			.disposition = FILE_OPEN,
			.options = follow ? 0 : FILE_OPEN_REPARSE_POINT,
		};
		error = set_on_path(tree, path, &how, &all.list[i]);
	}
	return error;
}

int posix_change_file(
	struct client_file *file, const struct posix_change *change)
{
	if (!file->posix &&
		(change->set_mode || change->set_uid || change->set_gid)) {
		return client_complain(file->tree->client, -EOPNOTSUPP,
			"the share has no POSIX extensions");
	}
	struct settings all = {0};
	int error = settings_of(change, &all);
	for (size_t i = 0; error == 0 && i < all.count; i++) {
		error = set_on_file(file, &all.list[i]);
	}
	return error;
}

/* FileRenameInformation and FileLinkInformation have one layout, and no less
 * than 24 bytes. [MS-FSCC] 2.4.28.2, 2.4.42.2 */
#define SET_NAME_LEAST 24
static int set_name(struct client_tree *tree, const char *from, uint32_t access,
	uint8_t class, const char *to, bool replace)
{
	uint8_t *name = NULL;
	size_t n = 0;
	int error = client_encode_path(to, tree->posix, &name, &n);
	if (error < 0) {
		return error;
	}
	const struct file_rename_information info = {
		.replace_if_exists = replace,
		.file_name_length = (uint32_t)n,
		.file_name = wire_view_of(name, n),
	};
	struct wire_buf out = {.p = malloc(n + 64), .cap = n + 64};
	error = out.p == NULL ? -ENOMEM
			      : file_rename_information_encode(&info, &out);
	while (error == 0 && out.n < SET_NAME_LEAST) { /* one letter */
		out.p[out.n++] = 0;
	}
	if (error == 0) {
		const struct posix_how how = {
			.access = FILE_READ_ATTRIBUTES | access,
			.disposition = FILE_OPEN,
			.options = FILE_OPEN_REPARSE_POINT,
		};
		const struct setting s = {
			.type = SMB2_0_INFO_FILE,
			.class = class,
			.bytes = wire_view_of(out.p, out.n),
		};
		error = set_on_path(tree, from, &how, &s);
	}
	free(out.p);
	free(name);
	return error;
}

int posix_rename(struct client_tree *tree, const char *from, const char *to,
	bool replace)
{
	return set_name(tree, from, DELETE, FileRenameInformation, to, replace);
}

int posix_link(struct client_tree *tree, const char *from, const char *to)
{
	return set_name(tree, from, 0, FileLinkInformation, to, false);
}

int posix_remove(struct client_tree *tree, const char *path, bool directory)
{
	const struct posix_how how = {
		.access = DELETE | FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
		.options = FILE_OPEN_REPARSE_POINT |
			   (directory ? FILE_DIRECTORY_FILE
				      : FILE_NON_DIRECTORY_FILE),
	};
	struct setting s = {
		.type = SMB2_0_INFO_FILE,
		.class = FileDispositionInformation,
	};
	s.room[0] = 1;
	s.bytes = wire_view_of(s.room, 1);
	return set_on_path(tree, path, &how, &s);
}

int posix_lock(struct client_file *file, enum smb3x_lock lock, uint64_t offset,
	uint64_t length)
{
	static const uint32_t flags[] = {
		[SMB3X_UNLOCK] = SMB2_LOCKFLAG_UNLOCK,
		[SMB3X_LOCK_SHARED] = SMB2_LOCKFLAG_SHARED_LOCK |
				      SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
		[SMB3X_LOCK_EXCLUSIVE] = SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
					 SMB2_LOCKFLAG_FAIL_IMMEDIATELY,
	};
	uint8_t element[24];
	wire_put64(element, offset);
	wire_put64(element + 8, length);
	wire_put32(element + 16, flags[lock]);
	wire_put32(element + 20, 0);
	/* One LOCK at a time: always the first bucket. 3.2.4.19 */
	const struct client *client = file->tree->client;
	bool counted =
		file->grant.durable && client->dialect >= SMB2_DIALECT_300 &&
		(client->server_capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL) !=
			0;
	const struct smb2_lock_request request = {
		.lock_count = 1,
		.lock_sequence =
			counted ? 1u << 4 | (file->lock_number & 15u) : 0,
		.file_id = file->id,
		.locks = wire_view_of(element, sizeof(element)),
	};
	struct posix_step step = {
		.command = SMB2_LOCK,
		.payload = 0,
		.type = &smb2_lock_request_type,
		.body = &request,
	};
	int error = posix_step(file, &step, NULL);
	if (error == 0 || file->tree->client->status != 0) {
		file->lock_number++; /* answered */
	}
	/* POSIX: to release what is not held is no error. */
	bool nothing = lock == SMB3X_UNLOCK &&
		       file->tree->client->status == STATUS_RANGE_NOT_LOCKED;
	return nothing ? 0 : error;
}

int posix_fsync(struct client_file *file)
{
	const struct smb2_flush_request request = {.file_id = file->id};
	struct posix_step step = {
		.command = SMB2_FLUSH,
		.payload = 0,
		.type = &smb2_flush_request_type,
		.body = &request,
	};
	return posix_step(file, &step, NULL);
}
