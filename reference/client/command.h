/* SPDX-License-Identifier: MIT */
/* The commands of smb3x, alone or from a script. */
#ifndef SMB3X_CLIENT_COMMAND_H
#define SMB3X_CLIENT_COMMAND_H

#include <stdbool.h>

#include "client/client.h"

struct invocation {
	struct client_options options;
	bool quiet, verbose;
};

/* argv[0] is the command. Exit code: 0 done, 1 it failed, 2 usage. */
int command_main(struct invocation *call, int argc, char **argv);

#endif
