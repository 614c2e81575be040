/* SPDX-License-Identifier: MIT */
/* Reads an NTLM AUTHENTICATE message; see ntlm.h. */
#include <string.h>

#include <nettle/arcfour.h>

#include "auth/ntlm.h"

/* Fields of AUTHENTICATE_MESSAGE: [MS-NLMP] 2.2.1.3 */
#define AT_TYPE 8
#define AT_LM 12
#define AT_NT 20
#define AT_DOMAIN 28
#define AT_USER 36
#define AT_SESSION_KEY 52
#define AT_FLAGS 60
#define FIXED_SIZE 64

#define TYPE_NEGOTIATE 1
#define TYPE_AUTHENTICATE 3
#define NEGOTIATE_SHORT 32 /* up to the Version */
#define NEGOTIATE_UNICODE 0x00000001u
#define NEGOTIATE_KEY_EXCH 0x40000000u

bool ntlm_is_message(struct wire_view token)
{
	return token.n >= 12 && memcmp(token.p, "NTLMSSP", 8) == 0;
}

struct wire_view ntlm_whole_negotiate(
	struct wire_view token, uint8_t buffer[NTLM_NEGOTIATE_FULL])
{
	if (token.n < NEGOTIATE_SHORT || token.n >= NTLM_NEGOTIATE_FULL ||
		!ntlm_is_message(token) ||
		wire_get32(token.p + AT_TYPE) != TYPE_NEGOTIATE) {
		return token;
	}
	memset(buffer, 0, NTLM_NEGOTIATE_FULL);
	memcpy(buffer, token.p, token.n);
	return wire_view_of(buffer, NTLM_NEGOTIATE_FULL);
}

/* Length, maximum length, offset; false when outside the message. */
static bool read_field(
	struct wire_view token, size_t at, struct wire_view *ret_field)
{
	size_t n = wire_get16(token.p + at);
	size_t offset = wire_get32(token.p + at + 4);

	if (n == 0) {
		*ret_field = wire_view_of(NULL, 0);
		return true;
	}
	if (offset > token.n || token.n - offset < n) {
		return false;
	}
	*ret_field = wire_view_of(token.p + offset, n);
	return true;
}

static void read_text(
	struct wire_view field, bool unicode, char *ret_text, size_t size)
{
	int n;

	if (unicode) {
		n = wire_utf16_to_utf8(field, ret_text, size - 1);
		ret_text[n > 0 ? n : 0] = '\0';
	} else if (field.n < size) {
		memcpy(ret_text, field.p, field.n);
		ret_text[field.n] = '\0';
	} else {
		ret_text[0] = '\0';
	}
}

/* The base key of somebody without a password is zero. */
static void anonymous_key(
	struct wire_view encrypted, bool exchange, uint8_t ret_key[16])
{
	static const uint8_t zero[16];
	struct arcfour_ctx arcfour;

	memset(ret_key, 0, 16);
	if (exchange && encrypted.n == 16) {
		arcfour_set_key(&arcfour, sizeof(zero), zero);
		arcfour_crypt(&arcfour, 16, ret_key, encrypted.p);
	}
}

bool ntlm_authenticate_read(
	struct wire_view token, struct ntlm_authenticate *ret_message)
{
	struct ntlm_authenticate message = {0};
	struct wire_view lm, nt, domain, user, key;
	uint32_t flags;

	if (token.n < FIXED_SIZE || !ntlm_is_message(token) ||
		wire_get32(token.p + AT_TYPE) != TYPE_AUTHENTICATE ||
		!read_field(token, AT_LM, &lm) ||
		!read_field(token, AT_NT, &nt) ||
		!read_field(token, AT_DOMAIN, &domain) ||
		!read_field(token, AT_USER, &user) ||
		!read_field(token, AT_SESSION_KEY, &key)) {
		return false;
	}
	flags = wire_get32(token.p + AT_FLAGS);
	read_text(user, flags & NEGOTIATE_UNICODE, message.user,
		sizeof(message.user));
	read_text(domain, flags & NEGOTIATE_UNICODE, message.domain,
		sizeof(message.domain));
	message.anonymous = user.n == 0 && nt.n == 0 &&
			    (lm.n == 0 || (lm.n == 1 && lm.p[0] == 0));
	anonymous_key(key, flags & NEGOTIATE_KEY_EXCH, message.anonymous_key);
	*ret_message = message;
	return true;
}
