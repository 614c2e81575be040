/* SPDX-License-Identifier: MIT */
/*
 * The codec runtime: text, buffers, derived numbers, lists, walking, names.
 * Expected bytes are written out by hand from the documents.
 */
#include "foreign.h"
#include "wire/all.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define VIEW(a) wire_view_of(a, sizeof(a))

static void test_utf16(void **state)
{
	/* "aé€" and U+1F600 */
	static const uint8_t utf16[] = {
		0x61, 0x00, 0xe9, 0x00, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde};
	static const char utf8[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
	static const uint8_t low_alone[] = {0x00, 0xde};
	static const uint8_t high_alone[] = {0x3d, 0xd8, 0x61, 0x00};
	static const uint8_t high_last[] = {0x3d, 0xd8};
	char text[16];
	uint8_t bytes[16];

	(void)state;
	assert_int_equal(
		wire_utf16_to_utf8(VIEW(utf16), text, sizeof(text)), 10);
	assert_memory_equal(text, utf8, 10);
	assert_int_equal(wire_utf8_to_utf16(utf8, bytes, sizeof(bytes)), 10);
	assert_memory_equal(bytes, utf16, 10);
	assert_int_equal(wire_utf16_to_utf8(VIEW(utf16), text, 9), -ENOBUFS);
	assert_int_equal(wire_utf8_to_utf16(utf8, bytes, 9), -ENOBUFS);
	assert_int_equal(
		wire_utf16_to_utf8(VIEW(low_alone), text, 16), -EILSEQ);
	assert_int_equal(
		wire_utf16_to_utf8(VIEW(high_alone), text, 16), -EILSEQ);
	assert_int_equal(
		wire_utf16_to_utf8(VIEW(high_last), text, 16), -EILSEQ);
	assert_int_equal(
		wire_utf16_to_utf8(wire_view_of(utf16, 3), text, 16), -EILSEQ);
}

static void test_bad_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",             /* continuation alone */
		"\xc3",             /* ends early */
		"\xc0\xaf",         /* overlong */
		"\xe0\x80\xaf",     /* overlong */
		"\xed\xa0\x80",     /* surrogate */
		"\xf4\x90\x80\x80", /* behind U+10FFFF */
		"\xff",
	};
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			wire_utf8_to_utf16(bad[i], bytes, sizeof(bytes)),
			-EILSEQ);
	}
}

static void test_buffer(void **state)
{
	uint8_t bytes[8];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes)};

	(void)state;
	wire_buf_bytes(&out, wire_view_of("abc", 3));
	wire_buf_align(&out, 4);
	assert_int_equal(out.n, 4);
	assert_memory_equal(bytes, "abc\0", 4);
	wire_buf_zero(&out, 5);
	assert_int_equal(out.error, -ENOBUFS);
	assert_int_equal(out.n, 4);
	wire_buf_zero(&out, 1); /* the error stays */
	assert_int_equal(out.n, 4);
	assert_int_equal(wire_view_sub(VIEW(bytes), 7, 2).n, 0);
	assert_int_equal(wire_view_sub(VIEW(bytes), 9, 0).n, 0);
	assert_int_equal(wire_view_sub(VIEW(bytes), SIZE_MAX, 2).n, 0);
	assert_int_equal(wire_view_sub(VIEW(bytes), 6, 2).n, 2);
}

/* Offsets count from the header, lengths are filled in, alignment kept. */
static void test_derived(void **state)
{
	uint8_t bytes[256];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes), .n = 64};
	struct smb2_create_request req = {
		.name = wire_view_of("a\0b\0c\0", 6),
		.create_contexts = wire_view_of("0123456789abcdef", 16),
	};

	(void)state;
	assert_int_equal(smb2_create_request_encode(&req, &out), 0);
	assert_int_equal(wire_get16(bytes + 64), 57);
	assert_int_equal(wire_get16(bytes + 64 + 44), 64 + 56); /* name */
	assert_int_equal(wire_get16(bytes + 64 + 46), 6);
	assert_int_equal(wire_get32(bytes + 64 + 48), 128); /* contexts */
	assert_int_equal(wire_get32(bytes + 64 + 52), 16);
	assert_int_equal(out.n, 144);
	assert_memory_equal(bytes + 126, "\0\0", 2);
	assert_memory_equal(bytes + 128, "0123456789abcdef", 16);
}

/* What the caller set is sent, also when it is not true. */
static void test_lies(void **state)
{
	uint8_t bytes[128];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes), .n = 64};
	struct smb2_read_response resp = {
		.structure_size = 99,
		.data_offset = 80,
		.data_length = 1000,
		.buffer = wire_view_of("xyz", 3),
	};

	(void)state;
	assert_int_equal(smb2_read_response_encode(&resp, &out), 0);
	assert_int_equal(wire_get16(bytes + 64), 99);
	assert_int_equal(wire_get32(bytes + 68), 1000);
	assert_memory_equal(bytes + 80, "xyz", 3);
	assert_int_equal(
		smb2_read_response_decode(wire_view_of(bytes, 83), &resp),
		-EBADMSG);
}

static void test_encode_limits(void **state)
{
	static const uint8_t big[70000];
	uint8_t bytes[128];
	struct wire_buf small = {.p = bytes, .cap = 100, .n = 64};
	struct wire_buf count = {.n = 64};
	struct smb2_session_setup_request req = {.buffer = VIEW(big)};
	struct smb2_negotiate_request neg = {0};

	(void)state;
	/* SecurityBufferLength has 16 bits */
	assert_int_equal(
		smb2_session_setup_request_encode(&req, &count), -ERANGE);
	/* nothing is encoded behind an error */
	assert_int_equal(smb2_negotiate_request_encode(&neg, &count), -ERANGE);
	assert_int_equal(count.n, 64);
	req.buffer.n = 20;
	assert_int_equal(
		smb2_session_setup_request_encode(&req, &small), -ENOBUFS);
	/* an offset into the fixed part */
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes), .n = 64};

	req.security_buffer_offset = 70;
	assert_int_equal(
		smb2_session_setup_request_encode(&req, &out), -ERANGE);
}

/* A message whose StructureSize counts a byte of a variable part that is
 * empty has that byte. */
static void test_message_filler(void **state)
{
	uint8_t bytes[256];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes), .n = 64};
	struct smb2_read_request req = {.length = 1};
	struct smb2_close_request close_req = {0};

	(void)state;
	memset(bytes, 0xaa, sizeof(bytes));
	assert_int_equal(
		wire_encode_message(&smb2_read_request_type, &req, &out), 0);
	assert_int_equal(out.n, 64 + 49);
	assert_int_equal(bytes[64 + 48], 0);
	out.n = 64;
	req.buffer = wire_view_of("0123456789abcdef", 16);
	assert_int_equal(
		wire_encode_message(&smb2_read_request_type, &req, &out), 0);
	assert_int_equal(out.n, 64 + 48 + 16);
	out.n = 64;
	assert_int_equal(
		wire_encode_message(&smb2_close_request_type, &close_req, &out),
		0);
	assert_int_equal(out.n, 64 + 24);
}

static void test_fault(void **state)
{
	uint8_t bytes[72] = {0};
	struct smb2_session_setup_response resp;
	struct wire_fault fault;
	const struct wire_type *type = &smb2_session_setup_response_type;

	(void)state;
	wire_put16(bytes + 64, 9);
	assert_int_equal(wire_decode(type, VIEW(bytes), &resp, &fault), 0);
	wire_put16(bytes + 64, 10);
	assert_int_equal(
		wire_decode(type, VIEW(bytes), &resp, &fault), -EBADMSG);
	assert_string_equal(fault.field->name, "StructureSize");
	assert_int_equal(fault.offset, 64);
	wire_put16(bytes + 64, 9);
	wire_put16(bytes + 70, 1); /* one byte, at 0: in the header */
	assert_int_equal(
		wire_decode(type, VIEW(bytes), &resp, &fault), -EBADMSG);
	assert_string_equal(fault.field->name, "Buffer");
	wire_put16(bytes + 68, 72); /* at the end: nothing is there */
	assert_int_equal(
		wire_decode(type, VIEW(bytes), &resp, &fault), -EBADMSG);
	wire_put16(bytes + 68, 73);
	assert_int_equal(
		wire_decode(type, VIEW(bytes), &resp, &fault), -EBADMSG);
	assert_int_equal(
		wire_decode(type, wire_view_of(bytes, 71), &resp, &fault),
		-EBADMSG);
	assert_null(fault.field);
}

/* Two create contexts, linked and aligned. */
static void test_chained_list(void **state)
{
	uint8_t bytes[128];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes), .n = 3};
	struct smb2_create_context context = {
		.name = wire_view_of("MxAc", 4),
	};
	const struct wire_type *type = &smb2_create_context_type;
	struct wire_view element;
	size_t last = SIZE_MAX;

	(void)state;
	assert_int_equal(wire_list_append(type, &context, &out, &last), 0);
	assert_int_equal(last, 3);
	context.name = wire_view_of("QFid", 4);
	context.data = wire_view_of("data", 4);
	assert_int_equal(wire_list_append(type, &context, &out, &last), 0);
	assert_int_equal(last, 27);
	assert_int_equal(wire_get32(bytes + 3), 24); /* 20, aligned */
	assert_int_equal(wire_get32(bytes + 27), 0);

	struct wire_list list =
		wire_list_of(type, wire_view_of(bytes + 3, out.n - 3));

	assert_int_equal(wire_list_next(&list, &context, &element), 1);
	assert_int_equal(element.n, 24);
	assert_memory_equal(context.name.p, "MxAc", 4);
	assert_int_equal(wire_list_next(&list, &context, &element), 1);
	assert_memory_equal(context.data.p, "data", 4);
	assert_int_equal(wire_list_next(&list, &context, &element), 0);
	assert_int_equal(wire_list_next(&list, &context, &element), 0);
	/* Next behind the end, and one that does not leave its element */
	wire_put32(bytes + 3, 1000);
	list = wire_list_of(type, wire_view_of(bytes + 3, out.n - 3));
	assert_int_equal(wire_list_next(&list, &context, NULL), -EBADMSG);
	wire_put32(bytes + 3, 4);
	list = wire_list_of(type, wire_view_of(bytes + 3, out.n - 3));
	assert_int_equal(wire_list_next(&list, &context, NULL), -EBADMSG);
}

static void test_packed_list(void **state)
{
	uint8_t bytes[64];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes)};
	struct smb2_negotiate_context context = {
		.context_type = SMB2_SIGNING_CAPABILITIES,
		.data = wire_view_of("\1\0\1\0", 4),
	};
	const struct wire_type *type = &smb2_negotiate_context_type;
	size_t last = SIZE_MAX;

	(void)state;
	assert_int_equal(wire_list_append(type, &context, &out, &last), 0);
	context.data_length = 0;
	assert_int_equal(wire_list_append(type, &context, &out, &last), 0);
	assert_int_equal(last, 16); /* 12, aligned */
	assert_int_equal(out.n, 28);
	assert_int_equal(wire_get16(bytes + 2), 4);

	struct wire_list list = wire_list_of(type, wire_view_of(bytes, 28));

	assert_int_equal(wire_list_next(&list, &context, NULL), 1);
	assert_int_equal(list.offset, 16);
	assert_int_equal(wire_list_next(&list, &context, NULL), 1);
	assert_int_equal(wire_list_next(&list, &context, NULL), 0);
	list = wire_list_of(type, wire_view_of(bytes, 27));
	assert_int_equal(wire_list_next(&list, &context, NULL), 1);
	assert_int_equal(wire_list_next(&list, &context, NULL), -EBADMSG);
}

/* More contexts announced than there are bytes for. */
static void test_hostile_count(void **state)
{
	uint8_t bytes[sizeof(foreign_negotiate_request)];
	struct smb2_negotiate_request req;

	(void)state;
	memcpy(bytes, foreign_negotiate_request, sizeof(bytes));
	wire_put16(bytes + 64 + 32, 0xffff);
	assert_int_equal(
		smb2_negotiate_request_decode(VIEW(bytes), &req), -EBADMSG);
	memcpy(bytes, foreign_negotiate_request, sizeof(bytes));
	wire_put16(bytes + 64 + 2, 0xffff); /* DialectCount */
	assert_int_equal(
		smb2_negotiate_request_decode(VIEW(bytes), &req), -EBADMSG);
	memcpy(bytes, foreign_negotiate_request, sizeof(bytes));
	wire_put32(bytes + 64 + 28, 0xfffffff8); /* NegotiateContextOffset */
	assert_int_equal(
		smb2_negotiate_request_decode(VIEW(bytes), &req), -EBADMSG);
	/* without 3.1.1 nobody looks at it */
	wire_put16(bytes + 64 + 36, SMB2_DIALECT_210);
	assert_int_equal(smb2_negotiate_request_decode(VIEW(bytes), &req), 0);
	assert_int_equal(req.negotiate_context_list.n, 0);
}

struct seen {
	const char *name;
	size_t offset;
	unsigned int depth;
	int count;
};

static int look(const struct wire_visit *visit, void *ctx)
{
	struct seen *seen = ctx;

	assert_ptr_equal(
		visit->bytes.p, foreign_negotiate_request + visit->offset);
	if (strcmp(visit->field->name, seen->name) == 0) {
		seen->offset = visit->offset;
		seen->depth = visit->depth;
		seen->count++;
	}
	return 0;
}

static int stop(const struct wire_visit *visit, void *ctx)
{
	(void)visit;
	(*(int *)ctx)++;
	return 7;
}

static void test_walk(void **state)
{
	struct seen salt = {.name = "Salt"};
	struct seen type = {.name = "ContextType"};
	struct wire_view pdu = VIEW(foreign_negotiate_request);
	int visits = 0;

	(void)state;
	assert_int_equal(
		wire_walk(&smb2_negotiate_request_type, pdu, look, &salt), 0);
	assert_int_equal(salt.count, 1);
	assert_int_equal(salt.offset, 0x68 + 8 + 6);
	assert_int_equal(salt.depth, 2);
	assert_int_equal(
		wire_walk(&smb2_negotiate_request_type, pdu, look, &type), 0);
	assert_int_equal(type.count, 5);
	assert_int_equal(
		wire_walk(&smb2_negotiate_request_type, pdu, stop, &visits), 7);
	assert_int_equal(visits, 1);
}

static void test_print(void **state)
{
	struct wire_view pdu = VIEW(foreign_negotiate_request);
	char text[4096], start[20];
	int n = wire_print(
		&smb2_negotiate_request_type, pdu, text, sizeof(text));

	(void)state;
	assert_in_range(n, 1, sizeof(text) - 1);
	assert_int_equal(strlen(text), n);
	assert_non_null(strstr(text, "Dialects: 0x0311 (SMB2_DIALECT_311)\n"));
	assert_non_null(strstr(text, "    NetName: \"127.0.0.1\"\n"));
	assert_non_null(strstr(text, "(SMB2_NEGOTIATE_SIGNING_ENABLED"));
	assert_int_equal(wire_print(&smb2_negotiate_request_type, pdu, start,
				 sizeof(start)),
		n);
	assert_memory_equal(start, text, sizeof(start) - 1);
	assert_int_equal(start[sizeof(start) - 1], '\0');
}

static void test_names(void **state)
{
	char text[128];

	(void)state;
	assert_string_equal(status_name(0xC0000022), "STATUS_ACCESS_DENIED");
	assert_string_equal(status_name(0), "STATUS_SUCCESS");
	assert_null(status_name(0xDEADBEEF));
	assert_int_equal(wire_flags_text(&SMB2_SHARE_ACCESS_enum, 0x15, text,
				 sizeof(text)),
		(int)strlen("FILE_SHARE_READ | FILE_SHARE_DELETE | 0x10"));
	assert_string_equal(text, "FILE_SHARE_READ | FILE_SHARE_DELETE | 0x10");
}

static void test_registry(void **state)
{
	(void)state;
	assert_ptr_equal(
		wire_message_type(SMB2_CLOSE, true), &smb2_close_response_type);
	assert_null(wire_message_type(SMB2_CANCEL, true));
	assert_null(wire_message_type(0x1234, false));
	/* both versions of a lease have one name */
	assert_ptr_equal(
		wire_create_context_type(wire_view_of("RqLs", 4), false, 32),
		&smb2_create_request_lease_type);
	assert_ptr_equal(
		wire_create_context_type(wire_view_of("RqLs", 4), false, 52),
		&smb2_create_request_lease_v2_type);
	assert_ptr_equal(
		wire_create_context_type(wire_view_of("RqLs", 4), true, 52),
		&smb2_create_response_lease_v2_type);
	assert_null(
		wire_create_context_type(wire_view_of("none", 4), false, 0));
	assert_ptr_equal(wire_info_type(WIRE_QUERY, SMB2_0_INFO_FILE, 4),
		&file_basic_information_type);
	assert_ptr_equal(wire_fsctl_type(0x00140204, true),
		&validate_negotiate_info_response_type);
	assert_ptr_equal(wire_type_by_name("SMB2_HEADER"), &smb2_header_type);
	assert_null(wire_type_by_name("smb2_header"));
}

/* The lease form of OPLOCK_BREAK, the error response, SESSION_SETUP. */
static void test_message_type_of(void **state)
{
	uint8_t pdu[128] = {0};

	(void)state;
	wire_put16(pdu + 12, SMB2_OPLOCK_BREAK);
	wire_put32(pdu + 16, SMB2_FLAGS_SERVER_TO_REDIR);
	wire_put16(pdu + 64, 44);
	assert_ptr_equal(wire_message_type_of(VIEW(pdu)),
		&smb2_lease_break_notification_type);
	wire_put16(pdu + 64, 24);
	assert_ptr_equal(wire_message_type_of(VIEW(pdu)),
		&smb2_oplock_break_notification_type);
	wire_put32(pdu + 8, STATUS_UNSUCCESSFUL);
	wire_put16(pdu + 64, 9);
	assert_ptr_equal(
		wire_message_type_of(VIEW(pdu)), &smb2_error_response_type);
	wire_put16(pdu + 12, SMB2_SESSION_SETUP);
	assert_ptr_equal(
		wire_message_type_of(VIEW(pdu)), &smb2_error_response_type);
	wire_put32(pdu + 8, STATUS_MORE_PROCESSING_REQUIRED);
	assert_ptr_equal(wire_message_type_of(VIEW(pdu)),
		&smb2_session_setup_response_type);
	wire_put16(pdu + 12, SMB2_QUERY_INFO);
	wire_put32(pdu + 8, STATUS_BUFFER_OVERFLOW);
	assert_ptr_equal(wire_message_type_of(VIEW(pdu)),
		&smb2_query_info_response_type);
	assert_null(wire_message_type_of(wire_view_of(pdu, 65)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_bad_utf8),
		cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_encode_limits),
		cmocka_unit_test(test_message_filler),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_chained_list),
		cmocka_unit_test(test_packed_list),
		cmocka_unit_test(test_hostile_count),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_registry),
		cmocka_unit_test(test_message_type_of),
	};

	return cmocka_run_group_tests_name("wire_runtime", tests, NULL, NULL);
}
