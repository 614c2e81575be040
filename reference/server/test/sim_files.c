/* SPDX-License-Identifier: MIT */
/* Files that take a while; see sim_files.h. */
#include <stdlib.h>

#include "server/test/sim_files.h"

struct slow_op {
	struct work work; /* first */
	struct slow_op *next;
	struct sim_files *files;
	struct files_op *op;
	struct files_node *node, *from;
	bool posted;
	void (*done)(struct files_op *op);
	void *ctx;
};

/* As drivers have it: a CLOSE lets other operations of its node end. */
static bool busy(const struct sim_files *files, const struct slow_op *close)
{
	for (const struct slow_op *s = files->under_way; s != NULL;
		s = s->next) {
		if (s != close && s->posted &&
			(s->node == close->node || s->from == close->node)) {
			return true;
		}
	}
	return false;
}

static void post_what_may(struct sim_files *files)
{
	for (struct slow_op *s = files->under_way; s != NULL; s = s->next) {
		if (!s->posted && !busy(files, s)) {
			s->posted = true;
			work_post(files->work, &s->work);
		}
	}
}

static void slow_finished(struct files_op *op)
{
	struct slow_op *slow = op->ctx, **at;
	struct sim_files *files = slow->files;

	op->done = slow->done;
	op->ctx = slow->ctx;
	for (at = &files->under_way; *at != slow; at = &(*at)->next) {
	}
	*at = slow->next;
	free(slow);
	if (op->verb == FILES_CLOSE) {
		files->nodes--;
	} else if (op->verb == FILES_OPEN && op->result == 0) {
		files->nodes++;
	}
	post_what_may(files);
	if (files->observe != NULL) {
		files->observe(files->ctx, op);
	}
	op->done(op);
}

static void slow_run(struct work *work)
{
	(void)work; /* the memory driver belongs to the engine's thread */
}

static void slow_done(struct work *work)
{
	struct slow_op *slow = (struct slow_op *)work;
	struct files_port *memory = slow->files->memory;

	memory->submit(memory, slow->op);
}

static void slow_submit(struct files_port *port, struct files_op *op)
{
	struct sim_files *files = (struct sim_files *)port;
	struct slow_op *slow = malloc(sizeof(*slow));

	if (slow == NULL) {
		abort();
	}
	*slow = (struct slow_op){{NULL, slow_run, slow_done}, files->under_way,
		files, op, op->verb == FILES_OPEN ? NULL : op->node,
		op->verb == FILES_COPY ? op->from : NULL,
		op->verb != FILES_CLOSE, op->done, op->ctx};
	files->under_way = slow;
	op->done = slow_finished;
	op->ctx = slow;
	if (slow->posted) {
		work_post(files->work, &slow->work);
	} else {
		post_what_may(files);
	}
}

static void slow_cancel(struct files_port *port, struct files_op *op)
{
	(void)port;
	(void)op;
}

void sim_files_init(struct sim_files *files, struct files_port *memory,
	struct work_port *work)
{
	*files = (struct sim_files){
		.port = {.submit = slow_submit, .cancel = slow_cancel},
		.memory = memory,
		.work = work};
}
