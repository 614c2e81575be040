/* SPDX-License-Identifier: MIT */
/*
 * Initiator through GSS-API (MIT Kerberos with gss-ntlmssp); anonymous
 * sessions by hand. See authclient.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include "authclient/anonymous.h"
#include "authclient/authclient.h"
#include "authclient/spnego.h"

/* GSS_C_INQ_SSPI_SESSION_KEY, 1.2.840.113554.1.2.2.5.5 */
static gss_OID_desc session_key_oid = {
	11, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05"};
static gss_OID_desc spnego_mech = {6, (void *)"\x2b\x06\x01\x05\x05\x02"};
static gss_OID_desc krb5_mech = {
	9, (void *)"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc ntlmssp_mech = {
	10, (void *)"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};

/* What SPNEGO adds to a token, and how long its list of mechanisms gets. */
#define SPNEGO_OVERHEAD 256
#define SPNEGO_MECH_LIST_MAX 32

struct authclient {
	enum authclient_mechanism mechanism;
	bool anonymous, done;
	unsigned int leg;
	gss_ctx_id_t context;
	gss_cred_id_t credential;
	gss_name_t target;
	gss_buffer_desc out;
	uint8_t *wrapped; /* out in SPNEGO, when that is done by hand */
	uint8_t mech_list[SPNEGO_MECH_LIST_MAX];
	size_t mech_list_size;
	uint8_t anonymous_out[ANONYMOUS_TOKEN_MAX];
	uint8_t key[64];
	unsigned int key_size;
	char error[256];
};

static bool is_raw(const struct authclient *auth)
{
	return auth->mechanism == AUTHCLIENT_NTLM_RAW ||
	       auth->mechanism == AUTHCLIENT_KERBEROS_RAW;
}

/*
 * NTLM is put into SPNEGO by hand: GSS-API's own SPNEGO would take the
 * password to a Kerberos KDC first, over the network, before it takes NTLM.
 */
static bool wraps_itself(const struct authclient *auth)
{
	return auth->mechanism == AUTHCLIENT_NTLM;
}

static gss_OID inner_mech(const struct authclient *auth)
{
	return auth->mechanism == AUTHCLIENT_NTLM ||
			       auth->mechanism == AUTHCLIENT_NTLM_RAW
		       ? &ntlmssp_mech
		       : &krb5_mech;
}

/* The mechanism that GSS-API is asked for. */
static gss_OID gss_mech(const struct authclient *auth)
{
	return is_raw(auth) || wraps_itself(auth) ? inner_mech(auth)
						  : &spnego_mech;
}

static void append_status(struct authclient *auth, OM_uint32 code, int type)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 minor, context = 0;
	size_t n = strlen(auth->error);

	if (code == 0 || GSS_ERROR(gss_display_status(&minor, code, type,
				 inner_mech(auth), &context, &text))) {
		return;
	}
	snprintf(auth->error + n, sizeof(auth->error) - n, "%s%.*s",
		n > 0 ? ": " : "", (int)text.length, (const char *)text.value);
	gss_release_buffer(&minor, &text);
}

static void set_error(struct authclient *auth, OM_uint32 major, OM_uint32 minor)
{
	auth->error[0] = '\0';
	append_status(auth, major, GSS_C_GSS_CODE);
	append_status(auth, minor, GSS_C_MECH_CODE);
}

static int import(const char *text, gss_OID type, gss_name_t *ret_name)
{
	gss_buffer_desc buffer = {strlen(text), (void *)text};
	OM_uint32 minor;

	return GSS_ERROR(gss_import_name(&minor, &buffer, type, ret_name))
		       ? -ENOMEM
		       : 0;
}

/* DOMAIN\user for NTLM, user@REALM for Kerberos. */
static int import_user(const struct authclient *auth,
	const struct authclient_config *config, gss_name_t *ret_name)
{
	const char *domain = config->domain != NULL ? config->domain : "";
	bool ntlm = inner_mech(auth) == &ntlmssp_mech;
	char *text;
	int r;

	if (ntlm) {
		r = asprintf(&text, "%s\\%s", domain, config->user);
	} else {
		r = asprintf(&text, "%s%s%s", config->user,
			domain[0] != '\0' ? "@" : "", domain);
	}
	if (r < 0) {
		return -ENOMEM;
	}
	r = import(text, GSS_C_NT_USER_NAME, ret_name);
	free(text);
	return r;
}

static int acquire(
	struct authclient *auth, const struct authclient_config *config)
{
	gss_OID_set_desc mechs = {1, gss_mech(auth)};
	gss_OID_set_desc inner = {1, inner_mech(auth)};
	const char *password = config->password;
	gss_buffer_desc secret = {0};
	gss_name_t user = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored;
	int r = import_user(auth, config, &user);

	if (r < 0) {
		return r;
	}
	if (password == NULL && inner_mech(auth) == &ntlmssp_mech) {
		password = "";
	}
	if (password != NULL) {
		secret.length = strlen(password);
		secret.value = (void *)password;
		major = gss_acquire_cred_with_password(&minor, user, &secret,
			GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE,
			&auth->credential, NULL, NULL);
	} else {
		major = gss_acquire_cred(&minor, user, GSS_C_INDEFINITE, &mechs,
			GSS_C_INITIATE, &auth->credential, NULL, NULL);
	}
	gss_release_name(&ignored, &user);
	if (!GSS_ERROR(major) && gss_mech(auth) == &spnego_mech) {
		major = gss_set_neg_mechs(&minor, auth->credential, &inner);
	}
	if (GSS_ERROR(major)) {
		set_error(auth, major, minor);
		return GSS_ROUTINE_ERROR(major) == GSS_S_BAD_MECH ? -ENOTSUP
								  : -EACCES;
	}
	return 0;
}

static int import_target(
	struct authclient *auth, const struct authclient_config *config)
{
	const char *host = config->host != NULL ? config->host : "localhost";
	char *text;
	int r;

	if (asprintf(&text, "cifs@%s", host) < 0) {
		return -ENOMEM;
	}
	r = import(text, GSS_C_NT_HOSTBASED_SERVICE, &auth->target);
	free(text);
	return r;
}

int authclient_begin(
	const struct authclient_config *config, struct authclient **ret_auth)
{
	struct authclient *auth = calloc(1, sizeof(*auth));
	int r = 0;

	if (auth == NULL) {
		return -ENOMEM;
	}
	auth->mechanism = config->mechanism;
	auth->anonymous = config->user == NULL || config->user[0] == '\0';
	if (auth->anonymous && inner_mech(auth) != &ntlmssp_mech) {
		r = -ENOTSUP;
	}
	if (r == 0 && !auth->anonymous) {
		r = import_target(auth, config);
	}
	if (r == 0 && !auth->anonymous) {
		r = acquire(auth, config);
	}
	if (r < 0) {
		authclient_end(auth);
		return r;
	}
	*ret_auth = auth;
	return 0;
}

void authclient_prepare(void)
{
	const struct authclient_config nobody = {
		.mechanism = AUTHCLIENT_NTLM,
		.user = "nobody",
		.password = "none",
	};
	struct wire_view out;
	struct authclient *auth;
	bool done;

	if (authclient_begin(&nobody, &auth) == 0) {
		authclient_step(auth, wire_view_of(NULL, 0), &out, &done);
		authclient_end(auth);
	}
}

static int fetch_key(struct authclient *auth)
{
	gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
	OM_uint32 major, minor;
	int r = -EACCES;

	major = gss_inquire_sec_context_by_oid(
		&minor, auth->context, &session_key_oid, &set);
	if (GSS_ERROR(major)) {
		set_error(auth, major, minor);
		return -EACCES;
	}
	if (set->count > 0 && set->elements[0].length > 0 &&
		set->elements[0].length <= sizeof(auth->key)) {
		auth->key_size = (unsigned int)set->elements[0].length;
		memcpy(auth->key, set->elements[0].value, auth->key_size);
		r = 0;
	}
	gss_release_buffer_set(&minor, &set);
	return r;
}

static int step_anonymous(struct authclient *auth, struct wire_view in,
	struct wire_view *ret_out, bool *ret_done)
{
	int r;

	if (auth->leg > 1) {
		*ret_out = wire_view_of(NULL, 0);
		*ret_done = true;
		return 0;
	}
	r = anonymous_token(auth->leg, is_raw(auth), in, auth->anonymous_out);
	if (r < 0) {
		return r;
	}
	auth->done = auth->leg == 1;
	auth->key_size = 16;
	auth->leg++;
	*ret_out = wire_view_of(auth->anonymous_out, (size_t)r);
	*ret_done = auth->done;
	return 0;
}

/* One leg of GSS-API; the token stays in auth->out. */
static int step_gss(struct authclient *auth, struct wire_view in)
{
	gss_buffer_desc input = {in.n, (void *)in.p};
	OM_uint32 major, minor;

	major = gss_init_sec_context(&minor, auth->credential, &auth->context,
		auth->target, gss_mech(auth),
		GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG |
			GSS_C_SEQUENCE_FLAG,
		GSS_C_INDEFINITE, GSS_C_NO_CHANNEL_BINDINGS,
		auth->leg == 0 ? GSS_C_NO_BUFFER : &input, NULL, &auth->out,
		NULL, NULL);
	auth->leg++;
	if (GSS_ERROR(major)) {
		set_error(auth, major, minor);
		return GSS_ROUTINE_ERROR(major) == GSS_S_DEFECTIVE_TOKEN
			       ? -EBADMSG
			       : -EACCES;
	}
	if (major == GSS_S_COMPLETE) {
		int r = fetch_key(auth);

		auth->done = r == 0;
		return r;
	}
	return 0;
}

static int wrap_first(struct authclient *auth, struct wire_view token,
	uint8_t *ret_bytes, size_t size)
{
	struct spnego_init init = {
		.mechs = {spnego_ntlmssp}, .mech_count = 1, .token = token};
	struct spnego_init made;
	int n = spnego_init_encode(&init, false, ret_bytes, size);

	if (n < 0) {
		return n;
	}
	int r = spnego_init_decode(wire_view_of(ret_bytes, (size_t)n), &made);

	if (r < 0 || made.mech_list.n > sizeof(auth->mech_list)) {
		return -EBADMSG;
	}
	memcpy(auth->mech_list, made.mech_list.p, made.mech_list.n);
	auth->mech_list_size = made.mech_list.n;
	return n;
}

/* The last token proves by a MIC that the list of mechanisms arrived whole. */
static int wrap_next(struct authclient *auth, struct wire_view token,
	uint8_t *ret_bytes, size_t size)
{
	struct spnego_resp resp = {.state = SPNEGO_ABSENT, .token = token};
	gss_buffer_desc list = {auth->mech_list_size, auth->mech_list};
	gss_buffer_desc mic = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;
	int r;

	if (auth->done) {
		major = gss_get_mic(
			&minor, auth->context, GSS_C_QOP_DEFAULT, &list, &mic);
		if (GSS_ERROR(major)) {
			set_error(auth, major, minor);
			return -EACCES;
		}
		resp.mic = wire_view_of(mic.value, mic.length);
	}
	r = spnego_resp_encode(&resp, ret_bytes, size);
	gss_release_buffer(&minor, &mic);
	return r;
}

static int step_wrapped(
	struct authclient *auth, struct wire_view in, struct wire_view *ret_out)
{
	bool first = auth->leg == 0;
	struct spnego_resp resp = {0};
	int r = first ? 0 : spnego_resp_decode(in, &resp);

	if (r == 0) {
		r = step_gss(auth, resp.token);
	}
	if (r < 0 || auth->out.length == 0) {
		return r;
	}
	size_t size = auth->out.length + SPNEGO_OVERHEAD;
	struct wire_view token =
		wire_view_of(auth->out.value, auth->out.length);

	free(auth->wrapped);
	auth->wrapped = malloc(size);
	if (auth->wrapped == NULL) {
		return -ENOMEM;
	}
	r = first ? wrap_first(auth, token, auth->wrapped, size)
		  : wrap_next(auth, token, auth->wrapped, size);
	if (r < 0) {
		return r;
	}
	*ret_out = wire_view_of(auth->wrapped, (size_t)r);
	return 0;
}

int authclient_step(struct authclient *auth, struct wire_view in,
	struct wire_view *ret_out, bool *ret_done)
{
	OM_uint32 ignored;
	int r;

	if (auth->anonymous) {
		return step_anonymous(auth, in, ret_out, ret_done);
	}
	gss_release_buffer(&ignored, &auth->out);
	*ret_out = wire_view_of(NULL, 0);
	*ret_done = auth->done;
	if (auth->done) {
		return 0;
	}
	if (wraps_itself(auth)) {
		r = step_wrapped(auth, in, ret_out);
	} else {
		r = step_gss(auth, in);
		*ret_out = wire_view_of(auth->out.value, auth->out.length);
	}
	*ret_done = auth->done;
	return r;
}

int authclient_key(const struct authclient *auth, uint8_t ret_key[64],
	unsigned int *ret_size)
{
	if (!auth->done) {
		return -ENOKEY;
	}
	memcpy(ret_key, auth->key, auth->key_size);
	*ret_size = auth->key_size;
	return 0;
}

const char *authclient_error(const struct authclient *auth)
{
	return auth->error;
}

void authclient_end(struct authclient *auth)
{
	OM_uint32 minor;

	if (auth == NULL) {
		return;
	}
	gss_release_buffer(&minor, &auth->out);
	free(auth->wrapped);
	if (auth->context != GSS_C_NO_CONTEXT) {
		gss_delete_sec_context(&minor, &auth->context, NULL);
	}
	gss_release_cred(&minor, &auth->credential);
	gss_release_name(&minor, &auth->target);
	explicit_bzero(auth->key, sizeof(auth->key));
	free(auth);
}
