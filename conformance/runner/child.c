/* SPDX-License-Identifier: MIT */
/*
 * One forked child with a log of its own: started in a process group, ended
 * at its deadline, collected whatever became of it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner/child.h"
#include "suite/peer.h"

static void become(struct child *child, child_body *body, void *ctx)
	__attribute__((noreturn));

static void become(struct child *child, child_body *body, void *ctx)
{
	const struct rlimit none = {0, 0};

	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(child->output, STDOUT_FILENO);
	dup2(child->output, STDERR_FILENO);
	body(child->log, ctx);
	fflush(NULL);
	_exit(0);
}

int child_start(struct child *ret_child, unsigned int budget_ms,
	child_body *body, void *ctx)
{
	struct child child = {.started = test_clock()};
	int error;

	child.log = log_create();
	child.output = memfd_create("output", MFD_CLOEXEC);
	if (child.log == NULL || child.output < 0) {
		error = -ENOMEM;
		goto failed;
	}
	child.deadline = child.started + (uint64_t)budget_ms * 1000000u;
	fflush(NULL);
	child.pid = fork();
	if (child.pid == 0) {
		become(&child, body, ctx);
	}
	if (child.pid < 0) {
		error = -errno;
		goto failed;
	}
	setpgid(child.pid, child.pid);
	child.pidfd = pidfd_open(child.pid, 0);
	if (child.pidfd < 0) {
		error = -errno;
		kill(child.pid, SIGKILL);
		waitpid(child.pid, NULL, 0);
		goto failed;
	}
	*ret_child = child;
	return 0;
failed:
	log_destroy(child.log);
	if (child.output >= 0) {
		close(child.output);
	}
	return error;
}

void child_collect(struct child *child)
{
	int status = 0;

	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (WIFSIGNALED(status)) {
		child->end.signal = WTERMSIG(status);
	} else {
		child->end.exit_code = WEXITSTATUS(status);
	}
	close(child->pidfd);
	child->pidfd = -1;
}

void child_wait(struct child *child)
{
	struct pollfd p = {.fd = child->pidfd, .events = POLLIN};
	uint64_t now = test_clock();

	while (now < child->deadline && p.revents == 0) {
		poll(&p, 1, (int)((child->deadline - now) / 1000000 + 1));
		now = test_clock();
	}
	child->end.killed = p.revents == 0;
	child_collect(child);
}

void child_finish(struct child *child)
{
	log_destroy(child->log);
	close(child->output);
	*child = (struct child){0};
}

void child_output(const struct child *child, char *ret_text, size_t size)
{
	ssize_t n = pread(child->output, ret_text, size - 1, 0);

	ret_text[n > 0 ? n : 0] = '\0';
}
