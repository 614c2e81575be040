/* SPDX-License-Identifier: MIT */
/*
 * What the engine needs of a transport: to send whole messages on a link and
 * to end it. The driver calls engine_input() with whole messages and
 * engine_gone() exactly once when the link is over.
 */
#ifndef SMB3X_PORTS_LINK_H
#define SMB3X_PORTS_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct blob;
struct link;

struct link_ops {
	/* Takes the caller's hold of the message; keeps the order. */
	void (*send)(struct link *link, struct blob *message);
	/* No more input is delivered; what was sent before still leaves when
	 * flush is set. engine_gone() follows later, never from inside. */
	void (*close)(struct link *link, bool flush);
};

/* Embedded at the start of a driver's own link structure. */
struct link {
	const struct link_ops *ops;
	char peer_name[64];   /* for logs: "127.0.0.1:50312" */
	char local_name[64];  /* "127.0.0.1:445" */
	uint32_t max_message; /* largest message the transport can carry */
	bool secure;          /* the transport itself encrypts (QUIC) */
};

#endif
