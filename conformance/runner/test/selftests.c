/* SPDX-License-Identifier: MIT */
/*
 * Tests that are judged, not that judge: each brings the runner into one
 * state, or uses one word where it holds and where it does not. They talk to
 * the scripted server of test_runner.py, whose answers are known bytes.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

#include "suite/file.h"

#define RULE_A_MUST RULE_CORE_READ_0001
#define RULE_A_SHOULD RULE_CORE_READ_0002

static struct peer *connected(struct test *t)
{
	return client_with(
		t, &(struct client_options){.plain = true, .dialect = 0x0210});
}

static struct reply *echo(struct peer *p)
{
	struct smb2_echo_request r = {0};

	return peer_call(p, &smb2_echo_request_type, &r);
}

static struct reply *read_some(struct peer *p)
{
	struct smb2_read_request r = {.length = 10};

	return peer_call(p, &smb2_read_request_type, &r);
}

/* The server answers FLUSH with STATUS_FILE_CLOSED. */
static struct reply *flush(struct peer *p)
{
	struct smb2_flush_request r = {0};

	return peer_call(p, &smb2_flush_request_type, &r);
}

static struct request *notify(struct peer *p)
{
	struct smb2_change_notify_request r = {.output_buffer_length = 100};

	return peer_send(p, &smb2_change_notify_request_type, &r);
}

/* --- states ------------------------------------------------------------------
 */

CONF_TEST(self, pass, "a check that holds", RULES(A_MUST))
{
	struct reply *r = echo(connected(t));

	check_ok(t, r, A_MUST);
	observe(t, r, "variant", "%s", "plain");
}

CONF_TEST(self, fail, "a MUST that does not hold", RULES(A_MUST))
{
	struct peer *a = connected(t);

	step(t, "ask");
	check_status(t, flush(a), STATUS_SUCCESS, A_MUST);
	check_status(t, echo(a), STATUS_SUCCESS, A_MUST);
}

CONF_TEST(self, warn, "a SHOULD that does not hold", RULES(A_SHOULD))
{
	check_ok(t, flush(connected(t)), A_SHOULD);
}

CONF_TEST(self, noverdict, "a precondition that is not reached", RULES(A_MUST))
{
	need_ok(t, flush(connected(t)));
	check(t, NULL, false, A_MUST, "never judged");
}

CONF_TEST(self, skip, "a feature that is absent", RULES(A_MUST))
{
	struct reply *r = flush(connected(t));

	need_capability(t, r, r->status != STATUS_FILE_CLOSED, "a feature");
	check(t, NULL, false, A_MUST, "never judged");
}

CONF_TEST(self, over_quic, "another transport", RULES(A_MUST),
	NEEDS(QUIC_TRANSPORT))
{
	check(t, NULL, false, A_MUST, "never judged");
}

CONF_TEST(self, about_tcp, "over TCP only", RULES(A_MUST), NEEDS(DIRECT_TCP))
{
	check(t, NULL, !t->target->over_quic, A_MUST, "TCP");
}

CONF_TEST(self, stop, "stop leaves the test", RULES(A_MUST, A_SHOULD))
{
	stop_ok(t, flush(connected(t)), A_SHOULD);
	check(t, NULL, false, A_MUST, "never judged");
}

CONF_TEST(self, undeclared, "a rule that was not declared", RULES(A_MUST))
{
	check(t, NULL, true, A_SHOULD, "anything");
}

CONF_TEST(self, no_check, "no check at all", RULES(A_MUST))
{
	echo(connected(t));
}

CONF_TEST(self, assertion, "an assertion of cmocka", RULES(A_MUST))
{
	check(t, NULL, true, A_MUST, "anything");
	assert_int_equal(1, 2);
}

CONF_TEST(self, killed, "a child that dies", RULES(A_MUST))
{
	check_ok(t, echo(connected(t)), A_MUST);
	raise(SIGKILL);
}

CONF_TEST(self, hangs, "a test beyond its deadline", RULES(A_MUST),
	BUDGET_MS(3000))
{
	check_ok(t, echo(connected(t)), A_MUST);
	pause();
}

CONF_TEST(self, hangs_after_failure, "a failure before the deadline",
	RULES(A_MUST), BUDGET_MS(3000))
{
	check_ok(t, flush(connected(t)), A_MUST);
	pause();
}

CONF_TEST(self, sometimes, "differs between repetitions", RULES(A_MUST))
{
	check(t, NULL, t->number / 10000 % 2 == 0, A_MUST, "an even number");
}

CONF_TEST(self, silent, "no answer at all", RULES(A_MUST))
{
	struct smb2_lock_request r = {.lock_count = 1};

	check_ok(t, peer_call(connected(t), &smb2_lock_request_type, &r),
		A_MUST);
}

CONF_TEST(self, malformed, "an answer that does not decode", RULES(A_MUST))
{
	struct smb2_logoff_request r = {0};

	check_field(t, peer_call(connected(t), &smb2_logoff_request_type, &r),
		SMB2_LOGOFF_RESPONSE_F_RESERVED, 0, A_MUST);
}

static const struct self_row {
	const char *name;
	bool held;
} self_rows[] = {{"holds", true}, {"does_not", false}};

CONF_TABLE(self, rows, self_rows, "a verdict per row", RULES(A_MUST))
{
	check(t, NULL, row->held, A_MUST, "row %s", row->name);
}

/* --- words: each held once and broken once
 * ------------------------------------- */

CONF_TEST(self, word_status, "check_status and its kin", RULES(A_MUST))
{
	struct reply *r = flush(connected(t));

	check_status(t, r, STATUS_FILE_CLOSED, A_MUST);
	check_status(t, r, STATUS_SUCCESS, A_MUST);
	check_status_in(t, r, A_MUST, STATUS_SUCCESS, STATUS_FILE_CLOSED);
	check_status_in(t, r, A_MUST, STATUS_SUCCESS, STATUS_PENDING);
	check_refused(t, r, A_MUST);
	check_refused(t, echo(r->peer), A_MUST);
}

CONF_TEST(self, word_field, "check_field and its kin", RULES(A_MUST))
{
	struct reply *r = read_some(connected(t));

	check_field(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 10, A_MUST);
	check_field(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 11, A_MUST);
	check_field_not(t, r, SMB2_READ_RESPONSE_F_DATA_OFFSET, 0, A_MUST);
	check_field_not(t, r, SMB2_READ_RESPONSE_F_DATA_OFFSET, 80, A_MUST);
	check_range(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 1, 10, A_MUST);
	check_range(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 11, 12, A_MUST);
	check_flags(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 2, 4, A_MUST);
	check_flags(t, r, SMB2_READ_RESPONSE_F_DATA_LENGTH, 4, 2, A_MUST);
	check_field(t, r, SMB2_ERROR_RESPONSE_F_BYTE_COUNT, 0, A_MUST);
	check_field(
		t, flush(r->peer), SMB2_ERROR_RESPONSE_F_BYTE_COUNT, 0, A_MUST);
}

CONF_TEST(self, word_header, "check_header and its kin", RULES(A_MUST))
{
	struct reply *r = echo(connected(t));

	check_header(t, r, SMB2_HEADER_F_CREDITS, 32, A_MUST);
	check_header(t, r, SMB2_HEADER_F_CREDITS, 33, A_MUST);
	check_header_flags(t, r, SMB2_HEADER_F_FLAGS,
		SMB2_FLAGS_SERVER_TO_REDIR, SMB2_FLAGS_SIGNED, A_MUST);
	check_header_flags(
		t, r, SMB2_HEADER_F_FLAGS, SMB2_FLAGS_SIGNED, 0, A_MUST);
	check_unsigned(t, r, A_MUST);
	check_signed(t, r, A_MUST);
	check_encrypted(t, r, A_MUST);
}

CONF_TEST(self, word_bytes, "check_bytes, check_number, check_part",
	RULES(A_MUST))
{
	struct reply *r = read_some(connected(t));
	struct wire_view whole = wire_view_sub(r->pdu, 0, 64);

	check_bytes(
		t, r, read_data(r), text_bytes("0123456789"), "Data", A_MUST);
	check_bytes(
		t, r, read_data(r), text_bytes("01234x6789"), "Data", A_MUST);
	check_number(t, r, 3, 3, "three", A_MUST);
	check_number(t, r, 3, 4, "four", A_MUST);
	check_part(t, r, whole, &smb2_header_type, SMB2_HEADER_F_COMMAND, 8,
		A_MUST);
	check_part(t, r, whole, &smb2_header_type, SMB2_HEADER_F_COMMAND, 9,
		A_MUST);
}

CONF_TEST(self, word_connection, "check_alive and check_closed", RULES(A_MUST))
{
	struct peer *a = connected(t);
	struct smb2_close_request r = {0};

	check_alive(t, a, A_MUST);
	check_closed(t, a, A_MUST);
	peer_send(a, &smb2_close_request_type, &r);
	check_closed(t, a, A_MUST);
	check_alive(t, a, A_MUST);
}

CONF_TEST(self, word_forbid, "forbid_reply and forbid_notification",
	RULES(A_MUST))
{
	struct peer *a = connected(t);
	struct smb2_tree_disconnect_request r = {0};
	struct request *waiting = notify(a);

	need_status(t, peer_interim(waiting), STATUS_PENDING);
	forbid_reply(t, waiting, 500, A_MUST);
	forbid_notification(t, a, 500, A_MUST);
	need_ok(t, peer_call(a, &smb2_tree_disconnect_request_type, &r));
	forbid_notification(t, a, 500, A_MUST); /* a break came */
	peer_cancel(waiting);
	forbid_reply(t, waiting, 500, A_MUST); /* STATUS_CANCELLED came */
}

/* --- messages by hand
 * -------------------------------------------------------------- */

/* The server answers WRITE with what it received, behind 80 bytes. */
static struct wire_view echoed(const struct reply *r)
{
	return wire_view_sub(r->pdu, 80, r->pdu.n > 80 ? r->pdu.n - 80 : 0);
}

static struct wire_view returned(struct pdu *pdu)
{
	return echoed(pdu_call(pdu));
}

CONF_TEST(self, mutation, "set, xor, add, truncate, extend", RULES(A_MUST))
{
	struct peer *a = connected(t);
	struct smb2_write_request w = {.offset = 0x1000};
	struct pdu *p = pdu_build(a, &smb2_write_request_type, &w);
	struct wire_view back;

	mutate(p, SMB2_WRITE_REQUEST_F_OFFSET, add_to(-1));
	mutate(p, SMB2_WRITE_REQUEST_F_LENGTH, set_to(0x11223344));
	mutate_header(p, SMB2_HEADER_F_TREE_ID, xor_with(0xff));
	pdu_extend(p, "tail", 4);
	back = returned(p);
	need(t, back.n == 64 + 49 + 4, "the request, sent back");
	check_number(t, NULL, wire_get32(back.p + 36), 0xff, "TreeId", A_MUST);
	check_number(
		t, NULL, wire_get32(back.p + 68), 0x11223344, "Length", A_MUST);
	check_number(t, NULL, wire_get64(back.p + 72), 0xfff, "Offset", A_MUST);
	check_bytes(t, NULL, wire_view_sub(back, 113, 4), text_bytes("tail"),
		"tail", A_MUST);
	p = pdu_build(a, &smb2_write_request_type, &w);
	pdu_truncate(p, 70);
	check_number(t, NULL, returned(p).n, 70, "bytes", A_MUST);
}

CONF_TEST(self, wrong_mutation, "a field of another structure", RULES(A_MUST))
{
	struct smb2_write_request w = {0};
	struct pdu *p = pdu_build(connected(t), &smb2_write_request_type, &w);

	mutate(p, SMB2_READ_REQUEST_F_OFFSET, set_to(1));
	check(t, NULL, true, A_MUST, "never judged");
}

CONF_TEST(self, compound, "a compound and its replies", RULES(A_MUST))
{
	struct chain *c = chain_begin(connected(t));
	struct smb2_echo_request e = {0};
	struct smb2_flush_request f = {0};

	chain_add(c, false, &smb2_echo_request_type, &e);
	chain_add(c, true, &smb2_flush_request_type, &f);
	chain_call(c);
	check_ok(t, c->replies[0], A_MUST);
	check_status(t, c->replies[1], STATUS_FILE_CLOSED, A_MUST);
}

/* More than one packet of the capture in each direction. */
CONF_TEST(self, large, "a message of several segments", RULES(A_MUST))
{
	static uint8_t bytes[200000];
	struct smb2_write_request w = {.buffer = {bytes, sizeof(bytes)}};
	struct peer *a = connected(t);
	struct reply *r;

	test_random(t, bytes, sizeof(bytes));
	r = peer_call(a, &smb2_write_request_type, &w);
	check_bytes(t, r, wire_view_sub(echoed(r), 112, sizeof(bytes)),
		wire_view_of(bytes, sizeof(bytes)), "Data", A_MUST);
	check_status(t, r, STATUS_PENDING, A_MUST);
}
