/* SPDX-License-Identifier: MIT */
/*
 * SMB over QUIC, the server's side, on QUIC sockets of the kernel: the
 * handshake is ours, then a connection is a stream of bytes like one of TCP.
 * Used like quic.h; needs an io port with ready().
 */
#ifndef SMB3X_TRANSPORT_QUIC_KERNEL_H
#define SMB3X_TRANSPORT_QUIC_KERNEL_H

#include "transport/quic.h"

struct quic_kernel;

/* This system has such sockets. */
bool quic_kernel_offered(void);

/* limits and user are copied, tls is kept; NULL without memory. */
struct quic_kernel *quic_kernel_create(const struct io_port *io,
	const struct quic_limits *limits, const struct transport_user *user,
	struct quic_tls *tls);
/* As quic_set_tls(). */
void quic_kernel_set_tls(struct quic_kernel *kernel, struct quic_tls *tls);
/* Listeners and connections are gone (quic_kernel_idle()). Accepts NULL. */
void quic_kernel_destroy(struct quic_kernel *kernel);

/* As quic_listen(). */
int quic_kernel_listen(
	struct quic_kernel *kernel, const char *address, char ret_bound[64]);
/* Ends handshakes as well. */
void quic_kernel_stop_listening(struct quic_kernel *kernel);
void quic_kernel_close_all(struct quic_kernel *kernel, bool flush);

unsigned int quic_kernel_connections(const struct quic_kernel *kernel);
bool quic_kernel_idle(const struct quic_kernel *kernel);

#endif
