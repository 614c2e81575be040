/* SPDX-License-Identifier: MIT */
/* smb3xd as a whole: the engine and its drivers, wired together. */
#ifndef SMB3X_SERVER_SERVER_H
#define SMB3X_SERVER_SERVER_H

#include "server/config.h"

struct server;

/* Opens everything and listens. config stays the caller's and must outlive
 * the server. What failed is in the log. Returns 0 or negative errno. */
int server_create(struct config *config, struct server **ret_server);

/* Each address that it listens on, in order; NULL after the last. */
const char *server_address(const struct server *server, unsigned int i);
/* SHA-256 of the certificate of SMB over QUIC; NULL without it. */
const char *server_fingerprint(const struct server *server);

/*
 * Runs until SIGTERM or SIGINT, then drains. SIGHUP calls reload(ctx), which
 * returns the new configuration (to be freed by the server) or NULL. Returns
 * 0, 1 when connections had to be cut, or negative errno.
 */
int server_run(
	struct server *server, struct config *(*reload)(void *ctx), void *ctx);

/* Accepts NULL. */
void server_destroy(struct server *server);

/* interfaces.c: addresses of this machine for clients that want several
 * connections; fills up to max and returns how many. With loopback only
 * those of lo, otherwise all but those. */
unsigned int interfaces_list(
	struct engine_interface *ret_list, unsigned int max, bool loopback);

#endif
