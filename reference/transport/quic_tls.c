/* SPDX-License-Identifier: MIT */
/* Credentials and sessions; see quic_tls.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ports/rule.h"
#include "transport/quic_compat.h"
#include "transport/quic_limits.h"
#include "transport/quic_tls_internal.h"

#define ALPN "smb"
#define ALERT_ACCESS_DENIED 49
#define EXTENSION_ALPN 16
#define EARLY_DATA 42 /* the extension; RFC 8446, section 4.2 */
#define TICKET_REQUEST 58
#define PRIORITY \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:" \
	"+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-CCM:-GROUP-ALL:" \
	"+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1:+GROUP-SECP521R1:" \
	"%DISABLE_TLS13_COMPAT_MODE"

int quic_fingerprint_parse(
	const char *text, char ret_text[QUIC_FINGERPRINT_TEXT])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ':' && n > 0 && n % 2 == 0) {
			continue;
		}
		if (!isxdigit((unsigned char)*text) ||
			n == QUIC_FINGERPRINT_TEXT - 1) {
			return -EINVAL;
		}
		ret_text[n++] = (char)tolower((unsigned char)*text);
	}
	ret_text[n] = '\0';
	return n == QUIC_FINGERPRINT_TEXT - 1 ? 0 : -EINVAL;
}

static int fail(char error[256], const char *what, const char *name, int code)
{
	snprintf(error, 256, "%s%s%s: %s", what, name != NULL ? " " : "",
		name != NULL ? name : "", gnutls_strerror(code));
	return -EINVAL;
}

/* Our own certificate's fingerprint, for people to compare. */
static int read_fingerprint(struct quic_tls *tls)
{
	gnutls_x509_crt_t *list = NULL;
	unsigned int count = 0;
	int r = gnutls_certificate_get_x509_crt(
		tls->credentials, 0, &list, &count);

	if (r < 0) {
		return r;
	}
	if (count > 0) {
		r = quic_cert_fingerprint(list[0], tls->fingerprint);
	}
	for (unsigned int i = 0; i < count; i++) {
		gnutls_x509_crt_deinit(list[i]);
	}
	gnutls_free(list);
	return r;
}

static int load_certificate(struct quic_tls *tls, const char *certificate,
	const char *key, char error[256])
{
	int r = gnutls_certificate_set_x509_key_file(tls->credentials,
		certificate, key != NULL ? key : certificate,
		GNUTLS_X509_FMT_PEM);

	if (r < 0) {
		return fail(error, "certificate", certificate, r);
	}
	r = read_fingerprint(tls);
	return r < 0 ? fail(error, "certificate", certificate, r) : 0;
}

/* The certificate that was made for earlier settings. */
static int take_certificate(const struct quic_tls *from,
	gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_crt)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t *list;
	unsigned int count;

	if (gnutls_certificate_get_x509_key(from->credentials, 0, &key) < 0) {
		return -ENOMEM;
	}
	if (gnutls_certificate_get_x509_crt(
		    from->credentials, 0, &list, &count) < 0) {
		gnutls_x509_privkey_deinit(key);
		return -ENOMEM;
	}
	*ret_key = key;
	*ret_crt = list[0]; /* a chain of one */
	gnutls_free(list);
	return 0;
}

static int make_certificate(
	struct quic_tls *tls, const struct quic_tls *kept, char error[256])
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	int r = kept != NULL && kept->self_made
			? take_certificate(kept, &key, &crt)
			: quic_cert_make(&key, &crt);

	if (r < 0) {
		snprintf(error, 256, "no certificate could be made");
		return r;
	}
	r = gnutls_certificate_set_x509_key(tls->credentials, &crt, 1, key);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	if (r < 0) {
		return fail(error, "the certificate made", NULL, r);
	}
	tls->self_made = true;
	r = read_fingerprint(tls);
	return r < 0 ? fail(error, "the certificate made", NULL, r) : 0;
}

static int create(struct quic_tls **ret_tls, char error[256])
{
	struct quic_tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (tls == NULL) {
		return -ENOMEM;
	}
	tls->holds = 1;
	r = gnutls_certificate_allocate_credentials(&tls->credentials);
	if (r == 0) {
		r = gnutls_priority_init(&tls->priority, PRIORITY, NULL);
	}
	if (r < 0) {
		quic_tls_destroy(tls);
		return fail(error, "TLS", NULL, r);
	}
	*ret_tls = tls;
	return 0;
}

static int finish_new(struct quic_tls *tls, int r, struct quic_tls **ret_tls)
{
	if (r < 0) {
		quic_tls_destroy(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

static int load_ca(struct quic_tls *tls, const char *ca, char error[256])
{
	int r = gnutls_certificate_set_x509_trust_file(
		tls->credentials, ca, GNUTLS_X509_FMT_PEM);

	if (r == 0) {
		r = GNUTLS_E_NO_CERTIFICATE_FOUND;
	}
	return r < 0 ? fail(error, "CA file", ca, r) : 0;
}

static int set_up_server(struct quic_tls *tls,
	const struct quic_tls_server *server, char error[256])
{
	int r;

	tls->server = true;
	tls->require_client = server->require_client;
	tls->skip_access = server->skip_access;
	r = server->file_count == 0 ? make_certificate(tls, server->kept, error)
				    : 0;
	for (unsigned int i = 0; i < server->file_count && r == 0; i++) {
		r = load_certificate(tls, server->files[i].certificate,
			server->files[i].key, error);
	}
	if (r == 0 && server->ca != NULL) {
		r = load_ca(tls, server->ca, error);
	} else if (r == 0 && server->require_client) {
		snprintf(error, 256,
			"client certificates need a CA to check them with");
		r = -EINVAL;
	}
	if (r == 0) {
		r = quic_access_parse(tls, server, error);
	}
	if (r == 0) {
		r = gnutls_session_ticket_key_generate(&tls->ticket_key);
		r = r < 0 ? fail(error, "TLS", NULL, r) : 0;
	}
	return r;
}

int quic_tls_server_create(const struct quic_tls_server *server,
	struct quic_tls **ret_tls, char ret_error[256])
{
	struct quic_tls *tls;
	int r = create(&tls, ret_error);

	if (r < 0) {
		return r;
	}
	return finish_new(tls, set_up_server(tls, server, ret_error), ret_tls);
}

static int set_up_client(struct quic_tls *tls,
	const struct quic_tls_client *client, char error[256])
{
	int r = 0;

	tls->insecure = client->insecure;
	if (client->fingerprint != NULL &&
		quic_fingerprint_parse(client->fingerprint, tls->wanted) < 0) {
		snprintf(error, 256,
			"a fingerprint is a SHA-256 in hexadecimal");
		return -EINVAL;
	}
	if (client->ca != NULL) {
		r = load_ca(tls, client->ca, error);
	} else if (!client->insecure && client->fingerprint == NULL) {
		r = gnutls_certificate_set_x509_system_trust(tls->credentials);
		r = r < 0 ? fail(error, "the system's CAs", NULL, r) : 0;
	}
	if (r == 0 && client->certificate != NULL) {
		r = load_certificate(
			tls, client->certificate, client->key, error);
	}
	return r;
}

int quic_tls_client_create(const struct quic_tls_client *client,
	struct quic_tls **ret_tls, char ret_error[256])
{
	struct quic_tls *tls;
	int r = create(&tls, ret_error);

	if (r < 0) {
		return r;
	}
	return finish_new(tls, set_up_client(tls, client, ret_error), ret_tls);
}

void quic_tls_destroy(struct quic_tls *tls)
{
	if (tls == NULL || --tls->holds > 0) {
		return;
	}
	if (tls->credentials != NULL) {
		gnutls_certificate_free_credentials(tls->credentials);
	}
	if (tls->priority != NULL) {
		gnutls_priority_deinit(tls->priority);
	}
	gnutls_free(tls->ticket_key.data);
	gnutls_free(tls->resume.data);
	quic_access_finish(&tls->allow);
	quic_access_finish(&tls->deny);
	free(tls);
}

const char *quic_tls_fingerprint(const struct quic_tls *tls)
{
	return tls->fingerprint;
}

bool quic_tls_self_made(const struct quic_tls *tls)
{
	return tls->self_made;
}

bool quic_tls_can_resume(const struct quic_tls *tls)
{
	return tls->resume.data != NULL;
}

uint32_t quic_tls_early_data(const struct quic_tls *tls)
{
	return tls->early_data;
}

bool quic_tls_is_smb(gnutls_session_t session)
{
	gnutls_datum_t chosen;

	return gnutls_alpn_get_selected_protocol(session, &chosen) == 0 &&
	       chosen.size == strlen(ALPN) &&
	       memcmp(chosen.data, ALPN, chosen.size) == 0;
}

static struct quic_tls_peer *peer_of(gnutls_session_t session)
{
	return gnutls_db_get_ptr(session);
}

/* What a ClientHello says about application protocols. */
struct offer {
	bool there, smb, nearly; /* nearly: but for upper and lower case */
};

/* RFC 7301, section 3.1: a length, then names behind their lengths. */
static int read_alpn(
	void *ctx, unsigned int type, const unsigned char *p, unsigned int n)
{
	struct offer *offer = ctx;

	if (type != EXTENSION_ALPN || n < 2) {
		return 0;
	}
	offer->there = true;
	for (unsigned int i = 2; i < n && p[i] < n - i; i += 1u + p[i]) {
		const char *name = (const char *)p + i + 1;
		bool counts = i == 2 || RULE(QUIC_CONNECT_0001);

		if (p[i] == strlen(ALPN) && counts) {
			offer->smb = offer->smb || memcmp(name, ALPN, 3) == 0;
			offer->nearly = offer->nearly ||
					strncasecmp(name, ALPN, 3) == 0;
		}
	}
	return 0;
}

/* RFC 9001, section 8.1. GNUTLS_ALPN_MANDATORY alone would let a ClientHello
 * without any list pass. */
static int got_client_hello(gnutls_session_t session, unsigned int type,
	unsigned int when, unsigned int incoming, const gnutls_datum_t *message)
{
	struct offer offer = {false, false, false};
	bool fine;

	(void)type;
	(void)when;
	(void)session;
	if (!incoming) {
		return 0;
	}
	(void)gnutls_ext_raw_parse(&offer, read_alpn, message,
		GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
	if (!offer.there) {
		fine = !RULE(QUIC_CONNECT_0003);
	} else {
		fine = offer.smb || !RULE(QUIC_CONNECT_0002) ||
		       (offer.nearly && !RULE(QUIC_CONNECT_0004));
	}
	return fine ? 0 : GNUTLS_E_NO_APPLICATION_PROTOCOL;
}

static int set_alpn(gnutls_session_t session, const struct quic_tls_peer *peer)
{
	gnutls_datum_t list[8] = {{(unsigned char *)ALPN, strlen(ALPN)}};
	unsigned int count = 1;

	if (peer->alpn != NULL) {
		count = peer->alpn_count < 8 ? peer->alpn_count : 8;
		for (unsigned int i = 0; i < count; i++) {
			list[i].data = (unsigned char *)peer->alpn[i];
			list[i].size = (unsigned int)strlen(peer->alpn[i]);
		}
	}
	/* A server has looked at the list itself: got_client_hello(). */
	return count == 0
		       ? 0
		       : gnutls_alpn_set_protocols(session, list, count,
				 peer->tls->server ? 0 : GNUTLS_ALPN_MANDATORY);
}

static int refuse(struct quic_tls_peer *peer, uint8_t alert, const char *why)
{
	snprintf(peer->refusal, sizeof(peer->refusal), "%s", why);
	peer->alert = alert;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/* The alert that names what is wrong. RFC 8446, section 6.2 */
static uint8_t alert_of(unsigned int status)
{
	if (status & GNUTLS_CERT_EXPIRED) {
		return GNUTLS_A_CERTIFICATE_EXPIRED;
	}
	if (status & GNUTLS_CERT_REVOKED) {
		return GNUTLS_A_CERTIFICATE_REVOKED;
	}
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA |
			     GNUTLS_CERT_MISSING_OCSP_STATUS)) {
		return GNUTLS_A_UNKNOWN_CA;
	}
	return GNUTLS_A_BAD_CERTIFICATE;
}

/* What a broken server would not mind in a client's certificate. */
static unsigned int forgive(unsigned int status)
{
	unsigned int forgiven = 0;

	if (!RULE(QUIC_ACCESS_0003)) {
		forgiven |= GNUTLS_CERT_SIGNER_NOT_FOUND |
			    GNUTLS_CERT_SIGNER_NOT_CA;
	}
	if (!RULE(QUIC_ACCESS_0004)) {
		forgiven |= GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
	}
	if (!RULE(QUIC_ACCESS_0005)) {
		forgiven |= GNUTLS_CERT_PURPOSE_MISMATCH;
	}
	if (forgiven != 0) {
		status &= ~forgiven;
		status = status == GNUTLS_CERT_INVALID ? 0 : status;
	}
	return status;
}

static int check_chain(gnutls_session_t session, const char *name,
	const char *purpose, struct quic_tls_peer *peer)
{
	gnutls_typed_vdata_st data[2] = {
		{GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0},
		{GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)name, 0}};
	gnutls_datum_t text = {0};
	unsigned int status = 0;
	int r = gnutls_certificate_verify_peers(
		session, data, name != NULL ? 2 : 1, &status);

	if (r < 0) {
		return refuse(
			peer, GNUTLS_A_BAD_CERTIFICATE, gnutls_strerror(r));
	}
	if (name == NULL) {
		status = forgive(status);
	}
	if (status == 0) {
		return 0;
	}
	gnutls_certificate_verification_status_print(
		status, GNUTLS_CRT_X509, &text, 0);
	r = refuse(peer, alert_of(status),
		text.data != NULL ? (const char *)text.data
				  : "the certificate is not valid");
	gnutls_free(text.data);
	return r;
}

static int check_fingerprint(gnutls_session_t session, const char *wanted,
	struct quic_tls_peer *peer)
{
	char found[QUIC_FINGERPRINT_TEXT];

	if (quic_access_leaf(session, found) < 0 ||
		strcmp(found, wanted) != 0) {
		return refuse(peer, GNUTLS_A_BAD_CERTIFICATE,
			"the fingerprint is another one");
	}
	return 0;
}

static int verify_server(gnutls_session_t session)
{
	struct quic_tls_peer *peer = peer_of(session);
	const struct quic_tls *tls = quic_tls_of(session);

	if (tls->insecure) {
		return 0;
	}
	if (tls->wanted[0] != '\0') {
		return check_fingerprint(session, tls->wanted, peer);
	}
	return check_chain(session, peer->name, GNUTLS_KP_TLS_WWW_SERVER, peer);
}

static int verify_client(gnutls_session_t session)
{
	struct quic_tls_peer *peer = peer_of(session);
	const struct quic_tls *tls = quic_tls_of(session);
	unsigned int count = 0;
	int r;

	if (gnutls_certificate_get_peers(session, &count) == NULL ||
		count == 0) {
		return 0; /* one that was required is missed elsewhere */
	}
	r = check_chain(session, NULL, GNUTLS_KP_TLS_WWW_CLIENT, peer);
	if (r == 0 && !(tls->skip_access && RULE(QUIC_ACCESS_0011)) &&
		!quic_access_granted(tls, session)) {
		r = refuse(peer,
			RULE(QUIC_ACCESS_0010) ? ALERT_ACCESS_DENIED
					       : GNUTLS_A_BAD_CERTIFICATE,
			"the access control list does not let it in");
	}
	return r;
}

static uint16_t big_endian16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The early_data extension of a NewSessionTicket; 0 without one. RFC 8446,
 * sections 4.2.10 and 4.6.1 */
static uint32_t early_data_in(const gnutls_datum_t *message)
{
	const uint8_t *p = message->data;
	size_t n = message->size, at = 8;

	if (n >= 2 && n == 2u + big_endian16(p)) {
		at = 0; /* GnuTLS took what comes before */
	} else {        /* behind lifetime and age: nonce, ticket */
		at += at < n ? 1u + p[at] : n;
		at += at + 2 <= n ? 2u + big_endian16(p + at) : n;
	}
	for (at += 2; at + 4 <= n; at += 4u + big_endian16(p + at + 2)) {
		if (big_endian16(p + at) == EARLY_DATA && at + 8 <= n) {
			return (uint32_t)big_endian16(p + at + 4) << 16 |
			       big_endian16(p + at + 6);
		}
	}
	return 0;
}

/* A ticket of the server: kept for the next connection. */
static int got_ticket(gnutls_session_t session, unsigned int type,
	unsigned int when, unsigned int incoming, const gnutls_datum_t *message)
{
	struct quic_tls *tls = quic_tls_of(session);
	gnutls_datum_t data;

	(void)type;
	(void)when;
	if (incoming) {
		tls->early_data = early_data_in(message);
	}
	if (incoming && gnutls_session_get_data2(session, &data) == 0) {
		gnutls_free(tls->resume.data);
		tls->resume = data;
	}
	return 0;
}

/* RFC 9149: tickets only for clients that ask for them. Some cannot take a
 * message of TLS after the handshake at all. */
static int send_ticket_request(gnutls_session_t session, gnutls_buffer_t out)
{
	static const uint8_t counts[2] = {1, 1}; /* new session, resumption */

	if (quic_tls_of(session)->server) {
		return 0;
	}
	return gnutls_buffer_append_data(out, counts, sizeof(counts)) < 0
		       ? GNUTLS_E_MEMORY_ERROR
		       : (int)sizeof(counts);
}

static int got_ticket_request(
	gnutls_session_t session, const unsigned char *p, size_t n)
{
	if (quic_tls_of(session)->server && n == 2) {
		peer_of(session)->wants_ticket = p[0] > 0 || p[1] > 0;
	}
	return 0;
}

static bool is_address(const char *name)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 ||
	       inet_pton(AF_INET6, name, bytes) == 1;
}

static int set_up_client_session(
	struct quic_tls *tls, gnutls_session_t s, struct quic_tls_peer *peer)
{
	int r = ngtcp2_crypto_gnutls_configure_client_session(s);

	if (r == 0 && peer->name != NULL && !peer->no_name &&
		!is_address(peer->name)) {
		r = gnutls_server_name_set(
			s, GNUTLS_NAME_DNS, peer->name, strlen(peer->name));
	}
	gnutls_session_set_verify_function(s, verify_server);
	gnutls_handshake_set_hook_function(s,
		GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST,
		got_ticket);
	if (r == 0 && tls->resume.data != NULL) {
		(void)gnutls_session_set_data(
			s, tls->resume.data, tls->resume.size);
	}
	return r;
}

static int set_up_server_session(struct quic_tls *tls, gnutls_session_t s)
{
	int r = peer_of(s)->glue != NULL
			? peer_of(s)->glue(s)
			: ngtcp2_crypto_gnutls_configure_server_session(s);

	gnutls_handshake_set_hook_function(s, GNUTLS_HANDSHAKE_CLIENT_HELLO,
		GNUTLS_HOOK_PRE, got_client_hello);
	if (!RULE(QUIC_CONNECT_0012)) {
		(void)gnutls_record_set_max_early_data_size(s, 65536);
	}
	if (tls->require_client) {
		gnutls_certificate_server_set_request(
			s, RULE(QUIC_ACCESS_0001) ? GNUTLS_CERT_REQUIRE
						  : GNUTLS_CERT_REQUEST);
		gnutls_session_set_verify_function(s, verify_client);
	} else if (r == 0) {
		/* A resumed session would skip a client's certificate. */
		r = gnutls_session_ticket_enable_server(s, &tls->ticket_key);
	}
	return r;
}

int quic_tls_session(struct quic_tls *tls, struct quic_tls_peer *peer,
	void *conn_ref, gnutls_session_t *ret_session)
{
	gnutls_session_t s;
	unsigned int flags =
		tls->server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET
			    : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	int r;

	if (tls->server && !RULE(QUIC_CONNECT_0012)) {
		flags |= GNUTLS_ENABLE_EARLY_DATA;
	}
	r = gnutls_init(&s, flags | GNUTLS_NO_END_OF_EARLY_DATA);

	if (r < 0) {
		return -ENOMEM;
	}
	gnutls_session_set_ptr(s, conn_ref);
	gnutls_db_set_ptr(s, peer);
	peer->tls = tls;
	r = gnutls_priority_set(s, tls->priority);
	if (r == 0) {
		r = gnutls_credentials_set(
			s, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	}
	if (r == 0) {
		r = tls->server ? set_up_server_session(tls, s)
				: set_up_client_session(tls, s, peer);
	}
	if (r == 0) {
		r = set_alpn(s, peer);
	}
	if (r == 0) {
		r = gnutls_session_ext_register(s, "ticket_request",
			TICKET_REQUEST, GNUTLS_EXT_TLS, got_ticket_request,
			send_ticket_request, NULL, NULL, NULL,
			GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO |
				GNUTLS_EXT_FLAG_EE);
	}
	if (r < 0) {
		gnutls_deinit(s);
		return -EIO;
	}
	tls->holds++;
	*ret_session = s;
	return 0;
}

void quic_tls_session_end(gnutls_session_t session)
{
	struct quic_tls *tls = quic_tls_of(session);

	gnutls_deinit(session);
	quic_tls_destroy(tls);
}

struct quic_tls *quic_tls_of(gnutls_session_t session)
{
	return peer_of(session)->tls;
}

void quic_tls_offer_ticket(struct quic_tls *tls, gnutls_session_t session)
{
	if (!tls->require_client && peer_of(session)->wants_ticket) {
		(void)gnutls_session_ticket_send(session, 1, 0);
	}
}
