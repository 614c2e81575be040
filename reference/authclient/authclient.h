/* SPDX-License-Identifier: MIT */
/*
 * The side of an authentication that begins it: tokens for SESSION_SETUP
 * requests and the session key. [MS-SMB2] 3.2.4.2.3, [MS-SPNG], [MS-NLMP].
 *
 *	authclient_begin(&config, &auth);
 *	in = the token of the NEGOTIATE response (may be empty)
 *	do {
 *		authclient_step(auth, in, &out, &done);
 *		send out unless it is empty; in = the token that came back
 *	} while (!done);
 *	authclient_key(auth, key, &size);
 *
 * When the server says success while done is still false, feed its last
 * token (it may be empty) to authclient_step() too. Kerberos may talk to its
 * KDC over the network; NTLM talks to nobody.
 */
#ifndef SMB3X_AUTHCLIENT_AUTHCLIENT_H
#define SMB3X_AUTHCLIENT_AUTHCLIENT_H

#include "wire/wire.h"

enum authclient_mechanism {
	AUTHCLIENT_NTLM,         /* NTLMSSP inside SPNEGO: what most send */
	AUTHCLIENT_NTLM_RAW,     /* bare NTLMSSP: what Linux sends */
	AUTHCLIENT_KERBEROS,     /* Kerberos inside SPNEGO */
	AUTHCLIENT_KERBEROS_RAW, /* bare AP-REQ in GSS-API framing */
};

struct authclient_config {
	enum authclient_mechanism mechanism;
	const char *user;     /* NULL or "": anonymous (NTLM only) */
	const char *domain;   /* may be NULL; Kerberos: the realm */
	const char *password; /* Kerberos: NULL = the default ticket cache */
	const char *host;     /* the server's name, for cifs/host */
};

struct authclient;

/* Returns 0, -ENOMEM, -ENOTSUP (mechanism not there) or -EACCES (no
 * credentials of that kind). Nothing of config is kept but copies. */
int authclient_begin(
	const struct authclient_config *config, struct authclient **ret_auth);

/*
 * One leg. in is what the server sent: for the first leg the token of its
 * NEGOTIATE response, which is not needed and may be empty. *ret_out lives
 * until the next call. *ret_done: the mechanism has reached its end (out may
 * still have to be sent). Returns 0, -EACCES when the mechanism gives up
 * (authclient_error() has its words) or -EBADMSG for a token that is none.
 */
int authclient_step(struct authclient *auth, struct wire_view in,
	struct wire_view *ret_out, bool *ret_done);

/*
 * Loads what NTLM needs, so that a process that forks many others which
 * authenticate does so once for all of them. Optional; what fails here fails
 * again, with its error, in authclient_begin().
 */
void authclient_prepare(void);

/* The mechanism's whole session key; -ENOKEY before the end. *ret_size is 16
 * to 64. The key of an anonymous session is 16 zeroes. */
int authclient_key(const struct authclient *auth, uint8_t ret_key[64],
	unsigned int *ret_size);

/* Words about the last failure, "" if there was none. */
const char *authclient_error(const struct authclient *auth);

/* Accepts NULL. */
void authclient_end(struct authclient *auth);

#endif
