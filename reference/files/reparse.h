/* SPDX-License-Identifier: MIT */
/*
 * What a reparse point stands for in the eyes of a POSIX client, and reparse
 * points made up for what Linux has of its own. [MS-FSCC] 2.1.2
 */
#ifndef SMB3X_FILES_REPARSE_H
#define SMB3X_FILES_REPARSE_H

#include <sys/stat.h>

#include "wire/wire.h"

#define REPARSE_MAX 16384

/* The file type (S_IFLNK, S_IFIFO, ...); 0: tag or data say none. */
mode_t reparse_type(struct wire_view data);

/* Bytes of the target of a link in UTF-8. */
uint64_t reparse_target_size(struct wire_view data);

/* The reparse point of a real link (IO_REPARSE_TAG_SYMLINK) or FIFO, socket
 * or device (IO_REPARSE_TAG_NFS); target is that of a link. Bytes written,
 * -EILSEQ, -ERANGE, -ENODATA: a file of this mode has none. */
int reparse_make(mode_t mode, dev_t device, const char *target,
	uint8_t *ret_data, size_t size);

/* Its tag, 0: none. */
uint32_t reparse_tag_of(mode_t mode);

#endif
