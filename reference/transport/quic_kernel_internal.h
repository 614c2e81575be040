/* SPDX-License-Identifier: MIT */
/* Inside transport/ only: handshakes and sockets of quic_kernel.h. */
#ifndef SMB3X_TRANSPORT_QUIC_KERNEL_INTERNAL_H
#define SMB3X_TRANSPORT_QUIC_KERNEL_INTERNAL_H

#include "transport/quic_kernel.h"
#include "transport/quic_kernel_abi.h"
#include "transport/tcp.h"

/* quic_kernel_tls.c: one handshake on a socket that does not block. */
struct kernel_tls;

int kernel_tls_create(
	struct quic_tls *tls, int fd, struct kernel_tls **ret_handshake);
/* Accepts NULL. */
void kernel_tls_destroy(struct kernel_tls *handshake);
/* Goes as far as it can. 1: complete; 0: to be called again when the socket
 * can be read, or written with *ret_write; or negative errno. */
int kernel_tls_step(struct kernel_tls *handshake, bool *ret_write);
/* Why it failed, for people. */
const char *kernel_tls_why(const struct kernel_tls *handshake);

/* quic_kernel_socket.c: sockets as they are wanted here. */
int kernel_socket_listen(const char *address, const struct quic_limits *limits,
	char ret_bound[64]);
/* Stream 0 as recv() and send() would be; negative errno. An end that came
 * with bytes is in *ret_end. */
int kernel_socket_receive(int fd, const struct iovec *vec, bool *ret_end);
int kernel_socket_send(int fd, const struct iovec *vec, size_t count);
/* Handshake messages likewise. */
int kernel_socket_receive_crypto(
	int fd, uint8_t *ret_p, size_t n, uint8_t *ret_level);
int kernel_socket_send_crypto(
	int fd, const uint8_t *p, size_t n, uint8_t level);

#endif
