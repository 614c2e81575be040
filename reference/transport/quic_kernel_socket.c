/* SPDX-License-Identifier: MIT */
/* The calls that QUIC sockets of the kernel want; see quic_kernel_abi.h. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/quic_kernel_internal.h"
#include "transport/quic_limits.h"

#define BACKLOG 256
#define ALPN "smb"

bool quic_kernel_offered(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, KQUIC_PROTOCOL);

	if (fd >= 0) {
		close(fd);
	}
	return fd >= 0;
}

/* One stream of the client, and windows as elsewhere. A kernel that does not
 * let itself be told so keeps its own numbers: streams are looked at anyway. */
static void set_params(int fd, const struct quic_limits *limits)
{
	uint64_t idle = limits->idle_ns > 0 ? limits->idle_ns : QUIC_IDLE_NS;
	union {
		struct kquic_params params;
		uint8_t bytes[256];
	} u;
	socklen_t size = sizeof(u);

	memset(&u, 0, sizeof(u));
	if (getsockopt(fd, KQUIC_LEVEL, KQUIC_TRANSPORT_PARAM, &u, &size) < 0 ||
		size < sizeof(u.params)) {
		return;
	}
	u.params.max_streams_bidi = 1;
	u.params.max_streams_uni = 0;
	u.params.max_data = QUIC_WINDOW;
	u.params.max_stream_data_bidi_remote = QUIC_WINDOW;
	u.params.max_idle_timeout = idle / 1000;
	(void)setsockopt(fd, KQUIC_LEVEL, KQUIC_TRANSPORT_PARAM, &u, size);
}

static void set_config(int fd, const struct quic_limits *limits)
{
	struct kquic_config config = {0};
	socklen_t size = sizeof(config);

	if (getsockopt(fd, KQUIC_LEVEL, KQUIC_CONFIG, &config, &size) < 0 ||
		size != sizeof(config)) {
		return;
	}
	config.stream_data_nodelay = 1;
	config.validate_peer_address = limits->retry == QUIC_RETRY_ALWAYS;
	(void)setsockopt(fd, KQUIC_LEVEL, KQUIC_CONFIG, &config, size);
}

static int set_up(int fd, const struct sockaddr_storage *address,
	socklen_t size, const struct quic_limits *limits)
{
	const int on = 1;

	if (address->ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	set_params(fd, limits);
	set_config(fd, limits);
	if (setsockopt(fd, KQUIC_LEVEL, KQUIC_ALPN, ALPN, strlen(ALPN)) < 0 ||
		bind(fd, (const struct sockaddr *)address, size) < 0 ||
		listen(fd, BACKLOG) < 0) {
		return -errno;
	}
	return 0;
}

int kernel_socket_listen(
	const char *text, const struct quic_limits *limits, char ret_bound[64])
{
	struct sockaddr_storage address = {0};
	socklen_t size;
	int fd, r = transport_parse_address(text, &address, &size);

	if (r < 0) {
		return r;
	}
	fd = socket(address.ss_family,
		SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, KQUIC_PROTOCOL);
	if (fd < 0) {
		return -errno;
	}
	r = set_up(fd, &address, size, limits);
	if (r == 0 && getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		r = -errno;
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	transport_address_text((struct sockaddr *)&address, ret_bound);
	return fd;
}

/* One control message of ours; room has CMSG_SPACE(n). */
static void put_control(
	struct msghdr *message, void *room, int type, const void *p, size_t n)
{
	struct cmsghdr *c = room;

	memset(room, 0, CMSG_SPACE(n));
	c->cmsg_level = KQUIC_LEVEL;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	message->msg_control = room;
	message->msg_controllen = CMSG_SPACE(n);
}

static bool get_control(struct msghdr *message, int type, void *ret_p, size_t n)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);

	for (; c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == KQUIC_LEVEL && c->cmsg_type == type &&
			c->cmsg_len >= CMSG_LEN(n)) {
			memcpy(ret_p, CMSG_DATA(c), n);
			return true;
		}
	}
	return false;
}

int kernel_socket_receive(int fd, const struct iovec *vec, bool *ret_end)
{
	_Alignas(8) char control[128];
	struct msghdr message = {.msg_iov = (struct iovec *)vec,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct kquic_stream_info info;
	struct kquic_handshake_info late;
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);

	*ret_end = false;
	if (n < 0) {
		return -errno;
	}
	if (get_control(&message, KQUIC_HANDSHAKE_INFO, &late, sizeof(late))) {
		/* A client has nothing to say there any more. */
		return -EINTR;
	}
	if (!get_control(&message, KQUIC_STREAM_INFO, &info, sizeof(info))) {
		return n == 0 ? 0 : -EPROTO;
	}
	if (info.id != 0) {
		return -EPROTO;
	}
	*ret_end = (info.flags & KQUIC_FIN) != 0;
	return (int)n;
}

int kernel_socket_send(int fd, const struct iovec *vec, size_t count)
{
	const struct kquic_stream_info info = {.id = 0};
	_Alignas(8) char control[CMSG_SPACE(sizeof(info))];
	struct msghdr message = {
		.msg_iov = (struct iovec *)vec, .msg_iovlen = count};
	ssize_t n;

	put_control(&message, control, KQUIC_STREAM_INFO, &info, sizeof(info));
	n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : (int)n;
}

int kernel_socket_receive_crypto(
	int fd, uint8_t *ret_p, size_t n, uint8_t *ret_level)
{
	_Alignas(8) char control[128];
	struct iovec vec = {ret_p, n};
	struct msghdr message = {.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct kquic_handshake_info info;
	ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);

	if (got < 0) {
		return -errno;
	}
	if (got == 0) {
		return -ECONNRESET;
	}
	if (!get_control(&message, KQUIC_HANDSHAKE_INFO, &info, sizeof(info))) {
		return -EPROTO;
	}
	*ret_level = info.level;
	return (int)got;
}

int kernel_socket_send_crypto(int fd, const uint8_t *p, size_t n, uint8_t level)
{
	const struct kquic_handshake_info info = {level};
	_Alignas(8) char control[CMSG_SPACE(sizeof(info))];
	struct iovec vec = {(void *)p, n};
	struct msghdr message = {.msg_iov = &vec, .msg_iovlen = 1};
	ssize_t sent;

	put_control(
		&message, control, KQUIC_HANDSHAKE_INFO, &info, sizeof(info));
	sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : (int)sent;
}
