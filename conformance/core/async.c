/* SPDX-License-Identifier: MIT */
/* Asynchronous requests and CANCEL. Rules CORE-ASYNC and CORE-CANCEL,
 * [MS-SMB2] 3.3.4.2 to 3.3.4.4, 3.3.5.16. */
#include "suite/file.h"

static const struct smb2_echo_request echo = {0};

/* A CHANGE_NOTIFY that waits: nothing changes in the directory. */
static struct request *waiting_notify(struct peer *a)
{
	struct file *d = need_directory(a, "d");
	return dir_notify_send(d, FILE_NOTIFY_CHANGE_FILE_NAME, false, 1024);
}

CONF_TEST(core, interim_response,
	"a request that has to wait is answered at once with STATUS_PENDING",
	RULES(CORE_ASYNC_0001, CORE_ASYNC_0002, CORE_ASYNC_0003,
		CORE_ASYNC_0004, CORE_ASYNC_0006))
{
	struct peer *a = client(t);
	struct reply *r = peer_interim(waiting_notify(a));
	check(t, r, r->outcome == REPLY_ARRIVED, CORE_ASYNC_0001,
		"an interim response arrives");
	check_status(t, r, STATUS_PENDING, CORE_ASYNC_0002);
	check_header_flags(t, r, SMB2_HEADER_F_FLAGS, SMB2_FLAGS_ASYNC_COMMAND,
		0, CORE_ASYNC_0003);
	check(t, r, r->async_id != 0, CORE_ASYNC_0004, "AsyncId is not zero");
	check_field(t, r, SMB2_ERROR_RESPONSE_F_BYTE_COUNT, 0, CORE_ASYNC_0006);
}

CONF_TEST(core, async_ids_differ, "two waiting requests have two AsyncIds",
	RULES(CORE_ASYNC_0005))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct file *e = need_directory(a, "e");
	struct reply *first = peer_interim(
		dir_notify_send(d, FILE_NOTIFY_CHANGE_FILE_NAME, false, 1024));
	struct reply *second = peer_interim(
		dir_notify_send(e, FILE_NOTIFY_CHANGE_FILE_NAME, false, 1024));
	need_status(t, first, STATUS_PENDING);
	need_status(t, second, STATUS_PENDING);
	check(t, second, first->async_id != second->async_id, CORE_ASYNC_0005,
		"the AsyncIds differ");
}

CONF_TEST(core, final_response,
	"the final response has the AsyncId of the interim one",
	RULES(CORE_ASYNC_0007, CORE_ASYNC_0008, CORE_ASYNC_0009,
		CORE_ASYNC_0010))
{
	struct peer *a = client(t);
	struct request *notify = waiting_notify(a);
	struct reply *interim = peer_interim(notify);
	need_status(t, interim, STATUS_PENDING);
	check_header_range(
		t, interim, SMB2_HEADER_F_CREDITS, 1, 65535, CORE_ASYNC_0007);
	dir_notify_settle(a);
	step(t, "a change ends the wait");
	need_file(a, "d\\new", NULL);
	struct reply *r = peer_wait(notify);
	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a server that reports changes");
	check_header(t, r, SMB2_HEADER_F_CREDITS, 0, CORE_ASYNC_0008);
	check_header_flags(t, r, SMB2_HEADER_F_FLAGS, SMB2_FLAGS_ASYNC_COMMAND,
		0, CORE_ASYNC_0009);
	check_number(t, r, r->async_id, interim->async_id, "AsyncId",
		CORE_ASYNC_0010);
}

/* The AsyncId is right, the MessageId is that of no request. */
static void cancel_by_async_id_only(
	struct peer *a, const struct request *request)
{
	const struct smb2_cancel_request cancel = {0};
	struct pdu *pdu = pdu_build(a, &smb2_cancel_request_type, &cancel);
	mutate_header(pdu, SMB2_HEADER_F_MESSAGE_ID, set_to(0));
	mutate_header(
		pdu, SMB2_HEADER_F_FLAGS, set_to(SMB2_FLAGS_ASYNC_COMMAND));
	mutate_header(pdu, SMB2_HEADER_F_RESERVED,
		set_to(request->async_id & UINT32_MAX));
	mutate_header(
		pdu, SMB2_HEADER_F_TREE_ID, set_to(request->async_id >> 32));
	pdu->requests = 0;
	pdu_send(pdu);
}

CONF_TEST(core, cancel_by_async_id,
	"CANCEL with the AsyncId ends a waiting request",
	RULES(CORE_CANCEL_0004, CORE_CANCEL_0006, CORE_CANCEL_0001))
{
	struct peer *a = client(t);
	struct request *notify = waiting_notify(a);
	need_status(t, peer_interim(notify), STATUS_PENDING);
	cancel_by_async_id_only(a, notify);
	struct reply *r = peer_wait(notify);
	check(t, r, r->outcome == REPLY_ARRIVED, CORE_CANCEL_0004,
		"the request ends");
	check_status(t, r, STATUS_CANCELLED, CORE_CANCEL_0006);
	step(t, "the next message is the answer to ECHO, none to CANCEL");
	struct reply *next = peer_call(a, &smb2_echo_request_type, &echo);
	check_number(t, next, next->frame, r->frame + 2,
		"frame of the answer to ECHO", CORE_CANCEL_0001);
}

static struct pdu *cancel_by_message_id(
	struct peer *a, const struct request *request)
{
	const struct smb2_cancel_request cancel = {0};
	struct pdu *pdu = pdu_build(a, &smb2_cancel_request_type, &cancel);
	mutate_header(
		pdu, SMB2_HEADER_F_MESSAGE_ID, set_to(request->message_id));
	pdu->requests = 0;
	return pdu;
}

CONF_TEST(core, cancel_by_message_id,
	"CANCEL with the MessageId ends a waiting request",
	RULES(CORE_CANCEL_0005, CORE_CANCEL_0002))
{
	struct peer *a = client(t);
	struct request *notify = waiting_notify(a);
	need_status(t, peer_interim(notify), STATUS_PENDING);
	pdu_send(cancel_by_message_id(a, notify));
	struct reply *r = peer_wait(notify);
	check_status(t, r, STATUS_CANCELLED, CORE_CANCEL_0005);
	check_alive(t, a, CORE_CANCEL_0002);
}

CONF_TEST(core, cancel_takes_no_message_id,
	"CANCEL does not use up a MessageId", RULES(CORE_CANCEL_0003))
{
	struct peer *a = client(t);
	struct request *notify = waiting_notify(a);
	need_status(t, peer_interim(notify), STATUS_PENDING);
	uint64_t next = a->next_id;
	peer_cancel(notify);
	check_status(t, peer_wait(notify), STATUS_CANCELLED, CORE_CANCEL_0003);
	a->next_id = next;
	check_ok(t, peer_call(a, &smb2_echo_request_type, &echo),
		CORE_CANCEL_0003);
}

CONF_TEST(core, cancel_of_nothing, "CANCEL that matches no request is ignored",
	RULES(CORE_CANCEL_0007))
{
	struct peer *a = client(t);
	struct reply *done = peer_call(a, &smb2_echo_request_type, &echo);
	need_ok(t, done);
	pdu_send(cancel_by_message_id(a, done->request));
	check_alive(t, a, CORE_CANCEL_0007);
}
