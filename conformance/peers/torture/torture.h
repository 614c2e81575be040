/* SPDX-License-Identifier: MIT */
/*
 * A torture of a file system as programs use it: numbered operations, each
 * with one line of output that depends on nothing but what POSIX and Linux
 * promise, so that runs on two file systems can be compared with diff.
 */
#ifndef SMB3X_TORTURE_H
#define SMB3X_TORTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* "nnn name: result", numbered from 001. */
void say(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "ok" for 0 and more, else the name of errno. */
void say_result(const char *name, long result);
/* The number itself, or the name of errno for -1. */
void say_number(const char *name, long result);
/* Type, mode (of files and directories), links, size of what lstat finds. */
void say_lstat(const char *name, const char *path);
void say_mode(const char *name, const char *path);
void say_fstat(const char *name, int fd);
/* What the file contains, with escapes, at most 60 bytes. */
void say_content(const char *name, const char *path);
const char *error_name(int error);

/* A file with this text, mode 0644; 0 or -1. */
int put(const char *path, const char *text);
/* Reads up to size - 1 bytes at offset, terminates; bytes or -1. */
long get_at(int fd, char *text, size_t size, off_t offset);
/* Runs f(ctx) in a child; its exit status, or -1. */
int in_child(int (*f)(void *ctx), void *ctx);
/* Into a new directory, and out of it. */
void enter(const char *directory);
void leave(void);

void torture_create(void);
void torture_chmod(void);
void torture_open(void);
void torture_symlink(void);
void torture_hardlink(void);
void torture_special(void);
void torture_rename(void);
void torture_unlink(void);
void torture_names(void);
void torture_readdir(void);
void torture_directories(void);
void torture_data(void);
void torture_append(void);
void torture_locks(void);
void torture_sparse(void);
void torture_mmap(void);
void torture_times(void);
void torture_xattr(void);
void torture_stat(void);

#endif
