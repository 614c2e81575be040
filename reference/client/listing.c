/* SPDX-License-Identifier: MIT */
/* Entries of a directory. */
#include "client/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A server that never ends a listing meets this. */
#define ENTRIES_MAX 4000000u

struct entry {
	size_t name; /* where it starts in names */
	struct smb3x_stat stat;
};

struct listing {
	unsigned int uses; /* atomic */
	struct entry *entries;
	size_t count, room;
	char *names;
	size_t names_used, names_room;
	uint64_t when;
	size_t *sorted; /* once it has been looked for a name */
};

struct listing *listing_create(void)
{
	struct listing *l = calloc(1, sizeof(*l));
	if (l != NULL) {
		l->uses = 1;
	}
	return l;
}

struct listing *listing_use(struct listing *l)
{
	__atomic_add_fetch(&l->uses, 1, __ATOMIC_RELAXED);
	return l;
}

void listing_leave(struct listing *l)
{
	if (l != NULL &&
		__atomic_sub_fetch(&l->uses, 1, __ATOMIC_ACQ_REL) == 0) {
		free(l->entries);
		free(l->names);
		free(l->sorted);
		free(l);
	}
}

void listing_clear(struct listing *l)
{
	l->count = 0;
	l->names_used = 0;
	l->when = listing_now();
}

uint64_t listing_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t listing_when(const struct listing *l)
{
	return l->when;
}

static int grow(void **block, size_t *room, size_t needed, size_t element)
{
	if (needed <= *room) {
		return 0;
	}
	size_t more = *room == 0 ? 64 : *room * 2;
	more = more < needed ? needed : more;
	void *bigger = realloc(*block, more * element);
	if (bigger == NULL) {
		return -ENOMEM;
	}
	*block = bigger;
	*room = more;
	return 0;
}

int listing_add(
	struct listing *l, const char *name, const struct smb3x_stat *stat)
{
	size_t n = strlen(name) + 1;
	if (l->count >= ENTRIES_MAX) {
		return -EOVERFLOW;
	}
	int error = grow((void **)&l->entries, &l->room, l->count + 1,
		sizeof(*l->entries));
	if (error == 0) {
		error = grow((void **)&l->names, &l->names_room,
			l->names_used + n, 1);
	}
	if (error < 0) {
		return error;
	}
	l->entries[l->count++] = (struct entry){l->names_used, *stat};
	memcpy(l->names + l->names_used, name, n);
	l->names_used += n;
	return 0;
}

size_t listing_count(const struct listing *l)
{
	return l->count;
}

void listing_entry(
	const struct listing *l, size_t at, struct smb3x_entry *ret_entry)
{
	ret_entry->name = l->names + l->entries[at].name;
	ret_entry->stat = l->entries[at].stat;
}

static const char *name_at(const struct listing *l, size_t at)
{
	return l->names + l->entries[at].name;
}

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct listing *l = ctx;
	return strcmp(
		name_at(l, *(const size_t *)a), name_at(l, *(const size_t *)b));
}

static bool sort(struct listing *l)
{
	if (l->sorted == NULL) {
		l->sorted = malloc((l->count + 1) * sizeof(*l->sorted));
		for (size_t i = 0; l->sorted != NULL && i < l->count; i++) {
			l->sorted[i] = i;
		}
		if (l->sorted != NULL) {
			qsort_r(l->sorted, l->count, sizeof(*l->sorted),
				by_name, l);
		}
	}
	return l->sorted != NULL;
}

bool listing_find(
	struct listing *l, const char *name, struct smb3x_stat *ret_stat)
{
	size_t first = 0;
	size_t end = sort(l) ? l->count : 0;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		int order = strcmp(name_at(l, l->sorted[middle]), name);
		if (order == 0) {
			*ret_stat = l->entries[l->sorted[middle]].stat;
			return true;
		}
		if (order < 0) {
			first = middle + 1;
		} else {
			end = middle;
		}
	}
	return false;
}
