/* SPDX-License-Identifier: MIT */
/* The calls that a process makes, in place of the C library's. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "quic-preload.h"

#define EXPORT __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FDS_MAX 65536
#define FIRST_PORT 40000

/* Descriptors that are ours, or once were. */
static atomic_bool known[FDS_MAX];

static atomic_bool over;

static void __attribute__((destructor)) finish(void)
{
	over = true;
	preload_finish();
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* With the lock held, when there is one. */
static struct sock *sock_of(int fd)
{
	struct sock *sock;
	struct stat st;

	if (fd < 0 || fd >= FDS_MAX || !known[fd] || over ||
		fstat(fd, &st) < 0) {
		return NULL;
	}
	preload_lock();
	for (sock = preload_socks; sock != NULL; sock = sock->next) {
		if (sock->device == st.st_dev && sock->inode == st.st_ino) {
			return sock;
		}
	}
	known[fd] = false;
	preload_unlock();
	return NULL;
}

static int hand_out(struct sock *sock, int flags)
{
	if (sock->near >= FDS_MAX) {
		return fail(EMFILE);
	}
	if (flags & SOCK_NONBLOCK) {
		fcntl(sock->near, F_SETFL, O_NONBLOCK);
	}
	known[sock->near] = true;
	return sock->near;
}

EXPORT int socket(int family, int type, int protocol)
{
	struct sock *sock;
	int fd = -1;

	if (protocol != KQUIC_PROTOCOL ||
		(family != AF_INET && family != AF_INET6)) {
		return NEXT(socket)(family, type, protocol);
	}
	if (getenv("QUIC_PRELOAD_DIR") == NULL) {
		return fail(EPROTONOSUPPORT);
	}
	preload_lock();
	sock = preload_sock_create(SOCK_FRESH);
	if (sock != NULL) {
		fd = hand_out(sock, type);
		preload_wake();
	}
	preload_unlock();
	return sock == NULL ? fail(ENOMEM) : fd;
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	struct sock *sock = sock_of(fd);

	if (sock == NULL) {
		return NEXT(bind)(fd, address, size);
	}
	memcpy(&sock->local, address,
		size < sizeof(sock->local) ? size : sizeof(sock->local));
	sock->local_size = size;
	preload_unlock();
	return 0;
}

static in_port_t *port_of(struct sock *sock)
{
	return sock->local.ss_family == AF_INET6
		       ? &((struct sockaddr_in6 *)&sock->local)->sin6_port
		       : &((struct sockaddr_in *)&sock->local)->sin_port;
}

/* The address does not matter: a folder is a host. */
static int open_listener(struct sock *sock)
{
	unsigned int port = ntohs(*port_of(sock)), tries = port == 0 ? 1000 : 1;
	int fd = -EADDRINUSE;

	port = port == 0 ? FIRST_PORT : port;
	for (unsigned int i = 0; i < tries && fd == -EADDRINUSE; i++) {
		snprintf(sock->path, sizeof(sock->path), "%s/quic-%u",
			getenv("QUIC_PRELOAD_DIR"), port + i);
		if (access(sock->path, F_OK) < 0) {
			fd = quic_unix_listen(sock->path);
			*port_of(sock) = htons((in_port_t)(port + i));
		}
	}
	return fd;
}

EXPORT int listen(int fd, int backlog)
{
	struct sock *sock = sock_of(fd);
	int r;

	if (sock == NULL) {
		return NEXT(listen)(fd, backlog);
	}
	r = sock->kind == SOCK_FRESH && sock->local_size > 0
		    ? open_listener(sock)
		    : -EINVAL;
	if (r >= 0) {
		sock->kind = SOCK_LISTENER;
		sock->datagrams = r;
		preload_wake();
	}
	preload_unlock();
	return r < 0 ? fail(-r) : 0;
}

static int name(struct sockaddr *ret_address, socklen_t *size,
	const struct sockaddr_storage *from, socklen_t from_size)
{
	if (ret_address != NULL) {
		memcpy(ret_address, from,
			*size < from_size ? *size : from_size);
		*size = from_size;
	}
	return 0;
}

EXPORT int getsockname(int fd, struct sockaddr *ret_address, socklen_t *size)
{
	struct sock *sock = sock_of(fd);

	if (sock == NULL) {
		return NEXT(getsockname)(fd, ret_address, size);
	}
	name(ret_address, size, &sock->local, sock->local_size);
	preload_unlock();
	return 0;
}

EXPORT int getpeername(int fd, struct sockaddr *ret_address, socklen_t *size)
{
	struct sock *sock = sock_of(fd);
	int r;

	if (sock == NULL) {
		return NEXT(getpeername)(fd, ret_address, size);
	}
	r = sock->remote_size > 0
		    ? name(ret_address, size, &sock->remote, sock->remote_size)
		    : fail(ENOTCONN);
	preload_unlock();
	return r;
}

EXPORT int accept4(
	int fd, struct sockaddr *ret_address, socklen_t *size, int flags)
{
	struct sock *sock = sock_of(fd), *conn;
	uint8_t token;
	int r;

	if (sock == NULL) {
		return NEXT(accept4)(fd, ret_address, size, flags);
	}
	conn = sock->waiting;
	if (conn == NULL) {
		preload_unlock();
		return fail(EAGAIN);
	}
	sock->waiting = conn->queue;
	conn->queue = NULL;
	(void)!recv(fd, &token, 1, MSG_DONTWAIT);
	name(ret_address, size, &conn->remote, conn->remote_size);
	r = hand_out(conn, flags);
	preload_unlock();
	return r;
}

EXPORT int accept(int fd, struct sockaddr *ret_address, socklen_t *size)
{
	return accept4(fd, ret_address, size, 0);
}

static int copy_in(void *ret, size_t n, const void *p, socklen_t size)
{
	if (size != n) {
		return -EINVAL;
	}
	memcpy(ret, p, n);
	return 0;
}

static int set_conn(struct sock *sock, int option, const void *p, socklen_t n)
{
	struct kquic_secret secret;
	struct kquic_close end;
	int r;

	switch (option) {
	case KQUIC_CRYPTO_SECRET:
		r = copy_in(&secret, sizeof(secret), p, n);
		return r == 0 ? preload_secret(sock, &secret) : r;
	case KQUIC_TRANSPORT_PARAM_EXT:
		r = ngtcp2_conn_decode_remote_transport_params(
			sock->conn, p, n);
		return r != 0 ? -EINVAL : 0;
	case KQUIC_CONNECTION_CLOSE:
		r = copy_in(&end, sizeof(end), p, n);
		sock->close_code = r == 0 ? end.code : sock->close_code;
		return r;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_fresh(struct sock *sock, int option, const void *p, socklen_t n)
{
	switch (option) {
	case KQUIC_TRANSPORT_PARAM:
		return copy_in(&sock->params, sizeof(sock->params), p, n);
	case KQUIC_CONFIG:
		return copy_in(&sock->config, sizeof(sock->config), p, n);
	case KQUIC_ALPN:
		return n > 0 ? 0 : -EINVAL;
	default:
		return -ENOPROTOOPT;
	}
}

EXPORT int setsockopt(int fd, int level, int option, const void *p, socklen_t n)
{
	struct sock *sock = sock_of(fd);
	int r = 0;

	if (sock == NULL) {
		return NEXT(setsockopt)(fd, level, option, p, n);
	}
	if (level == KQUIC_LEVEL) {
		r = sock->kind == SOCK_CONN
			    ? sock->done || sock->closing_until != 0
				      ? -EPIPE
				      : set_conn(sock, option, p, n)
			    : set_fresh(sock, option, p, n);
		preload_wake();
	}
	preload_unlock();
	return r < 0 ? fail(-r) : 0;
}

static int copy_out(void *ret, socklen_t *size, const void *p, size_t n)
{
	if (*size < n) {
		return -EINVAL;
	}
	memcpy(ret, p, n);
	*size = (socklen_t)n;
	return 0;
}

static int get(struct sock *sock, int option, void *ret, socklen_t *size)
{
	ngtcp2_ssize n;

	switch (option) {
	case KQUIC_TRANSPORT_PARAM:
		return copy_out(ret, size, &sock->params, sizeof(sock->params));
	case KQUIC_CONFIG:
		return copy_out(ret, size, &sock->config, sizeof(sock->config));
	case KQUIC_TRANSPORT_PARAM_EXT:
		if (sock->kind != SOCK_CONN) {
			return -EINVAL;
		}
		n = ngtcp2_conn_encode_local_transport_params(
			sock->conn, ret, *size);
		*size = n > 0 ? (socklen_t)n : 0;
		return n < 0 ? -EINVAL : 0;
	default:
		return -ENOPROTOOPT;
	}
}

EXPORT int getsockopt(int fd, int level, int option, void *ret, socklen_t *size)
{
	struct sock *sock = sock_of(fd);
	int r;

	if (sock == NULL) {
		return NEXT(getsockopt)(fd, level, option, ret, size);
	}
	r = level == KQUIC_LEVEL ? get(sock, option, ret, size) : -ENOPROTOOPT;
	preload_unlock();
	return r < 0 ? fail(-r) : 0;
}

static const struct cmsghdr *control_of(const struct msghdr *message)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);

	return c != NULL && c->cmsg_level == KQUIC_LEVEL ? c : NULL;
}

static ssize_t send_crypto(
	struct sock *sock, const struct msghdr *message, uint8_t level)
{
	ssize_t sent = 0;
	int r = 0;

	if (sock->done || sock->closing_until != 0) {
		return -EPIPE;
	}
	for (size_t i = 0; i < message->msg_iovlen && r == 0; i++) {
		const struct iovec *vec = &message->msg_iov[i];

		r = preload_submit(sock, level, vec->iov_base, vec->iov_len);
		sent += (ssize_t)vec->iov_len;
	}
	preload_wake();
	return r < 0 ? r : sent;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct sock *sock = sock_of(fd);
	const struct cmsghdr *c;
	struct kquic_stream_info info = {0};
	struct msghdr plain;
	ssize_t r = 0;

	if (sock == NULL) {
		return NEXT(sendmsg)(fd, message, flags);
	}
	c = control_of(message);
	if (sock->kind != SOCK_CONN) {
		r = -ENOTCONN;
	} else if (c != NULL && c->cmsg_type == KQUIC_HANDSHAKE_INFO) {
		r = send_crypto(sock, message, *(uint8_t *)CMSG_DATA(c));
		preload_unlock();
		return r < 0 ? fail((int)-r) : r;
	} else if (c != NULL && c->cmsg_type == KQUIC_STREAM_INFO) {
		memcpy(&info, CMSG_DATA(c), sizeof(info));
	}
	if (r == 0 && (info.id != 0 || !sock->secrets[1])) {
		r = -EINVAL;
	}
	preload_unlock();
	if (r < 0) {
		return fail((int)-r);
	}
	plain = *message;
	plain.msg_control = NULL;
	plain.msg_controllen = 0;
	return NEXT(sendmsg)(fd, &plain, flags);
}

static void put_control(
	struct msghdr *message, int type, const void *p, size_t n)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);

	if (c == NULL || message->msg_controllen < CMSG_SPACE(n)) {
		message->msg_controllen = 0;
		message->msg_flags |= MSG_CTRUNC;
		return;
	}
	c->cmsg_level = KQUIC_LEVEL;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	message->msg_controllen = CMSG_SPACE(n);
}

/* One handshake message, or a part of it. */
static ssize_t receive_crypto(struct sock *sock, struct msghdr *message)
{
	struct crypto *crypto = sock->to_read;
	struct kquic_handshake_info info = {crypto->level};
	size_t n = crypto->n - crypto->at;
	uint8_t token;

	if (message->msg_iovlen == 0) {
		return -EINVAL;
	}
	if (n > message->msg_iov->iov_len) {
		n = message->msg_iov->iov_len;
	}
	memcpy(message->msg_iov->iov_base, crypto->bytes + crypto->at, n);
	crypto->at += n;
	message->msg_flags = 0;
	put_control(message, KQUIC_HANDSHAKE_INFO, &info, sizeof(info));
	if (crypto->at == crypto->n) {
		sock->to_read = crypto->next;
		free(crypto);
	}
	if (sock->to_read == NULL) {
		(void)!recv(sock->near, &token, 1, MSG_DONTWAIT);
	}
	preload_wake();
	return (ssize_t)n;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct sock *sock = sock_of(fd);
	struct kquic_stream_info info = {.id = 0};
	struct msghdr plain;
	ssize_t n;

	if (sock == NULL) {
		return NEXT(recvmsg)(fd, message, flags);
	}
	if (sock->to_read != NULL) {
		n = receive_crypto(sock, message);
		preload_unlock();
		return n < 0 ? fail((int)-n) : n;
	}
	preload_unlock();
	plain = *message;
	plain.msg_control = NULL;
	plain.msg_controllen = 0;
	n = NEXT(recvmsg)(fd, &plain, flags);
	if (n >= 0) {
		message->msg_flags = plain.msg_flags;
		put_control(message, KQUIC_STREAM_INFO, &info, sizeof(info));
	}
	return n;
}
