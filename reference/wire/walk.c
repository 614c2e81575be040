/* SPDX-License-Identifier: MIT */
/*
 * Walks and prints decoded structures by their field tables. What is nested
 * and cannot be decoded stays the opaque bytes that it is.
 */
#include "wire/layout.h"
#include "wire/registry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct place {
	size_t at;
	struct wire_view bytes;
	bool seen;
};

struct walk {
	wire_visitor *visitor;
	void *ctx;
	enum wire_direction direction;
};

static const struct wire_type *from_registry(enum wire_registry registry,
	struct wire_view name, const uint64_t by[2], size_t size,
	bool is_response)
{
	switch (registry) {
	case WIRE_REGISTRY_CONTEXT:
		return wire_create_context_type(name, is_response, size);
	case WIRE_REGISTRY_FSCTL:
		return wire_fsctl_type((uint32_t)by[0], is_response);
	case WIRE_REGISTRY_INFO_SET:
		return wire_info_type(WIRE_SET, (uint8_t)by[0], (uint8_t)by[1]);
	case WIRE_REGISTRY_INFO_INPUT:
		return wire_info_type(
			WIRE_INPUT, (uint8_t)by[0], (uint8_t)by[1]);
	case WIRE_REGISTRY_REPARSE:
		return wire_reparse_type((uint32_t)by[0]);
	default:
		return NULL;
	}
}

static const struct wire_type *chosen(const struct wire_type *type,
	const struct wire_field *field, const void *value, bool is_response)
{
	const struct wire_choice *choice = field->choice;
	struct wire_view name = {NULL, 0};
	uint64_t by[2] = {0, 0};

	for (int i = 0; i < 2 && choice->by[i] >= 0; i++) {
		const struct wire_field *f = &type->fields[choice->by[i]];

		if (f->kind == WIRE_VIEW) {
			name = wire_member_view(f, value);
		} else {
			by[i] = wire_field_number(f, value);
		}
	}
	if (choice->registry != WIRE_REGISTRY_NONE) {
		return from_registry(choice->registry, name, by,
			wire_member_view(field, value).n, is_response);
	}
	for (size_t i = 0; i < choice->count; i++) {
		if (choice->cases[i].value == by[0]) {
			return choice->cases[i].type;
		}
	}
	return choice->otherwise;
}

const struct wire_type *wire_view_type(const struct wire_type *type,
	const struct wire_field *field, const void *value,
	enum wire_direction direction)
{
	if (type->direction != WIRE_EITHER) {
		direction = type->direction;
	}
	switch (field->content) {
	case WIRE_ONE:
	case WIRE_LIST:
		return field->of;
	case WIRE_CHOICE:
		return chosen(type, field, value, direction == WIRE_RESPONSE);
	default:
		return NULL;
	}
}

struct collected {
	const struct wire_field *first;
	struct place places[WIRE_MAX_FIELDS];
};

static void collect(void *ctx, const struct wire_field *field, size_t at,
	struct wire_view bytes)
{
	struct collected *c = ctx;

	c->places[field - c->first] = (struct place){at, bytes, true};
}

static int walk_type(const struct walk *walk, const struct wire_type *type,
	struct wire_view whole, size_t start, size_t base, unsigned int depth);

static int walk_list(const struct walk *walk, const struct wire_type *type,
	struct wire_view bytes, size_t base, unsigned int depth)
{
	struct wire_list list = wire_list_of(type, bytes);
	struct wire_view element;
	union wire_any any;
	int rc = 0;

	while (rc == 0 && wire_list_next(&list, any.bytes, &element) == 1) {
		rc = walk_type(walk, type, element, 0,
			base + (size_t)(element.p - bytes.p), depth);
		rc = rc == -EBADMSG ? 0 : rc;
	}
	return rc;
}

/* What lies inside one field. */
static int walk_inside(const struct walk *walk, const struct wire_type *type,
	const struct wire_field *field, const void *value,
	const struct place *place, size_t base, unsigned int depth)
{
	size_t at = base + place->at;
	int rc;

	if (depth >= WIRE_MAX_DEPTH) {
		return 0;
	}
	if (field->kind == WIRE_STRUCT) {
		return walk_type(walk, field->of, place->bytes, 0, at, depth);
	}
	if (field->kind != WIRE_VIEW) {
		return 0;
	}
	const struct wire_type *inner =
		wire_view_type(type, field, value, walk->direction);

	if (!inner) {
		return 0;
	}
	if (field->content == WIRE_LIST ||
		(field->content == WIRE_CHOICE && wire_type_is_list(inner))) {
		return walk_list(walk, inner, place->bytes, at, depth);
	}
	rc = walk_type(walk, inner, place->bytes, inner->start, at, depth);
	return rc == -EBADMSG ? 0 : rc;
}

static int walk_type(const struct walk *above, const struct wire_type *type,
	struct wire_view whole, size_t start, size_t base, unsigned int depth)
{
	struct walk walk = *above;
	struct collected c = {.first = type->fields};
	union wire_any any;
	struct wire_scan scan = {
		.type = type,
		.whole = whole,
		.start = start,
		.value = any.bytes,
		.seen = collect,
		.ctx = &c,
	};
	int rc = wire_scan_run(&scan);

	if (type->direction != WIRE_EITHER) {
		walk.direction = type->direction;
	}
	for (size_t i = 0; rc == 0 && i < type->count; i++) {
		const struct wire_field *field = &type->fields[i];
		const struct place *place = &c.places[i];
		struct wire_visit visit = {
			.type = type,
			.field = field,
			.depth = depth,
			.offset = base + place->at,
			.bytes = place->bytes,
		};

		if (!place->seen) {
			continue;
		}
		visit.number = wire_field_number(field, any.bytes);
		rc = walk.visitor(&visit, walk.ctx);
		if (rc == 0) {
			rc = walk_inside(&walk, type, field, any.bytes, place,
				base, depth + 1);
		}
	}
	return rc;
}

int wire_walk(const struct wire_type *type, struct wire_view whole,
	wire_visitor *visitor, void *ctx)
{
	struct walk walk = {.visitor = visitor, .ctx = ctx};

	return walk_type(&walk, type, whole, type->start, 0, 0);
}

/* ---- print ---- */

struct text {
	char *p;
	size_t size;
	size_t n; /* what there would be with room enough */
};

static void __attribute__((format(printf, 2, 3)))
say(struct text *text, const char *format, ...)
{
	size_t room = text->n < text->size ? text->size - text->n : 0;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(room ? text->p + text->n : NULL, room, format, args);
	va_end(args);
	text->n += n > 0 ? (size_t)n : 0;
}

static void say_hex(struct text *text, struct wire_view v)
{
	size_t shown = v.n < 32 ? v.n : 32;

	for (size_t i = 0; i < shown; i++) {
		say(text, "%02x", v.p[i]);
	}
	if (shown < v.n) {
		say(text, "... (%zu bytes)", v.n);
	}
}

static void say_guid(struct text *text, struct wire_view v)
{
	const uint8_t *p = v.p;

	say(text, "%08x-%04x-%04x-%02x%02x-", wire_get32(p), wire_get16(p + 4),
		wire_get16(p + 6), p[8], p[9]);
	for (int i = 10; i < 16; i++) {
		say(text, "%02x", p[i]);
	}
}

static void say_number(
	struct text *text, const struct wire_field *field, uint64_t number)
{
	char flags[512];
	const char *name;

	say(text, "0x%0*llx", field->size * 2, (unsigned long long)number);
	if (!field->values) {
		return;
	}
	if (field->values->flags) {
		(void)wire_flags_text(
			field->values, number, flags, sizeof(flags));
		if (flags[0]) {
			say(text, " (%s)", flags);
		}
		return;
	}
	name = wire_value_name(field->values, number);
	if (name) {
		say(text, " (%s)", name);
	}
}

static void say_text(struct text *text, const struct wire_visit *visit)
{
	char utf8[1024];
	int n = -1;

	if (visit->field->content == WIRE_UTF16) {
		n = wire_utf16_to_utf8(visit->bytes, utf8, sizeof(utf8));
	} else if (visit->bytes.n < sizeof(utf8)) {
		n = (int)visit->bytes.n;
		memcpy(utf8, visit->bytes.p, visit->bytes.n);
	}
	for (int i = 0; i < n; i++) {
		if ((unsigned char)utf8[i] < 0x20) {
			n = -1;
		}
	}
	if (n >= 0) {
		say(text, "\"%.*s\"", n, utf8);
	} else {
		say_hex(text, visit->bytes);
	}
}

static void say_array(struct text *text, const struct wire_visit *visit)
{
	const struct wire_field *field = visit->field;
	struct wire_field one = *field;

	one.size = field->element_size;
	for (size_t i = 0; i + one.size <= visit->bytes.n; i += one.size) {
		uint64_t v = 0;

		for (size_t k = 0; k < one.size; k++) {
			size_t at = one.big_endian ? k : one.size - 1U - k;

			v = v << 8 | visit->bytes.p[i + at];
		}
		say(text, "%s", i ? ", " : "");
		say_number(text, &one, v);
	}
}

static int print_field(const struct wire_visit *visit, void *ctx)
{
	const struct wire_field *field = visit->field;
	struct text *text = ctx;

	say(text, "%*s%s:", (int)visit->depth * 2, "", field->name);
	if (field->kind == WIRE_STRUCT ||
		(field->kind == WIRE_VIEW &&
			(field->content == WIRE_ONE ||
				field->content == WIRE_LIST))) {
		say(text, "\n");
		return 0;
	}
	say(text, " ");
	if (field->kind == WIRE_UINT) {
		say_number(text, field, visit->number);
	} else if (field->kind == WIRE_GUID) {
		say_guid(text, visit->bytes);
	} else if (field->content == WIRE_UTF16 ||
		   field->content == WIRE_ASCII) {
		say_text(text, visit);
	} else if (field->content == WIRE_ARRAY) {
		say_array(text, visit);
	} else {
		say_hex(text, visit->bytes);
	}
	say(text, "\n");
	return 0;
}

int wire_print(const struct wire_type *type, struct wire_view whole,
	char *ret_text, size_t size)
{
	struct text text = {ret_text, size, 0};

	if (size > 0) {
		ret_text[0] = '\0';
	}
	int rc = wire_walk(type, whole, print_field, &text);

	return rc < 0 ? rc : (int)text.n;
}

const char *wire_value_name(const struct wire_enum *values, uint64_t value)
{
	size_t low = 0, high = values->count;

	if (values->flags) {
		for (size_t i = 0; i < values->count; i++) {
			if (values->values[i].value == value) {
				return values->values[i].name;
			}
		}
		return NULL;
	}
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct wire_value *v = &values->values[mid];

		if (v->value == value) {
			return v->name;
		}
		if (v->value < value) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return NULL;
}

int wire_flags_text(const struct wire_enum *values, uint64_t value,
	char *ret_text, size_t size)
{
	struct text text = {ret_text, size, 0};
	uint64_t rest = value;

	if (size > 0) {
		ret_text[0] = '\0';
	}
	for (size_t i = 0; i < values->count; i++) {
		const struct wire_value *v = &values->values[i];

		if (v->value == 0 ? value == 0
				  : (rest & v->value) == v->value) {
			say(&text, "%s%s", text.n ? " | " : "", v->name);
			rest &= ~v->value;
		}
	}
	if (rest != 0) {
		say(&text, "%s0x%llx", text.n ? " | " : "",
			(unsigned long long)rest);
	}
	return (int)text.n;
}
