/* SPDX-License-Identifier: MIT */
/*
 * How smb3x finds, runs and reports its commands. Each works on paths below a
 * connected share; alone, a command finds share and path in its URL, in a
 * script they are given.
 */
#include "client/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/share.h"
#include "client/target.h"

#define LINE_MAX_BYTES 4096

/* What helps in most cases, by errno. */
static const struct {
	int error;
	const char *text;
} hints[] = {
	{ECONNREFUSED, "nothing listens there: check host and port"},
	{EHOSTUNREACH, "check the name of the host and the network"},
	{ETIMEDOUT, "the server is too slow or gone: see --timeout"},
	{ENOTDIR, "a part of the path is no directory"},
	{EISDIR, "it is a directory: use rmdir, or a path below it"},
	{ENOTEMPTY, "remove what is in it first"},
	{EEXIST, "choose another name, or remove what is there"},
	{EBUSY, "another client has it open: try again when it is closed"},
	{EXDEV, "links out of the share are not followed; absolute ones are "
		"with --absolute=share, within the share"},
	{ELOOP, "the links lead to each other: look with readlink"},
	{EOPNOTSUPP, "the server cannot, or not on this share: see smb3x "
		     "info; Samba: smb3 unix extensions = yes"},
	{EROFS, "the share is read-only"},
	{EPERM, "only the owner may, or the server allows it to nobody"},
	{EDQUOT, "the quota of the user is used up"},
};

static const char *hint_of(int error)
{
	uint32_t status = smb3x_status();
	if (status == STATUS_LOGON_FAILURE) {
		return "check user and password (user:password@ in the URL, or "
		       "SMB3X_PASSWORD)";
	}
	if (status == STATUS_BAD_NETWORK_NAME) {
		return "the server has no share of this name";
	}
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].error == -error) {
			return hints[i].text;
		}
	}
	return NULL;
}

int command_failed(const char *what, const char *path, int error)
{
	const char *hint = hint_of(error);
	fprintf(stderr, "smb3x: %s %s: %s\n", what, path, smb3x_why());
	if (hint != NULL) {
		fprintf(stderr, "smb3x: %s\n", hint);
	}
	return 1;
}

static int do_info(struct context *c, char **words)
{
	(void)words;
	printf("%s\n", smb3x_description(c->share));
	return 0;
}

static const struct command command_own[] = {
	{"info", 0, 1, 0, do_info},
	{NULL, 0, 0, 0, NULL},
};

static const struct command *find_in(
	const struct command *list, const char *name, int words)
{
	for (; list->name != NULL; list++) {
		if (strcmp(list->name, name) == 0 && words >= list->least &&
			words <= list->most) {
			return list;
		}
	}
	return NULL;
}

static const struct command *find_command(const char *name, int words)
{
	const struct command *const lists[] = {
		command_own, command_files, command_posix};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct command *found = find_in(lists[i], name, words);
		if (found != NULL) {
			return found;
		}
	}
	fprintf(stderr,
		"smb3x: %s: no such command, or not with these arguments; see "
		"smb3x --help\n",
		name);
	return NULL;
}

/* Words of a line, separated by blanks; "..." keeps blanks. */
static int split_line(char *line, char **ret_words)
{
	int count = 0;
	char *p = line;
	while (count < COMMAND_WORDS_MAX) {
		p += strspn(p, " \t\n");
		if (*p == '\0' || *p == '#') {
			break;
		}
		bool quoted = *p == '"';
		p += quoted ? 1 : 0;
		ret_words[count++] = p;
		p += strcspn(p, quoted ? "\"" : " \t\n");
		if (*p != '\0') {
			*p++ = '\0';
		}
	}
	return count;
}

/* Ends at the first command that fails. */
static int run_script(struct context *c, FILE *script, const char *name)
{
	char line[LINE_MAX_BYTES];
	int number = 0;
	while (fgets(line, sizeof(line), script) != NULL) {
		char *words[COMMAND_WORDS_MAX + 1] = {NULL};
		int count = split_line(line, words);
		number++;
		if (count == 0) {
			continue;
		}
		const struct command *command =
			find_command(words[0], count - 1);
		if (command == NULL || command->run(c, words + 1) != 0) {
			fprintf(stderr, "smb3x: %s: stopped at line %d\n", name,
				number);
			return command == NULL ? 2 : 1;
		}
	}
	return 0;
}

static int do_script(struct context *c, const char *name)
{
	if (name == NULL || strcmp(name, "-") == 0) {
		return run_script(c, stdin, "standard input");
	}
	FILE *script = fopen(name, "r");
	if (script == NULL) {
		fprintf(stderr, "smb3x: %s: %s\n", name, strerror(errno));
		return 1;
	}
	int result = run_script(c, script, name);
	fclose(script);
	return result;
}

static int connect_share(struct context *c, const char *url)
{
	struct invocation *call = c->call;
	call->options.password = getenv("SMB3X_PASSWORD");
	call->options.connections = 1;
	int error = share_connect(url, &call->dial, &call->options, &c->share);
	if (error == -EINVAL && smb3x_status() == 0) {
		fprintf(stderr, "smb3x: %s: %s\n", url, smb3x_why());
		return 2;
	}
	if (error < 0) {
		return command_failed("connect", c->share->target.share, error);
	}
	if (call->verbose) {
		fprintf(stderr, "%s\n", smb3x_description(c->share));
	}
	return 0;
}

int command_main(struct invocation *call, int argc, char **argv)
{
	if (strcmp(argv[0], "mount") == 0) {
		return mount_main(call, argc, argv);
	}
	bool script = strcmp(argv[0], "run") == 0 && argc >= 2 && argc <= 3;
	const struct command *command =
		script ? NULL : find_command(argv[0], argc - 1);
	if (!script && command == NULL) {
		return 2;
	}
	char *words[COMMAND_WORDS_MAX + 1] = {NULL};
	for (int i = 1; i < argc; i++) {
		words[i - 1] = argv[i];
	}
	int url = script ? 0 : command->url;
	if (!script && !call->cache_given) {
		call->options.cache = SMB3X_CACHE_OFF; /* one call each */
	}
	struct context c = {.call = call};
	int result = connect_share(&c, words[url] == NULL ? "" : words[url]);
	if (result == 0) {
		words[url] = c.share->target.path;
		result = script ? do_script(&c, words[1])
				: command->run(&c, words);
	}
	smb3x_destroy(c.share);
	return result;
}
