/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one file or stream in memory: chunks that exist where something
 * was written, nothing where there is a hole.
 */
#ifndef SMB3X_FILES_MEMORY_DATA_H
#define SMB3X_FILES_MEMORY_DATA_H

#include "ports/files.h"

#define MEM_CHUNK 4096

struct mem_chunk {
	uint64_t index; /* of MEM_CHUNK bytes each */
	uint8_t *bytes;
};

struct mem_data {
	struct mem_chunk *chunks; /* sorted by index */
	size_t count, cap;
	size_t reserved; /* chunks that are accounted for and not there yet */
	uint64_t size;
	uint64_t *used; /* the share's account of chunk bytes */
	uint64_t limit;
};

void mem_data_init(struct mem_data *data, uint64_t *used, uint64_t limit);
void mem_data_finish(struct mem_data *data);
uint64_t mem_data_allocation(const struct mem_data *data);
/* So many bytes are allocated, now or when they are written; -ENOSPC. */
int mem_data_reserve(struct mem_data *data, uint64_t size);
/* Bytes read, 0 at the end of the file. */
size_t mem_data_read(const struct mem_data *data, uint64_t offset,
	uint8_t *ret_bytes, size_t n);
/* 0, -ENOSPC, -ENOMEM, -EFBIG; grows the file. */
int mem_data_write(
	struct mem_data *data, uint64_t offset, const uint8_t *bytes, size_t n);
void mem_data_truncate(struct mem_data *data, uint64_t size);
/* Zeroes; whole chunks inside become holes. */
void mem_data_zero(struct mem_data *data, uint64_t offset, uint64_t n);
/* Fills runs of chunks that touch [offset, offset + n), clipped to it. */
size_t mem_data_ranges(const struct mem_data *data, uint64_t offset, uint64_t n,
	struct files_range *ret_ranges, size_t cap);

#endif
