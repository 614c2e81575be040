/* SPDX-License-Identifier: MIT */
/*
 * A leg of NTLM or Kerberos, and who it turned out to be: [MS-SMB2]
 * 3.3.5.5.3. Guests and users without a name are decided here, because the
 * mechanism knows neither.
 */
#include <stdio.h>
#include <string.h>

#include "auth/exchange.h"
#include "auth/ntlm.h"

#define STATUS_INVALID_PARAMETER 0xc000000du
#define STATUS_LOGON_FAILURE 0xc000006du
#define STATUS_TIME_DIFFERENCE_AT_DC 0xc0000133u

#define NTLM_ERR_DECODE 0x4e540001u /* of gss-ntlmssp's minor codes */

/* GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5 */
static gss_OID_desc session_key_oid = {
	11, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05"};

static void finish_identity(struct auth_exchange *exchange)
{
	users_map(exchange->setup->users, &exchange->identity);
	exchange->mech_done = true;
}

static bool is_ntlm(const struct auth_exchange *exchange)
{
	return exchange->credential == exchange->setup->ntlm;
}

/* Somebody without a name, if that is what the message says. */
static bool step_anonymous(
	struct auth_exchange *exchange, const struct ntlm_authenticate *message)
{
	if (!message->anonymous || !exchange->setup->anonymous) {
		return false;
	}
	exchange->identity.anonymous = true;
	memcpy(exchange->key, message->anonymous_key, 16);
	exchange->key_size = 16;
	finish_identity(exchange);
	return true;
}

/* A name that nobody has may enter as a guest; there is no common key. */
static bool step_guest(
	struct auth_exchange *exchange, const struct ntlm_authenticate *message)
{
	if (!exchange->setup->guest || message->user[0] == '\0' ||
		users_find(exchange->setup->users, message->user) != NULL) {
		return false;
	}
	exchange->identity.guest = true;
	memcpy(exchange->identity.user, message->user, sizeof(message->user));
	memcpy(exchange->identity.domain, message->domain,
		sizeof(message->domain));
	finish_identity(exchange);
	return true;
}

static bool fetch_key(struct auth_exchange *exchange)
{
	gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
	OM_uint32 minor;
	bool good = false;

	if (GSS_ERROR(gss_inquire_sec_context_by_oid(
		    &minor, exchange->context, &session_key_oid, &set))) {
		return false;
	}
	if (set->count > 0 && set->elements[0].length > 0 &&
		set->elements[0].length <= sizeof(exchange->key)) {
		exchange->key_size = (unsigned int)set->elements[0].length;
		memcpy(exchange->key, set->elements[0].value,
			exchange->key_size);
		good = true;
	}
	gss_release_buffer_set(&minor, &set);
	return good;
}

/* DOMAIN\user from NTLM, user@REALM from Kerberos. */
static bool split_name(struct auth_identity *identity, gss_buffer_t text)
{
	const char *name = text->value;
	int n = (int)text->length;
	const char *mark = memchr(name, '\\', text->length);
	int before;

	if (mark != NULL) {
		before = (int)(mark - name);
		snprintf(identity->domain, sizeof(identity->domain), "%.*s",
			before, name);
		snprintf(identity->user, sizeof(identity->user), "%.*s",
			n - before - 1, mark + 1);
		return identity->user[0] != '\0';
	}
	mark = memchr(name, '@', text->length);
	before = mark != NULL ? (int)(mark - name) : n;
	snprintf(identity->user, sizeof(identity->user), "%.*s", before, name);
	if (mark != NULL) {
		snprintf(identity->domain, sizeof(identity->domain), "%.*s",
			n - before - 1, mark + 1);
	}
	return identity->user[0] != '\0';
}

static bool fetch_name(struct auth_exchange *exchange, gss_name_t source)
{
	struct auth_identity *identity = &exchange->identity;
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	const char *known;
	OM_uint32 minor;
	bool good;

	if (GSS_ERROR(gss_display_name(&minor, source, &text, NULL))) {
		return false;
	}
	good = split_name(identity, &text);
	gss_release_buffer(&minor, &text);
	known = users_find(exchange->setup->users, identity->user);
	if (known != NULL) {
		snprintf(identity->user, sizeof(identity->user), "%s", known);
	}
	return good;
}

/* A message that gss-ntlmssp cannot decode is a GSS_S_FAILURE for it. */
static uint32_t status_of(OM_uint32 major, OM_uint32 minor)
{
	if (minor == NTLM_ERR_DECODE) {
		return STATUS_INVALID_PARAMETER;
	}
	switch (GSS_ROUTINE_ERROR(major)) {
	case GSS_S_DEFECTIVE_TOKEN:
		return STATUS_INVALID_PARAMETER;
	case GSS_S_CREDENTIALS_EXPIRED:
	case GSS_S_CONTEXT_EXPIRED:
		return STATUS_TIME_DIFFERENCE_AT_DC;
	default:
		return STATUS_LOGON_FAILURE;
	}
}

enum auth_outcome mechanism_step(struct auth_exchange *exchange,
	struct wire_view token, gss_buffer_t ret_out, uint32_t *ret_status)
{
	uint8_t negotiate[NTLM_NEGOTIATE_FULL];
	struct wire_view whole = ntlm_whole_negotiate(token, negotiate);
	gss_buffer_desc in = {whole.n, (void *)whole.p};
	gss_name_t source = GSS_C_NO_NAME;
	struct ntlm_authenticate message;
	OM_uint32 major, minor;
	bool readable =
		is_ntlm(exchange) && ntlm_authenticate_read(token, &message);

	if (readable && exchange->context != GSS_C_NO_CONTEXT &&
		step_anonymous(exchange, &message)) {
		return AUTH_DONE;
	}
	major = gss_accept_sec_context(&minor, &exchange->context,
		exchange->credential, &in, GSS_C_NO_CHANNEL_BINDINGS, &source,
		NULL, ret_out, NULL, NULL, NULL);
	if (GSS_ERROR(major)) {
		if (readable && exchange->context != GSS_C_NO_CONTEXT &&
			step_guest(exchange, &message)) {
			return AUTH_DONE;
		}
		*ret_status = status_of(major, minor);
		return AUTH_REFUSED;
	}
	if (major & GSS_S_CONTINUE_NEEDED) {
		return AUTH_CONTINUE;
	}
	if (!fetch_key(exchange) || !fetch_name(exchange, source)) {
		gss_release_name(&minor, &source);
		*ret_status = STATUS_LOGON_FAILURE;
		return AUTH_REFUSED;
	}
	gss_release_name(&minor, &source);
	finish_identity(exchange);
	return AUTH_DONE;
}
