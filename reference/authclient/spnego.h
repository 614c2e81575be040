/* SPDX-License-Identifier: MIT */
/*
 * The tokens of SPNEGO (RFC 4178, [MS-SPNG] 2.2): read into views, written
 * into a caller's buffer. Used by both sides of an authentication; knows no
 * mechanism.
 */
#ifndef SMB3X_AUTHCLIENT_SPNEGO_H
#define SMB3X_AUTHCLIENT_SPNEGO_H

#include "wire/wire.h"

#define SPNEGO_MECHS 16 /* that a peer may offer */

enum spnego_state {
	SPNEGO_ABSENT = -1,
	SPNEGO_ACCEPT_COMPLETED = 0,
	SPNEGO_ACCEPT_INCOMPLETE = 1,
	SPNEGO_REJECT = 2,
	SPNEGO_REQUEST_MIC = 3,
};

/* Contents of the object identifiers (without tag and length). */
extern const struct wire_view spnego_oid;
extern const struct wire_view spnego_krb5;
extern const struct wire_view spnego_ms_krb5; /* as old Windows spells it */
extern const struct wire_view spnego_ntlmssp;

struct spnego_init {
	struct wire_view mechs[SPNEGO_MECHS]; /* in order of preference */
	unsigned int mech_count;
	struct wire_view
		mech_list;      /* the whole MechTypeList: what a MIC is of */
	struct wire_view token; /* empty when absent */
	struct wire_view mic;
};

struct spnego_resp {
	enum spnego_state state;
	struct wire_view mech;  /* supportedMech */
	struct wire_view token; /* responseToken */
	struct wire_view mic;
};

/* What the token is, without looking deep. */
bool spnego_is_init(struct wire_view token);

/* 0 or -EBADMSG. Reads NegTokenInit and NegTokenInit2. */
int spnego_init_decode(struct wire_view token, struct spnego_init *ret_init);
int spnego_resp_decode(struct wire_view token, struct spnego_resp *ret_resp);

/*
 * Write a token at the start of buffer; return its length or -ENOBUFS. Empty
 * views are left out. mech_list of an init is not read but made from mechs;
 * hint adds the NegTokenInit2 field that servers send.
 */
int spnego_init_encode(const struct spnego_init *init, bool hint,
	uint8_t *ret_bytes, size_t size);
int spnego_resp_encode(
	const struct spnego_resp *resp, uint8_t *ret_bytes, size_t size);

#endif
