/* SPDX-License-Identifier: MIT */
/*
 * Names that come and go under POSIX opens: when a marked name is removed,
 * what a rename or link may replace, and what is told when it may not.
 * spec/posix/delete.adoc, rename.adoc, hardlink.adoc
 */
#include <errno.h>
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"
#include "ports/text.h"

/* Has a POSIX open of this session the file by this name? */
static bool link_used_by(const struct file *file, const struct file_link *link,
	const struct session *session)
{
	list_each(open, &file->opens, struct open, in_file)
	{
		if (open->link == link && open->posix &&
			open->session == session) {
			return true;
		}
	}
	return false;
}

bool posix_name_goes(const struct file *file, const struct file_link *link,
	const struct open *closing)
{
	if (file->special && !RULE(PSX_DELETE_0017)) {
		return false;
	}
	if (file_link_used(file, link, NULL, false)) {
		return closing->posix && !RULE(PSX_DELETE_0010);
	}
	if (!file_link_used(file, link, NULL, true)) {
		return true;
	}
	if (!closing->posix) {
		return RULE(PSX_DELETE_0011);
	}
	if (file->directory && !RULE(PSX_DELETE_0014)) {
		return false;
	}
	if (!RULE(PSX_DELETE_0015) &&
		link_used_by(file, link, closing->session)) {
		return false;
	}
	if (closing->delete_on_close) {
		return RULE(PSX_DELETE_0013);
	}
	return link->marker == closing ? RULE(PSX_DELETE_0009)
				       : RULE(PSX_DELETE_0012);
}

uint32_t posix_delete_check(
	const struct open *open, const struct files_stat *stat)
{
	bool readonly = stat->dos_attributes & FILE_ATTRIBUTE_READONLY;

	if (open->link->path[0] == 0) {
		return RULE(PSX_DELETE_0005) ? STATUS_ACCESS_DENIED
					     : STATUS_SUCCESS;
	}
	if (readonly && (!(open->granted_access & FILE_WRITE_ATTRIBUTES) ||
				!RULE(PSX_DELETE_0006))) {
		return STATUS_CANNOT_DELETE;
	}
	return STATUS_SUCCESS;
}

bool posix_class_refused(const struct open *open, uint8_t info_class)
{
	return open->posix && RULE(PSX_DELETE_0008) &&
	       (info_class == FileDispositionInformationEx ||
		       info_class == FileRenameInformationEx);
}

bool posix_has_open(const struct file *file)
{
	list_each(open, &file->opens, struct open, in_file)
	{
		if (open->posix) {
			return true;
		}
	}
	return false;
}

bool posix_nameless_fails(const struct open *open)
{
	const struct file_link *link = open->link;

	if (!open->posix || !link || !link->gone) {
		return false;
	}
	return link->replaced ? !RULE(PSX_RENAME_0010) : !RULE(PSX_DELETE_0020);
}

bool posix_name_lingers(
	struct engine *engine, const struct files_port *port, const char *path)
{
	list_each(file, &engine->files, struct file, in_engine)
	{
		if (file->port != port) {
			continue;
		}
		list_each(open, &file->opens, struct open, in_file)
		{
			if (open->link->gone &&
				strcmp(open->link->path, path) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* ---- rename and link ---- */

/* The file at the new name is open; does that stand in the way? */
static uint32_t posix_replace_check(
	const struct open *open, const struct file *target, bool link)
{
	const struct file_link *name = NULL;
	bool ordinary;

	if (target->inode == open->file->inode &&
		target->device == open->file->device) {
		return STATUS_SUCCESS;
	}
	list_each(other, &target->opens, struct open, in_file)
	{
		ordinary = !other->posix;
		name = other->link;
		if (ordinary && (link ? RULE(PSX_HARDLINK_0006)
				      : RULE(PSX_RENAME_0011))) {
			return STATUS_ACCESS_DENIED;
		}
		if (!ordinary && !(link ? RULE(PSX_HARDLINK_0005)
					: RULE(PSX_RENAME_0009))) {
			return STATUS_ACCESS_DENIED;
		}
	}
	return (!RULE(PSX_DELETE_0015) ||
		       posix_is_like(open->tree, POSIX_LIKE_SAMBA)) &&
			       name && link_used_by(target, name, open->session)
		       ? STATUS_ACCESS_DENIED
		       : STATUS_SUCCESS;
}

static bool posix_is_below(struct engine *engine, const struct open *open)
{
	const struct files_port *port = open_port(open);
	const char *path = open->link->path;

	if (RULE(PSX_RENAME_0020) && file_below(engine, port, path, false)) {
		return true;
	}
	return !RULE(PSX_RENAME_0019) && file_below(engine, port, path, true) &&
	       !file_below(engine, port, path, false);
}

uint32_t posix_rename_check(
	struct request *req, const char *path, bool link, bool replace)
{
	const struct open *open = req->open;
	struct file *target;

	if (open->link->gone) {
		return RULE(PSX_DELETE_0024) ? STATUS_OBJECT_NAME_NOT_FOUND
					     : STATUS_DELETE_PENDING;
	}
	if (link && open->file->directory) {
		return RULE(PSX_HARDLINK_0007) ? STATUS_FILE_IS_A_DIRECTORY
					       : STATUS_ACCESS_DENIED;
	}
	if (!link && open->file->directory &&
		posix_is_below(req->engine, open)) {
		return STATUS_ACCESS_DENIED;
	}
	if (!link && !RULE(PSX_RENAME_0012) &&
		strcmp(path, open->link->path) == 0) {
		return STATUS_OBJECT_NAME_COLLISION;
	}
	if (open->file->special &&
		!(link ? RULE(PSX_HARDLINK_0008) : RULE(PSX_RENAME_0023))) {
		return STATUS_NOT_SUPPORTED;
	}
	target = file_at(req->engine, open_port(open), path, true);
	return replace && target ? posix_replace_check(open, target, link)
				 : STATUS_SUCCESS;
}

bool posix_replaces(
	const struct open *open, const char *path, bool link, bool replace)
{
	bool case_only = text_equal_nocase(open->link->path, path) &&
			 strcmp(open->link->path, path) != 0;

	if (link) {
		return replace || !RULE(PSX_HARDLINK_0004);
	}
	if (case_only) {
		return replace || !RULE(PSX_RENAME_0008);
	}
	if (open->file->directory && !RULE(PSX_RENAME_0014)) {
		return false;
	}
	return replace || !RULE(PSX_RENAME_0007);
}

bool posix_same_name(const struct open *open, const char *path)
{
	return !RULE(PSX_RENAME_0006) &&
	       text_equal_nocase(open->link->path, path);
}

uint32_t posix_rename_status(const struct files_op *op, bool link)
{
	bool missing = link ? RULE(PSX_HARDLINK_0009) : RULE(PSX_RENAME_0005);

	switch (op->result) {
	case -EEXIST:
		return STATUS_OBJECT_NAME_COLLISION;
	case -ENOENT:
		return op->parent_missing && missing
			       ? STATUS_OBJECT_PATH_NOT_FOUND
			       : STATUS_OBJECT_NAME_NOT_FOUND;
	case -ENOTEMPTY:
		return RULE(PSX_RENAME_0015) ? STATUS_DIRECTORY_NOT_EMPTY
					     : STATUS_OBJECT_NAME_COLLISION;
	case -ENOTDIR:
		return op->parent_missing || RULE(PSX_RENAME_0016)
			       ? STATUS_NOT_A_DIRECTORY
			       : STATUS_OBJECT_NAME_COLLISION;
	case -EISDIR:
		return (link ? RULE(PSX_HARDLINK_0011) : RULE(PSX_RENAME_0017))
			       ? STATUS_FILE_IS_A_DIRECTORY
			       : STATUS_OBJECT_NAME_COLLISION;
	case -EINVAL:
		return RULE(PSX_RENAME_0022) ? STATUS_INVALID_PARAMETER
					     : STATUS_ACCESS_DENIED;
	case -ENAMETOOLONG:
		return STATUS_NAME_TOO_LONG;
	default:
		return status_of_errno(op->result);
	}
}
