/* SPDX-License-Identifier: MIT */
/*
 * What smb3xd is told: on the command line and in its configuration file,
 * which use the same names. smb3xd.adoc describes them all.
 */
#ifndef SMB3X_SERVER_CONFIG_H
#define SMB3X_SERVER_CONFIG_H

#include <stdio.h>

#include "auth/gss.h"
#include "engine/engine.h"
#include "loop/loop.h"
#include "transport/quic.h"

#define CONFIG_LISTEN_MAX 16
#define CONFIG_SHARES_MAX 64
#define CONFIG_USERS_MAX 1024
#define CONFIG_BREAKS_MAX 64
#define CONFIG_ACCESS_MAX 64

struct config_share {
	struct engine_share engine; /* name and policies; files is set later */
	char *path;                 /* "memory:" for one without a disk */
};

struct config_access {
	char *entries[CONFIG_ACCESS_MAX];
	unsigned int count;
};

/* Whether QUIC sockets of the kernel are used. */
enum config_quic_kernel {
	CONFIG_KERNEL_AUTO, /* where there are some */
	CONFIG_KERNEL_NEVER,
	CONFIG_KERNEL_ALWAYS,
};

/* SMB over QUIC; without a certificate one is made. */
struct config_quic {
	char *certificates[QUIC_CERTIFICATES], *keys[QUIC_CERTIFICATES];
	unsigned int certificate_count;
	char *ca;
	bool require_client, skip_access, no_offload;
	struct config_access allow, deny;
	enum quic_retry retry;
	enum config_quic_kernel kernel;
	uint64_t idle_ns, handshake_ns; /* 0: the usual ones */
};

struct config {
	char *listen[CONFIG_LISTEN_MAX];
	unsigned int listen_count;
	struct config_share shares[CONFIG_SHARES_MAX];
	unsigned int share_count;
	struct gss_user users[CONFIG_USERS_MAX]; /* both strings are ours */
	unsigned int user_count;
	char *keytab, *unix_user;
	bool anonymous;
	struct engine_config engine; /* without shares and interfaces */
	uint64_t stall_ns;           /* without progress on a connection */
	struct config_quic quic;
	enum log_level log;
	enum loop_backend backend;
	unsigned int threads;
	char *breaks[CONFIG_BREAKS_MAX]; /* rules, in the faulty build */
	unsigned int break_count;
	bool help, version;
};

/*
 * Defaults, then the file named by --config, then the other arguments. On
 * failure a line about it is in ret_error and the result is negative errno;
 * ret_config is then empty.
 */
int config_load(int argc, char *const argv[], struct config *ret_config,
	char ret_error[256]);
void config_finish(struct config *config);

/* Prints what --help says. */
void config_help(FILE *out);

/* Inside the server: one setting, by the name it has in the file. Returns 0
 * or negative errno; *ret_why says what is wrong. */
int config_set(struct config *config, const char *name, const char *value,
	const char **ret_why);
/* NAME=PATH[,OPTION...] */
int config_add_share(
	struct config *config, const char *text, const char **ret_why);
/* One option of a share: "encrypt=required", "ro", "guest" ... */
int config_set_share(
	struct config_share *share, const char *text, const char **ret_why);
/* NAME:PASSWORD; replaces a user of the same name. */
int config_add_user(
	struct config *config, const char *text, const char **ret_why);
int config_read_file(
	struct config *config, const char *path, char ret_error[256]);

/* What settings are made of. The number of a word, or -1; the table ends with
 * a text of NULL. */
struct config_word {
	const char *text;
	unsigned int value;
};
int config_word(const struct config_word *words, const char *text);
/* What follows a prefix; NULL: the text does not begin with it. */
const char *config_after(const char *text, const char *prefix);
int config_bool(bool *flag, const char *value, const char **ret_why);
/* A copy of the value takes the place of what was there. */
int config_text(char **text, const char *value);

/* 1 to max seconds. */
int config_seconds(
	uint64_t *ns, const char *value, uint32_t max, const char **ret_why);

/* settings_quic.c */
int config_quic_certificate(
	struct config *config, const char *value, const char **ret_why);
int config_quic_key(
	struct config *config, const char *value, const char **ret_why);
int config_quic_ca(
	struct config *config, const char *value, const char **ret_why);
int config_quic_client_certificate(
	struct config *config, const char *value, const char **ret_why);
int config_quic_allow(
	struct config *config, const char *value, const char **ret_why);
int config_quic_deny(
	struct config *config, const char *value, const char **ret_why);
int config_quic_retry(
	struct config *config, const char *value, const char **ret_why);
int config_quic_idle(
	struct config *config, const char *value, const char **ret_why);
int config_quic_handshake(
	struct config *config, const char *value, const char **ret_why);
int config_quic_offload(
	struct config *config, const char *value, const char **ret_why);
int config_quic_kernel(
	struct config *config, const char *value, const char **ret_why);
void config_quic_finish(struct config *config);

/* What may be set, for --help and the parser of the command line. */
struct config_option {
	const char *name, *argument, *help;
	int (*set)(
		struct config *config, const char *value, const char **ret_why);
};
extern const struct config_option config_options[];
extern const unsigned int config_option_count;

#endif
