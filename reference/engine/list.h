/* SPDX-License-Identifier: MIT */
/*
 * A doubly linked list whose links are members of the things in it. A link
 * that is zeroed or was removed is in no list; removing it again is harmless.
 * The head is zeroed memory too: an empty list needs no initialisation.
 */
#ifndef SMB3X_ENGINE_LIST_H
#define SMB3X_ENGINE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list;

struct list_link {
	struct list_link *previous, *next;
	struct list *list; /* NULL: in none */
};

struct list {
	struct list_link *first, *last;
	size_t count;
};

/* The thing that holds the link. */
#define list_entry(link, type, member) \
	((type *)((char *)(link)-offsetof(type, member)))

#define list_first(head, type, member) \
	((head)->first ? list_entry((head)->first, type, member) : (type *)NULL)

#define list_next(thing, type, member) \
	((thing)->member.next ? list_entry((thing)->member.next, type, member) \
			      : (type *)NULL)

/* The body must not remove anything from the list but by leaving the loop. */
#define list_each(thing, head, type, member) \
	for (type *thing = list_first(head, type, member); thing; \
		thing = list_next(thing, type, member))

/* The body may remove and free thing, and nothing else. */
#define list_each_safe(thing, head, type, member) \
	for (type *thing = list_first(head, type, member), \
		  *thing##_next = thing ? list_next(thing, type, member) \
					: NULL; \
		thing; thing = thing##_next, \
		  thing##_next = thing ? list_next(thing, type, member) \
				       : NULL)

static inline bool list_empty(const struct list *list)
{
	return !list->first;
}

static inline bool list_linked(const struct list_link *link)
{
	return link->list;
}

/* Append; the link must be in no list. */
static inline void list_add(struct list *list, struct list_link *link)
{
	link->list = list;
	link->next = NULL;
	link->previous = list->last;
	if (list->last) {
		list->last->next = link;
	} else {
		list->first = link;
	}
	list->last = link;
	list->count++;
}

static inline void list_remove(struct list_link *link)
{
	struct list *list = link->list;

	if (!list) {
		return;
	}
	if (link->previous) {
		link->previous->next = link->next;
	} else {
		list->first = link->next;
	}
	if (link->next) {
		link->next->previous = link->previous;
	} else {
		list->last = link->previous;
	}
	list->count--;
	*link = (struct list_link){0};
}

#endif
