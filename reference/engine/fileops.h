/* SPDX-License-Identifier: MIT */
/* What the file commands offer one another. */
#ifndef SMB3X_ENGINE_FILEOPS_H
#define SMB3X_ENGINE_FILEOPS_H

#include "engine/access.h"
#include "engine/names.h"
#include "engine/state.h"

/* ---- file.c: files that are open ---- */

/* The file that is open under this identity; NULL: none. */
struct file *file_find(struct engine *engine, const struct files_port *port,
	const struct files_stat *stat, const char *stream);
/* The same, made when missing; NULL without memory. */
struct file *file_get(struct engine *engine, struct files_port *port,
	const struct files_stat *stat, const char *stream);
/* The name that is path; NULL: the file was not opened by it. */
struct file_link *file_link_find(const struct file *file, const char *path);
/* The same, made when missing, and held; NULL without memory. */
struct file_link *file_link_get(struct file *file, const char *path);
void file_link_release(struct file_link *link);
/* Has anybody but open (NULL: anybody) opened the file by this name? Of POSIX
 * opens too, or not. */
bool file_link_used(const struct file *file, const struct file_link *link,
	const struct open *open, bool posix);
/* Another stream of the same file that is open; NULL: none. The first
 * one for before NULL, then the one after it. */
struct file *file_sibling(struct engine *engine, const struct file *file,
	const struct file *before);
/* Are streams of this file open, or being closed? */
bool file_has_streams(struct engine *engine, const struct file *file);
/* Nobody finds it any more: its inode may soon be another file's. */
void file_forget(struct engine *engine, struct file *file);
/* Out of the table when no open and nothing else needs it. */
void file_drop(struct engine *engine, struct file *file);
/* An open file at this path, with or without regard to case; NULL: none. */
struct file *file_at(struct engine *engine, const struct files_port *port,
	const char *path, bool exact);
/* Is anything open below this directory? By POSIX opens too, or not. */
bool file_below(struct engine *engine, const struct files_port *port,
	const char *path, bool posix);
/* A rename has succeeded: open files and what is below get new paths; what
 * had the new one has lost it. */
void file_moved(struct engine *engine, const struct files_port *port,
	const char *from, const char *to);
/* The name is another file's now: that of except (may be NULL). */
void file_lost_name(struct engine *engine, const struct files_port *port,
	const char *path, const struct file *except);

/* Closes a node that no open holds, in the background. */
void node_close(struct engine *engine, struct files_port *port,
	struct files_node *node);

static inline struct files_port *open_port(const struct open *open)
{
	return open->tree->share->config.files;
}

/* The file of an open, and its name, also while it is being closed; NULL: it
 * has none any more. */
static inline struct file *open_file(const struct open *open)
{
	return open->file ? open->file : open->past.file;
}

static inline struct file_link *open_name(const struct open *open)
{
	return open->link ? open->link : open->past.link;
}

/* Did the open end while its request was out? Then the request has failed. */
static inline bool open_lost(struct request *req)
{
	if (!req->open->closing) {
		return false;
	}
	request_fail(req, STATUS_FILE_CLOSED);
	return true;
}

/* Did the open end, or the operation fail? Then the request has failed. */
static inline bool op_failed(struct request *req)
{
	if (open_lost(req)) {
		return true;
	}
	if (req->op.result >= 0) {
		return false;
	}
	request_fail(req, status_of_errno(req->op.result));
	return true;
}

/* Attributes for the peer: DIRECTORY exact, NORMAL alone or not at all. */
uint32_t attributes_to_wire(const struct files_stat *stat);

/* ---- sd of a node, for create.c, query_info.c, set_info.c ---- */

/* Reads the stored security descriptor of op.node into op.data (SD_MAX bytes
 * of the request's memory); done() sees -ENODATA when there is none. */
void sd_load(struct request *req, void (*done)(struct files_op *op));
/* After sd_load(): what it is, or the default. */
int sd_loaded(
	struct files_op *op, const struct files_stat *stat, struct sd *ret_sd);

/* ---- lock.c ---- */

/* STATUS_SUCCESS or STATUS_FILE_LOCK_CONFLICT for reading or writing. */
uint32_t lock_check_io(
	const struct open *open, uint64_t offset, uint64_t n, bool write);
/* Gives up an open's locks and waiting requests. */
void lock_close(struct open *open);
void lock_retry(struct file *file);

/* ---- query_directory.c ---- */
void dir_search_close(struct open *open);

/* ---- notify.c ---- */

#define NOTIFY_FILE_NAME 0x001
#define NOTIFY_DIR_NAME 0x002
#define NOTIFY_ATTRIBUTES 0x004
#define NOTIFY_SIZE 0x008
#define NOTIFY_LAST_WRITE 0x010
#define NOTIFY_LAST_ACCESS 0x020
#define NOTIFY_CREATION 0x040
#define NOTIFY_EA 0x080
#define NOTIFY_SECURITY 0x100
#define NOTIFY_STREAM_NAME 0x200
#define NOTIFY_STREAM_SIZE 0x400
#define NOTIFY_STREAM_WRITE 0x800

/* Something happened to the thing at path (driver's spelling). */
void notify_event(struct engine *engine, const struct files_port *port,
	const char *path, uint32_t filter, uint32_t action);
/* A rename: both names reach a watch of both in one answer. */
void notify_renamed(struct engine *engine, const struct files_port *port,
	const char *from, const char *to, uint32_t filter);
/* A change of a file that is open; streams are told apart. */
void notify_modified(struct open *open, uint32_t filter);
/* Ends the watch and its requests. */
void notify_close(struct open *open, uint32_t status);
/* The directory is marked for deletion. */
void notify_deleted(struct file *file, const struct file_link *link);

/* ---- information classes ---- */

/* query_info.c: what info_*.c end with. buffer n > limit: cut. */
void query_info_reply(struct request *req, struct wire_view output,
	size_t fixed, uint32_t limit);
void info_file(struct request *req, const struct smb2_query_info_request *body);
void info_fs(struct request *req, const struct smb2_query_info_request *body);
void info_security(
	struct request *req, const struct smb2_query_info_request *body);

void set_info_reply(struct request *req, uint32_t status);
void set_info_rename(
	struct request *req, uint8_t info_class, struct wire_view buffer);
void set_info_security(
	struct request *req, uint32_t additional, struct wire_view buffer);
/* Without asking for rights again. */
void set_info_security_parts(
	struct request *req, uint32_t additional, struct wire_view buffer);
void set_info_ea(struct request *req, struct wire_view buffer);

/* EAs of a list, one after the other, to req->op.node; then done(op) with the
 * first failure in op.result. 0, or -EBADMSG before anything was done. */
int ea_store(struct request *req, struct wire_view list,
	void (*done)(struct files_op *op));

#endif
