/* SPDX-License-Identifier: MIT */
/* Registers; see lease_contents.h. */
#include <stdlib.h>

#include "server/test/lease_contents.h"

static void *grown(void *p, size_t *cap, size_t size)
{
	*cap = 2 * *cap + 8;
	p = realloc(p, *cap * size);
	if (p == NULL) {
		abort();
	}
	return p;
}

static struct contents_file *find_file(
	const struct contents *contents, uint64_t inode)
{
	for (size_t i = 0; i < contents->count; i++) {
		if (contents->files[i].inode == inode) {
			return &contents->files[i];
		}
	}
	return NULL;
}

static void add_write(
	struct contents_region *region, struct contents_write write)
{
	if (region->count == region->cap) {
		region->writes = grown(
			region->writes, &region->cap, sizeof(*region->writes));
	}
	region->writes[region->count++] = write;
}

static struct contents_file *get_file(struct contents *contents, uint64_t inode)
{
	struct contents_file *file = find_file(contents, inode);

	if (file != NULL) {
		return file;
	}
	if (contents->count == contents->cap) {
		contents->files = grown(contents->files, &contents->cap,
			sizeof(*contents->files));
	}
	file = &contents->files[contents->count++];
	*file = (struct contents_file){.inode = inode};
	for (unsigned int i = 0; i < CONTENTS_REGIONS; i++) {
		add_write(&file->regions[i], (struct contents_write){0});
	}
	return file;
}

void contents_finish(struct contents *contents)
{
	for (size_t i = 0; i < contents->count; i++) {
		for (unsigned int r = 0; r < CONTENTS_REGIONS; r++) {
			free(contents->files[i].regions[r].writes);
		}
	}
	free(contents->files);
}

uint64_t contents_write(
	struct contents *contents, uint64_t inode, unsigned int region)
{
	struct contents_file *file = get_file(contents, inode);

	add_write(&file->regions[region],
		(struct contents_write){++contents->values, ++contents->clock,
			UINT64_MAX, false});
	return contents->values;
}

void contents_wrote(struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t value, enum contents_outcome outcome)
{
	struct contents_region *r = &get_file(contents, inode)->regions[region];
	uint64_t now = ++contents->clock;

	for (size_t i = 0; i < r->count; i++) {
		struct contents_write *write = &r->writes[i];

		if (write->value == value) {
			write->refused = outcome == CONTENTS_REFUSED;
			if (outcome != CONTENTS_DONE) {
				write->end = UINT64_MAX;
			} else if (write->end == UINT64_MAX) {
				write->end = now;
			}
		}
	}
}

void contents_lost(struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t first, uint64_t last)
{
	struct contents_region *r = &get_file(contents, inode)->regions[region];

	for (size_t i = 0; i < r->count; i++) {
		struct contents_write *write = &r->writes[i];

		if (write->value >= first && write->value <= last) {
			write->end = UINT64_MAX;
		}
	}
}

void contents_zeroed(
	struct contents *contents, uint64_t inode, unsigned int from)
{
	struct contents_file *file = get_file(contents, inode);
	uint64_t now = ++contents->clock;

	for (; from < CONTENTS_REGIONS; from++) {
		add_write(&file->regions[from],
			(struct contents_write){0, now, UINT64_MAX, false});
	}
}

void contents_zeroing_told(
	struct contents *contents, uint64_t inode, uint64_t sent)
{
	struct contents_file *file = get_file(contents, inode);
	uint64_t now = ++contents->clock;

	for (unsigned int r = 0; r < CONTENTS_REGIONS; r++) {
		struct contents_region *region = &file->regions[r];

		for (size_t i = 0; i < region->count; i++) {
			struct contents_write *write = &region->writes[i];

			if (write->value == 0 && write->start > sent &&
				write->end == UINT64_MAX) {
				write->end = now;
			}
		}
	}
}

/* Was a later write over before the read began? */
static bool superseded(
	const struct contents_region *region, uint64_t end, uint64_t began)
{
	for (size_t i = 0; i < region->count; i++) {
		const struct contents_write *write = &region->writes[i];

		if (write->end < began && write->start > end) {
			return true;
		}
	}
	return false;
}

const char *contents_read(const struct contents *contents, uint64_t inode,
	unsigned int region, uint64_t value, uint64_t began)
{
	const struct contents_file *file = find_file(contents, inode);
	const struct contents_region *r;
	bool written = false;

	if (file == NULL) {
		return value == 0 ? NULL : "what nobody wrote";
	}
	r = &file->regions[region];
	for (size_t i = 0; i < r->count; i++) {
		const struct contents_write *write = &r->writes[i];

		if (write->value == value && !write->refused) {
			written = true;
			if (!superseded(r, write->end, began)) {
				return NULL;
			}
		}
	}
	return written ? "an old value" : "what nobody wrote";
}
