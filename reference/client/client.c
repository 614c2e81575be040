/* SPDX-License-Identifier: MIT */
/* The life of a client: connection, negotiation, session, end. */
#include "client/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 30000

static struct client *client_create(const struct client_options *options)
{
	struct client *client = calloc(1, sizeof(*client));
	if (client == NULL) {
		return NULL;
	}
	client->fd = -1;
	client->options = *options;
	client->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS
						      : options->timeout_ms;
	if (options->quic.wanted) { /* [MS-SMB2] 2.1: nothing else is there */
		client->options.min_dialect = SMB2_DIALECT_311;
	} else if (options->min_dialect == 0) {
		client->options.min_dialect = SMB2_DIALECT_202;
	}
	if (options->max_dialect == 0) {
		client->options.max_dialect = SMB2_DIALECT_311;
	}
	client->credits = 1;
	ssize_t got = sizeof(client->client_guid);
	if (options->guid != NULL) {
		memcpy(&client->client_guid, options->guid, (size_t)got);
	} else {
		got = getrandom(
			&client->client_guid, sizeof(client->client_guid), 0);
	}
	if (got != (ssize_t)sizeof(client->client_guid)) {
		free(client);
		return NULL;
	}
	return client;
}

int client_connect(
	const struct client_options *options, struct client **ret_client)
{
	struct client *client = client_create(options);
	if (client == NULL) {
		return -ENOMEM;
	}
	*ret_client = client;
	const char *port = options->quic.wanted ? "443" : "445";
	port = options->port == NULL ? port : options->port;
	int error = connection_open(client, options->host, port);
	if (error < 0) {
		return error;
	}
	error = session_negotiate(client);
	if (error == 0) {
		error = session_setup(client);
	}
	return error;
}

void client_destroy(struct client *client)
{
	if (client == NULL) {
		return;
	}
	if (client->session_valid) {
		session_logoff(client);
	}
	while (client->exchanges != NULL) {
		struct exchange *e = client->exchanges;
		if (e->forgotten && e->done != NULL) {
			e->done(e->ctx, STATUS_CONNECTION_DISCONNECTED);
		}
		exchange_end(client, e);
	}
	connection_close(client);
	crypto_key_wipe(&client->keys.signing);
	crypto_key_wipe(&client->keys.client_to_server);
	crypto_key_wipe(&client->keys.server_to_client);
	crypto_key_wipe(&client->keys.application);
	free(client);
}

const char *client_description(struct client *client)
{
	const char *cipher = wire_value_name(&SMB2_CIPHER_enum, client->cipher);
	snprintf(client->description, sizeof(client->description),
		"dialect 0x%04x, %s, %s%s", client->dialect,
		client->sealed             ? "encrypted"
		: client->signing_required ? "signed"
					   : "plain",
		client->cipher == 0 || cipher == NULL ? "no cipher" : cipher,
		client->posix ? ", POSIX extensions" : "");
	return client->description;
}
