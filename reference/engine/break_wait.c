/* SPDX-License-Identifier: MIT */
/* Requests that wait for the break of an oplock or a lease. [MS-SMB2] 3.3.4.6,
 * 3.3.4.7 */
#include "engine/caching.h"

struct break_wait {
	struct list_link in_engine;
	struct request *req;
	uintptr_t file; /* to compare only; 0: any */
	void (*again)(struct request *req);
	void (*cancelled)(struct request *req, uint32_t status);
};

static void break_cancelled(struct request *req)
{
	struct break_wait *wait = req->wait;
	uint32_t status = req->cancel_status;

	list_remove(&wait->in_engine);
	if (status == STATUS_CANCELLED && !RULE(LEASE_BREAK_0032)) {
		status = STATUS_UNSUCCESSFUL;
	}
	wait->cancelled(req, status);
}

void break_wait(struct request *req, const struct file *file,
	void (*again)(struct request *req),
	void (*cancelled)(struct request *req, uint32_t status))
{
	struct break_wait *wait = req->wait;

	if (!wait) {
		wait = req->wait = request_alloc(req, sizeof(*wait));
	}
	if (!wait) {
		cancelled(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	wait->req = req;
	wait->file = (uintptr_t)file;
	wait->again = again;
	wait->cancelled = cancelled;
	/* One that may not wait ends through break_cancelled(). */
	list_add(&req->engine->break_waiters, &wait->in_engine);
	request_park_anywhere(req, break_cancelled);
}

void break_wake(struct engine *engine, uintptr_t file)
{
	struct list ready = {0};
	struct break_wait *wait;

	list_each_safe(
		waiter, &engine->break_waiters, struct break_wait, in_engine)
	{
		if (!waiter->file || waiter->file == file) {
			list_remove(&waiter->in_engine);
			list_add(&ready, &waiter->in_engine);
		}
	}
	/* What goes on may end, or let wait, any of the others. */
	while ((wait = list_first(&ready, struct break_wait, in_engine))) {
		list_remove(&wait->in_engine);
		request_unpark(wait->req);
		wait->again(wait->req);
	}
}
