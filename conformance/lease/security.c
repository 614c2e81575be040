/* SPDX-License-Identifier: MIT */
/*
 * Rules LEASE-BREAK: a new security descriptor. [MS-FSA] 2.1.5.17
 */
#include "lease/lease.h"

#define DESCRIPTOR_ACCESS (READ_CONTROL | WRITE_DAC)

/* Sets the DACL that the file has already. */
static struct request *security_send(struct file *f)
{
	struct reply *r =
		file_query_security(f, DACL_SECURITY_INFORMATION, 4096);

	need_ok(f->peer->t, r);
	const struct smb2_set_info_request set = {
		.info_type = SMB2_0_INFO_SECURITY,
		.additional_information = DACL_SECURITY_INFORMATION,
		.file_id = f->id,
		.buffer = query_data(r)};
	return peer_send(f->peer, &smb2_set_info_request_type, &set);
}

static const struct held_row {
	const char *name;
	uint32_t held, to;
} held_rows[] = {{"RH", L_RH, L_R}, {"R", L_R, L_R}};

CONF_TABLE(lease, descriptor, held_rows,
	"a security descriptor set by somebody else breaks H",
	RULES(LEASE_BREAK_0040), NEEDS(LEASES))
{
	struct peer *a = client(t), *b = client(t);

	need_ok(t, file_close(need_file(b, "x", NULL)));
	struct file *f = need_file(
		b, "x", &(struct create_options){.access = DESCRIPTOR_ACCESS});
	struct lease *l = need_lease(a, "x", row->held);
	struct request *set = security_send(f);
	if (row->to == row->held) {
		check_no_break(t, a, RULE_LEASE_BREAK_0040);
	} else if (check_break(
			   t, l, row->to, BREAK_ACK, RULE_LEASE_BREAK_0040)) {
		need_ok(t, lease_ack(l, row->to));
	}
	need_ok(t, peer_wait(set));
}
