/* SPDX-License-Identifier: MIT */
/*
 * What the POSIX calls of the library share: opens with the POSIX context, and
 * compounds of CREATE, one request and CLOSE. One connection, one thread.
 * Paths here are ready to be sent: no "..", no empty component.
 * POSIX-SMB2 3.2.4.3, 3.2.5
 */
#ifndef SMB3X_CLIENT_POSIX_H
#define SMB3X_CLIENT_POSIX_H

#include <time.h>

#include "client/create.h"
#include "client/smb3x.h"

#define POSIX_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
/* Accepted of one answer. */
#define POSIX_INFO_BYTES 65536u
#define POSIX_REPARSE_BYTES (16384u + 8)

struct posix_how {
	uint32_t access, disposition, options;
	uint32_t mode;                  /* of what is created */
	const struct client_wish *wish; /* or NULL */
};

/* One request on the file that a CREATE opens; .file_id must be
 * posix_related. */
struct posix_step {
	uint16_t command;
	size_t payload;
	const struct wire_type *type;
	const void *body;
	const struct wire_type *reply_type;
	void *ret_reply;
	/* Takes what the views of the reply point to, or NULL. */
	int (*take)(struct client *client, void *ctx);
	void *ctx;
};
extern const struct smb2_fileid posix_related;

/*
 * CREATE, the step (NULL: none) and CLOSE in one compound. *ret_file (may be
 * NULL) is what the CREATE told, closed again. With ret_exchange the bytes of
 * the step's answer are kept for the views in it.
 */
int posix_call(struct client_tree *tree, const char *path,
	const struct posix_how *how, const struct posix_step *step,
	struct smb3x_stat *ret_stat, struct exchange **ret_exchange);
int posix_open(struct client_tree *tree, const char *path,
	const struct posix_how *how, struct client_file **ret_file);
/*
 * The same with a step in one compound. 0 when the file is open; what became
 * of the step is *ret_step.
 */
int posix_open_step(struct client_tree *tree, const char *path,
	const struct posix_how *how, const struct posix_step *step,
	struct client_file **ret_file, int *ret_step);
/* The same on an open file. */
int posix_step(struct client_file *file, struct posix_step *step,
	struct exchange **ret_exchange);

/* Asks the server whether this tree has the extensions; sets tree->posix. */
int posix_probe(struct client_tree *tree);

/* posix_stat.c: attributes */
void posix_stat_of_basic(
	const struct client_stat *basic, struct smb3x_stat *ret_stat);
void posix_stat_of_create(const struct smb2_create_posix_response *context,
	struct smb3x_stat *stat);
int posix_stat_of_info(
	const struct file_posix_information *info, struct smb3x_stat *ret_stat);
/* The type of POSIXMode and its bits as st_mode has them. */
uint32_t posix_mode_of(uint32_t wire_mode);
/* FILETIME, rounded down to 100 ns, never one with a meaning of its own. */
uint64_t posix_filetime(const struct timespec *time);
struct timespec posix_timespec(uint64_t filetime);
/* A SID as text; -EPROTO for what is none. */
int posix_sid_text(struct wire_view sid, char *ret_text, size_t size);
/* A SID of two sub-authorities, 16 bytes: S-1-22-kind-id. */
struct wire_view posix_sid_put(uint32_t kind, uint32_t id, uint8_t room[16]);

/* The attributes of a file as a step; query.stat is what comes of it. */
struct posix_stat_query {
	struct posix_step step;
	struct smb2_query_info_request request;
	struct smb2_query_info_response reply;
	struct smb3x_stat stat;
};
void posix_stat_query(struct posix_stat_query *ret_query);

int posix_lstat(struct client_tree *tree, const char *path, bool follow,
	struct smb3x_stat *ret_stat);
int posix_fstat(struct client_file *file, struct smb3x_stat *ret_stat);
int posix_statvfs(struct client_tree *tree, struct smb3x_statvfs *ret);

/* posix_reparse.c: links and special files */
ssize_t posix_readlink(struct client_tree *tree, const char *path,
	char ret_target[PATH_TARGET_MAX + 1]);
int posix_symlink(
	struct client_tree *tree, const char *target, const char *path);
int posix_mknod(struct client_tree *tree, const char *path, uint32_t mode,
	uint32_t major, uint32_t minor);
int posix_device(struct client_tree *tree, const char *path,
	uint32_t *ret_major, uint32_t *ret_minor);
/* Out of the error data of a CREATE that stopped. */
void posix_keep_stop(struct client_tree *tree, struct wire_view pdu);

/* posix_set.c: attributes and names that are set */
struct posix_change {
	bool set_mode, set_uid, set_gid, set_size, set_times;
	uint32_t mode, uid, gid;
	uint64_t size, access_time, write_time; /* FILETIME, 0: as it is */
};
/* times of utimensat(2), NULL: now. */
int posix_times(const struct timespec times[2], struct posix_change *change);
int posix_change_path(struct client_tree *tree, const char *path,
	const struct posix_change *change, bool follow);
int posix_change_file(
	struct client_file *file, const struct posix_change *change);
int posix_rename(struct client_tree *tree, const char *from, const char *to,
	bool replace);
int posix_link(struct client_tree *tree, const char *from, const char *to);
int posix_remove(struct client_tree *tree, const char *path, bool directory);
int posix_lock(struct client_file *file, enum smb3x_lock lock, uint64_t offset,
	uint64_t length);
int posix_fsync(struct client_file *file);

/* posix_sparse.c */
/* Zeros, and a hole where the server can, up to end; not beyond the file. */
int posix_zero(struct client_file *file, uint64_t first, uint64_t end);
int posix_allocate(struct client_file *file, uint64_t size);
/* Data or a hole at or behind offset; -ENXIO behind the last. */
int posix_seek(struct client_file *file, uint64_t offset, bool hole,
	uint64_t *ret_offset);

/* posix_dir.c */
typedef int posix_entry(
	void *ctx, const char *name, const struct smb3x_stat *stat);
int posix_list(struct client_tree *tree, const char *path, posix_entry *entry,
	void *ctx);
/* The same of a directory that is open, from its start. */
int posix_list_file(struct client_file *file, posix_entry *entry, void *ctx);

/* posix_ea.c */
/* All attributes as a list of FILE_FULL_EA_INFORMATION; free(*ret_list). */
int posix_eas(struct client_tree *tree, const char *path, uint8_t **ret_list,
	size_t *ret_n);
/* name without "user."; an empty value removes. */
int posix_set_ea(struct client_tree *tree, const char *path, const char *name,
	const void *value, size_t n);

#endif
