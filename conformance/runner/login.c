/* SPDX-License-Identifier: MIT */
/*
 * Who logs on: passwords from the command line, the environment or the
 * terminal.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "runner/login.h"

#define PASSWORD "SMB3X_PASSWORD"
#define PASSWORD2 "SMB3X_PASSWORD2"

/* One line from the terminal, which does not show it. */
static bool ask(const char *user, char *ret, size_t size)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios usual, silent;
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	if (tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &usual) != 0) {
		close(fd); /* in the background nobody answers */
		return false;
	}
	silent = usual;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fd, TCSAFLUSH, &silent);
	dprintf(fd, "password of %s: ", user);
	n = read(fd, ret, size - 1);
	tcsetattr(fd, TCSAFLUSH, &usual);
	dprintf(fd, "\n");
	close(fd);
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
	return ret[0] != '\0';
}

static bool find_password(
	const char *variable, const char *user, char *ret, size_t size)
{
	const char *value = getenv(variable);

	if (ret[0] != '\0') {
		return true;
	}
	if (value != NULL && value[0] != '\0') {
		snprintf(ret, size, "%s", value);
		return true;
	}
	return ask(user, ret, size);
}

const char *login_complete(struct target *target, const char *second)
{
	const char *colon = second != NULL ? strchr(second, ':') : NULL;

	if (target->user[0] != '\0' &&
		!find_password(PASSWORD, target->user, target->password,
			sizeof(target->password))) {
		return "no password: smb://USER:PASSWORD@..., or in the "
		       "environment variable " PASSWORD;
	}
	if (second == NULL) {
		return NULL;
	}
	snprintf(target->user2, sizeof(target->user2), "%.*s",
		(int)(colon != NULL ? (size_t)(colon - second)
				    : strlen(second)),
		second);
	snprintf(target->password2, sizeof(target->password2), "%s",
		colon != NULL ? colon + 1 : "");
	if (!find_password(PASSWORD2, target->user2, target->password2,
		    sizeof(target->password2))) {
		return "no password of the second user: --second-user "
		       "USER:PASSWORD, or in the environment "
		       "variable " PASSWORD2;
	}
	return NULL;
}
