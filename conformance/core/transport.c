/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-TRANSPORT: framing, the first message, lengths, lost connections.
 * [MS-SMB2] 2.1, 3.3.5.2, 3.3.7.1
 */
#include <string.h>

#include "suite/file.h"

#define SINGLE_CREDIT_MAX 69632 /* [MS-SMB2] 3.3.5.2: 68 * 1024 */

static const struct smb2_echo_request echo = {0};

/* An ECHO as it stands on the stream; its reply is waited for by
 * peer_notification(). */
static struct wire_view framed_echo(struct peer *a)
{
	return pdu_framed(pdu_build(a, &smb2_echo_request_type, &echo));
}

CONF_TEST(core, length_prefix, "messages have a prefix of zero and length",
	RULES(CORE_TRANSPORT_0001))
{
	struct peer *a = client_unsealed(t, TRANSPORT_TARGET);
	struct reply *r = peer_call(a, &smb2_echo_request_type, &echo);

	check_number(t, r, a->raw_prefix, 0, "first byte of the prefix",
		CORE_TRANSPORT_0001);
	check_number(t, r, r->pdu.n, 68, "bytes in the message",
		CORE_TRANSPORT_0001);
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		CORE_TRANSPORT_0001);
}

static const struct {
	const char *name;
	size_t first;
} split_rows[] = {{"in_the_prefix", 2}, {"behind_the_prefix", 4},
	{"in_the_header", 30}, {"before_the_last_byte", 71}};

CONF_TABLE(core, message_in_pieces, split_rows,
	"a message may arrive in pieces", RULES(CORE_TRANSPORT_0002))
{
	struct peer *a = client_unsealed(t, TRANSPORT_TARGET);
	struct wire_view all = framed_echo(a);

	peer_send_stream(a, wire_view_sub(all, 0, row->first));
	peers_pump(t, test_within(t, 50));
	peer_send_stream(a, wire_view_sub(all, row->first, all.n - row->first));
	check_ok(
		t, peer_notification(a, REPLY_TIMEOUT_MS), CORE_TRANSPORT_0002);
}

CONF_TEST(core, messages_at_once, "several messages may arrive at once",
	RULES(CORE_TRANSPORT_0003))
{
	struct peer *a = client_unsealed(t, TRANSPORT_TARGET);
	struct wire_view one, two;
	uint8_t *both;

	need(t, a->credits >= 2, "2 credits");
	one = framed_echo(a);
	two = framed_echo(a);
	both = test_alloc(t, one.n + two.n);
	memcpy(both, one.p, one.n);
	memcpy(both + one.n, two.p, two.n);
	peer_send_stream(a, wire_view_of(both, one.n + two.n));
	check_ok(
		t, peer_notification(a, REPLY_TIMEOUT_MS), CORE_TRANSPORT_0003);
	check_ok(
		t, peer_notification(a, REPLY_TIMEOUT_MS), CORE_TRANSPORT_0003);
}

static const struct {
	const char *name;
	uint8_t id[4];
} protocol_rows[] = {{"zeroes", {0, 0, 0, 0}}, {"0xf0", {0xf0, 'S', 'M', 'B'}},
	{"smb", {0xfe, 's', 'm', 'b'}}};

CONF_TABLE(core, unknown_protocol_id, protocol_rows,
	"an unknown ProtocolId ends the connection", RULES(CORE_TRANSPORT_0004))
{
	struct peer *a = client_unsealed(t, TRANSPORT_TARGET);
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);

	memcpy(pdu->bytes, row->id, 4);
	peer_send_raw(a, wire_view_of(pdu->bytes, pdu->n));
	check_closed_silently(t, a, CORE_TRANSPORT_0004);
}

static struct pdu *first_pdu(struct peer *a, bool is_setup)
{
	static const struct smb2_session_setup_request setup = {
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED};

	return is_setup ? pdu_build(a, &smb2_session_setup_request_type, &setup)
			: pdu_build(a, &smb2_echo_request_type, &echo);
}

static const struct {
	const char *name;
	bool is_setup;
} first_rows[] = {{"session_setup", true}, {"echo", false}};

CONF_TABLE(core, first_message, first_rows,
	"a connection begins with NEGOTIATE", RULES(CORE_TRANSPORT_0005))
{
	struct peer *a = peer_connect(t);

	pdu_send(first_pdu(a, row->is_setup));
	check_closed_silently(t, a, CORE_TRANSPORT_0005);
}

CONF_TABLE(core, after_wildcard, first_rows,
	"after a response with 0x02FF comes a NEGOTIATE",
	RULES(CORE_TRANSPORT_0006), NEEDS(DIALECT_MIN(0x0210), DIRECT_TCP))
{
	static const uint8_t smb1[] = {0xff, 'S', 'M', 'B', 0x72, 0, 0, 0, 0,
		0x18, 0x53, 0xc8, [24] = 0xff, 0xff, 0xff, 0xfe, [33] = 11, 0,
		2, 'S', 'M', 'B', ' ', '2', '.', '?', '?', '?', 0};
	struct peer *a = peer_connect(t);
	struct reply *r;

	peer_send_raw(a, wire_view_of(smb1, sizeof(smb1)));
	r = peer_notification(a, REPLY_TIMEOUT_MS);
	need(t,
		r->outcome == REPLY_ARRIVED &&
			r->type == &smb2_negotiate_response_type,
		"a NEGOTIATE response");
	need(t,
		reply_as(r, smb2_negotiate_response)->dialect_revision ==
			0x02ff,
		"DialectRevision 0x02FF");
	a->next_id = 1;
	a->credits = 1;
	pdu_send(first_pdu(a, row->is_setup));
	check_closed_silently(t, a, CORE_TRANSPORT_0006);
}

/* --- lengths
 * ------------------------------------------------------------------ */

/* ECHO with so many bytes behind it. */
static struct pdu *long_echo(struct peer *a, size_t n)
{
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);

	pdu_extend(pdu, test_alloc(a->t, n), n - pdu->n);
	return pdu;
}

CONF_TEST(core, message_too_long, "a message beyond all limits",
	RULES(CORE_TRANSPORT_0007), NEEDS(DIALECT_MIN(0x0210)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct smb2_write_request write = {
		.file_id = f->id, .buffer = {(const uint8_t *)"x", 1}};
	struct pdu *pdu = pdu_build(a, &smb2_write_request_type, &write);
	size_t most = a->max_transact;

	most = a->max_write > most ? a->max_write : most;
	most = a->max_read > most ? a->max_read : most;
	need_capability(t, a->negotiate, most < 0xf00000,
		"a limit that a message can exceed");
	most += 65536;
	pdu_extend(pdu, test_alloc(t, most), most - pdu->n);
	pdu_send(pdu);
	check_closed(t, a, CORE_TRANSPORT_0007);
}

CONF_TEST(core, long_request_in_202,
	"a request beyond 69632 bytes without multi-credit requests",
	RULES(CORE_TRANSPORT_0008), NEEDS(DIALECT_MAX(0x0202)))
{
	static uint8_t data[SINGLE_CREDIT_MAX];
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = 0x0202});
	struct file *f = need_file(a, "x", NULL);
	const struct smb2_write_request write = {
		.file_id = f->id, .buffer = {data, sizeof(data)}};

	peer_send(a, &smb2_write_request_type, &write);
	check_closed(t, a, CORE_TRANSPORT_0008);
}

CONF_TEST(core, long_request_of_small_command,
	"an ECHO beyond 69632 bytes ends the connection",
	RULES(CORE_TRANSPORT_0009),
	NEEDS(DIALECT_MIN(0x0210), CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client_unsealed(t, TRANSPORT_TARGET);

	pdu_send(long_echo(a, SINGLE_CREDIT_MAX + 8));
	check_closed(t, a, CORE_TRANSPORT_0009);
}

/* --- lost connections
 * ---------------------------------------------------------- */

CONF_TEST(core, lost_connection,
	"what a session had open is closed when its last connection ends",
	RULES(CORE_TRANSPORT_0010))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	const struct create_options alone = {.share = SHARE_EXACT};
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);
	struct reply *r;

	need_file(a, "x", &alone);
	need_status(t, file_create(b, "x", &alone), STATUS_SHARING_VIOLATION);
	peer_disconnect(a);
	do { /* the server may take a moment to notice */
		peers_pump(t, test_within(t, 50));
		r = file_create(b, "x", &alone);
	} while (r->status == STATUS_SHARING_VIOLATION &&
		 test_clock() < deadline);
	check_ok(t, r, CORE_TRANSPORT_0010);
}
