/* SPDX-License-Identifier: MIT */
/*
 * A hash table from 64-bit ids to things that hold a struct table_link. Ids
 * come from engine_new_id(), are spread evenly and cannot be chosen by a peer.
 * A zeroed table is empty.
 */
#ifndef SMB3X_ENGINE_TABLE_H
#define SMB3X_ENGINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_link {
	struct table_link *next;
	uint64_t id;
};

struct table {
	struct table_link **buckets;
	size_t size; /* power of two, or 0 */
	size_t count;
};

#define table_entry(link, type, member) \
	((type *)((char *)(link)-offsetof(type, member)))

/* 0 or -ENOMEM. Several things may have one id. */
int table_add(struct table *table, struct table_link *link, uint64_t id);
/* NULL when there is none. */
struct table_link *table_find(const struct table *table, uint64_t id);
/* Another one with the same id; NULL when there is none. */
struct table_link *table_next(const struct table_link *link);
/* Harmless when link is not in the table. */
void table_remove(struct table *table, struct table_link *link);
/* Frees the buckets, not the things. */
void table_finish(struct table *table);

#endif
