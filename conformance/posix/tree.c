/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-TREE: which shares have the extensions. POSIX-SMB2 3.2.5.5,
 * 3.3.5.9
 */
#include "posix/posix.h"

/* A share without the extensions, where a server has one by this name. */
#define WINDOWS_SHARE "windows"

static const struct wire_view nothing;

/* The open by which a client finds out whether a share has them. */
static struct reply *probe(struct peer *a)
{
	return posix_create_name(a, nothing, 0,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.attributes = FILE_ATTRIBUTE_DIRECTORY,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_DIRECTORY_FILE});
}

CONF_TEST(posix, root, "the root of a share shows that it has the extensions",
	RULES(PSX_TREE_0001), NEEDS(POSIX_EXTENSIONS))
{
	struct reply *r = probe(posix_client(t));

	stop_ok(t, r, PSX_TREE_0001);
	stop(t, r, posix_answered(r), PSX_TREE_0001,
		"a POSIX context in the response");
	check_number(t, r, posix_answer(r).posix_mode & MODE_TYPE,
		POSIX_TYPE_DIR, "type in POSIXMode", PSX_TREE_0001);
}

CONF_TEST(posix, share_without, "a share without the extensions ignores them",
	RULES(PSX_TREE_0002), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a =
		posix_client_with(t, &(struct client_options){.no_tree = true});
	struct reply *tree = peer_tree_connect(a, WINDOWS_SHARE);

	need_capability(t, tree, tree->status == STATUS_SUCCESS,
		"a share \"" WINDOWS_SHARE "\" without the extensions");
	struct reply *r = probe(a);
	stop_ok(t, r, PSX_TREE_0002);
	check(t, r, !posix_answered(r), PSX_TREE_0002,
		"no POSIX context in the response");
	check_refused(t, posix_query(file_of(r)), PSX_TREE_0002);
}

CONF_TEST(posix, pipes, "the share of pipes ignores the context",
	RULES(PSX_TREE_0003), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a =
		posix_client_with(t, &(struct client_options){.no_tree = true});
	const struct create_options open = {
		.access = 0x0012019f, .disposition = DISPOSITION(FILE_OPEN)};

	need_ok(t, peer_tree_connect(a, "IPC$"));
	struct wire_view name = utf16(t, "srvsvc");
	struct reply *plain = file_create_name(a, name, &open);
	struct reply *r = posix_create_name(a, name, 0, &open);
	check_status(t, r, plain->status, PSX_TREE_0003);
	check(t, r, !posix_answered(r), PSX_TREE_0003,
		"no POSIX context in the response");
}

CONF_TEST(posix, tree_connect, "TREE_CONNECT says nothing of the extensions",
	RULES(PSX_TREE_0004), NEEDS(POSIX_EXTENSIONS))
{
	const struct client_options no_tree = {
		.dialect = 0x0311, .no_tree = true};
	struct peer *a = posix_client_with(t, &no_tree);
	struct reply *with = peer_tree_connect(a, NULL);
	struct reply *without =
		peer_tree_connect(client_with(t, &no_tree), NULL);

	need_ok(t, with);
	need_ok(t, without);
	const struct smb2_tree_connect_response *w =
		reply_as(without, smb2_tree_connect_response);
	check_field(t, with, SMB2_TREE_CONNECT_RESPONSE_F_SHARE_TYPE,
		w->share_type, PSX_TREE_0004);
	check_field(t, with, SMB2_TREE_CONNECT_RESPONSE_F_SHARE_FLAGS,
		w->share_flags, PSX_TREE_0004);
	check_field(t, with, SMB2_TREE_CONNECT_RESPONSE_F_CAPABILITIES,
		w->capabilities, PSX_TREE_0004);
}

CONF_TEST(posix, side_by_side,
	"POSIX opens and others of one file live side by side",
	RULES(PSX_TREE_0005), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = posix_client(t);
	struct file *p = need_posix(a, "x", 0640, NULL);
	struct reply *r = file_create(a, "x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});

	stop_ok(t, r, PSX_TREE_0005);
	struct file *w = file_of(r);
	check_ok(t, file_write(w, 0, "abc", 3), PSX_TREE_0005);
	struct reply *data = file_read(p, 0, 10);
	check_bytes(t, data, read_data(data), text_bytes("abc"),
		"data on the POSIX open", PSX_TREE_0005);
	check_ok(t, posix_query(p), PSX_TREE_0005);
	check_refused(t, posix_query(w), PSX_TREE_0005);
}
