/* SPDX-License-Identifier: MIT */
/* Command line and configuration file of smb3xd; see config.h. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"

#define OPTION_CONFIG 1000

static void defaults(struct config *config)
{
	struct engine_config *engine = &config->engine;

	memset(config, 0, sizeof(*config));
	config->anonymous = true;
	config->log = LOG_INFO;
	config->threads = 4;
	engine->min_dialect = 0x0202;
	engine->max_dialect = 0x0311;
	engine->sign = POLICY_OFFERED;
	engine->encrypt = POLICY_OFFERED;
	engine->ciphers[0] = 2;
	engine->ciphers[1] = 1;
	engine->ciphers[2] = 4;
	engine->ciphers[3] = 3;
	engine->signings[0] = 2;
	engine->signings[1] = 1;
	engine->max_transact = 1048576;
	engine->max_read = 8388608;
	engine->max_write = 8388608;
	engine->max_credits = 8192;
	engine->max_connections = 1000;
	engine->max_sessions = 2000;
	engine->max_opens = 100000;
	engine->idle_session_ns = 900ull * 1000000000;
	config->stall_ns = 60ull * 1000000000;
}

void config_finish(struct config *config)
{
	for (unsigned int i = 0; i < config->listen_count; i++) {
		free(config->listen[i]);
	}
	for (unsigned int i = 0; i < config->share_count; i++) {
		free(config->shares[i].path);
	}
	for (unsigned int i = 0; i < config->user_count; i++) {
		free((void *)config->users[i].name);
		free((void *)config->users[i].password);
	}
	for (unsigned int i = 0; i < config->break_count; i++) {
		free(config->breaks[i]);
	}
	config_quic_finish(config);
	free(config->keytab);
	free(config->unix_user);
	memset(config, 0, sizeof(*config));
}

int config_set(struct config *config, const char *name, const char *value,
	const char **ret_why)
{
	for (unsigned int i = 0; i < config_option_count; i++) {
		if (strcmp(config_options[i].name, name) == 0) {
			return config_options[i].set(config, value, ret_why);
		}
	}
	*ret_why = "unknown setting";
	return -EINVAL;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]) != NULL) {
		*--end = '\0';
	}
	return text;
}

/* Where the lines that follow belong. */
enum section { SECTION_SERVER, SECTION_USERS, SECTION_SHARE };

struct reader {
	struct config *config;
	enum section section;
	char share[81];
	const char *why;
};

/* "[server]", "[users]", "[share NAME]" */
static int read_section(struct reader *reader, char *line)
{
	char *end = strchr(line, ']');
	char text[128];

	if (end == NULL || end[1] != '\0') {
		reader->why = "] is missing";
		return -EINVAL;
	}
	*end = '\0';
	line = trim(line + 1);
	if (strcmp(line, "server") == 0) {
		reader->section = SECTION_SERVER;
	} else if (strcmp(line, "users") == 0) {
		reader->section = SECTION_USERS;
	} else if (strncmp(line, "share ", 6) == 0 &&
		   strlen(trim(line + 6)) < sizeof(reader->share)) {
		reader->section = SECTION_SHARE;
		snprintf(reader->share, sizeof(reader->share), "%s",
			trim(line + 6));
		snprintf(text, sizeof(text), "%s=", reader->share);
		return config_add_share(reader->config, text, &reader->why);
	} else {
		reader->why = "unknown section";
		return -EINVAL;
	}
	return 0;
}

static int read_setting(struct reader *reader, char *name, char *value)
{
	char text[1200];

	switch (reader->section) {
	case SECTION_USERS:
		snprintf(text, sizeof(text), "%s:%s", name, value);
		return config_add_user(reader->config, text, &reader->why);
	case SECTION_SHARE:
		snprintf(text, sizeof(text), "%s=%s", name, value);
		return config_set_share(
			&reader->config
				 ->shares[reader->config->share_count - 1],
			text, &reader->why);
	default:
		return config_set(reader->config, name, value, &reader->why);
	}
}

static int read_line(struct reader *reader, char *line)
{
	char *equals;

	line = trim(line);
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
		return 0;
	}
	if (line[0] == '[') {
		return read_section(reader, line);
	}
	equals = strchr(line, '=');
	if (equals == NULL) {
		reader->why = "NAME = VALUE is expected";
		return -EINVAL;
	}
	*equals = '\0';
	return read_setting(reader, trim(line), trim(equals + 1));
}

int config_read_file(
	struct config *config, const char *path, char ret_error[256])
{
	struct reader reader = {.config = config};
	FILE *file = fopen(path, "re");
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (file == NULL) {
		snprintf(ret_error, 256, "%s: %s", path, strerror(errno));
		return -errno;
	}
	while (r == 0 && getline(&line, &size, file) >= 0) {
		number++;
		r = read_line(&reader, line);
	}
	if (r < 0) {
		snprintf(ret_error, 256, "%s:%u: %s", path, number,
			reader.why != NULL ? reader.why : strerror(-r));
	}
	free(line);
	fclose(file);
	return r;
}

/* The table as getopt_long() wants it; freed by the caller. */
static struct option *long_options(void)
{
	struct option *options =
		calloc(config_option_count + 2, sizeof(*options));

	if (options == NULL) {
		return NULL;
	}
	for (unsigned int i = 0; i < config_option_count; i++) {
		options[i].name = config_options[i].name;
		options[i].has_arg = config_options[i].argument != NULL;
		options[i].val = (int)i;
	}
	options[config_option_count] =
		(struct option){"config", 1, NULL, OPTION_CONFIG};
	return options;
}

/* One walk over the arguments: for --config only, or for all others. */
static int walk(struct config *config, int argc, char *const argv[],
	const struct option *options, bool files, char ret_error[256])
{
	const char *why;
	int c, r = 0;

	optind = 0;
	opterr = 0;
	while (r == 0 &&
		(c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		why = NULL;
		if (c == '?' || c == ':') {
			snprintf(ret_error, 256,
				"%s: unknown, or its value is missing",
				argv[optind - 1]);
			r = -EINVAL;
		} else if (c == OPTION_CONFIG && files) {
			r = config_read_file(config, optarg, ret_error);
		} else if (c != OPTION_CONFIG && !files) {
			r = config_options[c].set(
				config, optarg != NULL ? optarg : "yes", &why);
			if (r < 0) {
				snprintf(ret_error, 256, "--%s %s: %s",
					config_options[c].name,
					optarg != NULL ? optarg : "",
					why != NULL ? why : strerror(-r));
			}
		}
	}
	if (r == 0 && optind < argc) {
		snprintf(ret_error, 256, "%s: no option", argv[optind]);
		r = -EINVAL;
	}
	return r;
}

/* What only makes sense, or not, together. */
static int judge(const struct config *config, char ret_error[256])
{
	if (config->help || config->version) {
		return 0;
	}
	if (config->engine.min_dialect > config->engine.max_dialect) {
		snprintf(ret_error, 256, "min-dialect is above max-dialect");
		return -EINVAL;
	}
	for (unsigned int i = 0; i < config->share_count; i++) {
		if (config->shares[i].path == NULL ||
			config->shares[i].path[0] == '\0') {
			snprintf(ret_error, 256, "share %s has no path",
				config->shares[i].engine.name);
			return -EINVAL;
		}
	}
	if (config->listen_count == 0) {
		snprintf(ret_error, 256, "nowhere to listen: give --listen");
		return -EINVAL;
	}
	return 0;
}

int config_load(int argc, char *const argv[], struct config *ret_config,
	char ret_error[256])
{
	struct option *options = long_options();
	int r;

	defaults(ret_config);
	if (options == NULL) {
		snprintf(ret_error, 256, "no memory");
		return -ENOMEM;
	}
	r = walk(ret_config, argc, argv, options, true, ret_error);
	if (r == 0) {
		r = walk(ret_config, argc, argv, options, false, ret_error);
	}
	if (r == 0) {
		r = judge(ret_config, ret_error);
	}
	free(options);
	if (r < 0) {
		config_finish(ret_config);
	}
	return r;
}

void config_help(FILE *out)
{
	char left[40];

	fprintf(out, "smb3xd: SMB 2 and 3 server of the smb3x project\n\n"
		     "usage: smb3xd --listen ADDR:PORT --share NAME=PATH "
		     "--user NAME:PASSWORD [OPTION...]\n\n");
	fprintf(out, "  --%-28s %s\n", "config FILE",
		"settings from a file, under the same names");
	for (unsigned int i = 0; i < config_option_count; i++) {
		snprintf(left, sizeof(left), "%s %s", config_options[i].name,
			config_options[i].argument != NULL
				? config_options[i].argument
				: "");
		fprintf(out, "  --%-28s %s\n", left, config_options[i].help);
	}
	fprintf(out, "\nSIGHUP reads the configuration anew; SIGTERM lets "
		     "running requests end (10 s).\n"
		     "Exit: 0 ended as asked, 1 failure, 2 bad "
		     "configuration, 3 cut off while ending.\n");
}
