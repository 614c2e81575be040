/* SPDX-License-Identifier: MIT */
/*
 * Paths of POSIX calls and the symbolic links in them: text only, no I/O. The
 * server stops at each link (STATUS_STOPPED_ON_SYMLINK) and the client goes
 * on with the path that comes out. [MS-SMB2] 2.2.2.2.1, 3.2.5.7
 */
#ifndef SMB3X_CLIENT_PATH_H
#define SMB3X_CLIENT_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_LINKS_MAX 40      /* followed in one path */
#define PATH_COMPONENT_MAX 255 /* bytes */
#define PATH_BYTES_MAX 32000   /* what fits a CREATE in any script */
#define PATH_TARGET_MAX 4095   /* bytes of a link's target */

/* Where a CREATE stopped, as the server told it. */
struct path_stop {
	bool known;
	bool absolute;
	size_t unparsed; /* bytes of UTF-16 behind the link */
	char target[PATH_TARGET_MAX + 1];
};

/* A path on its way. Components of it up to `verified` bytes are directories
 * and no links. */
struct path_walk {
	char *path;
	size_t verified;
	unsigned int links;
	bool posix;       /* names may hold what Windows forbids */
	bool share_roots; /* "/" of a target is the root of the share */
};

/* Empty components and "." are left out, "..", stays. 0, -ENOMEM,
 * -ENAMETOOLONG, or -EINVAL for a name that the server cannot have. */
int path_begin(struct path_walk *walk, const char *path);
void path_finish(struct path_walk *walk);
/*
 * Resolves each ".." that may be. 0: the path is ready to be asked for. 1:
 * the first *ret_prefix bytes must first be found to be a directory; tell
 * path_verified() or path_stopped() and come again. -EXDEV: above the root.
 */
int path_step(struct path_walk *walk, size_t *ret_prefix);
void path_verified(struct path_walk *walk, size_t prefix);
/*
 * Goes on behind a link that stopped the first `asked` bytes of the path.
 * -ELOOP too many, -EXDEV out of the share, -EPROTO when what the server told
 * cannot be true, -ENOENT for an empty target.
 */
int path_stopped(
	struct path_walk *walk, size_t asked, const struct path_stop *stop);

/* Bytes of the parent of the first n bytes of a path; 0 for the root. */
size_t path_parent(const char *path, size_t n);

/* Whether a name of a listing can be the name of a file. */
bool path_is_name(const char *name, size_t n);

#endif
