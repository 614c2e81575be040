/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-RECONNECT: what a durable open is after it was taken up again:
 * access, deletion, streams, sizes. [MS-SMB2] 3.3.7.1, 3.3.5.9.7, 3.3.5.9.12
 */
#include "durable/durable.h"

static const struct {
	const char *name;
	bool v1;
	uint32_t state;
} kind_rows[] = {{"v1_batch", true, 0}, {"v2_batch", false, 0},
	{"v1_RWH", true, L_RWH}, {"v2_RWH", false, L_RWH}};

CONF_TABLE(durable, access, kind_rows,
	"an open keeps the access that it was granted, and gets no more",
	RULES(LEASE_RECONNECT_0018), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1,
			.state = row->state,
			.create = {.access = FILE_READ_DATA |
					     FILE_READ_ATTRIBUTES}});
	struct reconnect_request q = reconnect_of(d);
	struct peer *again = lose(a);

	q.create.access = ACCESS_DEFAULT;
	struct reply *r = reconnect(again, &q);
	stop_ok(t, r, LEASE_RECONNECT_0018);
	struct file *f = file_of(r);
	check_status(t, file_write(f, 0, "x", 1), STATUS_ACCESS_DENIED,
		LEASE_RECONNECT_0018);
	check_status(t, file_read(f, 0, 1), STATUS_END_OF_FILE,
		LEASE_RECONNECT_0018);
	file_close(f);
}

CONF_TABLE(durable, append, kind_rows,
	"an open that may only append goes on at the end",
	RULES(LEASE_RECONNECT_0018), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t), *b = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1,
			.state = row->state,
			.create = {.access = FILE_APPEND_DATA |
					     FILE_READ_ATTRIBUTES}});

	need_ok(t, file_write(d->file, 0, "abc", 3));
	struct peer *again = lose(a);
	stop_ok(t, take_up(again, d), LEASE_RECONNECT_0018);
	check_ok(t, file_write(d->file, 3, "def", 3), LEASE_RECONNECT_0018);
	need_ok(t, file_close(d->file));
	struct file *f = need_file(b, "x", NULL);
	struct reply *r = file_read(f, 0, 100);
	check_bytes(t, r, read_data(r), text_bytes("abcdef"), "Data",
		LEASE_RECONNECT_0018);
}

CONF_TABLE(durable, delete_on_close, kind_rows,
	"an open that deletes on close deletes when it is closed, not before",
	RULES(LEASE_DURABLE_0013, LEASE_DURABLE_0014),
	NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	enum rule_id rule = row->state == 0 ? RULE_LEASE_DURABLE_0013
					    : RULE_LEASE_DURABLE_0014;
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1,
			.state = row->state,
			.create = {.options = FILE_DELETE_ON_CLOSE}});
	struct peer *again = lose(a);

	CONF_STOP(t, rule_status(t, take_up(again, d), STATUS_SUCCESS, rule));
	rule_status(t, file_write(d->file, 0, "x", 1), STATUS_SUCCESS, rule);
	need_ok(t, file_close(d->file));
	rule_status(t, open_existing(again, "x", FILE_READ_ATTRIBUTES),
		STATUS_OBJECT_NAME_NOT_FOUND, rule);
}

CONF_TABLE(durable, stream, kind_rows, "an open of a named stream is kept too",
	RULES(LEASE_DURABLE_0013, LEASE_DURABLE_0014),
	NEEDS(DURABLE_V2, LEASES, FS_FLAG(FILE_NAMED_STREAMS)))
{
	struct peer *a = client(t);
	enum rule_id rule = row->state == 0 ? RULE_LEASE_DURABLE_0013
					    : RULE_LEASE_DURABLE_0014;
	struct durable *d = need_durable(a, "x:s",
		&(struct durable_request){.v1 = row->v1, .state = row->state});

	need_ok(t, file_write(d->file, 0, "before", 6));
	struct peer *again = lose(a);
	CONF_STOP(t, rule_status(t, take_up(again, d), STATUS_SUCCESS, rule));
	struct reply *r = file_read(d->file, 0, 6);
	rule_bytes(t, r, read_data(r), text_bytes("before"), "Data", rule);
	file_close(d->file);
}

static const struct {
	const char *name;
	bool write;
} use_rows[] = {{"READ", false}, {"WRITE", true}};

CONF_TABLE(durable, locked_meanwhile, use_rows,
	"the locks of an open without connection still hold",
	RULES(LEASE_RECONNECT_0022), NEEDS(DURABLE_V2, LEASES))
{
	struct peer *a = client(t);
	struct durable *d =
		need_durable(a, "x", &(struct durable_request){.state = L_RWH});

	need_ok(t, file_write(d->file, 0, "some data", 9));
	need_ok(t, file_lock(d->file, 0, 4,
			   SMB2_LOCKFLAG_EXCLUSIVE_LOCK |
				   SMB2_LOCKFLAG_FAIL_IMMEDIATELY));
	struct peer *again = lose(a);
	/* An open with the lease's key breaks nothing. */
	struct reply *r = lease_open(again, "x",
		&(struct lease_request){.key = d->key, .state = L_RWH});
	need_ok(t, r);
	struct file *f = file_of(r);
	check_status(t,
		row->write ? file_write(f, 2, "x", 1) : file_read(f, 2, 1),
		STATUS_FILE_LOCK_CONFLICT, LEASE_RECONNECT_0022);
	check_ok(t, file_write(f, 4, "x", 1), LEASE_RECONNECT_0022);
	stop_ok(t, take_up(again, d), LEASE_RECONNECT_0022);
	check_ok(t, file_lock(d->file, 0, 4, SMB2_LOCKFLAG_UNLOCK),
		LEASE_RECONNECT_0022);
	file_close(d->file);
}
