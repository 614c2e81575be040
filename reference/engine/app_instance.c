/* SPDX-License-Identifier: MIT */
/* AppInstanceId and AppInstanceVersion: an application that begins anew
 * elsewhere displaces what it has left behind. [MS-SMB2] 3.3.5.9.13 */
#include "engine/create.h"

#define APP_READS (FILE_READ_DATA | FILE_READ_EA | FILE_READ_ATTRIBUTES)

static bool app_matches(const struct request *req, const struct open *open)
{
	const struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;
	const struct durability *durable = &open->durable;

	if (!durable->app || open->closing ||
		open->tree->share != req->tree->share ||
		(!guid_equal(&durable->app_id, &wish->app_id) &&
			RULE(LEASE_APP_0003))) {
		return false;
	}
	return !guid_equal(&durable->client, &req->conn->client_guid) ||
	       !RULE(LEASE_APP_0002);
}

/* Is the instance older than the one that has the open, or as old? */
static bool app_is_late(const struct request *req, const struct open *open)
{
	const struct create_work *work = req->work;
	const struct durable_wish *wish = &work->contexts.durable;
	const struct durability *durable = &open->durable;

	if (req->conn->dialect != SMB2_DIALECT_311 || !durable->versioned) {
		return false;
	}
	if (!wish->versioned) {
		return RULE(LEASE_APP_0006);
	}
	if (wish->version_high != durable->version_high) {
		return wish->version_high < durable->version_high &&
		       RULE(LEASE_APP_0005);
	}
	return wish->version_low <= durable->version_low &&
	       RULE(LEASE_APP_0005);
}

static struct file *app_file(const struct request *req)
{
	const struct create_work *work = req->work;

	return file_find(req->engine, req->tree->share->config.files,
		&work->stat, work->stream ? work->name.stream : NULL);
}

static struct open *app_next(const struct request *req)
{
	const struct file *file = app_file(req);

	if (!file) {
		return NULL;
	}
	list_each(open, &file->opens, struct open, in_file)
	{
		if (app_matches(req, open)) {
			return open;
		}
	}
	return NULL;
}

static void app_displace(struct request *req, struct open *open)
{
	request_log(
		req, LOG_INFO, "open.displaced", "path=%s", open->link->path);
	if (RULE(LEASE_APP_0004)) {
		open_close(open, NULL, NULL);
		return;
	}
	/* Broken: it is out of the way, but there. */
	open->durable.app = false;
	open->granted_access &= FILE_READ_ATTRIBUTES;
	open->share_access = 7;
	caching_close(open);
}

uint32_t app_instance_apply(struct request *req)
{
	const struct create_work *work = req->work;
	struct open *open;

	if (!work->contexts.durable.app || !RULE(LEASE_APP_0001)) {
		return STATUS_SUCCESS;
	}
	while ((open = app_next(req))) {
		if (app_is_late(req, open)) {
			return STATUS_FILE_FORCED_CLOSED;
		}
		if ((work->maximal & APP_READS) != APP_READS) {
			break;
		}
		app_displace(req, open);
	}
	return STATUS_SUCCESS;
}
