/* SPDX-License-Identifier: MIT */
/*
 * One authentication on the accepting side, and what all of them share.
 * Inside auth/ only.
 */
#ifndef SMB3X_AUTH_EXCHANGE_H
#define SMB3X_AUTH_EXCHANGE_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include "auth/users.h"
#include "authclient/spnego.h"

/* What a configuration amounts to; lives on while exchanges use it. */
struct gss_setup {
	unsigned int holders;
	struct users *users;
	gss_cred_id_t ntlm, krb5; /* GSS_C_NO_CREDENTIAL: not offered */
	bool guest, anonymous;
};

struct gss_port {
	struct auth_port port; /* first */
	struct gss_setup *setup;
	uint8_t hint[256];
	size_t hint_size;
};

struct gss_setup *setup_hold(struct gss_setup *setup);
void setup_release(struct gss_setup *setup); /* accepts NULL */

enum exchange_frame { FRAME_UNKNOWN, FRAME_RAW, FRAME_SPNEGO };

struct auth_exchange {
	struct gss_setup *setup; /* held */
	enum exchange_frame frame;
	gss_cred_id_t credential; /* of the mechanism that was chosen */
	struct wire_view mech;
	gss_ctx_id_t context;
	bool announced; /* supportedMech was sent */
	bool preferred; /* the mechanism is the client's first choice */
	bool mech_done; /* the mechanism itself has ended well */
	bool mic_sent, mic_seen;
	uint8_t *mech_list; /* what a mechListMIC is made of */
	size_t mech_list_size;
	struct auth_identity identity;
	uint8_t key[64];
	unsigned int key_size;
	uint8_t *out; /* the token that was returned last */
};

struct auth_exchange *exchange_begin(void *ctx);
int exchange_step(struct auth_exchange *exchange, struct wire_view token,
	struct auth_result *ret_result);
void exchange_end(struct auth_exchange *exchange);

/*
 * One leg of the mechanism itself (mechanism.c). Fills outcome, status and,
 * when done, identity and key of the exchange; *ret_out is to be released by
 * the caller.
 */
enum auth_outcome mechanism_step(struct auth_exchange *exchange,
	struct wire_view token, gss_buffer_t ret_out, uint32_t *ret_status);

#endif
