/* SPDX-License-Identifier: MIT */
/* TREE_CONNECT. [MS-SMB2] 2.2.9, 2.2.10, 3.3.5.7 */
#include <string.h>

#include "engine/core.h"
#include "engine/secure.h"

#define ACCESS_ALL 0x001f01ffu
#define ACCESS_READ 0x001200a9u

/* The share's name out of "\\server\share" ("" when it is something else).
 * Host names are not told apart: this server has one scope. */
static void share_of(struct wire_view path, char *ret_name, size_t size)
{
	char text[LIMIT_PATH];
	int n = wire_utf16_to_utf8(path, text, sizeof(text) - 1);
	const char *server, *share;

	ret_name[0] = 0;
	if (n < 0 || memchr(text, 0, n)) {
		return;
	}
	text[n] = 0;
	if (strncmp(text, "\\\\", 2)) {
		return;
	}
	server = text + 2;
	share = strchr(server, '\\');
	if (!share || share == server || !share[1] || strchr(share + 1, '\\') ||
		strlen(share + 1) >= size) {
		return;
	}
	memcpy(ret_name, share + 1, strlen(share + 1) + 1);
}

static bool admitted(const struct request *req, const struct share *share)
{
	const struct session *session = req->session;

	if (!session->guest && !session->anonymous) {
		return true;
	}
	return share->config.guest_ok;
}

static uint32_t maximal_access(const struct share *share)
{
	if (share->config.read_only ||
		(share->config.files && share->config.files->read_only)) {
		return ACCESS_READ;
	}
	return ACCESS_ALL;
}

/* 0 or the status to fail with. */
static uint32_t judge(const struct request *req, const struct share *share)
{
	if (!share) {
		return RULE(CORE_TREE_0002) ? STATUS_BAD_NETWORK_NAME
					    : STATUS_INVALID_PARAMETER;
	}
	if (share->pipe && req->conn->secure && !RULE(QUIC_PIPE_0001)) {
		return STATUS_ACCESS_DENIED;
	}
	if (share->encrypt && !req->conn->accepts_transport &&
		!req->session->keys.client_to_server.size &&
		RULE(CORE_ENCRYPT_0015)) {
		return STATUS_ACCESS_DENIED;
	}
	if (!admitted(req, share)) {
		return RULE(CORE_TREE_0004) ? STATUS_ACCESS_DENIED
					    : STATUS_BAD_NETWORK_NAME;
	}
	return 0;
}

static void answer(struct request *req, struct tree *tree)
{
	const struct share *share = tree->share;
	struct smb2_tree_connect_response body = {
		.share_type = share->pipe == RULE(CORE_TREE_0007)
				      ? SMB2_SHARE_TYPE_PIPE
				      : SMB2_SHARE_TYPE_DISK,
		.share_flags = share->pipe ? SMB2_SHAREFLAG_NO_CACHING
					   : SMB2_SHAREFLAG_MANUAL_CACHING,
		.maximal_access =
			RULE(CORE_TREE_0008) ? tree->maximal_access : 0,
	};

	if (req->conn->posix && !RULE(PSX_TREE_0004)) {
		body.share_flags |= SMB2_SHAREFLAG_FORCE_LEVELII_OPLOCK;
	}
	if (share->encrypt && conn_is_3x(req->conn) &&
		(!req->conn->accepts_transport || !RULE(QUIC_CAPS_0010)) &&
		RULE(CORE_ENCRYPT_0018)) {
		body.share_flags |= SMB2_SHAREFLAG_ENCRYPT_DATA;
	}
	request_reply(
		req, STATUS_SUCCESS, &smb2_tree_connect_response_type, &body);
}

static void connect_share(struct request *req, struct share *share)
{
	struct tree *tree = tree_create(req->session, share);

	if (!tree) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	tree->maximal_access = maximal_access(share);
	tree->made_exempt = req->conn->accepts_transport;
	tree_hold(tree);
	req->tree = tree;
	req->header.tree_id = RULE(CORE_TREE_0006) ? tree->id : UINT32_MAX;
	request_log(req, LOG_INFO, "tree.connect", "share=%s user=%s",
		share->config.name, req->session->identity.user);
	answer(req, tree);
}

/* 3.1.1 alone lets the path stand behind an extension; both forms place it
 * by PathOffset, counted from the header or from the Buffer field. */
static bool path_of(const struct request *req,
	const struct smb2_tree_connect_request *body,
	struct wire_view *ret_path)
{
	size_t at = body->path_offset;

	*ret_path = body->buffer;
	if (req->conn->dialect != SMB2_DIALECT_311 ||
		!(body->flags & SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT)) {
		return true;
	}
	at += SMB2_HEADER_SIZE + 8;
	if (at > req->pdu.n || body->path_length > req->pdu.n - at) {
		return false;
	}
	*ret_path = wire_view_of(req->pdu.p + at, body->path_length);
	return true;
}

void cmd_tree_connect(struct request *req)
{
	const struct session *session = req->session;
	struct smb2_tree_connect_request body;
	struct wire_view path;
	struct share *share;
	char name[81];
	uint32_t status;

	if (req->conn->dialect == SMB2_DIALECT_311 && !session->anonymous &&
		!session->guest && !req->signed_ && !req->encrypted &&
		(!req->conn->accepts_transport || RULE(QUIC_CAPS_0019)) &&
		RULE(CORE_TREE_0005)) {
		request_disconnect(
			req, "TREE_CONNECT neither signed nor encrypted");
		return;
	}
	if (!request_decode(req, &smb2_tree_connect_request_type, &body)) {
		return;
	}
	if (!path_of(req, &body, &path)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	share_of(path, name, sizeof(name));
	if (!name[0] && RULE(CORE_TREE_0001)) {
		request_fail(req, STATUS_INVALID_PARAMETER);
		return;
	}
	share = share_find(req->engine, name);
	status = judge(req, share);
	if (status) {
		request_log(req, LOG_INFO, "tree.refused",
			"share=%s status=0x%08x", name, status);
		request_fail(req, status);
		return;
	}
	connect_share(req, share);
}
