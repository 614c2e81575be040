/* SPDX-License-Identifier: MIT */
/*
 * Leases and durable POSIX opens. Rules PSX-OPLOCK, [MS-SMB2] 3.3.5.9.8,
 * 3.3.5.9.10 and 3.3.5.9.12. A server that grants none is not judged.
 */
#include <sys/random.h>

#include "posix/kinds.h"

#define READ_HANDLE (SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING)

/* Keys that no other test and no earlier run has. */
static struct wire_guid new_guid(struct test *t)
{
	struct wire_guid guid;

	need(t, getrandom(&guid, sizeof(guid), 0) == sizeof(guid),
		"random bytes");
	return guid;
}

/* A POSIX open with a lease on reading and on the open itself. */
static struct reply *open_with_lease(
	struct peer *a, const char *path, struct wire_guid key)
{
	const struct smb2_create_request_lease lease = {
		.lease_key = key, .lease_state = READ_HANDLE};
	const struct create_context c = {text_bytes("RqLs"),
		encoded(a->t, &smb2_create_request_lease_type, &lease)};

	return posix_create(a, path, 0644,
		&(struct create_options){.oplock = SMB2_OPLOCK_LEVEL_LEASE,
			.access = FILE_READ_DATA | FILE_READ_ATTRIBUTES,
			.contexts = create_contexts(a->t, &c, 1)});
}

static uint32_t granted_lease(const struct reply *create)
{
	struct wire_view data;

	return created_context(create, "RqLs", &data) && data.n >= 20
		       ? wire_get32(data.p + 16)
		       : 0;
}

static struct file *need_lease(
	struct peer *a, const char *path, struct wire_guid *ret_key)
{
	*ret_key = new_guid(a->t);
	struct reply *r = open_with_lease(a, path, *ret_key);
	need_ok(a->t, r);
	need_capability(a->t, r,
		(granted_lease(r) & SMB2_LEASE_HANDLE_CACHING) != 0,
		"a lease with handle caching for a POSIX open");
	return file_of(r);
}

enum change { UNLINK, RENAME, REPLACE };

static const struct {
	const char *name;
	enum change change;
} change_rows[] = {
	{"unlink", UNLINK}, {"rename", RENAME}, {"replace", REPLACE}};

/* SET_INFO, not waited for: a server that asks the holder waits for him. */
static void change_later(struct file *f, enum change change)
{
	struct test *t = f->peer->t;
	const uint8_t yes = 1;
	const struct file_rename_information rename = {
		.replace_if_exists = true,
		.file_name =
			posix_path(f->peer, change == REPLACE ? "x" : "z")};
	const struct smb2_set_info_request request = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = change == UNLINK ? FileDispositionInformation
						    : FileRenameInformation,
		.file_id = f->id,
		.buffer = change == UNLINK
				  ? bytes_of(t, &yes, 1)
				  : encoded(t, &file_rename_information_type,
					    &rename)};

	peer_send(f->peer, &smb2_set_info_request_type, &request);
}

CONF_TABLE(posix, handle_caching, change_rows,
	"nobody is asked to close a POSIX open because its name changes",
	RULES(PSX_OPLOCK_0001), TAGS(TAG_QUIET),
	NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("RqLs")))
{
	struct peer *a = posix_client(t), *b = posix_client(t);
	struct wire_guid key;
	posix_make_file(b, "x", 0644);
	posix_make_file(b, "y", 0644);
	need_lease(a, "x", &key);
	change_later(need_posix_open(b, row->change == REPLACE ? "y" : "x",
			     DELETE | FILE_READ_ATTRIBUTES),
		row->change);
	forbid_notification(t, a, 500, PSX_OPLOCK_0001);
}

CONF_TEST(posix, one_key_for_two_names,
	"one lease key serves two names of one file", RULES(PSX_OPLOCK_0002),
	NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("RqLs")))
{
	struct peer *a = posix_client(t);
	struct wire_guid key;
	struct file *f = need_posix(a, "x", 0644, NULL);
	need_ok(t, posix_link(f, "y", false));
	need_ok(t, file_close(f));
	need_lease(a, "x", &key);
	struct reply *r = open_with_lease(a, "y", key);
	check_ok(t, r, PSX_OPLOCK_0002);
	check(t, r, granted_lease(r) != 0, PSX_OPLOCK_0002,
		"the second open has the lease");
}

/* --- durable opens ----------------------------------------------------------
 */

struct durable {
	struct file *file;
	struct wire_guid create_guid, client_guid, key;
	bool lease; /* or a batch oplock */
};

/* CREATE of a name with a lease on everything, or a batch oplock, and one more
 * context. */
static struct reply *create_with(struct peer *a, const struct durable *d,
	bool posix, const char *name, struct create_context more)
{
	struct test *t = a->t;
	const struct smb2_create_request_lease lease = {.lease_key = d->key,
		.lease_state = READ_HANDLE | SMB2_LEASE_WRITE_CACHING};
	const struct create_context contexts[] = {more,
		{text_bytes("RqLs"),
			encoded(t, &smb2_create_request_lease_type, &lease)}};
	const struct create_options o = {
		.oplock = d->lease ? SMB2_OPLOCK_LEVEL_LEASE
				   : SMB2_OPLOCK_LEVEL_BATCH,
		.contexts = create_contexts(t, contexts, d->lease ? 2 : 1)};

	return posix ? posix_create(a, name, 0644, &o)
		     : file_create(a, name, &o);
}

/* The context that asks for it. */
static struct create_context durable_request(
	struct test *t, const struct durable *d)
{
	const struct smb2_create_durable_handle_request_v2 v2 = {
		.timeout = 30000, .create_guid = d->create_guid};

	return (struct create_context){text_bytes("DH2Q"),
		encoded(t, &smb2_create_durable_handle_request_v2_type, &v2)};
}

/* A client, and a durable open of x. */
static struct durable need_durable_of(struct test *t, bool lease, bool ordinary)
{
	struct durable d = {.lease = lease,
		.create_guid = new_guid(t),
		.client_guid = new_guid(t),
		.key = new_guid(t)};
	struct peer *a = posix_client_with(
		t, &(struct client_options){.client_guid = &d.client_guid});
	struct wire_view data;
	struct reply *r =
		create_with(a, &d, !ordinary, "x", durable_request(t, &d));
	need_ok(t, r);
	need_capability(t, r, created_context(r, "DH2Q", &data),
		ordinary ? "durable opens" : "durable POSIX opens");
	d.file = file_of(r);
	need_file(a, "witness", /* free when the connection is forgotten */
		&(struct create_options){.share = SHARE_EXACT});
	return d;
}

static struct durable need_durable(struct test *t, bool lease)
{
	return need_durable_of(t, lease, false);
}

static bool again_later(const struct reply *r)
{
	return r->status == STATUS_FILE_NOT_AVAILABLE ||
	       r->status == STATUS_OBJECT_NAME_NOT_FOUND;
}

/* The connection is lost. When the server has noticed, another one of the
 * same client asks for the open, with or without the POSIX context. */
static struct reply *reconnect_as(struct test *t, const struct durable *d,
	bool posix, const char *name, bool again)
{
	const struct smb2_create_durable_handle_reconnect_v2 v2 = {
		.file_id = d->file->id, .create_guid = d->create_guid};
	const struct create_context c = {text_bytes("DH2C"),
		encoded(t, &smb2_create_durable_handle_reconnect_v2_type, &v2)};

	peer_disconnect(d->file->peer);
	struct peer *b = posix_client_with(
		t, &(struct client_options){.client_guid = &d->client_guid});
	uint64_t since = test_clock();
	while (file_create(b, "witness", NULL)->status != STATUS_SUCCESS &&
		a_moment_later(t, since)) {
	}
	struct reply *r = create_with(b, d, posix, name, c);
	while (again && again_later(r) && a_moment_later(t, since)) {
		r = create_with(b, d, posix, name, c);
	}
	return r;
}

static struct reply *reconnect(
	struct test *t, const struct durable *d, const char *name, bool again)
{
	return reconnect_as(t, d, false, name, again);
}

CONF_TEST(posix, reconnected,
	"a durable POSIX open is a POSIX open after the reconnect",
	RULES(PSX_OPLOCK_0003), NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable(t, true);
	struct reply *r = reconnect(t, &d, "x", true);
	stop_ok(t, r, PSX_OPLOCK_0003);
	struct file *f = file_of(r);
	check_ok(t, posix_query(f), PSX_OPLOCK_0003);
	check_ok(t, posix_rename(f, "one\\two", false), PSX_OPLOCK_0003);
	check(t, NULL, posix_exists(f->peer, "one\\two"), PSX_OPLOCK_0003,
		"its names are those of POSIX opens");
}

static const struct {
	const char *name, *path;
} name_rows[] = {{"another_name", "another"}, {"no_such_directory", "d\\x"},
	{"colon", "x:y:z"}};

CONF_TABLE(posix, reconnected_by_another_name, name_rows,
	"the name in a reconnect does not matter", RULES(PSX_OPLOCK_0004),
	NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable(t, false);
	struct reply *r = reconnect(t, &d, row->path, true);
	stop_ok(t, r, PSX_OPLOCK_0004);
	check_ok(t, posix_query(file_of(r)), PSX_OPLOCK_0004);
}

CONF_TEST(posix, unlinked_before_the_loss,
	"an open whose file was unlinked does not come back",
	RULES(PSX_OPLOCK_0005), NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable(t, true);
	struct reply *r = create_with(d.file->peer, &d, true, "x",
		(struct create_context){text_bytes("MxAc"), {NULL, 0}});
	need_ok(t, r);
	struct file *f = file_of(r);
	need_ok(t, posix_mark(f, true));
	need_ok(t, file_close(f));
	need(t, !posix_exists(d.file->peer, "x"), "the name is gone");
	check_status(t, reconnect(t, &d, "x", false),
		STATUS_OBJECT_NAME_NOT_FOUND, PSX_OPLOCK_0005);
}

/* --- with the context -------------------------------------------------------
 */

/* The CREATE request of a durable open once more, as a replay. */
static struct reply *replay(struct peer *a, const struct durable *d)
{
	struct test *t = a->t;
	const struct create_context durable = durable_request(t, d);
	const struct create_options o = {.oplock = SMB2_OPLOCK_LEVEL_BATCH,
		.contexts = posix_contexts(
			t, 0644, create_contexts(t, &durable, 1))};
	const struct smb2_create_request request = create_request(a, "x", &o);
	struct pdu *p = pdu_build(a, &smb2_create_request_type, &request);

	mutate_header(
		p, SMB2_HEADER_F_FLAGS, xor_with(SMB2_FLAGS_REPLAY_OPERATION));
	return pdu_call(p);
}

CONF_TEST(posix, replayed,
	"the answer to a replayed CREATE says that the open is a POSIX open",
	RULES(PSX_OPLOCK_0006), NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable(t, false);
	struct reply *r = replay(d.file->peer, &d);
	need_ok(t, r);
	stop(t, r, posix_answered(r), PSX_OPLOCK_0006, "a POSIX context");
	struct smb2_create_posix_response first = posix_answer(d.file->create);
	struct smb2_create_posix_response again = posix_answer(r);
	check_number(t, r, again.posix_mode, first.posix_mode, "POSIXMode",
		PSX_OPLOCK_0006);
}

static const struct {
	const char *name;
	bool lease;
} held_rows[] = {{"batch", false}, {"RWH", true}};

CONF_TABLE(posix, reconnected_with_the_context, held_rows,
	"the POSIX context in a reconnect is answered",
	RULES(PSX_OPLOCK_0007, PSX_OPLOCK_0008),
	NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable(t, row->lease);
	struct reply *r = reconnect_as(t, &d, true, "x", true);
	stop_ok(t, r, PSX_OPLOCK_0007);
	check(t, r, posix_answered(r), PSX_OPLOCK_0008, "a POSIX context");
	check_ok(t, posix_query(file_of(r)), PSX_OPLOCK_0008);
}

CONF_TEST(posix, ordinary_reconnected_with_the_context,
	"an ordinary open stays one, and the answer says so",
	RULES(PSX_OPLOCK_0007, PSX_OPLOCK_0009),
	NEEDS(POSIX_EXTENSIONS, CREATE_CONTEXT("DH2Q")))
{
	struct durable d = need_durable_of(t, false, true);
	struct reply *r = reconnect_as(t, &d, true, "x", true);
	stop_ok(t, r, PSX_OPLOCK_0007);
	check(t, r, !posix_answered(r), PSX_OPLOCK_0009, "no POSIX context");
}
