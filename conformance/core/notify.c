/* SPDX-License-Identifier: MIT */
/* CHANGE_NOTIFY. Rules CORE-NOTIFY, [MS-SMB2] 3.3.5.19, [MS-FSA] 2.1.5.11. */
#include "suite/file.h"

#include <string.h>

#define NAMES FILE_NOTIFY_CHANGE_FILE_NAME
#define EVENTS_MAX 8

struct event {
	uint32_t action;
	char name[128];
};

struct events {
	unsigned int count;
	struct event events[EVENTS_MAX];
	bool aligned;
};

static struct wire_view notify_data(const struct reply *r)
{
	const struct smb2_change_notify_response *body = r->body;
	bool has = r->type == &smb2_change_notify_response_type && body != NULL;
	return has ? body->buffer : (struct wire_view){0};
}

static struct events events_of(struct test *t, const struct reply *r)
{
	struct events seen = {.aligned = true};
	struct wire_view data = notify_data(r);
	struct wire_list list =
		wire_list_of(&file_notify_information_type, data);
	struct file_notify_information info;
	struct wire_view bytes;
	while (seen.count < EVENTS_MAX &&
		wire_list_next(&list, &info, &bytes) > 0) {
		struct event *e = &seen.events[seen.count++];
		e->action = info.action;
		int n = wire_utf16_to_utf8(
			info.file_name, e->name, sizeof(e->name) - 1);
		need(t, n >= 0, "a file name in UTF-16");
		e->name[n] = '\0';
		if ((size_t)(bytes.p - data.p) % 4 != 0) {
			seen.aligned = false;
		}
	}
	return seen;
}

/* One event with this action and name is among those of a response. */
static bool reported(struct test *t, const struct reply *r, uint32_t action,
	const char *name)
{
	struct events seen = events_of(t, r);
	for (unsigned int i = 0; i < seen.count; i++) {
		if (seen.events[i].action == action &&
			strcmp(seen.events[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* A request that waits for changes in d, and whose watch has begun. */
static struct request *watch(
	struct file *d, uint32_t filter, bool tree, uint32_t size)
{
	struct request *notify = dir_notify_send(d, filter, tree, size);
	need_status(d->peer->t, peer_interim(notify), STATUS_PENDING);
	dir_notify_settle(d->peer);
	return notify;
}

static void set_attributes(struct file *f, uint32_t attributes)
{
	struct test *t = f->peer->t;
	const struct file_basic_information basic = {
		.file_attributes = attributes};
	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
			   encoded(t, &file_basic_information_type, &basic)));
}

CONF_TEST(core, notify_of_a_file, "a file cannot be watched",
	RULES(CORE_NOTIFY_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = peer_wait(dir_notify_send(f, NAMES, false, 1024));
	check_status(t, r, STATUS_INVALID_PARAMETER, CORE_NOTIFY_0001);
}

CONF_TEST(core, notify_needs_list_directory,
	"watching needs FILE_LIST_DIRECTORY", RULES(CORE_NOTIFY_0002))
{
	struct peer *a = client(t);
	need_directory(a, "d");
	struct file *d = need_file(a, "d",
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.options = FILE_DIRECTORY_FILE});
	struct reply *r = peer_wait(dir_notify_send(d, NAMES, false, 1024));
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_NOTIFY_0002);
}

CONF_TEST(core, other_changes_do_not_complete,
	"a change that the filter does not name completes nothing",
	RULES(CORE_NOTIFY_0003))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct file *f = need_file(a, "d\\x", NULL);
	struct request *notify = watch(d, NAMES, false, 1024);
	set_attributes(f, FILE_ATTRIBUTE_HIDDEN);
	forbid_reply(t, notify, 200, CORE_NOTIFY_0003);
}

CONF_TEST(core, creation_is_reported, "a new file is reported as added",
	RULES(CORE_NOTIFY_0004, CORE_NOTIFY_0010))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *notify = watch(d, NAMES, false, 1024);
	need_file(a, "d\\new", NULL);
	struct reply *r = peer_wait(notify);
	check_ok(t, r, CORE_NOTIFY_0004);
	need_ok(t, r);
	struct events seen = events_of(t, r);
	need(t, seen.count > 0, "an event");
	check_number(t, r, seen.events[0].action, FILE_ACTION_ADDED, "Action",
		CORE_NOTIFY_0004);
	check(t, r, strcmp(seen.events[0].name, "new") == 0, CORE_NOTIFY_0010,
		"the name is \"new\", relative to the directory");
}

CONF_TEST(core, deletion_is_reported, "a deleted file is reported as removed",
	RULES(CORE_NOTIFY_0004))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct file *f = need_file(a, "d\\old", NULL);
	struct request *notify = watch(d, NAMES, false, 1024);
	need_ok(t, file_delete(f));
	need_ok(t, file_close(f));
	struct reply *r = peer_wait(notify);
	stop_ok(t, r, CORE_NOTIFY_0004);
	check(t, r, reported(t, r, FILE_ACTION_REMOVED, "old"),
		CORE_NOTIFY_0004, "\"old\" is reported as removed");
}

CONF_TEST(core, rename_is_reported, "a rename is reported as old and new name",
	RULES(CORE_NOTIFY_0005, CORE_NOTIFY_0011))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_directory(a, "d")));
	/* No DELETE access: that would stand in the way of the rename. */
	struct file *d = need_file(a, "d",
		&(struct create_options){.access = FILE_LIST_DIRECTORY,
			.options = FILE_DIRECTORY_FILE});
	struct file *f = need_file(a, "d\\old", NULL);
	struct request *notify = watch(d, NAMES, false, 1024);
	need_ok(t, file_rename(f, "d\\new", false));
	struct reply *r = peer_wait(notify);
	stop_ok(t, r, CORE_NOTIFY_0005);
	struct events seen = events_of(t, r);
	if (seen.count == 1) {
		step(t, "the new name comes with the next request");
		struct reply *second =
			peer_wait(dir_notify_send(d, NAMES, false, 1024));
		struct events rest = events_of(t, second);
		seen.events[1] = rest.events[0];
		seen.count += rest.count > 0 ? 1 : 0;
	}
	check(t, r,
		seen.count == 2 &&
			seen.events[0].action == FILE_ACTION_RENAMED_OLD_NAME &&
			strcmp(seen.events[0].name, "old") == 0,
		CORE_NOTIFY_0005, "the old name comes first");
	check(t, r,
		seen.count == 2 &&
			seen.events[1].action == FILE_ACTION_RENAMED_NEW_NAME &&
			strcmp(seen.events[1].name, "new") == 0,
		CORE_NOTIFY_0005, "the new name comes second");
	check(t, r, seen.aligned, CORE_NOTIFY_0011,
		"the entries start on 4 bytes");
}

CONF_TEST(core, attribute_change_is_reported,
	"a change of attributes is reported as modified",
	RULES(CORE_NOTIFY_0006))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct file *f = need_file(a, "d\\x", NULL);
	struct request *notify =
		watch(d, FILE_NOTIFY_CHANGE_ATTRIBUTES, false, 1024);
	set_attributes(f, FILE_ATTRIBUTE_HIDDEN);
	struct reply *r = peer_wait(notify);
	check_ok(t, r, CORE_NOTIFY_0006);
	check(t, r, reported(t, r, FILE_ACTION_MODIFIED, "x"), CORE_NOTIFY_0006,
		"\"x\" is reported as modified");
}

CONF_TEST(core, size_change_is_reported,
	"a change of size is reported as modified", RULES(CORE_NOTIFY_0007))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct file *f = need_file(a, "d\\x", NULL);
	struct request *notify = watch(d, FILE_NOTIFY_CHANGE_SIZE, false, 1024);
	static const uint8_t size[8] = {100};
	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileEndOfFileInformation,
			   wire_view_of(size, 8)));
	struct reply *r = peer_wait(notify);
	check_ok(t, r, CORE_NOTIFY_0007);
	check(t, r, reported(t, r, FILE_ACTION_MODIFIED, "x"), CORE_NOTIFY_0007,
		"\"x\" is reported as modified");
}

CONF_TEST(core, tree_is_watched, "WATCH_TREE reports what happens below",
	RULES(CORE_NOTIFY_0008, CORE_NOTIFY_0010))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	need_directory(a, "d\\sub");
	struct request *notify = watch(d, NAMES, true, 1024);
	need_file(a, "d\\sub\\new", NULL);
	struct reply *r = peer_wait(notify);
	check_ok(t, r, CORE_NOTIFY_0008);
	check(t, r, reported(t, r, FILE_ACTION_ADDED, "sub\\new"),
		CORE_NOTIFY_0010, "the name is \"sub\\new\"");
}

CONF_TEST(core, subdirectories_are_not_watched,
	"without WATCH_TREE only the directory itself is watched",
	RULES(CORE_NOTIFY_0009))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	need_directory(a, "d\\sub");
	struct request *notify = watch(d, NAMES, false, 1024);
	need_file(a, "d\\sub\\new", NULL);
	forbid_reply(t, notify, 200, CORE_NOTIFY_0009);
}

CONF_TEST(core, changes_between_requests,
	"changes between two requests are not lost", RULES(CORE_NOTIFY_0012))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *first = watch(d, NAMES, false, 1024);
	need_file(a, "d\\one", NULL);
	struct reply *one = peer_wait(first);
	need_capability(t, one, one->status == STATUS_SUCCESS,
		"a server that reports changes");
	need_file(a, "d\\two", NULL);
	struct reply *r = peer_wait(dir_notify_send(d, NAMES, false, 1024));
	check_ok(t, r, CORE_NOTIFY_0012);
	check(t, r, reported(t, r, FILE_ACTION_ADDED, "two"), CORE_NOTIFY_0012,
		"\"two\" is reported");
}

CONF_TEST(core, requests_complete_in_order,
	"of two waiting requests the first is completed first",
	RULES(CORE_NOTIFY_0013))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *first = watch(d, NAMES, false, 1024);
	struct request *second = watch(d, NAMES, false, 1024);
	need_file(a, "d\\one", NULL);
	struct reply *r = peer_wait(first);
	check(t, r, reported(t, r, FILE_ACTION_ADDED, "one"), CORE_NOTIFY_0013,
		"the first request reports \"one\"");
	need_file(a, "d\\two", NULL);
	struct reply *s = peer_wait(second);
	check(t, s, reported(t, s, FILE_ACTION_ADDED, "two"), CORE_NOTIFY_0013,
		"the second request reports \"two\"");
}

CONF_TEST(core, too_many_changes,
	"changes that do not fit are answered with NOTIFY_ENUM_DIR",
	RULES(CORE_NOTIFY_0014))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *notify = watch(d, NAMES, false, 16);
	need_file(a, "d\\a_name_that_does_not_fit", NULL);
	struct reply *r = peer_wait(notify);
	check_status(t, r, STATUS_NOTIFY_ENUM_DIR, CORE_NOTIFY_0014);
	check_number(
		t, r, notify_data(r).n, 0, "bytes of data", CORE_NOTIFY_0014);
}

CONF_TEST(core, close_ends_the_watch,
	"closing the directory completes the request", RULES(CORE_NOTIFY_0015))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *notify = watch(d, NAMES, false, 1024);
	need_ok(t, file_close(d));
	check_status(
		t, peer_wait(notify), STATUS_NOTIFY_CLEANUP, CORE_NOTIFY_0015);
}

CONF_TEST(core, deletion_ends_the_watch,
	"marking the directory for deletion completes the request",
	RULES(CORE_NOTIFY_0016))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	struct request *notify = watch(d, NAMES, false, 1024);
	struct file *e = need_directory(a, "d");
	need_ok(t, file_delete(e));
	need_ok(t, file_close(e));
	check_status(
		t, peer_wait(notify), STATUS_DELETE_PENDING, CORE_NOTIFY_0016);
}

static const struct lost_row {
	const char *name;
	uint8_t info_class; /* 0: WRITE */
	uint8_t bytes[40];
	unsigned int size;
} lost_rows[] = {{"time", FileBasicInformation, {[23] = 1}, 40},
	{"size", FileEndOfFileInformation, {5}, 8}, {"write", 0, {0}, 0}};

/* SET_INFO or WRITE and the end of its open in one piece, so that the open is
 * gone when the change has been made. */
static void change_and_close(struct file *f, const struct lost_row *row)
{
	const struct smb2_set_info_request set = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = row->info_class,
		.file_id = f->id,
		.buffer = wire_view_of(row->bytes, row->size)};
	const struct smb2_write_request write = {
		.file_id = f->id, .buffer = text_bytes("bytes")};
	const struct smb2_close_request close = {.file_id = f->id};

	peer_hold(f->peer);
	if (row->info_class) {
		peer_send(f->peer, &smb2_set_info_request_type, &set);
	} else {
		peer_send(f->peer, &smb2_write_request_type, &write);
	}
	peer_send(f->peer, &smb2_close_request_type, &close);
	peer_release(f->peer);
}

CONF_TABLE(core, change_of_a_closed_open, lost_rows,
	"a change whose open is closed meanwhile is reported",
	RULES(CORE_NOTIFY_0017))
{
	struct peer *a = client(t), *b = client(t);
	struct file *d = need_directory(a, "d");
	struct file *f = need_file(b, "d\\x", NULL);
	struct request *notify = watch(d,
		FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_SIZE |
			FILE_NOTIFY_CHANGE_LAST_WRITE,
		false, 1024);

	change_and_close(f, row);
	struct reply *r = peer_wait_ms(notify, 5000);
	check(t, r, reported(t, r, FILE_ACTION_MODIFIED, "x"), CORE_NOTIFY_0017,
		"the change of \"x\" is reported");
}
