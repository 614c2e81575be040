/* SPDX-License-Identifier: MIT */
/*
 * The connections ("lanes") of a share, each of which serves one call at a
 * time. Who has taken a lane reads what comes on it; while it is idle, the
 * watcher does. [MS-SMB2] 3.2.4.2, 3.2.7.1
 */
#ifndef SMB3X_CLIENT_LANE_H
#define SMB3X_CLIENT_LANE_H

#include "client/share.h"

/*
 * With several connections the first keeps no open file, and it renames:
 * Samba refuses to replace a file that is open on the same connection. It has
 * a ClientGuid of its own, since Samba serves one such by one process.
 */
struct lane *lane_take(struct smb3x *share, unsigned int how);
/* Whether it may keep open files and have leases. */
bool lane_keeps(const struct lane *lane);
/* This very lane, whoever has it. */
void lane_take_this(struct lane *lane);
void lane_give_back(struct lane *lane);
/* Makes a lane that is taken usable: dials, and takes up the open files of the
 * connection that was lost. */
int lane_prepare(struct lane *lane);
/* The connection of a lane that is taken is lost: nothing that depends on it
 * is believed any more. */
void lane_part(struct lane *lane);
/* Ends the connection of a lane that is taken. */
void lane_hang_up(struct lane *lane);
/* Reports what a call on it met; returns error. */
int lane_judge(struct lane *lane, int error);
/* Which of the share's it is. */
static inline unsigned int lane_number(const struct lane *lane)
{
	return (unsigned int)(lane - lane->share->lanes);
}

/* The lane of a connection. */
struct lane *lane_of(const struct client *client);
/* There is work for whoever reads on this lane. Under the lock. */
void lane_wake(struct lane *lane);

/* watch.c: the thread that reads on lanes that nobody uses. */
int watch_begin(struct smb3x *share);
void watch_end(struct smb3x *share);
/* Lanes have come or gone. */
void watch_look(struct smb3x *share);

/* reopen.c: takes up, on a new connection, what was open on the old one. */
int reopen_files(struct lane *lane);

#endif
