/* SPDX-License-Identifier: MIT */
/*
 * Streams of bytes in memory, as an io port with the virtual time of another
 * one (simnet.h): what tcp.h takes for connected sockets. Bytes are under way
 * for a while that the seed decides, and stay in order. One end of a stream
 * is given to a transport; the other is used by the functions below, which
 * never wait.
 */
#ifndef SMB3X_TRANSPORT_SIMSTREAM_H
#define SMB3X_TRANSPORT_SIMSTREAM_H

#include "ports/io.h"

struct simstream;

struct simstream_config {
	uint64_t seed;
	uint64_t delay_min, delay_max; /* of bytes under way, nanoseconds */
	size_t window; /* bytes that one side may be ahead of the other */
};

/* clock gives time and timers, and outlives this. NULL without memory. */
struct simstream *simstream_create(
	const struct io_port *clock, const struct simstream_config *config);
/* Streams end; nothing of the transport is under way. Accepts NULL. */
void simstream_destroy(struct simstream *net);

/* recv, send, shutdown, cancel, close; timers and time of the clock. */
const struct io_port *simstream_io(struct simstream *net);

/* A stream: the transport's end, and the one for here. Numbers that no
 * descriptor of the process has; -ENOMEM. */
int simstream_open(struct simstream *net, int *ret_near, int *ret_far);

/* Bytes taken, which may be fewer; -EAGAIN without room, -EPIPE. */
ssize_t simstream_put(
	struct simstream *net, int end, const void *bytes, size_t n);
/* Bytes; 0 when nothing follows, -EAGAIN when nothing is there yet. */
ssize_t simstream_take(struct simstream *net, int end, void *ret_p, size_t n);
bool simstream_readable(const struct simstream *net, int end);
bool simstream_writable(const struct simstream *net, int end);
void simstream_close(struct simstream *net, int end);

/* A number over when and how much arrived where, for comparing runs. */
uint64_t simstream_digest(const struct simstream *net);

#endif
