/* SPDX-License-Identifier: MIT */
/*
 * Rules CORE-TREE: connecting shares. [MS-SMB2] 3.3.5.7, 3.3.5.8
 */
#include "suite/file.h"

CONF_TEST(core, no_such_share, "TREE_CONNECT to a share that is not there",
	RULES(CORE_TREE_0002))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true});

	check_status(t, peer_tree_connect(a, "no-such-share"),
		STATUS_BAD_NETWORK_NAME, CORE_TREE_0002);
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
	struct file *f = need_file(a, "x", NULL);
	struct smb2_tree_disconnect_request r = {0};

	step(t, "disconnect the tree with a file open");
	need_ok(t, peer_call(a, &smb2_tree_disconnect_request_type, &r));
	check_status(t, file_read(f, 0, 1), STATUS_NETWORK_NAME_DELETED,
		CORE_TREE_0010);
	step(t, "connect it again and use the old file");
	need_ok(t, peer_tree_connect(a, NULL));
	check_status(t, file_read(f, 0, 1), STATUS_FILE_CLOSED, CORE_TREE_0011);
}
