/* SPDX-License-Identifier: MIT */
/* smb3xd: arguments in, a server in the foreground. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/rule.h"
#include "server/server.h"

#define VERSION "0.1"

enum exit_code { EXIT_ENDED, EXIT_FAILED, EXIT_USAGE, EXIT_CUT };

struct arguments {
	int argc;
	char **argv;
};

static struct config *load(void *ctx)
{
	const struct arguments *arguments = ctx;
	struct config *config = malloc(sizeof(*config));
	char error[256];

	if (config == NULL) {
		return NULL;
	}
	if (config_load(arguments->argc, arguments->argv, config, error) < 0) {
		fprintf(stderr, "smb3xd: %s\n", error);
		free(config);
		return NULL;
	}
	return config;
}

/* Only the faulty build can; in others there is no such option. */
static bool break_rules(const struct config *config)
{
#ifdef SMB3X_FAULTY
	for (unsigned int i = 0; i < config->break_count; i++) {
		if (rule_break(config->breaks[i]) < 0) {
			fprintf(stderr, "smb3xd: %s: no such rule\n",
				config->breaks[i]);
			return false;
		}
	}
#else
	(void)config;
#endif
	return true;
}

static int serve(struct config *config, struct arguments *arguments)
{
	struct server *server;
	const char *address;
	int r;

	if (!break_rules(config)) {
		return EXIT_USAGE;
	}
	r = server_create(config, &server);
	if (r < 0) {
		fprintf(stderr, "smb3xd: %s\n", strerror(-r));
		return EXIT_FAILED;
	}
	for (unsigned int i = 0; (address = server_address(server, i)) != NULL;
		i++) {
		printf("smb3xd: listening on %s\n", address);
	}
	if (server_fingerprint(server) != NULL) {
		printf("smb3xd: certificate sha256:%s\n",
			server_fingerprint(server));
	}
	fflush(stdout);
	r = server_run(server, load, arguments);
	server_destroy(server);
	if (r < 0) {
		fprintf(stderr, "smb3xd: %s\n", strerror(-r));
		return EXIT_FAILED;
	}
	return r == 0 ? EXIT_ENDED : EXIT_CUT;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {argc, argv};
	struct config *config;
	int code = EXIT_ENDED;

	setlocale(LC_CTYPE, "C.UTF-8");
	config = load(&arguments);
	if (config == NULL) {
		return EXIT_USAGE;
	}
	if (config->help) {
		config_help(stdout);
	} else if (config->version) {
		printf("smb3xd %s\n", VERSION);
	} else {
		code = serve(config, &arguments);
	}
	config_finish(config);
	free(config);
	return code;
}
