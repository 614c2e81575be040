/* SPDX-License-Identifier: MIT */
/*
 * The suite's network (suite/network.h) inside a world.
 */
#ifndef SMB3X_SIM_NETWORK_H
#define SMB3X_SIM_NETWORK_H

#include "suite/network.h"

extern const struct network network_sim;

/* Sums up what all tests of the process and of its children did. */
struct sim_sum {
	uint64_t tests, virtual_ns, digest;
};
/* Before the first test. */
void sim_sum_begin(void);
struct sim_sum sim_sum(void);

#endif
