/* SPDX-License-Identifier: MIT */
/* What a POSIX open finds under its name. spec/posix/create.adoc, link.adoc */
#include <errno.h>
#include <sys/stat.h>

#include "engine/posix.h"

uint32_t posix_create_status(const struct files_op *op)
{
	switch (op->result) {
	case -ENOENT:
		return op->parent_missing && RULE(PSX_CREATE_0017)
			       ? STATUS_OBJECT_PATH_NOT_FOUND
			       : STATUS_OBJECT_NAME_NOT_FOUND;
	case -ENOTDIR:
		return RULE(PSX_CREATE_0018) ? STATUS_NOT_A_DIRECTORY
					     : STATUS_OBJECT_PATH_NOT_FOUND;
	case -ENAMETOOLONG:
		return RULE(PSX_PATH_0024) ? STATUS_NAME_TOO_LONG
					   : STATUS_OBJECT_NAME_INVALID;
	default:
		return status_of_errno(op->result);
	}
}

bool posix_is_special(const struct files_stat *stat)
{
	return !S_ISREG(stat->mode) && !S_ISDIR(stat->mode);
}

bool posix_is_node_tag(uint32_t tag)
{
	return tag == IO_REPARSE_TAG_NFS || tag == IO_REPARSE_TAG_AF_UNIX ||
	       tag == IO_REPARSE_TAG_LX_FIFO || tag == IO_REPARSE_TAG_LX_CHR ||
	       tag == IO_REPARSE_TAG_LX_BLK;
}

uint32_t posix_check_type(const struct request *req,
	const struct files_stat *stat, uint32_t disposition, uint32_t options)
{
	bool directory = options & FILE_DIRECTORY_FILE;

	if (disposition == FILE_CREATE) {
		if (RULE(PSX_CREATE_0019) &&
			!(stat->directory &&
				(options & FILE_NON_DIRECTORY_FILE) &&
				posix_is_like(req->tree, POSIX_LIKE_SAMBA))) {
			return STATUS_OBJECT_NAME_COLLISION;
		}
		return stat->directory ? STATUS_FILE_IS_A_DIRECTORY
				       : STATUS_NOT_A_DIRECTORY;
	}
	if (stat->directory && (options & FILE_NON_DIRECTORY_FILE)) {
		return RULE(PSX_CREATE_0021) ? STATUS_FILE_IS_A_DIRECTORY
					     : STATUS_OBJECT_NAME_COLLISION;
	}
	if (stat->directory && disposition != FILE_OPEN &&
		disposition != FILE_OPEN_IF) {
		return STATUS_FILE_IS_A_DIRECTORY;
	}
	if (stat->directory || !directory) {
		return STATUS_SUCCESS;
	}
	if (S_ISLNK(stat->mode)) {
		return RULE(PSX_LINK_0021) ? STATUS_NOT_A_DIRECTORY
					   : STATUS_SUCCESS;
	}
	return RULE(PSX_CREATE_0020) ? STATUS_NOT_A_DIRECTORY
				     : STATUS_OBJECT_NAME_COLLISION;
}

bool posix_reparse_refused(const struct files_stat *stat, uint32_t options)
{
	if (!stat->reparse_tag) {
		return false;
	}
	if (options & FILE_OPEN_REPARSE_POINT) {
		return !RULE(PSX_LINK_0020);
	}
	return !S_ISLNK(stat->mode) && RULE(PSX_LINK_0019);
}

uint32_t posix_data_check(const struct open *open)
{
	if (open->posix && open->file->special && RULE(PSX_LINK_0022)) {
		return RULE(PSX_LINK_0023) ? STATUS_INVALID_DEVICE_REQUEST
					   : STATUS_ACCESS_DENIED;
	}
	return posix_nameless_fails(open) ? STATUS_FILE_CLOSED : STATUS_SUCCESS;
}
