/* SPDX-License-Identifier: MIT */
/* LOGOFF. Rules CORE-LOGOFF, [MS-SMB2] 3.3.5.6. */
#include "suite/file.h"

static const struct smb2_logoff_request logoff = {0};

CONF_TEST(core, logoff_succeeds, "LOGOFF is answered with success",
	RULES(CORE_LOGOFF_0001))
{
	struct peer *a = client(t);

	check_ok(t, peer_call(a, &smb2_logoff_request_type, &logoff),
		CORE_LOGOFF_0001);
}

CONF_TEST(core, session_is_gone,
	"after LOGOFF there is no such session any more",
	RULES(CORE_LOGOFF_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_ok(t, peer_call(a, &smb2_logoff_request_type, &logoff));
	check_status(t, file_read(f, 0, 1), STATUS_USER_SESSION_DELETED,
		CORE_LOGOFF_0002);
	check_status(t, peer_call(a, &smb2_logoff_request_type, &logoff),
		STATUS_USER_SESSION_DELETED, CORE_LOGOFF_0002);
}

CONF_TEST(core, logoff_closes_files,
	"LOGOFF closes the files that the session had open",
	RULES(CORE_LOGOFF_0003))
{
	struct peer *a = client(t);
	struct peer *b = client(t);
	const struct create_options alone = {.share = SHARE_EXACT};

	need_file(a, "x", &alone);
	need_status(t, file_create(b, "x", &alone), STATUS_SHARING_VIOLATION);
	need_ok(t, peer_call(a, &smb2_logoff_request_type, &logoff));
	check_ok(t, file_create(b, "x", &alone), CORE_LOGOFF_0003);
}

CONF_TEST(core, logon_after_logoff,
	"after LOGOFF the connection carries a new session",
	RULES(CORE_LOGOFF_0001))
{
	struct peer *a = client(t);

	need_ok(t, peer_call(a, &smb2_logoff_request_type, &logoff));
	a->session = NULL;
	a->tree = 0;
	need_ok(t, peer_session_setup(a, NULL));
	check_alive(t, a, CORE_LOGOFF_0001);
}
