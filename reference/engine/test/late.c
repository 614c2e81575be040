/* SPDX-License-Identifier: MIT */
/* Files that keep an operation; see late.h. */
#include <assert.h>

#include "engine/test/late.h"

#define CLOSES_MAX 4

static struct late {
	struct files_port port; /* first */
	struct files_port *inner;
	void (*done)(struct files_op *op); /* of the operation under way */
	uint64_t inode;                    /* 0: their own */
	bool keep;
	enum files_verb verb;  /* what is to be kept */
	struct files_op *held; /* what is */
	struct files_op *closes[CLOSES_MAX];
	unsigned int close_count;
} late;

static void late_done(struct files_op *op)
{
	op->port = &late.port;
	op->done = late.done;
	if (op->verb == FILES_OPEN && !op->stat.directory && late.inode) {
		op->stat.inode = late.inode;
	}
	op->done(op);
}

static void late_pass(struct files_op *op)
{
	late.done = op->done;
	op->done = late_done;
	op->port = late.inner;
	late.inner->submit(late.inner, op);
}

static void late_submit(struct files_port *port, struct files_op *op)
{
	(void)port;
	if (late.keep && op->verb == late.verb) {
		late.keep = false;
		late.held = op;
	} else if (late.held && op->verb == FILES_CLOSE) {
		assert(late.close_count < CLOSES_MAX);
		late.closes[late.close_count++] = op;
	} else {
		late_pass(op);
	}
}

static void late_cancel(struct files_port *port, struct files_op *op)
{
	(void)port;
	(void)op;
}

static void late_destroy(struct files_port *port)
{
	(void)port;
	late.inner->destroy(late.inner);
}

void late_init(struct rig *rig)
{
	late = (struct late){
		.port = {late_submit, late_cancel, late_destroy, false},
		.inner = rig->shares[0].files};
	rig->shares[0].files = &late.port;
}

void late_set_inode(uint64_t inode)
{
	late.inode = inode;
}

void late_keep(enum files_verb verb)
{
	late.verb = verb;
	late.keep = true;
}

bool late_keeps(void)
{
	return late.held != NULL;
}

static struct files_op *take_held(void)
{
	struct files_op *op = late.held;

	assert(op);
	late.held = NULL;
	return op;
}

static void pass_closes(struct rig *rig)
{
	for (unsigned int i = 0; i < late.close_count; i++) {
		late_pass(late.closes[i]);
	}
	late.close_count = 0;
	rig_advance(rig, 1);
}

void late_go(struct rig *rig)
{
	late_pass(take_held());
	pass_closes(rig);
}

void late_fail(struct rig *rig, int error)
{
	struct files_op *op = take_held();

	op->result = error;
	op->done(op);
	pass_closes(rig);
}
