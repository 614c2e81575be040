/* SPDX-License-Identifier: MIT */
/*
 * Opens by POSIX rules, alone or with one request and a CLOSE behind them.
 * Each answer must prove by its context that the open follows those rules.
 * POSIX-SMB2 2.2.13.2.16, 2.2.14.2.16, 3.2.4.3, 3.2.5.5; [MS-SMB2] 3.2.4.1.4
 */
#include "client/posix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct smb2_fileid posix_related = {UINT64_MAX, UINT64_MAX};

/* A CREATE and the bytes that it points to. */
struct create {
	struct smb2_create_request request;
	uint32_t flags; /* of the header */
	bool again;
	uint8_t *name;
	struct create_contexts contexts;
};

static int create_init(struct create *create, const struct client_tree *tree,
	bool posix, const char *path, const struct posix_how *how)
{
	const struct client_wish *wish =
		how->wish != NULL ? how->wish : tree->wish;
	*create = (struct create){0};
	uint8_t *name = NULL;
	size_t n = 0;
	int error = client_encode_path(path, posix, &name, &n);
	if (error < 0) {
		return error;
	}
	error = create_put_contexts(
		tree->client, posix, how->mode, wish, &create->contexts);
	if (error < 0) {
		free(name);
		return error;
	}
	create->name = name;
	create->again = wish != NULL && (wish->again || wish->replay);
	create->flags =
		wish != NULL && wish->replay ? SMB2_FLAGS_REPLAY_OPERATION : 0;
	create->request = (struct smb2_create_request){
		.requested_oplock_level = create->contexts.oplock,
		.impersonation_level = 2, /* Impersonation */
		.desired_access = how->access,
		.share_access = POSIX_SHARE_ALL,
		.create_disposition = how->disposition,
		.create_options = how->options,
		.name_length = (uint16_t)n,
		.name = wire_view_of(name, n),
		.create_contexts = wire_view_of(
			create->contexts.bytes, create->contexts.n),
		.create_contexts_length = (uint32_t)create->contexts.n,
	};
	return 0;
}

/* The answer to a CREATE that succeeded. */
static int take_create(struct client_tree *tree, const struct exchange *e,
	bool again, struct client_file *ret_file, struct smb3x_stat *ret_stat)
{
	struct smb2_create_response reply;
	if (smb2_create_response_decode(e->pdu, &reply) < 0) {
		return client_complain(tree->client, -EPROTO,
			"the answer to a CREATE breaks its layout");
	}
	*ret_file = (struct client_file){.tree = tree,
		.id = reply.file_id,
		.action = reply.create_action};
	ret_file->stat = (struct client_stat){
		.create_time = reply.creation_time,
		.access_time = reply.last_access_time,
		.write_time = reply.last_write_time,
		.change_time = reply.change_time,
		.size = reply.endof_file,
		.allocation = reply.allocation_size,
		.attributes = reply.file_attributes,
	};
	posix_stat_of_basic(&ret_file->stat, ret_stat);
	struct smb2_create_posix_response context;
	int found = create_take_contexts(&reply, &ret_file->grant, &context);
	if (found == 0 && again && tree->posix) {
		ret_file->posix = true; /* as it was opened the first time */
	}
	if (found > 0) {
		ret_file->posix = true;
		ret_file->mode = context.posix_mode;
		posix_stat_of_create(&context, ret_stat);
	}
	return found < 0 ? client_complain(tree->client, -EPROTO,
				   "a context of a CREATE breaks its layout")
			 : 0;
}

/* again: what is taken up, or told again, follows the rules that it was opened
 * by, and not every server says so. */
static int judge_create(struct client_tree *tree, struct exchange *e,
	bool again, struct client_file *ret_file, struct smb3x_stat *ret_stat)
{
	struct client *client = tree->client;
	client->status = e->header.status;
	int error = client_errno(client->status);
	if (client->status == STATUS_STOPPED_ON_SYMLINK) {
		posix_keep_stop(tree, e->pdu);
	}
	if (error < 0) {
		return error;
	}
	error = take_create(tree, e, again, ret_file, ret_stat);
	if (error == 0 && tree->posix && !ret_file->posix) {
		error = client_complain(client, -EPROTO,
			"the server opened a file without the POSIX "
			"extensions, though the share has them");
		client->status = 0;
	}
	return error;
}

static int close_id(struct client_tree *tree, struct smb2_fileid id)
{
	struct smb2_close_request request = {.file_id = id};
	return exchange_call(tree->client, tree, SMB2_CLOSE, 0,
		&smb2_close_request_type, &request, NULL, NULL, NULL);
}

/* Waits for all; 0 whatever they say. */
static int wait_all(
	struct client *client, struct exchange *const *e, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error = exchange_wait(client, e[i]);
		if (error < 0) {
			return error;
		}
	}
	return 0;
}

static int judge_step(struct client *client, const struct posix_step *step,
	const struct exchange *e)
{
	client->status = e->header.status;
	int error = client_errno(client->status);
	if (error == 0 && step->reply_type != NULL &&
		wire_decode(step->reply_type, e->pdu, step->ret_reply, NULL) <
			0) {
		error = client_complain(client, -EPROTO,
			"the answer to command %u breaks its layout",
			step->command);
	}
	if (error == 0 && step->take != NULL) {
		error = step->take(client, step->ctx);
	}
	return error;
}

/* Judges the answers of a chain: CREATE, perhaps a step, CLOSE. */
static int judge_chain(struct client_tree *tree, const struct posix_step *step,
	struct exchange **e, struct smb3x_stat *ret_stat)
{
	struct client *client = tree->client;
	struct client_file file = {0};
	struct exchange *closing = e[step == NULL ? 1 : 2];
	int error = judge_create(tree, e[0], false, &file, ret_stat);
	if (error < 0 && e[0]->header.status != 0) {
		return error;
	}
	if (error == 0 && step != NULL) {
		error = judge_step(client, step, e[1]);
	}
	uint32_t status = client->status;
	if (error == 0) {
		client->status = closing->header.status;
		return client_errno(client->status);
	}
	if (closing->header.status != 0 && file.tree != NULL) {
		/* The chain broke before its end. */
		close_id(tree, file.id);
	}
	client->status = status;
	return error;
}

int posix_call(struct client_tree *tree, const char *path,
	const struct posix_how *how, const struct posix_step *step,
	struct smb3x_stat *ret_stat, struct exchange **ret_exchange)
{
	struct client *client = tree->client;
	struct create create;
	int error = create_init(&create, tree, tree->posix, path, how);
	if (error < 0) {
		return error;
	}
	const struct smb2_close_request closing = {.file_id = posix_related};
	struct chain_link links[3];
	size_t count = 0;
	links[count++] = (struct chain_link){SMB2_CREATE, 0,
		&smb2_create_request_type, &create.request, create.flags};
	if (step != NULL) {
		links[count++] = (struct chain_link){step->command,
			step->payload, step->type, step->body, 0};
	}
	links[count++] = (struct chain_link){
		SMB2_CLOSE, 0, &smb2_close_request_type, &closing, 0};
	struct exchange *e[3] = {NULL};
	error = exchange_chain(client, tree, links, count, e);
	free(create.name);
	if (error < 0) {
		return error;
	}
	struct smb3x_stat stat = {0};
	error = wait_all(client, e, count);
	if (error == 0) {
		error = judge_chain(tree, step, e, &stat);
	}
	if (error == 0 && ret_stat != NULL) {
		*ret_stat = stat;
	}
	bool keep = error == 0 && step != NULL && ret_exchange != NULL;
	for (size_t i = 0; i < count; i++) {
		if (keep && i == 1) {
			*ret_exchange = e[i];
		} else {
			exchange_end(client, e[i]);
		}
	}
	return error;
}

/* Sends the CREATE, and perhaps a step behind it, and judges the answers. */
static int open_chain(struct client_tree *tree, struct create *create,
	const struct posix_step *step, struct client_file *ret_file,
	int *ret_step)
{
	struct chain_link links[2] = {{SMB2_CREATE, 0,
		&smb2_create_request_type, &create->request, create->flags}};
	size_t count = 1;
	if (step != NULL) {
		links[count++] = (struct chain_link){step->command,
			step->payload, step->type, step->body, 0};
	}
	struct exchange *e[2] = {NULL};
	int error = exchange_chain(tree->client, tree, links, count, e);
	if (error < 0) {
		return error;
	}
	error = wait_all(tree->client, e, count);
	struct smb3x_stat stat = {0};
	if (error == 0) {
		error = judge_create(
			tree, e[0], create->again, ret_file, &stat);
	}
	if (error == 0 && step != NULL) {
		*ret_step = judge_step(tree->client, step, e[1]);
	}
	for (size_t i = 0; i < count; i++) {
		exchange_end(tree->client, e[i]);
	}
	return error;
}

int posix_open_step(struct client_tree *tree, const char *path,
	const struct posix_how *how, const struct posix_step *step,
	struct client_file **ret_file, int *ret_step)
{
	struct create create;
	int error = create_init(&create, tree, tree->posix, path, how);
	if (error < 0) {
		return error;
	}
	struct client_file *file = calloc(1, sizeof(*file));
	error = file == NULL ? -ENOMEM
			     : open_chain(tree, &create, step, file, ret_step);
	free(create.name);
	if (error < 0) {
		if (file != NULL && file->tree != NULL) {
			close_id(tree, file->id);
		}
		free(file);
		return error;
	}
	*ret_file = file;
	return 0;
}

int posix_open(struct client_tree *tree, const char *path,
	const struct posix_how *how, struct client_file **ret_file)
{
	return posix_open_step(tree, path, how, NULL, ret_file, NULL);
}

int posix_step(struct client_file *file, struct posix_step *step,
	struct exchange **ret_exchange)
{
	struct client *client = file->tree->client;
	struct exchange *e = NULL;
	bool views = ret_exchange != NULL || step->take != NULL;
	int error = exchange_call(client, file->tree, step->command,
		step->payload, step->type, step->body, step->reply_type,
		step->ret_reply, views ? &e : NULL);
	if (error == 0 && step->take != NULL) {
		error = step->take(client, step->ctx);
	}
	if (error == 0 && ret_exchange != NULL) {
		*ret_exchange = e;
	} else if (e != NULL) {
		exchange_end(client, e);
	}
	return error;
}

/* 3.2.5.5: only an open with the context in its answer proves anything. */
int posix_probe(struct client_tree *tree)
{
	if (!tree->client->posix) {
		return 0;
	}
	const struct posix_how how = {
		.access = FILE_READ_ATTRIBUTES,
		.disposition = FILE_OPEN,
		.options = FILE_DIRECTORY_FILE,
	};
	struct create create;
	int error = create_init(&create, tree, true, "", &how);
	if (error < 0) {
		return error;
	}
	struct client_file file = {0};
	error = open_chain(tree, &create, NULL, &file, NULL);
	free(create.name);
	if (error < 0) {
		/* No right to look at the root is no fault of the share. */
		return tree->client->status != 0 ? 0 : error;
	}
	tree->posix = file.posix;
	return close_id(tree, file.id);
}
