/* SPDX-License-Identifier: MIT */
/* Inside loop/ only: what the parts of the loop share. */
#ifndef SMB3X_LOOP_INTERNAL_H
#define SMB3X_LOOP_INTERNAL_H

#include "loop/loop.h"

enum op_kind {
	OP_ACCEPT,
	OP_RECV,
	OP_SEND,
	OP_READ,
	OP_RECV_DATAGRAM,
	OP_SEND_DATAGRAM,
	OP_READABLE,
	OP_WRITABLE
};

/* What differs between io_uring and epoll. */
struct backend_ops {
	const char *name;
	/* op is filled in and pending. */
	void (*start)(void *backend, struct io_op *op);
	void (*cancel)(void *backend, struct io_op *op);
	/* Descriptor is about to be closed. */
	void (*forget)(void *backend, int fd);
	/* Sleeps until something ends or the time is over (UINT64_MAX: no
	 * limit), and hands what ended to loop_ended(). */
	int (*wait)(void *backend, uint64_t nanoseconds);
	void (*destroy)(void *backend);
};

int uring_create(struct loop *loop, const struct backend_ops **ret_ops,
	void **ret_backend);
int epoll_backend_create(struct loop *loop, const struct backend_ops **ret_ops,
	void **ret_backend);

/* An operation has its result; done() is called in this or the next round. */
void loop_ended(struct loop *loop, struct io_op *op, int result);

/* datagram.c: a datagram and the system's struct for it. The receiving half
 * is completed by datagram_received() before done() is called. */
void datagram_prepare_recv(struct io_op *op, struct io_datagram *datagram);
void datagram_prepare_send(struct io_op *op, struct io_datagram *datagram);
void datagram_received(struct io_op *op);

struct pool;

int pool_create(unsigned int threads, struct pool **ret_pool);
/* Runs what is queued, then ends the threads. done() of the last pieces is
 * called from here. */
void pool_destroy(struct pool *pool);
void pool_post(void *pool, struct work *work);
/* Something is posted whose done() has not been called. */
bool pool_busy(const struct pool *pool);
/* Becomes readable when work has ended. */
int pool_fd(const struct pool *pool);
/* Calls done() of all work that has ended. */
void pool_reap(struct pool *pool);

#endif
