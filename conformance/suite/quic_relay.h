/* SPDX-License-Identifier: MIT */
/*
 * A bad network before the target: datagrams pass through a thread of the
 * test that loses, doubles, reorders and damages them as it is told.
 */
#ifndef SMB3X_SUITE_QUIC_RELAY_H
#define SMB3X_SUITE_QUIC_RELAY_H

#include "suite/target.h"

struct quic_relay;

/*
 * Impairments of each direction as text, such as "loss=5%,reorder=20%,seed=7"
 * (transport/impair.h); NULL: none. Clients dial `port` of the relay. NULL:
 * no memory, no socket, or no such impairment.
 */
struct quic_relay *quic_relay_start(const struct target *target,
	const char *to_server, const char *to_client, unsigned short *ret_port);
void quic_relay_stop(struct quic_relay *relay); /* accepts NULL */

/* From now on everything gets through. */
void quic_relay_calm(struct quic_relay *relay);
/* Loses the next so many datagrams that the server sends. */
void quic_relay_lose(struct quic_relay *relay, unsigned int count);

#endif
