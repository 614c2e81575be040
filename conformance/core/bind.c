/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-SESSION: binding further connections to a session.
 * [MS-SMB2] 3.3.5.5, 3.3.5.5.2, 3.3.7.1
 */
#include "suite/file.h"

/* A second connection of the same client, negotiated and no more. */
static struct peer *second_connection(struct peer *a, uint16_t dialect)
{
	return client_with(a->t, &(struct client_options){.plain = true,
					 .dialect = dialect,
					 .client_guid = &a->client_guid});
}

static struct reply *bind_to(struct peer *b, struct session *session)
{
	return peer_setup(b, &(struct setup_options){.bind = session});
}

CONF_TEST(core, bound_connection,
	"a session works on a second connection that was bound to it",
	RULES(CORE_SESSION_0027, CORE_SESSION_0028),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct peer *b = second_connection(a, a->dialect);
	struct reply *bound, *read;

	need_ok(t, file_write(f, 0, "channel", 7));
	bound = bind_to(b, a->session);
	need_ok(t, bound);
	check_signed(t, bound, CORE_SESSION_0027);
	peer_use(b, a->session, a->tree);
	f->peer = b;
	read = file_read(f, 0, 7);
	check_bytes(t, read, read_data(read), text_bytes("channel"), "Data",
		CORE_SESSION_0028);
}

static const struct {
	const char *name;
	uint16_t dialect;
	bool is_signed;
} old_rows[] = {{"2.0.2", 0x0202, false}, {"2.1", 0x0210, false},
	{"2.0.2_signed", 0x0202, true}, {"2.1_signed", 0x0210, true}};

CONF_TABLE(core, binding_in_old_dialects, old_rows,
	"there is no binding in 2.0.2 and 2.1", RULES(CORE_SESSION_0020))
{
	struct peer *a = client_with(
		t, &(struct client_options){.dialect = row->dialect});
	struct peer *b = second_connection(a, row->dialect);

	check_status(t,
		peer_setup(b, &(struct setup_options){.bind = a->session,
				      .unsigned_binding = !row->is_signed}),
		STATUS_REQUEST_NOT_ACCEPTED, CORE_SESSION_0020);
}

CONF_TEST(core, binding_to_nothing, "a binding to an unknown session",
	RULES(CORE_SESSION_0021),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct session unknown = *a->session;

	unknown.id ^= 0x5a5a5a;
	check_status(t, bind_to(second_connection(a, a->dialect), &unknown),
		STATUS_USER_SESSION_DELETED, CORE_SESSION_0021);
}

CONF_TEST(core, binding_with_another_dialect,
	"a binding on a connection of another dialect",
	RULES(CORE_SESSION_0022),
	NEEDS(DIALECT_MIN(0x0302), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = 0x0302});

	check_status(t, bind_to(second_connection(a, 0x0300), a->session),
		STATUS_INVALID_PARAMETER, CORE_SESSION_0022);
}

static const struct refusal_row {
	const char *name;
	uint16_t first, second;
} refusal_rows[] = {{"2.1", 0x0210, 0x0210}, {"3.0.2_to_3.0", 0x0302, 0x0300},
	{"3.0_to_3.1.1", 0x0300, 0x0311}};

CONF_TABLE(core, refused_binding_is_signed, refusal_rows,
	"the refusal of a signed binding is signed with the session's key",
	RULES(CORE_SIGN_0009),
	NEEDS(DIALECT_MIN(0x0302), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = row->first});
	struct reply *r =
		bind_to(second_connection(a, row->second), a->session);

	need(t, r->outcome == REPLY_ARRIVED && r->status != STATUS_SUCCESS,
		"a binding that is refused");
	check_signed(t, r, CORE_SIGN_0009);
}

CONF_TEST(core, unsigned_binding, "a binding that is not signed",
	RULES(CORE_SESSION_0023),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct peer *b = second_connection(a, a->dialect);

	check_status(t,
		peer_setup(b, &(struct setup_options){.bind = a->session,
				      .unsigned_binding = true}),
		STATUS_INVALID_PARAMETER, CORE_SESSION_0023);
}

CONF_TEST(core, binding_to_anonymous,
	"a binding to the session of an anonymous user",
	RULES(CORE_SESSION_0024),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct client_options nobody = {.anonymous = true};
	struct reply *r = peer_session_setup(a, &nobody);
	struct peer *b;

	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a server that admits anonymous users");
	b = second_connection(a, a->dialect);
	check_status(t, bind_to(b, a->session), STATUS_NOT_SUPPORTED,
		CORE_SESSION_0024);
}

CONF_TEST(core, binding_to_itself,
	"a binding on a connection that the session already uses",
	RULES(CORE_SESSION_0025),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);

	check_status(t, bind_to(a, a->session), STATUS_REQUEST_NOT_ACCEPTED,
		CORE_SESSION_0025);
}

CONF_TEST(core, binding_by_another_user, "a binding by another user",
	RULES(CORE_SESSION_0026),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL),
		SECOND_USER))
{
	struct peer *a = client(t);
	struct peer *b = second_connection(a, a->dialect);
	struct client_options second = {.second_user = true};

	check_status(t,
		peer_setup(b, &(struct setup_options){.client = &second,
				      .bind = a->session}),
		STATUS_NOT_SUPPORTED, CORE_SESSION_0026);
}

static const struct {
	const char *name;
	bool first;
} ending_rows[] = {{"the_first", true}, {"the_bound", false}};

CONF_TABLE(core, one_connection_ends, ending_rows,
	"a session outlives one of its connections", RULES(CORE_SESSION_0029),
	NEEDS(DIALECT_MIN(0x0300), CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct peer *b = client_bind(a);
	struct reply *r;

	need_ok(t, file_write(f, 0, "alive", 5));
	f->peer = b;
	need_ok(t, file_read(f, 0, 5));
	if (!row->first) {
		f->peer = a;
	}
	peer_disconnect(row->first ? a : b);
	peers_pump(t, test_within(t, 200)); /* the server notices */
	r = file_read(f, 0, 5);
	check_bytes(t, r, read_data(r), text_bytes("alive"), "Data",
		CORE_SESSION_0029);
}
