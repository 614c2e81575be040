/* SPDX-License-Identifier: MIT */
/*
 * POSIX opens driven by bytes over files in memory: what spec/posix/ says of
 * contexts, names, links, locks, deleting, renaming, appending and modes, and
 * hostile input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define TAG "\x93\xad\x25\x50\x9c\xb4\x11\xe7\xb4\x23\x83\xde\x96\x8b\xcd\x7c"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_init(&rig);
	for (unsigned int i = 0; i < 3; i++) {
		rig.shares[i].posix = POSIX_ON;
		rig.shares[i].create_mask = 07777;
		rig.shares[i].directory_mask = 07777;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

/* ---- negotiation ---- */

static const uint8_t preauth[] = {
	1, 0, 6, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};

/* NEGOTIATE 3.1.1 with one context 0x100 of these data; the answer's bytes of
 * contexts are copied. */
static uint32_t negotiate(unsigned int i, const char *data, size_t n,
	uint8_t *ret_list, size_t *ret_n)
{
	static const uint8_t dialect[] = {0x11, 0x03};
	uint8_t list[256] = {0};
	struct smb2_negotiate_request body = {.dialect_count = 1,
		.dialects = wire_view_of(dialect, 2),
		.negotiate_context_count = 2};
	struct smb2_negotiate_response answer = {0};
	uint32_t status;

	memcpy(list, preauth, 16);
	wire_put16(list + 16, 0x0100);
	wire_put16(list + 18, (uint16_t)n);
	memcpy(list + 24, data, n);
	body.negotiate_context_list = wire_view_of(list, 24 + n);
	rig_accept(&rig, i);
	status = rig_call(&rig, i, SMB2_NEGOTIATE, &smb2_negotiate_request_type,
		&body, &smb2_negotiate_response_type, &answer);
	*ret_n = 0;
	if (!status) {
		*ret_n = answer.negotiate_context_list.n;
		memcpy(ret_list, answer.negotiate_context_list.p, *ret_n);
		rig.links[i].dialect = 0x0311;
		rig.links[i].keys.signing.algorithm = 1;
	}
	return status;
}

static bool has_tag(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 24 <= n; i++) {
		if (!memcmp(p + i, "\x00\x01\x10\x00\x00\x00\x00\x00" TAG,
			    24)) {
			return true;
		}
	}
	return false;
}

static void test_negotiation(void **state)
{
	static const char unknown[16] = "0123456789abcdef";
	uint8_t list[256];
	char both[33];
	size_t n;

	(void)state;
	rig_start(&rig);
	assert_int_equal(negotiate(0, TAG, 16, list, &n), 0);
	assert_true(has_tag(list, n));
	assert_int_equal(negotiate(0, unknown, 16, list, &n), 0);
	assert_false(has_tag(list, n));
	memcpy(both, unknown, 16);
	memcpy(both + 16, TAG, 16);
	assert_int_equal(negotiate(0, both, 32, list, &n), 0);
	assert_true(has_tag(list, n));
	assert_int_equal(
		negotiate(0, TAG, 0, list, &n), STATUS_INVALID_PARAMETER);
	assert_int_equal(
		negotiate(0, TAG, 15, list, &n), STATUS_INVALID_PARAMETER);
}

static void test_off(void **state)
{
	uint8_t list[256];
	size_t n;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		rig.shares[i].posix = POSIX_OFF;
	}
	rig_start(&rig);
	assert_int_equal(negotiate(0, TAG, 16, list, &n), 0);
	assert_false(has_tag(list, n));
}

/* ---- opens ---- */

struct request_of {
	const char *name; /* UTF-8, as it is */
	uint32_t access, disposition, options, mode;
	bool ordinary;
};

struct opened {
	struct smb2_fileid id;
	struct smb2_create_posix_response posix;
	bool told;
	uint8_t sids[160];
};

static void connect(unsigned int i)
{
	rig.offer_posix = true;
	rig_accept(&rig, i);
	assert_int_equal(rig_negotiate(&rig, i, 0x0311, 2, 1), 0);
	assert_int_equal(rig_session(&rig, i, "user alice", 0, 0), 0);
	rig.links[i].sign = true;
	assert_int_equal(rig_tree(&rig, i, "\\\\srv\\data"), 0);
}

static void context_told(struct wire_view contexts, struct opened *ret)
{
	struct wire_list list =
		wire_list_of(&smb2_create_context_type, contexts);
	struct smb2_create_context context;

	while (wire_list_next(&list, &context, NULL) > 0) {
		if (context.name.n == 16 && !memcmp(context.name.p, TAG, 16)) {
			assert_int_equal(smb2_create_posix_response_decode(
						 context.data, &ret->posix),
				0);
			ret->told = true;
		}
	}
}

static uint32_t open_with(unsigned int i, const struct request_of *what,
	const void *contexts, size_t n, struct opened *ret)
{
	uint8_t name[1024];
	int size = wire_utf8_to_utf16(what->name, name, sizeof name);
	struct smb2_create_request body = {
		.impersonation_level = 2,
		.desired_access = what->access,
		.share_access = 7,
		.create_disposition = what->disposition,
		.create_options = what->options,
		.name = wire_view_of(name, (size_t)size),
		.create_contexts = wire_view_of(contexts, n),
	};
	struct smb2_create_response answer = {0};
	uint32_t status =
		rig_call(&rig, i, SMB2_CREATE, &smb2_create_request_type, &body,
			&smb2_create_response_type, &answer);

	*ret = (struct opened){.id = answer.file_id};
	if (!status) {
		context_told(answer.create_contexts, ret);
	}
	return status;
}

static size_t posix_context(uint8_t *p, uint32_t mode, uint32_t length)
{
	memset(p, 0, 48);
	wire_put16(p + 4, 16);
	wire_put16(p + 6, 16);
	wire_put16(p + 10, 32);
	wire_put32(p + 12, length);
	memcpy(p + 16, TAG, 16);
	wire_put32(p + 32, mode);
	return 32 + length;
}

static uint32_t open_as(
	unsigned int i, const struct request_of *what, struct opened *ret)
{
	uint8_t context[64];
	size_t n = posix_context(context, what->mode, 4);

	return open_with(i, what, context, what->ordinary ? 0 : n, ret);
}

#define ALL 0x001f01ffu

static struct smb2_fileid make(unsigned int i, const char *name, uint32_t mode)
{
	struct opened opened;

	assert_int_equal(open_as(i,
				 &(struct request_of){.name = name,
					 .access = ALL,
					 .disposition = FILE_OPEN_IF,
					 .mode = mode},
				 &opened),
		0);
	assert_true(opened.told);
	return opened.id;
}

static uint32_t find(unsigned int i, const char *name, bool ordinary)
{
	struct opened opened;

	return open_as(i,
		&(struct request_of){.name = name,
			.access = FILE_READ_ATTRIBUTES,
			.disposition = FILE_OPEN,
			.ordinary = ordinary},
		&opened);
}

static uint32_t close_it(unsigned int i, struct smb2_fileid id)
{
	struct smb2_close_request body = {.file_id = id};

	return rig_call(&rig, i, SMB2_CLOSE, &smb2_close_request_type, &body,
		NULL, NULL);
}

static uint32_t set_info(unsigned int i, struct smb2_fileid id, uint8_t type,
	uint8_t class, uint32_t additional, const void *p, size_t n)
{
	struct smb2_set_info_request body = {.info_type = type,
		.file_info_class = class,
		.additional_information = additional,
		.file_id = id,
		.buffer = wire_view_of(p, n),
		.buffer_length = (uint32_t)n};

	return rig_call(&rig, i, SMB2_SET_INFO, &smb2_set_info_request_type,
		&body, NULL, NULL);
}

static struct file_posix_information info(unsigned int i, struct smb2_fileid id)
{
	struct smb2_query_info_request body = {.info_type = 1,
		.file_info_class = FilePosixInformation,
		.output_buffer_length = 1024,
		.file_id = id};
	struct smb2_query_info_response answer = {0};
	struct file_posix_information info = {0};

	assert_int_equal(rig_call(&rig, i, SMB2_QUERY_INFO,
				 &smb2_query_info_request_type, &body,
				 &smb2_query_info_response_type, &answer),
		0);
	assert_int_equal(answer.buffer.n, 112);
	assert_int_equal(
		file_posix_information_decode(answer.buffer, &info), 0);
	return info;
}

static uint32_t mark(unsigned int i, struct smb2_fileid id)
{
	return set_info(i, id, 1, FileDispositionInformation, 0, "\1", 1);
}

static uint32_t move(unsigned int i, struct smb2_fileid id, uint8_t class,
	const char *name, bool replace)
{
	uint8_t buffer[600] = {0};
	int n = wire_utf8_to_utf16(name, buffer + 20, 560);

	buffer[0] = replace;
	wire_put32(buffer + 16, (uint32_t)n);
	return set_info(i, id, 1, class, 0, buffer,
		(size_t)n + 20 < 24 ? 24 : (size_t)n + 20);
}

static void start(void)
{
	rig_start(&rig);
	connect(0);
}

static void test_modes(void **state)
{
	struct opened opened;
	struct smb2_fileid id;

	(void)state;
	start();
	id = make(0, "file", 06751);
	assert_int_equal(info(0, id).posix_mode, 06751);
	assert_int_equal(
		open_as(0,
			&(struct request_of){"dir", ALL, FILE_CREATE,
				FILE_DIRECTORY_FILE, 0xffff01ed, false},
			&opened),
		0);
	assert_int_equal(opened.posix.posix_mode, 0x1000 | 0755);
	/* Of an existing object it stays. */
	id = make(0, "file", 0);
	assert_int_equal(info(0, id).posix_mode, 06751);
}

static void test_masks(void **state)
{
	struct opened opened;

	(void)state;
	rig.shares[0].create_mask = 0744;
	rig.shares[0].force_create_mode = 0010;
	start();
	assert_int_equal(open_as(0,
				 &(struct request_of){"file", ALL, FILE_CREATE,
					 0, 04777, false},
				 &opened),
		0);
	assert_int_equal(opened.posix.posix_mode, 0754);
}

static void test_contexts(void **state)
{
	const struct request_of what = {"x", ALL, FILE_OPEN_IF, 0, 0, false};
	struct opened opened;
	uint8_t p[128];
	size_t n;

	(void)state;
	start();
	for (uint32_t length = 0; length < 9; length++) {
		n = posix_context(p, 0644, length);
		assert_int_equal(open_with(0, &what, p, n, &opened),
			length == 4 ? 0 : STATUS_INVALID_PARAMETER);
	}
	/* Two of them. */
	posix_context(p, 0, 4);
	wire_put32(p, 40);
	n = 40 + posix_context(p + 40, 0, 4);
	assert_int_equal(
		open_with(0, &what, p, n, &opened), STATUS_INVALID_PARAMETER);
	/* One that reaches beyond the request. */
	n = posix_context(p, 0, 4);
	wire_put32(p + 12, 0xfffffff0);
	assert_int_not_equal(open_with(0, &what, p, n, &opened), 0);
	/* An ordinary open is told nothing. */
	assert_int_equal(open_with(0, &what, NULL, 0, &opened), 0);
	assert_false(opened.told);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		uint32_t status;
	} names[] = {
		{"a\\b", 0},
		{"a:b", 0},
		{"CON", 0},
		{"x ", 0},
		{"x.", 0},
		{"\x01\x1f*?<>|\"", 0},
		{"/x", STATUS_INVALID_PARAMETER},
		{"x/", STATUS_OBJECT_NAME_INVALID},
		{"x//y", STATUS_OBJECT_NAME_INVALID},
		{".", STATUS_OBJECT_NAME_INVALID},
		{"x/../y", STATUS_OBJECT_NAME_INVALID},
		{"nowhere/x", STATUS_OBJECT_PATH_NOT_FOUND},
		{"file/x", STATUS_NOT_A_DIRECTORY},
	};
	struct opened opened;

	(void)state;
	start();
	make(0, "file", 0644);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct request_of what = {
			names[i].name, ALL, FILE_CREATE, 0, 0644, false};

		assert_int_equal(open_as(0, &what, &opened), names[i].status);
	}
	assert_int_equal(find(0, "FILE", false), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_int_equal(find(0, "FILE", true), 0);
	make(0, "FILE", 0600);
	assert_int_equal(find(0, "FILE", false), 0);
}

static void test_unlink(void **state)
{
	struct smb2_fileid a, b, fresh;

	(void)state;
	start();
	connect(1);
	a = make(0, "f", 0644);
	b = make(1, "f", 0644);
	assert_int_equal(mark(0, a), 0);
	assert_int_equal(find(1, "f", false), STATUS_DELETE_PENDING);
	assert_int_equal(close_it(0, a), 0);
	assert_int_equal(find(0, "f", false), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_int_equal(find(0, "f", true), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_int_equal(info(1, b).number_of_links, 0);
	assert_int_equal(move(1, b, FileRenameInformation, "g", false),
		STATUS_OBJECT_NAME_NOT_FOUND);
	/* The name is free, and stays when the file goes. */
	fresh = make(0, "f", 0600);
	assert_int_equal(close_it(1, b), 0);
	assert_int_equal(find(1, "f", false), 0);
	close_it(0, fresh);
}

static void test_unlink_beside_ordinary(void **state)
{
	struct opened ordinary;
	struct smb2_fileid a;

	(void)state;
	start();
	a = make(0, "f", 0644);
	assert_int_equal(open_as(0,
				 &(struct request_of){"f", FILE_READ_DATA,
					 FILE_OPEN, 0, 0, true},
				 &ordinary),
		0);
	assert_int_equal(mark(0, a), 0);
	assert_int_equal(close_it(0, a), 0);
	assert_int_equal(find(0, "f", false), STATUS_DELETE_PENDING);
	assert_int_equal(close_it(0, ordinary.id), 0);
	assert_int_equal(find(0, "f", false), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void test_links(void **state)
{
	struct smb2_fileid a, b;

	(void)state;
	start();
	a = make(0, "f", 0644);
	assert_int_equal(move(0, a, FileLinkInformation, "g", false), 0);
	assert_int_equal(info(0, a).number_of_links, 2);
	b = make(0, "g", 0);
	assert_int_equal(info(0, b).inode, info(0, a).inode);
	/* Each name goes by itself. */
	assert_int_equal(mark(0, a), 0);
	assert_int_equal(find(0, "g", false), 0);
	assert_int_equal(close_it(0, a), 0);
	assert_int_equal(find(0, "f", false), STATUS_OBJECT_NAME_NOT_FOUND);
	assert_int_equal(info(0, b).number_of_links, 1);
}

static void test_rename(void **state)
{
	struct smb2_fileid a, b, upper;

	(void)state;
	start();
	a = make(0, "a", 0644);
	b = make(0, "b", 0644);
	assert_int_equal(move(0, a, FileRenameInformation, "b", false),
		STATUS_OBJECT_NAME_COLLISION);
	assert_int_equal(move(0, a, FileRenameInformation, "b", true), 0);
	assert_int_equal(info(0, b).number_of_links, 0);
	assert_int_equal(find(0, "a", false), STATUS_OBJECT_NAME_NOT_FOUND);
	upper = make(0, "B", 0600);
	assert_int_equal(move(0, a, FileRenameInformation, "B", false),
		STATUS_OBJECT_NAME_COLLISION);
	assert_int_equal(move(0, a, FileRenameInformation, "x\\y", false), 0);
	assert_int_equal(find(0, "x\\y", false), 0);
	assert_int_equal(move(0, a, FileRenameInformation, "/x", false),
		STATUS_INVALID_PARAMETER);
	close_it(0, upper);
}

static uint32_t lock_it(unsigned int i, struct smb2_fileid id, uint64_t offset,
	uint64_t n, uint32_t flags)
{
	uint8_t element[24] = {0};
	struct smb2_lock_request body = {.lock_count = 1,
		.file_id = id,
		.locks = wire_view_of(element, 24)};

	wire_put64(element, offset);
	wire_put64(element + 8, n);
	wire_put32(element + 16, flags);
	return rig_call(
		&rig, i, SMB2_LOCK, &smb2_lock_request_type, &body, NULL, NULL);
}

#define SHARED 0x11
#define EXCLUSIVE 0x12
#define UNLOCK 4

static void test_locks(void **state)
{
	struct smb2_fileid a, b;

	(void)state;
	start();
	a = make(0, "f", 0644);
	b = make(0, "f", 0644);
	assert_int_equal(lock_it(0, a, 0, 100, EXCLUSIVE), 0);
	assert_int_equal(lock_it(0, b, 50, 1, SHARED), STATUS_LOCK_NOT_GRANTED);
	/* Split, then change a part. */
	assert_int_equal(lock_it(0, a, 40, 20, UNLOCK), 0);
	assert_int_equal(lock_it(0, b, 40, 20, EXCLUSIVE), 0);
	assert_int_equal(lock_it(0, b, 39, 1, SHARED), STATUS_LOCK_NOT_GRANTED);
	assert_int_equal(lock_it(0, a, 0, 10, SHARED), 0);
	assert_int_equal(lock_it(0, b, 0, 10, SHARED), 0);
	assert_int_equal(
		lock_it(0, a, 0, 10, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED);
	assert_int_equal(lock_it(0, b, 0, 10, UNLOCK), 0);
	assert_int_equal(lock_it(0, a, 0, 10, EXCLUSIVE), 0);
	/* What is not locked is unlocked; nothing is locked. */
	assert_int_equal(lock_it(0, b, 1000, 5, UNLOCK), 0);
	assert_int_equal(lock_it(0, b, 5, 0, EXCLUSIVE), 0);
	/* The very end, and all at once. */
	assert_int_equal(lock_it(0, a, UINT64_MAX, 1, EXCLUSIVE), 0);
	assert_int_equal(lock_it(0, a, 0, UINT64_MAX, UNLOCK), 0);
	assert_int_equal(lock_it(0, b, 0, 10, EXCLUSIVE), 0);
}

static uint32_t write_it(unsigned int i, struct smb2_fileid id, uint64_t offset,
	const char *text)
{
	struct smb2_write_request body = {.file_id = id,
		.offset = offset,
		.length = (uint32_t)strlen(text),
		.buffer = wire_view_of(text, strlen(text))};

	return rig_call(&rig, i, SMB2_WRITE, &smb2_write_request_type, &body,
		NULL, NULL);
}

static void test_append(void **state)
{
	struct opened append;
	struct smb2_fileid a;

	(void)state;
	start();
	a = make(0, "f", 0644);
	assert_int_equal(write_it(0, a, 0, "12345"), 0);
	assert_int_equal(
		write_it(0, a, UINT64_MAX, "x"), STATUS_INVALID_PARAMETER);
	assert_int_equal(open_as(0,
				 &(struct request_of){"f",
					 FILE_APPEND_DATA | FILE_READ_DATA,
					 FILE_OPEN, 0, 0, false},
				 &append),
		0);
	assert_int_equal(
		write_it(0, append.id, 5, "x"), STATUS_INVALID_PARAMETER);
	assert_int_equal(write_it(0, append.id, UINT64_MAX, "67"), 0);
	assert_int_equal(info(0, a).end_of_file, 7);
}

/* A descriptor with one entry for S-1-5-88-3-mode. */
static size_t mode_descriptor(uint8_t *p, uint32_t mode)
{
	static const uint8_t head[] = {1, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 20, 0, 0, 0, 2, 0, 36, 0, 1, 0, 0, 0, 0, 0, 28, 0, 0,
		0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 5, 88, 0, 0, 0, 3, 0, 0, 0};

	memcpy(p, head, sizeof head);
	wire_put32(p + sizeof head, mode);
	return sizeof head + 4;
}

static void test_chmod(void **state)
{
	uint8_t p[64];
	struct smb2_fileid a;
	size_t n = mode_descriptor(p, 07641);

	(void)state;
	start();
	a = make(0, "f", 0644);
	assert_int_equal(
		set_info(0, a, 3, 0, DACL_SECURITY_INFORMATION, p, n), 0);
	assert_int_equal(info(0, a).posix_mode, 07641);
	/* Cut anywhere it changes nothing. */
	mode_descriptor(p, 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_not_equal(
			set_info(0, a, 3, 0, DACL_SECURITY_INFORMATION, p, i),
			0);
	}
	/* Nor with a SID that has too many parts. */
	p[37] = 16;
	assert_int_not_equal(
		set_info(0, a, 3, 0, DACL_SECURITY_INFORMATION, p, n), 0);
	assert_int_equal(info(0, a).posix_mode, 07641);
}

static uint32_t fsctl(unsigned int i, struct smb2_fileid id, uint32_t code,
	const void *p, size_t n)
{
	struct smb2_ioctl_request body = {.ctl_code = code,
		.file_id = id,
		.max_output_response = 65536,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = wire_view_of(p, n),
		.input_count = (uint32_t)n};

	return rig_call(&rig, i, SMB2_IOCTL, &smb2_ioctl_request_type, &body,
		NULL, NULL);
}

/* A link to "x". */
static const uint8_t link_to_x[] = {0x0c, 0, 0, 0xa0, 16, 0, 0, 0, 0, 0, 2, 0,
	2, 0, 2, 0, 1, 0, 0, 0, 'x', 0, 'x', 0};

static void test_symlinks(void **state)
{
	struct smb2_fileid a;
	uint8_t p[sizeof link_to_x];
	struct opened opened;

	(void)state;
	start();
	a = make(0, "link", 0644);
	for (size_t i = 0; i < sizeof link_to_x; i++) {
		assert_int_not_equal(
			fsctl(0, a, FSCTL_SET_REPARSE_POINT, link_to_x, i), 0);
	}
	memcpy(p, link_to_x, sizeof p);
	wire_put16(p + 10, 6);
	assert_int_equal(fsctl(0, a, FSCTL_SET_REPARSE_POINT, p, sizeof p),
		STATUS_IO_REPARSE_DATA_INVALID);
	assert_int_equal(fsctl(0, a, FSCTL_SET_REPARSE_POINT, link_to_x,
				 sizeof link_to_x),
		0);
	assert_int_equal(info(0, a).posix_mode, 0x2000 | 0644);
	close_it(0, a);
	assert_int_equal(find(0, "link", false), STATUS_STOPPED_ON_SYMLINK);
	assert_int_equal(find(0, "link/y/z", false), STATUS_STOPPED_ON_SYMLINK);
	assert_int_equal(open_as(0,
				 &(struct request_of){
					 "link", ALL, FILE_CREATE, 0, 0, false},
				 &opened),
		STATUS_OBJECT_NAME_COLLISION);
	assert_int_equal(open_as(0,
				 &(struct request_of){"link", ALL, FILE_OPEN,
					 FILE_OPEN_REPARSE_POINT, 0, false},
				 &opened),
		0);
	assert_int_equal(opened.posix.posix_mode, 0x2000 | 0644);
	assert_int_equal(write_it(0, opened.id, 0, "data"),
		STATUS_INVALID_DEVICE_REQUEST);
	a = make(0, "other", 0644);
	assert_int_equal(move(0, a, FileRenameInformation, "link/x", false),
		STATUS_STOPPED_ON_SYMLINK);
}

/* What a mode says counts for opens without the extensions too, and the owner
 * may always change times. */
static void test_owner_without_rights(void **state)
{
	struct opened opened;

	(void)state;
	start();
	close_it(0, make(0, "f", 0));
	assert_int_equal(
		open_as(0,
			&(struct request_of){"f", FILE_WRITE_ATTRIBUTES,
				FILE_OPEN, 0, 0, false},
			&opened),
		0);
	assert_int_equal(open_as(0,
				 &(struct request_of){"f", FILE_READ_DATA,
					 FILE_OPEN, 0, 0, true},
				 &opened),
		STATUS_ACCESS_DENIED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation),
		TEST(test_off),
		TEST(test_modes),
		TEST(test_masks),
		TEST(test_contexts),
		TEST(test_names),
		TEST(test_unlink),
		TEST(test_unlink_beside_ordinary),
		TEST(test_links),
		TEST(test_rename),
		TEST(test_locks),
		TEST(test_append),
		TEST(test_chmod),
		TEST(test_symlinks),
		TEST(test_owner_without_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
