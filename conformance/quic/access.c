/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-ACCESS: clients that are let in by certificate. The server is set
 * up as conformance/quic/make-certificates says. spec/quic.adoc, section
 * "Client access control"; [MS-SMB2] 3.3.1.18, 3.3.5.1
 */
#include <unistd.h>

#include "suite/file.h"
#include "suite/quic.h"

#define CERTIFICATE_REQUIRED 0x174
#define ACCESS_DENIED 0x131

static const char *path_of(struct test *t, const char *name, const char *end)
{
	return test_text(t, "%s/%s%s", t->target->quic.access, name, end);
}

/* The folder of certificates; its server looks at its list, or skips it. */
static void need_access(struct test *t, bool skip)
{
	need_capability(t, NULL, t->target->quic.access != NULL,
		"a server that requires client certificates (--quic-access)");
	need_capability(t, NULL,
		(access(path_of(t, "skip", ""), F_OK) == 0) == skip,
		"a server that %s its list", skip ? "skips" : "looks at");
}

/* A connection as the holder of this certificate, NULL for none, and what
 * became of NEGOTIATE on it. */
struct entry {
	bool answered;
	struct quic_outcome outcome;
};

static struct entry enter(struct test *t, const char *name)
{
	struct quic_offer offer = {.no_certificate = true};
	struct entry entry = {.answered = false};
	struct peer *a;

	if (name != NULL) {
		offer.no_certificate = false;
		offer.certificate = path_of(t, name, ".pem");
		offer.key = path_of(t, name, ".key");
	}
	a = quic_attempt(t, &offer, &entry.outcome);
	if (a != NULL) { /* the client's side is complete before the server's */
		entry.answered =
			peer_negotiate(a, NULL)->outcome == REPLY_ARRIVED;
		entry.outcome = quic_ended_within(
			a, entry.answered ? 0 : CLOSE_TIMEOUT_MS);
	}
	return entry;
}

static const struct refused_row {
	const char *name, *certificate;
	enum rule_id rule;
} refused_rows[] = {
	{"none", NULL, RULE_QUIC_ACCESS_0001},
	{"untrusted", "untrusted", RULE_QUIC_ACCESS_0003},
	{"expired", "expired", RULE_QUIC_ACCESS_0004},
	{"for_servers", "for_servers", RULE_QUIC_ACCESS_0005},
	{"unlisted", "unlisted", RULE_QUIC_ACCESS_0008},
	{"denied", "denied", RULE_QUIC_ACCESS_0009},
};

CONF_TABLE(quic, refused, refused_rows, "who is not to come in gets no answer",
	RULES(QUIC_ACCESS_0001, QUIC_ACCESS_0003, QUIC_ACCESS_0004,
		QUIC_ACCESS_0005, QUIC_ACCESS_0008, QUIC_ACCESS_0009),
	NEEDS(QUIC_TRANSPORT))
{
	struct entry entry;

	need_access(t, false);
	entry = enter(t, row->certificate);
	check_rule(t, NULL, !entry.answered, row->rule, "no answer");
	check_rule(t, NULL, entry.outcome.how == QUIC_PEER_TRANSPORT, row->rule,
		"CONNECTION_CLOSE (it was: %s)", quic_told(t, entry.outcome));
	observe(t, NULL, row->name, "%s", quic_told(t, entry.outcome));
}

static const struct code_row {
	const char *name, *certificate;
	unsigned int code;
	enum rule_id rule;
} code_rows[] = {
	{"none", NULL, CERTIFICATE_REQUIRED, RULE_QUIC_ACCESS_0002},
	{"unlisted", "unlisted", ACCESS_DENIED, RULE_QUIC_ACCESS_0010},
	{"denied", "denied", ACCESS_DENIED, RULE_QUIC_ACCESS_0010},
};

CONF_TABLE(quic, codes_of_refusal, code_rows, "the code says why",
	RULES(QUIC_ACCESS_0002, QUIC_ACCESS_0010), NEEDS(QUIC_TRANSPORT))
{
	struct entry entry;

	need_access(t, false);
	entry = enter(t, row->certificate);
	check_rule(t, NULL,
		entry.outcome.how == QUIC_PEER_TRANSPORT &&
			entry.outcome.code == row->code,
		row->rule, "CONNECTION_CLOSE with the code 0x%x (it was: %s)",
		row->code, quic_told(t, entry.outcome));
}

static const struct admitted_row {
	const char *name;
	bool skip;
	enum rule_id rule;
} admitted_rows[] = {
	{"allowed", false, RULE_QUIC_ACCESS_0006},
	{"by_issuer", false, RULE_QUIC_ACCESS_0007},
	{"unlisted", true, RULE_QUIC_ACCESS_0011},
	{"denied", true, RULE_QUIC_ACCESS_0011},
};

CONF_TABLE(quic, admitted, admitted_rows, "who is to come in comes in",
	RULES(QUIC_ACCESS_0006, QUIC_ACCESS_0007, QUIC_ACCESS_0011),
	NEEDS(QUIC_TRANSPORT))
{
	struct entry entry;

	need_access(t, row->skip);
	entry = enter(t, row->name);
	check_rule(t, NULL, entry.answered, row->rule,
		"an answer to NEGOTIATE (the connection: %s)",
		quic_told(t, entry.outcome));
}
