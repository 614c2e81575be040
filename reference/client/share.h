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
/* A server that gives no lease so often is not asked any more. */
#define SHARE_REFUSED_MAX 16

struct lane {
	struct smb3x *share;
	struct client_owner owner; /* of the connection: this lane */
	struct client *client;
	struct client_tree *tree;
	bool busy;
	bool lost;               /* the connection has broken */
	bool work;               /* lease.c has something to send on it */
	unsigned int waiting;    /* for this very lane */
	unsigned int generation; /* counts the connections */
	uint64_t session;        /* the last one, for the server to end */
};

#define LEASE_BUCKETS 256

struct lease;

struct smb3x {
	struct target target;
	struct smb3x_options options;
	struct client_options dial; /* what options do not say */
	char *texts;                /* owns the strings of options */
	bool posix, caches;         /* as the first connection found */
	char description[160];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int lane_count;
	struct lane lanes[SHARE_LANES_MAX];
	uint8_t guid[16];                    /* ClientGuid */
	unsigned int reconnects;             /* atomic */
	struct smb3x_file *files;            /* open, or kept */
	struct lease *leases[LEASE_BUCKETS]; /* by path */
	struct lease *nameless;              /* of objects that lost it */
	uint64_t leases_made;
	unsigned int refused; /* leases, in a row */
	unsigned int kept;    /* files */
	pthread_t watcher;    /* watch.c */
	int watch_fd;         /* wakes it; eventfd(2) */
	bool watched, ending;
};

struct smb3x_file {
	struct smb3x *share;
	struct smb3x_file *next;
	unsigned int lane, generation;
	struct client_file *file;
	int flags;
	char *path; /* as it was found when it was opened */
	struct posix_how how;
	struct wire_guid guid; /* CreateGuid */
	struct lease *lease;   /* or NULL */
	bool has_parent;
	struct wire_guid parent; /* key of the lease of the directory */
	bool lost;               /* it could not be taken up again */
	uint32_t lost_status;    /* and that is what the server said */
	bool ending;             /* its CLOSE is under way */
	bool ack_due;            /* of an oplock */
	bool changed;            /* something was written by it */
	bool kept;               /* closed by the application */
	bool drop;               /* to be closed, by whoever has the lane */
	time_t since;            /* kept */
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

/*
 * A change of a path, by a call on a tree: what the call opens tells the key of
 * the directory's lease, so that the server does not break it for what is
 * known here. Ends with share_changed(): what was cached is dropped.
 */
struct share_change {
	struct client_wish wish;
};
void share_changing(struct client_tree *tree, const char *path,
	struct share_change *ret_change);
/* What was done to a path by a call on a tree: cache.h. */
void share_changed(struct client_tree *tree, const char *path);
void share_moved(
	const struct client_tree *tree, const char *from, const char *to);

/* The lane of an open file, for one call, connected again if need be; -ESTALE
 * when the file is gone. Ends with share_leave(), which takes the result and
 * returns it. */
int share_enter(struct smb3x_file *file);
int share_leave(struct smb3x_file *file, ssize_t result);
/* A whole call on an open file, made again when the connection breaks and
 * that does no harm. */
typedef ssize_t share_file_call(struct smb3x_file *file, void *ctx);
ssize_t share_file_run(
	struct smb3x_file *file, bool again, share_file_call *call, void *ctx);

/* Where the file is by now; free() it. */
char *share_file_path(struct smb3x_file *file);
/* What is known of it, and of the directory that it is in, is old. */
void share_file_changed(struct smb3x_file *file);

/*
 * Whole transfers, with as many requests under way as credits allow, that go
 * on where they were when a connection was lost. source and sink are called in
 * order of the offset, while nobody waits for them; progress may be NULL and
 * is told the bytes done so far. A callback's negative result ends the
 * transfer and is returned.
 */
typedef ssize_t share_source(void *ctx, void *ret_data, size_t n);
typedef int share_sink(void *ctx, const void *data, size_t n);
typedef void share_progress(void *ctx, uint64_t done);
int share_get(struct smb3x_file *file, uint64_t size, share_sink *sink,
	share_progress *progress, void *ctx);
int share_put(struct smb3x_file *file, share_source *source,
	share_progress *progress, void *ctx);

/* Whether the library remembers by leases what the server tells. */
bool share_caches(const struct smb3x *share);
/* From memory only what is no older, in ms. */
int share_opendir(struct smb3x *share, const char *path, uint64_t age_ms,
	struct smb3x_dir **ret_dir);
uint64_t share_dir_age(const struct smb3x_dir *dir);

/* As smb3x_connect(); how to connect comes from dial, where it is not NULL.
 * Its strings outlive the share. */
int share_connect(const char *url, const struct client_options *dial,
	const struct smb3x_options *options, struct smb3x **ret_share);

/* Tells smb3x_why() and returns error. */
int share_complain(int error, uint32_t status, const char *text);

#endif
