/* SPDX-License-Identifier: MIT */
/* CREATE that takes up an open again. [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12 */
#include <string.h>

#include "engine/create.h"
#include "engine/posix.h"
#include "ports/text.h"

#define PERSISTENT SMB2_DHANDLE_FLAG_PERSISTENT

static struct open *reconnect_in(
	const struct list *opens, const struct durable_wish *wish)
{
	list_each(open, opens, struct open, in_session)
	{
		if (!open->closing &&
			open->id.persistent == wish->id.persistent &&
			(open->id.volatile_ == wish->id.volatile_ ||
				RULE(LEASE_RECONNECT_0004))) {
			return open;
		}
	}
	return NULL;
}

/* Opens that still have a session do not count. */
static struct open *reconnect_find(
	struct engine *engine, const struct durable_wish *wish)
{
	struct open *open = reconnect_in(&engine->parked, wish);

	if (open) {
		return open;
	}
	list_each(session, &engine->session_list, struct session, in_engine)
	{
		open = RULE(LEASE_RECONNECT_0006)
			       ? NULL
			       : reconnect_in(&session->opens, wish);
		if (open) {
			return open;
		}
	}
	/* Broken: any other does. */
	return RULE(LEASE_RECONNECT_0005)
		       ? NULL
		       : list_first(&engine->parked, struct open, in_session);
}

static uint32_t reconnect_name(struct request *req, bool posix)
{
	struct create_work *work = req->work;

	if (work->body.name_length % 2) {
		return STATUS_INVALID_PARAMETER;
	}
	return posix ? posix_name_parse(req, work->body.name, POSIX_NAME_OPEN,
			       &work->name)
		     : name_parse(work->body.name, &work->name);
}

/* Is it the name by which the open knows its file? */
static bool reconnect_named(struct request *req, const struct open *open)
{
	const struct create_work *work = req->work;
	const char *stream = open->file->stream;
	bool posix = open->posix && work->contexts.posix;

	if (reconnect_name(req, posix)) {
		return false;
	}
	if (posix) {
		return strcmp(work->name.path, open->link->path) == 0;
	}
	return text_equal_nocase(work->name.path, open->link->path) &&
	       text_equal_nocase(work->name.stream, stream ? stream : "");
}

static bool reconnect_other_name(struct request *req, const struct open *open)
{
	if (open->posix && !open->lease && !RULE(PSX_OPLOCK_0004)) {
		return !reconnect_named(req, open);
	}
	return open->lease && !lease_doomed(open->lease) &&
	       RULE(LEASE_RECONNECT_0012) && !reconnect_named(req, open);
}

static bool reconnect_other_client(
	const struct request *req, const struct open *open)
{
	return open->lease && RULE(LEASE_RECONNECT_0010) &&
	       !guid_equal(&open->lease->client, &req->conn->client_guid);
}

/* What the lease context of the request has to do with the open's lease. */
static bool reconnect_other_lease(
	const struct lease_wish *lease, const struct open *open)
{
	if (!open->lease) {
		return lease->asked && RULE(LEASE_RECONNECT_0008);
	}
	if (!lease->asked) {
		return RULE(LEASE_RECONNECT_0007);
	}
	if (!guid_equal(&lease->key, &open->lease->key)) {
		return RULE(LEASE_RECONNECT_0009);
	}
	return lease->v2 != open->lease->v2;
}

/* Durable or resilient no more. */
static bool reconnect_lapsed(const struct open *open)
{
	bool breaking = false;

	if (open->durable.resilient) {
		return !RULE(LEASE_RESILIENT_0005);
	}
	if (open->durable.lasting) {
		return false; /* a broken rule keeps it */
	}
	return !open->durable.granted ||
	       (!open_handle_cached(open, &breaking) && open->durable.parked);
}

static uint32_t reconnect_check_v1(struct request *req, const struct open *open)
{
	struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;

	if ((wish->request_v2 || wish->reconnect_v2) &&
		RULE(LEASE_RECONNECT_0015)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (wish->request && !RULE(LEASE_RECONNECT_0017)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!open || !RULE(LEASE_RECONNECT_0001) ||
		reconnect_other_client(req, open)) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if (reconnect_other_name(req, open)) {
		return STATUS_INVALID_PARAMETER;
	}
	return reconnect_other_lease(&work->contexts.lease, open) ||
			       reconnect_lapsed(open)
		       ? STATUS_OBJECT_NAME_NOT_FOUND
		       : STATUS_SUCCESS;
}

static uint32_t reconnect_check_v2(struct request *req, const struct open *open)
{
	struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;

	if (!open || !RULE(LEASE_RECONNECT_0002) ||
		reconnect_other_client(req, open)) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if (!guid_equal(&wish->reconnect_guid, &open->durable.create_guid) &&
		RULE(LEASE_RECONNECT_0013)) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if (reconnect_lapsed(open) ||
		reconnect_other_lease(&work->contexts.lease, open)) {
		return STATUS_OBJECT_NAME_NOT_FOUND;
	}
	if ((wish->request || wish->request_v2) && RULE(LEASE_RECONNECT_0016)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (reconnect_other_name(req, open)) {
		return STATUS_INVALID_PARAMETER;
	}
	return wish->reconnect_flags & PERSISTENT && RULE(LEASE_RECONNECT_0014)
		       ? STATUS_INVALID_PARAMETER
		       : STATUS_SUCCESS;
}

static uint32_t reconnect_check(struct request *req, const struct open *open)
{
	const struct create_work *work = req->work;
	bool owner = !open || session_same_user(&req->session->identity,
				      &open->session->identity);
	uint32_t status = work->contexts.durable.reconnect
				  ? reconnect_check_v1(req, open)
				  : reconnect_check_v2(req, open);

	/* Broken: who asks comes first. */
	if (!owner && !RULE(LEASE_RECONNECT_0024)) {
		return STATUS_ACCESS_DENIED;
	}
	if (status) {
		return status;
	}
	if (!owner && RULE(LEASE_RECONNECT_0011)) {
		return STATUS_ACCESS_DENIED;
	}
	/* Another share has other files. */
	return req->tree->share != open->tree->share
		       ? STATUS_OBJECT_NAME_NOT_FOUND
		       : STATUS_SUCCESS;
}

/* A new session, tree and FileId.Volatile. */
int reconnect_bind(struct request *req, struct open *open)
{
	struct engine *engine = req->engine;
	uint64_t fresh = engine_new_id(engine);

	table_remove(&engine->opens, &open->by_id);
	if (table_add(&engine->opens, &open->by_id, fresh) < 0) {
		return -1;
	}
	open->id.volatile_ = fresh;
	if (!RULE(LEASE_RECONNECT_0003)) {
		open->id.persistent = engine_new_id(engine);
	}
	list_remove(&open->in_session);
	list_add(&req->session->opens, &open->in_session);
	session_hold(req->session);
	tree_hold(req->tree);
	tree_release(open->tree);
	session_release(open->session);
	open->session = req->session;
	open->tree = req->tree;
	open->durable.parked = false;
	open->durable.lasting = false;
	open->channel_sequence =
		conn_is_3x(req->conn) ? req->header.status & 0xffff : 0;
	open->outstanding = open->outstanding_before = 0;
	if (!RULE(PSX_OPLOCK_0003)) {
		open->posix = false;
	}
	if (!RULE(LEASE_RECONNECT_0022)) {
		lock_close(open);
	}
	if (!RULE(LEASE_RECONNECT_0023)) {
		open->durable.granted = false;
	}
	return 0;
}

void create_reuse(struct request *req, uint32_t action)
{
	struct create_work *work = req->work;

	work->reused = true;
	work->action = action;
	work->contexts.maximal_access = false;
}

static void create_from_stat(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;

	if (op_failed(req)) {
		return;
	}
	work->stat = op->stat;
	create_reply(req);
}

void create_from_open(struct request *req, uint32_t action)
{
	create_reuse(req, action);
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, create_from_stat);
}

/* Broken: what is to be ignored is looked at. */
static uint32_t reconnect_form(const struct smb2_create_request *body)
{
	if (RULE(LEASE_RECONNECT_0018)) {
		return STATUS_SUCCESS;
	}
	if (body->create_options & FILE_DIRECTORY_FILE) {
		return STATUS_NOT_A_DIRECTORY;
	}
	return body->create_disposition == FILE_CREATE
		       ? STATUS_OBJECT_NAME_COLLISION
		       : STATUS_SUCCESS;
}

static void reconnect_refuse(
	struct request *req, struct open *open, uint32_t status)
{
	request_log(req, LOG_INFO, "open.refused", "status=0x%08x", status);
	if (open && open->durable.parked && !RULE(LEASE_RECONNECT_0021)) {
		open_close(open, NULL, NULL);
	}
	open_release(req->open);
	req->open = NULL;
	request_fail(req, status);
}

/* It belongs to the session only as the answer leaves: the client must know
 * the FileId before it is told of a break. */
static void reconnect_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct create_work *work = req->work;
	struct durable_wish *wish = &work->contexts.durable;
	struct open *open = req->open;
	uint32_t status = STATUS_OBJECT_NAME_NOT_FOUND;

	if (req->session->ended || req->tree->disconnected) {
		status = STATUS_USER_SESSION_DELETED;
	} else if (reconnect_find(req->engine, wish) == open) {
		status = reconnect_check(req, open);
	}
	if (!status && op->result < 0) {
		status = status_of_errno(op->result);
	}
	if (status) {
		reconnect_refuse(req, open, status);
		return;
	}
	if (reconnect_bind(req, open) < 0) {
		open_close(open, NULL, NULL);
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	request_log(req, LOG_INFO, "open.resumed", "path=%s", open->link->path);
	wish->request = false;
	wish->request_v2 = wish->reconnect_v2 && !RULE(LEASE_RECONNECT_0020);
	if (!RULE(LEASE_RECONNECT_0019)) {
		work->contexts.lease.asked = false;
	}
	work->stat = op->stat;
	create_reuse(req, FILE_OPENED);
	create_reply(req);
}

static void reconnect_take(struct request *req)
{
	struct create_work *work = req->work;
	struct open *open =
		reconnect_find(req->engine, &work->contexts.durable);
	uint32_t status = reconnect_form(&work->body);

	if (!status) {
		status = reconnect_check(req, open);
	}
	if (status) {
		reconnect_refuse(req, open, status);
		return;
	}
	req->open = open_hold(open);
	req->op.node = open->node;
	request_submit(req, FILES_STAT, reconnect_known);
}

bool reconnect(struct request *req)
{
	struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;
	struct smb2_create_request body = work->body;

	/* The lease context counts whatever level is asked for. Anything wrong
	 * with the contexts is told in its turn. */
	body.requested_oplock_level = SMB2_OPLOCK_LEVEL_LEASE;
	if (create_contexts_parse(req, &body, &work->contexts) ||
		(!wish->reconnect && !wish->reconnect_v2)) {
		return false;
	}
	if (durable_check(wish)) {
		return false;
	}
	if (work->contexts.posix && !RULE(PSX_OPLOCK_0007)) {
		request_fail(req, STATUS_OBJECT_NAME_NOT_FOUND);
		return true;
	}
	reconnect_take(req);
	return true;
}
