/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of the UNIX extensions, on top of suite/file.h: clients
 * that negotiated them, opens by the rules of POSIX, class 0x64, modes in
 * security descriptors, reparse points. spec/posix.adoc
 *
 * Paths here are UTF-8 with slashes and lie in the test's own directory; ""
 * is that directory. A backslash is an ordinary character. A path that begins
 * with a slash starts at the share's root (the slash itself is not sent).
 *
 *	struct peer *a = posix_client(t);
 *	struct file *f = need_posix(a, "x", 0640, NULL);
 *	check_number(t, f->create, posix_answer(f->create).posix_mode & 07777,
 *		0640, "mode", RULE);
 *
 * file_create(a, "x", ...) is an open without the context on the same client:
 * a Windows open of the same file.
 */
#ifndef SMB3X_POSIX_H
#define SMB3X_POSIX_H

#include "suite/file.h"

#define MODE_TYPE 0x7000u /* bits of a POSIXMode: type, and permissions */
#define MODE_PERMISSIONS 07777u

/* A client that negotiated the extensions on the target's share. A server
 * without them: the test is skipped. */
struct peer *posix_client(struct test *t);
struct peer *posix_client_with(
	struct test *t, const struct client_options *options);

/* --- opens -----------------------------------------------------------------
 */

/* UTF-16 of a path from the share's root; makes the test's directory. */
struct wire_view posix_path(struct peer *peer, const char *path);
/* The same of a directory and any UTF-16 units behind it and a slash. */
struct wire_view posix_path_units(struct peer *peer, const char *directory,
	const uint16_t *units, unsigned int count);

/* CREATE with the context; options as for file_create(), further contexts
 * follow behind. What comes back, whatever it is. */
struct reply *posix_create(struct peer *peer, const char *path, uint32_t mode,
	const struct create_options *options);
/* The same with a name that is sent as it is. */
struct reply *posix_create_name(struct peer *peer, struct wire_view name,
	uint32_t mode, const struct create_options *options);
/* FILE_OPEN with this access and these CreateOptions. */
struct reply *posix_open(struct peer *peer, const char *path, uint32_t access,
	uint32_t create_options);
/* Opens that must succeed and answer with the context: otherwise the test has
 * no verdict. */
struct file *need_posix(struct peer *peer, const char *path, uint32_t mode,
	const struct create_options *options);
struct file *need_posix_open(
	struct peer *peer, const char *path, uint32_t access);
struct file *need_posix_directory(
	struct peer *peer, const char *path, uint32_t mode);
/* Made and closed again. */
void posix_make_file(struct peer *peer, const char *path, uint32_t mode);
void posix_make_directory(struct peer *peer, const char *path, uint32_t mode);

/* Whether a CREATE response has the context (of any content). */
bool posix_answered(const struct reply *create);
/* Its content; none that decodes: no verdict. */
struct smb2_create_posix_response posix_answer(const struct reply *create);

/* --- class 0x64 ------------------------------------------------------------
 */

struct reply *posix_query(struct file *file);
/* A field of it. */
#define check_posix(t, file, field, want, rule) \
	do { \
		struct reply *posix_reply_ = posix_query(file); \
\
		check_part((t), posix_reply_, query_data(posix_reply_), \
			&file_posix_information_type, (field), (want), rule); \
	} while (0)
/* Its content; none that decodes: no verdict. */
struct file_posix_information posix_info(struct file *file);
/* Mode, without its type; number of links. */
uint32_t posix_mode(struct file *file);
uint32_t posix_links(struct file *file);

struct reply *posix_query_fs(struct file *file);
struct file_fs_posix_information posix_fs_info(struct file *file);

/* One QUERY_DIRECTORY of class 0x64 with room for many entries. */
struct reply *posix_list(
	struct file *directory, uint8_t flags, const char *pattern);
/* The entry of a name in one response; false if it is not there. */
bool posix_entry(struct test *t, const struct reply *list, const char *name,
	struct file_posix_directory_information *ret);
bool posix_entry_units(const struct reply *list, struct wire_view name,
	struct file_posix_directory_information *ret);
/* The entry of a name in the whole directory, from its beginning; not there:
 * no verdict. */
struct file_posix_directory_information posix_find(
	struct file *directory, const char *name);
/* Whether the whole directory, from its beginning, has that name. */
bool posix_has(struct file *directory, const char *name);
/* Entries of one response. */
unsigned int posix_count(const struct reply *list);

/* --- changing --------------------------------------------------------------
 */

/* FileRenameInformation and FileLinkInformation. */
struct reply *posix_rename(struct file *file, const char *path, bool replace);
struct reply *posix_rename_name(
	struct file *file, struct wire_view name, bool replace);
struct reply *posix_link(struct file *file, const char *path, bool replace);
struct reply *posix_link_name(
	struct file *file, struct wire_view name, bool replace);
/* FileDispositionInformation: mark for deletion, or not. */
struct reply *posix_mark(struct file *file, bool delete_it);
/* Opens, marks and closes: the reply of the step that failed, or of CLOSE. */
struct reply *posix_unlink(struct peer *peer, const char *path);

/* --- SIDs and security descriptors -----------------------------------------
 */

/* S-1-AUTHORITY-a-b-..., count sub-authorities. */
struct wire_view sid_of(struct test *t, uint8_t authority,
	const uint32_t *sub_authorities, unsigned int count);
struct wire_view sid_of_mode(struct test *t, uint32_t mode); /* S-1-5-88-3- */

struct posix_ace {
	uint8_t type; /* ACCESS_ALLOWED_ACE_TYPE */
	uint8_t flags;
	uint32_t mask;
	struct wire_view sid;
};
/* A self-relative descriptor; owner and group may be empty, count 0 means no
 * DACL at all. */
struct wire_view descriptor_of(struct test *t, struct wire_view owner,
	struct wire_view group, const struct posix_ace *aces,
	unsigned int count);
/* The one that sets a mode: an ACCESS_ALLOWED entry of no access. */
struct wire_view mode_descriptor(struct test *t, uint32_t mode);
/* SET_INFO with it, DACL_SECURITY_INFORMATION. */
struct reply *posix_chmod(struct file *file, uint32_t mode);

/* --- reparse points --------------------------------------------------------
 */

/* Reparse buffers: a symbolic link (substitute first, print name the same);
 * the NFS tag with a type of NFS_SPECFILE_* and what follows it. */
struct wire_view symlink_buffer(
	struct test *t, const char *target, uint32_t flags);
struct wire_view nfs_buffer(
	struct test *t, uint64_t type, struct wire_view data);
struct wire_view nfs_device_buffer(
	struct test *t, uint64_t type, uint32_t major, uint32_t minor);
struct wire_view reparse_buffer(
	struct test *t, uint32_t tag, struct wire_view data);

/* FSCTL_SET_REPARSE_POINT, FSCTL_GET_REPARSE_POINT. */
struct reply *reparse_set(struct file *file, struct wire_view buffer);
struct reply *reparse_get(struct file *file);
/* Makes a placeholder and sets the buffer; the file stays open. The reply of
 * FSCTL_SET_REPARSE_POINT in *ret_set if it is not NULL, otherwise it must
 * succeed: a server that refuses is one on which the test is skipped. */
struct file *posix_reparse(struct peer *peer, const char *path, uint32_t mode,
	struct wire_view buffer, struct reply **ret_set);
/* A symbolic link to target, made and closed. */
void posix_symlink(struct peer *peer, const char *path, const char *target);
/* What is there has no data: a CREATE for it is refused, or READ or WRITE. */
void check_no_data(struct peer *peer, const char *path, bool write);
/* The Symbolic Link Error Response of STATUS_STOPPED_ON_SYMLINK. */
bool symlink_error(
	const struct reply *reply, struct smb2_symlink_error_response *ret);

#endif
