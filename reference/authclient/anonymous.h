/* SPDX-License-Identifier: MIT */
/*
 * NTLM messages of somebody without a name, which the GSS-API mechanism does
 * not make: [MS-NLMP] 3.1.5.1.2, 3.2.5.1.2. Inside authclient/ only.
 */
#ifndef SMB3X_AUTHCLIENT_ANONYMOUS_H
#define SMB3X_AUTHCLIENT_ANONYMOUS_H

#include "wire/wire.h"

#define ANONYMOUS_TOKEN_MAX 256

/* Message of this leg (0 NEGOTIATE, 1 AUTHENTICATE) into ret_token, inside
 * SPNEGO unless raw; returns its length. in is the server's CHALLENGE, whose
 * content does not matter. -EBADMSG when it is none. */
int anonymous_token(unsigned int leg, bool raw, struct wire_view in,
	uint8_t ret_token[ANONYMOUS_TOKEN_MAX]);

#endif
