/* SPDX-License-Identifier: MIT */
/*
 * What is kept while leases allow it: attributes, listings, and open files
 * that the application has closed.
 */
#ifndef SMB3X_CLIENT_CACHE_H
#define SMB3X_CLIENT_CACHE_H

#include "client/lease.h"
#include "client/listing.h"

/* In the flags of a file that the library has opened for itself. */
#define CACHE_OWN (1 << 30)

/* Under the lock of the share: */
/* A kept file whose connection is lost, no longer in the list. */
void cache_forget(struct smb3x_file *file);
/* A file that is kept is closed, without waiting. */
void cache_drop(struct smb3x_file *file);
/* All that are kept by a lease. */
void cache_drop_lease(struct lease *lease);
/* Keeps a file in place of closing it; false: close it. */
bool cache_keep(struct smb3x_file *file);
/* A kept file that was opened alike, on this lane (NULL: on any); NULL without
 * one. */
struct smb3x_file *cache_reuse(struct smb3x *share, const char *path, int flags,
	const struct lane *lane);
/* Closes those that have been kept long; true when some are left. */
bool cache_age(struct smb3x *share);

/* Without the lock: */
/* Frees all that are kept; nobody else uses the share any more. */
void cache_finish(struct smb3x *share);
/* A path and what is below it is to be removed or renamed: no kept file shall
 * be in the way. The caller has no lane. */
void cache_release(struct smb3x *share, const char *path);
/* The object of a path has been changed, made or removed here. */
void cache_changed(struct smb3x *share, const char *path);
/* It has another name now, or none (NULL), and so has all below it. */
void cache_moved(struct smb3x *share, const char *from, const char *to);

#endif
