/* SPDX-License-Identifier: MIT */
/*
 * Access control by client certificates: entries name a certificate by its
 * SHA-256 or an issuer by its name, and hold for every certificate of the
 * client's chain. An entry that denies wins; without one that allows nobody
 * enters. [MS-SMB2] 3.3.1.17, 3.3.5.1
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/rule.h"
#include "transport/quic_limits.h"
#include "transport/quic_tls_internal.h"

static int parse_entry(const char *text, struct quic_access_entry *ret_entry)
{
	char fingerprint[QUIC_FINGERPRINT_TEXT];

	ret_entry->issuer = strncmp(text, "issuer:", 7) == 0;
	if (ret_entry->issuer && text[7] != '\0') {
		ret_entry->text = strdup(text + 7);
	} else if (!ret_entry->issuer && strncmp(text, "sha256:", 7) == 0 &&
		   quic_fingerprint_parse(text + 7, fingerprint) == 0) {
		ret_entry->text = strdup(fingerprint);
	} else {
		return -EINVAL;
	}
	return ret_entry->text == NULL ? -ENOMEM : 0;
}

static int parse_list(struct quic_access *access, const char *const *texts,
	unsigned int count, char error[256])
{
	if (count > QUIC_ACCESS_MAX) {
		snprintf(error, 256, "an access control list is too long");
		return -E2BIG;
	}
	access->entries = calloc(count + 1, sizeof(*access->entries));
	if (access->entries == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < count; i++) {
		int r = parse_entry(texts[i], &access->entries[i]);

		if (r < 0) {
			snprintf(error, 256,
				"%s: sha256:HEX or issuer:NAME is expected",
				texts[i]);
			return r;
		}
		access->count++;
	}
	return 0;
}

int quic_access_parse(struct quic_tls *tls,
	const struct quic_tls_server *server, char ret_error[256])
{
	int r = parse_list(
		&tls->allow, server->allow, server->allow_count, ret_error);

	return r < 0 ? r
		     : parse_list(&tls->deny, server->deny, server->deny_count,
			       ret_error);
}

void quic_access_finish(struct quic_access *access)
{
	for (unsigned int i = 0; i < access->count; i++) {
		free(access->entries[i].text);
	}
	free(access->entries);
}

/* What the lists compare of one certificate. */
struct facts {
	char fingerprint[QUIC_FINGERPRINT_TEXT];
	char issuer[1024];
};

static int read_facts(const gnutls_datum_t *der, struct facts *ret_facts)
{
	gnutls_x509_crt_t crt;
	size_t n = sizeof(ret_facts->issuer);
	int r = gnutls_x509_crt_init(&crt);

	if (r < 0) {
		return -ENOMEM;
	}
	r = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (r == 0) {
		r = quic_cert_fingerprint(crt, ret_facts->fingerprint);
	}
	if (r == 0) {
		r = gnutls_x509_crt_get_issuer_dn(crt, ret_facts->issuer, &n);
	}
	gnutls_x509_crt_deinit(crt);
	return r == 0 ? 0 : -EINVAL;
}

static bool is_listed(const struct quic_access *access,
	const struct facts *facts, bool allows)
{
	for (unsigned int i = 0; i < access->count; i++) {
		const struct quic_access_entry *entry = &access->entries[i];

		const char *found =
			entry->issuer ? facts->issuer : facts->fingerprint;

		if (strcmp(entry->text, found) == 0) {
			return !allows ||
			       (entry->issuer ? RULE(QUIC_ACCESS_0007)
					      : RULE(QUIC_ACCESS_0006));
		}
	}
	return false;
}

/* Whether the next certificate of the chain signed this one: a client may send
 * along what has nothing to do with its own. */
static bool is_linked(const gnutls_datum_t *lower, const gnutls_datum_t *upper)
{
	gnutls_x509_crt_t crt[2] = {NULL, NULL};
	unsigned int status = 1;
	bool linked =
		gnutls_x509_crt_init(&crt[0]) == 0 &&
		gnutls_x509_crt_init(&crt[1]) == 0 &&
		gnutls_x509_crt_import(crt[0], lower, GNUTLS_X509_FMT_DER) ==
			0 &&
		gnutls_x509_crt_import(crt[1], upper, GNUTLS_X509_FMT_DER) ==
			0 &&
		gnutls_x509_crt_verify(crt[0], &crt[1], 1, 0, &status) == 0 &&
		status == 0;

	for (unsigned int i = 0; i < 2; i++) {
		if (crt[i] != NULL) {
			gnutls_x509_crt_deinit(crt[i]);
		}
	}
	return linked;
}

bool quic_access_granted(const struct quic_tls *tls, gnutls_session_t session)
{
	unsigned int count = 0;
	const gnutls_datum_t *chain =
		gnutls_certificate_get_peers(session, &count);
	bool allowed = false, linked = true;
	struct facts facts;

	if (chain == NULL || count == 0 || count > QUIC_CHAIN_MAX) {
		return false;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (read_facts(&chain[i], &facts) < 0 ||
			(is_listed(&tls->deny, &facts, false) &&
				RULE(QUIC_ACCESS_0009))) {
			return false;
		}
		linked = linked &&
			 (i == 0 || is_linked(&chain[i - 1], &chain[i]));
		allowed = allowed ||
			  (linked && is_listed(&tls->allow, &facts, true));
	}
	return allowed || !RULE(QUIC_ACCESS_0008);
}

int quic_access_leaf(
	gnutls_session_t session, char ret_text[QUIC_FINGERPRINT_TEXT])
{
	unsigned int count = 0;
	const gnutls_datum_t *chain =
		gnutls_certificate_get_peers(session, &count);
	struct facts facts;

	if (chain == NULL || count == 0 || read_facts(chain, &facts) < 0) {
		return -EINVAL;
	}
	memcpy(ret_text, facts.fingerprint, QUIC_FINGERPRINT_TEXT);
	return 0;
}
