/* SPDX-License-Identifier: MIT */
/* The commands of smb3x, alone or from a script. */
#ifndef SMB3X_CLIENT_COMMAND_H
#define SMB3X_CLIENT_COMMAND_H

#include <stdbool.h>

#include "client/client.h"
#include "client/smb3x.h"

#define COMMAND_WORDS_MAX 5

struct invocation {
	struct client_options dial;
	struct smb3x_options options;
	bool quiet, verbose;
	bool cache_given; /* options.cache is what the user wants */
};

/* argv[0] is the command. Exit code: 0 done, 1 it failed, 2 usage. */
int command_main(struct invocation *call, int argc, char **argv);

/* What the commands work on. */
struct context {
	struct invocation *call;
	struct smb3x *share;
};

/* url: which of the words is the URL, or a path in a script. */
struct command {
	const char *name;
	int least, most, url;
	int (*run)(struct context *c, char **words);
};
/* command_file.c, command_posix.c: up to an entry without name */
extern const struct command command_files[], command_posix[];

/* Says what failed, why, and what may help. Returns 1. */
int command_failed(const char *what, const char *path, int error);
/* Text of a server for a terminal: control characters become '?'. */
void command_print_text(const char *text);
/* One line as ls -l writes it; path: of a link, to show its target. */
void command_print_entry(struct context *c, const char *name, const char *path,
	const struct smb3x_stat *stat);

/* mount.c: argv[0] is "mount" */
int mount_main(struct invocation *call, int argc, char **argv);

#endif
