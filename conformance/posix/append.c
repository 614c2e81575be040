/* SPDX-License-Identifier: MIT */
/* Append opens. Rules PSX-APPEND, POSIX-SMB2 3.3.5.13. */
#include <string.h>

#include "posix/kinds.h"

#define END UINT64_MAX /* the offset that says "at the end" */

static const char start[] = "0123456789";

static void make_x(struct peer *a)
{
	struct file *f = need_posix(a, "x", 0644,
		&(struct create_options){.access = FILE_WRITE_DATA});

	need_ok(a->t, file_write(f, 0, start, 10));
	need_ok(a->t, file_close(f));
}

/* A POSIX open of x that may only append. */
static struct file *appender(struct peer *a)
{
	return need_posix_open(a, "x", FILE_APPEND_DATA | FILE_READ_ATTRIBUTES);
}

/* Reads the whole of x; judges it by the rule. */
static void check_x(
	struct test *t, struct peer *a, const char *want, enum rule_id rule)
{
	struct file *f = need_posix_open(a, "x", FILE_READ_DATA);
	struct reply *r = file_read(f, 0, 1000);

	rule_bytes(t, r, read_data(r), text_bytes(want), "Data", rule);
}

static const struct {
	const char *name;
	uint64_t offset;
} offset_rows[] = {{"zero", 0}, {"the_end_in_figures", 10}, {"beyond", 1000},
	{"middle", 5}, {"largest_file", INT64_MAX - 9}, {"one_less", END - 1}};

CONF_TABLE(posix, offset, offset_rows,
	"an append open writes at no offset but the one that means the end",
	RULES(PSX_APPEND_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	check_status(t, file_write(appender(a), row->offset, "abc", 3),
		STATUS_INVALID_PARAMETER, PSX_APPEND_0003);
	check_x(t, a, start, RULE_PSX_APPEND_0003);
}

CONF_TEST(posix, at_the_end, "an append open writes at the end",
	RULES(PSX_APPEND_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = appender(a);
	struct reply *r = file_write(f, END, "abc", 3);
	stop_ok(t, r, PSX_APPEND_0004);
	check_field(t, r, SMB2_WRITE_RESPONSE_F_COUNT, 3, PSX_APPEND_0004);
	check_ok(t, file_write(f, END, "de", 2), PSX_APPEND_0004);
	check_x(t, a, "0123456789abcde", RULE_PSX_APPEND_0004);
}

CONF_TEST(posix, at_the_new_end,
	"an append open writes at the end that the file has now",
	RULES(PSX_APPEND_0004), NEEDS(POSIX_EXTENSIONS))
{
	static const uint8_t four[8] = {4};
	struct peer *a = posix_client(t), *b = posix_client(t);
	make_x(a);
	struct file *f = appender(a), *g = need_posix(b, "x", 0, NULL);
	need_ok(t, file_write(g, 10, "more", 4));
	stop_ok(t, file_write(f, END, "abc", 3), PSX_APPEND_0004);
	check_x(t, a, "0123456789moreabc", RULE_PSX_APPEND_0004);
	need_ok(t, file_set(g, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			   wire_view_of(four, 8)));
	check_ok(t, file_write(f, END, "d", 1), PSX_APPEND_0004);
	check_x(t, a, "0123d", RULE_PSX_APPEND_0004);
}

#define RECORDS 12
#define RECORD 64

static struct request *append_later(struct file *f, char byte)
{
	char *record = test_alloc(f->peer->t, RECORD);
	struct smb2_write_request w = {.offset = END,
		.file_id = f->id,
		.buffer = wire_view_of(record, RECORD)};

	memset(record, byte, RECORD);
	return peer_send(f->peer, &smb2_write_request_type, &w);
}

CONF_TEST(posix, two_appenders,
	"what two append opens write at the same time does not overlap",
	RULES(PSX_APPEND_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct request *sent[2 * RECORDS];
	posix_make_file(a, "x", 0644);
	struct file *f = appender(a), *g = appender(b);
	for (int i = 0; i < RECORDS; i++) {
		sent[2 * i] = append_later(f, 'f');
		sent[2 * i + 1] = append_later(g, 'g');
	}
	for (int i = 0; i < 2 * RECORDS; i++) {
		stop_ok(t, peer_wait(sent[i]), PSX_APPEND_0005);
	}
	struct file *h = need_posix_open(a, "x", FILE_READ_DATA);
	struct reply *r = file_read(h, 0, 4 * RECORDS * RECORD);
	struct wire_view all = read_data(r);
	stop(t, r, all.n == 2 * RECORDS * RECORD, PSX_APPEND_0005,
		"%d records of %d bytes", 2 * RECORDS, RECORD);
	unsigned int of_f = 0, mixed = 0;
	for (size_t i = 0; i < all.n; i += RECORD) {
		of_f += all.p[i] == 'f';
		mixed += memcmp(all.p + i, all.p + i + 1, RECORD - 1) != 0;
	}
	check_number(t, r, mixed, 0, "records that are mixed", PSX_APPEND_0005);
	check_number(t, r, of_f, RECORDS, "records of the first open",
		PSX_APPEND_0005);
}

static const struct {
	const char *name;
	uint32_t access;
	bool appends;
	enum rule_id rule;
} access_rows[] = {
	{"append", FILE_APPEND_DATA, true, RULE_PSX_APPEND_0004},
	{"read_append", FILE_READ_DATA | FILE_APPEND_DATA, true,
		RULE_PSX_APPEND_0007},
	{"generic_read_append", GENERIC_READ | FILE_APPEND_DATA, true,
		RULE_PSX_APPEND_0007},
	{"write", FILE_WRITE_DATA, false, RULE_PSX_APPEND_0006},
	{"write_append", FILE_WRITE_DATA | FILE_APPEND_DATA, false,
		RULE_PSX_APPEND_0008},
	{"generic_write", GENERIC_WRITE, false, RULE_PSX_APPEND_0008},
	{"read_write", FILE_READ_DATA | FILE_WRITE_DATA, false,
		RULE_PSX_APPEND_0006},
};

CONF_TABLE(posix, access, access_rows,
	"which rights make an append open: the offset of the end is for them, "
	"all others are for the rest",
	RULES(PSX_APPEND_0003, PSX_APPEND_0004, PSX_APPEND_0006,
		PSX_APPEND_0007, PSX_APPEND_0008),
	NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix_open(a, "x", row->access);
	rule_status(t, file_write(f, END, "abc", 3),
		row->appends ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER,
		row->rule);
	rule_status(t, file_write(f, 10, "def", 3),
		row->appends ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS,
		row->rule);
	check_x(t, a, row->appends ? "0123456789abc" : "0123456789def",
		row->rule);
}

CONF_TEST(posix, reading, "an append open with FILE_READ_DATA reads anywhere",
	RULES(PSX_APPEND_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f =
		need_posix_open(a, "x", FILE_READ_DATA | FILE_APPEND_DATA);
	stop_ok(t, file_write(f, END, "abc", 3), PSX_APPEND_0007);
	struct reply *r = file_read(f, 8, 5);
	check_bytes(t, r, read_data(r), text_bytes("89abc"), "Data",
		PSX_APPEND_0007);
}

CONF_TEST(posix, ordinary_open,
	"an ordinary open that may only append is no append open",
	RULES(PSX_APPEND_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_kind(a, W, "x",
		&(struct create_options){
			.access = FILE_APPEND_DATA | FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	check_ok(t, file_write(f, 10, "abc", 3), PSX_APPEND_0009);
	check_x(t, a, "0123456789abc", RULE_PSX_APPEND_0009);
}

CONF_TEST(posix, no_other_changes,
	"an append open neither cuts the file nor zeroes a part of it",
	RULES(PSX_APPEND_0010), NEEDS(POSIX_EXTENSIONS))
{
	static const uint8_t five[8] = {5}, zero_all[16] = {[8] = 10};
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = appender(a);
	check_status(t,
		file_set(f, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			wire_view_of(five, 8)),
		STATUS_ACCESS_DENIED, PSX_APPEND_0010);
	check_status(t,
		file_fsctl(
			f, FSCTL_SET_ZERO_DATA, wire_view_of(zero_all, 16), 0),
		STATUS_ACCESS_DENIED, PSX_APPEND_0010);
	check_x(t, a, start, RULE_PSX_APPEND_0010);
}

CONF_TEST(posix, nothing_appended, "no bytes can be appended, to no effect",
	RULES(PSX_APPEND_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	check_ok(t, file_write(appender(a), END, "", 0), PSX_APPEND_0011);
	check_x(t, a, start, RULE_PSX_APPEND_0011);
}

CONF_TEST(posix, overwritten, "an open that empties the file may only append",
	RULES(PSX_APPEND_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f = need_posix(a, "x", 0644,
		&(struct create_options){.access = FILE_APPEND_DATA,
			.disposition = DISPOSITION(FILE_OVERWRITE)});
	need_ok(t, file_write(f, END, "one", 3));
	check_status(t, file_write(f, 0, "two", 3), STATUS_INVALID_PARAMETER,
		PSX_APPEND_0003);
	check_x(t, a, "one", RULE_PSX_APPEND_0003);
}

CONF_TEST(posix, new_file, "an append open makes a file and writes to it",
	RULES(PSX_APPEND_0004, PSX_APPEND_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644,
		&(struct create_options){
			.access = FILE_APPEND_DATA | FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_CREATE)});
	check_status(t, file_write(f, 0, "abc", 3), STATUS_INVALID_PARAMETER,
		PSX_APPEND_0003);
	check_ok(t, file_write(f, END, "abc", 3), PSX_APPEND_0004);
	check_x(t, a, "abc", RULE_PSX_APPEND_0004);
}

CONF_TEST(posix, unlinked_file, "an append open goes on after the unlink",
	RULES(PSX_DELETE_0020), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	make_x(a);
	struct file *f =
		need_posix_open(a, "x", FILE_READ_DATA | FILE_APPEND_DATA);
	need_ok(t, posix_unlink(a, "x"));
	check_ok(t, file_write(f, END, "abc", 3), PSX_DELETE_0020);
	struct reply *r = file_read(f, 8, 10);
	check_bytes(t, r, read_data(r), text_bytes("89abc"), "Data",
		PSX_DELETE_0020);
}
