/* SPDX-License-Identifier: MIT */
/*
 * TLS 1.3 for SMB over QUIC: credentials, the server's certificate and its
 * check by the client, client certificates and who is let in by them.
 * [MS-SMB2] 3.1.1.1, 3.2.4.2.1, 3.3.1.17, 3.3.5.1; RFC 9001
 */
#ifndef SMB3X_TRANSPORT_QUIC_TLS_H
#define SMB3X_TRANSPORT_QUIC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define QUIC_CERTIFICATES 16
#define QUIC_FINGERPRINT_TEXT 65 /* SHA-256 in hexadecimal, and its end */

struct quic_tls;

/* An entry of an access control list: "sha256:HEX" of a certificate, or
 * "issuer:NAME", an X.500 name as RFC 4514 writes it. */
struct quic_tls_file {
	const char *certificate, *key; /* PEM; key NULL: in the same file */
};

struct quic_tls_server {
	/* The one for the name that the client asks for is taken, or the
	 * first. None: that of kept if it was made, or one is made. */
	struct quic_tls_file files[QUIC_CERTIFICATES];
	unsigned int file_count;
	const struct quic_tls *kept; /* of earlier settings; may be NULL */
	const char *ca;              /* PEM, who signs client certificates */
	bool require_client;
	bool skip_access; /* every valid client certificate is enough */
	const char *const *allow, *const *deny; /* deny wins */
	unsigned int allow_count, deny_count;
};

struct quic_tls_client {
	const char *ca;          /* PEM; NULL: what the system trusts */
	const char *fingerprint; /* of the server's certificate, instead */
	bool insecure;           /* any certificate is good */
	const char *certificate, *key; /* our own, if the server asks */
};

/* On failure a line about it is in ret_error. */
int quic_tls_server_create(const struct quic_tls_server *server,
	struct quic_tls **ret_tls, char ret_error[256]);
int quic_tls_client_create(const struct quic_tls_client *client,
	struct quic_tls **ret_tls, char ret_error[256]);
/* It is there until its last session has ended. Accepts NULL. */
void quic_tls_destroy(struct quic_tls *tls);

/* Of the own certificate; "" without one. */
const char *quic_tls_fingerprint(const struct quic_tls *tls);
bool quic_tls_self_made(const struct quic_tls *tls);

/* "AB:CD..." or "abcd...", any case -> "abcd..."; -EINVAL. */
int quic_fingerprint_parse(
	const char *text, char ret_text[QUIC_FINGERPRINT_TEXT]);

/* What a session is told by its connection. */
struct quic_tls_peer {
	const char *name;        /* client: the server's name */
	const char *const *alpn; /* NULL: "smb" only */
	unsigned int alpn_count; /* 0 with alpn set: no ALPN at all */
	bool no_name;            /* client: send no server name */
	/* Connects the session with packets; NULL: with ngtcp2. */
	int (*glue)(gnutls_session_t session);
	/* Out: why the peer's certificate was refused, "" if not; and the
	 * TLS alert that says so, 0 = the usual one. */
	char refusal[128];
	uint8_t alert;
	struct quic_tls *tls; /* its own */
	bool wants_ticket;    /* likewise */
};

/* A session for one connection; peer outlives it. conn_ref is the
 * ngtcp2_crypto_conn_ref that ngtcp2's glue wants. */
int quic_tls_session(struct quic_tls *tls, struct quic_tls_peer *peer,
	void *conn_ref, gnutls_session_t *ret_session);
void quic_tls_session_end(gnutls_session_t session);
/* "smb" was agreed on, in this session. */
bool quic_tls_is_smb(gnutls_session_t session);
/* A server's session offers to be resumed (never with early data). */
void quic_tls_offer_ticket(struct quic_tls *tls, gnutls_session_t session);

/* Client: takes up what an earlier connection to the same server left. */
bool quic_tls_can_resume(const struct quic_tls *tls);
/* Bytes of early data that the server's last ticket permits, 0 as a rule. */
uint32_t quic_tls_early_data(const struct quic_tls *tls);

/* quic_cert.c: a key and a certificate for this machine, in memory. */
int quic_cert_make(gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_crt);
int quic_cert_fingerprint(
	gnutls_x509_crt_t crt, char ret_text[QUIC_FINGERPRINT_TEXT]);

#endif
