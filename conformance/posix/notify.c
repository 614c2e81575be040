/* SPDX-License-Identifier: MIT */
/* CHANGE_NOTIFY of POSIX opens. Rules PSX-NOTIFY, [MS-SMB2] 3.3.5.19. */
#include <string.h>

#include "posix/kinds.h"

#define NAMES (FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME)

/* Whether a response reports that action for that name. */
static bool reported(struct test *t, const struct reply *r, uint32_t action,
	const char *name)
{
	const struct smb2_change_notify_response *body = r->body;
	struct file_notify_information info;
	struct wire_list list;

	if (body == NULL || r->type != &smb2_change_notify_response_type) {
		return false;
	}
	list = wire_list_of(&file_notify_information_type, body->buffer);
	while (wire_list_next(&list, &info, NULL) == 1) {
		if (info.action == action &&
			wire_view_equal(info.file_name, utf16(t, name))) {
			return true;
		}
	}
	return false;
}

/* A request that waits for changes below a POSIX open of d. */
static struct request *watch(struct peer *a, uint32_t filter)
{
	struct file *d = need_posix_open(
		a, "d", FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES);
	struct request *notify = dir_notify_send(d, filter, true, 1024);

	need_status(a->t, peer_interim(notify), STATUS_PENDING);
	dir_notify_settle(a);
	return notify;
}

static const struct {
	const char *name, *made;
	enum rule_id rule;
} name_rows[] = {
	{"plain", "new", RULE_PSX_NOTIFY_0001},
	{"below", "sub/new", RULE_PSX_NOTIFY_0001},
	{"backslash", "one\\two", RULE_PSX_NOTIFY_0002},
	{"backslash_below", "sub/one\\two", RULE_PSX_NOTIFY_0002},
};

CONF_TABLE(posix, names, name_rows,
	"names are reported with slashes between components",
	RULES(PSX_NOTIFY_0001, PSX_NOTIFY_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_directory(a, "d/sub", 0755);
	struct request *notify = watch(a, NAMES);
	posix_make_file(a, test_text(t, "d/%s", row->made), 0644);
	struct reply *r = peer_wait(notify);
	need_capability(t, r, r->outcome == REPLY_ARRIVED,
		"a server that reports changes");
	need_ok(t, r);
	check_rule(t, r, reported(t, r, FILE_ACTION_ADDED, row->made),
		row->rule, "\"%s\" is reported as added", row->made);
}

CONF_TEST(posix, new_name, "a rename is reported with slashes as well",
	RULES(PSX_NOTIFY_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_directory(a, "d/sub", 0755);
	struct file *f = need_posix(a, "d/sub/old", 0644, NULL);
	struct request *notify = watch(a, NAMES);
	need_ok(t, posix_rename(f, "d/sub/new", false));
	struct reply *r = peer_wait(notify);
	need_capability(t, r, r->outcome == REPLY_ARRIVED,
		"a server that reports changes");
	need_ok(t, r);
	check(t, r, reported(t, r, FILE_ACTION_RENAMED_OLD_NAME, "sub/old"),
		PSX_NOTIFY_0001, "\"sub/old\" is reported as the old name");
}

CONF_TEST(posix, mode_changes, "a change of the mode is one of security",
	RULES(PSX_NOTIFY_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_file(a, "d/x", 0644);
	struct file *f = need_posix_open(
		a, "d/x", FILE_READ_ATTRIBUTES | READ_CONTROL | WRITE_DAC);
	struct request *notify = watch(a, FILE_NOTIFY_CHANGE_SECURITY);
	need_ok(t, posix_chmod(f, 0600));
	struct reply *r = peer_wait_ms(notify, 2000);
	check(t, r, reported(t, r, FILE_ACTION_MODIFIED, "x"), PSX_NOTIFY_0003,
		"\"x\" is reported as modified");
}

CONF_TEST(posix, removed_while_open,
	"the removal of a name is reported when it goes, not when the last "
	"open of the file is closed",
	RULES(PSX_NOTIFY_0004), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	posix_make_directory(a, "d", 0755);
	struct file *held = need_posix(b, "d/x", 0644, NULL);
	struct request *notify = watch(a, NAMES);
	need_ok(t, posix_unlink(b, "d/x"));
	struct reply *r = peer_wait(notify);
	check_ok(t, r, PSX_NOTIFY_0004);
	check(t, r, reported(t, r, FILE_ACTION_REMOVED, "x"), PSX_NOTIFY_0004,
		"\"x\" is reported as removed");
	need_ok(t, file_read(held, 0, 0));
}

CONF_TEST(posix, ordinary_open,
	"an ordinary open of the directory gets backslashes as ever",
	RULES(CORE_NOTIFY_0010), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	posix_make_directory(a, "d", 0755);
	posix_make_directory(a, "d/sub", 0755);
	struct file *d = need_kind(a, W, "d",
		&(struct create_options){.access = FILE_LIST_DIRECTORY,
			.disposition = DISPOSITION(FILE_OPEN)});
	struct request *notify = dir_notify_send(d, NAMES, true, 1024);
	need_status(t, peer_interim(notify), STATUS_PENDING);
	dir_notify_settle(a);
	posix_make_file(a, "d/sub/new", 0644);
	struct reply *r = peer_wait(notify);
	need_capability(t, r, r->outcome == REPLY_ARRIVED,
		"a server that reports changes");
	check(t, r, reported(t, r, FILE_ACTION_ADDED, "sub\\new"),
		CORE_NOTIFY_0010, "\"sub\\new\" is reported as added");
}
