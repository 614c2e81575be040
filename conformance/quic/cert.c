/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-CERT: the certificate of the server. spec/quic.adoc, section
 * "Server certificates and names"
 */
#include <string.h>

#include "suite/file.h"
#include "suite/quic.h"

static const char *name_of(const struct test *t)
{
	return t->target->quic.name != NULL ? t->target->quic.name
					    : t->target->host;
}

static struct quic_certificate certificate_of(struct test *t)
{
	struct quic_certificate certificate;
	struct peer *a = quic_connect(t, NULL);

	need(t, quic_wire_certificate(a->quic, name_of(t), &certificate) == 0,
		"a certificate");
	observe(t, NULL, "names", "%s", certificate.names);
	return certificate;
}

CONF_TEST(quic, name_in_certificate, "the certificate names the server",
	RULES(QUIC_CERT_0001), NEEDS(QUIC_TRANSPORT))
{
	const char *name = name_of(t);
	struct quic_certificate certificate;

	need_capability(t, NULL,
		strspn(name, "0123456789.") != strlen(name) &&
			strchr(name, ':') == NULL,
		"a target with a DNS name (not %s; see --quic-name)", name);
	certificate = certificate_of(t);
	check(t, NULL, certificate.names_target, QUIC_CERT_0001,
		"%s among the names (%s)", name, certificate.names);
}

CONF_TEST(quic, use_of_certificate, "the certificate is one for servers",
	RULES(QUIC_CERT_0002, QUIC_CERT_0003), NEEDS(QUIC_TRANSPORT))
{
	struct quic_certificate certificate = certificate_of(t);

	check(t, NULL, !certificate.has_usage || certificate.for_servers,
		QUIC_CERT_0002, "serverAuth in the extended key usage");
	check(t, NULL, certificate.valid_now, QUIC_CERT_0003,
		"a period of validity that holds now");
}

static const struct sni_row {
	const char *name, *sni;
	bool absent;
} sni_rows[] = {
	{"absent", NULL, true},
	{"unknown", "unknown.smb3x.test", false},
};

/* Products differ here: a server with a table of names ends the connection,
 * one with a single certificate presents it. For the record. */
CONF_TABLE(quic, other_names, sni_rows, "no server name, and an unknown one",
	RULES(QUIC_CERT_0003), NEEDS(QUIC_TRANSPORT))
{
	const struct quic_offer offer = {
		.name = row->sni, .no_name = row->absent};
	struct quic_certificate certificate;
	struct quic_outcome outcome;
	struct peer *a = quic_attempt(t, &offer, &outcome);

	observe(t, NULL, row->name, "%s",
		a != NULL ? "accepted" : quic_told(t, outcome));
	if (a != NULL) {
		need(t,
			quic_wire_certificate(
				a->quic, name_of(t), &certificate) == 0,
			"a certificate");
	}
	check(t, NULL, a == NULL || certificate.valid_now, QUIC_CERT_0003,
		"a valid certificate or none");
}
