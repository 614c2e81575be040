/* SPDX-License-Identifier: MIT */
/*
 * The commands of smb3x. Each works on paths below a connected share; alone,
 * a command finds share and path in its URL, in a script they are given.
 */
#include "client/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/target.h"
#include "wire/all.h"
#include "wire/registry.h"

#define WORDS_MAX 4
#define LINE_MAX_BYTES 4096
/* 1601 to 1970 in seconds. */
#define FILETIME_EPOCH 11644473600LL
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

struct context {
	struct invocation *call;
	struct client *client;
	struct client_tree *tree;
};

static int say_failure(
	const struct context *c, const char *what, const char *path, int error)
{
	uint32_t status = c->client == NULL ? 0 : client_status(c->client);
	const char *name = status == 0 ? NULL : status_name(status);
	const char *complaint =
		c->client == NULL ? "" : client_complaint(c->client);
	if (status != 0) {
		fprintf(stderr, "smb3x: %s %s: %s (0x%08x)\n", what, path,
			name == NULL ? "unknown status" : name, status);
	} else {
		fprintf(stderr, "smb3x: %s %s: %s\n", what, path,
			*complaint != '\0' ? complaint : strerror(-error));
	}
	return 1;
}

static void print_time(const char *label, uint64_t filetime)
{
	time_t seconds =
		(time_t)((int64_t)(filetime / 10000000) - FILETIME_EPOCH);
	struct tm tm;
	char text[64] = "?";
	if (gmtime_r(&seconds, &tm) != NULL) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	}
	printf("%s%s%s", label, text, *label == '\0' ? "" : " UTC\n");
}

static void print_entry(const char *name, const struct client_stat *stat)
{
	bool directory = (stat->attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
	printf("%c%c%c%c %14llu ", directory ? 'd' : '-',
		stat->attributes & FILE_ATTRIBUTE_READONLY ? 'r' : '-',
		stat->attributes & FILE_ATTRIBUTE_HIDDEN ? 'h' : '-',
		stat->attributes & FILE_ATTRIBUTE_SYSTEM ? 's' : '-',
		(unsigned long long)stat->size);
	print_time("", stat->write_time);
	printf(" %s\n", name);
}

static int list_entry(
	void *ctx, const char *name, const struct client_stat *stat)
{
	(void)ctx;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
		print_entry(name, stat);
	}
	return 0;
}

static int open_path(struct context *c, const char *path, uint32_t access,
	uint32_t disposition, uint32_t options, struct client_file **ret_file)
{
	const struct client_how how = {
		.access = access,
		.share = SHARE_ALL,
		.disposition = disposition,
		.options = options,
		.attributes = FILE_ATTRIBUTE_NORMAL,
	};
	return client_open(c->tree, path, &how, ret_file);
}

static int do_ls(struct context *c, char **words)
{
	const char *path = words[0];
	struct client_file *file = NULL;
	int error = open_path(c, path, FILE_READ_DATA | FILE_READ_ATTRIBUTES,
		FILE_OPEN, 0, &file);
	if (error < 0) {
		return say_failure(c, "ls", path, error);
	}
	const struct client_stat *stat = client_file_stat(file);
	if ((stat->attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
		print_entry(path, stat);
	} else {
		error = client_list(file, "*", list_entry, NULL);
	}
	if (error < 0) {
		say_failure(c, "ls", path, error);
	}
	int closing = client_close(file);
	return error < 0 || closing < 0 ? 1 : 0;
}

static int do_stat(struct context *c, char **words)
{
	struct client_stat stat;
	int error = client_stat(c->tree, words[0], &stat);
	if (error < 0) {
		return say_failure(c, "stat", words[0], error);
	}
	char attributes[256];
	wire_flags_text(&FILE_ATTRIBUTE_enum, stat.attributes, attributes,
		sizeof(attributes));
	printf("size       %llu\nallocation %llu\nattributes 0x%08x %s\n",
		(unsigned long long)stat.size,
		(unsigned long long)stat.allocation, stat.attributes,
		attributes);
	print_time("created    ", stat.create_time);
	print_time("accessed   ", stat.access_time);
	print_time("written    ", stat.write_time);
	print_time("changed    ", stat.change_time);
	return 0;
}

/* A transfer between a file of the share and one of ours. */
struct transfer {
	const char *verb, *name;
	FILE *local;
	uint64_t total; /* 0 = not known */
	bool show;
	time_t shown;
};

static void show_progress(void *ctx, uint64_t done)
{
	struct transfer *t = ctx;
	time_t now = time(NULL);
	if (!t->show || (now == t->shown && done != t->total)) {
		return;
	}
	t->shown = now;
	if (t->total == 0) {
		fprintf(stderr, "\r%s %s %llu MiB", t->verb, t->name,
			(unsigned long long)(done >> 20));
		return;
	}
	char bar[31];
	unsigned int filled = (unsigned int)(done * 30 / t->total);
	for (unsigned int i = 0; i < 30; i++) {
		bar[i] = i < filled ? '#' : '.';
	}
	bar[30] = '\0';
	fprintf(stderr, "\r%s %s [%s] %3u %%", t->verb, t->name, bar,
		(unsigned int)(done * 100 / t->total));
}

static int write_local(void *ctx, const void *data, size_t n)
{
	struct transfer *t = ctx;
	return fwrite(data, 1, n, t->local) == n ? 0 : -EIO;
}

static ssize_t read_local(void *ctx, void *ret_data, size_t n)
{
	struct transfer *t = ctx;
	size_t got = fread(ret_data, 1, n, t->local);
	return got == 0 && ferror(t->local) ? -EIO : (ssize_t)got;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

static int finish_local(struct transfer *t, bool standard, int error)
{
	if (t->show) {
		fputc('\n', stderr);
	}
	bool failed = standard ? fflush(t->local) != 0 : fclose(t->local) != 0;
	return error == 0 && failed ? -EIO : error;
}

static int do_get(struct context *c, char **words)
{
	const char *path = words[0];
	const char *name = words[1] != NULL ? words[1] : last_component(path);
	bool standard = strcmp(name, "-") == 0;
	struct client_file *file = NULL;
	int error = open_path(c, path, FILE_READ_DATA | FILE_READ_ATTRIBUTES,
		FILE_OPEN, FILE_NON_DIRECTORY_FILE, &file);
	if (error < 0) {
		return say_failure(c, "get", path, error);
	}
	struct transfer t = {
		.verb = "get",
		.name = path,
		.local = standard ? stdout : fopen(name, "wb"),
		.total = client_file_stat(file)->size,
		.show = !c->call->quiet && isatty(STDERR_FILENO),
	};
	if (t.local == NULL) {
		fprintf(stderr, "smb3x: %s: %s\n", name, strerror(errno));
		client_close(file);
		return 1;
	}
	error = client_get(file, write_local, show_progress, &t);
	error = finish_local(&t, standard, error);
	if (error < 0) {
		say_failure(c, "get", path, error);
	}
	int closing = client_close(file);
	return error < 0 || closing < 0 ? 1 : 0;
}

static uint64_t size_of(FILE *file)
{
	if (fseeko(file, 0, SEEK_END) != 0) {
		return 0;
	}
	off_t size = ftello(file);
	rewind(file);
	return size < 0 ? 0 : (uint64_t)size;
}

static int do_put(struct context *c, char **words)
{
	const char *name = words[0];
	const char *path = words[1];
	bool standard = strcmp(name, "-") == 0;
	struct transfer t = {
		.verb = "put",
		.name = path,
		.local = standard ? stdin : fopen(name, "rb"),
		.show = !c->call->quiet && isatty(STDERR_FILENO),
	};
	if (t.local == NULL) {
		fprintf(stderr, "smb3x: %s: %s\n", name, strerror(errno));
		return 1;
	}
	t.total = standard ? 0 : size_of(t.local);
	struct client_file *file = NULL;
	int error = open_path(c, path, FILE_WRITE_DATA | FILE_READ_ATTRIBUTES,
		FILE_OVERWRITE_IF, FILE_NON_DIRECTORY_FILE, &file);
	if (error < 0) {
		finish_local(&t, standard, error);
		return say_failure(c, "put", path, error);
	}
	error = client_put(file, read_local, show_progress, &t);
	error = finish_local(&t, standard, error);
	if (error < 0) {
		say_failure(c, "put", path, error);
	}
	int closing = client_close(file);
	return error < 0 || closing < 0 ? 1 : 0;
}

static int do_mkdir(struct context *c, char **words)
{
	int error = client_mkdir(c->tree, words[0]);
	return error < 0 ? say_failure(c, "mkdir", words[0], error) : 0;
}

static int do_rm(struct context *c, char **words)
{
	int error = client_remove(c->tree, words[0], false);
	return error < 0 ? say_failure(c, "rm", words[0], error) : 0;
}

static int do_rmdir(struct context *c, char **words)
{
	int error = client_remove(c->tree, words[0], true);
	return error < 0 ? say_failure(c, "rmdir", words[0], error) : 0;
}

static int do_mv(struct context *c, char **words)
{
	int error = client_rename(c->tree, words[0], words[1], false);
	return error < 0 ? say_failure(c, "mv", words[0], error) : 0;
}

static int do_info(struct context *c, char **words)
{
	(void)words;
	printf("%s\n", client_description(c->client));
	return 0;
}

/* url: which of the arguments is the URL when the command stands alone. */
static const struct command {
	const char *name;
	int least, most, url;
	int (*run)(struct context *c, char **words);
} commands[] = {
	{"ls", 1, 1, 0, do_ls},
	{"stat", 1, 1, 0, do_stat},
	{"get", 1, 2, 0, do_get},
	{"put", 2, 2, 1, do_put},
	{"mkdir", 1, 1, 0, do_mkdir},
	{"rm", 1, 1, 0, do_rm},
	{"rmdir", 1, 1, 0, do_rmdir},
	{"mv", 2, 2, 0, do_mv},
	{"info", 0, 1, 0, do_info},
};

static const struct command *find_command(const char *name, int words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];
		if (strcmp(c->name, name) == 0 && words >= c->least &&
			words <= c->most) {
			return c;
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
	while (count < WORDS_MAX) {
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
		char *words[WORDS_MAX + 1] = {NULL};
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

static int connect_target(struct context *c, const struct target *t)
{
	struct client_options *o = &c->call->options;
	o->host = t->host;
	o->port = t->port;
	o->user = t->user;
	o->password =
		t->password != NULL ? t->password : getenv("SMB3X_PASSWORD");
	int error = client_connect(o, &c->client);
	if (error == 0) {
		error = client_tree_connect(c->client, t->share, &c->tree);
	}
	if (error < 0) {
		return say_failure(c, "connect", t->share, error);
	}
	if (c->call->verbose) {
		fprintf(stderr, "%s\n", client_description(c->client));
	}
	return 0;
}

static void disconnect(struct context *c)
{
	if (c->tree != NULL && client_tree_close(c->tree) < 0) {
		say_failure(c, "disconnect", "", -EIO);
	}
	client_destroy(c->client);
}

int command_main(struct invocation *call, int argc, char **argv)
{
	bool script = strcmp(argv[0], "run") == 0 && argc >= 2 && argc <= 3;
	const struct command *command =
		script ? NULL : find_command(argv[0], argc - 1);
	if (!script && command == NULL) {
		return 2;
	}
	char *words[WORDS_MAX + 1] = {NULL};
	for (int i = 1; i < argc; i++) {
		words[i - 1] = argv[i];
	}
	int url = script ? 0 : command->url;
	struct target t = {0};
	if (words[url] == NULL || target_parse(words[url], &t) < 0) {
		fprintf(stderr,
			"smb3x: %s: not a URL like "
			"smb://user:password@host:port/share/path\n",
			words[url] == NULL ? "" : words[url]);
		return 2;
	}
	struct context c = {.call = call};
	int result = connect_target(&c, &t);
	if (result == 0) {
		words[url] = t.path;
		result = script ? do_script(&c, words[1])
				: command->run(&c, words);
	}
	disconnect(&c);
	target_finish(&t);
	return result;
}
