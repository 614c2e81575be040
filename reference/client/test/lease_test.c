/* SPDX-License-Identifier: MIT */
/*
 * Leases against a server that lies: what break notifications do to the table
 * of leases, and that none of them, however many, ends or stops the client.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "client/cache.h"
#include "client/lane.h"
#include "client/open.h"
#include "client/test/scripted.h"

#define RH (SMB2_LEASE_READ_CACHING | SMB2_LEASE_HANDLE_CACHING)
#define R SMB2_LEASE_READ_CACHING

/* One lane of a share over the scripted server. */
struct scene {
	struct scripted server;
	struct smb3x share;
	struct lane *lane;
	unsigned int acks, closes;
	uint32_t last_state, ack_status;
};

/* Lease contexts of version 2 in CREATE responses. */
static void answer_create(struct wire_view pdu, struct scripted_answer *answer)
{
	struct smb2_create_request request;
	struct smb2_create_request_lease_v2 wish;
	uint8_t room[96];
	struct wire_buf out = {.p = room, .cap = sizeof(room)};
	size_t last = SIZE_MAX;
	assert_int_equal(smb2_create_request_decode(pdu, &request), 0);
	scripted_create(answer, false, 0, NULL, 0);
	struct wire_list list = wire_list_of(
		&smb2_create_context_type, request.create_contexts);
	struct smb2_create_context context;
	while (wire_list_next(&list, &context, NULL) > 0) {
		if (smb2_create_request_lease_v2_decode(context.data, &wish) !=
			0) {
			continue;
		}
		const struct smb2_create_response_lease_v2 grant = {
			.lease_key = wish.lease_key,
			.lease_state = wish.lease_state,
			.epoch = (uint16_t)(wish.epoch + 1)};
		uint8_t data[52];
		struct wire_buf body = {.p = data, .cap = sizeof(data)};
		assert_int_equal(
			smb2_create_response_lease_v2_encode(&grant, &body), 0);
		const struct smb2_create_context told = {.name_length = 4,
			.data_length = sizeof(data),
			.name = wire_view_of("RqLs", 4),
			.data = wire_view_of(data, sizeof(data))};
		assert_int_equal(wire_list_append(&smb2_create_context_type,
					 &told, &out, &last),
			0);
	}
	answer->n = 88;
	answer->body[2] = SMB2_OPLOCK_LEVEL_LEASE;
	wire_put32(answer->body + 80, 64 + 88);
	wire_put32(answer->body + 84, (uint32_t)out.n);
	scripted_append(answer, room, out.n);
}

static void serve(struct scripted *s, uint16_t command, struct wire_view pdu,
	struct scripted_answer *answer)
{
	struct scene *scene = (struct scene *)s->ctx;
	scripted_good(command, answer);
	if (command == SMB2_CREATE) {
		answer_create(pdu, answer);
	} else if (command == SMB2_CLOSE) {
		scene->closes++;
	} else if (command == SMB2_OPLOCK_BREAK) {
		struct smb2_lease_break_acknowledgment ack;
		assert_int_equal(
			smb2_lease_break_acknowledgment_decode(pdu, &ack), 0);
		scene->acks++;
		scene->last_state = ack.lease_state;
		answer->status = scene->ack_status;
		answer->n = 36;
		memset(answer->body, 0, 36);
		wire_put16(answer->body, 36);
	}
}

static void scene_begin(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scripted_start(&scene->server, serve, scene);
	struct client *client = &scene->server.client;
	scene->server.tree.posix = false;
	client->posix = false;
	client->server_capabilities =
		SMB2_GLOBAL_CAP_LEASING | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	client->options.leases = true;
	pthread_mutex_init(&scene->share.lock, NULL);
	pthread_cond_init(&scene->share.changed, NULL);
	scene->share.lane_count = 1;
	scene->share.watch_fd = eventfd(0, EFD_NONBLOCK);
	scene->lane = &scene->share.lanes[0];
	scene->lane->share = &scene->share;
	scene->lane->client = client;
	scene->lane->tree = &scene->server.tree;
	scene->lane->owner = (struct client_owner){lease_notified, lease_work,
		scene->lane, eventfd(0, EFD_NONBLOCK)};
	client->owner = &scene->lane->owner;
}

static void scene_end(struct scene *scene)
{
	scripted_stop(&scene->server);
	cache_finish(&scene->share);
	lease_finish(&scene->share);
	close(scene->share.watch_fd);
	close(scene->lane->owner.wake_fd);
	pthread_cond_destroy(&scene->share.changed);
	pthread_mutex_destroy(&scene->share.lock);
}

static struct smb3x_file *open_path(struct scene *scene, const char *path)
{
	struct opening o = {
		.how = {.access = FILE_READ_DATA, .disposition = FILE_OPEN}};
	struct smb3x_file *file = NULL;
	assert_int_equal(
		open_file(&scene->server.tree, path, &o, NULL, &file, NULL), 0);
	return file;
}

static void keep(struct smb3x_file *file)
{
	pthread_mutex_lock(&file->share->lock);
	assert_true(cache_keep(file));
	pthread_mutex_unlock(&file->share->lock);
}

#define BREAK_SIZE (64 + 44)

static void put_break(uint8_t *bytes, const struct wire_guid *key,
	uint16_t epoch, uint32_t flags, uint32_t state)
{
	const struct smb2_header header = {.command = SMB2_OPLOCK_BREAK,
		.flags = SMB2_FLAGS_SERVER_TO_REDIR,
		.message_id = UINT64_MAX};
	const struct smb2_lease_break_notification body = {.new_epoch = epoch,
		.flags = flags,
		.lease_key = *key,
		.new_lease_state = state};
	struct wire_buf out = {.p = bytes, .cap = BREAK_SIZE};
	assert_int_equal(smb2_header_encode(&header, &out), 0);
	assert_int_equal(
		wire_encode_message(
			&smb2_lease_break_notification_type, &body, &out),
		0);
	assert_int_equal(out.n, BREAK_SIZE);
}

/* The server sends it, whether it makes sense or not. */
static void send_break(struct scene *scene, const struct wire_guid *key,
	uint16_t epoch, uint32_t flags, uint32_t state)
{
	uint8_t bytes[4 + BREAK_SIZE] = {0, 0, 0, BREAK_SIZE};
	put_break(bytes + 4, key, epoch, flags, state);
	assert_int_equal(
		send(scene->server.fd, bytes, sizeof(bytes), 0), sizeof(bytes));
}

/* What came is read, and what is due is sent and answered. */
static void settle(struct scene *scene)
{
	struct client *client = &scene->server.client;
	lease_work(scene->lane);
	while (client->exchanges != NULL || connection_peek(client) > 0) {
		assert_int_equal(exchange_receive(client), 0);
	}
}

static void a_break_is_acknowledged(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	struct lease *lease = file->lease;
	assert_true(lease_has(lease, RH));
	send_break(&scene, &lease->key, 2, 1, R);
	settle(&scene);
	assert_int_equal(scene.acks, 1);
	assert_int_equal(scene.last_state, R);
	assert_true(lease_has(lease, R) && !lease_has(lease, RH));
	send_break(&scene, &lease->key, 3, 0, 0); /* wants no answer */
	settle(&scene);
	assert_int_equal(scene.acks, 1);
	assert_false(lease_has(lease, R));
	assert_int_equal(open_close(file), 0);
	scene_end(&scene);
}

static void kept_files_are_closed_first(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	keep(open_path(&scene, "f"));
	keep(open_path(&scene, "g"));
	send_break(&scene, &file->lease->key, 3, 1, R);
	settle(&scene);
	assert_int_equal(scene.closes, 1);
	assert_int_equal(scene.acks, 1);
	const size_t n = scene.server.count;
	assert_int_equal(scene.server.commands[n - 2], SMB2_CLOSE);
	assert_int_equal(scene.server.commands[n - 1], SMB2_OPLOCK_BREAK);
	assert_int_equal(open_close(file), 0);
	scene_end(&scene);
}

/* With nothing open any more the CLOSE says enough. */
static void a_kept_file_alone_is_closed(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	const struct wire_guid key = file->lease->key;
	keep(file);
	send_break(&scene, &key, 2, 1, 0);
	settle(&scene);
	assert_int_equal(scene.closes, 1);
	assert_int_equal(scene.acks, 0);
	assert_null(lease_find(&scene.share, "f"));
	send_break(&scene, &key, 3, 1, 0); /* nobody knows it now */
	settle(&scene);
	assert_int_equal(scene.acks, 0);
	scene_end(&scene);
}

static void a_break_gives_nothing(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	struct lease *lease = file->lease;
	send_break(&scene, &lease->key, 2, 1, R);
	send_break(&scene, &lease->key, 3, 1, UINT32_MAX);
	settle(&scene);
	assert_true(lease_has(lease, R) && !lease_has(lease, RH));
	assert_int_equal(scene.last_state, R);
	send_break(&scene, &lease->key, 1, 1, RH); /* an old one */
	settle(&scene);
	assert_false(lease_has(lease, RH));
	assert_int_equal(lease->epoch, 3);
	assert_int_equal(open_close(file), 0);
	scene_end(&scene);
}

static void a_refused_acknowledgment_ends_the_lease(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene.ack_status = STATUS_UNSUCCESSFUL;
	struct smb3x_file *file = open_path(&scene, "f");
	send_break(&scene, &file->lease->key, 2, 1, R);
	settle(&scene);
	assert_int_equal(scene.acks, 1);
	assert_false(lease_has(file->lease, R));
	assert_int_equal(open_close(file), 0);
	scene_end(&scene);
}

/* The epoch decides which of a break and a CREATE is newer. 3.2.5.7.5 */
static void answers_come_in_any_order(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct lease *lease = lease_use(&scene.share, "f");
	struct client_grant grant = {
		.lease = true, .v2 = true, .state = RH, .epoch = 7};
	send_break(&scene, &lease->key, 8, 0, R);
	settle(&scene);
	lease_granted(lease, &grant); /* from before the break */
	assert_false(lease_has(lease, R));
	grant.epoch = 9;
	lease_granted(lease, &grant);
	assert_true(lease_has(lease, RH));
	grant = (struct client_grant){.lease = true,
		.v2 = true,
		.breaking = true,
		.state = RH,
		.epoch = 10};
	lease_granted(lease, &grant); /* its notification is on the way */
	assert_int_equal(lease->epoch, 9);
	send_break(&scene, &lease->key, 10, 1, R);
	settle(&scene);
	assert_true(lease_has(lease, R) && !lease_has(lease, RH));
	assert_int_equal(lease->epoch, 10);
	lease_leave(lease);
	scene_end(&scene);
}

/* Two in one message, of two leases. */
static void breaks_within_a_compound(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *f = open_path(&scene, "f");
	struct smb3x_file *g = open_path(&scene, "g");
	uint8_t bytes[4 + 112 + BREAK_SIZE] = {0, 0, 0, 112 + BREAK_SIZE};
	put_break(bytes + 4, &f->lease->key, 2, 1, R);
	wire_put32(bytes + 4 + 20, 112); /* NextCommand */
	put_break(bytes + 4 + 112, &g->lease->key, 2, 1, 0);
	assert_int_equal(
		send(scene.server.fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	settle(&scene);
	assert_int_equal(scene.acks, 2);
	assert_true(lease_has(f->lease, R) && !lease_has(f->lease, RH));
	assert_false(lease_has(g->lease, R));
	assert_int_equal(open_close(f), 0);
	assert_int_equal(open_close(g), 0);
	scene_end(&scene);
}

static void thousands_of_breaks(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	struct wire_guid unknown = file->lease->key;
	memset(&unknown, 0x5a, 4);
	for (unsigned int i = 0; i < 5000; i++) {
		send_break(&scene, i % 3 == 0 ? &file->lease->key : &unknown,
			(uint16_t)(i * 7919), i % 2, i);
		if (i % 50 == 0) {
			settle(&scene);
		}
	}
	settle(&scene);
	assert_true(scene.acks > 0);
	assert_false(lease_has(file->lease, R));
	assert_int_equal(open_close(file), 0);
	assert_null(scene.server.client.exchanges);
	scene_end(&scene);
}

/* Breaks of oplocks for files that nobody has, of sizes that none has. */
static void nonsense_is_passed_over(void **state)
{
	(void)state;
	struct scene scene;
	uint8_t body[64] = {0};
	scene_begin(&scene);
	struct smb3x_file *file = open_path(&scene, "f");
	for (uint16_t size = 0; size < sizeof(body); size++) {
		for (uint16_t told = 0; told < 50; told += 1) {
			uint8_t pdu[64 + 64] = {0};
			wire_put16(body, told);
			memcpy(pdu + 64, body, size);
			lease_notified(scene.lane,
				wire_view_of(pdu, 64 + (size_t)size));
		}
	}
	settle(&scene);
	assert_int_equal(scene.acks, 0);
	assert_true(lease_has(file->lease, RH));
	assert_int_equal(open_close(file), 0);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_break_is_acknowledged),
		cmocka_unit_test(kept_files_are_closed_first),
		cmocka_unit_test(a_kept_file_alone_is_closed),
		cmocka_unit_test(a_break_gives_nothing),
		cmocka_unit_test(a_refused_acknowledgment_ends_the_lease),
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(breaks_within_a_compound),
		cmocka_unit_test(thousands_of_breaks),
		cmocka_unit_test(nonsense_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
