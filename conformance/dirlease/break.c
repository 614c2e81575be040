/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-BREAK: which operation on an entry breaks the lease of its
 * directory. [MS-FSA] 2.1.4.12
 */
#include "dirlease/dirlease.h"

#define WRITING \
	(FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | \
		FILE_WRITE_ATTRIBUTES)

/* --- operations, by the table
 * ------------------------------------------------- */

#define ROW(operation, parent) \
	{ \
#operation "_" #parent, MODEL_OPERATION_##operation, \
			PARENT_##parent \
	}
#define ROWS(operation) \
	ROW(operation, SAME), ROW(operation, OTHER), ROW(operation, NONE)

static const struct operation_row {
	const char *name;
	enum model_operation operation;
	enum parent parent;
} operation_rows[] = {ROWS(CREATED), ROWS(OPENED), ROWS(OVERWRITTEN),
	ROWS(WRITTEN), ROWS(CLOSED_AFTER_WRITE), ROWS(CLOSED), ROWS(SIZE_SET),
	ROWS(ATTRIBUTES_SET), ROWS(NOTHING_SET), ROWS(READ), ROWS(LOCKED)},
  name_rows[] = {ROWS(RENAMED), ROWS(LINKED_INTO), ROWS(LINKED_AWAY),
	  ROWS(MARKED), ROWS(REMOVED)};

static void set_basic(struct file *f, uint32_t attributes, uint64_t time)
{
	const struct file_basic_information basic = {
		.file_attributes = attributes, .last_write_time = time};
	struct test *t = f->peer->t;

	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
			   encoded(t, &file_basic_information_type, &basic)));
}

/* What is done through an open that is there already. */
static void operate(struct file *f, enum model_operation operation)
{
	static const uint8_t size[8] = {1};
	struct test *t = f->peer->t;

	switch (operation) {
	case MODEL_OPERATION_WRITTEN:
		need_ok(t, file_write(f, 0, "new", 3));
		break;
	case MODEL_OPERATION_CLOSED_AFTER_WRITE:
		need_ok(t, file_write(f, 0, "new", 3));
		need_ok(t, file_close(f));
		break;
	case MODEL_OPERATION_CLOSED:
		need_ok(t, file_close(f));
		break;
	case MODEL_OPERATION_SIZE_SET:
		need_ok(t,
			file_set(f, SMB2_0_INFO_FILE, FileEndOfFileInformation,
				wire_view_of(size, sizeof(size))));
		break;
	case MODEL_OPERATION_ATTRIBUTES_SET:
		set_basic(f, FILE_ATTRIBUTE_HIDDEN, 0);
		break;
	case MODEL_OPERATION_NOTHING_SET:
		set_basic(f, 0, 0);
		break;
	case MODEL_OPERATION_READ:
		need_ok(t, file_read(f, 0, 4));
		break;
	case MODEL_OPERATION_LOCKED:
		need_ok(t, file_lock(f, 0, 1,
				   SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
					   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
		break;
	default:
		break;
	}
}

static uint32_t disposition_of(enum model_operation operation)
{
	switch (operation) {
	case MODEL_OPERATION_CREATED:
		return FILE_CREATE;
	case MODEL_OPERATION_OVERWRITTEN:
		return FILE_OVERWRITE;
	default:
		return FILE_OPEN;
	}
}

/* The file of the operation, as it is before. */
static void prepare(struct peer *b, enum model_operation operation)
{
	struct file *f;

	need_ok(b->t, file_close(need_directory(b, "d")));
	if (operation == MODEL_OPERATION_CREATED) {
		return;
	}
	f = need_file(b, "d\\x", NULL);
	need_ok(b->t, file_write(f, 0, "some data", 9));
	need_ok(b->t, file_close(f));
}

/* Whether the lease of the directory is broken, as the table says. */
static void check_by_table(
	struct test *t, struct lease *d, const struct operation_row *row)
{
	const struct model_dirlease_break *m =
		model_dirlease_break(row->operation,
			row->parent == PARENT_SAME ? MODEL_PARENT_KEY_EQUAL
						   : MODEL_PARENT_KEY_OTHER);
	enum rule_id rule = rule_named(t, m->rule);

	if (m->broken) {
		check_directory_break(t, d, rule);
	} else {
		check_no_break(t, d->peer, rule);
	}
}

CONF_TABLE(dirlease, operation, operation_rows,
	"which operation on a file breaks the lease of its directory",
	RULES(DIRL_BREAK_0001, DIRL_BREAK_0002, DIRL_BREAK_0003,
		DIRL_BREAK_0004, DIRL_BREAK_0005, DIRL_BREAK_0006,
		DIRL_BREAK_0007, DIRL_BREAK_0008, DIRL_BREAK_0009,
		DIRL_BREAK_0012, DIRL_BREAK_0015),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	prepare(b, row->operation);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_child(b, "d\\x", d, row->parent,
		&(struct create_options){.access = WRITING,
			.disposition =
				DISPOSITION(disposition_of(row->operation))});
	operate(f, row->operation);
	check_by_table(t, d, row);
}

/* What is done to the name of a file, and of one elsewhere. */
static struct reply *operate_name(
	struct file *f, enum model_operation operation)
{
	switch (operation) {
	case MODEL_OPERATION_RENAMED:
		return peer_wait(rename_send(f, "d\\y"));
	case MODEL_OPERATION_LINKED_INTO:
		return peer_wait(hard_link_send(f, "d\\y"));
	case MODEL_OPERATION_LINKED_AWAY:
		return peer_wait(hard_link_send(f, "e\\y"));
	case MODEL_OPERATION_MARKED:
		return file_delete(f);
	default:
		need_ok(f->peer->t, file_delete(f));
		return file_close(f);
	}
}

CONF_TABLE(dirlease, name_operation, name_rows,
	"which operation on a name breaks the lease of the directory",
	RULES(DIRL_BREAK_0009, DIRL_RENAME_0001, DIRL_RENAME_0004,
		DIRL_DELETE_0001, DIRL_DELETE_0002),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	bool into = row->operation == MODEL_OPERATION_LINKED_INTO;
	bool link = into || row->operation == MODEL_OPERATION_LINKED_AWAY;

	prepare(b, row->operation);
	need_ok(t, file_close(need_directory(b, "e")));
	need_ok(t, file_close(need_file(b, "e\\x", NULL)));
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_child(b, into ? "e\\x" : "d\\x", d, row->parent,
		&(struct create_options){.access = DELETE |
						   FILE_READ_ATTRIBUTES |
						   FILE_WRITE_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	struct reply *r = operate_name(f, row->operation);
	need_capability(
		t, r, !link || r->status == STATUS_SUCCESS, "hard links");
	need_ok(t, r);
	check_by_table(t, d, row);
}

static const struct {
	const char *name;
	uint32_t state;
} state_rows[] = {{"R", L_R}, {"RH", L_RH}};

CONF_TABLE(dirlease, acknowledgment, state_rows,
	"the break of RH asks for an acknowledgment, that of R does not",
	RULES(DIRL_BREAK_0012, DIRL_BREAK_0013), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_directory_lease(a, "d", row->state);
	struct request *create = open_send(b, "d\\x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE)});

	check_ok(t, wait_at_once(create), DIRL_BREAK_0012);
	check_break(t, d, L_NONE, row->state == L_RH ? BREAK_ACK : BREAK_NO_ACK,
		RULE_DIRL_BREAK_0013);
	if (row->state == L_RH) {
		need_ok(t, lease_ack(d, L_NONE));
	}
}

CONF_TEST(dirlease, directory_is_created, "a new directory breaks too",
	RULES(DIRL_BREAK_0001), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_directory_lease(a, "d", L_RH);

	need_ok(t, file_close(need_directory(b, "d\\e")));
	check_directory_break(t, d, RULE_DIRL_BREAK_0001);
}

static const struct {
	const char *name;
	uint64_t file_basic_information[4];
} time_rows[] = {{"CreationTime", {132000000000000000u, 0, 0, 0}},
	{"LastAccessTime", {0, 132000000000000000u, 0, 0}},
	{"LastWriteTime", {0, 0, 132000000000000000u, 0}},
	{"ChangeTime", {0, 0, 0, 132000000000000000u}}};

CONF_TABLE(dirlease, time, time_rows, "a time that is set breaks",
	RULES(DIRL_BREAK_0007), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	const uint64_t *at = row->file_basic_information;
	const struct file_basic_information basic = {.creation_time = at[0],
		.last_access_time = at[1],
		.last_write_time = at[2],
		.change_time = at[3]};

	prepare(b, MODEL_OPERATION_READ);
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_child(b, "d\\x", d, PARENT_NONE,
		&(struct create_options){
			.access = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
	need_ok(t, file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
			   encoded(t, &file_basic_information_type, &basic)));
	check_directory_break(t, d, RULE_DIRL_BREAK_0007);
}

/* --- whose key it is
 * ------------------------------------------------------------- */

CONF_TEST(dirlease, key_of_another_client,
	"another client with the right key does not break",
	RULES(DIRL_BREAK_0009, DIRL_BREAK_0010), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_directory_lease(a, "d", L_RH);

	need_child(b, "d\\x", d, PARENT_SAME,
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE)});
	check_no_break(t, a, RULE_DIRL_BREAK_0010);
}

static const struct {
	const char *name;
	enum parent parent;
	enum rule_id rule;
} own_rows[] = {{"no_key", PARENT_NONE, RULE_DIRL_BREAK_0011},
	{"other_key", PARENT_OTHER, RULE_DIRL_BREAK_0011},
	{"right_key", PARENT_SAME, RULE_DIRL_BREAK_0009}};

CONF_TABLE(dirlease, own_operation, own_rows,
	"the client that has the lease breaks it itself without the key",
	RULES(DIRL_BREAK_0009, DIRL_BREAK_0011), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t);
	struct lease *d = need_directory_lease(a, "d", L_RH);

	need_child(a, "d\\x", d, row->parent,
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE)});
	if (row->parent == PARENT_SAME) {
		check_no_break(t, a, row->rule);
	} else {
		check_directory_break(t, d, row->rule);
	}
}

CONF_TEST(dirlease, two_directories, "each directory is broken by itself",
	RULES(DIRL_BREAK_0001, DIRL_BREAK_0009), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_directory_lease(a, "d", L_RH);

	need_directory_lease(b, "e", L_RH);
	need_ok(t, file_close(need_file(b, "d\\x", NULL)));
	check_directory_break(t, d, RULE_DIRL_BREAK_0001);
	check_no_break(t, b, RULE_DIRL_BREAK_0009);
}

/* --- the directory itself
 * ---------------------------------------------------------- */

CONF_TEST(dirlease, share_mode,
	"a share mode that is in the way breaks RH to R, and waits",
	RULES(DIRL_BREAK_0014), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct lease *d = need_lease_with(a, "d",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RH,
			.create = {.access = DIRECTORY_ACCESS,
				.share = SHARE_EXACT,
				.options = FILE_DIRECTORY_FILE}});
	struct request *open = open_send(b, "d",
		&(struct create_options){.access = DIRECTORY_ACCESS,
			.options = FILE_DIRECTORY_FILE});

	if (!check_break(t, d, L_R, BREAK_ACK, RULE_DIRL_BREAK_0014)) {
		return;
	}
	check_waits(t, open, RULE_DIRL_BREAK_0014);
	need_ok(t, file_close(d->file));
	check_ok(t, peer_wait(open), DIRL_BREAK_0014);
}

CONF_TEST(dirlease, listed, "a listing breaks nothing", RULES(DIRL_BREAK_0015),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	prepare(b, MODEL_OPERATION_READ);
	need_directory_lease(a, "d", L_RH);
	struct file *d = need_file(b, "d",
		&(struct create_options){.access = DIRECTORY_ACCESS,
			.options = FILE_DIRECTORY_FILE});
	need_ok(t, dir_query(d, FileNamesInformation, 0, "*", 4096));
	need_ok(t, file_close(d));
	check_no_break(t, a, RULE_DIRL_BREAK_0015);
}
