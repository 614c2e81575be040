/* SPDX-License-Identifier: MIT */
/* Entries of a directory. */
#include "client/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
		free(l);
	}
}

void listing_clear(struct listing *l)
{
	l->count = 0;
	l->names_used = 0;
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
