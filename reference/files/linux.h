/* SPDX-License-Identifier: MIT */
/*
 * A share that is a directory of a Linux file system. Nothing outside it is
 * ever reached: every name is resolved by openat2(RESOLVE_BENEATH |
 * RESOLVE_NO_MAGICLINKS). When the server runs as root each operation is done
 * with the user's rights (fsuid, fsgid and supplementary groups of the thread
 * that runs it).
 *
 * What Linux has no place for:
 *
 *   DOS attributes and creation and change times that were set live in the
 *   extended attribute user.smb3x.dos (the change time until something changes
 *   the file again), security descriptors in user.smb3x.sd, reparse
 *   data in user.smb3x.reparse, object ids in user.smb3x.objectid. SMB
 *   extended attributes are user.NAME.
 *
 *   Named streams (and attributes that the file system refuses as too large or
 *   unsupported) live under a hidden directory .smb3x at the share's root, one
 *   sub-directory per file, named after its inode and birth time. Extended
 *   attributes would limit streams to a few kilobytes on most file systems;
 *   regular files have no limit, can be sparse, copied and mapped. Inode and
 *   birth time follow the file through renames and hard links with no extra
 *   work, and an inode number that is used again never finds the streams of
 *   its predecessor. Streams do not survive a copy of the share by other
 *   tools, which give the file a new inode.
 */
#ifndef SMB3X_FILES_LINUX_H
#define SMB3X_FILES_LINUX_H

#include "ports/files.h"

struct work_port;

/* work may be NULL: then operations block inside submit(). 0 or -errno. */
int files_linux_create(
	const char *root, struct work_port *work, struct files_port **ret_port);

#endif
