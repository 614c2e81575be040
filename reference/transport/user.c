/* SPDX-License-Identifier: MIT */
/* Lines for the log of a transport's user; see user.h. */
#include <stdio.h>

#include "transport/user.h"

void transport_say(const struct transport_user *user, enum log_level level,
	const char *event, const char *detail)
{
	if (user->log != NULL) {
		user->log(user->ctx, level, event, detail);
	}
}

void transport_say_of(const struct transport_user *user,
	const struct link *link, enum log_level level, const char *event,
	const char *why)
{
	char detail[320];

	if (user->log == NULL) {
		return;
	}
	snprintf(detail, sizeof(detail), "peer=%s%s%s%s", link->peer_name,
		why != NULL ? " why=\"" : "", why != NULL ? why : "",
		why != NULL ? "\"" : "");
	user->log(user->ctx, level, event, detail);
}
