/* SPDX-License-Identifier: MIT */
/*
 * The little that the acceptor itself reads of NTLM messages: [MS-NLMP] 2.2.1.
 * Inside auth/ only.
 */
#ifndef SMB3X_AUTH_NTLM_H
#define SMB3X_AUTH_NTLM_H

#include "wire/wire.h"

struct ntlm_authenticate {
	char user[128], domain[128]; /* UTF-8, "" when unreadable */
	bool anonymous;              /* [MS-NLMP] 3.2.5.1.2 */
	uint8_t anonymous_key[16];   /* exported session key of such a one */
};

#define NTLM_NEGOTIATE_FULL 40

bool ntlm_is_message(struct wire_view token);

/* A NEGOTIATE message may end before its Version ([MS-NLMP] 2.2.1.1; libsmb2
 * and impacket send it so), which gss-ntlmssp 1.2 calls defective. Returns
 * such a message with an empty Version, in buffer; any other token as it is. */
struct wire_view ntlm_whole_negotiate(
	struct wire_view token, uint8_t buffer[NTLM_NEGOTIATE_FULL]);

/* False when the token is not a whole AUTHENTICATE message. */
bool ntlm_authenticate_read(
	struct wire_view token, struct ntlm_authenticate *ret_message);

#endif
