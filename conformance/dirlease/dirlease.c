/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of directory leases.
 */
#include "dirlease/dirlease.h"

struct lease *need_directory_lease(
	struct peer *peer, const char *path, uint32_t state)
{
	return need_lease_with(peer, path,
		&(struct lease_request){.key = new_guid(peer->t),
			.state = state,
			.create = {.access = DIRECTORY_ACCESS,
				.options = FILE_DIRECTORY_FILE}});
}

struct file *need_child(struct peer *peer, const char *path,
	const struct lease *directory, enum parent parent,
	const struct create_options *options)
{
	struct test *t = peer->t;
	const struct lease_request request = {.key = new_guid(t),
		.state = L_R, /* which nobody has to wait for */
		.parent_set = parent != PARENT_NONE,
		.parent = parent == PARENT_SAME ? directory->key : new_guid(t),
		.create = options != NULL ? *options
					  : (struct create_options){0}};
	struct reply *r = lease_open(peer, path, &request);

	need_ok(t, r);
	return file_of(r);
}

bool check_directory_break(
	struct test *t, struct lease *directory, enum rule_id rule)
{
	bool ack = directory->state == L_RH;

	if (!check_break(t, directory, L_NONE, ack ? BREAK_ACK : BREAK_NO_ACK,
		    rule)) {
		return false;
	}
	if (ack) {
		need_ok(t, lease_ack(directory, L_NONE));
	}
	return true;
}
