/* SPDX-License-Identifier: MIT */
/* Users and their accounts; see users.h. NT hash: [MS-NLMP] 3.3.1. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nettle/md4.h>

#include "auth/users.h"

#define PASSWORD_MAX 256 /* characters */
#define ACCOUNT_BUFFER 16384

struct users {
	char **names;
	unsigned int count;
	int fd;
	char path[40];
	char *unix_user;
};

/* Names that would break the file's format are refused. */
static bool name_usable(const char *name)
{
	return name != NULL && name[0] != '\0' && name[0] != '#' &&
	       strlen(name) < sizeof(((struct auth_identity *)0)->user) &&
	       strpbrk(name, ":\\\r\n") == NULL;
}

static int nt_hash(const char *password, uint8_t ret_hash[MD4_DIGEST_SIZE])
{
	uint8_t wide[2 * PASSWORD_MAX];
	struct md4_ctx md4;
	int n = wire_utf8_to_utf16(password, wide, sizeof(wide));

	if (n < 0) {
		return -EINVAL;
	}
	md4_init(&md4);
	md4_update(&md4, (size_t)n, wide);
	md4_digest(&md4, MD4_DIGEST_SIZE, ret_hash);
	explicit_bzero(wide, sizeof(wide));
	explicit_bzero(&md4, sizeof(md4));
	return 0;
}

/* NAME:UID:LM HASH:NT HASH:FLAGS: as gss-ntlmssp takes it from Samba. */
static int write_user(FILE *file, const struct gss_user *user)
{
	uint8_t hash[MD4_DIGEST_SIZE];
	int r;

	if (!name_usable(user->name) || user->password == NULL) {
		return -EINVAL;
	}
	r = nt_hash(user->password, hash);
	if (r < 0) {
		return r;
	}
	fprintf(file, "%s:0:%032d:", user->name, 0);
	for (unsigned int i = 0; i < sizeof(hash); i++) {
		fprintf(file, "%02X", hash[i]);
	}
	fprintf(file, ":[U          ]:\n");
	explicit_bzero(hash, sizeof(hash));
	return 0;
}

static int write_file(struct users *users, const struct gss_config *config)
{
	FILE *file;
	int copy, r = 0;

	users->fd = memfd_create("smb3x-users", MFD_CLOEXEC);
	if (users->fd < 0) {
		return -errno;
	}
	snprintf(users->path, sizeof(users->path), "/proc/self/fd/%d",
		users->fd);
	copy = dup(users->fd);
	file = copy < 0 ? NULL : fdopen(copy, "w");
	if (file == NULL) {
		return -errno;
	}
	for (unsigned int i = 0; i < config->user_count && r == 0; i++) {
		r = write_user(file, &config->users[i]);
	}
	if (fclose(file) != 0 && r == 0) {
		r = -errno;
	}
	if (r == 0 && access(users->path, R_OK) < 0) {
		r = -errno;
	}
	return r;
}

static int copy_names(struct users *users, const struct gss_config *config)
{
	users->names = calloc(config->user_count + 1, sizeof(char *));
	if (users->names == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < config->user_count; i++) {
		users->names[i] = strdup(config->users[i].name);
		if (users->names[i] == NULL) {
			return -ENOMEM;
		}
		users->count++;
	}
	if (config->unix_user != NULL) {
		if (getpwnam(config->unix_user) == NULL) {
			return -ENOENT;
		}
		users->unix_user = strdup(config->unix_user);
		if (users->unix_user == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

int users_create(const struct gss_config *config, struct users **ret_users)
{
	struct users *users = calloc(1, sizeof(*users));
	int r;

	if (users == NULL) {
		return -ENOMEM;
	}
	users->fd = -1;
	r = write_file(users, config);
	if (r == 0) {
		r = copy_names(users, config);
	}
	if (r < 0) {
		users_destroy(users);
		return r;
	}
	*ret_users = users;
	return 0;
}

void users_destroy(struct users *users)
{
	if (users == NULL) {
		return;
	}
	for (unsigned int i = 0; i < users->count; i++) {
		free(users->names[i]);
	}
	free(users->names);
	free(users->unix_user);
	if (users->fd >= 0) {
		close(users->fd);
	}
	free(users);
}

const char *users_file(const struct users *users)
{
	return users->path;
}

const char *users_find(const struct users *users, const char *name)
{
	for (unsigned int i = 0; i < users->count; i++) {
		if (strcasecmp(users->names[i], name) == 0) {
			return users->names[i];
		}
	}
	return NULL;
}

static void map_self(struct auth_identity *identity)
{
	gid_t groups[32];
	int n = getgroups(32, groups);

	identity->uid = geteuid();
	identity->gid = getegid();
	identity->group_count = n > 0 ? (unsigned int)n : 0;
	for (unsigned int i = 0; i < identity->group_count; i++) {
		identity->groups[i] = groups[i];
	}
}

static bool map_account(const char *name, struct auth_identity *identity)
{
	char buffer[ACCOUNT_BUFFER];
	struct passwd account, *found = NULL;
	gid_t groups[32];
	int n = 32;

	if (name == NULL ||
		getpwnam_r(name, &account, buffer, sizeof(buffer), &found) !=
			0 ||
		found == NULL) {
		return false;
	}
	if (getgrouplist(name, account.pw_gid, groups, &n) < 0) {
		n = 32; /* of more groups the first ones count */
	}
	identity->uid = account.pw_uid;
	identity->gid = account.pw_gid;
	identity->group_count = (unsigned int)n;
	for (int i = 0; i < n; i++) {
		identity->groups[i] = groups[i];
	}
	return true;
}

void users_map(const struct users *users, struct auth_identity *identity)
{
	const char *name = identity->user;

	if (identity->guest || identity->anonymous) {
		name = "nobody";
	}
	if (geteuid() != 0 ||
		(!map_account(name, identity) &&
			!map_account(users->unix_user, identity))) {
		map_self(identity);
	}
}
