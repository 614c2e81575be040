/* SPDX-License-Identifier: MIT */
/*
 * Rules DIRL-GRANT: leases on directories. [MS-SMB2] 3.3.5.9.11
 */
#include "dirlease/dirlease.h"

static const struct {
	const char *name;
	uint16_t dialect;
	bool asked;
} capability_rows[] = {{"3.0", 0x0300, true}, {"3.0.2", 0x0302, true},
	{"3.1.1", 0x0311, true}, {"3.0_not_asked_for", 0x0300, false},
	{"3.1.1_not_asked_for", 0x0311, false}};

CONF_TABLE(dirlease, capability, capability_rows,
	"directory leases are offered to clients that know them",
	RULES(DIRL_GRANT_0001), NEEDS(DIRECTORY_LEASES))
{
	uint32_t bits =
		row->asked ? 0x7f : 0x7f & ~SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = row->dialect,
				       .capabilities = bits,
				       .plain = true});

	check_flags(t, a->negotiate, SMB2_NEGOTIATE_RESPONSE_F_CAPABILITIES,
		row->asked ? SMB2_GLOBAL_CAP_DIRECTORY_LEASING : 0,
		row->asked ? 0 : SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
		DIRL_GRANT_0001);
}

#define ROW(wanted) \
	{ \
#wanted, MODEL_WANTED_##wanted \
	}

static const struct {
	const char *name;
	enum model_wanted wanted;
} grant_rows[] = {
	ROW(NONE), ROW(R), ROW(H), ROW(RH), ROW(W), ROW(RW), ROW(HW), ROW(RWH)};

CONF_TABLE(dirlease, granted, grant_rows,
	"what a new lease on a directory is granted",
	RULES(DIRL_GRANT_0002, DIRL_GRANT_0003, DIRL_GRANT_0004),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t);
	const struct model_dirlease_grant *m =
		model_dirlease_grant(row->wanted);
	struct reply *r = lease_open(a, "d",
		&(struct lease_request){.key = new_guid(t),
			.state = wanted_bits(row->wanted),
			.create = {.options = FILE_DIRECTORY_FILE}});
	struct lease_answer answer = {0};

	need_ok(t, r);
	lease_answered(r, &answer);
	rule_number(t, r, answer.state, held_bits(m->granted),
		"LeaseState that is granted", rule_named(t, m->rule));
}

CONF_TEST(dirlease, version_1, "version 1 leases no directory",
	RULES(DIRL_GRANT_0005), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t);
	struct reply *r = lease_open(a, "d",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RH,
			.v1 = true,
			.create = {.options = FILE_DIRECTORY_FILE}});
	struct lease_answer answer = {0};

	need_ok(t, r);
	lease_answered(r, &answer);
	check_number(t, r, answer.state, L_NONE, "LeaseState", DIRL_GRANT_0005);
}

static const struct {
	const char *name;
	uint16_t dialect;
	uint32_t capabilities;
} without_rows[] = {
	{"not_asked_for", 0x0311, 0x7f & ~SMB2_GLOBAL_CAP_DIRECTORY_LEASING},
	{"2.1", 0x0210, 0}};

CONF_TABLE(dirlease, without_capability, without_rows,
	"no lease on a directory where none was negotiated",
	RULES(DIRL_GRANT_0006), NEEDS(DIRECTORY_LEASES))
{
	struct peer *a =
		client_with(t, &(struct client_options){.dialect = row->dialect,
				       .capabilities = row->capabilities});
	struct reply *r = lease_open(a, "d",
		&(struct lease_request){.key = new_guid(t),
			.state = L_RH,
			.v1 = row->dialect == 0x0210,
			.create = {.options = FILE_DIRECTORY_FILE}});
	struct lease_answer answer = {0};

	need_ok(t, r);
	lease_answered(r, &answer);
	check_number(t, r, answer.state, L_NONE, "LeaseState", DIRL_GRANT_0006);
}

static const struct {
	const char *name;
	uint32_t first, second;
} several_rows[] = {{"RH_RH", L_RH, L_RH}, {"RH_R", L_RH, L_R},
	{"R_RH", L_R, L_RH}, {"R_R", L_R, L_R}};

CONF_TABLE(dirlease, several_clients, several_rows,
	"several clients lease one directory", RULES(DIRL_GRANT_0007),
	NEEDS(DIRECTORY_LEASES))
{
	struct peer *a = client(t), *b = client(t);

	need_directory_lease(a, "d", row->first);
	struct reply *r = lease_open(b, "d",
		&(struct lease_request){.key = new_guid(t),
			.state = row->second,
			.create = {.access = DIRECTORY_ACCESS,
				.options = FILE_DIRECTORY_FILE}});
	need_ok(t, r);
	check_number(t, r, lease_answer(r).state, row->second,
		"LeaseState of the second client", DIRL_GRANT_0007);
	check_no_break(t, a, RULE_DIRL_GRANT_0007);
}
