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
uint32_t posix_read_tags(struct wire_view data, bool *ret_known);
struct wire_view posix_tag(void);
bool posix_is_tag(struct wire_view name);
/* May opens of this request be POSIX opens? */
bool posix_possible(const struct request *req);
enum engine_posix_like posix_like(const struct tree *tree);

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
	struct request *req, const struct files_stat *stat);

/* ---- posix_path.c: names ---- */

uint32_t posix_name_parse(struct wire_view utf16, struct file_name *ret_name);

/* ---- posix_link.c: names that meet a symbolic link ---- */

/* SymLinkLength and what follows, of a reparse buffer that is a link; empty
 * when it is none. unparsed: bytes of the name behind the link. */
struct wire_view symlink_error(
	struct request *req, struct wire_view reparse, uint16_t unparsed);
/* Ends the request: link_end bytes of path, which name became, lead to a link.
 * The request's work is given up. */
void posix_stop(struct request *req, struct wire_view name, const char *path,
	size_t link_end);

/* ---- posix_info.c: class 0x64 ---- */

/* A whole FILE_POSIX_INFORMATION; as wire_encode(). */
int posix_info_encode(const struct files_stat *stat, struct wire_buf *out);
/* An entry of a directory. */
int posix_entry_encode(const struct files_stat *stat, struct wire_view name,
	struct wire_buf *out);
/* Bytes of such an entry without its name. */
size_t posix_entry_size(void);
int posix_fs_encode(const struct files_fs *fs, struct wire_buf *out);

#endif
