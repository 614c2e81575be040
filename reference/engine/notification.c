/* SPDX-License-Identifier: MIT */
/* Breaks of oplocks and leases on their way out. [MS-SMB2] 3.3.4.6, 3.3.4.7 */
#include "engine/core.h"
#include "engine/secure.h"
#include "ports/blob.h"

static bool notification_sealed(const struct notification *notification)
{
	return session_needs_encryption(
		       notification->session, notification->conn) ||
	       tree_needs_encryption(notification->tree, notification->conn);
}

static struct session *notification_keys(
	const struct notification *notification)
{
	return notification->keys ? notification->keys : notification->session;
}

static struct smb2_header notification_header(
	const struct notification *notification)
{
	struct smb2_header header = {
		.structure_size = SMB2_HEADER_SIZE,
		.command = SMB2_OPLOCK_BREAK,
		.flags = SMB2_FLAGS_SERVER_TO_REDIR,
		.message_id = RULE(LEASE_OPLOCK_0025) ? UINT64_MAX : 0,
		.session_id = notification->session_id,
	};

	if (!RULE(LEASE_OPLOCK_0026) && header.session_id) {
		header.tree_id = notification->tree->id;
	}
	if (!RULE(LEASE_BREAK_0022) && !header.session_id) {
		header.session_id = notification->session->id;
	}
	if (!RULE(LEASE_OPLOCK_0027)) {
		header.flags |= SMB2_FLAGS_SIGNED;
		header.signature[0] = 1;
	}
	return header;
}

bool notification_send(const struct notification *notification)
{
	struct session *keys = notification_keys(notification);
	bool sealed = notification_sealed(notification);
	size_t lead = sealed ? CRYPTO_TRANSFORM_SIZE : 0;
	struct smb2_header header = notification_header(notification);
	struct wire_buf size = {.n = SMB2_HEADER_SIZE};
	struct wire_buf out = {.n = lead, .base = lead};
	struct blob *blob = NULL;

	if (notification->conn->closing || notification->conn->gone ||
		(sealed && !keys->keys.server_to_client.size)) {
		return false;
	}
	if (wire_encode(notification->type, notification->body, &size) == 0) {
		out.cap = lead + size.n;
		blob = blob_create(out.cap);
	}
	if (!blob) {
		return false;
	}
	out.p = blob->data;
	if (smb2_header_encode(&header, &out) < 0 ||
		wire_encode(notification->type, notification->body, &out) < 0) {
		blob_release(blob);
		return false;
	}
	blob->n = out.n;
	if (sealed && chain_seal(keys, blob) < 0) {
		blob_release(blob);
		return false;
	}
	conn_send(notification->conn, blob);
	return true;
}
