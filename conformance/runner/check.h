/* SPDX-License-Identifier: MIT */
/*
 * The program smb3x-check, without the tests that it has: those are what is
 * linked to it.
 */
#ifndef SMB3X_RUNNER_CHECK_H
#define SMB3X_RUNNER_CHECK_H

#include <stdint.h>

struct network;

/* A server that the program has in itself, instead of one that the command
 * line names. All 0: there is none. */
struct check_server {
	const char *program, *url, *second_user;
	const struct network *network; /* the way to it */
	/* After the tests, with the run's seed. */
	void (*finish)(uint64_t seed);
};

/* Runs the command line; the exit status. */
int check_main(int argc, char **argv, const struct check_server *server);

#endif
