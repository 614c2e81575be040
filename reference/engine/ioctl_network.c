/* SPDX-License-Identifier: MIT */
/*
 * FSCTL_VALIDATE_NEGOTIATE_INFO and FSCTL_QUERY_NETWORK_INTERFACE_INFO.
 * [MS-SMB2] 2.2.31.4, 2.2.32.5, 2.2.32.6, 3.3.5.15.11, 3.3.5.15.12
 */
#include <string.h>
#include <sys/socket.h>

#include "engine/core.h"

#define VALIDATE_RESPONSE_SIZE 24
#define INTERFACE_SIZE 152

static bool same_dialects(const struct engine_conn *conn,
	const struct validate_negotiate_info_request *info)
{
	uint16_t dialects[LIMIT_DIALECTS];
	unsigned int count = info->dialects.n / 2;

	if (count > LIMIT_DIALECTS || count != conn->client_dialect_count) {
		return false;
	}
	for (unsigned int i = 0; i < count; i++) {
		dialects[i] = wire_get16(info->dialects.p + 2 * i);
		if (dialects[i] != conn->client_dialects[i]) {
			return false;
		}
	}
	return negotiate_select(conn->engine, dialects, count) == conn->dialect;
}

/* NULL, or why the connection ends. */
static const char *compare(const struct engine_conn *conn,
	const struct validate_negotiate_info_request *info)
{
	if (!same_dialects(conn, info) && RULE(CORE_NEGOTIATE_0035)) {
		return "validate negotiate: dialects differ";
	}
	if (!RULE(CORE_NEGOTIATE_0034)) {
		return NULL;
	}
	if (!guid_equal(&info->guid, &conn->client_guid)) {
		return "validate negotiate: client GUID differs";
	}
	if (info->security_mode != conn->client_security_mode) {
		return "validate negotiate: security mode differs";
	}
	if (info->capabilities != conn->client_capabilities) {
		return "validate negotiate: capabilities differ";
	}
	return NULL;
}

void ioctl_validate_negotiate(struct request *req,
	const struct smb2_ioctl_request *body, struct wire_view input)
{
	const struct engine_conn *conn = req->conn;
	struct validate_negotiate_info_request info;
	struct validate_negotiate_info_response answer = {
		.capabilities = RULE(CORE_NEGOTIATE_0033)
					? conn->server_capabilities
					: ~conn->server_capabilities,
		.guid = conn->engine->config.server_guid,
		.security_mode = conn->server_security_mode,
		.dialect = conn->dialect,
	};
	uint8_t bytes[VALIDATE_RESPONSE_SIZE];
	struct wire_buf out = {.p = bytes, .cap = sizeof(bytes)};
	const char *why;

	if (conn->dialect == SMB2_DIALECT_311 && RULE(CORE_NEGOTIATE_0036)) {
		request_disconnect(req, "validate negotiate in 3.1.1");
		return;
	}
	if (body->max_output_response < VALIDATE_RESPONSE_SIZE) {
		request_disconnect(req, "validate negotiate: no room");
		return;
	}
	if (validate_negotiate_info_request_decode(input, &info) < 0) {
		request_disconnect(req, "validate negotiate: malformed");
		return;
	}
	why = compare(conn, &info);
	if (why) {
		request_disconnect(req, why);
		return;
	}
	if (validate_negotiate_info_response_encode(&answer, &out) < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	ioctl_reply(req, STATUS_SUCCESS, body, wire_view_of(bytes, out.n));
}

/* A SOCKADDR_STORAGE without its family: 126 bytes, zero-filled. */
static int encode_address(
	const struct engine_interface *interface, uint8_t ret_bytes[126])
{
	struct wire_buf out = {.p = ret_bytes, .cap = 126};
	struct smb2_sockaddr_in v4 = {0};
	struct smb2_sockaddr_in6 v6 = {0};

	memset(ret_bytes, 0, 126);
	if (interface->family == AF_INET) {
		memcpy(v4.i_pv4_address, interface->address, 4);
		return smb2_sockaddr_in_encode(&v4, &out);
	}
	memcpy(v6.i_pv6_address, interface->address, 16);
	return smb2_sockaddr_in6_encode(&v6, &out);
}

static int append(const struct engine_interface *interface,
	struct wire_buf *out, size_t *last)
{
	uint8_t address[126];
	struct network_interface_info info = {
		.if_index = interface->index,
		.capability = (interface->rss ? RSS_CAPABLE : 0) |
			      (interface->rdma ? RDMA_CAPABLE : 0),
		.link_speed = interface->speed,
		.family = interface->family == AF_INET ? InterNetwork
						       : InterNetworkV6,
		.buffer = wire_view_of(address, sizeof(address)),
	};

	if (encode_address(interface, address) < 0) {
		return -1;
	}
	return wire_list_append(&network_interface_info_type, &info, out, last);
}

void ioctl_network_interfaces(
	struct request *req, const struct smb2_ioctl_request *body)
{
	const struct engine_config *config = &req->engine->config;
	struct wire_buf out = {0};
	size_t last = SIZE_MAX;

	if (!conn_is_3x(req->conn) || !(req->conn->server_capabilities &
					      SMB2_GLOBAL_CAP_MULTI_CHANNEL)) {
		request_fail(req, STATUS_NOT_SUPPORTED);
		return;
	}
	out.cap = (size_t)config->interface_count * INTERFACE_SIZE;
	out.p = request_alloc(req, out.cap);
	if (!out.p) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	for (unsigned int i = 0; i < config->interface_count; i++) {
		if (config->interfaces[i].index && RULE(CORE_IOCTL_0029) &&
			append(&config->interfaces[i], &out, &last) < 0) {
			request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
			return;
		}
	}
	ioctl_reply(req, STATUS_SUCCESS, body, wire_view_of(out.p, out.n));
}
