/* SPDX-License-Identifier: MIT */
/* The bytes of one file or stream in memory; see memory_data.h. */
#include "files/memory_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mem_data_init(struct mem_data *data, uint64_t *used, uint64_t limit)
{
	*data = (struct mem_data){.used = used, .limit = limit};
}

/* Position of the first chunk whose index is not below the wanted one. */
static size_t mem_data_seek(const struct mem_data *data, uint64_t index)
{
	size_t low = 0, high = data->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (data->chunks[mid].index < index) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

static void mem_data_drop(struct mem_data *data, size_t from, size_t to)
{
	size_t i;

	if (from >= to) {
		return;
	}
	for (i = from; i < to; i++) {
		free(data->chunks[i].bytes);
		*data->used -= MEM_CHUNK;
	}
	memmove(&data->chunks[from], &data->chunks[to],
		(data->count - to) * sizeof *data->chunks);
	data->count -= to - from;
}

static void mem_data_release(struct mem_data *data)
{
	*data->used -= (uint64_t)data->reserved * MEM_CHUNK;
	data->reserved = 0;
}

void mem_data_finish(struct mem_data *data)
{
	mem_data_release(data);
	mem_data_drop(data, 0, data->count);
	free(data->chunks);
	data->chunks = NULL;
	data->cap = 0;
}

uint64_t mem_data_allocation(const struct mem_data *data)
{
	return (uint64_t)(data->count + data->reserved) * MEM_CHUNK;
}

int mem_data_reserve(struct mem_data *data, uint64_t size)
{
	uint64_t chunks = size / MEM_CHUNK + (size % MEM_CHUNK != 0);
	uint64_t more;

	if (chunks <= data->count + data->reserved) {
		return 0;
	}
	more = chunks - data->count - data->reserved;
	if (more > (data->limit - *data->used) / MEM_CHUNK) {
		return -ENOSPC;
	}
	data->reserved += more;
	*data->used += more * MEM_CHUNK;
	return 0;
}

size_t mem_data_read(const struct mem_data *data, uint64_t offset,
	uint8_t *ret_bytes, size_t n)
{
	size_t done = 0;

	if (offset >= data->size) {
		return 0;
	}
	if (n > data->size - offset) {
		n = data->size - offset;
	}
	while (done < n) {
		uint64_t at = offset + done;
		size_t in = at % MEM_CHUNK, m = MEM_CHUNK - in;
		size_t i = mem_data_seek(data, at / MEM_CHUNK);

		m = m < n - done ? m : n - done;
		if (i < data->count &&
			data->chunks[i].index == at / MEM_CHUNK) {
			memcpy(ret_bytes + done, data->chunks[i].bytes + in, m);
		} else {
			memset(ret_bytes + done, 0, m);
		}
		done += m;
	}
	return n;
}

static int mem_data_chunk(
	struct mem_data *data, uint64_t index, uint8_t **ret_bytes)
{
	size_t i = mem_data_seek(data, index);
	uint8_t *bytes;

	if (i < data->count && data->chunks[i].index == index) {
		*ret_bytes = data->chunks[i].bytes;
		return 0;
	}
	if (data->reserved == 0 && *data->used + MEM_CHUNK > data->limit) {
		return -ENOSPC;
	}
	if (data->count == data->cap) {
		size_t cap = data->cap ? data->cap * 2 : 4;
		void *p = realloc(data->chunks, cap * sizeof *data->chunks);

		if (!p) {
			return -ENOMEM;
		}
		data->chunks = p;
		data->cap = cap;
	}
	bytes = calloc(1, MEM_CHUNK);
	if (!bytes) {
		return -ENOMEM;
	}
	memmove(&data->chunks[i + 1], &data->chunks[i],
		(data->count - i) * sizeof *data->chunks);
	data->chunks[i] = (struct mem_chunk){index, bytes};
	data->count++;
	if (data->reserved > 0) {
		data->reserved--;
	} else {
		*data->used += MEM_CHUNK;
	}
	*ret_bytes = bytes;
	return 0;
}

int mem_data_write(
	struct mem_data *data, uint64_t offset, const uint8_t *bytes, size_t n)
{
	size_t done = 0;

	if (offset > INT64_MAX || n > (uint64_t)INT64_MAX - offset) {
		return -EFBIG;
	}
	while (done < n) {
		uint64_t at = offset + done;
		size_t in = at % MEM_CHUNK, m = MEM_CHUNK - in;
		uint8_t *chunk;
		int r = mem_data_chunk(data, at / MEM_CHUNK, &chunk);

		if (r < 0) {
			return r;
		}
		m = m < n - done ? m : n - done;
		memcpy(chunk + in, bytes + done, m);
		done += m;
		if (at + m > data->size) {
			data->size = at + m;
		}
	}
	return 0;
}

void mem_data_zero(struct mem_data *data, uint64_t offset, uint64_t n)
{
	uint64_t end = n > UINT64_MAX - offset ? UINT64_MAX : offset + n;
	uint64_t first = offset / MEM_CHUNK + (offset % MEM_CHUNK != 0);
	size_t i = mem_data_seek(data, offset / MEM_CHUNK);

	for (; i < data->count; i++) {
		struct mem_chunk *chunk = &data->chunks[i];
		uint64_t start = chunk->index * MEM_CHUNK;
		uint64_t from = offset > start ? offset - start : 0;
		uint64_t to = end > start ? end - start : 0;

		to = to < MEM_CHUNK ? to : MEM_CHUNK;
		if (from < to) {
			memset(chunk->bytes + from, 0, to - from);
		}
		if (to < MEM_CHUNK) {
			break;
		}
	}
	mem_data_drop(data, mem_data_seek(data, first),
		mem_data_seek(data, end / MEM_CHUNK));
}

void mem_data_truncate(struct mem_data *data, uint64_t size)
{
	if (size <= data->size) {
		mem_data_release(data);
	}
	if (size < data->size) {
		uint64_t keep = size / MEM_CHUNK + (size % MEM_CHUNK != 0);

		mem_data_zero(data, size, data->size - size);
		mem_data_drop(data, mem_data_seek(data, keep), data->count);
	}
	data->size = size;
}

size_t mem_data_ranges(const struct mem_data *data, uint64_t offset, uint64_t n,
	struct files_range *ret_ranges, size_t cap)
{
	uint64_t end = n > UINT64_MAX - offset ? UINT64_MAX : offset + n;
	size_t i = mem_data_seek(data, offset / MEM_CHUNK), count = 0;

	end = end < data->size ? end : data->size;
	for (; i < data->count; i++) {
		uint64_t from = data->chunks[i].index * MEM_CHUNK;
		uint64_t to = from + MEM_CHUNK;
		struct files_range *last =
			count > 0 ? &ret_ranges[count - 1] : NULL;

		from = from > offset ? from : offset;
		to = to < end ? to : end;
		if (from >= to) {
			break;
		}
		if (last && last->offset + last->size == from) {
			last->size += to - from;
			continue;
		}
		if (count == cap) {
			break;
		}
		ret_ranges[count++] = (struct files_range){from, to - from};
	}
	return count;
}
