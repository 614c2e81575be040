/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-CONNECT: application protocol, versions, dialect, early data,
 * load. spec/quic.adoc, section "Connection establishment"
 */
#include <string.h>

#include "suite/file.h"
#include "suite/quic.h"

#define NO_APPLICATION_PROTOCOL 0x178

static const struct alpn_row {
	const char *name;
	const char *list[3];
	unsigned int count;
	enum rule_id rule;
} good_rows[] = {
	{"smb", {"smb"}, 1, RULE_QUIC_CONNECT_0001},
	{"h3_smb", {"h3", "smb"}, 2, RULE_QUIC_CONNECT_0001},
	{"smb_h3", {"smb", "h3"}, 2, RULE_QUIC_CONNECT_0001},
	{"others_around", {"hq-interop", "smb", "doq"}, 3,
		RULE_QUIC_CONNECT_0001},
};
static const struct alpn_row bad_rows[] = {
	{"h3", {"h3"}, 1, RULE_QUIC_CONNECT_0002},
	{"two_others", {"h3", "doq"}, 2, RULE_QUIC_CONNECT_0002},
	{"beginning_of_it", {"sm"}, 1, RULE_QUIC_CONNECT_0002},
	{"more_than_it", {"smb2"}, 1, RULE_QUIC_CONNECT_0002},
	{"none", {NULL}, 0, RULE_QUIC_CONNECT_0003},
	{"upper_case", {"SMB"}, 1, RULE_QUIC_CONNECT_0004},
	{"mixed_case", {"Smb"}, 1, RULE_QUIC_CONNECT_0004},
};

static struct peer *attempt_with(struct test *t, const struct alpn_row *row,
	struct quic_outcome *ret_outcome)
{
	const struct quic_offer offer = {
		.alpn = row->list, .alpn_count = row->count};

	return quic_attempt(t, &offer, ret_outcome);
}

CONF_TABLE(quic, alpn_with_smb, good_rows,
	"\"smb\" is selected wherever it stands", RULES(QUIC_CONNECT_0001),
	NEEDS(QUIC_TRANSPORT))
{
	struct quic_outcome outcome;
	struct peer *a = attempt_with(t, row, &outcome);

	check(t, NULL, a != NULL, QUIC_CONNECT_0001,
		"a handshake that completes (%s)",
		a != NULL ? "it did" : quic_told(t, outcome));
	if (a != NULL) {
		check_ok(t, peer_negotiate(a, NULL), QUIC_CONNECT_0001);
	}
}

CONF_TABLE(quic, alpn_without_smb, bad_rows,
	"without \"smb\" there is no connection",
	RULES(QUIC_CONNECT_0002, QUIC_CONNECT_0003, QUIC_CONNECT_0004),
	NEEDS(QUIC_TRANSPORT))
{
	struct quic_outcome outcome;
	struct peer *a = attempt_with(t, row, &outcome);

	if (a != NULL) { /* the client's side is complete before the server's */
		outcome = quic_ended_within(a, CLOSE_TIMEOUT_MS);
	}
	check_rule(t, NULL,
		outcome.how == QUIC_PEER_TRANSPORT &&
			outcome.code == NO_APPLICATION_PROTOCOL,
		row->rule, "CONNECTION_CLOSE with the code 0x178 (it was: %s)",
		quic_told(t, outcome));
}

/* --- versions ------------------------------------------------------------- */

CONF_TEST(quic, version_1, "QUIC version 1 is spoken", RULES(QUIC_CONNECT_0005),
	NEEDS(QUIC_TRANSPORT))
{
	struct quic_outcome outcome;
	struct peer *a =
		quic_attempt(t, &(struct quic_offer){.version = 1}, &outcome);

	check(t, NULL, a != NULL, QUIC_CONNECT_0005,
		"a handshake that completes (%s)",
		a != NULL ? "it did" : quic_told(t, outcome));
}

#define STRANGE_VERSION 0x1a2a3a4au
#define ID_SIZE 8

/* A packet with a long header of a version that nobody has. RFC 8999, 5.1 */
static void fill_strange(struct test *t, uint8_t *packet, size_t n)
{
	memset(packet, 0, n);
	packet[0] = 0xc3;
	packet[1] = STRANGE_VERSION >> 24;
	packet[2] = (STRANGE_VERSION >> 16) & 0xff;
	packet[3] = (STRANGE_VERSION >> 8) & 0xff;
	packet[4] = STRANGE_VERSION & 0xff;
	packet[5] = ID_SIZE;
	test_random(t, packet + 6, ID_SIZE);
	packet[6 + ID_SIZE] = ID_SIZE;
	test_random(t, packet + 7 + ID_SIZE, ID_SIZE);
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static bool lists_version_1(const uint8_t *answer, size_t n)
{
	size_t at = 7 + 2 * ID_SIZE;

	for (; at + 4 <= n; at += 4) {
		if (big_endian(answer + at) == 1) {
			return true;
		}
	}
	return false;
}

CONF_TEST(quic, unknown_version,
	"an unknown version is answered with those that are known",
	RULES(QUIC_CONNECT_0006, QUIC_CONNECT_0007), NEEDS(QUIC_TRANSPORT))
{
	uint8_t packet[1200], answer[1500] = {0};
	ssize_t n;

	fill_strange(t, packet, sizeof(packet));
	n = quic_datagram(t->target, packet, sizeof(packet), 3000, answer,
		sizeof(answer));
	stop(t, NULL,
		n >= 7 + 2 * ID_SIZE && (answer[0] & 0x80) &&
			big_endian(answer + 1) == 0,
		QUIC_CONNECT_0006, "a Version Negotiation packet");
	check(t, NULL, lists_version_1(answer, (size_t)n), QUIC_CONNECT_0006,
		"version 0x00000001 in the list");
	check(t, NULL,
		answer[5] == ID_SIZE && answer[6 + ID_SIZE] == ID_SIZE &&
			!memcmp(answer + 6, packet + 7 + ID_SIZE, ID_SIZE) &&
			!memcmp(answer + 7 + ID_SIZE, packet + 6, ID_SIZE),
		QUIC_CONNECT_0007, "the connection IDs exchanged");
}

static const struct {
	const char *name;
	size_t size;
} small_rows[] = {{"600_bytes", 600}, {"1199_bytes", 1199}};

CONF_TABLE(quic, small_unknown_version, small_rows,
	"a small datagram of an unknown version is not answered",
	RULES(QUIC_CONNECT_0008), NEEDS(QUIC_TRANSPORT), TAGS(TAG_QUIET))
{
	uint8_t packet[1200], answer[1500];

	fill_strange(t, packet, row->size);
	check_number(t, NULL,
		(uint64_t)quic_datagram(t->target, packet, row->size, 1000,
			answer, sizeof(answer)),
		0, "bytes in the answer", QUIC_CONNECT_0008);
}

/* --- dialect -------------------------------------------------------------- */

static const struct dialect_row {
	const char *name;
	uint16_t dialects[4];
	unsigned int count;
} dialect_rows[] = {
	{"2.0.2", {0x0202}, 1},
	{"2.1", {0x0210}, 1},
	{"3.0", {0x0300}, 1},
	{"3.0.2", {0x0302}, 1},
	{"all_but_3.1.1", {0x0202, 0x0210, 0x0300, 0x0302}, 4},
};

CONF_TABLE(quic, old_dialects, dialect_rows,
	"nothing below 3.1.1 is spoken over QUIC", RULES(QUIC_CONNECT_0009),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_connect(t, NULL);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0302});

	r.dialect_count = (uint16_t)row->count;
	r.dialects = bytes_of(t, row->dialects, row->count * 2);
	check_status(t, peer_negotiate_as(a, &r), STATUS_NOT_SUPPORTED,
		QUIC_CONNECT_0009);
}

CONF_TEST(quic, dialects_of_smbclient, "3.1.1 out of all dialects is chosen",
	RULES(QUIC_CONNECT_0009), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_connect(t, NULL);

	check_field(t, peer_negotiate(a, NULL),
		SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION, 0x0311,
		QUIC_CONNECT_0009);
}

CONF_TEST(quic, smb1_negotiate, "SMB_COM_NEGOTIATE does not belong to QUIC",
	RULES(QUIC_CONNECT_0010), NEEDS(QUIC_TRANSPORT))
{
	static const uint8_t smb1[] = {0xff, 'S', 'M', 'B', 0x72, 0, 0, 0, 0,
		0x18, 0x53, 0xc8, [24] = 0xff, 0xff, 0xff, 0xfe, [33] = 11, 0,
		2, 'S', 'M', 'B', ' ', '2', '.', '?', '?', '?', 0};
	struct peer *a = quic_connect(t, NULL);

	peer_send_raw(a, wire_view_of(smb1, sizeof(smb1)));
	check_closed_silently(t, a, QUIC_CONNECT_0010);
}

CONF_TEST(quic, large_mtu, "credits of several requests over QUIC",
	RULES(QUIC_CONNECT_0011), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = quic_connect(t, NULL);
	struct reply *r = peer_negotiate(a, NULL);

	need_ok(t, r);
	check_flags(t, r, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES,
		SMB2_GLOBAL_CAP_LARGE_MTU, 0, QUIC_CONNECT_0011);
}

/* --- early data, load -------------------------------------------------------
 */

CONF_TEST(quic, early_data, "no ticket permits early data",
	RULES(QUIC_CONNECT_0012), NEEDS(QUIC_TRANSPORT))
{
	struct peer *a = client_with(
		t, &(struct client_options){.transport = TRANSPORT_QUIC});
	struct quic_announced announced;

	need_ok(t, peer_negotiate(quic_connect(t, NULL), NULL));
	announced = quic_wire_announced(a->quic);
	observe(t, NULL, "session ticket", "%s",
		announced.ticket ? "sent" : "none seen");
	check_number(t, NULL, announced.early_data, 0,
		"bytes of early data that the ticket permits",
		QUIC_CONNECT_0012);
}

static const struct flood_row {
	const char *name;
	unsigned int count;
} flood_rows[] = {{"200", 200}, {"10000", 10000}};

CONF_TABLE(quic, half_open_handshakes, flood_rows,
	"a client comes in while others have left theirs unfinished",
	RULES(QUIC_CONNECT_0013), NEEDS(QUIC_TRANSPORT), TAGS(TAG_EXCLUSIVE),
	BUDGET_MS(120000))
{
	struct quic_outcome outcome = {.how = QUIC_SILENCE};
	struct peer *a;

	need(t, quic_leave_half_open(t->target, row->count) == 0,
		"%u unfinished handshakes", row->count);
	a = quic_attempt(t, NULL, &outcome);
	check(t, NULL, a != NULL, QUIC_CONNECT_0013,
		"a handshake that completes (%s)",
		a != NULL ? "it did" : quic_told(t, outcome));
	if (a != NULL) {
		check_ok(t, peer_negotiate(a, NULL), QUIC_CONNECT_0013);
	}
}
