/* SPDX-License-Identifier: MIT */
/* The tables of opens. [MS-SMB2] 3.3.1.10 */
#include <stdlib.h>

#include "engine/core.h"

struct open *open_create(struct request *req)
{
	struct engine *engine = req->engine;
	struct open *open;

	if (!req->session || req->session->ended || !req->tree ||
		req->tree->disconnected ||
		engine->opens.count >= engine->config.max_opens) {
		return NULL;
	}
	open = calloc(1, sizeof(*open));
	if (!open) {
		return NULL;
	}
	open->id.persistent = engine_new_id(engine);
	open->id.volatile_ = engine_new_id(engine);
	open->channel_sequence =
		conn_is_3x(req->conn) ? req->header.status & 0xffff : 0;
	open->holders = 1;
	if (table_add(&engine->opens, &open->by_id, open->id.volatile_) < 0) {
		free(open);
		return NULL;
	}
	open->session = req->session;
	session_hold(open->session);
	open->tree = req->tree;
	tree_hold(open->tree);
	list_add(&open->session->opens, &open->in_session);
	return open;
}

struct open *open_hold(struct open *open)
{
	open->holders++;
	return open;
}

void open_release(struct open *open)
{
	if (!open || --open->holders) {
		return;
	}
	tree_release(open->tree);
	session_release(open->session);
	free(open);
}

void open_remove(struct open *open)
{
	if (!list_linked(&open->in_session)) {
		return;
	}
	open->closing = true;
	table_remove(&open->session->engine->opens, &open->by_id);
	list_remove(&open->in_session);
	open_release(open);
}

struct closing {
	unsigned int left;
	void (*done)(void *ctx);
	void *ctx;
};

static void one_closed(void *ctx)
{
	struct closing *closing = ctx;

	if (--closing->left) {
		return;
	}
	if (closing->done) {
		closing->done(closing->ctx);
	}
	free(closing);
}

/* The next one of the first *left opens that is to be closed, or NULL. Those
 * looked at move to the end: the list may change while they are closed. */
static struct open *next_to_close(
	struct session *session, const struct tree *tree, size_t *left)
{
	while (*left) {
		struct open *open =
			list_first(&session->opens, struct open, in_session);

		if (!open) {
			break;
		}
		--*left;
		list_remove(&open->in_session);
		list_add(&session->opens, &open->in_session);
		if (!open->closing && (!tree || open->tree == tree)) {
			return open;
		}
	}
	return NULL;
}

void opens_close(struct session *session, const struct tree *tree,
	void (*done)(void *ctx), void *ctx)
{
	struct closing *closing = calloc(1, sizeof(*closing));
	size_t left = session->opens.count;
	struct open *open;

	if (closing) {
		*closing = (struct closing){1, done, ctx};
	}
	while ((open = next_to_close(session, tree, &left))) {
		if (closing) {
			closing->left++;
		}
		open_close(open, closing ? one_closed : NULL, closing);
	}
	if (closing) {
		one_closed(closing);
	} else if (done) {
		done(ctx); /* without memory nobody waits for the closes */
	}
}
