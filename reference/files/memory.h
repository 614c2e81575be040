/* SPDX-License-Identifier: MIT */
/*
 * A share whose files live in memory: for the simulator and for tests. Every
 * operation completes inside submit(). Names are found without regard to case
 * when an open asks for it; holes in files take no memory.
 */
#ifndef SMB3X_FILES_MEMORY_H
#define SMB3X_FILES_MEMORY_H

#include "ports/files.h"

/* now(ctx) tells FILETIME; capacity is the number of data bytes the share
 * holds before -ENOSPC. NULL without memory. */
struct files_port *files_memory_create(
	uint64_t (*now)(void *ctx), void *ctx, uint64_t capacity);

#endif
