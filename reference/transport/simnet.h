/* SPDX-License-Identifier: MIT */
/*
 * A network of datagrams in memory, as an io port with virtual time: sockets,
 * a bad network between them (impair.h) and a NAT before each that sometimes
 * gives it another port. The same seed gives the same network.
 */
#ifndef SMB3X_TRANSPORT_SIMNET_H
#define SMB3X_TRANSPORT_SIMNET_H

#include "ports/io.h"
#include "transport/impair.h"

struct simnet;

/* NULL without memory. start: nanoseconds of the clock. */
struct simnet *simnet_create(uint64_t start);
/* Every socket is closed. Accepts NULL. */
void simnet_destroy(struct simnet *net);

/* Only datagrams, timers, cancel, close and the clock. */
const struct io_port *simnet_io(struct simnet *net);

/* A socket whose packets meet that network; its number and its address. */
int simnet_socket(struct simnet *net, const struct impair_config *network,
	struct sockaddr_storage *ret_local);
/* Of what it has sent so far. */
const struct impair *simnet_impair(const struct simnet *net, int fd);
/* The socket's packets meet another network from now on. */
void simnet_change(
	struct simnet *net, int fd, const struct impair_config *network);

/* The next event; false when nothing will ever happen by itself, or not
 * before that time, which it then is. */
bool simnet_step(struct simnet *net, uint64_t until);

#endif
