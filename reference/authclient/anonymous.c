/* SPDX-License-Identifier: MIT */
/* NTLM messages of somebody without a name; see anonymous.h. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "authclient/anonymous.h"
#include "authclient/spnego.h"

/* [MS-NLMP] 2.2.2.5 */
#define NEGOTIATE_UNICODE 0x00000001u
#define REQUEST_TARGET 0x00000004u
#define NEGOTIATE_NTLM 0x00000200u
#define NEGOTIATE_ANONYMOUS 0x00000800u
#define NEGOTIATE_ALWAYS_SIGN 0x00008000u
#define NEGOTIATE_EXTENDED_SESSIONSECURITY 0x00080000u
#define NEGOTIATE_128 0x20000000u
#define FLAGS \
	(NEGOTIATE_UNICODE | REQUEST_TARGET | NEGOTIATE_NTLM | \
		NEGOTIATE_ALWAYS_SIGN | NEGOTIATE_EXTENDED_SESSIONSECURITY | \
		NEGOTIATE_128)

#define NEGOTIATE_SIZE 40    /* Version is zero */
#define AUTHENTICATE_SIZE 88 /* Version and MIC are zero */

static const uint8_t signature[8] = "NTLMSSP";

static void put32(uint8_t *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, sizeof(value));
}

static size_t make_negotiate(uint8_t *message)
{
	memset(message, 0, NEGOTIATE_SIZE);
	memcpy(message, signature, sizeof(signature));
	put32(message + 8, 1);
	put32(message + 12, FLAGS);
	return NEGOTIATE_SIZE;
}

/* One zero byte as LmChallengeResponse, everything else empty. */
static size_t make_authenticate(uint8_t *message)
{
	memset(message, 0, AUTHENTICATE_SIZE + 1);
	memcpy(message, signature, sizeof(signature));
	put32(message + 8, 3);
	message[12] = 1;
	message[14] = 1;
	for (unsigned int at = 16; at <= 52; at += 8) {
		put32(message + at, AUTHENTICATE_SIZE);
	}
	put32(message + 60, FLAGS | NEGOTIATE_ANONYMOUS);
	return AUTHENTICATE_SIZE + 1;
}

static int wrap(unsigned int leg, struct wire_view message, uint8_t *ret_token)
{
	struct spnego_init init = {.mechs = {spnego_ntlmssp}, .mech_count = 1};
	struct spnego_resp resp = {.state = SPNEGO_ABSENT};

	if (leg == 0) {
		init.token = message;
		return spnego_init_encode(
			&init, false, ret_token, ANONYMOUS_TOKEN_MAX);
	}
	resp.token = message;
	return spnego_resp_encode(&resp, ret_token, ANONYMOUS_TOKEN_MAX);
}

int anonymous_token(unsigned int leg, bool raw, struct wire_view in,
	uint8_t ret_token[ANONYMOUS_TOKEN_MAX])
{
	struct spnego_resp resp;
	uint8_t message[AUTHENTICATE_SIZE + 1];
	size_t n;

	if (leg > 0 && !raw) {
		if (spnego_resp_decode(in, &resp) < 0) {
			return -EBADMSG;
		}
		in = resp.token;
	}
	if (leg > 0 &&
		(in.n < 12 || memcmp(in.p, signature, sizeof(signature)) != 0 ||
			in.p[8] != 2)) {
		return -EBADMSG;
	}
	n = leg == 0 ? make_negotiate(message) : make_authenticate(message);
	if (!raw) {
		return wrap(leg, wire_view_of(message, n), ret_token);
	}
	memcpy(ret_token, message, n);
	return (int)n;
}
