/* SPDX-License-Identifier: MIT */
/* Extended attributes one after the other. [MS-FSCC] 2.4.16,
 * [MS-FSA] 2.1.5.15.5 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define EA_LIST_MAX 1024

/* In req->work while a list is stored; what was there comes back after. */
struct ea_walk {
	void *outer;
	struct wire_list list;
	void (*done)(struct files_op *op);
	char name[256];
};

/* Which characters the name of an EA may not have. */
static bool ea_name_valid(struct wire_view name, bool posix)
{
	size_t i;

	if (posix && RULE(PSX_EA_0002)) {
		return name.n > 0 && !memchr(name.p, 0, name.n);
	}

	for (i = 0; i < name.n; i++) {
		if (name.p[i] < 0x20 ||
			strchr("\"*+,/:;<=>?[\\]|", name.p[i])) {
			return false;
		}
	}
	return name.n > 0;
}

static void ea_end(struct request *req, struct ea_walk *walk)
{
	req->work = walk->outer;
	walk->done(&req->op);
}

static void ea_next(struct request *req);

static void ea_stored(struct files_op *op)
{
	struct request *req = op->ctx;

	if (op->result < 0 || req->open->closing) {
		ea_end(req, req->work);
		return;
	}
	ea_next(req);
}

static void ea_next(struct request *req)
{
	struct file_full_ea_information ea;
	struct ea_walk *walk = req->work;

	if (wire_list_next(&walk->list, &ea, NULL) <= 0) {
		req->op.result = 0;
		ea_end(req, walk);
		return;
	}
	if (ea.ea_value.n == 0 && req->open->posix && !RULE(PSX_EA_0003)) {
		request_submit(req, FILES_STAT, ea_stored);
		return;
	}
	memcpy(walk->name, ea.ea_name.p, ea.ea_name.n);
	walk->name[ea.ea_name.n] = 0;
	if (req->open->posix && !RULE(PSX_EA_0001)) {
		for (size_t i = 0; walk->name[i]; i++) {
			walk->name[i] = (char)tolower(walk->name[i]);
		}
	}
	req->op.name = walk->name;
	req->op.data = (uint8_t *)ea.ea_value.p;
	req->op.size = ea.ea_value.n;
	request_submit(req, FILES_SET_EA, ea_stored);
}

int ea_store(struct request *req, struct wire_view list,
	void (*done)(struct files_op *op))
{
	struct wire_list walk =
		wire_list_of(&file_full_ea_information_type, list);
	struct file_full_ea_information ea;
	struct ea_walk *work;
	unsigned int count = 0;
	int r;

	while ((r = wire_list_next(&walk, &ea, NULL)) > 0) {
		if (++count > EA_LIST_MAX ||
			!ea_name_valid(ea.ea_name, req->open->posix)) {
			return -EBADMSG;
		}
	}
	if (r < 0) {
		return r;
	}
	work = request_alloc(req, sizeof *work);
	if (!work) {
		return -ENOMEM;
	}
	work->outer = req->work;
	work->list = wire_list_of(&file_full_ea_information_type, list);
	work->done = done;
	req->work = work;
	ea_next(req);
	return 0;
}
