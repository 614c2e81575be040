/* SPDX-License-Identifier: MIT */
/*
 * Share modes between POSIX opens and ordinary ones. Rule PSX-CREATE-0024,
 * [MS-FSA] 2.1.5.1.2.
 */
#include "posix/kinds.h"

#define ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define VIOLATION STATUS_SHARING_VIOLATION

static const struct {
	const char *name;
	enum open_kind held, wanted;
	uint32_t access, share, asked, asked_share, status;
} share_rows[] = {
	{"pp_read_not_shared", P, P, FILE_READ_DATA, FILE_SHARE_WRITE,
		FILE_READ_DATA, ALL, VIOLATION},
	{"pp_write_not_shared", P, P, FILE_READ_DATA, FILE_SHARE_READ,
		FILE_WRITE_DATA, ALL, VIOLATION},
	{"pp_append_not_shared", P, P, FILE_READ_DATA, FILE_SHARE_READ,
		FILE_APPEND_DATA, ALL, VIOLATION},
	{"pp_delete_not_shared", P, P, FILE_READ_DATA,
		FILE_SHARE_READ | FILE_SHARE_WRITE, DELETE, ALL, VIOLATION},
	{"pp_writer_not_shared", P, P, FILE_WRITE_DATA, ALL, FILE_READ_DATA,
		FILE_SHARE_READ, VIOLATION},
	{"pp_all_shared", P, P, ACCESS_DEFAULT, ALL, ACCESS_DEFAULT, ALL,
		STATUS_SUCCESS},
	{"pp_attributes_alone", P, P, FILE_READ_DATA, 0, FILE_READ_ATTRIBUTES,
		0, STATUS_SUCCESS},
	{"pw_read_not_shared", P, W, FILE_READ_DATA, FILE_SHARE_WRITE,
		FILE_READ_DATA, ALL, VIOLATION},
	{"pw_write_not_shared", P, W, FILE_READ_DATA, FILE_SHARE_READ,
		FILE_WRITE_DATA, ALL, VIOLATION},
	{"pw_delete_not_shared", P, W, FILE_READ_DATA,
		FILE_SHARE_READ | FILE_SHARE_WRITE, DELETE, ALL, VIOLATION},
	{"pw_all_shared", P, W, ACCESS_DEFAULT, ALL, ACCESS_DEFAULT, ALL,
		STATUS_SUCCESS},
	{"wp_read_not_shared", W, P, FILE_READ_DATA, FILE_SHARE_WRITE,
		FILE_READ_DATA, ALL, VIOLATION},
	{"wp_write_not_shared", W, P, FILE_READ_DATA, FILE_SHARE_READ,
		FILE_WRITE_DATA, ALL, VIOLATION},
	{"wp_delete_not_shared", W, P, FILE_READ_DATA,
		FILE_SHARE_READ | FILE_SHARE_WRITE, DELETE, ALL, VIOLATION},
	{"wp_all_shared", W, P, ACCESS_DEFAULT, ALL, ACCESS_DEFAULT, ALL,
		STATUS_SUCCESS},
};

CONF_TABLE(posix, sharing, share_rows, "POSIX opens share as ordinary opens do",
	RULES(PSX_CREATE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_file(a, "x", 0644);
	need_kind(a, row->held, "x",
		&(struct create_options){.access = row->access,
			.share = SHARE_EXACT | row->share,
			.disposition = DISPOSITION(FILE_OPEN)});
	check_status(t,
		kind_create(b, row->wanted, "x",
			&(struct create_options){.access = row->asked,
				.share = SHARE_EXACT | row->asked_share,
				.disposition = DISPOSITION(FILE_OPEN)}),
		row->status, PSX_CREATE_0024);
}

CONF_TEST(posix, same_client, "opens of one client share no better",
	RULES(PSX_CREATE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_file(a, "x", 0644);
	const struct create_options alone = {.access = FILE_READ_DATA,
		.share = SHARE_EXACT,
		.disposition = DISPOSITION(FILE_OPEN)};
	struct file *f = need_posix(a, "x", 0, &alone);
	check_status(
		t, posix_create(a, "x", 0, &alone), VIOLATION, PSX_CREATE_0024);
	need_ok(t, file_close(f));
	check_ok(t, posix_create(a, "x", 0, &alone), PSX_CREATE_0024);
}

CONF_TEST(posix, by_another_name,
	"share modes belong to the file, whatever name was opened",
	RULES(PSX_CREATE_0024), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, posix_link(f, "y", false));
	need_ok(t, file_close(f));
	const struct create_options alone = {.access = FILE_READ_DATA,
		.share = SHARE_EXACT,
		.disposition = DISPOSITION(FILE_OPEN)};
	need_posix(a, "x", 0, &alone);
	check_status(
		t, posix_create(a, "y", 0, &alone), VIOLATION, PSX_CREATE_0024);
}

CONF_TEST(posix, unlinked_file,
	"an unlinked file is in nobody's way under its old name",
	RULES(PSX_DELETE_0022), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_file(a, "x", 0644);
	need_posix(b, "x", 0,
		&(struct create_options){.access = FILE_WRITE_DATA,
			.share = SHARE_EXACT | FILE_SHARE_DELETE,
			.disposition = DISPOSITION(FILE_OPEN)});
	struct reply *r = posix_create(a, "x", 0,
		&(struct create_options){
			.access = DELETE | FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DELETE_ON_CLOSE});
	need_ok(t, r);
	need_ok(t, file_close(file_of(r)));
	check_ok(t,
		posix_create(a, "x", 0644,
			&(struct create_options){.access = FILE_READ_DATA,
				.share = SHARE_EXACT,
				.disposition = DISPOSITION(FILE_CREATE)}),
		PSX_DELETE_0022);
}
