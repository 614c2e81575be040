/* SPDX-License-Identifier: MIT */
/* Every setting of smb3xd: its name, its help, what its values mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config.h"

int config_word(const struct config_word *words, const char *text)
{
	for (; words->text != NULL; words++) {
		if (strcasecmp(words->text, text) == 0) {
			return (int)words->value;
		}
	}
	return -1;
}

static const struct config_word policies[] = {{"off", POLICY_OFF},
	{"offered", POLICY_OFFERED}, {"required", POLICY_REQUIRED}, {NULL, 0}};
static const struct config_word booleans[] = {
	{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {NULL, 0}};
static const struct config_word likes[] = {{"document", POSIX_LIKE_DOCUMENT},
	{"samba", POSIX_LIKE_SAMBA}, {"ksmbd", POSIX_LIKE_KSMBD}, {NULL, 0}};
static const struct config_word levels[] = {{"error", LOG_ERROR},
	{"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG},
	{NULL, 0}};
static const struct config_word backends[] = {{"auto", LOOP_AUTO},
	{"io_uring", LOOP_URING}, {"epoll", LOOP_EPOLL}, {NULL, 0}};
static const struct config_word dialects[] = {{"2.0.2", 0x0202},
	{"2.1", 0x0210}, {"3.0", 0x0300}, {"3.0.2", 0x0302}, {"3.1.1", 0x0311},
	{NULL, 0}};
static const struct config_word ciphers[] = {{"AES-128-CCM", 1},
	{"AES-128-GCM", 2}, {"AES-256-CCM", 3}, {"AES-256-GCM", 4}, {NULL, 0}};
static const struct config_word signings[] = {
	{"HMAC-SHA256", 0}, {"AES-CMAC", 1}, {"AES-GMAC", 2}, {NULL, 0}};

const char *config_after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

int config_bool(bool *flag, const char *value, const char **ret_why)
{
	int n = config_word(booleans, value);

	if (n < 0) {
		*ret_why = "yes or no is expected";
		return -EINVAL;
	}
	*flag = n;
	return 0;
}

static int set_policy(
	enum engine_policy *policy, const char *value, const char **ret_why)
{
	int n = config_word(policies, value);

	if (n < 0) {
		*ret_why = "off, offered or required is expected";
		return -EINVAL;
	}
	*policy = (enum engine_policy)n;
	return 0;
}

static int set_number(uint32_t *number, const char *value, uint32_t min,
	uint32_t max, const char **ret_why)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
		n < min || n > max) {
		*ret_why = "the number is out of range";
		return -EINVAL;
	}
	*number = (uint32_t)n;
	return 0;
}

static int set_posix(
	enum engine_posix *posix, const char *value, const char **ret_why)
{
	bool on = false;
	int r = config_bool(&on, value, ret_why);

	*posix = on ? POSIX_ON : POSIX_OFF;
	return r;
}

static int set_like(
	enum engine_posix_like *like, const char *value, const char **ret_why)
{
	int n = config_word(likes, value);

	if (n < 0) {
		*ret_why = "document, samba or ksmbd is expected";
		return -EINVAL;
	}
	*like = (enum engine_posix_like)n;
	return 0;
}

/* Permission bits in octal. */
static int set_mode(uint32_t *mode, const char *value, const char **ret_why)
{
	char *end;
	unsigned long n = strtoul(value, &end, 8);

	if (value[0] < '0' || value[0] > '7' || *end != '\0' || n > 07777) {
		*ret_why = "an octal number up to 7777 is expected";
		return -EINVAL;
	}
	*mode = (uint32_t)n;
	return 0;
}

int config_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL) {
		return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

/* Words with commas between; ids of the algorithms in order, 0 ends. */
static int set_list(uint16_t *ids, unsigned int max,
	const struct config_word *words, const char *value,
	const char **ret_why)
{
	char copy[128], *rest = copy, *word;
	uint16_t found[4] = {0};
	unsigned int count = 0;
	int n;

	if (strlen(value) >= sizeof(copy)) {
		*ret_why = "too long";
		return -EINVAL;
	}
	memcpy(copy, value, strlen(value) + 1);
	while ((word = strsep(&rest, ",")) != NULL) {
		n = config_word(words, word);
		if (n < 0 || count == max) {
			*ret_why = "an unknown or surplus algorithm";
			return -EINVAL;
		}
		found[count++] = (uint16_t)n;
	}
	memcpy(ids, found, max * sizeof(*ids));
	return 0;
}

static int add_listen(
	struct config *config, const char *value, const char **ret_why)
{
	if (config->listen_count == CONFIG_LISTEN_MAX) {
		*ret_why = "too many addresses";
		return -E2BIG;
	}
	config->listen[config->listen_count] = NULL;
	return config_text(&config->listen[config->listen_count++], value);
}

static struct config_share *find_share(struct config *config, const char *name)
{
	for (unsigned int i = 0; i < config->share_count; i++) {
		if (strcasecmp(config->shares[i].engine.name, name) == 0) {
			return &config->shares[i];
		}
	}
	return NULL;
}

int config_set_share(
	struct config_share *share, const char *text, const char **ret_why)
{
	const char *value;

	if (strcmp(text, "encrypt") == 0) {
		share->engine.encrypt = POLICY_REQUIRED;
	} else if ((value = config_after(text, "encrypt=")) != NULL) {
		return set_policy(&share->engine.encrypt, value, ret_why);
	} else if (strcmp(text, "ro") == 0) {
		share->engine.read_only = true;
	} else if ((value = config_after(text, "ro=")) != NULL) {
		return config_bool(&share->engine.read_only, value, ret_why);
	} else if (strcmp(text, "guest") == 0) {
		share->engine.guest_ok = true;
	} else if ((value = config_after(text, "guest=")) != NULL) {
		return config_bool(&share->engine.guest_ok, value, ret_why);
	} else if ((value = config_after(text, "path=")) != NULL) {
		return config_text(&share->path, value);
	} else if ((value = config_after(text, "posix=")) != NULL) {
		return set_posix(&share->engine.posix, value, ret_why);
	} else if ((value = config_after(text, "posix-like=")) != NULL) {
		return set_like(&share->engine.posix_like, value, ret_why);
	} else if ((value = config_after(text, "create-mask=")) != NULL) {
		return set_mode(&share->engine.create_mask, value, ret_why);
	} else if ((value = config_after(text, "directory-mask=")) != NULL) {
		return set_mode(&share->engine.directory_mask, value, ret_why);
	} else if ((value = config_after(text, "force-create-mode=")) != NULL) {
		return set_mode(
			&share->engine.force_create_mode, value, ret_why);
	} else if ((value = config_after(text, "force-directory-mode=")) !=
		   NULL) {
		return set_mode(
			&share->engine.force_directory_mode, value, ret_why);
	} else {
		*ret_why = "unknown option of a share";
		return -EINVAL;
	}
	return 0;
}

/* The share of that name, a new one if there is none. */
static int want_share(struct config *config, const char *name,
	struct config_share **ret_share, const char **ret_why)
{
	struct config_share *share = find_share(config, name);

	if (name[0] == '\0' || strlen(name) >= sizeof(share->engine.name) ||
		strpbrk(name, "\\/:*?\"<>|") != NULL ||
		strcasecmp(name, "IPC$") == 0) {
		*ret_why = "the name of a share is not usable";
		return -EINVAL;
	}
	if (share == NULL && config->share_count == CONFIG_SHARES_MAX) {
		*ret_why = "too many shares";
		return -E2BIG;
	}
	if (share == NULL) {
		share = &config->shares[config->share_count++];
		memset(share, 0, sizeof(*share));
		memcpy(share->engine.name, name, strlen(name) + 1);
		share->engine.encrypt = POLICY_OFFERED;
		share->engine.posix = POSIX_ON;
		share->engine.create_mask = 07777;
		share->engine.directory_mask = 07777;
	}
	*ret_share = share;
	return 0;
}

int config_add_share(
	struct config *config, const char *text, const char **ret_why)
{
	struct config_share *share;
	char *copy, *rest, *word;
	int r;

	copy = strdup(text);
	if (copy == NULL) {
		return -ENOMEM;
	}
	rest = strchr(copy, '=');
	if (rest == NULL) {
		*ret_why = "NAME=PATH is expected";
		free(copy);
		return -EINVAL;
	}
	*rest++ = '\0';
	r = want_share(config, copy, &share, ret_why);
	word = strsep(&rest, ",");
	if (r == 0) {
		r = config_text(&share->path, word);
	}
	while (r == 0 && (word = strsep(&rest, ",")) != NULL) {
		r = config_set_share(share, word, ret_why);
	}
	free(copy);
	return r;
}

int config_add_user(
	struct config *config, const char *text, const char **ret_why)
{
	const char *colon = strchr(text, ':');
	struct gss_user *user = NULL;
	char *name, *password;

	if (colon == NULL || colon == text) {
		*ret_why = "NAME:PASSWORD is expected";
		return -EINVAL;
	}
	name = strndup(text, (size_t)(colon - text));
	password = strdup(colon + 1);
	for (unsigned int i = 0; i < config->user_count && name != NULL; i++) {
		if (strcasecmp(config->users[i].name, name) == 0) {
			user = &config->users[i];
		}
	}
	if (user == NULL && config->user_count < CONFIG_USERS_MAX) {
		user = &config->users[config->user_count];
		*user = (struct gss_user){NULL, NULL};
		config->user_count += name != NULL && password != NULL;
	}
	if (name == NULL || password == NULL || user == NULL) {
		*ret_why = "too many users";
		free(name);
		free(password);
		return -E2BIG;
	}
	free((void *)user->name);
	free((void *)user->password);
	*user = (struct gss_user){name, password};
	return 0;
}

static int add_users_file(
	struct config *config, const char *path, const char **ret_why)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (file == NULL) {
		*ret_why = "the file cannot be read";
		return -errno;
	}
	while (r == 0 && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#') {
			r = config_add_user(config, line, ret_why);
		}
	}
	if (line != NULL) {
		explicit_bzero(line, size);
	}
	free(line);
	fclose(file);
	return r;
}

static int set_sign(
	struct config *config, const char *value, const char **ret_why)
{
	if (strcmp(value, "off") == 0) {
		*ret_why = "offered or required is expected";
		return -EINVAL;
	}
	return set_policy(&config->engine.sign, value, ret_why);
}

static int set_encrypt(
	struct config *config, const char *value, const char **ret_why)
{
	return set_policy(&config->engine.encrypt, value, ret_why);
}

static int set_encrypt_over_quic(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->engine.encrypt_over_quic, value, ret_why);
}

static int set_quic_pipes(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->engine.pipes_over_quic, value, ret_why);
}

static int set_dialect(
	uint16_t *dialect, const char *value, const char **ret_why)
{
	int n = config_word(dialects, value);

	if (n < 0) {
		*ret_why = "2.0.2, 2.1, 3.0, 3.0.2 or 3.1.1 is expected";
		return -EINVAL;
	}
	*dialect = (uint16_t)n;
	return 0;
}

static int set_min_dialect(
	struct config *config, const char *value, const char **ret_why)
{
	return set_dialect(&config->engine.min_dialect, value, ret_why);
}

static int set_max_dialect(
	struct config *config, const char *value, const char **ret_why)
{
	return set_dialect(&config->engine.max_dialect, value, ret_why);
}

static int set_ciphers(
	struct config *config, const char *value, const char **ret_why)
{
	return set_list(config->engine.ciphers, 4, ciphers, value, ret_why);
}

/* HMAC-SHA256 is 0 and so ends the list, as engine.h has it. */
static int set_signings(
	struct config *config, const char *value, const char **ret_why)
{
	return set_list(config->engine.signings, 3, signings, value, ret_why);
}

static int set_guest(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->engine.guest, value, ret_why);
}

static int set_anonymous(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->anonymous, value, ret_why);
}

static int set_keytab(
	struct config *config, const char *value, const char **ret_why)
{
	(void)ret_why;
	return config_text(&config->keytab, value);
}

static int set_unix_user(
	struct config *config, const char *value, const char **ret_why)
{
	(void)ret_why;
	return config_text(&config->unix_user, value);
}

static int set_log(
	struct config *config, const char *value, const char **ret_why)
{
	int n = config_word(levels, value);

	if (n < 0) {
		*ret_why = "error, warn, info or debug is expected";
		return -EINVAL;
	}
	config->log = (enum log_level)n;
	return 0;
}

static int set_backend(
	struct config *config, const char *value, const char **ret_why)
{
	int n = config_word(backends, value);

	if (n < 0) {
		*ret_why = "auto, io_uring or epoll is expected";
		return -EINVAL;
	}
	config->backend = (enum loop_backend)n;
	return 0;
}

static int set_threads(
	struct config *config, const char *value, const char **ret_why)
{
	return set_number(&config->threads, value, 1, 64, ret_why);
}

static int set_max_connections(
	struct config *config, const char *value, const char **ret_why)
{
	return set_number(
		&config->engine.max_connections, value, 1, 100000, ret_why);
}

static int set_max_sessions(
	struct config *config, const char *value, const char **ret_why)
{
	return set_number(
		&config->engine.max_sessions, value, 1, 1000000, ret_why);
}

static int set_max_opens(
	struct config *config, const char *value, const char **ret_why)
{
	return set_number(
		&config->engine.max_opens, value, 1, 10000000, ret_why);
}

static int set_max_credits(
	struct config *config, const char *value, const char **ret_why)
{
	uint32_t n = 0;
	int r = set_number(&n, value, 1, 8192, ret_why);

	if (r == 0) {
		config->engine.max_credits = (uint16_t)n;
	}
	return r;
}

static int set_max_io(
	struct config *config, const char *value, const char **ret_why)
{
	uint32_t n = 0;
	int r = set_number(&n, value, 65536, 8388608, ret_why);

	if (r == 0) {
		config->engine.max_transact = n;
		config->engine.max_read = n;
		config->engine.max_write = n;
	}
	return r;
}

/* A time that the user gives in seconds. */
int config_seconds(
	uint64_t *ns, const char *value, uint32_t max, const char **ret_why)
{
	uint32_t seconds = 0;
	int r = set_number(&seconds, value, 1, max, ret_why);

	if (r == 0) {
		*ns = seconds * 1000000000ull;
	}
	return r;
}

static int set_lease_break(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(
		&config->engine.lease_break_ns, value, 3600, ret_why);
}

static int set_durable(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(
		&config->engine.durable_max_ns, value, 3600, ret_why);
}

static int set_idle(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(
		&config->engine.idle_session_ns, value, 31536000, ret_why);
}

static int set_stall(
	struct config *config, const char *value, const char **ret_why)
{
	return config_seconds(&config->stall_ns, value, 3600, ret_why);
}

static int set_help(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->help, value, ret_why);
}

static int set_version(
	struct config *config, const char *value, const char **ret_why)
{
	return config_bool(&config->version, value, ret_why);
}

#ifdef SMB3X_FAULTY
static int add_break(
	struct config *config, const char *value, const char **ret_why)
{
	if (config->break_count == CONFIG_BREAKS_MAX) {
		*ret_why = "too many rules";
		return -E2BIG;
	}
	config->breaks[config->break_count] = NULL;
	return config_text(&config->breaks[config->break_count++], value);
}
#endif

const struct config_option config_options[] = {
	{"listen", "ADDR:PORT",
		"where to listen: 0.0.0.0:445, [::1]:0, "
		"quic:0.0.0.0:443 ...; repeatable",
		add_listen},
	{"share", "NAME=PATH[,OPTION]",
		"a share; options: ro, guest, "
		"encrypt=off|offered|required, posix=yes|no, "
		"create-mask=MODE, directory-mask=MODE ...; repeatable",
		config_add_share},
	{"user", "NAME:PASSWORD", "a user; repeatable", config_add_user},
	{"users-file", "FILE", "a file of NAME:PASSWORD lines", add_users_file},
	{"sign", "WHEN", "offered or required", set_sign},
	{"encrypt", "WHEN", "off, offered or required", set_encrypt},
	{"encrypt-over-quic", "yes|no",
		"SMB2 encryption inside of QUIC, whatever the client offers",
		set_encrypt_over_quic},
	{"quic-pipes", "yes|no", "named pipes over QUIC", set_quic_pipes},
	{"min-dialect", "D", "2.0.2, 2.1, 3.0, 3.0.2 or 3.1.1",
		set_min_dialect},
	{"max-dialect", "D", "likewise", set_max_dialect},
	{"ciphers", "LIST",
		"AES-128-GCM,AES-128-CCM,AES-256-GCM,AES-256-CCM "
		"or fewer, best first",
		set_ciphers},
	{"signings", "LIST",
		"AES-GMAC,AES-CMAC,HMAC-SHA256 or fewer, best "
		"first",
		set_signings},
	{"guest", "yes|no", "unknown users enter as guests", set_guest},
	{"anonymous", "yes|no", "users without a name may enter",
		set_anonymous},
	{"keytab", "FILE", "Kerberos keys of cifs/HOST", set_keytab},
	{"unix-user", "NAME", "acts for users without a Unix account",
		set_unix_user},
	{"log", "LEVEL", "error, warn, info or debug", set_log},
	{"backend", "NAME", "auto, io_uring or epoll", set_backend},
	{"threads", "N", "threads for file operations", set_threads},
	{"max-connections", "N", "of the whole server", set_max_connections},
	{"max-sessions", "N", "likewise", set_max_sessions},
	{"max-opens", "N", "likewise", set_max_opens},
	{"max-credits", "N", "of one connection", set_max_credits},
	{"max-io", "BYTES", "in one read, write or query, 65536 to 8388608",
		set_max_io},
	{"idle", "SECONDS", "after which a session without opens ends",
		set_idle},
	{"lease-break-timeout", "SECONDS",
		"that a client has to acknowledge a break (35)",
		set_lease_break},
	{"durable-timeout-max", "SECONDS",
		"that a durable open is kept without a connection (300)",
		set_durable},
	{"stall", "SECONDS",
		"after which a connection that takes or completes nothing "
		"ends",
		set_stall},
	{"quic-certificate", "FILE",
		"PEM, for SMB over QUIC; repeatable; without it one is "
		"made",
		config_quic_certificate},
	{"quic-key", "FILE", "PEM; without it, in the certificate's file",
		config_quic_key},
	{"quic-ca", "FILE", "PEM: who signs the certificates of clients",
		config_quic_ca},
	{"quic-client-certificate", "WHO",
		"off, any (valid one) or listed (in the lists below)",
		config_quic_client_certificate},
	{"quic-allow", "ENTRY",
		"sha256:HEX or issuer:NAME of a client's certificate; "
		"repeatable",
		config_quic_allow},
	{"quic-deny", "ENTRY", "likewise, and stronger; repeatable",
		config_quic_deny},
	{"quic-retry", "WHEN",
		"busy, always or never: clients prove their address first",
		config_quic_retry},
	{"quic-idle", "SECONDS",
		"of silence after which a connection over QUIC ends (60)",
		config_quic_idle},
	{"quic-handshake", "SECONDS",
		"after which an unfinished handshake is forgotten (10)",
		config_quic_handshake},
	{"quic-offload", "yes|no", "many packets in one call of the system",
		config_quic_offload},
	{"quic-kernel", "WHEN",
		"auto, never or always: QUIC sockets of the kernel",
		config_quic_kernel},
#ifdef SMB3X_FAULTY
	{"break", "RULE-ID", "do not keep this rule; repeatable", add_break},
#endif
	{"help", NULL, "this text", set_help},
	{"version", NULL, "the version", set_version},
};
const unsigned int config_option_count =
	sizeof(config_options) / sizeof(config_options[0]);
