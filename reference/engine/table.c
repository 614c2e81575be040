/* SPDX-License-Identifier: MIT */
/* Chained hash table that doubles when it is as full as it is wide. */
#include <errno.h>
#include <stdlib.h>

#include "engine/table.h"

#define TABLE_FIRST_SIZE 16

static struct table_link **bucket(const struct table *table, uint64_t id)
{
	return &table->buckets[(id ^ id >> 32) & (table->size - 1)];
}

static int grow(struct table *table)
{
	struct table old = *table;
	struct table wide = {.size = old.size ? old.size * 2 : TABLE_FIRST_SIZE,
		.count = old.count};

	wide.buckets = calloc(wide.size, sizeof(*wide.buckets));
	if (!wide.buckets) {
		return old.size ? 0 : -ENOMEM; /* longer chains will do */
	}
	for (size_t i = 0; i < old.size; i++) {
		struct table_link *link = old.buckets[i];

		while (link) {
			struct table_link *next = link->next;
			struct table_link **to = bucket(&wide, link->id);

			link->next = *to;
			*to = link;
			link = next;
		}
	}
	free(old.buckets);
	*table = wide;
	return 0;
}

int table_add(struct table *table, struct table_link *link, uint64_t id)
{
	struct table_link **to;

	if (table->count >= table->size && grow(table) < 0) {
		return -ENOMEM;
	}
	to = bucket(table, id);
	link->id = id;
	link->next = *to;
	*to = link;
	table->count++;
	return 0;
}

struct table_link *table_find(const struct table *table, uint64_t id)
{
	struct table_link *link;

	if (!table->size) {
		return NULL;
	}
	for (link = *bucket(table, id); link; link = link->next) {
		if (link->id == id) {
			return link;
		}
	}
	return NULL;
}

struct table_link *table_next(const struct table_link *link)
{
	struct table_link *next = link->next;

	while (next && next->id != link->id) {
		next = next->next;
	}
	return next;
}

void table_remove(struct table *table, struct table_link *link)
{
	struct table_link **at;

	if (!table->size) {
		return;
	}
	for (at = bucket(table, link->id); *at; at = &(*at)->next) {
		if (*at == link) {
			*at = link->next;
			link->next = NULL;
			table->count--;
			return;
		}
	}
}

void table_finish(struct table *table)
{
	free(table->buckets);
	*table = (struct table){0};
}
