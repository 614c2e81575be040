/* SPDX-License-Identifier: MIT */
/*
 * The small things that the engine needs of its host: randomness and a place
 * for log lines. (Time is told to it by engine_advance().)
 */
#ifndef SMB3X_PORTS_HOST_H
#define SMB3X_PORTS_HOST_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct host_port {
	void *ctx;
	void (*random)(void *ctx, void *ret_bytes, size_t n);
	/* One structured line: event is a fixed word ("session.refused"),
	 * detail is "key=value key=value". */
	void (*log)(void *ctx, enum log_level level, const char *event,
		const char *detail);
};

#endif
