/* SPDX-License-Identifier: MIT */
/*
 * Splitting and joining of UDP packets by the kernel (GSO, GRO), for those who
 * own sockets.
 */
#ifndef SMB3X_TRANSPORT_QUIC_OFFLOAD_H
#define SMB3X_TRANSPORT_QUIC_OFFLOAD_H

#include <netinet/udp.h>
#include <stdbool.h>

/* Asks for both; whether packets may be handed over in batches. */
bool quic_set_offload(int fd);

#endif
