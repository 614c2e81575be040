/* SPDX-License-Identifier: MIT */
/* Compounds. Rules CORE-COMPOUND, [MS-SMB2] 3.3.4.1.3, 3.3.5.2.7. */
#include "suite/file.h"

static const struct smb2_echo_request echo = {0};
static const struct smb2_close_request close_related = {
	.file_id = {UINT64_MAX, UINT64_MAX}};
static const struct smb2_query_info_request query_related = {
	.info_type = SMB2_0_INFO_FILE,
	.file_info_class = FileStandardInformation,
	.output_buffer_length = 24,
	.file_id = {UINT64_MAX, UINT64_MAX}};

/* CREATE, QUERY_INFO, CLOSE of one file in one message. */
static struct chain *create_query_close(struct peer *a)
{
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "x", NULL);
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_query_info_request_type, &query_related);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	return c;
}

CONF_TEST(core, related_requests_share_the_open,
	"CREATE, QUERY_INFO and CLOSE in one related compound",
	RULES(CORE_COMPOUND_0002, CORE_COMPOUND_0005))
{
	struct peer *a = client(t);
	struct chain *c = create_query_close(a);
	chain_call(c);
	check_ok(t, c->replies[0], CORE_COMPOUND_0002);
	check_ok(t, c->replies[1], CORE_COMPOUND_0002);
	check_ok(t, c->replies[1], CORE_COMPOUND_0005);
	check_ok(t, c->replies[2], CORE_COMPOUND_0005);
}

CONF_TEST(core, file_id_of_related_request_means_nothing,
	"a related request works on the open of the one before",
	RULES(CORE_COMPOUND_0005))
{
	struct peer *a = client(t);
	struct file *other = need_file(a, "other", NULL);
	need_ok(t, file_write(other, 0, "12345", 5));
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "x", NULL);
	struct smb2_query_info_request query = query_related;
	query.file_id = other->id;
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_query_info_request_type, &query);
	chain_call(c);
	need_ok(t, c->replies[0]);
	struct reply *r = c->replies[1];
	need_ok(t, r);
	check_part(t, r, query_data(r), &file_standard_information_type,
		FILE_STANDARD_INFORMATION_F_END_OF_FILE, 0, CORE_COMPOUND_0005);
}

CONF_TEST(core, session_of_related_request_means_nothing,
	"a related request belongs to the session of the one before",
	RULES(CORE_COMPOUND_0003, CORE_COMPOUND_0004))
{
	struct peer *a = client(t);
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "x", NULL);
	chain_add(c, false, &smb2_create_request_type, &create);
	struct pdu *query = chain_add(
		c, true, &smb2_query_info_request_type, &query_related);
	struct pdu *close =
		chain_add(c, true, &smb2_close_request_type, &close_related);
	mutate_header(query, SMB2_HEADER_F_SESSION_ID, set_to(UINT64_MAX));
	mutate_header(close, SMB2_HEADER_F_TREE_ID, set_to(UINT32_MAX));
	chain_call(c);
	need_ok(t, c->replies[0]);
	check_ok(t, c->replies[1], CORE_COMPOUND_0003);
	check_ok(t, c->replies[2], CORE_COMPOUND_0004);
}

CONF_TEST(core, unrelated_requests_stand_alone,
	"a failure in an unrelated compound concerns no other request",
	RULES(CORE_COMPOUND_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct chain *c = chain_begin(a);
	const struct smb2_close_request nothing = {.file_id = {1, 2}};
	const struct smb2_close_request close = {.file_id = f->id};
	chain_add(c, false, &smb2_close_request_type, &nothing);
	chain_add(c, false, &smb2_echo_request_type, &echo);
	chain_add(c, false, &smb2_close_request_type, &close);
	chain_call(c);
	check_status(t, c->replies[0], STATUS_FILE_CLOSED, CORE_COMPOUND_0001);
	check_ok(t, c->replies[1], CORE_COMPOUND_0001);
	check_ok(t, c->replies[2], CORE_COMPOUND_0001);
}

CONF_TEST(core, related_request_without_a_file,
	"a related request behind one that has no FileId is refused",
	RULES(CORE_COMPOUND_0006))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	const struct smb2_tree_connect_request connect = {
		.buffer = utf16(t, test_text(t, "\\\\%s\\%s", t->target->host,
					   t->target->share))};
	struct chain *c = chain_begin(a);
	chain_add(c, false, &smb2_tree_connect_request_type, &connect);
	chain_add(c, true, &smb2_query_info_request_type, &query_related);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	chain_call(c);
	need_ok(t, c->replies[0]);
	check_status(
		t, c->replies[1], STATUS_INVALID_HANDLE, CORE_COMPOUND_0006);
	check_status(
		t, c->replies[2], STATUS_INVALID_HANDLE, CORE_COMPOUND_0006);
}

CONF_TEST(core, related_requests_fail_with_the_create,
	"requests related to a failed CREATE fail with its status",
	RULES(CORE_COMPOUND_0007))
{
	struct peer *a = client(t);
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "absent",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_query_info_request_type, &query_related);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	chain_call(c);
	need_status(t, c->replies[0], STATUS_OBJECT_NAME_NOT_FOUND);
	check_status(t, c->replies[1], STATUS_OBJECT_NAME_NOT_FOUND,
		CORE_COMPOUND_0007);
	check_status(t, c->replies[2], STATUS_OBJECT_NAME_NOT_FOUND,
		CORE_COMPOUND_0007);
}

CONF_TEST(core, first_request_related,
	"a compound that begins with a related request is refused",
	RULES(CORE_COMPOUND_0009))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct smb2_query_info_request query = query_related;
	query.file_id = f->id;
	struct chain *c = chain_begin(a);
	chain_add(c, true, &smb2_query_info_request_type, &query);
	chain_add(c, true, &smb2_query_info_request_type, &query_related);
	chain_call(c);
	check_status(
		t, c->replies[0], STATUS_INVALID_PARAMETER, CORE_COMPOUND_0009);
	check_status(
		t, c->replies[1], STATUS_INVALID_PARAMETER, CORE_COMPOUND_0009);
}

CONF_TEST(core, unaligned_compound_disconnects,
	"a request that does not start on 8 bytes ends the connection",
	RULES(CORE_COMPOUND_0011))
{
	struct peer *a = client(t);
	struct pdu *first = pdu_build(a, &smb2_echo_request_type, &echo);
	struct pdu *second = pdu_build(a, &smb2_echo_request_type, &echo);
	mutate_header(first, SMB2_HEADER_F_NEXT_COMMAND, set_to(first->n));
	need(t, first->n % 8 != 0, "an ECHO of uneven length");
	mutate_header(second, SMB2_HEADER_F_MESSAGE_ID, set_to(a->next_id + 1));
	first->sign = SIGN_NO;
	pdu_extend(first, second->bytes, second->n);
	peer_send_raw(a, wire_view_of(first->bytes, first->n));
	check_closed(t, a, CORE_COMPOUND_0011);
}

static const struct {
	const char *name;
	uint32_t next;
} next_rows[] = {{"behind_the_end", 4096}, {"far_behind", 0x7ffffff8},
	{"at_the_end", 72}};

CONF_TABLE(core, next_command_beyond_the_end, next_rows,
	"a NextCommand that points beyond the message is refused",
	RULES(CORE_COMPOUND_0012))
{
	struct peer *a = client(t);
	struct pdu *pdu = pdu_build(a, &smb2_echo_request_type, &echo);
	mutate_header(pdu, SMB2_HEADER_F_NEXT_COMMAND, set_to(row->next));
	struct request *request = pdu_send(pdu);
	struct reply *r = peer_wait_ms(request, 1500);
	if (r->outcome == REPLY_ARRIVED) {
		check_status(
			t, r, STATUS_INVALID_PARAMETER, CORE_COMPOUND_0012);
	} else {
		check(t, r, r->outcome == REPLY_CLOSED, CORE_COMPOUND_0012,
			"the request is answered or the connection closed");
	}
}

static const struct smb2_flush_request flush_related = {
	.file_id = {UINT64_MAX, UINT64_MAX}};

CONF_TEST(core, compounded_response_layout,
	"responses of a related compound travel together, aligned",
	RULES(CORE_COMPOUND_0013, CORE_COMPOUND_0014, CORE_COMPOUND_0015,
		CORE_COMPOUND_0016))
{
	struct peer *a = client(t);
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "x", NULL);
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_flush_request_type, &flush_related);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	chain_call(c);
	check_number(t, c->replies[2], c->replies[2]->frame,
		c->replies[0]->frame, "frame of the last response",
		CORE_COMPOUND_0013);
	for (unsigned int i = 0; i + 1 < c->count; i++) {
		check(t, c->replies[i],
			c->replies[i]->header.next_command % 8 == 0,
			CORE_COMPOUND_0015, "NextCommand is a multiple of 8");
		check_header_flags(t, c->replies[i + 1], SMB2_HEADER_F_FLAGS,
			SMB2_FLAGS_RELATED_OPERATIONS, 0, CORE_COMPOUND_0014);
	}
	check_header_flags(t, c->replies[0], SMB2_HEADER_F_FLAGS, 0,
		SMB2_FLAGS_RELATED_OPERATIONS, CORE_COMPOUND_0014);
	check_header(t, c->replies[2], SMB2_HEADER_F_NEXT_COMMAND, 0,
		CORE_COMPOUND_0016);
}

CONF_TEST(core, related_request_without_a_tree,
	"a related request behind a TREE_CONNECT that failed is refused",
	RULES(CORE_COMPOUND_0008))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});
	struct smb2_create_request create = create_request(a, "\\", NULL);
	const struct smb2_tree_connect_request connect = {
		.buffer = utf16(t, "\\\\server\\no-such-share")};
	struct chain *c = chain_begin(a);
	chain_add(c, false, &smb2_tree_connect_request_type, &connect);
	chain_add(c, true, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	chain_call(c);
	need_status(t, c->replies[0], STATUS_BAD_NETWORK_NAME);
	check_status(
		t, c->replies[1], STATUS_INVALID_PARAMETER, CORE_COMPOUND_0008);
	check_status(
		t, c->replies[2], STATUS_INVALID_PARAMETER, CORE_COMPOUND_0008);
}

CONF_TEST(core, mixed_compound,
	"a compound of related and unrelated requests is refused",
	RULES(CORE_COMPOUND_0010))
{
	struct peer *a = client(t);
	struct chain *c = chain_begin(a);
	struct smb2_create_request create = create_request(a, "x", NULL);
	chain_add(c, false, &smb2_create_request_type, &create);
	chain_add(c, true, &smb2_close_request_type, &close_related);
	chain_add(c, false, &smb2_echo_request_type, &echo);
	chain_call(c);
	for (unsigned int i = 0; i < c->count; i++) {
		check_status(t, c->replies[i], STATUS_INVALID_PARAMETER,
			CORE_COMPOUND_0010);
	}
}

CONF_TEST(core, last_response_is_padded,
	"the last response of a compound fills 8 bytes",
	RULES(CORE_COMPOUND_0017))
{
	struct peer *a = client(t);
	struct chain *c = create_query_close(a);
	chain_call(c);
	need_ok(t, c->replies[2]);
	need(t, c->replies[2]->frame == c->replies[0]->frame,
		"responses in one message");
	check_number(t, c->replies[2], c->replies[2]->pdu.n % 8, 0,
		"length of the last response modulo 8", CORE_COMPOUND_0017);
}
