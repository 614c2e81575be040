/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of directory leases, on top of lease/lease.h.
 */
#ifndef SMB3X_DIRLEASE_H
#define SMB3X_DIRLEASE_H

#include "lease/lease.h"

/* What lists a directory and disturbs nobody who shares it. */
#define DIRECTORY_ACCESS \
	(FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE)

/* A lease on a directory (made if it is not there), exactly this state; a
 * server that grants less: the test is skipped. */
struct lease *need_directory_lease(
	struct peer *peer, const char *path, uint32_t state);

/* Which ParentLeaseKey an open carries. */
enum parent { PARENT_NONE, PARENT_SAME, PARENT_OTHER };

/* An open of a file with a lease that carries a ParentLeaseKey: that of the
 * directory lease, another one or none. It must succeed. */
struct file *need_child(struct peer *peer, const char *path,
	const struct lease *directory, enum parent parent,
	const struct create_options *options);

/* The directory lease is broken to none: with or without acknowledgment as
 * its state demands. The acknowledgment is sent. */
bool check_directory_break(
	struct test *t, struct lease *directory, enum rule_id rule);

#endif
