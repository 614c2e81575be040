/* SPDX-License-Identifier: MIT */
/* Log lines on stderr: time, level, event, key=value pairs. */
#ifndef SMB3X_SERVER_LOG_H
#define SMB3X_SERVER_LOG_H

#include "ports/host.h"

void log_set_level(enum log_level level);

/* As host_port.log; ctx is not used. */
void log_line(
	void *ctx, enum log_level level, const char *event, const char *detail);
void log_event(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
