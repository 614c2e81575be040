/* SPDX-License-Identifier: MIT */
/*
 * Files in the simulator: those of another driver, whose operations take a
 * while and overtake each other. They run when the simulator's work does.
 */
#ifndef SMB3X_SERVER_TEST_SIM_FILES_H
#define SMB3X_SERVER_TEST_SIM_FILES_H

#include "ports/files.h"
#include "ports/work.h"

struct slow_op;

struct sim_files {
	struct files_port port; /* first */
	struct files_port *memory;
	struct work_port *work;
	struct slow_op *under_way;
	int nodes; /* open in the driver */
	/* Told of each operation that has ended, before the engine is; may be
	 * NULL. */
	void (*observe)(void *ctx, const struct files_op *op);
	void *ctx;
};

void sim_files_init(struct sim_files *files, struct files_port *memory,
	struct work_port *work);

#endif
