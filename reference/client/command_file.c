/* SPDX-License-Identifier: MIT */
/* Commands that list, fetch, store, make, move and remove files. */
#include "client/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/share.h"

static uint32_t creation_mode(uint32_t mode)
{
	mode_t mask = umask(0);
	umask(mask);
	return mode & ~(uint32_t)mask;
}

void command_print_text(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		bool control = (unsigned char)*p < 0x20 || *p == 0x7f;
		putchar(control ? '?' : *p);
	}
}

static void mode_text(uint32_t mode, char ret_text[11])
{
	static const char bits[] = "rwxrwxrwx";
	ret_text[0] = S_ISDIR(mode)    ? 'd'
		      : S_ISLNK(mode)  ? 'l'
		      : S_ISFIFO(mode) ? 'p'
		      : S_ISSOCK(mode) ? 's'
		      : S_ISCHR(mode)  ? 'c'
		      : S_ISBLK(mode)  ? 'b'
		      : S_ISREG(mode)  ? '-'
				       : '?';
	for (int i = 0; i < 9; i++) {
		bool set = (mode >> (8 - i) & 1) != 0;
		ret_text[i + 1] = set ? bits[i] : '-';
	}
	static const struct {
		uint32_t bit;
		int at;
		char on, off;
	} special[] = {{S_ISUID, 3, 's', 'S'}, {S_ISGID, 6, 's', 'S'},
		{S_ISVTX, 9, 't', 'T'}};
	for (int i = 0; i < 3; i++) {
		if ((mode & special[i].bit) != 0) {
			bool set = ret_text[special[i].at] == 'x';
			ret_text[special[i].at] =
				set ? special[i].on : special[i].off;
		}
	}
	ret_text[10] = '\0';
}

static void print_time(const char *label, struct timespec time)
{
	struct tm tm;
	char text[64] = "?";
	if (gmtime_r(&time.tv_sec, &tm) != NULL) {
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	}
	if (*label == '\0') {
		printf("%s", text);
	} else {
		printf("%s%s.%09ld UTC\n", label, text, time.tv_nsec);
	}
}

/* Owners as numbers, or by the end of their SIDs. */
static void print_owner(bool known, uint32_t id, const char *sid)
{
	const char *dash = strrchr(sid, '-');
	if (known || dash == NULL) {
		printf(" %5u", id);
	} else {
		printf(" %5s", dash);
	}
}

void command_print_entry(struct context *c, const char *name, const char *path,
	const struct smb3x_stat *stat)
{
	char mode[11];
	mode_text(stat->mode, mode);
	printf("%s %3u", mode, stat->nlink);
	print_owner(stat->uid_known, stat->uid, stat->owner);
	print_owner(stat->gid_known, stat->gid, stat->group);
	printf(" %12llu ", (unsigned long long)stat->size);
	print_time("", stat->mtime);
	putchar(' ');
	command_print_text(name);
	if (S_ISLNK(stat->mode)) {
		char target[PATH_TARGET_MAX + 1];
		ssize_t n = smb3x_readlink(
			c->share, path, target, sizeof(target) - 1);
		if (n >= 0) {
			target[n] = '\0';
			printf(" -> ");
			command_print_text(target);
		}
	}
	putchar('\n');
}

static int by_name(const void *a, const void *b)
{
	const struct smb3x_entry *left = a;
	const struct smb3x_entry *right = b;
	return strcmp(left->name, right->name);
}

static void list_directory(
	struct context *c, const char *path, struct smb3x_dir *dir)
{
	size_t count = 0;
	struct smb3x_entry entry;
	while (smb3x_readdir(dir, &entry) > 0) {
		count++;
	}
	struct smb3x_entry *all = calloc(count + 1, sizeof(*all));
	smb3x_seekdir(dir, 0);
	for (size_t i = 0; all != NULL && i < count; i++) {
		smb3x_readdir(dir, &all[i]);
	}
	if (all != NULL) {
		qsort(all, count, sizeof(*all), by_name);
	}
	for (size_t i = 0; all != NULL && i < count; i++) {
		char *whole = NULL;
		if (asprintf(&whole, "%s/%s", path, all[i].name) >= 0) {
			command_print_entry(
				c, all[i].name, whole, &all[i].stat);
			free(whole);
		}
	}
	free(all);
}

static int do_ls(struct context *c, char **words)
{
	const char *path = words[0];
	struct smb3x_dir *dir = NULL;
	int error = smb3x_opendir(c->share, path, &dir);
	if (error == 0) {
		list_directory(c, path, dir);
		smb3x_closedir(dir);
		return 0;
	}
	struct smb3x_stat stat;
	error = smb3x_lstat(c->share, path, &stat);
	if (error < 0 || S_ISDIR(stat.mode)) {
		return command_failed("ls", path, error);
	}
	command_print_entry(c, path, path, &stat);
	return 0;
}

static void print_stat(
	struct context *c, const char *path, const struct smb3x_stat *stat)
{
	command_print_entry(c, path, path, stat);
	char attributes[256];
	wire_flags_text(&FILE_ATTRIBUTE_enum, stat->attributes, attributes,
		sizeof(attributes));
	printf("mode       %04o\nlinks      %u\n", stat->mode & 07777,
		stat->nlink);
	printf("owner      %u %s\ngroup      %u %s\n", stat->uid, stat->owner,
		stat->gid, stat->group);
	if (stat->has_inode) {
		printf("inode      %llu\ndevice     %llu\n",
			(unsigned long long)stat->inode,
			(unsigned long long)stat->device);
	}
	if (S_ISCHR(stat->mode) || S_ISBLK(stat->mode)) {
		printf("number     %u:%u\n", stat->rdev_major,
			stat->rdev_minor);
	}
	printf("size       %llu\nallocation %llu\nattributes 0x%08x %s\n",
		(unsigned long long)stat->size,
		(unsigned long long)stat->allocated, stat->attributes,
		attributes);
	print_time("created    ", stat->btime);
	print_time("accessed   ", stat->atime);
	print_time("written    ", stat->mtime);
	print_time("changed    ", stat->ctime);
}

static int do_stat(struct context *c, char **words)
{
	struct smb3x_stat stat;
	int error = smb3x_stat(c->share, words[0], &stat);
	if (error < 0) {
		return command_failed("stat", words[0], error);
	}
	print_stat(c, words[0], &stat);
	return 0;
}

static int do_lstat(struct context *c, char **words)
{
	struct smb3x_stat stat;
	int error = smb3x_lstat(c->share, words[0], &stat);
	if (error < 0) {
		return command_failed("lstat", words[0], error);
	}
	print_stat(c, words[0], &stat);
	return 0;
}

/* A transfer between a file of the share and one of ours. */
struct transfer {
	const struct invocation *call;
	struct smb3x *share;
	unsigned int reconnects; /* that the user knows of */
	const char *verb, *name;
	FILE *local;
	uint64_t total; /* 0 = not known */
	bool show;
	time_t shown;
};

static void tell_reconnect(struct transfer *t, uint64_t done)
{
	unsigned int reconnects = smb3x_reconnects(t->share);
	if (reconnects != t->reconnects && !t->call->quiet) {
		fprintf(stderr,
			"%ssmb3x: %s: connection lost, reconnected; going on "
			"at %llu MiB\n",
			t->show ? "\n" : "", t->name,
			(unsigned long long)(done >> 20));
	}
	t->reconnects = reconnects;
}

static void show_progress(void *ctx, uint64_t done)
{
	struct transfer *t = ctx;
	time_t now = time(NULL);
	tell_reconnect(t, done);
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
	return error == 0 && failed ? share_complain(-EIO, 0, "cannot write")
				    : error;
}

static int do_get(struct context *c, char **words)
{
	const char *path = words[0];
	const char *name = words[1] != NULL ? words[1] : last_component(path);
	bool standard = strcmp(name, "-") == 0;
	struct smb3x_file *file = NULL;
	struct smb3x_stat stat;
	int error = smb3x_open(c->share, path, O_RDONLY, 0, &file);
	if (error == 0) {
		error = smb3x_fstat(file, &stat);
	}
	if (error < 0) {
		command_failed("get", path, error);
		if (file != NULL) {
			smb3x_close(file);
		}
		return 1;
	}
	struct transfer t = {
		.call = c->call,
		.share = c->share,
		.verb = "get",
		.name = path,
		.local = standard ? stdout : fopen(name, "wb"),
		.total = stat.size,
		.show = !c->call->quiet && isatty(STDERR_FILENO),
	};
	if (t.local == NULL) {
		fprintf(stderr, "smb3x: %s: %s\n", name, strerror(errno));
		smb3x_close(file);
		return 1;
	}
	error = finish_local(&t, standard,
		share_get(file, stat.size, write_local, show_progress, &t));
	if (error < 0) {
		command_failed("get", path, error);
	}
	int closing = smb3x_close(file);
	return error < 0 || closing < 0 ? 1 : 0;
}

static int do_cat(struct context *c, char **words)
{
	char standard[] = "-";
	char *both[] = {words[0], standard, NULL};
	return do_get(c, both);
}

static uint64_t size_of(FILE *file)
{
	struct stat stat;
	return fstat(fileno(file), &stat) == 0 && S_ISREG(stat.st_mode)
		       ? (uint64_t)stat.st_size
		       : 0;
}

static int do_put(struct context *c, char **words)
{
	const char *name = words[0];
	const char *path = words[1];
	bool standard = strcmp(name, "-") == 0;
	struct transfer t = {
		.call = c->call,
		.share = c->share,
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
	struct smb3x_file *file = NULL;
	int error = smb3x_open(c->share, path, O_WRONLY | O_CREAT | O_TRUNC,
		creation_mode(0666), &file);
	if (error == 0) {
		error = share_put(file, read_local, show_progress, &t);
	}
	error = finish_local(&t, standard, error);
	if (error < 0) {
		command_failed("put", path, error);
	}
	int closing = file == NULL ? 0 : smb3x_close(file);
	return error < 0 || closing < 0 ? 1 : 0;
}

static int do_mkdir(struct context *c, char **words)
{
	int error = smb3x_mkdir(c->share, words[0], creation_mode(0777));
	return error < 0 ? command_failed("mkdir", words[0], error) : 0;
}

static int do_rm(struct context *c, char **words)
{
	int error = smb3x_unlink(c->share, words[0]);
	return error < 0 ? command_failed("rm", words[0], error) : 0;
}

static int do_rmdir(struct context *c, char **words)
{
	int error = smb3x_rmdir(c->share, words[0]);
	return error < 0 ? command_failed("rmdir", words[0], error) : 0;
}

/* Never over something that is there; rename is the one that replaces. */
static int do_mv(struct context *c, char **words)
{
	int error = smb3x_rename(c->share, words[0], words[1], false);
	return error < 0 ? command_failed("mv", words[0], error) : 0;
}

static int do_rename(struct context *c, char **words)
{
	int error = smb3x_rename(c->share, words[0], words[1], true);
	return error < 0 ? command_failed("rename", words[0], error) : 0;
}

const struct command command_files[] = {
	{"ls", 1, 1, 0, do_ls},
	{"stat", 1, 1, 0, do_stat},
	{"lstat", 1, 1, 0, do_lstat},
	{"get", 1, 2, 0, do_get},
	{"cat", 1, 1, 0, do_cat},
	{"put", 2, 2, 1, do_put},
	{"mkdir", 1, 1, 0, do_mkdir},
	{"rm", 1, 1, 0, do_rm},
	{"rmdir", 1, 1, 0, do_rmdir},
	{"mv", 2, 2, 0, do_mv},
	{"rename", 2, 2, 0, do_rename},
	{NULL, 0, 0, 0, NULL},
};
