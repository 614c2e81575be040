/* SPDX-License-Identifier: MIT */
/* The header and the error response. Rules CORE-HEADER, [MS-SMB2] 2.2.1,
 * 2.2.2, 3.3.4.3, 3.3.5.2.6. */
#include "core/requests.h"

static const struct smb2_echo_request echo = {0};

static struct pdu *echo_pdu(struct peer *peer)
{
	return pdu_build(peer, &smb2_echo_request_type, &echo);
}

CONF_TEST(core, response_repeats_the_request,
	"a response has the server's header and the ids of its request",
	RULES(CORE_HEADER_0001, CORE_HEADER_0002, CORE_HEADER_0003,
		CORE_HEADER_0004, CORE_HEADER_0005, CORE_HEADER_0006,
		CORE_HEADER_0007, CORE_HEADER_0030),
	TAGS(TAG_SANITY))
{
	struct peer *a = client(t);
	step(t, "QUERY_INFO on the root of the share");
	struct file *root = need_file(a, "\\",
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	struct reply *r =
		file_query(root, SMB2_0_INFO_FILE, FileStandardInformation, 24);
	check_header(t, r, SMB2_HEADER_F_STRUCTURE_SIZE, 64, CORE_HEADER_0001);
	check_header_flags(t, r, SMB2_HEADER_F_FLAGS,
		SMB2_FLAGS_SERVER_TO_REDIR, 0, CORE_HEADER_0002);
	check_header(
		t, r, SMB2_HEADER_F_COMMAND, SMB2_QUERY_INFO, CORE_HEADER_0003);
	check_header(t, r, SMB2_HEADER_F_MESSAGE_ID, r->request->message_id,
		CORE_HEADER_0004);
	check_header(t, r, SMB2_HEADER_F_SESSION_ID, a->session->id,
		CORE_HEADER_0005);
	check_header(t, r, SMB2_HEADER_F_TREE_ID, a->tree, CORE_HEADER_0006);
	check_header(t, r, SMB2_HEADER_F_NEXT_COMMAND, 0, CORE_HEADER_0007);
	check_field(t, r, SMB2_QUERY_INFO_RESPONSE_F_STRUCTURE_SIZE, 9,
		CORE_HEADER_0030);
}

CONF_TEST(core, unsigned_response_has_no_signature,
	"an unsigned response has a Signature of zeroes",
	RULES(CORE_HEADER_0008, CORE_HEADER_0009))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct reply *r = a->negotiate;
	need(t, (r->header.flags & SMB2_FLAGS_SIGNED) == 0,
		"an unsigned NEGOTIATE response");
	static const uint8_t zeroes[16];
	check_bytes(t, r, wire_view_sub(r->pdu, 48, 16),
		wire_view_of(zeroes, 16), "Signature", CORE_HEADER_0008);
	check_header(t, r, SMB2_HEADER_F_SESSION_ID, 0, CORE_HEADER_0009);
}

CONF_TEST(core, response_repeats_credit_charge,
	"a response has the CreditCharge of its request",
	RULES(CORE_HEADER_0010), NEEDS(DIALECT_MIN(SMB2_DIALECT_210)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r =
		file_query(f, SMB2_0_INFO_FILE, FileStandardInformation, 24);
	need_ok(t, r);
	check_header(t, r, SMB2_HEADER_F_CREDIT_CHARGE, 1, CORE_HEADER_0010);
}

static const struct {
	const char *name;
	size_t size;
} short_rows[] = {
	{"four_bytes", 4}, {"half_a_header", 32}, {"one_byte_short", 63}};

CONF_TABLE(core, short_message_disconnects, short_rows,
	"a message shorter than a header ends the connection",
	RULES(CORE_HEADER_0011))
{
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a);
	peer_send_raw(a, wire_view_of(pdu->bytes, row->size));
	check_closed(t, a, CORE_HEADER_0011);
}

static const struct {
	const char *name;
	uint16_t command;
} unknown_rows[] = {{"0x0013", 0x13}, {"0x00ff", 0xff}, {"0xffff", 0xffff}};

CONF_TABLE(core, unknown_command_disconnects, unknown_rows,
	"a command code beyond the last one ends the connection",
	RULES(CORE_HEADER_0012))
{
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a);
	mutate_header(pdu, SMB2_HEADER_F_COMMAND, set_to(row->command));
	pdu_send(pdu);
	check_closed(t, a, CORE_HEADER_0012);
}

CONF_TEST(core, header_structure_size_is_checked,
	"a header with another StructureSize is refused",
	RULES(CORE_HEADER_0013))
{
	struct peer *a = client(t);
	struct pdu *pdu = echo_pdu(a);
	mutate_header(pdu, SMB2_HEADER_F_STRUCTURE_SIZE, set_to(65));
	struct request *request = pdu_send(pdu);
	struct reply *r = peer_wait_ms(request, 1500);
	if (r->outcome == REPLY_ARRIVED) {
		check_status(t, r, STATUS_INVALID_PARAMETER, CORE_HEADER_0013);
	} else {
		check(t, r, r->outcome == REPLY_CLOSED, CORE_HEADER_0013,
			"the request is answered or the connection closed");
	}
}

CONF_TEST(core, short_body_is_refused,
	"a request whose fixed part is cut off is refused",
	RULES(CORE_HEADER_0014))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct smb2_close_request close = {.file_id = f->id};
	struct pdu *pdu = pdu_build(a, &smb2_close_request_type, &close);
	pdu_truncate(pdu, 64 + 16);
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_HEADER_0014);
	check_alive(t, a, CORE_HEADER_0014);
}

static const struct {
	const char *name;
	uint16_t dialect;
} old_rows[] = {{"2.0.2", SMB2_DIALECT_202}, {"2.1", SMB2_DIALECT_210}};

CONF_TABLE(core, status_of_request_is_ignored, old_rows,
	"Status in a request means nothing before 3.0", RULES(CORE_HEADER_0015))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct pdu *pdu = echo_pdu(a);
	mutate_header(pdu, SMB2_HEADER_F_STATUS, set_to(0xC0000022));
	check_ok(t, pdu_call(pdu), CORE_HEADER_0015);
}

static struct reply *some_error(struct peer *peer)
{
	return file_create(peer, "absent",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
}

CONF_TEST(core, error_response_layout,
	"an ERROR response has StructureSize 9 and a true ByteCount",
	RULES(CORE_HEADER_0016, CORE_HEADER_0017, CORE_HEADER_0019))
{
	struct peer *a = client(t);
	struct reply *r = some_error(a);
	need(t, r->outcome == REPLY_ARRIVED && r->status >= 0xC0000000,
		"an ERROR response");
	check_field(t, r, SMB2_ERROR_RESPONSE_F_STRUCTURE_SIZE, 9,
		CORE_HEADER_0016);
	check_field(t, r, SMB2_ERROR_RESPONSE_F_RESERVED, 0, CORE_HEADER_0019);
	uint32_t count = r->pdu.n >= 72 ? wire_get32(r->pdu.p + 68) : 0;
	size_t rest = r->pdu.n >= 72 ? r->pdu.n - 72 : 0;
	/* One filler byte stands for ErrorData that is empty. */
	check(t, r, count == 0 ? rest <= 8 : count <= rest, CORE_HEADER_0017,
		"ByteCount is the length of ErrorData");
}

static const struct {
	const char *name;
	uint16_t dialect;
} no_context_rows[] = {{"2.0.2", SMB2_DIALECT_202}, {"2.1", SMB2_DIALECT_210},
	{"3.0", SMB2_DIALECT_300}, {"3.0.2", SMB2_DIALECT_302}};

CONF_TABLE(core, error_contexts_are_for_311, no_context_rows,
	"an ERROR response has no contexts before 3.1.1",
	RULES(CORE_HEADER_0018))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct reply *r = some_error(a);
	need(t, r->outcome == REPLY_ARRIVED && r->status >= 0xC0000000,
		"an ERROR response");
	check_field(t, r, SMB2_ERROR_RESPONSE_F_ERROR_CONTEXT_COUNT, 0,
		CORE_HEADER_0018);
}

static struct pdu *request_of(
	struct peer *peer, uint16_t command, struct smb2_fileid id)
{
	struct smb2_create_request create;

	switch (command) {
	case SMB2_ECHO:
		return echo_pdu(peer);
	case SMB2_CREATE:
		create = create_request(peer, "y", NULL);
		return pdu_build(peer, &smb2_create_request_type, &create);
	default:
		return request_about(peer, command, id);
	}
}

static struct file *open_for(struct peer *a, uint16_t command)
{
	return is_about_a_directory(command) ? need_directory(a, "d")
					     : need_file(a, "x", NULL);
}

static const struct command_row {
	const char *name;
	uint16_t command;
} every_rows[] = {{"close", SMB2_CLOSE}, {"flush", SMB2_FLUSH},
	{"read", SMB2_READ}, {"write", SMB2_WRITE}, {"lock", SMB2_LOCK},
	{"ioctl", SMB2_IOCTL}, {"query_directory", SMB2_QUERY_DIRECTORY},
	{"change_notify", SMB2_CHANGE_NOTIFY}, {"query_info", SMB2_QUERY_INFO},
	{"set_info", SMB2_SET_INFO}, {"echo", SMB2_ECHO},
	{"create", SMB2_CREATE}};

CONF_TABLE(core, body_structure_size_is_checked, every_rows,
	"a body with another StructureSize is refused", RULES(CORE_HEADER_0026))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct pdu *pdu = request_of(a, row->command, f->id);
	mutate(pdu, 0, add_to(2));
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_HEADER_0026);
	check_alive(t, a, CORE_HEADER_0026);
}

static const struct {
	const char *name;
	uint16_t command;
	unsigned int length_field, extra;
} beyond_rows[] = {
	{"create_name", SMB2_CREATE, SMB2_CREATE_REQUEST_F_NAME_LENGTH, 2000},
	{"write_data", SMB2_WRITE, SMB2_WRITE_REQUEST_F_LENGTH, 2000},
	{"set_info_buffer", SMB2_SET_INFO,
		SMB2_SET_INFO_REQUEST_F_BUFFER_LENGTH, 2000},
	{"query_directory_name", SMB2_QUERY_DIRECTORY,
		SMB2_QUERY_DIRECTORY_REQUEST_F_FILE_NAME_LENGTH, 2000},
	{"lock_count", SMB2_LOCK, SMB2_LOCK_REQUEST_F_LOCK_COUNT, 40},
};

CONF_TABLE(core, variable_part_beyond_the_end_is_refused, beyond_rows,
	"a length that points beyond the message is refused",
	RULES(CORE_HEADER_0027))
{
	struct peer *a = client(t);
	struct file *f = open_for(a, row->command);
	struct pdu *pdu = request_of(a, row->command, f->id);
	mutate(pdu, row->length_field, add_to(row->extra));
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_HEADER_0027);
	check_alive(t, a, CORE_HEADER_0027);
}

static const struct command_row open_rows[] = {{"close", SMB2_CLOSE},
	{"flush", SMB2_FLUSH}, {"read", SMB2_READ}, {"write", SMB2_WRITE},
	{"lock", SMB2_LOCK}, {"ioctl", SMB2_IOCTL},
	{"query_directory", SMB2_QUERY_DIRECTORY},
	{"change_notify", SMB2_CHANGE_NOTIFY}, {"query_info", SMB2_QUERY_INFO},
	{"set_info", SMB2_SET_INFO}};

CONF_TABLE(core, closed_file_id, open_rows,
	"a FileId that was closed names nothing any more",
	RULES(CORE_HEADER_0028))
{
	struct peer *a = client(t);
	struct file *f = open_for(a, row->command);
	need_ok(t, file_close(f));
	struct reply *r = pdu_call(request_of(a, row->command, f->id));
	check_status(t, r, STATUS_FILE_CLOSED, CORE_HEADER_0028);
}

CONF_TABLE(core, unknown_file_id, open_rows,
	"a FileId that was never given names nothing", RULES(CORE_HEADER_0028))
{
	struct peer *a = client(t);
	const struct smb2_fileid nothing = {
		0x1122334455667788, 0x99aabbccddeeff00};
	struct reply *r = pdu_call(request_of(a, row->command, nothing));
	check_status(t, r, STATUS_FILE_CLOSED, CORE_HEADER_0028);
}

static const struct {
	const char *name;
	uint16_t command;
	unsigned int field;
} limit_rows[] = {
	{"query_info", SMB2_QUERY_INFO,
		SMB2_QUERY_INFO_REQUEST_F_OUTPUT_BUFFER_LENGTH},
	{"query_directory", SMB2_QUERY_DIRECTORY,
		SMB2_QUERY_DIRECTORY_REQUEST_F_OUTPUT_BUFFER_LENGTH},
	{"ioctl", SMB2_IOCTL, SMB2_IOCTL_REQUEST_F_MAX_OUTPUT_RESPONSE},
	{"change_notify", SMB2_CHANGE_NOTIFY,
		SMB2_CHANGE_NOTIFY_REQUEST_F_OUTPUT_BUFFER_LENGTH},
};

CONF_TABLE(core, more_than_max_transact_size, limit_rows,
	"a response buffer above MaxTransactSize is refused",
	RULES(CORE_HEADER_0029), NEEDS(DIALECT_MIN(SMB2_DIALECT_210)))
{
	struct peer *a = client(t);
	struct file *f = open_for(a, row->command);
	uint32_t wanted = a->max_transact + 1;
	uint32_t charge = (wanted - 1) / 65536 + 1;
	need(t, charge <= a->credits, "%u credits", charge);
	struct pdu *pdu = request_of(a, row->command, f->id);
	mutate(pdu, row->field, set_to(wanted));
	mutate_header(pdu, SMB2_HEADER_F_CREDIT_CHARGE, set_to(charge));
	pdu->requests = charge;
	check_status(
		t, pdu_call(pdu), STATUS_INVALID_PARAMETER, CORE_HEADER_0029);
}
