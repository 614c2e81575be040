/* SPDX-License-Identifier: MIT */
/*
 * The create contexts of an open: POSIX rules, a lease, durability, and what
 * takes an open up again whose connection was lost. [MS-SMB2] 2.2.13.2,
 * 3.2.4.3.5, 3.2.4.3.8, 3.2.4.4, 3.2.5.7; POSIX-SMB2 2.2.13.2.16
 */
#include "client/create.h"

#include <errno.h>
#include <string.h>

#define NOT_A_GUID 4

bool create_can_lease(const struct client *client)
{
	return client->dialect >= SMB2_DIALECT_210 &&
	       (client->server_capabilities & SMB2_GLOBAL_CAP_LEASING) != 0;
}

bool create_can_lease_directories(const struct client *client)
{
	return client->dialect >= SMB2_DIALECT_300 &&
	       create_can_lease(client) &&
	       (client->server_capabilities &
		       SMB2_GLOBAL_CAP_DIRECTORY_LEASING) != 0;
}

/* Contexts under construction. */
struct list {
	struct wire_buf out;
	size_t last;
};

static int put_bytes(struct list *list, const void *name, size_t name_size,
	struct wire_view data)
{
	const struct smb2_create_context context = {
		.name_length = (uint16_t)name_size,
		.data_length = (uint32_t)data.n,
		.name = wire_view_of(name, name_size),
		.data = data,
	};
	return wire_list_append(
		&smb2_create_context_type, &context, &list->out, &list->last);
}

static int put_struct(struct list *list, const char *name,
	const struct wire_type *type, const void *value)
{
	uint8_t room[64];
	struct wire_buf data = {.p = room, .cap = sizeof(room)};
	int error = wire_encode(type, value, &data);
	return error < 0 ? error
			 : put_bytes(list, name, NOT_A_GUID,
				   wire_view_of(room, data.n));
}

static int put_lease(const struct client *client, struct list *list,
	const struct client_wish *wish)
{
	if (client->dialect < SMB2_DIALECT_300) {
		const struct smb2_create_request_lease v1 = {
			.lease_key = wish->key, .lease_state = wish->state};
		return put_struct(
			list, "RqLs", &smb2_create_request_lease_type, &v1);
	}
	const struct smb2_create_request_lease_v2 v2 = {
		.lease_key = wish->key,
		.lease_state = wish->state,
		.flags = wish->has_parent ? SMB2_LEASE_FLAG_PARENT_LEASE_KEY_SET
					  : 0,
		.parent_lease_key = wish->parent,
		.epoch = wish->epoch,
	};
	return put_struct(
		list, "RqLs", &smb2_create_request_lease_v2_type, &v2);
}

static int put_durable(const struct client *client, struct list *list,
	const struct client_wish *wish)
{
	bool first = client->dialect < SMB2_DIALECT_300;
	if (wish->again && first) {
		const struct smb2_create_durable_handle_reconnect v1 = {
			wish->id};
		return put_struct(list, "DHnC",
			&smb2_create_durable_handle_reconnect_type, &v1);
	}
	if (wish->again) {
		const struct smb2_create_durable_handle_reconnect_v2 v2 = {
			.file_id = wish->id, .create_guid = wish->guid};
		return put_struct(list, "DH2C",
			&smb2_create_durable_handle_reconnect_v2_type, &v2);
	}
	if (first) {
		const struct smb2_create_durable_handle_request v1 = {{0}};
		return put_struct(list, "DHnQ",
			&smb2_create_durable_handle_request_type, &v1);
	}
	const struct smb2_create_durable_handle_request_v2 v2 = {
		.create_guid = wish->guid};
	return put_struct(
		list, "DH2Q", &smb2_create_durable_handle_request_v2_type, &v2);
}

static int put_wish(const struct client *client, struct list *list,
	const struct client_wish *wish, uint8_t *ret_oplock)
{
	bool lease = wish->lease && create_can_lease(client);
	uint8_t oplock = lease ? SMB2_OPLOCK_LEVEL_LEASE : wish->oplock;
	int error = lease ? put_lease(client, list, wish) : 0;
	/* Only what holds a handle back makes an open durable. */
	bool holds = lease ? (wish->state & SMB2_LEASE_HANDLE_CACHING) != 0
			   : oplock == SMB2_OPLOCK_LEVEL_BATCH;
	if (error == 0 && wish->durable && (holds || wish->again)) {
		error = put_durable(client, list, wish);
	}
	*ret_oplock = oplock;
	return error;
}

int create_put_contexts(const struct client *client, bool posix, uint32_t mode,
	const struct client_wish *wish, struct create_contexts *ret)
{
	struct list list = {.out = {.p = ret->bytes, .cap = sizeof(ret->bytes)},
		.last = SIZE_MAX};
	int error = 0;
	ret->oplock = SMB2_OPLOCK_LEVEL_NONE;
	if (posix) {
		uint8_t bits[4];
		wire_put32(bits, mode & 07777);
		error = put_bytes(&list, client_posix_tag,
			sizeof(client_posix_tag),
			wire_view_of(bits, sizeof(bits)));
	}
	if (error == 0 && wish != NULL) {
		error = put_wish(client, &list, wish, &ret->oplock);
	}
	ret->n = list.out.n;
	return error;
}

static int take_lease(struct wire_view data, struct client_grant *grant)
{
	struct smb2_create_response_lease v1;
	struct smb2_create_response_lease_v2 v2;
	if (smb2_create_response_lease_v2_decode(data, &v2) == 0) {
		grant->v2 = true;
		grant->state = v2.lease_state;
		grant->epoch = v2.epoch;
		grant->breaking =
			(v2.flags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS) != 0;
	} else if (smb2_create_response_lease_decode(data, &v1) == 0) {
		grant->state = v1.lease_state;
		grant->breaking =
			(v1.lease_flags & SMB2_LEASE_FLAG_BREAK_IN_PROGRESS) !=
			0;
	} else {
		return -EPROTO;
	}
	grant->lease = true;
	return 0;
}

static bool is_named(
	const struct smb2_create_context *context, const void *name, size_t n)
{
	return wire_view_equal(context->name, wire_view_of(name, n));
}

static int take_context(const struct smb2_create_context *context,
	struct client_grant *grant, struct smb2_create_posix_response *posix,
	bool *ret_posix)
{
	if (is_named(context, client_posix_tag, sizeof(client_posix_tag))) {
		*ret_posix = true;
		return smb2_create_posix_response_decode(context->data, posix);
	}
	if (is_named(context, "RqLs", NOT_A_GUID)) {
		return take_lease(context->data, grant);
	}
	if (is_named(context, "DH2Q", NOT_A_GUID) ||
		is_named(context, "DHnQ", NOT_A_GUID)) {
		grant->durable = true;
	}
	return 0;
}

int create_take_contexts(const struct smb2_create_response *reply,
	struct client_grant *ret_grant,
	struct smb2_create_posix_response *ret_posix)
{
	struct client_grant grant = {.oplock = reply->oplock_level};
	bool posix = false;
	struct wire_list list =
		wire_list_of(&smb2_create_context_type, reply->create_contexts);
	struct smb2_create_context context;
	int more = wire_list_next(&list, &context, NULL);
	while (more > 0) {
		if (take_context(&context, &grant, ret_posix, &posix) < 0) {
			return -EPROTO;
		}
		more = wire_list_next(&list, &context, NULL);
	}
	if (more < 0) {
		return -EPROTO;
	}
	grant.lease =
		grant.lease && reply->oplock_level == SMB2_OPLOCK_LEVEL_LEASE;
	grant.state = grant.lease ? grant.state : SMB2_LEASE_NONE;
	*ret_grant = grant;
	return posix ? 1 : 0;
}
