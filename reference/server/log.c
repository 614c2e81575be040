/* SPDX-License-Identifier: MIT */
/* Log lines on stderr; see log.h. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"

static const char *const names[] = {"error", "warn", "info", "debug"};
static enum log_level wanted = LOG_INFO;

void log_set_level(enum log_level level)
{
	wanted = level;
}

/* A line is one write(), and what a peer wrote cannot begin another. */
void log_line(
	void *ctx, enum log_level level, const char *event, const char *detail)
{
	char line[1024], stamp[32];
	struct timespec now;
	struct tm parts;
	int n;

	(void)ctx;
	if (level > wanted) {
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
	n = snprintf(line, sizeof(line) - 1, "%s.%03ldZ %s %s %s", stamp,
		now.tv_nsec / 1000000, names[level], event, detail);
	if (n > (int)sizeof(line) - 2) {
		n = sizeof(line) - 2;
	}
	for (int i = 0; i < n; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char detail[512];
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	log_line(NULL, level, event, detail);
}
