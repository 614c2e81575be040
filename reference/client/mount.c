/* SPDX-License-Identifier: MIT */
/* smb3x mount: options, the session with the kernel, the end. */
#include "client/mount.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/command.h"
#include "client/lane.h"

#define TIMEOUT_DEFAULT 1.0
#define CONNECTIONS_DEFAULT 8
#define WRITE_MAX (1u << 20)
#define THREADS_MAX 64
#define OPTIONS_ROOM 1024

/* What the words say. */
struct wishes {
	bool foreground, read_only, devices, suid, local_locks, no_cache;
	double timeout;
	unsigned int connections;
	const char *passed[8]; /* to libfuse as they are */
	unsigned int passed_count;
	bool force_uid, force_gid;
	uint32_t uid, gid;
};

static bool number_of(const char *text, uint64_t most, uint64_t *ret_number)
{
	char *end = NULL;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	*ret_number = n;
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' &&
	       n <= most;
}

/* NAME=VALUE: the value when the option is NAME. */
static const char *value_of(const char *option, const char *name)
{
	size_t n = strlen(name);
	return strncmp(option, name, n) == 0 && option[n] == '='
		       ? option + n + 1
		       : NULL;
}

static bool take_number(const char *option, struct wishes *w)
{
	uint64_t n = 0;
	const char *value = value_of(option, "uid");
	if (value != NULL) {
		w->force_uid = number_of(value, UINT32_MAX - 1, &n);
		w->uid = (uint32_t)n;
		return w->force_uid;
	}
	value = value_of(option, "gid");
	if (value != NULL) {
		w->force_gid = number_of(value, UINT32_MAX - 1, &n);
		w->gid = (uint32_t)n;
		return w->force_gid;
	}
	value = value_of(option, "connections");
	if (value != NULL) {
		w->connections = number_of(value, SHARE_LANES_MAX, &n)
					 ? (unsigned int)n
					 : 0;
		return w->connections > 0;
	}
	value = value_of(option, "attr_timeout");
	if (value != NULL) {
		char *end = NULL;
		w->timeout = strtod(value, &end);
		return end != value && *end == '\0' && w->timeout >= 0;
	}
	return false;
}

static bool take_word(const char *option, struct wishes *w)
{
	static const char *const passed[] = {"allow_other", "allow_root",
		"default_permissions", "auto_unmount", "noatime", "noexec"};
	const struct {
		const char *name;
		bool *flag;
		bool value;
	} flags[] = {{"ro", &w->read_only, true}, {"rw", &w->read_only, false},
		{"dev", &w->devices, true}, {"nodev", &w->devices, false},
		{"suid", &w->suid, true}, {"nosuid", &w->suid, false},
		{"locallocks", &w->local_locks, true},
		{"cache", &w->no_cache, false},
		{"nocache", &w->no_cache, true}};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(option, flags[i].name) == 0) {
			*flags[i].flag = flags[i].value;
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		if (strcmp(option, passed[i]) == 0 && w->passed_count < 8) {
			w->passed[w->passed_count++] = passed[i];
			return true;
		}
	}
	return false;
}

static bool take_options(char *list, struct wishes *w)
{
	char *rest = list;
	for (char *option = strsep(&rest, ","); option != NULL;
		option = strsep(&rest, ",")) {
		if (*option != '\0' && !take_word(option, w) &&
			!take_number(option, w)) {
			fprintf(stderr,
				"smb3x: mount: option %s is not understood; "
				"see smb3x-mount(1)\n",
				option);
			return false;
		}
	}
	return true;
}

static void take_session(void *userdata, struct fuse_conn_info *connection)
{
	(void)userdata;
	connection->max_write = WRITE_MAX;
}

/* Commas and backslashes would end an option. */
static void put_escaped(char *out, size_t room, const char *text)
{
	size_t used = strlen(out);
	for (; *text != '\0' && used + 3 < room; text++) {
		if (*text == ',' || *text == '\\') {
			out[used++] = '\\';
		}
		out[used++] = *text;
	}
	out[used] = '\0';
}

static void put_options(
	const struct wishes *w, const struct target *t, char *out, size_t room)
{
	snprintf(out, room, "-osubtype=smb3x,%s%s%sfsname=//",
		w->read_only ? "ro," : "", w->devices ? "dev," : "nodev,",
		w->suid ? "suid," : "nosuid,");
	put_escaped(out, room, t->host);
	put_escaped(out, room, "/");
	put_escaped(out, room, t->share);
	for (unsigned int i = 0; i < w->passed_count; i++) {
		size_t used = strlen(out);
		snprintf(out + used, room - used, ",%s", w->passed[i]);
	}
}

/* No thread outlives a fork(). */
static int daemonize(struct mount *m, bool foreground)
{
	watch_end(m->share);
	int result = fuse_daemonize(foreground);
	return result != 0 ? result : watch_begin(m->share);
}

static int serve(struct mount *m, struct fuse_session *session,
	const char *directory, const struct wishes *w)
{
	if (fuse_set_signal_handlers(session) != 0) {
		return 1;
	}
	if (fuse_session_mount(session, directory) != 0) {
		fprintf(stderr,
			"smb3x: mount %s: see the message above; /dev/fuse and "
			"fusermount3 (package fuse3) are needed\n",
			directory);
		fuse_remove_signal_handlers(session);
		return 1;
	}
	int result = daemonize(m, w->foreground);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (result == 0 && config != NULL) {
		fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
		fuse_loop_cfg_set_idle_threads(config, 10);
		result = fuse_session_loop_mt(session, config);
	}
	if (config != NULL) {
		fuse_loop_cfg_destroy(config);
	}
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	return result < 0 ? 1 : 0; /* a signal ends it as asked for */
}

static void init_locks(struct mount *m)
{
	pthread_rwlockattr_t attributes;
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(
		&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&m->paths, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->range_lock, NULL);
}

static int run_mount(
	struct mount *m, const struct wishes *w, const char *directory)
{
	struct fuse_lowlevel_ops ops = mount_path_ops;
	ops.init = take_session;
	mount_file_ops(&ops);
	mount_dir_ops(&ops);
	/* Without the extensions a range is released as it was locked or not
	 * at all: then this machine's kernel keeps the locks. */
	if (smb3x_has_posix(m->share) && !w->local_locks) {
		mount_lock_ops(&ops);
	}
	char program[] = "smb3x";
	char options[OPTIONS_ROOM];
	put_options(w, &m->share->target, options, sizeof(options));
	char *words[] = {program, options, NULL};
	struct fuse_args arguments = FUSE_ARGS_INIT(2, words);
	struct fuse_session *session =
		fuse_session_new(&arguments, &ops, sizeof(ops), m);
	int result = 1;
	if (session != NULL) {
		result = serve(m, session, directory, w);
		fuse_session_destroy(session);
	}
	fuse_opt_free_args(&arguments);
	return result;
}

static int mount_share(struct invocation *call, const char *url,
	const char *directory, struct wishes *w)
{
	struct mount *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return 1;
	}
	*m = (struct mount){
		.attr_timeout = w->timeout,
		.force_uid = w->force_uid,
		.force_gid = w->force_gid,
		.uid = w->uid,
		.gid = w->gid,
	};
	init_locks(m);
	call->options.password = getenv("SMB3X_PASSWORD");
	call->options.connections = w->connections;
	call->options.attr_ms =
		w->timeout == 0 ? 1 : (unsigned int)(w->timeout * 1000);
	if (w->no_cache) {
		call->options.cache = SMB3X_CACHE_OFF;
	}
	int error = share_connect(url, &call->dial, &call->options, &m->share);
	struct smb3x_stat stat;
	if (error == 0) {
		m->top = smb3x_url_path(m->share);
		error = smb3x_stat(m->share, m->top, &stat);
	}
	if (error == 0 && !S_ISDIR(stat.mode)) {
		error = share_complain(-ENOTDIR, 0, NULL);
	}
	int result = 1;
	if (error < 0) {
		command_failed("mount", directory, error);
	} else {
		m->root_device = stat.device;
		m->root.lookups = 1;
		m->root.type = S_IFDIR;
		result = run_mount(m, w, directory);
	}
	node_finish_all(m);
	smb3x_destroy(m->share);
	free(m);
	return result;
}

int mount_main(struct invocation *call, int argc, char **argv)
{
	struct wishes w = {
		.timeout = TIMEOUT_DEFAULT, .connections = CONNECTIONS_DEFAULT};
	optind = 0;
	int option = getopt(argc, argv, "fo:");
	while (option != -1) {
		if (option == 'f') {
			w.foreground = true;
		} else if (option != 'o' || !take_options(optarg, &w)) {
			return 2;
		}
		option = getopt(argc, argv, "fo:");
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: smb3x [options] mount [-f] "
				"[-o OPTION,...] URL DIRECTORY\n");
		return 2;
	}
	return mount_share(call, argv[optind], argv[optind + 1], &w);
}
