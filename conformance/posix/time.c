/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-TIME: times that POSIX opens set and see. [MS-FSCC] 2.4.7
 */
#include "posix/posix.h"

/* 2001-09-09 01:46:40 UTC and a bit, on a whole 100 nanoseconds. */
#define THEN 0x01c138d0f8640007u
#define LATER 0x01c138d0f8649999u

static struct reply *set_times(
	struct file *f, const struct file_basic_information *basic)
{
	return file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
		encoded(f->peer->t, &file_basic_information_type, basic));
}

static struct file *old_file(struct peer *a)
{
	struct file *f = need_posix(a, "x", 0640,
		&(struct create_options){.access = ACCESS_DEFAULT | WRITE_DAC});

	need_ok(a->t, set_times(f, &(struct file_basic_information){
					   .last_access_time = THEN,
					   .last_write_time = LATER}));
	return f;
}

static const struct {
	const char *name;
	uint64_t access, write;
} exact_rows[] = {{"then", THEN, LATER}, {"odd_ticks", THEN + 1, THEN + 3},
	{"year_1960", 113288976000000007u, 113288976000000001u},
	{"just_before_1970", 116444736000000000u - 7, 116444736000000000u - 1},
	{"after_2038", 137919571980000001u, 137919571990000009u}};

CONF_TABLE(posix, exact, exact_rows, "times are told as they were set",
	RULES(PSX_TIME_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct reply *r = set_times(f, &(struct file_basic_information){
					       .last_access_time = row->access,
					       .last_write_time = row->write});

	stop_ok(t, r, PSX_TIME_0001);
	struct file_posix_information i = posix_info(f);
	check_number(t, r, i.last_access_time, row->access, "LastAccessTime",
		PSX_TIME_0001);
	check_number(t, r, i.last_write_time, row->write, "LastWriteTime",
		PSX_TIME_0001);
	struct file *top = need_posix_open(a, "", FILE_LIST_DIRECTORY);
	uint64_t listed = posix_find(top, "x").last_write_time;
	check_number(t, r, listed, row->write, "LastWriteTime in a listing",
		PSX_TIME_0001);
}

CONF_TEST(posix, zero_changes_nothing, "a time of 0 is left as it is",
	RULES(PSX_TIME_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = old_file(a);
	uint64_t made = posix_info(f).creation_time;
	struct reply *r = set_times(
		f, &(struct file_basic_information){.last_write_time = THEN});

	need_ok(t, r);
	struct file_posix_information i = posix_info(f);
	check_number(t, r, i.last_access_time, THEN, "LastAccessTime",
		PSX_TIME_0002);
	check_number(
		t, r, i.creation_time, made, "CreationTime", PSX_TIME_0002);
	r = set_times(
		f, &(struct file_basic_information){.last_access_time = LATER});
	need_ok(t, r);
	uint64_t written = posix_info(f).last_write_time;
	check_number(t, r, written, THEN, "LastWriteTime", PSX_TIME_0002);
}

CONF_TEST(posix, write, "a WRITE changes the times before it is answered",
	RULES(PSX_TIME_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = old_file(a);

	need_ok(t, file_close(f));
	f = need_posix_open(a, "x", FILE_WRITE_DATA | FILE_READ_ATTRIBUTES);
	uint64_t change = posix_info(f).change_time;
	struct reply *r = file_write(f, 0, "abc", 3);
	need_ok(t, r);
	struct file_posix_information i = posix_info(f);
	check(t, r, i.last_write_time > LATER, PSX_TIME_0003,
		"a LastWriteTime after the one that was there");
	check(t, r, i.change_time >= change && i.change_time > LATER,
		PSX_TIME_0003, "a ChangeTime that did not stay behind");
	struct file *again = need_posix_open(a, "x", FILE_READ_ATTRIBUTES);
	uint64_t seen = posix_info(again).last_write_time;
	check_number(t, r, seen, i.last_write_time,
		"LastWriteTime on another open", PSX_TIME_0003);
}

CONF_TEST(posix, write_after_set,
	"a WRITE changes the time that the same open has set",
	RULES(PSX_TIME_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *f = old_file(a);
	struct reply *r = file_write(f, 0, "abc", 3);

	need_ok(t, r);
	uint64_t seen = posix_info(f).last_write_time;
	check(t, r, seen > LATER, PSX_TIME_0004,
		"a LastWriteTime after the one that was set");
	need_ok(t, file_close(f));
	struct file *again = need_posix_open(a, "x", FILE_READ_ATTRIBUTES);
	seen = posix_info(again).last_write_time;
	check(t, NULL, seen > LATER, PSX_TIME_0004, "the same after CLOSE");
}

enum change { MODE, LINK };

static const struct {
	const char *name;
	enum change change;
} change_rows[] = {{"mode", MODE}, {"link", LINK}};

CONF_TABLE(posix, change_time, change_rows,
	"ChangeTime moves when the mode or the number of links does",
	RULES(PSX_TIME_0005), NEEDS(POSIX_EXTENSIONS), TAGS(TAG_QUIET))
{
	struct peer *a = posix_client(t);
	struct file *f = old_file(a);
	uint64_t before = posix_info(f).change_time, after = before;
	struct reply *r = NULL;

	/* Clocks of file systems tick every few milliseconds. */
	for (unsigned int i = 0; i < 50 && after == before; i++) {
		if (row->change == MODE) {
			r = posix_chmod(f, i % 2 == 0 ? 0600 : 0640);
		} else {
			r = posix_link(f, test_text(t, "link-%u", i), false);
			need_capability(t, r, r->status == STATUS_SUCCESS,
				"hard links");
		}
		need_ok(t, r);
		after = posix_info(f).change_time;
	}
	check(t, r, after > before, PSX_TIME_0005,
		"a ChangeTime after the one that was there");
}

CONF_TEST(posix, of_a_link, "the times of a link are its own",
	RULES(PSX_TIME_0006), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);

	posix_make_file(a, "target", 0640);
	posix_symlink(a, "l", "target");
	struct file *target =
		need_posix_open(a, "target", FILE_READ_ATTRIBUTES);
	struct file_posix_information before = posix_info(target);
	struct reply *o =
		posix_open(a, "l", FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
			FILE_OPEN_REPARSE_POINT);
	need_ok(t, o);
	struct reply *r = set_times(file_of(o),
		&(struct file_basic_information){
			.last_access_time = THEN, .last_write_time = LATER});
	stop_ok(t, r, PSX_TIME_0006);
	struct file_posix_information link = posix_info(file_of(o));
	check_number(t, r, link.last_write_time, LATER,
		"LastWriteTime of the link", PSX_TIME_0006);
	struct file_posix_information after = posix_info(target);
	check_number(t, r, after.last_write_time, before.last_write_time,
		"LastWriteTime of the target", PSX_TIME_0006);
}
