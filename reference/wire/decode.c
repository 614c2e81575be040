/* SPDX-License-Identifier: MIT */
/*
 * The decoder: one pass over the field table, every place and extent checked
 * against the view before it is touched. Nothing is allocated; a decoded view
 * borrows from the input. Recursion is bounded by WIRE_MAX_DEPTH.
 */
#include "wire/layout.h"

#include <errno.h>
#include <string.h>

static int fault(struct wire_scan *s, const struct wire_field *field,
	size_t offset, const char *why)
{
	if (s->fault) {
		*s->fault = (struct wire_fault){s->type, field, offset, why};
	}
	return -EBADMSG;
}

static uint64_t get_uint(const uint8_t *p, size_t size, bool big_endian)
{
	uint64_t v = 0;

	for (size_t i = 0; i < size; i++) {
		size_t at = big_endian ? i : size - 1 - i;

		v = v << 8 | p[at];
	}
	return v;
}

static void store_uint(uint8_t *member, size_t size, uint64_t v)
{
	uint8_t v8 = (uint8_t)v;
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (size) {
	case 1:
		memcpy(member, &v8, 1);
		break;
	case 2:
		memcpy(member, &v16, 2);
		break;
	case 4:
		memcpy(member, &v32, 4);
		break;
	default:
		memcpy(member, &v, 8);
		break;
	}
}

uint64_t wire_field_number(const struct wire_field *field, const void *value)
{
	const uint8_t *member = (const uint8_t *)value + field->member;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	if (field->kind != WIRE_UINT) {
		return 0;
	}
	switch (field->size) {
	case 1:
		return *member;
	case 2:
		memcpy(&v16, member, 2);
		return v16;
	case 4:
		memcpy(&v32, member, 4);
		return v32;
	default:
		memcpy(&v64, member, 8);
		return v64;
	}
}

static bool array_contains(
	const struct wire_field *field, struct wire_view v, uint64_t wanted)
{
	for (size_t i = 0; v.n - i >= field->element_size && i < v.n;
		i += field->element_size) {
		if (get_uint(v.p + i, field->element_size, field->big_endian) ==
			wanted) {
			return true;
		}
	}
	return false;
}

bool wire_field_present(const struct wire_type *type,
	const struct wire_field *field, const void *value)
{
	const struct wire_when *when = field->when;

	if (!when) {
		return true;
	}
	const struct wire_field *other = &type->fields[when->field];

	if (when->op == WIRE_WHEN_CONTAINS) {
		return array_contains(
			other, wire_member_view(other, value), when->value);
	}
	uint64_t number = wire_field_number(other, value);

	switch (when->op) {
	case WIRE_WHEN_EQUALS:
		return number == when->value;
	case WIRE_WHEN_NOT_EQUALS:
		return number != when->value;
	default:
		return (number & when->value) != 0;
	}
}

static void report(struct wire_scan *s, const struct wire_field *field,
	size_t at, size_t n)
{
	if (s->seen) {
		s->seen(s->ctx, field, at,
			(struct wire_view){s->whole.p + at, n});
	}
}

static int scan_inline(struct wire_scan *s, const struct wire_field *field)
{
	struct wire_scan inner = {
		.type = field->of,
		.whole = {s->whole.p, s->cursor + field->size},
		.start = s->cursor,
		.value = s->value + field->member,
		.depth = s->depth + 1,
		.fault = s->fault,
	};

	return wire_scan_run(&inner);
}

static int scan_fixed(struct wire_scan *s, const struct wire_field *field)
{
	size_t left = s->whole.n - s->cursor;

	if (left < field->size) {
		if (field->optional && left == 0) {
			return 0;
		}
		return fault(s, field, s->cursor, "the bytes end before it");
	}
	const uint8_t *p = s->whole.p + s->cursor;

	if (field->kind == WIRE_UINT) {
		uint64_t v = get_uint(p, field->size, field->big_endian);

		if (field->has_constant && v != field->constant) {
			return fault(s, field, s->cursor,
				"not the constant that it must be");
		}
		store_uint(s->value + field->member, field->size, v);
	} else if (field->kind == WIRE_STRUCT) {
		int rc = scan_inline(s, field);

		if (rc < 0) {
			return rc;
		}
	} else {
		memcpy(s->value + field->member, p, field->size);
	}
	report(s, field, s->cursor, field->size);
	s->cursor += field->size;
	return 0;
}

/* How far one structure reaches that starts the view. */
static int one_extent(const struct wire_type *type, struct wire_view bytes,
	unsigned int depth, size_t *ret_n)
{
	union wire_any any;
	struct wire_scan inner = {
		.type = type,
		.whole = bytes,
		.value = any.bytes,
		.depth = depth,
	};
	int rc = wire_scan_run(&inner);

	if (rc == 0) {
		*ret_n = inner.end;
	}
	return rc;
}

int wire_list_extent(const struct wire_type *type, struct wire_view bytes,
	uint64_t count, unsigned int depth, size_t *ret_n)
{
	size_t at = 0, end = 0;

	for (uint64_t i = 0; i < count; i++) {
		size_t n;

		if (at >= bytes.n) {
			return -EBADMSG;
		}
		struct wire_view rest = {bytes.p + at, bytes.n - at};
		int rc = one_extent(type, rest, depth, &n);

		if (rc < 0) {
			return rc;
		}
		if (n == 0) {
			return -EBADMSG;
		}
		end = at + n;
		at = end;
		if (type->list_align > 1 && at % type->list_align) {
			at += type->list_align - at % type->list_align;
		}
	}
	*ret_n = end;
	return 0;
}

/* The number of bytes of a view that starts at `at`. */
static int view_extent(struct wire_scan *s, const struct wire_field *field,
	size_t at, uint64_t *ret_n)
{
	const struct wire_field *fields = s->type->fields;
	struct wire_view rest = {s->whole.p + at, s->whole.n - at};
	uint64_t count = 0;
	size_t n = 0;
	int rc = 0;

	if (field->length_field >= 0) {
		uint64_t length = wire_field_number(
			&fields[field->length_field], s->value);

		*ret_n = length + (uint64_t)(int64_t)field->length_add;
		return field->length_add < 0 && *ret_n > length ? -EBADMSG : 0;
	}
	if (field->count_field >= 0) {
		count = wire_field_number(
			&fields[field->count_field], s->value);
	}
	if (field->count_field >= 0 && field->content == WIRE_LIST) {
		rc = wire_list_extent(field->of, rest, count, s->depth + 1, &n);
		*ret_n = n;
	} else if (field->count_field >= 0) {
		size_t size = field->element_size ? field->element_size : 1;

		*ret_n = count > UINT64_MAX / size ? UINT64_MAX : count * size;
	} else if (field->content == WIRE_ONE) {
		rc = rest.n == 0 && field->optional
			     ? 0
			     : one_extent(field->of, rest, s->depth + 1, &n);
		*ret_n = n;
	} else {
		*ret_n = rest.n;
	}
	return rc;
}

/* Empty by its length or count, wherever its offset points. */
static bool view_empty(struct wire_scan *s, const struct wire_field *field)
{
	const struct wire_field *fields = s->type->fields;

	if (field->length_field >= 0) {
		return wire_field_number(
			       &fields[field->length_field], s->value) +
			       (uint64_t)(int64_t)field->length_add ==
		       0;
	}
	if (field->count_field >= 0) {
		return wire_field_number(
			       &fields[field->count_field], s->value) == 0;
	}
	return field->offset_field >= 0 &&
	       wire_field_number(&fields[field->offset_field], s->value) == 0;
}

static int scan_view(struct wire_scan *s, const struct wire_field *field)
{
	const struct wire_field *fields = s->type->fields;
	size_t at = s->cursor;
	uint64_t n;

	if (view_empty(s, field)) {
		return 0;
	}
	if (field->offset_field >= 0) {
		uint64_t offset = wire_field_number(
			&fields[field->offset_field], s->value);
		size_t origin = s->start - s->type->start;

		if (offset < s->type->start + s->type->fixed_size) {
			return fault(s, field, s->start,
				"its offset points into the fixed part");
		}
		if (offset > s->whole.n - origin) {
			return fault(s, field, s->start,
				"its offset points behind the end");
		}
		at = origin + (size_t)offset;
	}
	if (view_extent(s, field, at, &n) < 0) {
		return fault(s, field, at, "its content breaks its layout");
	}
	if (n > s->whole.n - at) {
		return fault(s, field, at, "it reaches behind the end");
	}
	if (n == 0) {
		return 0;
	}
	struct wire_view v = {s->whole.p + at, (size_t)n};

	memcpy(s->value + field->member, &v, sizeof(v));
	report(s, field, at, v.n);
	if (at + v.n > s->cursor) {
		s->cursor = at + v.n;
	}
	return 0;
}

int wire_scan_run(struct wire_scan *s)
{
	const struct wire_type *type = s->type;

	if (s->depth > WIRE_MAX_DEPTH) {
		return fault(s, NULL, s->start, "nested too deeply");
	}
	memset(s->value, 0, type->c_size);
	s->cursor = s->start;
	s->end = s->start;
	if (s->whole.n < s->start || s->whole.n - s->start < type->fixed_size) {
		return fault(
			s, NULL, s->whole.n, "shorter than its fixed part");
	}
	for (size_t i = 0; i < type->count; i++) {
		const struct wire_field *field = &type->fields[i];
		int rc = 0;

		if (!wire_field_present(type, field, s->value)) {
			continue;
		}
		rc = field->kind == WIRE_VIEW ? scan_view(s, field)
					      : scan_fixed(s, field);
		if (rc < 0) {
			return rc;
		}
		if (s->cursor > s->end) {
			s->end = s->cursor;
		}
	}
	return 0;
}

int wire_decode_extent(const struct wire_type *type, struct wire_view whole,
	void *ret_value, size_t *ret_end, struct wire_fault *ret_fault)
{
	union wire_any any;
	struct wire_fault unused;
	struct wire_scan scan = {
		.type = type,
		.whole = whole,
		.start = type->start,
		.value = any.bytes,
		.fault = ret_fault ? ret_fault : &unused,
	};
	int rc = wire_scan_run(&scan);

	if (rc < 0) {
		return rc;
	}
	memcpy(ret_value, any.bytes, type->c_size);
	*ret_end = scan.end;
	return 0;
}

int wire_decode(const struct wire_type *type, struct wire_view whole,
	void *ret_value, struct wire_fault *ret_fault)
{
	size_t end;

	return wire_decode_extent(type, whole, ret_value, &end, ret_fault);
}
