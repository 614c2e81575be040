/* SPDX-License-Identifier: MIT */
/*
 * Sockets and timers as transports need them: operations are started and
 * come back through op->done() on the loop's thread, never from inside the
 * call that started them. The io_uring loop, its epoll stand-in and the
 * simulator's network offer the same.
 *
 * An operation belongs to the port until its done() is called, which happens
 * exactly once; buffers named in it stay valid that long. Results are a
 * number of bytes or a descriptor (>= 0), or negative errno. Per descriptor
 * at most one receive (or accept, or read) and one send are under way; of
 * datagrams, any number of sends.
 */
#ifndef SMB3X_PORTS_IO_H
#define SMB3X_PORTS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct io_op {
	void (*done)(struct io_op *op, int result);
	/* From here on the port's own. */
	struct io_op *next;
	uint8_t kind;
	bool pending, cancelled;
	int fd, result;
	struct iovec buffer;   /* receive, read */
	struct msghdr message; /* send */
};

/*
 * A datagram, or several in a row between the same two addresses: then all of
 * them are `segment` bytes long, the last one maybe shorter. Many leave by one
 * call of the system, or come by one, where it can do that (GSO, GRO).
 */
struct io_datagram {
	struct iovec data;              /* room for it, or its bytes */
	struct sockaddr_storage remote; /* sender, or receiver */
	socklen_t remote_size;
	/* The own address, without a port, that it came to or leaves from;
	 * of family 0 when it is not known or does not matter. */
	struct sockaddr_storage local;
	uint16_t segment; /* 0: it is one */
	uint8_t ecn;      /* explicit congestion notification, 0 to 3 */
	/* The port's own. */
	_Alignas(8) char control[128];
};

struct io_timer {
	void (*due)(struct io_timer *timer);
	/* From here on the port's own. */
	struct io_timer *next;
	uint64_t at;
	bool set;
};

struct io_port {
	void *ctx;
	/* -> a connected descriptor */
	void (*accept)(void *ctx, struct io_op *op, int fd);
	/* -> bytes; 0 = the peer has ended its side */
	void (*recv)(void *ctx, struct io_op *op, int fd, void *p, size_t n);
	/* -> bytes, maybe fewer than given; vec stays valid as long */
	void (*send)(void *ctx, struct io_op *op, int fd,
		const struct iovec *vec, unsigned int count);
	/* of a non-blocking eventfd or signalfd -> bytes */
	void (*read)(void *ctx, struct io_op *op, int fd, void *p, size_t n);
	/* done() follows, with -ECANCELED unless it was too late. */
	void (*cancel)(void *ctx, struct io_op *op);
	/* Closes fd, on which nothing is under way. */
	void (*close)(void *ctx, int fd);
	/* Nanoseconds of a clock that never goes back. */
	uint64_t (*now)(void *ctx);
	/* Calls due() once at or after that time; sets anew when set. */
	void (*timer_set)(void *ctx, struct io_timer *timer, uint64_t at);
	void (*timer_clear)(void *ctx, struct io_timer *timer);
	/* -> bytes; fills the datagram's addresses, segment and ecn */
	void (*recv_datagram)(void *ctx, struct io_op *op, int fd,
		struct io_datagram *datagram);
	/* -> bytes; -EAGAIN when the system had no room for it */
	void (*send_datagram)(void *ctx, struct io_op *op, int fd,
		struct io_datagram *datagram);
	/* -> something, once fd can be read, or written; for sockets whose
	 * calls are their own. Counts as a receive or a send. NULL where there
	 * are no such sockets. */
	void (*ready)(void *ctx, struct io_op *op, int fd, bool write);
	/* Nothing more is sent on fd; what was sent still arrives. */
	void (*shutdown)(void *ctx, int fd);
};

#endif
