/* SPDX-License-Identifier: MIT */
/*
 * The port of ports/auth.h over GSS-API: NTLM through gss-ntlmssp with users
 * of our own, Kerberos through MIT krb5 with a keytab; SPNEGO around them, or
 * bare tokens. [MS-SMB2] 3.3.5.5.3, [MS-SPNG] 3.2.
 *
 * Asks nobody over the network. A process has at most one such port: parts of
 * its configuration reach the mechanisms through the environment. Names with
 * other letters than ASCII need a UTF-8 locale (LC_CTYPE) in the process.
 */
#ifndef SMB3X_AUTH_GSS_H
#define SMB3X_AUTH_GSS_H

#include "ports/auth.h"

struct gss_user {
	const char *name, *password; /* UTF-8 */
};

struct gss_config {
	const struct gss_user *users;
	unsigned int user_count;
	const char *keytab;    /* NULL: no Kerberos */
	const char *unix_user; /* acts for users without a Unix account; NULL:
				  the account that the server runs under */
	bool guest;            /* unknown users become guests */
	bool anonymous;        /* users without a name are let in */
};

/*
 * Returns 0, -ENOMEM, -EINVAL (a user's name or password that cannot be
 * used), -ENOENT (unix_user unknown), -ENOTSUP (gss-ntlmssp not installed),
 * -ENOKEY (keytab not usable). Copies what it needs of config.
 */
int gss_auth_create(const struct gss_config *config, struct auth_port **ret);

/* Other users from now on; exchanges under way are not disturbed. Keytab and
 * guests may change too. On error everything stays as it was. */
int gss_auth_reload(struct auth_port *port, const struct gss_config *config);

/* All exchanges have ended. Accepts NULL. */
void gss_auth_destroy(struct auth_port *port);

#endif
