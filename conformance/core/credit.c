/* SPDX-License-Identifier: MIT */
/* Message ids and credits. Rules CORE-CREDIT, [MS-SMB2] 3.3.1.1, 3.3.1.2,
 * 3.3.5.2.3, 3.3.5.2.5. */
#include "suite/file.h"

static const struct smb2_echo_request echo = {0};

static struct pdu *echo_at(struct peer *peer, uint64_t message_id)
{
	struct pdu *pdu = pdu_build(peer, &smb2_echo_request_type, &echo);
	mutate_header(pdu, SMB2_HEADER_F_MESSAGE_ID, set_to(message_id));
	return pdu;
}

CONF_TEST(core, used_message_id,
	"a MessageId that was used before is not processed",
	RULES(CORE_CREDIT_0001, CORE_CREDIT_0002))
{
	struct peer *a = client(t);
	struct reply *first = peer_call(a, &smb2_echo_request_type, &echo);
	need_ok(t, first);
	step(t, "ECHO with the same MessageId again");
	struct request *again =
		pdu_send(echo_at(a, first->request->message_id));
	struct reply *r = peer_wait_ms(again, 1000);
	check(t, r, r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS,
		CORE_CREDIT_0001, "the request is not processed");
	check(t, r, r->outcome == REPLY_CLOSED, CORE_CREDIT_0002,
		"the connection is closed");
}

CONF_TEST(core, message_id_beyond_the_window,
	"a MessageId beyond the granted ones ends the connection",
	RULES(CORE_CREDIT_0003))
{
	struct peer *a = client(t);
	pdu_send(echo_at(a, a->next_id + a->credits + 100000));
	check_closed(t, a, CORE_CREDIT_0003);
}

CONF_TEST(core, charge_beyond_the_window,
	"a CreditCharge that reaches beyond the window ends the connection",
	RULES(CORE_CREDIT_0004),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need(t, a->credits < 60000, "fewer than 60000 credits");
	const struct smb2_read_request read = {.length = 1, .file_id = f->id};
	struct pdu *pdu = pdu_build(a, &smb2_read_request_type, &read);
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(65000));
	pdu_send(pdu);
	check_closed(t, a, CORE_CREDIT_0004);
}

CONF_TEST(core, message_ids_in_any_order,
	"granted message ids may be used in any order", RULES(CORE_CREDIT_0005))
{
	struct peer *a = client(t);
	need(t, a->credits >= 4, "4 credits");
	uint64_t first = a->next_id;
	static const unsigned int order[] = {2, 0, 3, 1};
	struct request *sent[4];
	for (unsigned int i = 0; i < 4; i++) {
		sent[i] = pdu_send(echo_at(a, first + order[i]));
	}
	for (unsigned int i = 0; i < 4; i++) {
		check_ok(t, peer_wait(sent[i]), CORE_CREDIT_0005);
	}
}

CONF_TEST(core, negotiate_grants_a_credit,
	"a NEGOTIATE response grants at least one credit",
	RULES(CORE_CREDIT_0006))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	check_header_range(t, a->negotiate, SMB2_HEADER_F_CREDITS, 1, 65535,
		CORE_CREDIT_0006);
}

CONF_TEST(core, credits_never_run_out,
	"a client that asks for no credits keeps at least one",
	RULES(CORE_CREDIT_0007))
{
	struct peer *a = client(t);
	a->credits_wanted = 0;
	unsigned int most = a->credits + 3;
	need(t, most < 2000, "fewer than 2000 credits to use up");
	struct reply *r = NULL;
	for (unsigned int i = 0; i < most && !a->closed; i++) {
		r = peer_call(a, &smb2_echo_request_type, &echo);
		if (r->status != STATUS_SUCCESS || a->credits == 0) {
			break;
		}
	}
	check(t, r, a->credits > 0, CORE_CREDIT_0007,
		"credits remain after %u requests that asked for none", most);
}

CONF_TEST(core, a_wanted_credit_is_granted,
	"a request for credits is granted at least one",
	RULES(CORE_CREDIT_0008))
{
	struct peer *a = client(t);
	a->credits_wanted = 1;
	struct reply *r = peer_call(a, &smb2_echo_request_type, &echo);
	check_header_range(
		t, r, SMB2_HEADER_F_CREDITS, 1, 65535, CORE_CREDIT_0008);
}

static struct reply *read_charged(
	struct file *f, uint32_t length, uint16_t charge)
{
	const struct smb2_read_request read = {
		.length = length, .file_id = f->id};
	struct pdu *pdu = pdu_build(f->peer, &smb2_read_request_type, &read);
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(charge));
	pdu->requests = charge == 0 ? 1 : charge;
	return pdu_call(pdu);
}

CONF_TEST(core, charge_consumes_message_ids,
	"a request of two credits takes two message ids",
	RULES(CORE_CREDIT_0009),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "data", 4));
	need(t, a->credits >= 4, "4 credits");
	struct reply *r = read_charged(f, 65537, 2);
	need_ok(t, r);
	step(t, "ECHO with the second MessageId of the READ");
	struct request *inside =
		pdu_send(echo_at(a, r->request->message_id + 1));
	struct reply *second = peer_wait_ms(inside, 1000);
	check(t, second,
		second->outcome != REPLY_ARRIVED ||
			second->status != STATUS_SUCCESS,
		CORE_CREDIT_0009, "the second MessageId is used up");
}

CONF_TEST(core, charge_zero_consumes_one_message_id,
	"a request of CreditCharge 0 takes one message id",
	RULES(CORE_CREDIT_0010))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "data", 4));
	struct reply *r = read_charged(f, 4, 0);
	need_ok(t, r);
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		CORE_CREDIT_0010);
	step(t, "ECHO with the MessageId of the READ");
	struct request *again = pdu_send(echo_at(a, r->request->message_id));
	struct reply *second = peer_wait_ms(again, 1000);
	check(t, second,
		second->outcome != REPLY_ARRIVED ||
			second->status != STATUS_SUCCESS,
		CORE_CREDIT_0010, "the MessageId is used up");
}

CONF_TEST(core, large_request_without_charge,
	"CreditCharge 0 pays for 65536 bytes at most", RULES(CORE_CREDIT_0011),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "data", 4));
	check_status(t, read_charged(f, 65537, 0), STATUS_INVALID_PARAMETER,
		CORE_CREDIT_0011);
}

static const struct {
	const char *name;
	uint32_t length;
	uint16_t charge;
} charge_rows[] = {{"65537_for_1", 65537, 1}, {"131073_for_2", 131073, 2}};

CONF_TABLE(core, charge_too_small, charge_rows,
	"a CreditCharge below the size of the response is refused",
	RULES(CORE_CREDIT_0012),
	NEEDS(DIALECT_MIN(SMB2_DIALECT_210),
		CAPABILITY(SMB2_GLOBAL_CAP_LARGE_MTU)))
{
	struct peer *a = client(t);
	need(t, a->max_read >= row->length, "MaxReadSize of %u", row->length);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "data", 4));
	check_status(t, read_charged(f, row->length, row->charge),
		STATUS_INVALID_PARAMETER, CORE_CREDIT_0012);
}

CONF_TEST(core, charge_means_nothing_in_202, "CreditCharge is ignored in 2.0.2",
	RULES(CORE_CREDIT_0013))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = SMB2_DIALECT_202});
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(7));
	pdu->requests = 1;
	need_ok(t, pdu_call(pdu));
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		CORE_CREDIT_0013);
}
