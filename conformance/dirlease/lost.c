/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-BREAK: changes that are completed when the open through which
 * they were asked for is gone. [MS-FSA] 2.1.4.12
 */
#include "dirlease/dirlease.h"

#define SOME_TIME 132000000000000000u

static const struct change_row {
	const char *name;
	enum model_operation operation;
} change_rows[] = {{"TIME_SET", MODEL_OPERATION_ATTRIBUTES_SET},
	{"SIZE_SET", MODEL_OPERATION_SIZE_SET},
	{"WRITTEN", MODEL_OPERATION_WRITTEN},
	{"RENAMED", MODEL_OPERATION_RENAMED}};

/* The request, not waited for. */
static struct request *change_send(
	struct file *f, enum model_operation operation)
{
	static const uint8_t size[8] = {5};
	const struct file_basic_information basic = {
		.last_write_time = SOME_TIME};
	const struct smb2_write_request write = {
		.file_id = f->id, .buffer = text_bytes("bytes")};
	struct test *t = f->peer->t;

	switch (operation) {
	case MODEL_OPERATION_ATTRIBUTES_SET:
		return set_info_send(f, FileBasicInformation,
			encoded(t, &file_basic_information_type, &basic));
	case MODEL_OPERATION_SIZE_SET:
		return set_info_send(f, FileEndOfFileInformation,
			wire_view_of(size, sizeof(size)));
	case MODEL_OPERATION_WRITTEN:
		return peer_send(f->peer, &smb2_write_request_type, &write);
	default:
		return rename_send(f, "d\\y");
	}
}

/* Whether somebody who opens the file sees the change. */
static bool changed(struct peer *c, enum model_operation operation)
{
	bool renamed = operation == MODEL_OPERATION_RENAMED;
	struct reply *r = open_existing(
		c, renamed ? "d\\y" : "d\\x", FILE_READ_ATTRIBUTES);

	if (r->status != STATUS_SUCCESS) {
		return false;
	}
	const struct smb2_create_response *seen =
		reply_as(r, smb2_create_response);
	file_close(file_of(r));
	return operation == MODEL_OPERATION_ATTRIBUTES_SET
		       ? seen->last_write_time == SOME_TIME
		       : renamed || seen->endof_file == 5;
}

/* In one piece, so that the open ends while the change is under way. */
static void change_and_leave(
	struct file *f, enum model_operation operation, bool logoff)
{
	const struct smb2_close_request close = {.file_id = f->id};
	const struct smb2_logoff_request off = {0};

	peer_hold(f->peer);
	struct request *change = change_send(f, operation);
	struct request *end =
		logoff ? peer_send(f->peer, &smb2_logoff_request_type, &off)
		       : peer_send(f->peer, &smb2_close_request_type, &close);
	peer_release(f->peer);
	peer_wait(change);
	need_ok(f->peer->t, peer_wait(end));
}

static void change_without_open(
	struct test *t, enum model_operation operation, bool logoff)
{
	struct peer *a = client(t), *b = client(t), *c = client(t);

	need_ok(t, file_close(need_directory(b, "d")));
	need_ok(t, file_close(need_file(b, "d\\x", NULL)));
	struct lease *d = need_directory_lease(a, "d", L_RH);
	struct file *f = need_file(b, "d\\x",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
	change_and_leave(f, operation, logoff);
	need(t, changed(c, operation), "the change is made all the same");
	check_directory_break(t, d, RULE_DIRL_BREAK_0017);
}

CONF_TABLE(dirlease, closed, change_rows,
	"a change whose open is closed meanwhile breaks all the same",
	RULES(DIRL_BREAK_0017), NEEDS(DIRECTORY_LEASES))
{
	change_without_open(t, row->operation, false);
}

CONF_TABLE(dirlease, logged_off, change_rows,
	"a change whose session ends meanwhile breaks all the same",
	RULES(DIRL_BREAK_0017), NEEDS(DIRECTORY_LEASES))
{
	change_without_open(t, row->operation, true);
}
