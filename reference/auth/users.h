/* SPDX-License-Identifier: MIT */
/*
 * The users that may log on by NTLM, and the Unix accounts that act for them.
 * Inside auth/ only.
 */
#ifndef SMB3X_AUTH_USERS_H
#define SMB3X_AUTH_USERS_H

#include "auth/gss.h"

struct users;

/* Errors as gss_auth_create(). */
int users_create(const struct gss_config *config, struct users **ret_users);
void users_destroy(struct users *users);

/* A file that gss-ntlmssp reads: names and NT hashes. It lives in memory and
 * is gone with the process. */
const char *users_file(const struct users *users);

/* The name as the configuration spells it, NULL when unknown. */
const char *users_find(const struct users *users, const char *name);

/* Whose rights this identity has: fills uid, gid and groups. */
void users_map(const struct users *users, struct auth_identity *identity);

#endif
