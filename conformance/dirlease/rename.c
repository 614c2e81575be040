/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-RENAME: renaming, linking and directory leases. [MS-FSA] 2.1.4.12,
 * 2.1.5.15.11
 */
#include "dirlease/dirlease.h"

#define MOVING (DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES)

static void make_file(struct peer *b, const char *path)
{
	need_ok(b->t, file_close(need_file(b, path, NULL)));
}

/* --- two directories, and the key of the open
 * ------------------------------------- */

enum key { SOURCE, TARGET, WRONG, NO_KEY };

static const struct {
	const char *name;
	enum key key;
	bool link, away;     /* to the other directory */
	bool source, target; /* broken */
	enum rule_id rule;
} move_rows[] = {
	{"rename_within_source_key", SOURCE, false, false, false, false,
		RULE_DIRL_RENAME_0003},
	{"rename_within_wrong_key", WRONG, false, false, true, false,
		RULE_DIRL_RENAME_0001},
	{"rename_within_no_key", NO_KEY, false, false, true, false,
		RULE_DIRL_RENAME_0001},
	{"rename_away_source_key", SOURCE, false, true, false, true,
		RULE_DIRL_RENAME_0003},
	{"rename_away_target_key", TARGET, false, true, true, false,
		RULE_DIRL_RENAME_0003},
	{"rename_away_wrong_key", WRONG, false, true, true, true,
		RULE_DIRL_RENAME_0002},
	{"rename_away_no_key", NO_KEY, false, true, true, true,
		RULE_DIRL_RENAME_0002},
	{"link_within_source_key", SOURCE, true, false, false, false,
		RULE_DIRL_RENAME_0003},
	{"link_within_no_key", NO_KEY, true, false, true, false,
		RULE_DIRL_RENAME_0004},
	{"link_away_source_key", SOURCE, true, true, false, true,
		RULE_DIRL_RENAME_0004},
	{"link_away_target_key", TARGET, true, true, false, false,
		RULE_DIRL_RENAME_0003},
	{"link_away_wrong_key", WRONG, true, true, false, true,
		RULE_DIRL_RENAME_0004},
	{"link_away_no_key", NO_KEY, true, true, false, true,
		RULE_DIRL_RENAME_0004},
};

static struct file *open_to_move(struct peer *c, enum key key,
	const struct lease *source, const struct lease *target)
{
	return need_child(c, "s\\x", key == TARGET ? target : source,
		key == NO_KEY  ? PARENT_NONE
		: key == WRONG ? PARENT_OTHER
			       : PARENT_SAME,
		&(struct create_options){.access = MOVING,
			.disposition = DISPOSITION(FILE_OPEN)});
}

CONF_TABLE(dirlease, moved, move_rows,
	"which of two directories a rename or a link breaks",
	RULES(DIRL_RENAME_0001, DIRL_RENAME_0002, DIRL_RENAME_0003,
		DIRL_RENAME_0004),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t), *c = client(t);

	need_ok(t, file_close(need_directory(c, "s")));
	make_file(c, "s\\x");
	struct lease *source = need_directory_lease(a, "s", L_RH);
	struct lease *target = need_directory_lease(b, "t", L_RH);
	struct file *f = open_to_move(c, row->key, source, target);
	const char *to = row->away ? "t\\y" : "s\\y";
	struct request *move =
		row->link ? hard_link_send(f, to) : rename_send(f, to);
	struct reply *r = peer_wait(move);
	need_capability(
		t, r, !row->link || r->status == STATUS_SUCCESS, "hard links");
	need_ok(t, r);
	if (row->source) {
		check_directory_break(t, source, row->rule);
	} else {
		check_no_break(t, a, row->rule);
	}
	if (row->target) {
		check_directory_break(t, target, row->rule);
	} else {
		check_no_break(t, b, row->rule);
	}
}

/* --- a directory with open files
 * ---------------------------------------------------- */

static struct file *open_directory(struct peer *b, const char *path)
{
	return need_file(b, path,
		&(struct create_options){.access = MOVING | SYNCHRONIZE,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DIRECTORY_FILE});
}

static struct lease *leased_below(struct peer *a)
{
	need_ok(a->t, file_close(need_directory(a, "s")));
	return need_lease(a, "s\\x", L_RH);
}

CONF_TEST(dirlease, files_that_stay_open,
	"a directory is not renamed over files that stay open",
	RULES(DIRL_RENAME_0005), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = leased_below(a);
	struct request *move = rename_send(open_directory(b, "s"), "t");

	if (check_break(t, l, L_R, BREAK_ACK, RULE_DIRL_RENAME_0005)) {
		settle(b);
		need_ok(t, lease_ack(l, L_R));
	}
	check_status(
		t, peer_wait(move), STATUS_ACCESS_DENIED, DIRL_RENAME_0005);
}

CONF_TEST(dirlease, files_that_are_closed,
	"a directory is renamed when the files below are closed",
	RULES(DIRL_RENAME_0005, DIRL_RENAME_0006), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *l = leased_below(a);
	struct request *move = rename_send(open_directory(b, "s"), "t");

	check_break(t, l, L_R, BREAK_ACK, RULE_DIRL_RENAME_0005);
	settle(b);
	need_ok(t, file_close(l->file));
	check_ok(t, peer_wait(move), DIRL_RENAME_0006);
}
