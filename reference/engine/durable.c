/* SPDX-License-Identifier: MIT */
/* Durable opens: how they come, stay without a session, and go. [MS-SMB2]
 * 3.3.5.9.6, 3.3.5.9.10, 3.3.7.1, 3.3.2.2 */
#include <string.h>

#include "engine/create.h"
#include "engine/fileops.h"

#define PERSISTENT SMB2_DHANDLE_FLAG_PERSISTENT
#define LONGEST_MS 300000u
#define USUAL_MS 60000u

/* ---- what is asked for ---- */

static bool durable_is(struct wire_view name, const char *four)
{
	return name.n == 4 && memcmp(name.p, four, 4) == 0;
}

static uint32_t durable_length(int r)
{
	return r < 0 && RULE(LEASE_DURABLE_0006) ? STATUS_INVALID_PARAMETER
						 : STATUS_SUCCESS;
}

static uint32_t durable_context_v1(
	const struct smb2_create_context *context, struct durable_wish *wish)
{
	struct smb2_create_durable_handle_reconnect reconnect = {0};
	struct wire_view data = context->data;

	if (durable_is(context->name, "DHnQ")) {
		wish->request = true;
		return durable_length(data.n == 16 ? 0 : -1);
	}
	wish->reconnect = true;
	if (data.n != 16 || smb2_create_durable_handle_reconnect_decode(
				    data, &reconnect) < 0) {
		return durable_length(-1);
	}
	wish->id = reconnect.data;
	return STATUS_SUCCESS;
}

static uint32_t durable_context_v2(
	const struct smb2_create_context *context, struct durable_wish *wish)
{
	struct smb2_create_durable_handle_request_v2 request = {0};
	struct smb2_create_durable_handle_reconnect_v2 reconnect = {0};
	struct wire_view data = context->data;

	if (durable_is(context->name, "DH2Q")) {
		wish->request_v2 = true;
		if (data.n != 32 ||
			smb2_create_durable_handle_request_v2_decode(
				data, &request) < 0) {
			return durable_length(-1);
		}
		wish->timeout = request.timeout;
		wish->flags = request.flags;
		wish->create_guid = request.create_guid;
		return STATUS_SUCCESS;
	}
	wish->reconnect_v2 = true;
	if (data.n != 36 || smb2_create_durable_handle_reconnect_v2_decode(
				    data, &reconnect) < 0) {
		return durable_length(-1);
	}
	wish->id = reconnect.file_id;
	wish->reconnect_flags = reconnect.flags;
	wish->reconnect_guid = reconnect.create_guid;
	return STATUS_SUCCESS;
}

static const uint8_t app_id_tag[16] = {0x45, 0xbc, 0xa6, 0x6a, 0xef, 0xa7, 0xf7,
	0x4a, 0x90, 0x08, 0xfa, 0x46, 0x2e, 0x14, 0x4d, 0x74};
static const uint8_t app_version_tag[16] = {0xb9, 0x82, 0xd0, 0xb7, 0x3b, 0x56,
	0x07, 0x4f, 0xa0, 0x7b, 0x52, 0x4a, 0x81, 0x16, 0xa0, 0x10};

static bool durable_is_tag(struct wire_view name, const uint8_t *tag)
{
	return name.n == 16 && memcmp(name.p, tag, 16) == 0;
}

static uint32_t durable_context_app(
	const struct smb2_create_context *context, struct durable_wish *wish)
{
	struct smb2_create_app_instance_id id = {0};
	struct smb2_create_app_instance_version version = {0};

	if (durable_is_tag(context->name, app_id_tag)) {
		if (context->data.n != 20 || smb2_create_app_instance_id_decode(
						     context->data, &id) < 0) {
			return STATUS_INVALID_PARAMETER;
		}
		wish->app = true;
		wish->app_id = id.app_instance_id;
		return STATUS_SUCCESS;
	}
	if (context->data.n != 24 || smb2_create_app_instance_version_decode(
					     context->data, &version) < 0) {
		return STATUS_INVALID_PARAMETER;
	}
	wish->versioned = true;
	wish->version_high = version.app_instance_version_high;
	wish->version_low = version.app_instance_version_low;
	return STATUS_SUCCESS;
}

uint32_t durable_context(const struct request *req,
	const struct smb2_create_context *context,
	struct durable_wish *ret_wish, bool *ret_known)
{
	struct wire_view name = context->name;

	*ret_known = true;
	if (durable_is(name, "DHnQ") || durable_is(name, "DHnC")) {
		return durable_context_v1(context, ret_wish);
	}
	if (durable_is(name, "DH2Q") || durable_is(name, "DH2C")) {
		return conn_is_3x(req->conn)
			       ? durable_context_v2(context, ret_wish)
			       : STATUS_SUCCESS;
	}
	if (durable_is_tag(name, app_id_tag) ||
		durable_is_tag(name, app_version_tag)) {
		return conn_is_3x(req->conn)
			       ? durable_context_app(context, ret_wish)
			       : STATUS_SUCCESS;
	}
	*ret_known = false;
	return STATUS_SUCCESS;
}

uint32_t durable_check(const struct durable_wish *wish)
{
	return wish->request && !wish->reconnect &&
			       (wish->request_v2 || wish->reconnect_v2) &&
			       RULE(LEASE_DURABLE_0005)
		       ? STATUS_INVALID_PARAMETER
		       : STATUS_SUCCESS;
}

/* ---- what is granted ---- */

bool open_handle_cached(const struct open *open, bool *ret_breaking)
{
	if (open->lease) {
		*ret_breaking = list_linked(&open->lease->breaking.in_engine);
		return open->lease->held & SMB2_LEASE_HANDLE_CACHING;
	}
	*ret_breaking = list_linked(&open->breaking.in_engine);
	return open->oplock_level == SMB2_OPLOCK_LEVEL_BATCH;
}

uint32_t durable_longest(const struct engine *engine)
{
	uint64_t longest = engine->config.durable_max_ns / 1000000;

	return longest ? (uint32_t)longest : LONGEST_MS;
}

static uint32_t durable_timeout(
	const struct engine *engine, const struct durable_wish *wish)
{
	uint32_t longest = durable_longest(engine);

	if (!wish->request_v2) {
		return longest;
	}
	if (!wish->timeout) {
		return longest < USUAL_MS ? longest : USUAL_MS;
	}
	return wish->timeout < longest ? wish->timeout : longest;
}

/* Does it have what a durable open must have? Some rules are broken for
 * exclusive opens only: the feature itself stays to be seen. */
static bool durable_qualifies(
	const struct open *open, const struct durable_wish *wish)
{
	bool breaking = false;
	bool cached = open_handle_cached(open, &breaking);
	bool shared = open->share_access;

	if (open->file->directory) {
		return cached && !RULE(LEASE_DURABLE_0004);
	}
	if (wish->request_v2) {
		return cached ? RULE(LEASE_DURABLE_0007) || shared
			      : !RULE(LEASE_DURABLE_0008);
	}
	if (!cached) {
		return !RULE(LEASE_DURABLE_0003);
	}
	return open->lease ? RULE(LEASE_DURABLE_0002)
			   : RULE(LEASE_DURABLE_0001) || shared;
}

static void durable_tell_v2(const struct open *open,
	const struct durable_wish *wish, struct wire_buf *out, size_t *last)
{
	struct smb2_create_durable_handle_response_v2 body = {
		.timeout = open->durable.timeout};

	if (wish->timeout ? !RULE(LEASE_DURABLE_0009)
			  : !RULE(LEASE_DURABLE_0010)) {
		body.timeout = wish->timeout ? wish->timeout + 1 : 0;
	}
	if (wish->flags & PERSISTENT && !RULE(LEASE_DURABLE_0011)) {
		body.flags = PERSISTENT;
	}
	context_put(out, last, "DH2Q",
		&smb2_create_durable_handle_response_v2_type, &body);
}

static void durable_tell(const struct open *open,
	const struct durable_wish *wish, struct wire_buf *out, size_t *last)
{
	static const struct smb2_create_durable_handle_response v1;

	if (!open->durable.granted) {
		return;
	}
	if (wish->request_v2) {
		durable_tell_v2(open, wish, out, last);
	} else if (wish->request) {
		context_put(out, last, "DHnQ",
			&smb2_create_durable_handle_response_type, &v1);
	}
}

#define REPLAYABLE \
	(uint32_t)(FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | \
		   FILE_EXECUTE | DELETE)

/* What later requests find the open by. */
static void durable_name(struct request *req, const struct durable_wish *wish)
{
	struct open *open = req->open;
	struct durability *durable = &open->durable;

	durable->client = req->conn->client_guid;
	durable->action = ((struct create_work *)req->work)->action;
	durable->app = wish->app;
	durable->app_id = wish->app_id;
	durable->versioned =
		wish->versioned && req->conn->dialect == SMB2_DIALECT_311;
	durable->version_high = wish->version_high;
	durable->version_low = wish->version_low;
	if (wish->request_v2) {
		durable->named = true;
		durable->create_guid = wish->create_guid;
		durable->replayable = !open->file->directory &&
				      (open->granted_access & REPLAYABLE);
		list_add(&req->engine->guids, &durable->in_guids);
	}
}

void durable_grant(struct request *req, struct wire_buf *out, size_t *last)
{
	const struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;
	struct durability *durable = &req->open->durable;

	if (work->reused) {
		durable_tell(req->open, wish, out, last);
		return;
	}
	durable_name(req, wish);
	if ((wish->request || wish->request_v2) &&
		durable_qualifies(req->open, wish)) {
		durable->granted = true;
		durable->timeout = durable_timeout(req->engine, wish);
	}
	durable_tell(req->open, wish, out, last);
}

/* ---- without a session ---- */

static enum model_durability durable_kind(
	const struct open *open, bool *ret_breaking)
{
	bool cached = open_handle_cached(open, ret_breaking);

	if (open->durable.resilient) {
		return MODEL_DURABILITY_RESILIENT;
	}
	if (!open->durable.granted || !cached) {
		return MODEL_DURABILITY_NONE;
	}
	return open->lease ? MODEL_DURABILITY_LEASE_WITH_H
			   : MODEL_DURABILITY_BATCH;
}

static bool durable_stays(const struct open *open, enum model_loss loss)
{
	bool breaking = false;
	enum model_durability kind = durable_kind(open, &breaking);
	const struct model_open_lost *row =
		model_open_lost(kind, loss, breaking);

	return row->kept == model_rule(row->rule);
}

/* Is it to leave the session that ends, or its tree? */
static bool durable_leaves(const struct open *open, const struct tree *tree)
{
	const struct session *session = open->session;
	enum model_loss loss =
		session->logoff ? MODEL_LOSS_LOGOFF : MODEL_LOSS_CONNECTION;

	if (open->closing || (tree && open->tree != tree)) {
		return false;
	}
	if (open->posix && open->link->gone && RULE(PSX_OPLOCK_0005)) {
		return false;
	}
	return durable_stays(open, tree ? MODEL_LOSS_TREE : loss);
}

void durable_park(struct session *session, const struct tree *tree)
{
	struct engine *engine = session->engine;

	if (engine->draining || session->keep_opens) {
		return;
	}
	list_each_safe(open, &session->opens, struct open, in_session)
	{
		struct durability *durable = &open->durable;

		if (!open->node || !durable_leaves(open, tree)) {
			continue;
		}
		list_remove(&open->in_session);
		list_add(&engine->parked, &open->in_session);
		durable->parked = true;
		durable->lasting = !durable->granted && !durable->resilient;
		durable->until =
			engine->now +
			(durable->timeout ? durable->timeout : USUAL_MS) *
				TICKS_PER_MS;
		engine_expect(engine, durable->until);
		engine_log(engine, LOG_INFO, "open.parked", "path=%s ms=%u",
			open->link->path, durable->timeout);
	}
}

static struct open *durable_next(
	struct engine *engine, const struct share *share, bool overdue)
{
	list_each(open, &engine->parked, struct open, in_session)
	{
		if (!open->closing && (!share || open->tree->share == share) &&
			(!overdue || open->durable.until <= engine->now)) {
			return open;
		}
	}
	return NULL;
}

void durables_close(struct engine *engine, const struct share *share)
{
	struct open *open;

	while ((open = durable_next(engine, share, false))) {
		open_close(open, NULL, NULL);
	}
}

void durables_expire(struct engine *engine)
{
	struct open *open;

	if (!RULE(LEASE_DURABLE_0019)) {
		return;
	}
	while ((open = durable_next(engine, NULL, true))) {
		engine_log(engine, LOG_INFO, "open.expired", "path=%s",
			open->link->path);
		open_close(open, NULL, NULL);
	}
	list_each(left, &engine->parked, struct open, in_session)
	{
		engine_expect(engine, left->durable.until);
	}
}

void durable_close(struct open *open)
{
	list_remove(&open->durable.in_guids);
	open->durable.replayable = false;
}

/* ---- others ---- */

static enum model_parked durable_holds(const struct open *open)
{
	if (!open->lease) {
		return MODEL_PARKED_BATCH;
	}
	return open->lease->held & SMB2_LEASE_WRITE_CACHING ? MODEL_PARKED_RWH
							    : MODEL_PARKED_RH;
}

static enum model_newcomer durable_meets(
	const struct open *open, const struct cause *cause)
{
	switch (cause->lease) {
	case MODEL_LEASE_REASON_STAT_OPEN:
		return MODEL_NEWCOMER_STAT;
	case MODEL_LEASE_REASON_OPEN:
		return MODEL_NEWCOMER_SHARES;
	case MODEL_LEASE_REASON_SHARING:
		return cause->claim && sharemode_compatible(*cause->claim,
					       sharemode_claim(open))
			       ? MODEL_NEWCOMER_SHARES
			       : MODEL_NEWCOMER_CONFLICTS;
	case MODEL_LEASE_REASON_RENAME:
	case MODEL_LEASE_REASON_DELETE:
	case MODEL_LEASE_REASON_LINK:
	case MODEL_LEASE_REASON_SECURITY:
		return MODEL_NEWCOMER_CONFLICTS;
	default:
		return MODEL_NEWCOMER_OVERWRITES;
	}
}

/* Is it in the way, and has to go? */
static bool durable_yields(struct open *open, const struct cause *cause)
{
	const struct lease *lease = open->lease;
	const struct model_parked_open *row;

	if (!open->durable.parked || open->durable.resilient ||
		open->durable.lasting || open->closing) {
		return false;
	}
	if (open == cause->open) {
		return false; /* it was lost while it did this */
	}
	if (lease && cause->key && guid_equal(cause->key, &lease->key) &&
		guid_equal(cause->client, &lease->client)) {
		return false;
	}
	row = model_parked_open(
		durable_holds(open), durable_meets(open, cause));
	/* Broken: the break that nobody answers does not end it either. */
	open->durable.lasting = !row->kept && !model_rule(row->rule);
	return row->kept != model_rule(row->rule);
}

static struct open *durable_in_the_way(
	const struct file *file, const struct cause *cause)
{
	list_each(open, &file->opens, struct open, in_file)
	{
		if (durable_yields(open, cause)) {
			return open;
		}
	}
	return NULL;
}

bool durable_give_way(struct engine *engine, struct file *file,
	const struct cause *cause, bool *ret_deletes)
{
	struct open *open = durable_in_the_way(file, cause);
	bool gone;

	if (!open) {
		return false;
	}
	file->holders++;
	for (; open; open = durable_in_the_way(file, cause)) {
		engine_log(engine, LOG_INFO, "open.yielded", "path=%s",
			open->link->path);
		if (ret_deletes && open->delete_on_close) {
			*ret_deletes = true;
		}
		open_close(open, NULL, NULL);
	}
	file->holders--;
	gone = list_empty(&file->opens) && !file->holders;
	file_drop(engine, file);
	return gone;
}
