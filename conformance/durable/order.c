/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-RECONNECT: a reconnect with two faults is answered by the first
 * in the order of [MS-SMB2] 3.3.5.9.7 and 3.3.5.9.12.
 */
#include "durable/durable.h"

enum fault { BESIDE, OPEN, CLIENT, GUID, NAME, NO_LEASE, KEY, FLAG, USER };

static const struct order_row {
	const char *name;
	bool v1;
	enum fault first, second;
	uint32_t status;
} order_rows[] = {{"v1_contexts_before_open", true, BESIDE, OPEN,
			  STATUS_INVALID_PARAMETER},
	{"v1_client_before_name", true, CLIENT, NAME,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v1_name_before_lease", true, NAME, NO_LEASE,
		STATUS_INVALID_PARAMETER},
	{"v1_name_before_key", true, NAME, KEY, STATUS_INVALID_PARAMETER},
	{"v1_lease_before_user", true, NO_LEASE, USER,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v1_name_before_user", true, NAME, USER, STATUS_INVALID_PARAMETER},
	{"v2_open_before_contexts", false, OPEN, BESIDE,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v2_client_before_name", false, CLIENT, NAME,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v2_guid_before_name", false, GUID, NAME,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v2_lease_before_name", false, NO_LEASE, NAME,
		STATUS_OBJECT_NAME_NOT_FOUND},
	{"v2_key_before_flag", false, KEY, FLAG, STATUS_OBJECT_NAME_NOT_FOUND},
	{"v2_name_before_user", false, NAME, USER, STATUS_INVALID_PARAMETER},
	{"v2_flag_before_user", false, FLAG, USER, STATUS_INVALID_PARAMETER},
	{"v2_guid_before_user", false, GUID, USER,
		STATUS_OBJECT_NAME_NOT_FOUND}};

static void spoil(struct test *t, struct reconnect_request *q, enum fault fault)
{
	switch (fault) {
	case BESIDE:
		q->more[0] = durable_v2(t, 0, 0, new_guid(t));
		break;
	case OPEN:
		q->id.persistent ^= 0x5a5a5a5a5a5a5a5a;
		break;
	case GUID:
		q->guid = new_guid(t);
		break;
	case NAME:
		q->path = "y";
		break;
	case NO_LEASE:
		q->lease = false;
		break;
	case KEY:
		q->key = new_guid(t);
		break;
	case FLAG:
		q->flags = SMB2_DHANDLE_FLAG_PERSISTENT;
		break;
	default:
		break; /* whoever asks */
	}
}

CONF_TABLE(durable, two_faults, order_rows,
	"the first of two faults of a reconnect is told",
	RULES(LEASE_RECONNECT_0024), NEEDS(DURABLE, LEASES, SECOND_USER))
{
	struct peer *a = client(t);
	struct durable *d = need_durable(a, "x",
		&(struct durable_request){.v1 = row->v1, .state = L_RWH});
	struct reconnect_request q = reconnect_of(d);
	bool elsewhere = row->first == CLIENT || row->second == CLIENT;
	bool user = row->first == USER || row->second == USER;
	struct peer *again = lose(a), *other = again;

	if (elsewhere) {
		other = client(t);
	} else if (user) {
		other = come_again(a, true);
	}
	spoil(t, &q, row->first);
	spoil(t, &q, row->second);
	check_status(
		t, reconnect(other, &q), row->status, LEASE_RECONNECT_0024);
	need_ok(t, take_up(again, d));
}
