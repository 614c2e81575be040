/* SPDX-License-Identifier: MIT */
/*
 * What clients may read, of files whose every write has a value of its own: a
 * file is a row of regions, and a region is a register. A read is wrong when
 * it gives a value that was over before the read began, or that nobody wrote.
 * The clock counts whatever begins or ends.
 */
#ifndef SMB3X_SERVER_TEST_LEASE_CONTENTS_H
#define SMB3X_SERVER_TEST_LEASE_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTENTS_REGIONS 4

/* A value from when to when it may have come into being. */
struct contents_write {
	uint64_t value, start, end; /* end: UINT64_MAX: not known to be over */
	bool refused;               /* for certain not done */
};

struct contents_region {
	struct contents_write *writes;
	size_t count, cap;
};

struct contents_file {
	uint64_t inode;
	struct contents_region regions[CONTENTS_REGIONS];
};

struct contents {
	uint64_t clock, values;
	struct contents_file *files;
	size_t count, cap;
};

enum contents_outcome { CONTENTS_DONE, CONTENTS_REFUSED, CONTENTS_UNKNOWN };

void contents_finish(struct contents *contents);

/* A write begins; returns the value to write. */
uint64_t contents_write(
	struct contents *contents, uint64_t inode, unsigned int region);
/* What became of it; what was done may turn out not to be, and later be. */
void contents_wrote(struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t value, enum contents_outcome outcome);
/* Nobody may count on these values, which were kept back. */
void contents_lost(struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t first, uint64_t last);
/* The storage has zeroed these and all later regions; it may not be told
 * yet. */
void contents_zeroed(
	struct contents *contents, uint64_t inode, unsigned int from);
/* Whoever has sent that then has been told. */
void contents_zeroing_told(
	struct contents *contents, uint64_t inode, uint64_t sent);
/* NULL, or what is wrong with reading that by a request, or a look into a
 * cache, that began then. */
const char *contents_read(const struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t value, uint64_t began);

#endif
