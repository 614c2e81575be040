/* SPDX-License-Identifier: MIT */
/* The UNIX extensions: what posix*.c offer the commands. spec/posix.adoc */
#ifndef SMB3X_ENGINE_POSIX_H
#define SMB3X_ENGINE_POSIX_H

#include "engine/access.h"
#include "engine/names.h"
#include "engine/negotiate.h"
#include "engine/state.h"

#define POSIX_TAG_SIZE 16
#define POSIX_MODE_ALL 07777u

/* ---- posix.c: who speaks it ---- */

/* Does any share have the extensions? */
bool posix_offered(const struct engine *engine);
/* The tags of a request's negotiate context. 0 or the status to fail with;
 * *ret_known when one of them is ours. */
uint32_t posix_read_tags(
	const struct engine *engine, struct wire_view data, bool *ret_known);
/* How often the response has the context, and what is in it. */
unsigned int posix_answers(const struct engine *engine, bool asked, bool known);
struct wire_view posix_answered_tags(struct request *req);
/* Broken: a tag disturbs dialects that have no contexts. */
bool posix_disturbs(struct wire_view pdu);
struct wire_view posix_tag(void);
bool posix_is_tag(struct wire_view name);
/* Is the tag anywhere in the contexts of a CREATE? */
bool posix_tag_within(struct wire_view contexts);
/* May opens of this request be POSIX opens? */
bool posix_possible(const struct request *req);
/* Is the request one on a POSIX open? */
bool posix_applies(const struct request *req);
enum engine_posix_like posix_like(const struct tree *tree);
bool posix_is_like(const struct tree *tree, enum engine_posix_like like);

/* POSIXMode: permission bits, and the type in bits 12 to 14. */
uint32_t posix_mode(const struct files_stat *stat);
/* The permission bits that a new object gets. */
uint32_t posix_new_mode(
	const struct tree *tree, uint32_t asked, bool directory);
/* Owner and group as they are shown everywhere; nobody of what has no inode. */
void posix_sids(const struct files_stat *stat, struct sid_bytes *ret_owner,
	struct sid_bytes *ret_group);
/* Data of the response context; 0 bytes without memory. */
struct wire_view posix_response(
	struct request *req, const struct files_stat *stat, bool created);

/* ---- posix_create.c: what a POSIX open finds ---- */

/* Why the driver has not opened the name. */
uint32_t posix_create_status(const struct files_op *op);
/* The object is there: does it fit what is asked for? */
uint32_t posix_check_type(const struct request *req,
	const struct files_stat *stat, uint32_t disposition, uint32_t options);
/* A link, pipe, socket or device: no data. */
bool posix_is_special(const struct files_stat *stat);
/* The tag of a pipe, socket or device? */
bool posix_is_node_tag(uint32_t tag);
/* May the open read and write? */
uint32_t posix_data_check(const struct open *open);
/* Is it a reparse point that has to be asked for as one? */
bool posix_reparse_refused(const struct files_stat *stat, uint32_t options);

/* ---- posix_path.c: names ---- */

/* The path of a CREATE, or the new name of a file. */
enum posix_name_use { POSIX_NAME_OPEN, POSIX_NAME_RENAME, POSIX_NAME_LINK };
uint32_t posix_name_parse(const struct request *req, struct wire_view utf16,
	enum posix_name_use use, struct file_name *ret_name);
/* Has the component a character that [MS-FSCC] forbids in names? */
bool name_is_posix_only(const char *name);

/* ---- posix_security.c: chmod and chown ---- */

/* true: the request is taken care of. sd is what buffer holds. */
bool posix_security_set(struct request *req, uint32_t additional,
	struct wire_view buffer, const struct sd *sd);
/* What broken rules do with a descriptor that is none, and tell of one. */
bool posix_security_passes(const struct open *open, struct wire_view buffer);
void posix_security_spoil(const struct request *req,
	const struct files_stat *stat, struct sd *sd, uint8_t buffer[36]);

/* ---- posix_append.c: what O_APPEND asks for ---- */

bool posix_is_append(const struct open *open);
uint32_t posix_append_check(
	const struct open *open, uint64_t offset, uint32_t length);
/* Broken: an append open changes the size and punches holes. */
bool posix_append_changes(const struct open *open);

/* ---- posix_link.c: names that meet a symbolic link ---- */

/* SymLinkLength and what follows, of a reparse buffer that is a link; empty
 * when it is none. unparsed: bytes of the name behind the link. */
struct wire_view symlink_error(
	struct request *req, struct wire_view reparse, uint16_t unparsed);
/* Ends the request: link_end bytes of path, which name became, lead to a link.
 * The request's work is given up. */
void posix_stop(struct request *req, struct wire_view name, const char *path,
	size_t link_end);

/* ---- posix_name.c: names that come and go ---- */

/* The open has left the file: does the name, which is marked, go now? */
bool posix_name_goes(const struct file *file, const struct file_link *link,
	const struct open *closing);
/* May a POSIX open mark its file for deletion? */
uint32_t posix_delete_check(
	const struct open *open, const struct files_stat *stat);
/* Classes of SET_INFO that POSIX opens have no use for. */
bool posix_class_refused(const struct open *open, uint8_t info_class);
/* Has any POSIX open the file? */
bool posix_has_open(const struct file *file);
/* Broken: a file without a name is closed to those who have it open. */
bool posix_nameless_fails(const struct open *open);
/* Does somebody have a file open that once had this name? */
bool posix_name_lingers(
	struct engine *engine, const struct files_port *port, const char *path);
uint32_t posix_rename_check(
	struct request *req, const char *path, bool link, bool replace);
/* May it really replace what is there? */
bool posix_replaces(
	const struct open *open, const char *path, bool link, bool replace);
/* Broken: names that differ in case are one. */
bool posix_same_name(const struct open *open, const char *path);
uint32_t posix_rename_status(const struct files_op *op, bool link);

/* ---- posix_lock.c: byte ranges of POSIX opens ---- */
struct lock;

/* What others hold in the way of a lock of a POSIX open. */
bool posix_lock_conflicts(
	const struct open *open, uint64_t offset, uint64_t n, bool exclusive);
/* Broken: locks of POSIX and of ordinary opens do not know of each other. */
bool posix_lock_mixed(const struct lock *lock, const struct open *open);
/* STATUS_LOCK_NOT_GRANTED changes nothing. */
uint32_t posix_lock_take(
	struct open *open, uint64_t offset, uint64_t n, bool exclusive);
uint32_t posix_lock_release(struct open *open, uint64_t offset, uint64_t n);
/* May the open lock at all? */
uint32_t posix_lock_access(const struct open *open, bool exclusive);
/* A lock over what the open reads or writes, one of the two being of a POSIX
 * open: does it let that happen? */
bool posix_lock_lets(
	const struct lock *lock, const struct open *open, bool write);
void posix_lock_close(struct open *open);

/* ---- posix_reparse.c: links and special files that clients make ---- */

/* The buffer of a FSCTL_SET_REPARSE_POINT or FSCTL_DELETE_REPARSE_POINT of a
 * POSIX open; its lengths agree. */
uint32_t posix_reparse_check(
	struct request *req, struct wire_view buffer, bool remove);
/* Does it make the file anything but a file? */
bool posix_reparse_is_special(struct wire_view buffer);
/* What broken rules tell of one. */
void posix_reparse_spoil(uint8_t *buffer, size_t n);

/* ---- posix_info.c: class 0x64 ---- */

/* May the open be asked, with room for limit bytes? */
uint32_t posix_info_check(const struct request *req, uint32_t limit);
uint32_t posix_fs_check(const struct request *req, uint32_t limit);
/* A whole FILE_POSIX_INFORMATION; as wire_encode(). */
int posix_info_encode(const struct open *open, const struct files_stat *stat,
	struct wire_buf *out);
/* An entry of a directory. */
int posix_entry_encode(const struct files_stat *stat, struct wire_view name,
	struct wire_buf *out);
/* Bytes of such an entry without its name. */
size_t posix_entry_size(void);
int posix_fs_encode(const struct request *req, const struct files_fs *fs,
	struct wire_buf *out);

#endif
