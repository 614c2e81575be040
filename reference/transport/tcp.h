/* SPDX-License-Identifier: MIT */
/*
 * SMB over TCP: whole messages behind a four-byte length, [MS-SMB2] 2.1.
 * Knows neither the engine nor the loop: it is given an io port, and tells
 * its user of links and messages.
 */
#ifndef SMB3X_TRANSPORT_TCP_H
#define SMB3X_TRANSPORT_TCP_H

#include "ports/io.h"
#include "transport/user.h"

struct tcp;

struct tcp_limits {
	uint32_t max_message;     /* bytes; longer ones end the connection */
	uint32_t max_connections; /* further ones are closed at once */
	size_t queue_high;        /* bytes unsent before reading pauses */
	uint64_t stall_ns;        /* without progress before a cut */
	bool secure;              /* what is adopted encrypts by itself */
};

/* limits and user are copied; NULL without memory. */
struct tcp *tcp_create(const struct io_port *io,
	const struct tcp_limits *limits, const struct transport_user *user);
/* Listeners and connections are gone (tcp_idle()). Accepts NULL. */
void tcp_destroy(struct tcp *tcp);

/*
 * Listens on "127.0.0.1:445", "[::1]:445"; port 0 chooses one. ret_bound gets
 * the address in the same form. Returns 0 or negative errno; -EINVAL for
 * text that is no numeric address with a port.
 */
int tcp_listen(struct tcp *tcp, const char *address, char ret_bound[64]);

/* A connected socket becomes a connection like an accepted one. */
int tcp_adopt(struct tcp *tcp, int fd);

void tcp_stop_listening(struct tcp *tcp);
/* Ends every connection; with flush, after what was sent has left. */
void tcp_close_all(struct tcp *tcp, bool flush);

unsigned int tcp_connections(const struct tcp *tcp);
bool tcp_idle(const struct tcp *tcp);

#endif
