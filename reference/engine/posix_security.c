/* SPDX-License-Identifier: MIT */
/*
 * chmod and chown: a mode that travels as a SID, and owners that are numbers.
 * spec/posix/security.adoc, POSIX-SMB2 3.3.5.21.3
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define SID_NFS 88      /* S-1-5-88: what NFS needs */
#define SID_NFS_USER 1  /* S-1-5-88-1-uid */
#define SID_NFS_GROUP 2 /* S-1-5-88-2-gid */
#define SID_NFS_MODE 3  /* S-1-5-88-3-mode */
#define SID_UNIX 22     /* S-1-22-1-uid, S-1-22-2-gid */
#define SECURITY_OWNERS \
	(OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION)

struct chmod_work {
	uint32_t additional;
	struct wire_view buffer;
	bool mode_form;
	uint32_t mode, uid, gid;
	struct files_stat stat;
};

/* ---- SIDs ---- */

static bool sid_starts(struct wire_view sid, uint8_t authority, unsigned int n)
{
	static const uint8_t zero[5];

	return sid.n >= 8 + 4 * (size_t)n && sid.p[1] >= n &&
	       memcmp(sid.p + 2, zero, 5) == 0 && sid.p[7] == authority;
}

static uint32_t sid_sub(struct wire_view sid, unsigned int i)
{
	return wire_get32(sid.p + 8 + 4 * i);
}

/* The number that an owner's or group's SID stands for. */
static bool sid_number(
	struct wire_view sid, uint32_t kind, uint32_t *ret_number)
{
	if (RULE(PSX_SECURITY_0019) && sid_starts(sid, SID_UNIX, 2) &&
		sid.p[1] == 2 && sid_sub(sid, 0) == kind) {
		*ret_number = sid_sub(sid, 1);
		return true;
	}
	if (RULE(PSX_SECURITY_0020) && sid_starts(sid, 5, 3) && sid.p[1] == 3 &&
		sid_sub(sid, 0) == SID_NFS && sid_sub(sid, 1) == kind) {
		*ret_number = sid_sub(sid, 2);
		return true;
	}
	return false;
}

void posix_sids(const struct files_stat *stat, struct sid_bytes *ret_owner,
	struct sid_bytes *ret_group)
{
	static const struct sid_bytes nobody = {{1, 1}, 12};

	if (stat->inode == 0) {
		*ret_owner = *ret_group = nobody;
		return;
	}
	sid_of_user(stat->uid, ret_owner);
	sid_of_group(stat->gid, ret_group);
	if (!RULE(PSX_SECURITY_0017)) {
		ret_owner->b[7] = 5;
		ret_group->b[7] = 5;
	}
}

/* The entry of a DACL that carries a mode. */
struct mode_entry {
	uint8_t type;
	uint16_t count;
	uint32_t mask;
	struct wire_view sid;
};

static bool mode_entry_of(struct wire_view dacl, struct mode_entry *ret_entry)
{
	size_t size;

	if (dacl.n < 16 + 20) {
		return false;
	}
	size = wire_get16(dacl.p + 10);
	ret_entry->count = wire_get16(dacl.p + 4);
	ret_entry->type = dacl.p[8];
	ret_entry->mask = wire_get32(dacl.p + 12);
	if (size < 28 || size > dacl.n - 8) {
		return false;
	}
	ret_entry->sid = wire_view_sub(dacl, 16, size - 8);
	return sid_starts(ret_entry->sid, 5, 3) &&
	       sid_sub(ret_entry->sid, 0) == SID_NFS &&
	       sid_sub(ret_entry->sid, 1) == SID_NFS_MODE;
}

/* Is the DACL nothing but a mode? */
static bool mode_of(const struct sd *sd, uint32_t *ret_mode)
{
	struct mode_entry entry;

	if (!mode_entry_of(sd->dacl, &entry)) {
		return false;
	}
	if (RULE(PSX_SECURITY_0009) &&
		(entry.count != 1 || entry.sid.p[1] != 3)) {
		return false;
	}
	if (!RULE(PSX_SECURITY_0007) &&
		(entry.type != ACCESS_ALLOWED_ACE_TYPE || entry.mask != 0)) {
		return false;
	}
	*ret_mode = sid_sub(entry.sid, 2);
	return true;
}

/* ---- SET_INFO ---- */

static void chmod_told(struct request *req)
{
	if (RULE(PSX_NOTIFY_0003)) {
		notify_modified(req->open, NOTIFY_SECURITY);
	}
}

static void chmod_end(struct request *req)
{
	chmod_told(req);
	set_info_reply(req, STATUS_SUCCESS);
}

/* The open has ended, but the mode or the owner is changed. */
static bool chmod_lost(struct request *req)
{
	if (req->open->closing) {
		chmod_told(req);
	}
	return open_lost(req);
}

static void chmod_stored(struct files_op *op)
{
	struct request *req = op->ctx;

	if (!chmod_lost(req) && !op_failed(req)) {
		chmod_end(req);
	}
}

/* A stored descriptor follows: without the DACL that the mode replaces, or
 * with the new owner. */
static void chmod_loaded(struct files_op *op)
{
	struct request *req = op->ctx;
	struct chmod_work *work = req->work;
	bool stored = op->result == 0 && op->transferred > 0;
	struct sid_bytes owner, group;
	uint8_t *out = NULL;
	struct sd sd;
	int n = 0;

	if (chmod_lost(req)) {
		return;
	}
	if (!stored) {
		chmod_end(req);
		return;
	}
	if (!work->mode_form) {
		out = request_alloc(req, SD_MAX);
		if (!out || sd_loaded(op, &work->stat, &sd) < 0) {
			request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
			return;
		}
		posix_sids(&work->stat, &owner, &group);
		sd.owner = wire_view_of(owner.b, owner.n);
		sd.group = wire_view_of(group.b, group.n);
		n = sd_build(&sd, out, SD_MAX);
	}
	op->node = req->open->node;
	op->blob = FILES_BLOB_SECURITY;
	op->data = out;
	op->size = n > 0 ? (size_t)n : 0;
	request_submit(req, FILES_SET_BLOB, chmod_stored);
}

static void chmod_done(struct files_op *op)
{
	struct request *req = op->ctx;
	struct chmod_work *work = req->work;
	uint32_t rest = work->additional & ~SECURITY_OWNERS;

	if ((op->result == 0 && chmod_lost(req)) || op_failed(req)) {
		return;
	}
	if (work->mode_form) {
		rest &= ~DACL_SECURITY_INFORMATION;
	}
	if (rest) {
		set_info_security_parts(req, rest, work->buffer);
		return;
	}
	req->op.node = req->open->node;
	sd_load(req, chmod_loaded);
}

/* What broken rules make of the change. */
static void chmod_spoil(struct chmod_work *work, struct files_op *op)
{
	if (work->mode_form && !RULE(PSX_SECURITY_0005)) {
		op->set_mode = false;
	}
	if (work->mode_form && !RULE(PSX_SECURITY_0012)) {
		op->set_owner = op->set_group = false;
	}
	if (!work->mode_form && !RULE(PSX_SECURITY_0022)) {
		op->stat.mode = (work->stat.mode & POSIX_MODE_ALL) ^ 0040;
		op->set_mode = true;
	}
	if (!RULE(PSX_SECURITY_0023)) {
		op->set_owner = op->set_group = false;
	}
	if (work->mode_form && !RULE(PSX_SECURITY_0014)) {
		op->stat.dos_attributes =
			work->stat.dos_attributes ^ FILE_ATTRIBUTE_READONLY;
		op->set_attributes = true;
	}
}

static void chmod_apply(struct request *req)
{
	struct chmod_work *work = req->work;
	struct files_op *op = &req->op;

	op->node = req->open->node;
	op->stat = (struct files_stat){
		.mode = work->mode, .uid = work->uid, .gid = work->gid};
	op->set_attributes = false;
	op->set_mode = work->mode_form;
	op->set_owner = work->additional & OWNER_SECURITY_INFORMATION;
	op->set_group = work->additional & GROUP_SECURITY_INFORMATION;
	chmod_spoil(work, op);
	if (work->additional & OWNER_SECURITY_INFORMATION) {
		work->stat.uid = work->uid;
	}
	if (work->additional & GROUP_SECURITY_INFORMATION) {
		work->stat.gid = work->gid;
	}
	request_submit(req, FILES_SET_STAT, chmod_done);
}

static void chmod_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct chmod_work *work = req->work;

	if (op_failed(req)) {
		return;
	}
	work->stat = op->stat;
	if (work->mode_form && S_ISLNK(op->stat.mode)) {
		request_fail(req, RULE(PSX_SECURITY_0013)
					  ? STATUS_NOT_SUPPORTED
					  : STATUS_ACCESS_DENIED);
		return;
	}
	if (!RULE(PSX_SECURITY_0018) &&
		(work->additional & OWNER_SECURITY_INFORMATION) &&
		work->uid == op->stat.uid) {
		request_fail(req, STATUS_INVALID_OWNER);
		return;
	}
	chmod_apply(req);
}

/* Numbers of owner and group; STATUS_SUCCESS or why not. */
static uint32_t chmod_owners(struct chmod_work *work, const struct sd *sd)
{
	if ((work->additional & OWNER_SECURITY_INFORMATION) &&
		!sid_number(sd->owner, SID_NFS_USER, &work->uid)) {
		return STATUS_INVALID_OWNER;
	}
	if ((work->additional & GROUP_SECURITY_INFORMATION) &&
		!sid_number(sd->group, SID_NFS_GROUP, &work->gid)) {
		return STATUS_INVALID_PRIMARY_GROUP;
	}
	return STATUS_SUCCESS;
}

static uint32_t chmod_mode(const struct request *req, struct chmod_work *work)
{
	if (work->mode > POSIX_MODE_ALL && !RULE(PSX_SECURITY_0008)) {
		return STATUS_INVALID_PARAMETER;
	}
	work->mode &= POSIX_MODE_ALL;
	if (!RULE(PSX_SECURITY_0006) ||
		posix_like(req->tree) == POSIX_LIKE_SAMBA) {
		work->mode &= 0777;
	}
	return STATUS_SUCCESS;
}

bool posix_security_set(struct request *req, uint32_t additional,
	struct wire_view buffer, const struct sd *sd)
{
	struct chmod_work *work = request_alloc(req, sizeof *work);
	bool may = req->open->posix || !RULE(PSX_SECURITY_0011);
	uint32_t status;

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return true;
	}
	work->additional = additional;
	work->buffer = buffer;
	work->mode_form = may && (additional & DACL_SECURITY_INFORMATION) &&
			  mode_of(sd, &work->mode);
	if (!work->mode_form &&
		!(req->open->posix && (additional & SECURITY_OWNERS))) {
		return false;
	}
	status = chmod_owners(work, sd);
	if (!status && work->mode_form) {
		status = chmod_mode(req, work);
	}
	if (status) {
		request_fail(req, status);
		return true;
	}
	req->work = work;
	req->op.node = req->open->node;
	request_submit(req, FILES_STAT, chmod_known);
	return true;
}

/* Broken: a SID that no SID can be, or that ends behind the buffer, is passed
 * over. */
bool posix_security_passes(const struct open *open, struct wire_view buffer)
{
	bool too_many = false;
	size_t i;

	if (!open->posix || buffer.n < 20) {
		return false;
	}
	for (i = 4; i < 20; i += 4) {
		size_t at = wire_get32(buffer.p + i);

		/* Of an ACL: the SID of its first entry. */
		at += i >= 12 && at ? 16 : 0;
		if (at && at + 1 < buffer.n && buffer.p[at + 1] > 15) {
			too_many = true;
		}
	}
	return too_many ? !RULE(PSX_SAFETY_0002) : !RULE(PSX_SAFETY_0003);
}

/* Broken: the descriptor that is told holds the mode. */
void posix_security_spoil(const struct request *req,
	const struct files_stat *stat, struct sd *sd, uint8_t buffer[36])
{
	if (!req->open->posix || RULE(PSX_SECURITY_0015) || sd->dacl.n == 0) {
		return;
	}
	memset(buffer, 0, 36);
	buffer[0] = ACL_REVISION;
	wire_put16(buffer + 2, 36);
	wire_put16(buffer + 4, 1);
	wire_put16(buffer + 10, 28);
	buffer[16] = 1;
	buffer[17] = 3;
	buffer[23] = 5;
	wire_put32(buffer + 24, SID_NFS);
	wire_put32(buffer + 28, SID_NFS_MODE);
	wire_put32(buffer + 32, stat->mode & POSIX_MODE_ALL);
	sd->dacl = wire_view_of(buffer, 36);
}
