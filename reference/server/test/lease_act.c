/* SPDX-License-Identifier: MIT */
/* Lives of clients that cache, by chance, and an impostor; lease_client.h. */
#include <stdlib.h>

#include "server/test/lease_client.h"

/* ---- life ---- */

static void client_begin(
	struct client *client, struct world *world, unsigned int index)
{
	static const uint16_t dialects[] = {0x0210, 0x0300, 0x0302, 0x0302};

	*client = (struct client){.world = world,
		.index = index,
		.guid = 100 + index,
		.user = index / 2,
		.dialect = dialects[index % WORLD_CLIENTS]};
	client->several = client->dialect >= 0x0300 && index % 2 == 1;
}

void clients_init(struct world *world)
{
	for (unsigned int i = 0; i <= WORLD_CLIENTS; i++) {
		world->clients[i] = malloc(sizeof(struct client));
		if (world->clients[i] == NULL) {
			abort();
		}
		client_begin(world->clients[i], world, i);
	}
}

void clients_finish(struct world *world)
{
	for (unsigned int i = 0; i <= WORLD_CLIENTS; i++) {
		free(world->clients[i]);
	}
}

/* ---- chance ---- */

static bool answer_some_break(struct client *client)
{
	unsigned int first = (unsigned int)chance(client, CLIENT_CACHES);

	for (unsigned int i = 0; i < CLIENT_CACHES; i++) {
		struct cache *cache =
			&client->caches[(first + i) % CLIENT_CACHES];

		if (cache->used && cache_answer_break(client, cache)) {
			return true;
		}
	}
	return false;
}

static bool ask_again(struct client *client)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->handles[i];

		if (handle->state == HANDLE_LOST) {
			return handle_again(
				client, handle, chance(client, 3) == 0);
		}
	}
	return false;
}

static void leave(struct client *client)
{
	struct conn *conn = client->conns[chance(client, CLIENT_CHANNELS)];

	if (conn == NULL) {
		return;
	}
	if (chance(client, 2) == 0) {
		sim_cut(conn->peer);
	} else {
		sim_hang_up(conn->peer);
	}
}

static void die(struct client *client)
{
	world_note(client->world, "client %u dies", client->index);
	client->dead = true;
	for (unsigned int i = 0; i < CLIENT_CHANNELS; i++) {
		if (client->conns[i] != NULL) {
			sim_cut(client->conns[i]->peer);
		}
	}
}

static void connect_more(struct client *client)
{
	bool some = client->conns[0] != NULL || client->conns[1] != NULL;

	if (!some && chance(client, 4) == 0) {
		conn_open(client, false);
	} else if (client->several && client_conn(client) != NULL &&
		   (client->conns[0] == NULL || client->conns[1] == NULL) &&
		   chance(client, 10) == 0) {
		conn_open(client, true);
	}
}

void client_act(struct client *client)
{
	struct conn *conn;

	if (client->dead) {
		return;
	}
	connect_more(client);
	if (chance(client, 90) == 0) {
		leave(client);
	} else if (chance(client, 2000) == 0) {
		die(client);
	}
	conn = client_conn(client);
	if (conn == NULL ||
		(chance(client, 3) > 0 && answer_some_break(client))) {
		return;
	}
	if (chance(client, 2) == 0 && ask_again(client)) {
		return;
	}
	if (conn->credits > 4 && conn_unanswered(conn) < CONN_SENT / 2) {
		client_do(client);
	}
}

void client_settle(struct client *client)
{
	client->settled = true;
	answer_some_break(client);
}

/* ---- an impostor ---- */

static struct client *choose_victim(struct client *client)
{
	struct world *world = client->world;
	struct client *victim = world->clients[chance(client, WORLD_CLIENTS)];

	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		if (victim->handles[i].state == HANDLE_LOST) {
			return victim;
		}
	}
	return NULL;
}

static void impostor_asks(struct client *client)
{
	for (unsigned int i = 0; i < CLIENT_HANDLES; i++) {
		struct handle *handle = &client->victim->handles[i];

		if (handle->state == HANDLE_LOST) {
			handle_again(client, handle, true);
		}
	}
}

void impostor_act(struct client *client)
{
	struct conn *conn = client->conns[0];
	struct client *victim;

	if (conn == NULL) {
		victim = choose_victim(client);
		if (victim == NULL || chance(client, 3) > 0) {
			return;
		}
		client_begin(client, client->world, WORLD_CLIENTS);
		client->victim = victim;
		client->dialect = victim->dialect;
		client->user = victim->user;
		if (chance(client, 2) == 0) {
			client->guid = victim->guid;
			client->user++;
		} else if (chance(client, 2) == 0) {
			client->user++;
		}
		conn_open(client, false);
	} else if (conn->ready && !client->settled) {
		client->settled = true;
		impostor_asks(client);
	} else if (conn->ready && conn_unanswered(conn) == 0) {
		sim_hang_up(conn->peer);
	}
}
