/* SPDX-License-Identifier: MIT */
/*
 * The encoder: first every view gets its place and the offset, length and
 * count fields their numbers, then the bytes are written in table order.
 * Numbers that the caller set are kept, also when they are lies.
 */
#include "wire/layout.h"

#include <errno.h>
#include <string.h>

struct plan {
	const struct wire_type *type;
	const uint8_t *value;
	size_t begin;               /* of the structure in out */
	size_t end;                 /* behind everything */
	size_t at[WIRE_MAX_FIELDS]; /* place of each field */
	uint64_t number[WIRE_MAX_FIELDS];
	bool present[WIRE_MAX_FIELDS];
};

static int fail(struct wire_buf *out, int error)
{
	if (!out->error) {
		out->error = error;
	}
	return out->error;
}

static bool fits(const struct wire_field *field, uint64_t v)
{
	return field->size >= 8 || v >> (8 * field->size) == 0;
}

/* Whether the member holds nothing but zeroes. */
static bool is_zero(const struct wire_field *field, const uint8_t *value)
{
	if (field->kind == WIRE_VIEW) {
		return wire_member_view(field, value).n == 0;
	}
	if (field->kind == WIRE_UINT) {
		return wire_field_number(field, value) == 0;
	}
	for (size_t i = 0; i < field->size; i++) {
		if (value[field->member + i] != 0) {
			return false;
		}
	}
	return true;
}

/* Present fields; a tail of optional zeroes is left away. */
static void plan_presence(struct plan *p)
{
	bool tail = true;

	for (size_t i = p->type->count; i-- > 0;) {
		const struct wire_field *f = &p->type->fields[i];

		p->present[i] = wire_field_present(p->type, f, p->value);
		if (!f->optional || !is_zero(f, p->value)) {
			tail = tail && f->kind == WIRE_VIEW &&
			       is_zero(f, p->value);
		} else if (tail) {
			p->present[i] = false;
		}
	}
}

static int count_elements(
	const struct wire_field *f, struct wire_view v, uint64_t *ret_count)
{
	*ret_count = 0;
	if (f->content != WIRE_LIST) {
		*ret_count = f->element_size ? v.n / f->element_size : v.n;
		return 0;
	}
	struct wire_list list = wire_list_of(f->of, v);
	union wire_any any;
	int rc;

	while ((rc = wire_list_next(&list, any.bytes, NULL)) == 1) {
		(*ret_count)++;
	}
	return rc;
}

/* Fills a number that the caller left 0. */
static int derive(struct plan *p, int16_t field, uint64_t v)
{
	if (field < 0 || p->number[field] != 0) {
		return 0;
	}
	if (!fits(&p->type->fields[field], v)) {
		return -ERANGE;
	}
	p->number[field] = v;
	return 0;
}

static int derive_length(struct plan *p, const struct wire_field *f, size_t n)
{
	return derive(p, f->length_field,
		(uint64_t)n - (uint64_t)(int64_t)f->length_add);
}

/* Places a view that holds bytes; *cursor is behind what precedes it. */
static int plan_view(struct plan *p, size_t i, size_t *cursor)
{
	const struct wire_field *f = &p->type->fields[i];
	struct wire_view v = wire_member_view(f, p->value);
	size_t origin = p->begin - p->type->start; /* may wrap, and back */
	size_t at = *cursor;
	uint64_t count = 0;

	if (f->offset_field >= 0 && p->number[f->offset_field] != 0) {
		uint64_t offset = p->number[f->offset_field];

		if (offset < p->type->start + p->type->fixed_size ||
			offset > UINT32_MAX) {
			return -ERANGE;
		}
		at = origin + (size_t)offset;
	} else if (f->align > 1) {
		size_t over = (at - origin) % f->align;

		at += over ? f->align - over : 0;
	}
	if (f->count_field >= 0) {
		int rc = count_elements(f, v, &count);

		if (rc < 0) {
			return -ERANGE;
		}
	}
	p->at[i] = at;
	if (at + v.n > *cursor) {
		*cursor = at + v.n;
	}
	if (derive(p, f->offset_field, at - origin) < 0 ||
		derive_length(p, f, v.n) < 0 ||
		derive(p, f->count_field, count) < 0) {
		return -ERANGE;
	}
	return 0;
}

static int plan_all(struct plan *p)
{
	size_t cursor = p->begin;

	p->end = p->begin;
	plan_presence(p);
	for (size_t i = 0; i < p->type->count; i++) {
		const struct wire_field *f = &p->type->fields[i];

		p->number[i] = wire_field_number(f, p->value);
		if (f->has_constant && p->number[i] == 0) {
			p->number[i] = f->constant;
		}
	}
	for (size_t i = 0; i < p->type->count; i++) {
		const struct wire_field *f = &p->type->fields[i];

		if (!p->present[i]) {
			continue;
		}
		if (f->kind != WIRE_VIEW) {
			p->at[i] = cursor;
			cursor += f->size;
		} else if (wire_member_view(f, p->value).n > 0) {
			int rc = plan_view(p, i, &cursor);

			if (rc < 0) {
				return rc;
			}
		} else {
			p->present[i] = false;
			if (f->length_add && derive_length(p, f, 0) < 0) {
				return -ERANGE;
			}
		}
		if (cursor > p->end) {
			p->end = cursor;
		}
	}
	return 0;
}

static void put_uint(uint8_t *to, const struct wire_field *f, uint64_t v)
{
	for (size_t i = 0; i < f->size; i++) {
		size_t at = f->big_endian ? f->size - 1U - i : i;

		to[at] = (uint8_t)(v >> (8 * i));
	}
}

static int put_field(struct plan *p, size_t i, uint8_t *to)
{
	const struct wire_field *f = &p->type->fields[i];
	const uint8_t *member = p->value + f->member;

	if (f->kind == WIRE_UINT) {
		put_uint(to, f, p->number[i]);
	} else if (f->kind == WIRE_VIEW) {
		struct wire_view v = wire_member_view(f, p->value);

		memcpy(to, v.p, v.n);
	} else if (f->kind == WIRE_STRUCT) {
		struct wire_buf inner = {.p = to, .cap = f->size};

		return wire_encode(f->of, member, &inner);
	} else {
		memcpy(to, member, f->size);
	}
	return 0;
}

int wire_encode(
	const struct wire_type *type, const void *value, struct wire_buf *out)
{
	struct plan plan = {.type = type, .value = value, .begin = out->n};

	if (out->error) {
		return out->error;
	}
	int rc = plan_all(&plan);

	if (rc < 0) {
		return fail(out, rc);
	}
	wire_buf_zero(out, plan.end - plan.begin);
	if (out->error || !out->p) {
		return out->error;
	}
	for (size_t i = 0; i < type->count; i++) {
		if (plan.present[i]) {
			rc = put_field(&plan, i, out->p + plan.at[i]);
			if (rc < 0) {
				return fail(out, rc);
			}
		}
	}
	return 0;
}

int wire_encode_message(
	const struct wire_type *type, const void *value, struct wire_buf *out)
{
	size_t begin = out->n;
	int rc = wire_encode(type, value, out);
	size_t least = (size_t)type->fields[0].constant;

	if (rc == 0 && out->n - begin < least) {
		wire_buf_zero(out, least - (out->n - begin));
	}
	return rc < 0 ? rc : out->error;
}
