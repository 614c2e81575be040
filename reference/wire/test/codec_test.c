/* SPDX-License-Identifier: MIT */
/* The codec runtime against foreign bytes, and against hostile ones. */
#include "foreign.h"
#include "wire/all.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define VIEW(a) wire_view_of(a, sizeof(a))

/* Header and body again, into a buffer of their own; behind them there are
 * `trailing` bytes of the message that no field covers. */
static void assert_same_again(const struct wire_type *type, const void *body,
	struct wire_view pdu, size_t trailing)
{
	struct smb2_header header;
	uint8_t bytes[1024];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes)};
	struct wire_buf count = {.p = NULL};

	assert_int_equal(smb2_header_decode(pdu, &header), 0);
	assert_int_equal(smb2_header_encode(&header, &out), 0);
	assert_int_equal(wire_encode(type, body, &out), 0);
	assert_int_equal(out.n, pdu.n - trailing);
	assert_memory_equal(bytes, pdu.p, out.n);

	assert_int_equal(smb2_header_encode(&header, &count), 0);
	assert_int_equal(wire_encode(type, body, &count), 0);
	assert_int_equal(count.n, out.n);
}

static void test_negotiate_request(void **state)
{
	struct wire_view pdu = VIEW(foreign_negotiate_request);
	struct smb2_negotiate_request req;
	struct smb2_negotiate_context context;
	uint16_t types[8];
	size_t n = 0;

	(void)state;
	assert_ptr_equal(
		wire_message_type_of(pdu), &smb2_negotiate_request_type);
	assert_int_equal(smb2_negotiate_request_decode(pdu, &req), 0);
	assert_int_equal(req.dialect_count, 1);
	assert_int_equal(req.dialects.n, 2);
	assert_int_equal(wire_get16(req.dialects.p), SMB2_DIALECT_311);
	assert_int_equal(req.negotiate_context_count, 5);

	struct wire_list list = wire_list_of(
		&smb2_negotiate_context_type, req.negotiate_context_list);

	while (n < 8 && wire_list_next(&list, &context, NULL) == 1) {
		types[n++] = context.context_type;
	}
	assert_int_equal(n, 5);
	assert_int_equal(types[0], SMB2_PREAUTH_INTEGRITY_CAPABILITIES);
	assert_int_equal(types[4], SMB2_POSIX_EXTENSIONS_AVAILABLE);
	assert_same_again(&smb2_negotiate_request_type, &req, pdu, 0);
}

static void test_negotiate_response(void **state)
{
	struct wire_view pdu = VIEW(foreign_negotiate_response);
	struct smb2_negotiate_response resp;

	(void)state;
	assert_int_equal(smb2_negotiate_response_decode(pdu, &resp), 0);
	assert_int_equal(resp.dialect_revision, SMB2_DIALECT_311);
	assert_int_equal(resp.security_buffer.n, 74);
	assert_int_equal(resp.max_read_size, 0x800000);
	assert_same_again(&smb2_negotiate_response_type, &resp, pdu, 0);
}

static void test_create_request(void **state)
{
	struct wire_view pdu = VIEW(foreign_create_request);
	struct smb2_create_request req;
	char name[32];

	(void)state;
	assert_int_equal(smb2_create_request_decode(pdu, &req), 0);
	assert_int_equal(wire_utf16_to_utf8(req.name, name, sizeof(name)), 5);
	assert_memory_equal(name, "h.txt", 5);
	assert_same_again(
		&smb2_create_request_type, &req, pdu, 2); /* a terminator */
}

/* Every prefix of a message is refused or decodes within itself. */
static void test_truncated(void **state)
{
	struct wire_view pdu = VIEW(foreign_negotiate_response);

	(void)state;
	for (size_t n = 0; n < pdu.n; n++) {
		struct smb2_negotiate_response resp = {.structure_size = 77};
		uint8_t *copy = malloc(n ? n : 1); /* for the sanitizer */
		struct wire_fault fault = {0};

		assert_non_null(copy);
		memcpy(copy, pdu.p, n);
		assert_int_equal(wire_decode(&smb2_negotiate_response_type,
					 wire_view_of(copy, n), &resp, &fault),
			-EBADMSG);
		assert_int_equal(resp.structure_size, 77);
		assert_non_null(fault.why);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_negotiate_request),
		cmocka_unit_test(test_negotiate_response),
		cmocka_unit_test(test_create_request),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests_name("wire_codec", tests, NULL, NULL);
}
