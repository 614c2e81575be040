/* SPDX-License-Identifier: MIT */
/*
 * Files in few words. Paths are UTF-8 with backslashes and lie in the test's
 * own directory, which is made at first use and removed after the test; a
 * path that begins with a backslash starts at the share's root instead.
 *
 *	struct file *f = need_file(a, "x", NULL);
 *	need_ok(t, file_write(f, 0, "hello", 5));
 *	struct reply *r = file_read(f, 0, 100);
 *	check_bytes(t, r, read_data(r), text_bytes("hello"), "Data", RULE);
 */
#ifndef SMB3X_SUITE_FILE_H
#define SMB3X_SUITE_FILE_H

#include "suite/words.h"

struct file {
	struct peer *peer;
	struct smb2_fileid id;
	uint32_t tree;
	struct reply *create; /* the CREATE response */
};

/* What CREATE asks for; 0 stands for the value in brackets. */
struct create_options {
	uint32_t access;        /* DesiredAccess [ACCESS_DEFAULT] */
	uint32_t attributes;    /* FileAttributes [0] */
	uint32_t share;         /* ShareAccess + SHARE_EXACT [all three] */
	uint32_t disposition;   /* CreateDisposition + 1 [FILE_OPEN_IF + 1] */
	uint32_t options;       /* CreateOptions [0] */
	uint8_t oplock;         /* RequestedOplockLevel [none] */
	uint32_t impersonation; /* ImpersonationLevel + 1 [Impersonation] */
	struct wire_view contexts; /* create_contexts(...) [none] */
};
/* Read, write, delete: what a user may do with a file of his own even where
 * rights are those of POSIX (no FILE_EXECUTE, no WRITE_OWNER). */
#define ACCESS_DEFAULT 0x0013019fu
#define SHARE_EXACT 0x80000000u /* .share = SHARE_EXACT | FILE_SHARE_READ */
#define DISPOSITION(d) ((d) + 1)

/* A create context: four-letter (or 16-byte) name and data. */
struct create_context {
	struct wire_view name;
	struct wire_view data;
};
struct wire_view create_contexts(struct test *t,
	const struct create_context *contexts, unsigned int count);
/* One more in front of a list, which may be empty. */
struct wire_view context_before(struct test *t,
	const struct create_context *context, struct wire_view others);
/* The context that asks for an open by the rules of POSIX, in front of other
 * contexts (which may be empty). POSIX-SMB2 2.2.13.2.16 */
struct wire_view posix_contexts(
	struct test *t, uint32_t mode, struct wire_view others);
/* CREATE of any UTF-16 bytes from the share's root. */
struct reply *file_create_name(struct peer *peer, struct wire_view name,
	const struct create_options *options);
/* The data of a context in a CREATE response; false if it is not there. */
bool created_context(
	const struct reply *create, const char *name, struct wire_view *ret);

static inline struct wire_view text_bytes(const char *text)
{
	return wire_view_of(text, __builtin_strlen(text));
}

/* Share-relative form of a path; makes the test's directory. */
const char *test_path(struct peer *peer, const char *path);
/* The request, to be changed: create_request(a, "x", NULL). */
struct smb2_create_request create_request(struct peer *peer, const char *path,
	const struct create_options *options);
/* CREATE and its reply, whatever it is. */
struct reply *file_create(struct peer *peer, const char *path,
	const struct create_options *options);
/* CREATE that must succeed; otherwise the test has no verdict. */
struct file *need_file(struct peer *peer, const char *path,
	const struct create_options *options);
struct file *need_directory(struct peer *peer, const char *path);
/* The file of a successful CREATE response. */
struct file *file_of(struct reply *create);

struct reply *file_close(struct file *file);
struct reply *file_flush(struct file *file);
struct reply *file_read(struct file *file, uint64_t offset, uint32_t length);
struct wire_view read_data(const struct reply *read);
struct reply *file_write(
	struct file *file, uint64_t offset, const void *bytes, size_t n);
/* QUERY_INFO; type SMB2_0_INFO_*, class of that type. */
struct reply *file_query(struct file *file, uint8_t type, uint8_t info_class,
	uint32_t output_size);
/* QUERY_INFO of SMB2_0_INFO_SECURITY. */
struct reply *file_query_security(
	struct file *file, uint32_t information, uint32_t output_size);
struct wire_view query_data(const struct reply *query);
/* FileBasicInformation, and EndOfFile of FileStandardInformation; without an
 * answer the test ends without a verdict. */
struct file_basic_information file_basic(struct file *file);
uint64_t file_size(struct file *file);
/* How long the value of an extended attribute is; -1: it is not there. */
int file_ea_length(struct file *file, const char *name);
/* SET_INFO with encoded bytes. */
struct reply *file_set(struct file *file, uint8_t type, uint8_t info_class,
	struct wire_view bytes);
struct reply *file_set_security(
	struct file *file, uint32_t information, struct wire_view bytes);
/* The owner's SID in a security descriptor; none: no verdict. */
struct wire_view owner_in(struct test *t, struct wire_view descriptor);
/* A security descriptor whose protected DACL grants one user the mask and
 * nobody else anything. */
struct wire_view dacl_of_one(
	struct test *t, struct wire_view sid, uint32_t mask);
/* What the entries of the file's DACL for this user grant. */
uint32_t file_granted(struct file *file, struct wire_view sid);
/* Marks for deletion (FileDispositionInformation). */
struct reply *file_delete(struct file *file);
/* FileRenameInformation; the new path as for file_create(). */
struct reply *file_rename(struct file *file, const char *path, bool replace);
/* QUERY_DIRECTORY; flags SMB2_RESTART_SCANS ... */
struct reply *dir_query(struct file *directory, uint8_t info_class,
	uint8_t flags, const char *pattern, uint32_t output_size);
struct wire_view dir_data(const struct reply *query);
/* IOCTL with SMB2_0_IOCTL_IS_FSCTL on a file. */
struct reply *file_fsctl(struct file *file, uint32_t code,
	struct wire_view input, uint32_t max_output);
/* IOCTL on no file (FileId all ones). */
struct reply *peer_fsctl(struct peer *peer, uint32_t code,
	struct wire_view input, uint32_t max_output);
struct wire_view fsctl_data(const struct reply *ioctl);
/* One element of LOCK; flags SMB2_LOCKFLAG_*. Not waited for. */
struct request *file_lock_send(
	struct file *file, uint64_t offset, uint64_t length, uint32_t flags);
struct reply *file_lock(
	struct file *file, uint64_t offset, uint64_t length, uint32_t flags);
/* CHANGE_NOTIFY. Not waited for. */
struct request *dir_notify_send(struct file *directory, uint32_t filter,
	bool tree, uint32_t output_size);
/* After dir_notify_send(), when the watch must have begun: some servers say
 * STATUS_PENDING first and set up watches later, in the order of the requests.
 * Watches a directory of its own and changes it until that is reported. */
void dir_notify_settle(struct peer *peer);

#endif
