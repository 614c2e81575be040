/* SPDX-License-Identifier: MIT */
/* SET_INFO. Rules CORE-SETINFO, [MS-SMB2] 3.3.5.21, [MS-FSA] 2.1.5.15. */
#include "suite/file.h"

#include <inttypes.h>
#include <string.h>

#define ROOM 65536u
#define DAY 864000000000ull
#define SOME_TIME (146000ull * DAY) /* in the year 2000 */

static struct reply *set_class(
	struct file *f, uint8_t info_class, struct wire_view bytes)
{
	return file_set(f, SMB2_0_INFO_FILE, info_class, bytes);
}

static struct wire_view zeroes(size_t n)
{
	static const uint8_t bytes[256];
	return wire_view_of(bytes, n);
}

static struct file *open_for(struct peer *a, const char *path, uint32_t access)
{
	return need_file(a, path, &(struct create_options){.access = access});
}

static void make_file(struct peer *a, const char *path)
{
	need_ok(a->t, file_close(need_file(a, path, NULL)));
}

static struct reply *open_existing(struct peer *a, const char *path)
{
	return file_create(a, path,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN)});
}

/* --- classes -------------------------------------------------------------- */

static const struct class_row {
	const char *name;
	uint8_t info_class;
	uint32_t size;
} class_rows[] = {{"zero", 0, 40}, {"unknown", 0xfe, 40},
	{"standard", FileStandardInformation, 24},
	{"internal", FileInternalInformation, 8},
	{"all", FileAllInformation, 104},
	{"network_open", FileNetworkOpenInformation, 56}};

CONF_TABLE(core, class_that_is_not_set, class_rows,
	"a class that cannot be set is refused", RULES(CORE_SETINFO_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, set_class(f, row->info_class, zeroes(row->size)),
		STATUS_INVALID_INFO_CLASS, CORE_SETINFO_0001);
}

static const struct class_row short_rows[] = {
	{"basic", FileBasicInformation, 35},
	{"basic_8", FileBasicInformation, 8},
	{"end_of_file", FileEndOfFileInformation, 7},
	{"rename", FileRenameInformation, 19},
	{"rename_8", FileRenameInformation, 8}};

CONF_TABLE(core, short_buffer, short_rows,
	"a buffer below the structure is refused", RULES(CORE_SETINFO_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, set_class(f, row->info_class, zeroes(row->size)),
		STATUS_INFO_LENGTH_MISMATCH, CORE_SETINFO_0002);
}

/* --- times and attributes ------------------------------------------------- */

static struct reply *set_basic(
	struct file *f, const struct file_basic_information *basic)
{
	return set_class(f, FileBasicInformation,
		encoded(f->peer->t, &file_basic_information_type, basic));
}

CONF_TEST(core, basic_needs_the_right,
	"FileBasicInformation needs FILE_WRITE_ATTRIBUTES",
	RULES(CORE_SETINFO_0003))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct file *f = open_for(a, "x",
		FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES);
	const struct file_basic_information basic = {
		.last_write_time = SOME_TIME};
	check_status(t, set_basic(f, &basic), STATUS_ACCESS_DENIED,
		CORE_SETINFO_0003);
}

enum data_change { CHANGE_WRITE, CHANGE_SIZE };

static const struct held_row {
	const char *name;
	uint64_t time;
	enum data_change change;
} held_rows[] = {{"set_and_written", SOME_TIME, CHANGE_WRITE},
	{"set_and_resized", SOME_TIME, CHANGE_SIZE},
	{"kept_and_written", UINT64_MAX, CHANGE_WRITE},
	{"kept_and_resized", UINT64_MAX, CHANGE_SIZE}};

static struct reply *set_write_time(struct file *f, uint64_t time)
{
	const struct file_basic_information basic = {.last_write_time = time};

	return set_basic(f, &basic);
}

/* An open whose file is old, so that nobody has to wait for a clock, and that
 * has set or kept the time. */
static struct file *holder(struct peer *a, const struct held_row *row)
{
	const struct create_options existing = {
		.disposition = DISPOSITION(FILE_OPEN)};
	struct file *f = need_file(a, "x", NULL);

	need_ok(a->t, set_write_time(f, SOME_TIME));
	need_ok(a->t, file_close(f));
	f = need_file(a, "x", &existing);
	need_ok(a->t, set_write_time(f, row->time));
	return f;
}

static struct reply *change_data(struct file *f, enum data_change change)
{
	static const uint8_t size[8] = {7};
	struct reply *r = change == CHANGE_WRITE
				  ? file_write(f, 0, "abc", 3)
				  : set_class(f, FileEndOfFileInformation,
					    wire_view_of(size, sizeof(size)));

	need_ok(f->peer->t, r);
	return r;
}

/* What the file has in the end: some servers tell it late. */
static uint64_t write_time_after(struct file *f)
{
	struct peer *a = f->peer;

	need_ok(a->t, file_close(f));
	return file_basic(open_for(a, "x", FILE_READ_ATTRIBUTES))
		.last_write_time;
}

CONF_TABLE(core, held_write_time, held_rows,
	"LastWriteTime that an open has set or kept stays",
	RULES(CORE_SETINFO_0032))
{
	struct peer *a = client(t);
	struct file *f = holder(a, row);
	struct reply *r = change_data(f, row->change);
	check_number(t, r, write_time_after(f), SOME_TIME, "LastWriteTime",
		CORE_SETINFO_0032);
}

CONF_TEST(core, write_time_of_another,
	"LastWriteTime that another open has moved is left where it is",
	RULES(CORE_SETINFO_0032))
{
	const struct create_options existing = {.access = FILE_WRITE_ATTRIBUTES,
		.disposition = DISPOSITION(FILE_OPEN)};
	const uint64_t moved = SOME_TIME + DAY;
	struct peer *a = client(t);
	struct file *f = holder(a, &held_rows[0]);
	need_ok(t, set_write_time(need_file(a, "x", &existing), moved));
	struct reply *r = change_data(f, CHANGE_WRITE);
	check_number(t, r, write_time_after(f), moved, "LastWriteTime",
		CORE_SETINFO_0032);
}

CONF_TABLE(core, write_time_let_go, held_rows,
	"after -2 a change of data sets LastWriteTime again",
	RULES(CORE_SETINFO_0033))
{
	struct peer *a = client(t);
	struct file *f = holder(a, row);
	need_ok(t, set_write_time(f, UINT64_MAX - 1));
	struct reply *r = change_data(f, row->change);
	uint64_t seen = write_time_after(f);
	check(t, r, seen > SOME_TIME, CORE_SETINFO_0033,
		"a LastWriteTime after 0x%" PRIx64 ", saw 0x%" PRIx64,
		(uint64_t)SOME_TIME, seen);
}

static const struct {
	const char *name;
	bool creation, access, write;
} time_rows[] = {{"creation", true, false, false},
	{"last_access", false, true, false}, {"last_write", false, false, true},
	{"all", true, true, true}};

CONF_TABLE(core, times, time_rows, "times above zero are set, others stay",
	RULES(CORE_SETINFO_0004))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	const struct file_basic_information first = {.creation_time = SOME_TIME,
		.last_access_time = SOME_TIME + DAY,
		.last_write_time = SOME_TIME + 2 * DAY};
	need_ok(t, set_basic(f, &first));
	struct file_basic_information want = first;
	struct file_basic_information second = {0};
	if (row->creation) {
		want.creation_time = second.creation_time = SOME_TIME + 3 * DAY;
	}
	if (row->access) {
		want.last_access_time = second.last_access_time =
			SOME_TIME + 4 * DAY;
	}
	if (row->write) {
		want.last_write_time = second.last_write_time =
			SOME_TIME + 5 * DAY;
	}
	struct reply *r = set_basic(f, &second);
	check_ok(t, r, CORE_SETINFO_0004);
	struct file_basic_information seen = file_basic(f);
	check_number(t, r, seen.creation_time, want.creation_time,
		"CreationTime", CORE_SETINFO_0004);
	check_number(t, r, seen.last_access_time, want.last_access_time,
		"LastAccessTime", CORE_SETINFO_0004);
	check_number(t, r, seen.last_write_time, want.last_write_time,
		"LastWriteTime", CORE_SETINFO_0004);
}

static const struct {
	const char *name;
	struct file_basic_information basic;
} negative_rows[] = {{"creation", {.creation_time = (uint64_t)-3}},
	{"last_access", {.last_access_time = (uint64_t)-3}},
	{"last_write", {.last_write_time = (uint64_t)-3}},
	{"change", {.change_time = (uint64_t)-3}},
	{"lowest", {.last_write_time = (uint64_t)1 << 63}}};

CONF_TABLE(core, negative_time, negative_rows, "a time below -2 is refused",
	RULES(CORE_SETINFO_0005))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, set_basic(f, &row->basic), STATUS_INVALID_PARAMETER,
		CORE_SETINFO_0005);
}

static const struct {
	const char *name;
	uint32_t attributes;
} attribute_rows[] = {{"readonly", FILE_ATTRIBUTE_READONLY},
	{"hidden", FILE_ATTRIBUTE_HIDDEN}, {"system", FILE_ATTRIBUTE_SYSTEM},
	{"archive", FILE_ATTRIBUTE_ARCHIVE},
	{"hidden_and_system", FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM},
	{"normal", FILE_ATTRIBUTE_NORMAL}};

#define SETTABLE \
	(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_HIDDEN | \
		FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_ARCHIVE)

CONF_TABLE(core, attributes, attribute_rows,
	"attributes are set as FileAttributes says", RULES(CORE_SETINFO_0006))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x",
		&(struct create_options){.attributes = FILE_ATTRIBUTE_HIDDEN});
	const struct file_basic_information basic = {
		.file_attributes = row->attributes};
	const struct file_basic_information none = {
		.last_write_time = SOME_TIME};
	struct reply *r = set_basic(f, &basic);
	check_ok(t, r, CORE_SETINFO_0006);
	uint32_t seen = file_basic(f).file_attributes;
	check_number(t, r, seen & SETTABLE, row->attributes & SETTABLE,
		"FileAttributes", CORE_SETINFO_0006);
	r = set_basic(f, &none);
	need_ok(t, r);
	seen = file_basic(f).file_attributes;
	check_number(t, r, seen & SETTABLE, row->attributes & SETTABLE,
		"FileAttributes after a request with zero", CORE_SETINFO_0006);
}

static const struct {
	const char *name;
	bool directory;
	uint32_t attribute;
} kind_rows[] = {{"directory_on_a_file", false, FILE_ATTRIBUTE_DIRECTORY},
	{"temporary_on_a_directory", true, FILE_ATTRIBUTE_TEMPORARY}};

CONF_TABLE(core, attribute_of_the_other_kind, kind_rows,
	"an attribute that the file cannot have is refused",
	RULES(CORE_SETINFO_0007))
{
	struct peer *a = client(t);
	struct file *f = row->directory ? need_directory(a, "d")
					: need_file(a, "x", NULL);
	const struct file_basic_information basic = {
		.file_attributes = row->attribute};
	check_status(t, set_basic(f, &basic), STATUS_INVALID_PARAMETER,
		CORE_SETINFO_0007);
}

/* --- size ----------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t info_class;
	uint32_t access;
	uint8_t size;
} size_rows[] = {{"end_of_file", FileEndOfFileInformation, FILE_READ_DATA, 5},
	{"end_of_file_append", FileEndOfFileInformation, FILE_APPEND_DATA, 5},
	{"end_of_file_unchanged", FileEndOfFileInformation, FILE_READ_DATA, 0},
	{"allocation", FileAllocationInformation, FILE_READ_DATA, 0}};

CONF_TABLE(core, size_needs_the_right, size_rows,
	"a size needs FILE_WRITE_DATA", RULES(CORE_SETINFO_0008))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct file *f = open_for(a, "x",
		row->access | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES);
	const uint8_t size[8] = {row->size};
	check_status(t, set_class(f, row->info_class, bytes_of(t, size, 8)),
		STATUS_ACCESS_DENIED, CORE_SETINFO_0008);
}

static struct reply *set_size(struct file *f, uint64_t size)
{
	const struct file_end_of_file_information end = {.end_of_file = size};
	return set_class(f, FileEndOfFileInformation,
		encoded(f->peer->t, &file_end_of_file_information_type, &end));
}

static const struct {
	const char *name;
	uint32_t size;
} end_rows[] = {{"cut", 4}, {"zero", 0}, {"extended", 60}, {"same", 10}};

CONF_TABLE(core, end_of_file, end_rows,
	"the file has the size that was set, zeroes behind what it had",
	RULES(CORE_SETINFO_0009))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "0123456789", 10));
	struct reply *set = set_size(f, row->size);
	check_ok(t, set, CORE_SETINFO_0009);
	uint8_t want[64] = "0123456789";
	struct reply *r = file_read(f, 0, 64);
	if (row->size == 0) {
		check_status(t, r, STATUS_END_OF_FILE, CORE_SETINFO_0009);
	} else {
		check_bytes(t, r, read_data(r), bytes_of(t, want, row->size),
			"Data", CORE_SETINFO_0009);
	}
}

CONF_TEST(core, cut_and_extended, "what was cut off does not come back",
	RULES(CORE_SETINFO_0009))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "0123456789", 10));
	need_ok(t, set_size(f, 2));
	need_ok(t, set_size(f, 6));
	struct reply *r = file_read(f, 0, 64);
	check_bytes(t, r, read_data(r), wire_view_of("01\0\0\0\0", 6), "Data",
		CORE_SETINFO_0009);
}

/* --- deletion ------------------------------------------------------------- */

static struct reply *set_pending(struct file *f, uint8_t pending)
{
	return set_class(f, FileDispositionInformation,
		bytes_of(f->peer->t, &pending, 1));
}

CONF_TEST(core, deletion_needs_the_right, "a deletion needs DELETE",
	RULES(CORE_SETINFO_0010))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct file *f = open_for(a, "x", FILE_READ_DATA | FILE_WRITE_DATA);
	check_status(
		t, set_pending(f, 1), STATUS_ACCESS_DENIED, CORE_SETINFO_0010);
}

CONF_TEST(core, delete_read_only, "a read-only file is not deleted",
	RULES(CORE_SETINFO_0011))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x",
		&(struct create_options){
			.attributes = FILE_ATTRIBUTE_READONLY});
	check_status(
		t, set_pending(f, 1), STATUS_CANNOT_DELETE, CORE_SETINFO_0011);
}

static const struct {
	const char *name;
	bool directory;
} entry_rows[] = {{"file", false}, {"directory", true}};

CONF_TABLE(core, delete_full_directory, entry_rows,
	"a directory that is not empty is not deleted",
	RULES(CORE_SETINFO_0012))
{
	struct peer *a = client(t);
	struct file *d = need_directory(a, "d");
	if (row->directory) {
		need_ok(t, file_close(need_directory(a, "d\\e")));
	} else {
		make_file(a, "d\\x");
	}
	check_status(t, set_pending(d, 1), STATUS_DIRECTORY_NOT_EMPTY,
		CORE_SETINFO_0012);
}

static const struct {
	const char *name;
	bool directory, second_open;
} delete_rows[] = {{"file", false, false}, {"second_open", false, true},
	{"directory", true, false}};

CONF_TABLE(core, deleted_at_last_close, delete_rows,
	"what is marked for deletion goes with its last open",
	RULES(CORE_SETINFO_0013))
{
	struct peer *a = client(t);
	struct file *f = row->directory ? need_directory(a, "x")
					: need_file(a, "x", NULL);
	struct file *g = row->second_open ? need_file(a, "x", NULL) : NULL;
	check_ok(t, set_pending(f, 1), CORE_SETINFO_0013);
	need_ok(t, file_close(f));
	if (g != NULL) {
		check_ok(t, file_write(g, 0, "x", 1), CORE_SETINFO_0013);
		need_ok(t, file_close(g));
	}
	check_status(t, open_existing(a, "x"), STATUS_OBJECT_NAME_NOT_FOUND,
		CORE_SETINFO_0013);
}

CONF_TEST(core, deletion_taken_back, "a mark for deletion can be taken back",
	RULES(CORE_SETINFO_0014))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, set_pending(f, 1));
	check_ok(t, set_pending(f, 0), CORE_SETINFO_0014);
	need_ok(t, file_close(f));
	check_ok(t, open_existing(a, "x"), CORE_SETINFO_0014);
}

/* --- renaming ------------------------------------------------------------- */

CONF_TEST(core, rename_needs_the_right, "a new name needs DELETE",
	RULES(CORE_SETINFO_0015))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct file *f = open_for(a, "x", FILE_READ_DATA | FILE_WRITE_DATA);
	check_status(t, file_rename(f, "y", false), STATUS_ACCESS_DENIED,
		CORE_SETINFO_0015);
}

/* FileRenameInformation with a name from the share's root, to be changed. */
static uint8_t *rename_bytes(struct peer *a, const char *path, size_t *ret_size)
{
	const struct file_rename_information info = {
		.file_name = utf16(a->t, path)};
	struct wire_view v =
		encoded(a->t, &file_rename_information_type, &info);
	uint8_t *bytes = test_alloc(a->t, v.n);
	memcpy(bytes, v.p, v.n);
	*ret_size = v.n;
	return bytes;
}

CONF_TEST(core, rename_root_directory, "RootDirectory is zero",
	RULES(CORE_SETINFO_0016))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	size_t n;
	uint8_t *bytes = rename_bytes(a, test_path(a, "y"), &n);
	wire_put64(bytes + 8, 1);
	check_status(t,
		set_class(f, FileRenameInformation, wire_view_of(bytes, n)),
		STATUS_INVALID_PARAMETER, CORE_SETINFO_0016);
}

static const struct {
	const char *name;
	bool zero;
	int32_t add;
} length_rows[] = {{"zero", true, 0}, {"odd", false, -1},
	{"one_character_beyond", false, 8}, {"far_beyond", false, 0x10000},
	{"huge", false, 0x7fffff00}};

CONF_TABLE(core, rename_name_length, length_rows,
	"FileNameLength is the length of a name", RULES(CORE_SETINFO_0017))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	size_t n;
	uint8_t *bytes = rename_bytes(a, test_path(a, "y"), &n);
	uint32_t length = wire_get32(bytes + 16) + (uint32_t)row->add;
	wire_put32(bytes + 16, row->zero ? 0 : length);
	check_status(t,
		set_class(f, FileRenameInformation, wire_view_of(bytes, n)),
		STATUS_INVALID_PARAMETER, CORE_SETINFO_0017);
}

CONF_TEST(core, rename_leading_backslash,
	"a new name does not begin with a backslash", RULES(CORE_SETINFO_0018))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	size_t n;
	uint8_t *bytes =
		rename_bytes(a, test_text(t, "\\%s", test_path(a, "y")), &n);
	check_status(t,
		set_class(f, FileRenameInformation, wire_view_of(bytes, n)),
		STATUS_INVALID_PARAMETER, CORE_SETINFO_0018);
}

CONF_TABLE(core, rename_collision, entry_rows,
	"a new name that exists is refused", RULES(CORE_SETINFO_0019))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	if (row->directory) {
		need_ok(t, file_close(need_directory(a, "y")));
	} else {
		make_file(a, "y");
	}
	check_status(t, file_rename(f, "y", false),
		STATUS_OBJECT_NAME_COLLISION, CORE_SETINFO_0019);
}

CONF_TEST(core, rename_replaces, "a closed file is replaced",
	RULES(CORE_SETINFO_0020))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "new", 3));
	struct file *old = need_file(a, "y", NULL);
	need_ok(t, file_write(old, 0, "old one", 7));
	need_ok(t, file_close(old));
	stop_ok(t, file_rename(f, "y", true), CORE_SETINFO_0020);
	need_ok(t, file_close(f));
	struct file *g = need_file(a, "y", NULL);
	struct reply *r = file_read(g, 0, 100);
	check_bytes(t, r, read_data(r), text_bytes("new"), "Data",
		CORE_SETINFO_0020);
}

CONF_TEST(core, rename_over_an_open_file, "an open file is not replaced",
	RULES(CORE_SETINFO_0021))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	need_file(a, "y", NULL);
	check_status(t, file_rename(f, "y", true), STATUS_ACCESS_DENIED,
		CORE_SETINFO_0021);
}

CONF_TEST(core, rename_to_nowhere, "a new name lies in a directory",
	RULES(CORE_SETINFO_0022))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	check_status(t, file_rename(f, "none\\y", false),
		STATUS_OBJECT_PATH_NOT_FOUND, CORE_SETINFO_0022);
}

static const struct {
	const char *name, *from, *to;
	bool directory;
} rename_rows[] = {{"same_directory", "x", "y", false},
	{"into_a_directory", "x", "d\\y", false},
	{"directory", "x", "y", true}};

CONF_TABLE(core, rename, rename_rows, "only the new name opens the file",
	RULES(CORE_SETINFO_0023))
{
	struct peer *a = client(t);
	need_ok(t, file_close(need_directory(a, "d")));
	struct file *f = row->directory ? need_directory(a, row->from)
					: need_file(a, row->from, NULL);
	check_ok(t, file_rename(f, row->to, false), CORE_SETINFO_0023);
	check_status(t, open_existing(a, row->from),
		STATUS_OBJECT_NAME_NOT_FOUND, CORE_SETINFO_0023);
	check_ok(t, open_existing(a, row->to), CORE_SETINFO_0023);
}

/* --- extended attributes -------------------------------------------------- */

static struct wire_view attribute(
	struct test *t, const char *name, const char *value)
{
	const struct file_full_ea_information ea = {
		.ea_name_length = (uint8_t)strlen(name),
		.ea_value_length = (uint16_t)strlen(value),
		.ea_name = text_bytes(name),
		.ea_value = text_bytes(value)};
	return encoded(t, &file_full_ea_information_type, &ea);
}

CONF_TEST(core, attributes_need_the_right,
	"extended attributes need FILE_WRITE_EA", RULES(CORE_SETINFO_0024))
{
	struct peer *a = client(t);
	make_file(a, "x");
	struct file *f = open_for(a, "x",
		FILE_READ_DATA | FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES);
	struct reply *r =
		set_class(f, FileFullEaInformation, attribute(t, "N", "v"));
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_SETINFO_0024);
}

static const struct {
	const char *name;
	uint32_t next;
	uint8_t name_length;
	uint16_t value_length;
} malformed_rows[] = {{"next_beyond", 0x1000, 4, 5},
	{"value_beyond", 0, 4, 0x1000}, {"name_beyond", 0, 200, 5}};

CONF_TABLE(core, malformed_attributes, malformed_rows,
	"a list of extended attributes lies within the buffer",
	RULES(CORE_SETINFO_0025),
	NEEDS(FS_FLAG(FILE_SUPPORTS_EXTENDED_ATTRIBUTES)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	uint8_t bytes[18] = {
		[8] = 'N', 'A', 'M', 'E', 0, 'v', 'a', 'l', 'u', 'e'};
	wire_put32(bytes, row->next);
	bytes[5] = row->name_length;
	wire_put16(bytes + 6, row->value_length);
	check_status(t,
		set_class(f, FileFullEaInformation,
			wire_view_of(bytes, sizeof(bytes))),
		STATUS_EA_LIST_INCONSISTENT, CORE_SETINFO_0025);
}

CONF_TEST(core, extended_attributes,
	"an attribute is stored, and deleted by an empty value",
	RULES(CORE_SETINFO_0026),
	NEEDS(FS_FLAG(FILE_SUPPORTS_EXTENDED_ATTRIBUTES)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = set_class(
		f, FileFullEaInformation, attribute(t, "NAME", "value"));
	check_ok(t, r, CORE_SETINFO_0026);
	check(t, r, file_ea_length(f, "NAME") == 5, CORE_SETINFO_0026,
		"NAME has a value of 5 bytes");
	r = set_class(f, FileFullEaInformation, attribute(t, "NAME", ""));
	check_ok(t, r, CORE_SETINFO_0026);
	check(t, r, file_ea_length(f, "NAME") == -1, CORE_SETINFO_0026,
		"NAME is gone");
}

/* --- security ------------------------------------------------------------- */

/* The whole descriptor of a file that others may not see. */
static struct wire_view descriptor(struct peer *a, uint32_t information)
{
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query_security(f, information, ROOM);
	need_ok(a->t, r);
	struct wire_view v = bytes_of(a->t, query_data(r).p, query_data(r).n);
	need_ok(a->t, file_close(f));
	return v;
}

static const struct {
	const char *name;
	uint32_t information, query;
	enum rule_id rule;
} right_rows[] = {
	{"dacl", DACL_SECURITY_INFORMATION, DACL_SECURITY_INFORMATION,
		RULE_CORE_SETINFO_0027},
	{"owner", OWNER_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
		RULE_CORE_SETINFO_0028},
	{"group", GROUP_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION,
		RULE_CORE_SETINFO_0028},
	{"sacl", SACL_SECURITY_INFORMATION, DACL_SECURITY_INFORMATION,
		RULE_CORE_SETINFO_0029},
};

CONF_TABLE(core, security_needs_the_right, right_rows,
	"a security descriptor needs the right to write it",
	RULES(CORE_SETINFO_0027, CORE_SETINFO_0028, CORE_SETINFO_0029))
{
	struct peer *a = client(t);
	struct wire_view sd = descriptor(a, row->query);
	struct file *f = open_for(
		a, "x", FILE_READ_DATA | FILE_WRITE_DATA | READ_CONTROL);
	rule_status(t, file_set_security(f, row->information, sd),
		STATUS_ACCESS_DENIED, row->rule);
}

#define OWNER_RIGHTS \
	(DELETE | READ_CONTROL | WRITE_DAC | SYNCHRONIZE | FILE_READ_DATA | \
		FILE_READ_ATTRIBUTES)
#define READ_AND_WRITE (FILE_READ_DATA | FILE_WRITE_DATA)

static const struct {
	const char *name;
	uint32_t more;
} dacl_rows[] = {{"read_only", 0}, {"read_and_write", FILE_WRITE_DATA}};

CONF_TABLE(core, dacl_is_kept, dacl_rows, "a DACL that was set is returned",
	RULES(CORE_SETINFO_0030), NEEDS(FS_FLAG(FILE_PERSISTENT_ACLS)))
{
	struct peer *a = client(t);
	struct wire_view owner =
		owner_in(t, descriptor(a, OWNER_SECURITY_INFORMATION));
	struct file *f = open_for(a, "x", READ_CONTROL | WRITE_DAC);
	struct reply *r = file_set_security(f, DACL_SECURITY_INFORMATION,
		dacl_of_one(t, owner, OWNER_RIGHTS | row->more));
	check_ok(t, r, CORE_SETINFO_0030);
	need_ok(t, file_close(f));
	struct file *g = open_for(a, "x", READ_CONTROL);
	uint32_t granted = file_granted(g, owner);
	check_number(t, r, granted & READ_AND_WRITE, FILE_READ_DATA | row->more,
		"reading and writing granted", CORE_SETINFO_0030);
}

/* --- quotas --------------------------------------------------------------- */

CONF_TEST(core, no_quotas, "quotas of a file system without them",
	RULES(CORE_SETINFO_0031))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsAttributeInformation, ROOM);
	need_ok(t, r);
	need(t, query_data(r).n >= 4, "FileFsAttributeInformation");
	need_capability(t, r,
		(wire_get32(query_data(r).p) & FILE_VOLUME_QUOTAS) == 0,
		"no FILE_VOLUME_QUOTAS");
	check_status(t, file_set(f, SMB2_0_INFO_QUOTA, 0, zeroes(56)),
		STATUS_NOT_SUPPORTED, CORE_SETINFO_0031);
}
