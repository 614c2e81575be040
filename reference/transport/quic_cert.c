/* SPDX-License-Identifier: MIT */
/*
 * A certificate for a server that was given none: ECDSA over P-256, as the
 * client asks for in the documents on SMB over QUIC; small, so that it fits
 * into what a server may send before it knows the client's address.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "ports/rule.h"
#include "transport/quic_tls.h"

#define DAY 86400
#define VALID_DAYS 365

static int add_names(gnutls_x509_crt_t crt)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	static const uint8_t loopback6[16] = {[15] = 1};
	char host[256] = "";
	int r = 0;

	gethostname(host, sizeof(host) - 1);
	if (host[0] == '\0') {
		memcpy(host, "localhost", sizeof("localhost"));
	}
	r |= gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
		host, (unsigned int)strlen(host));
	r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, host,
		(unsigned int)strlen(host), GNUTLS_FSAN_SET);
	if (strcmp(host, "localhost") != 0) {
		r |= gnutls_x509_crt_set_subject_alt_name(crt,
			GNUTLS_SAN_DNSNAME, "localhost", 9, GNUTLS_FSAN_APPEND);
	}
	r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS,
		loopback, sizeof(loopback), GNUTLS_FSAN_APPEND);
	r |= gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS,
		loopback6, sizeof(loopback6), GNUTLS_FSAN_APPEND);
	return r;
}

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	uint8_t serial[16];
	time_t now = time(NULL);
	int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] &= 0x7f;
	r |= gnutls_x509_crt_set_version(crt, 3);
	r |= gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	r |= gnutls_x509_crt_set_activation_time(crt, now - DAY);
	r |= gnutls_x509_crt_set_expiration_time(
		crt, RULE(QUIC_CERT_0003) ? now + VALID_DAYS * DAY : now - 1);
	r |= add_names(crt);
	r |= gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	r |= gnutls_x509_crt_set_key_purpose_oid(crt,
		RULE(QUIC_CERT_0002) ? GNUTLS_KP_TLS_WWW_SERVER
				     : GNUTLS_KP_TLS_WWW_CLIENT,
		0);
	r |= gnutls_x509_crt_set_key(crt, key);
	r |= gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	return r == 0 ? 0 : -EIO;
}

int quic_cert_make(gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_crt)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int r = -EIO;

	if (gnutls_x509_privkey_init(&key) == 0 &&
		gnutls_x509_crt_init(&crt) == 0 &&
		gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
			GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
			0) == 0) {
		r = fill(crt, key);
	}
	if (r < 0) {
		if (crt != NULL) {
			gnutls_x509_crt_deinit(crt);
		}
		if (key != NULL) {
			gnutls_x509_privkey_deinit(key);
		}
		return r;
	}
	*ret_key = key;
	*ret_crt = crt;
	return 0;
}

int quic_cert_fingerprint(
	gnutls_x509_crt_t crt, char ret_text[QUIC_FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[32];
	size_t n = sizeof(hash);

	if (gnutls_x509_crt_get_fingerprint(crt, GNUTLS_DIG_SHA256, hash, &n) !=
			0 ||
		n != sizeof(hash)) {
		return -EIO;
	}
	for (size_t i = 0; i < n; i++) {
		ret_text[2 * i] = digits[hash[i] >> 4];
		ret_text[2 * i + 1] = digits[hash[i] & 15];
	}
	ret_text[2 * n] = '\0';
	return 0;
}
