/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-TREE: connecting shares. [MS-SMB2] 3.3.5.7, 3.3.5.8
 */
#include <ctype.h>

#include "suite/file.h"

static struct peer *without_tree(struct test *t)
{
	return client_with(t, &(struct client_options){.no_tree = true});
}

/* TREE_CONNECT with any path, to be sent. */
static struct pdu *connect_to(struct peer *a, const char *path)
{
	const struct smb2_tree_connect_request r = {
		.buffer = utf16(a->t, path)};

	return pdu_build(a, &smb2_tree_connect_request_type, &r);
}

static const struct path_row {
	const char *name, *path;
} path_rows[] = {
	{"no_backslash", "share"},
	{"one_backslash", "\\server\\share"},
	{"no_share", "\\\\server"},
	{"empty_share", "\\\\server\\"},
};

CONF_TABLE(core, bad_path, path_rows,
	"a path that is not of the form \\\\server\\share is refused",
	RULES(CORE_TREE_0001))
{
	check_status(t, pdu_call(connect_to(without_tree(t), row->path)),
		STATUS_INVALID_PARAMETER, CORE_TREE_0001);
}

CONF_TEST(core, no_such_share, "TREE_CONNECT to a share that is not there",
	RULES(CORE_TREE_0002))
{
	check_status(t, peer_tree_connect(without_tree(t), "no-such-share"),
		STATUS_BAD_NETWORK_NAME, CORE_TREE_0002);
}

CONF_TEST(core, share_name_in_other_case,
	"the case of a share's name does not matter", RULES(CORE_TREE_0003))
{
	char *name = test_text(t, "%s", t->target->share);
	char *p;

	for (p = name; *p != '\0'; p++) {
		*p = (char)(islower((unsigned char)*p)
				    ? toupper((unsigned char)*p)
				    : tolower((unsigned char)*p));
	}
	check_ok(t, peer_tree_connect(without_tree(t), name), CORE_TREE_0003);
}

CONF_TEST(core, share_that_admits_nobody,
	"a share does not admit who may not use it", RULES(CORE_TREE_0004))
{
	struct peer *a =
		client_with(t, &(struct client_options){.plain = true});
	struct client_options nobody = {.anonymous = true};
	struct reply *r = peer_session_setup(a, &nobody);

	need_capability(t, r, r->status == STATUS_SUCCESS,
		"a server that admits anonymous users");
	r = peer_tree_connect(a, NULL);
	if (r->status == STATUS_SUCCESS) {
		r = file_create(a, "\\",
			&(struct create_options){.access = FILE_READ_ATTRIBUTES,
				.disposition = DISPOSITION(FILE_OPEN)});
		need_capability(t, r, r->status != STATUS_SUCCESS,
			"a share that does not admit anonymous users");
	}
	check_status(t, r, STATUS_ACCESS_DENIED, CORE_TREE_0004);
}

CONF_TEST(core, unsigned_connect,
	"an unsigned TREE_CONNECT ends a 3.1.1 connection",
	RULES(CORE_TREE_0005), NEEDS(DIALECT_MIN(0x0311)))
{
	struct peer *a = without_tree(t);
	struct pdu *pdu = connect_to(a,
		test_text(t, "\\\\%s\\%s", t->target->host, t->target->share));

	need(t, !a->session->signing_required && !a->session->encrypted,
		"a session that requires neither signing nor encryption");
	pdu->sign = SIGN_NO;
	pdu->seal = SEAL_NO;
	pdu_send(pdu);
	check_closed(t, a, CORE_TREE_0005);
}

CONF_TEST(core, tree_ids_differ, "each tree connect has its own TreeId",
	RULES(CORE_TREE_0006))
{
	struct peer *a = without_tree(t);
	struct reply *r = peer_tree_connect(a, NULL);
	struct reply *s = peer_tree_connect(a, NULL);

	need_ok(t, r);
	need_ok(t, s);
	check(t, r, r->header.tree_id != UINT32_MAX, CORE_TREE_0006,
		"a TreeId other than 0xFFFFFFFF");
	check(t, s, s->header.tree_id != UINT32_MAX, CORE_TREE_0006,
		"a TreeId other than 0xFFFFFFFF");
	check(t, s, r->header.tree_id != s->header.tree_id, CORE_TREE_0006,
		"a TreeId that differs from %u", r->header.tree_id);
}

CONF_TEST(core, share_type, "ShareType tells files from pipes",
	RULES(CORE_TREE_0007))
{
	struct peer *a = without_tree(t);

	check_field(t, peer_tree_connect(a, NULL),
		SMB2_TREE_CONNECT_RESPONSE_F_SHARE_TYPE, SMB2_SHARE_TYPE_DISK,
		CORE_TREE_0007);
	check_field(t, peer_tree_connect(a, "IPC$"),
		SMB2_TREE_CONNECT_RESPONSE_F_SHARE_TYPE, SMB2_SHARE_TYPE_PIPE,
		CORE_TREE_0007);
}

CONF_TEST(core, maximal_access,
	"MaximalAccess has the rights that the user turns out to have",
	RULES(CORE_TREE_0008))
{
	struct peer *a = without_tree(t);
	struct reply *r = peer_tree_connect(a, NULL);
	struct file *f;

	need_ok(t, r);
	f = need_file(a, "x", NULL);
	need_ok(t, file_write(f, 0, "x", 1));
	need_ok(t, file_read(f, 0, 1));
	check_flags(t, r, SMB2_TREE_CONNECT_RESPONSE_F_MAXIMAL_ACCESS,
		ACCESS_DEFAULT, 0, CORE_TREE_0008);
}

CONF_TEST(core, unknown_tree_id, "a request with an unknown TreeId is refused",
	RULES(CORE_TREE_0009))
{
	struct peer *a = client(t);
	struct smb2_create_request r = create_request(a, "x", NULL);

	a->tree ^= 0x4321;
	check_status(t, peer_call(a, &smb2_create_request_type, &r),
		STATUS_NETWORK_NAME_DELETED, CORE_TREE_0009);
}

CONF_TEST(core, use_after_disconnect,
	"TREE_DISCONNECT closes the files that were open through it",
	RULES(CORE_TREE_0010, CORE_TREE_0011))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	const struct create_options alone = {.share = SHARE_EXACT};
	struct file *f = need_file(a, "x", &alone);
	struct smb2_tree_disconnect_request r = {0};

	step(t, "disconnect the tree with a file open");
	need_ok(t, peer_call(a, &smb2_tree_disconnect_request_type, &r));
	check_status(t, file_read(f, 0, 1), STATUS_NETWORK_NAME_DELETED,
		CORE_TREE_0010);
	step(t, "open the file that was open");
	check_ok(t, file_create(b, "x", &alone), CORE_TREE_0011);
	step(t, "connect it again and use the old file");
	need_ok(t, peer_tree_connect(a, NULL));
	check_status(t, file_read(f, 0, 1), STATUS_FILE_CLOSED, CORE_TREE_0011);
}
