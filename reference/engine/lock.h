/* SPDX-License-Identifier: MIT */
/* Byte ranges of a file that an open holds. [MS-FSA] 2.1.1.9 */
#ifndef SMB3X_ENGINE_LOCK_H
#define SMB3X_ENGINE_LOCK_H

#include "engine/state.h"

struct lock {
	struct list_link in_file;
	const struct open *open;
	uint64_t offset, length;
	bool exclusive;
};

/* Do two ranges have a byte in common, by the arithmetic of [MS-FSA] 2.1.4.10
 * (a range without bytes lies between two)? */
bool lock_overlaps(uint64_t offset, uint64_t n, uint64_t offset2, uint64_t n2);

#endif
