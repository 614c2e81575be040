/* SPDX-License-Identifier: MIT */
/*
 * Lists: chained by a Next field (its value is the distance to the next
 * element, 0 ends the list), or packed one behind the other.
 */
#include "wire/layout.h"

#include <errno.h>
#include <string.h>

struct wire_list wire_list_of(
	const struct wire_type *type, struct wire_view list)
{
	return (struct wire_list){.type = type, .rest = list};
}

static void advance(struct wire_list *list, size_t n)
{
	list->rest.p += n;
	list->rest.n -= n;
	list->offset += n;
}

/* Where Next lies in an element; only fixed fields stand before it. */
static size_t next_at(const struct wire_type *type)
{
	size_t at = 0;

	for (int16_t i = 0; i < type->next_field; i++) {
		at += type->fields[i].size;
	}
	return at;
}

static uint64_t next_value(const struct wire_type *type, const uint8_t *p)
{
	const struct wire_field *next = &type->fields[type->next_field];
	uint64_t n = 0;

	for (size_t i = 0; i < next->size; i++) {
		n |= (uint64_t)p[next_at(type) + i] << (8 * i);
	}
	return n;
}

/* Bytes of the element of a chained list that starts rest. */
static int chained(const struct wire_type *type, struct wire_view rest,
	size_t *ret_n, bool *ret_last)
{
	if (rest.n < type->fixed_size) {
		return -EBADMSG;
	}
	uint64_t n = next_value(type, rest.p);

	if (n != 0 && (n < type->fixed_size || n >= rest.n)) {
		return -EBADMSG;
	}
	*ret_last = n == 0;
	*ret_n = n == 0 ? rest.n : (size_t)n;
	return 0;
}

int wire_list_next(
	struct wire_list *list, void *ret_value, struct wire_view *ret_bytes)
{
	const struct wire_type *type = list->type;
	union wire_any any;
	size_t end, n, over;
	bool last = false;

	if (list->ended || list->rest.n == 0) {
		list->ended = true;
		return 0;
	}
	n = list->rest.n;
	if (type->next_field >= 0 && chained(type, list->rest, &n, &last) < 0) {
		return -EBADMSG;
	}
	struct wire_view bytes = {list->rest.p, n};

	if (wire_decode_extent(type, bytes, any.bytes, &end, NULL) < 0) {
		return -EBADMSG;
	}
	if (type->next_field < 0) {
		if (end == 0) {
			return -EBADMSG;
		}
		bytes.n = end;
		over = type->list_align > 1 ? end % type->list_align : 0;
		n = over ? end + type->list_align - over : end;
		n = n < list->rest.n ? n : list->rest.n;
	}
	memcpy(ret_value, any.bytes, type->c_size);
	if (ret_bytes) {
		*ret_bytes = bytes;
	}
	advance(list, n);
	list->ended = last;
	return 1;
}

/*
 * Pads behind the previous element and stores the distance in its Next. A
 * Next that is set already (the element was decoded) is kept.
 */
static int link_previous(
	const struct wire_type *type, struct wire_buf *out, size_t last)
{
	size_t distance = out->n - last;
	size_t over = type->list_align > 1 ? distance % type->list_align : 0;
	uint64_t set = 0;

	if (type->next_field >= 0 && out->p) {
		set = next_value(type, out->p + last);
	}
	if (set != 0) {
		wire_buf_zero(out, set > distance ? (size_t)set - distance : 0);
		return out->error;
	}
	wire_buf_zero(out, over ? type->list_align - over : 0);
	if (out->error || !out->p || type->next_field < 0) {
		return out->error;
	}
	const struct wire_field *next = &type->fields[type->next_field];

	for (size_t i = 0; i < next->size; i++) {
		out->p[last + next_at(type) + i] =
			(uint8_t)((out->n - last) >> (8 * i));
	}
	return 0;
}

int wire_list_append(const struct wire_type *type, const void *value,
	struct wire_buf *out, size_t *last)
{
	int rc = 0;

	if (out->error) {
		return out->error;
	}
	if (*last != SIZE_MAX) {
		rc = link_previous(type, out, *last);
		if (rc < 0) {
			return rc;
		}
	}
	size_t begin = out->n;

	rc = wire_encode(type, value, out);
	if (rc == 0) {
		*last = begin;
	}
	return rc;
}
