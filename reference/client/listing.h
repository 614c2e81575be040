/* SPDX-License-Identifier: MIT */
/* The entries of a directory as they were when they were asked for. A listing
 * is shared, and never changed once it is whole. */
#ifndef SMB3X_CLIENT_LISTING_H
#define SMB3X_CLIENT_LISTING_H

#include "client/smb3x.h"

struct listing;

struct listing *listing_create(void);
struct listing *listing_use(struct listing *listing);
/* Accepts NULL. */
void listing_leave(struct listing *listing);
void listing_clear(struct listing *listing);
int listing_add(struct listing *listing, const char *name,
	const struct smb3x_stat *stat);
/* When it was asked for, in ms of a clock that only goes on. */
uint64_t listing_when(const struct listing *listing);
uint64_t listing_now(void);
/* By one thread at a time. False: there is no such name. */
bool listing_find(
	struct listing *listing, const char *name, struct smb3x_stat *ret_stat);
size_t listing_count(const struct listing *listing);
void listing_entry(const struct listing *listing, size_t at,
	struct smb3x_entry *ret_entry);

#endif
