/* SPDX-License-Identifier: MIT */
/* Inside transport/ only: credentials of one role, access control lists. */
#ifndef SMB3X_TRANSPORT_QUIC_TLS_INTERNAL_H
#define SMB3X_TRANSPORT_QUIC_TLS_INTERNAL_H

#include "transport/quic_tls.h"

struct quic_access_entry {
	bool issuer;
	char *text; /* a fingerprint or a name */
};

struct quic_access {
	struct quic_access_entry *entries;
	unsigned int count;
};

struct quic_tls {
	unsigned int holds; /* whoever created it, and sessions */
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key, resume;
	uint32_t early_data; /* bytes that the last ticket permits */
	bool server, self_made, insecure, require_client, skip_access;
	char fingerprint[QUIC_FINGERPRINT_TEXT];
	char wanted[QUIC_FINGERPRINT_TEXT]; /* of the server */
	struct quic_access allow, deny;
};

struct quic_tls *quic_tls_of(gnutls_session_t session);

/* quic_access.c */
int quic_access_parse(struct quic_tls *tls,
	const struct quic_tls_server *server, char ret_error[256]);
void quic_access_finish(struct quic_access *access);
/* The peer's chain may enter. [MS-SMB2] 3.3.5.1 */
bool quic_access_granted(const struct quic_tls *tls, gnutls_session_t session);
int quic_access_leaf(
	gnutls_session_t session, char ret_text[QUIC_FINGERPRINT_TEXT]);

#endif
