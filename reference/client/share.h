/* SPDX-License-Identifier: MIT */
/*
 * A share with its connections ("lanes"), each of which serves one call at a
 * time, and the way of a path to the object that it names.
 */
#ifndef SMB3X_CLIENT_SHARE_H
#define SMB3X_CLIENT_SHARE_H

#include <pthread.h>

#include "client/posix.h"
#include "client/target.h"

#define SHARE_LANES_MAX 16

struct lane {
	struct client *client;
	struct client_tree *tree;
	bool busy;
	unsigned int waiting;    /* for this very lane */
	unsigned int generation; /* counts the connections */
};

struct smb3x {
	struct target target;
	struct smb3x_options options;
	struct client_options dial; /* what options do not say */
	char *texts;                /* owns the strings of options */
	bool posix;                 /* as the first connection found */
	char description[160];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int lane_count;
	struct lane lanes[SHARE_LANES_MAX];
};

struct smb3x_file {
	struct smb3x *share;
	unsigned int lane, generation;
	struct client_file *file;
	int flags;
	char *path; /* as it was found when it was opened */
};

/* A call on a path that is ready to be sent. */
typedef int share_call(struct client_tree *tree, const char *path, void *ctx);

/*
 * Resolves path and makes the call; repeats it on a new connection when the
 * old one broke and SHARE_AGAIN says that this does no harm. *ret_path (may be
 * NULL): the path that the call was made with; free() it. The lane is told to
 * those who keep files.
 */
struct share_where {
	unsigned int lane, generation;
	char *path;
};
/*
 * With several connections the first keeps no open file, and it renames:
 * Samba refuses to replace a file that is open on the same connection.
 */
enum share_how {
	SHARE_ONCE = 0,
	SHARE_AGAIN = 1,   /* may be repeated */
	SHARE_OPENS = 2,   /* leaves a file open */
	SHARE_RENAMES = 4, /* replaces a file */
};
int share_run(struct smb3x *share, const char *path, unsigned int how,
	share_call *call, void *ctx, struct share_where *ret_where);
/* The same within a call that has a lane already. */
int share_walk(struct smb3x *share, struct client_tree *tree, const char *path,
	share_call *call, void *ctx, char **ret_path);

/* The lane of an open file, for one call; -ESTALE when it is gone. Ends with
 * share_leave(), which takes the result and returns it. */
int share_enter(struct smb3x_file *file);
int share_leave(struct smb3x_file *file, ssize_t result);

/* As smb3x_connect(); how to connect comes from dial, where it is not NULL.
 * Its strings outlive the share. */
int share_connect(const char *url, const struct client_options *dial,
	const struct smb3x_options *options, struct smb3x **ret_share);

/* Tells smb3x_why() and returns error. */
int share_complain(int error, uint32_t status, const char *text);

#endif
