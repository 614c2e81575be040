/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-RESILIENT: opens that FSCTL_LMR_REQUEST_RESILIENCY makes
 * resilient. [MS-SMB2] 3.3.5.15.9
 */
#include "durable/durable.h"

CONF_TEST(durable, granted, "an open is made resilient",
	RULES(LEASE_RESILIENT_0001))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);
	struct reply *r = need_resilient(f);

	check_number(
		t, r, fsctl_data(r).n, 0, "OutputCount", LEASE_RESILIENT_0001);
	check_ok(t, file_write(f, 0, "x", 1), LEASE_RESILIENT_0001);
	file_close(f);
}

static const struct {
	const char *name;
	size_t n;
} short_rows[] = {{"0", 0}, {"4", 4}, {"7", 7}};

CONF_TABLE(durable, too_short, short_rows, "input that is too short",
	RULES(LEASE_RESILIENT_0002))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_resilient(f);
	check_status(t, ask_resilience(f, RESILIENT_MS, row->n),
		STATUS_INVALID_PARAMETER, LEASE_RESILIENT_0002);
	file_close(f);
}

CONF_TEST(durable, too_long, "a Timeout that no server permits",
	RULES(LEASE_RESILIENT_0003))
{
	struct peer *a = client(t);
	struct file *f = need_file(a, "x", NULL);

	need_resilient(f);
	check_status(t, ask_resilience(f, UINT32_MAX, 8),
		STATUS_INVALID_PARAMETER, LEASE_RESILIENT_0003);
	file_close(f);
}

static const struct {
	const char *name;
	uint8_t oplock;
} level_rows[] = {{"none", SMB2_OPLOCK_LEVEL_NONE},
	{"level_II", SMB2_OPLOCK_LEVEL_II},
	{"exclusive", SMB2_OPLOCK_LEVEL_EXCLUSIVE},
	{"batch", SMB2_OPLOCK_LEVEL_BATCH}};

CONF_TABLE(durable, taken_up, level_rows,
	"a resilient open outlives its connection, whatever its oplock is",
	RULES(LEASE_RESILIENT_0004, LEASE_RESILIENT_0005))
{
	struct peer *a = client(t);
	struct durable d = {.peer = a,
		.path = "x",
		.v1 = true,
		.file = need_oplock(a, "x", row->oplock, NULL)};

	need_resilient(d.file);
	need_ok(t, file_write(d.file, 0, "before", 6));
	struct peer *again = lose(a);
	struct reply *r = take_up(again, &d);
	CONF_STOP(t, rule_status(t, r, STATUS_SUCCESS,
			     row->oplock == SMB2_OPLOCK_LEVEL_BATCH
				     ? RULE_LEASE_RESILIENT_0005
				     : RULE_LEASE_RESILIENT_0004));
	r = file_read(d.file, 0, 6);
	check_bytes(t, r, read_data(r), text_bytes("before"), "Data",
		LEASE_RESILIENT_0005);
	check_ok(t, file_close(d.file), LEASE_RESILIENT_0005);
}
