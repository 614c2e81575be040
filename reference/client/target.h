/* SPDX-License-Identifier: MIT */
/* smb://[user[:password]@]host[:port]/share[/path] taken apart. */
#ifndef SMB3X_CLIENT_TARGET_H
#define SMB3X_CLIENT_TARGET_H

#include <stdbool.h>

/* Percent escapes are resolved; user and password are NULL when absent,
 * port is "445" when absent, path has neither leading nor trailing '/'. */
struct target {
	char *text; /* owns all below */
	char *user, *password, *host, *port, *share, *path;
	bool port_given;
};

/* 0, -EINVAL or -ENOMEM. */
int target_parse(const char *url, struct target *ret_target);
void target_finish(struct target *target);

#endif
