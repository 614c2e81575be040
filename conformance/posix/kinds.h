/* SPDX-License-Identifier: MIT */
/*
 * Both kinds of opens of one file: POSIX opens and ordinary ones.
 * Paths as in posix/posix.h: of slashes, in the test's directory.
 */
#ifndef SMB3X_POSIX_KINDS_H
#define SMB3X_POSIX_KINDS_H

#include "posix/posix.h"

/* P: with the context; W: an ordinary open, as Windows does it. */
enum open_kind { P, W };

/* CREATE of one kind; a new file of a POSIX open gets mode 0644. */
struct reply *kind_create(struct peer *peer, enum open_kind kind,
	const char *path, const struct create_options *options);
/* The same, and it must succeed: otherwise the test has no verdict. */
struct file *need_kind(struct peer *peer, enum open_kind kind, const char *path,
	const struct create_options *options);
/* FILE_OPEN with FILE_READ_ATTRIBUTES, closed again: what a name is. */
struct reply *kind_look(
	struct peer *peer, enum open_kind kind, const char *path);
/* Whether a POSIX open finds the name, whatever it is. */
bool posix_exists(struct peer *peer, const char *path);
/* Lets a moment pass for a server to notice something; false after 15 s of the
 * time that began at `since` (test_clock()). */
bool a_moment_later(struct test *t, uint64_t since);
/* SET_INFO of attributes, none of the times. */
struct reply *set_attributes(struct file *file, uint32_t attributes);

#endif
