/* SPDX-License-Identifier: MIT */
/*
 * smb3x-check-sim: smb3x-check with the server in the same process and time
 * that passes only while a test waits. The command line is that of
 * smb3x-check without the URL; behind `--` stand words for the server, as
 * smb3xd takes them. The composition root of suite and engine: it puts parts
 * together and knows nothing of what they do.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "runner/check.h"
#include "sim/network.h"
#include "sim/world.h"

#define WORDS_MAX 64
#define HEAP_KEPT (1 << 26) /* tests live too short to give memory back */

/* The shares and users that `make conformance` gives smb3xd. */
static const char *const usual[] = {"smb3x-check-sim", "--listen",
	"127.0.0.1:445", "--share", "data=memory:data", "--share",
	"encrypted=memory:secret,encrypt=required", "--share",
	"readonly=memory:data,ro", "--share", "windows=memory:windows,posix=no",
	"--user", "tester:secret", "--user", "other:secret", "--log", "error"};
#define USUAL (int)(sizeof(usual) / sizeof(usual[0]))

static void finish(uint64_t seed)
{
	struct sim_sum sum = sim_sum();

	printf("%llu runs of %.1f s together, seed %llu, digest %016llx\n",
		(unsigned long long)sum.tests, (double)sum.virtual_ns / 1e9,
		(unsigned long long)seed, (unsigned long long)sum.digest);
}

int main(int argc, char **argv)
{
	static const struct check_server server = {
		.program = "smb3x-check-sim",
		.url = "smb://tester:secret@127.0.0.1:445/data",
		.second_user = "other:secret",
		.network = &network_sim,
		.finish = finish,
	};
	char *words[WORDS_MAX + 1] = {NULL};
	int own = 0, count = USUAL;

	mallopt(M_MMAP_THRESHOLD, HEAP_KEPT / 2);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	memcpy(words, usual, sizeof(usual));
	while (own < argc && strcmp(argv[own], "--") != 0) {
		own++;
	}
	for (int i = own + 1; i < argc && count < WORDS_MAX; i++) {
		words[count++] = argv[i];
	}
	world_configure(count, words);
	sim_sum_begin();
	argv[own] = NULL;
	optind = 0; /* the words were read by getopt() as well */
	return check_main(own, argv, &server);
}
