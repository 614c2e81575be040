/* SPDX-License-Identifier: MIT */
/*
 * Work that may block, for drivers: run() is called on a thread of a small
 * pool, then done() on the engine's thread, in no particular order between
 * different pieces of work. The simulator calls run() itself, at a virtual
 * time of its choosing.
 *
 * The caller embeds a struct work in what the work is about; it belongs to
 * the port from post() until done() is called (which may free it). done() is
 * never called from inside post(). Work cannot be taken back; a port is
 * destroyed only after all done() calls returned.
 */
#ifndef SMB3X_PORTS_WORK_H
#define SMB3X_PORTS_WORK_H

struct work {
	struct work *next; /* the port's own */
	void (*run)(struct work *work);
	void (*done)(struct work *work);
};

struct work_port {
	void *ctx;
	void (*post)(void *ctx, struct work *work);
};

static inline void work_post(const struct work_port *port, struct work *work)
{
	port->post(port->ctx, work);
}

#endif
