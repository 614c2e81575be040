/* SPDX-License-Identifier: MIT */
/*
 * The frame around the mechanism's tokens on the accepting side: none, or
 * SPNEGO (RFC 4178, sections 3.2, 4.2 and 5; [MS-SPNG] 3.2.5).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/exchange.h"
#include "auth/ntlm.h"

#define STATUS_INVALID_PARAMETER 0xc000000du
#define STATUS_LOGON_FAILURE 0xc000006du
#define FRAME_ROOM 256 /* bytes that SPNEGO adds to a token and a MIC */

static bool same(struct wire_view a, struct wire_view b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static void refuse(struct auth_result *result, uint32_t status)
{
	result->outcome = AUTH_REFUSED;
	result->status = status;
}

struct auth_exchange *exchange_begin(void *ctx)
{
	struct auth_exchange *exchange = calloc(1, sizeof(*exchange));
	struct gss_port *port = ctx;

	if (exchange != NULL) {
		exchange->setup = setup_hold(port->setup);
	}
	return exchange;
}

void exchange_end(struct auth_exchange *exchange)
{
	OM_uint32 minor;

	if (exchange == NULL) {
		return;
	}
	if (exchange->context != GSS_C_NO_CONTEXT) {
		gss_delete_sec_context(&minor, &exchange->context, NULL);
	}
	explicit_bzero(exchange->key, sizeof(exchange->key));
	setup_release(exchange->setup);
	free(exchange->mech_list);
	free(exchange->out);
	free(exchange);
}

/* The mechanism of an object identifier, if the port has it. */
static bool choose(struct auth_exchange *exchange, struct wire_view oid)
{
	struct gss_setup *setup = exchange->setup;

	if (setup->ntlm != GSS_C_NO_CREDENTIAL && same(oid, spnego_ntlmssp)) {
		exchange->credential = setup->ntlm;
		exchange->mech = spnego_ntlmssp;
	} else if (setup->krb5 != GSS_C_NO_CREDENTIAL &&
		   same(oid, spnego_krb5)) {
		exchange->credential = setup->krb5;
		exchange->mech = spnego_krb5;
	} else if (setup->krb5 != GSS_C_NO_CREDENTIAL &&
		   same(oid, spnego_ms_krb5)) {
		exchange->credential = setup->krb5;
		exchange->mech = spnego_ms_krb5;
	} else {
		return false;
	}
	return true;
}

static void publish(struct auth_exchange *exchange, struct auth_result *result)
{
	result->outcome = AUTH_DONE;
	result->identity = exchange->identity;
	memcpy(result->key, exchange->key, exchange->key_size);
	result->key_size = exchange->key_size;
}

static int set_out(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *result)
{
	free(exchange->out);
	exchange->out = malloc(token.n > 0 ? token.n : 1);
	if (exchange->out == NULL) {
		return -ENOMEM;
	}
	if (token.n > 0) {
		memcpy(exchange->out, token.p, token.n);
	}
	result->token = wire_view_of(exchange->out, token.n);
	return 0;
}

static int step_raw(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *result)
{
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	int r;

	result->outcome =
		mechanism_step(exchange, token, &out, &result->status);
	if (result->outcome == AUTH_DONE) {
		publish(exchange, result);
	}
	r = set_out(exchange, wire_view_of(out.value, out.length), result);
	gss_release_buffer(&minor, &out);
	return r;
}

/* Whether both ends know the mechanism's key, so that a MIC can be made. */
static bool can_mic(const struct auth_exchange *exchange)
{
	return exchange->context != GSS_C_NO_CONTEXT &&
	       !exchange->identity.anonymous && !exchange->identity.guest;
}

static bool mic_right(struct auth_exchange *exchange, struct wire_view mic)
{
	gss_buffer_desc list = {exchange->mech_list_size, exchange->mech_list};
	gss_buffer_desc token = {mic.n, (void *)mic.p};
	OM_uint32 minor;

	return !GSS_ERROR(
		gss_verify_mic(&minor, exchange->context, &list, &token, NULL));
}

static bool mic_make(struct auth_exchange *exchange, gss_buffer_t ret_mic)
{
	gss_buffer_desc list = {exchange->mech_list_size, exchange->mech_list};
	OM_uint32 minor;

	return !GSS_ERROR(gss_get_mic(
		&minor, exchange->context, GSS_C_QOP_DEFAULT, &list, ret_mic));
}

static int reply(struct auth_exchange *exchange, enum spnego_state state,
	gss_buffer_t token, gss_buffer_t mic, struct auth_result *result)
{
	struct spnego_resp resp = {
		.state = state,
		.token = wire_view_of(token->value, token->length),
		.mic = wire_view_of(mic->value, mic->length),
	};
	size_t size = token->length + mic->length + FRAME_ROOM;
	int n;

	if (!exchange->announced) {
		resp.mech = exchange->mech;
		exchange->announced = true;
	}
	free(exchange->out);
	exchange->out = malloc(size);
	if (exchange->out == NULL) {
		return -ENOMEM;
	}
	n = spnego_resp_encode(&resp, exchange->out, size);
	if (n < 0) {
		return -ENOMEM;
	}
	result->token = wire_view_of(exchange->out, (size_t)n);
	return 0;
}

/*
 * The mechanism has ended: MICs protect the list of mechanisms. They are due
 * when the client sent one, or when its first choice was passed over.
 */
static int finish_spnego(struct auth_exchange *exchange, struct wire_view mic,
	gss_buffer_t token, struct auth_result *result)
{
	gss_buffer_desc ours = GSS_C_EMPTY_BUFFER;
	enum spnego_state state = SPNEGO_ACCEPT_COMPLETED;
	OM_uint32 minor;
	int r;

	if (can_mic(exchange)) {
		if (mic.n > 0 && !mic_right(exchange, mic)) {
			refuse(result, STATUS_LOGON_FAILURE);
			return 0;
		}
		exchange->mic_seen |= mic.n > 0;
		if (!exchange->mic_sent &&
			(exchange->mic_seen || !exchange->preferred)) {
			if (!mic_make(exchange, &ours)) {
				refuse(result, STATUS_LOGON_FAILURE);
				return 0;
			}
			exchange->mic_sent = true;
		}
		if (!exchange->preferred && !exchange->mic_seen) {
			state = SPNEGO_ACCEPT_INCOMPLETE;
		}
	}
	r = reply(exchange, state, token, &ours, result);
	gss_release_buffer(&minor, &ours);
	if (state == SPNEGO_ACCEPT_COMPLETED) {
		publish(exchange, result);
	} else {
		result->outcome = AUTH_CONTINUE;
	}
	return r;
}

/* A token of the mechanism that came inside SPNEGO. */
static int step_inner(struct auth_exchange *exchange, struct wire_view token,
	struct wire_view mic, struct auth_result *result)
{
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER, none = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor;
	int r = 0;

	result->outcome =
		mechanism_step(exchange, token, &out, &result->status);
	if (result->outcome == AUTH_DONE) {
		r = finish_spnego(exchange, mic, &out, result);
	} else if (result->outcome == AUTH_CONTINUE) {
		r = reply(exchange, SPNEGO_ACCEPT_INCOMPLETE, &out, &none,
			result);
	}
	gss_release_buffer(&minor, &out);
	return r;
}

static int step_init(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *result)
{
	gss_buffer_desc none = GSS_C_EMPTY_BUFFER;
	struct spnego_init init;
	unsigned int i = 0;

	if (spnego_init_decode(token, &init) < 0) {
		refuse(result, STATUS_INVALID_PARAMETER);
		return 0;
	}
	while (i < init.mech_count && !choose(exchange, init.mechs[i])) {
		i++;
	}
	if (i == init.mech_count) {
		refuse(result, STATUS_LOGON_FAILURE);
		return 0;
	}
	exchange->frame = FRAME_SPNEGO;
	exchange->preferred = i == 0;
	exchange->mech_list = malloc(init.mech_list.n);
	if (exchange->mech_list == NULL) {
		return -ENOMEM;
	}
	memcpy(exchange->mech_list, init.mech_list.p, init.mech_list.n);
	exchange->mech_list_size = init.mech_list.n;
	if (exchange->preferred && init.token.n > 0) {
		return step_inner(exchange, init.token, init.mic, result);
	}
	result->outcome = AUTH_CONTINUE;
	return reply(exchange, SPNEGO_ACCEPT_INCOMPLETE, &none, &none, result);
}

static int step_resp(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *result)
{
	gss_buffer_desc none = GSS_C_EMPTY_BUFFER;
	struct spnego_resp resp;

	if (ntlm_is_message(token)) {
		/* Some clients drop the frame after the first leg. */
		return step_inner(
			exchange, token, wire_view_of(NULL, 0), result);
	}
	if (spnego_resp_decode(token, &resp) < 0) {
		refuse(result, STATUS_INVALID_PARAMETER);
		return 0;
	}
	if (resp.state == SPNEGO_REJECT) {
		refuse(result, STATUS_LOGON_FAILURE);
		return 0;
	}
	if (!exchange->mech_done) {
		return step_inner(exchange, resp.token, resp.mic, result);
	}
	if (resp.mic.n == 0) {
		refuse(result, STATUS_LOGON_FAILURE);
		return 0;
	}
	return finish_spnego(exchange, resp.mic, &none, result);
}

/* The first token says what is spoken. */
static int step_first(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *result)
{
	bool ntlm = ntlm_is_message(token);

	if (spnego_is_init(token)) {
		return step_init(exchange, token, result);
	}
	if (!choose(exchange, ntlm ? spnego_ntlmssp : spnego_krb5)) {
		refuse(result, STATUS_LOGON_FAILURE);
		return 0;
	}
	exchange->frame = FRAME_RAW;
	return step_raw(exchange, token, result);
}

int exchange_step(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *ret_result)
{
	struct auth_result result = {0};
	int r;

	if (token.n == 0) {
		refuse(&result, STATUS_INVALID_PARAMETER);
		r = 0;
	} else if (exchange->frame == FRAME_UNKNOWN) {
		r = step_first(exchange, token, &result);
	} else if (exchange->frame == FRAME_RAW) {
		r = step_raw(exchange, token, &result);
	} else {
		r = step_resp(exchange, token, &result);
	}
	if (r == 0) {
		*ret_result = result;
	}
	explicit_bzero(result.key, sizeof(result.key));
	return r;
}
