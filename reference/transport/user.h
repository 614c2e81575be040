/* SPDX-License-Identifier: MIT */
/* Who has a transport: what happens is told to it, on the loop's thread. */
#ifndef SMB3X_TRANSPORT_USER_H
#define SMB3X_TRANSPORT_USER_H

#include "ports/blob.h"
#include "ports/host.h"
#include "ports/link.h"

struct transport_user {
	void *ctx;
	/* The user's handle of the connection; NULL refuses it. */
	void *(*accepted)(void *ctx, struct link *link);
	/* Takes the hold of message. */
	void (*input)(void *conn, struct blob *message);
	/* Once per connection, never from inside link operations. */
	void (*gone)(void *conn);
	/* May be NULL. */
	void (*log)(void *ctx, enum log_level level, const char *event,
		const char *detail);
};

void transport_say(const struct transport_user *user, enum log_level level,
	const char *event, const char *detail);
/* About a connection; why may be NULL. */
void transport_say_of(const struct transport_user *user,
	const struct link *link, enum log_level level, const char *event,
	const char *why);

#endif
