/* SPDX-License-Identifier: MIT */
/* Share modes. Rules CORE-SHAREMODE, [MS-FSA] 2.1.5.1.2.1 and 2.1.5.1.2.2. */
#include "suite/file.h"

#define SHARE_READ FILE_SHARE_READ
#define SHARE_WRITE FILE_SHARE_WRITE
#define SHARE_DELETE FILE_SHARE_DELETE
#define SHARE_ALL (SHARE_READ | SHARE_WRITE | SHARE_DELETE)
#define ATTRIBUTES \
	(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | READ_CONTROL | \
		SYNCHRONIZE)

/* One open: what it asks for, what it leaves to others. */
static struct create_options claim(uint32_t access, uint32_t share)
{
	return (struct create_options){.access = access,
		.share = SHARE_EXACT | share,
		.disposition = DISPOSITION(FILE_OPEN)};
}

static struct reply *open_with(
	struct peer *a, const char *path, uint32_t access, uint32_t share)
{
	struct create_options options = claim(access, share);
	return file_create(a, path, &options);
}

static void make_file(struct peer *a, const char *path)
{
	need_ok(a->t, file_close(need_file(a, path, NULL)));
}

/* An open that was granted with everything shared, closed again. */
static void need_access(struct peer *a, uint32_t access)
{
	struct reply *r = open_with(a, "x", access, SHARE_ALL);
	need_capability(a->t, r,
		access != FILE_EXECUTE || r->status == STATUS_SUCCESS,
		"FILE_EXECUTE on a file that the client has made");
	need_ok(a->t, r);
	need_ok(a->t, file_close(file_of(r)));
}

static const struct {
	const char *name;
	uint32_t disposition, shared;
} overwriting_rows[] = {
	{"overwrite", FILE_OVERWRITE, SHARE_READ | SHARE_DELETE},
	{"overwrite_if", FILE_OVERWRITE_IF, SHARE_READ | SHARE_DELETE},
	{"supersede", FILE_SUPERSEDE, SHARE_READ | SHARE_WRITE},
};

CONF_TABLE(core, overwriting_conflicts, overwriting_rows,
	"who overwrites by opening writes, whatever he asks for",
	RULES(CORE_SHAREMODE_0014))
{
	struct peer *a = client(t);
	struct create_options wanted = claim(FILE_READ_DATA, SHARE_ALL);
	struct reply *held;

	make_file(a, "x");
	held = open_with(a, "x", FILE_READ_DATA, row->shared);
	need_ok(t, held);
	wanted.disposition = DISPOSITION(row->disposition);
	check_status(t, file_create(a, "x", &wanted), STATUS_SHARING_VIOLATION,
		CORE_SHAREMODE_0014);
	need_ok(t, file_close(file_of(held)));
	check_ok(t, file_create(a, "x", &wanted), CORE_SHAREMODE_0014);
}

static const struct {
	const char *name;
	uint32_t held, held_share, wanted, wanted_share;
	enum rule_id rule;
} conflict_rows[] = {
	{"read_beside_reader", FILE_READ_DATA, SHARE_WRITE | SHARE_DELETE,
		FILE_READ_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0001},
	{"read_beside_writer", FILE_WRITE_DATA, SHARE_WRITE | SHARE_DELETE,
		FILE_READ_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0001},
	{"read_beside_deleter", DELETE, SHARE_WRITE | SHARE_DELETE,
		FILE_READ_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0001},
	{"execute_beside_reader", FILE_READ_DATA, SHARE_WRITE | SHARE_DELETE,
		FILE_EXECUTE, SHARE_ALL, RULE_CORE_SHAREMODE_0001},
	{"write_beside_reader", FILE_READ_DATA, SHARE_READ | SHARE_DELETE,
		FILE_WRITE_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0002},
	{"write_beside_writer", FILE_WRITE_DATA, SHARE_READ | SHARE_DELETE,
		FILE_WRITE_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0002},
	{"append_beside_reader", FILE_READ_DATA, SHARE_READ | SHARE_DELETE,
		FILE_APPEND_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0002},
	{"write_beside_deleter", DELETE, SHARE_READ | SHARE_DELETE,
		FILE_WRITE_DATA, SHARE_ALL, RULE_CORE_SHAREMODE_0002},
	{"delete_beside_reader", FILE_READ_DATA, SHARE_READ | SHARE_WRITE,
		DELETE, SHARE_ALL, RULE_CORE_SHAREMODE_0003},
	{"delete_beside_writer", FILE_WRITE_DATA, SHARE_READ | SHARE_WRITE,
		DELETE, SHARE_ALL, RULE_CORE_SHAREMODE_0003},
	{"delete_beside_deleter", DELETE, SHARE_READ | SHARE_WRITE, DELETE,
		SHARE_ALL, RULE_CORE_SHAREMODE_0003},
	{"reader_not_shared_by_reader", FILE_READ_DATA, SHARE_ALL,
		FILE_READ_DATA, SHARE_WRITE | SHARE_DELETE,
		RULE_CORE_SHAREMODE_0004},
	{"reader_not_shared_by_writer", FILE_READ_DATA, SHARE_ALL,
		FILE_WRITE_DATA, SHARE_WRITE | SHARE_DELETE,
		RULE_CORE_SHAREMODE_0004},
	{"reader_not_shared_by_deleter", FILE_READ_DATA, SHARE_ALL, DELETE,
		SHARE_WRITE | SHARE_DELETE, RULE_CORE_SHAREMODE_0004},
	{"executor_not_shared", FILE_EXECUTE, SHARE_ALL, FILE_READ_DATA,
		SHARE_WRITE | SHARE_DELETE, RULE_CORE_SHAREMODE_0004},
	{"writer_not_shared_by_reader", FILE_WRITE_DATA, SHARE_ALL,
		FILE_READ_DATA, SHARE_READ | SHARE_DELETE,
		RULE_CORE_SHAREMODE_0005},
	{"writer_not_shared_by_writer", FILE_WRITE_DATA, SHARE_ALL,
		FILE_WRITE_DATA, SHARE_READ | SHARE_DELETE,
		RULE_CORE_SHAREMODE_0005},
	{"appender_not_shared", FILE_APPEND_DATA, SHARE_ALL, FILE_READ_DATA,
		SHARE_READ | SHARE_DELETE, RULE_CORE_SHAREMODE_0005},
	{"deleter_not_shared_by_reader", DELETE, SHARE_ALL, FILE_READ_DATA,
		SHARE_READ | SHARE_WRITE, RULE_CORE_SHAREMODE_0006},
	{"deleter_not_shared_by_writer", DELETE, SHARE_ALL, FILE_WRITE_DATA,
		SHARE_READ | SHARE_WRITE, RULE_CORE_SHAREMODE_0006},
	{"deleter_not_shared_by_deleter", DELETE, SHARE_ALL, DELETE,
		SHARE_READ | SHARE_WRITE, RULE_CORE_SHAREMODE_0006},
	{"nothing_shared", FILE_READ_DATA, 0, FILE_READ_DATA, SHARE_ALL,
		RULE_CORE_SHAREMODE_0001},
	{"nothing_shared_by_the_second", FILE_READ_DATA, SHARE_ALL,
		FILE_READ_DATA, 0, RULE_CORE_SHAREMODE_0004},
};

CONF_TABLE(core, conflict, conflict_rows,
	"an open that does not go with another",
	RULES(CORE_SHAREMODE_0001, CORE_SHAREMODE_0002, CORE_SHAREMODE_0003,
		CORE_SHAREMODE_0004, CORE_SHAREMODE_0005, CORE_SHAREMODE_0006))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	make_file(a, "x");
	need_access(a, row->held);
	need_access(a, row->wanted);
	need_ok(t, open_with(a, "x", row->held, row->held_share));
	rule_status(t, open_with(b, "x", row->wanted, row->wanted_share),
		STATUS_SHARING_VIOLATION, row->rule);
}

/* The rules of all six conflicts, read off the two claims. */
static bool goes_with(uint32_t held, uint32_t held_share, uint32_t wanted,
	uint32_t wanted_share)
{
	static const struct {
		uint32_t access, share;
	} kinds[] = {{FILE_READ_DATA, SHARE_READ},
		{FILE_WRITE_DATA, SHARE_WRITE}, {DELETE, SHARE_DELETE}};
	for (unsigned int i = 0; i < 3; i++) {
		if ((wanted == kinds[i].access &&
			    !(held_share & kinds[i].share)) ||
			(held == kinds[i].access &&
				!(wanted_share & kinds[i].share))) {
			return false;
		}
	}
	return true;
}

static const struct {
	const char *name;
	uint32_t held, wanted, rule_held, rule_wanted;
} matrix_rows[] = {
	{"read_read", FILE_READ_DATA, FILE_READ_DATA, RULE_CORE_SHAREMODE_0001,
		RULE_CORE_SHAREMODE_0004},
	{"read_write", FILE_READ_DATA, FILE_WRITE_DATA,
		RULE_CORE_SHAREMODE_0002, RULE_CORE_SHAREMODE_0004},
	{"read_delete", FILE_READ_DATA, DELETE, RULE_CORE_SHAREMODE_0003,
		RULE_CORE_SHAREMODE_0004},
	{"write_read", FILE_WRITE_DATA, FILE_READ_DATA,
		RULE_CORE_SHAREMODE_0001, RULE_CORE_SHAREMODE_0005},
	{"write_write", FILE_WRITE_DATA, FILE_WRITE_DATA,
		RULE_CORE_SHAREMODE_0002, RULE_CORE_SHAREMODE_0005},
	{"write_delete", FILE_WRITE_DATA, DELETE, RULE_CORE_SHAREMODE_0003,
		RULE_CORE_SHAREMODE_0005},
	{"delete_read", DELETE, FILE_READ_DATA, RULE_CORE_SHAREMODE_0001,
		RULE_CORE_SHAREMODE_0006},
	{"delete_write", DELETE, FILE_WRITE_DATA, RULE_CORE_SHAREMODE_0002,
		RULE_CORE_SHAREMODE_0006},
	{"delete_delete", DELETE, DELETE, RULE_CORE_SHAREMODE_0003,
		RULE_CORE_SHAREMODE_0006},
};

/* Which rule a combination is about; a grant is the other side of it. */
static enum rule_id rule_of(uint32_t held_share, uint32_t wanted,
	enum rule_id rule_held, enum rule_id rule_wanted)
{
	uint32_t share = wanted == FILE_READ_DATA    ? SHARE_READ
			 : wanted == FILE_WRITE_DATA ? SHARE_WRITE
						     : SHARE_DELETE;
	return held_share & share ? rule_wanted : rule_held;
}

CONF_TABLE(core, matrix, matrix_rows, "all share modes of two opens",
	RULES(CORE_SHAREMODE_0001, CORE_SHAREMODE_0002, CORE_SHAREMODE_0003,
		CORE_SHAREMODE_0004, CORE_SHAREMODE_0005, CORE_SHAREMODE_0006))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	make_file(a, "x");
	for (uint32_t held = 0; held <= SHARE_ALL; held++) {
		struct reply *first = open_with(a, "x", row->held, held);
		need_ok(t, first);
		for (uint32_t share = 0; share <= SHARE_ALL; share++) {
			struct reply *r = open_with(b, "x", row->wanted, share);
			rule_status(t, r,
				goes_with(row->held, held, row->wanted, share)
					? STATUS_SUCCESS
					: STATUS_SHARING_VIOLATION,
				rule_of(held, row->wanted, row->rule_held,
					row->rule_wanted));
			if (r->status == STATUS_SUCCESS) {
				need_ok(t, file_close(file_of(r)));
			}
		}
		need_ok(t, file_close(file_of(first)));
	}
}

static const struct {
	const char *name;
	uint32_t access;
} attribute_rows[] = {{"read_attributes", FILE_READ_ATTRIBUTES},
	{"write_attributes", FILE_WRITE_ATTRIBUTES},
	{"read_control", READ_CONTROL}, {"all_of_them", ATTRIBUTES}};

CONF_TABLE(core, attributes_are_always_open, attribute_rows,
	"an open for attributes is disturbed by nobody",
	RULES(CORE_SHAREMODE_0007))
{
	struct peer *a = client(t);
	make_file(a, "x");
	need_ok(t, open_with(a, "x", FILE_READ_DATA | FILE_WRITE_DATA | DELETE,
			   0));
	check_ok(t, open_with(a, "x", row->access, 0), CORE_SHAREMODE_0007);
}

CONF_TABLE(core, attributes_disturb_nobody, attribute_rows,
	"an open for attributes disturbs nobody", RULES(CORE_SHAREMODE_0008))
{
	struct peer *a = client(t);
	make_file(a, "x");
	need_ok(t, open_with(a, "x", row->access, 0));
	check_ok(t,
		open_with(a, "x", FILE_READ_DATA | FILE_WRITE_DATA | DELETE, 0),
		CORE_SHAREMODE_0008);
}

CONF_TEST(core, streams_by_themselves, "each stream has share modes of its own",
	RULES(CORE_SHAREMODE_0009), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	make_file(a, "x:s");
	struct reply *r = open_with(
		a, "x", FILE_READ_DATA | FILE_WRITE_DATA, SHARE_DELETE);
	need_ok(t, r);
	check_ok(t,
		open_with(a, "x:s", FILE_READ_DATA | FILE_WRITE_DATA,
			SHARE_DELETE),
		CORE_SHAREMODE_0009);
	check_status(t, open_with(a, "x:s", FILE_READ_DATA, SHARE_ALL),
		STATUS_SHARING_VIOLATION, CORE_SHAREMODE_0009);
}

CONF_TEST(core, delete_with_an_open_stream,
	"DELETE on the main stream asks the opens of all streams",
	RULES(CORE_SHAREMODE_0010), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	make_file(a, "x:s");
	struct reply *s =
		open_with(a, "x:s", FILE_READ_DATA, SHARE_READ | SHARE_WRITE);
	need_ok(t, s);
	check_status(t, open_with(a, "x", DELETE, SHARE_ALL),
		STATUS_SHARING_VIOLATION, CORE_SHAREMODE_0010);
	need_ok(t, file_close(file_of(s)));
	need_ok(t, open_with(a, "x:s", FILE_READ_DATA, SHARE_ALL));
	check_ok(t, open_with(a, "x", DELETE, SHARE_ALL), CORE_SHAREMODE_0010);
}

CONF_TEST(core, stream_beside_a_deleter,
	"an open of a stream shares deletion with the main stream",
	RULES(CORE_SHAREMODE_0013), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	make_file(a, "x:s");
	need_ok(t, open_with(a, "x", DELETE, SHARE_ALL));
	check_status(t,
		open_with(a, "x:s", FILE_READ_DATA, SHARE_READ | SHARE_WRITE),
		STATUS_SHARING_VIOLATION, CORE_SHAREMODE_0013);
	check_ok(t, open_with(a, "x:s", FILE_READ_DATA, SHARE_ALL),
		CORE_SHAREMODE_0013);
}

CONF_TEST(core, attributes_of_a_stream,
	"an open of a stream for attributes does not hold the file",
	RULES(CORE_SHAREMODE_0008), NEEDS(FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	make_file(a, "x");
	make_file(a, "x:s");
	need_ok(t, open_with(a, "x:s", FILE_READ_ATTRIBUTES, 0));
	check_ok(t, open_with(a, "x", DELETE, SHARE_ALL), CORE_SHAREMODE_0008);
}

CONF_TEST(core, over_after_close, "a share mode ends with its open",
	RULES(CORE_SHAREMODE_0011))
{
	struct peer *a = client(t);
	struct create_options nothing = {.access = FILE_READ_ATTRIBUTES};
	need_ok(t, file_close(need_file(a, "x", &nothing)));
	struct reply *first = open_with(a, "x", FILE_READ_DATA, 0);
	need_ok(t, first);
	need_status(t, open_with(a, "x", FILE_READ_DATA, 0),
		STATUS_SHARING_VIOLATION);
	need_ok(t, file_close(file_of(first)));
	check_ok(t, open_with(a, "x", FILE_READ_DATA, 0), CORE_SHAREMODE_0011);
}

CONF_TEST(core, same_session, "the opens of one session disturb each other",
	RULES(CORE_SHAREMODE_0012))
{
	struct peer *a = client(t);
	make_file(a, "x");
	need_ok(t, open_with(a, "x", FILE_READ_DATA, SHARE_READ));
	check_status(t, open_with(a, "x", FILE_WRITE_DATA, SHARE_ALL),
		STATUS_SHARING_VIOLATION, CORE_SHAREMODE_0012);
}
