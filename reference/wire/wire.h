/* SPDX-License-Identifier: MIT */
/*
 * The codec runtime: views, buffers, and one table-driven interpreter that
 * decodes, encodes, prints and walks every structure of spec/wire/.
 *
 * tools/wiregen writes, per structure, a C struct, a table of its fields
 * (struct wire_type) and two typed inline wrappers, NAME_decode() and
 * NAME_encode(). Nothing here allocates; a decoded struct holds views into
 * the bytes it was decoded from and dies with them.
 *
 * All integers on the wire are little-endian unless a field says otherwise.
 * Errors: 0, or -EBADMSG (the bytes break the layout), or -ENOBUFS (the
 * output buffer is too small), or -ERANGE (a value does not fit its field).
 */
#ifndef SMB3X_WIRE_WIRE_H
#define SMB3X_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes. p may be NULL when n is 0. */
struct wire_view {
	const uint8_t *p;
	size_t n;
};

struct wire_guid {
	uint8_t b[16]; /* as on the wire */
};

/*
 * Output: bytes are appended at n. base is where the current PDU or
 * structure starts; every encoded offset field counts from there. With
 * p == NULL nothing is written and n counts (the size pass).
 */
struct wire_buf {
	uint8_t *p;
	size_t cap;
	size_t n;
	size_t base;
	int error; /* first -ENOBUFS or -ERANGE, sticky */
};

/* Why a decode failed: which structure, which field, where, in words. */
struct wire_fault {
	const struct wire_type *type;
	const struct wire_field *field;
	size_t offset; /* from the start of the decoded bytes */
	const char *why;
};

enum wire_kind {
	WIRE_UINT,   /* 1, 2, 4 or 8 bytes; C member of that width */
	WIRE_GUID,   /* struct wire_guid */
	WIRE_BYTES,  /* fixed number of bytes; C member uint8_t[n] */
	WIRE_STRUCT, /* nested structure of fixed size, inline */
	WIRE_VIEW,   /* variable bytes; C member struct wire_view */
};

/* What a WIRE_VIEW holds; for printing, walking and re-encoding. */
enum wire_content {
	WIRE_OPAQUE,
	WIRE_UTF16, /* UTF-16LE text */
	WIRE_ASCII,
	WIRE_ARRAY,  /* integers of element_size bytes */
	WIRE_ONE,    /* one structure of type `of` */
	WIRE_LIST,   /* chained or packed structures of type `of` */
	WIRE_CHOICE, /* one structure, its type chosen by another field */
};

struct wire_value {
	uint64_t value;
	const char *name;
};

/* Named values of a field: an enumeration, or bits when flags is set. */
struct wire_enum {
	const char *name;
	bool flags;
	size_t count;
	const struct wire_value *values;
};

/*
 * A structure that is chosen by sibling fields: the first case whose value
 * equals by[0], else otherwise; or what a registry (registry.h) says. NULL
 * leaves the bytes opaque. A chosen list element is walked as a list.
 */
enum wire_registry {
	WIRE_REGISTRY_NONE,
	WIRE_REGISTRY_CONTEXT,    /* by: name of a create context */
	WIRE_REGISTRY_FSCTL,      /* by: control code */
	WIRE_REGISTRY_INFO_SET,   /* by: information type and class */
	WIRE_REGISTRY_INFO_INPUT, /* the same, for the input of a query */
	WIRE_REGISTRY_REPARSE,    /* by: reparse tag */
};

struct wire_case {
	uint64_t value;
	const struct wire_type *type;
};

struct wire_choice {
	int16_t by[2]; /* sibling fields, -1 = none */
	enum wire_registry registry;
	size_t count;
	const struct wire_case *cases;
	const struct wire_type *otherwise;
};

/* A field is there only when a sibling before it says so. */
enum wire_when_op {
	WIRE_WHEN_EQUALS,
	WIRE_WHEN_NOT_EQUALS,
	WIRE_WHEN_BIT,      /* any bit of value is set */
	WIRE_WHEN_CONTAINS, /* the array has an element of that value */
};

struct wire_when {
	int16_t field;
	enum wire_when_op op;
	uint64_t value;
};

/* Which way a structure travels, for what depends on it. */
enum wire_direction {
	WIRE_EITHER,
	WIRE_REQUEST,
	WIRE_RESPONSE,
};

/* Upper bounds that wiregen keeps. */
#define WIRE_MAX_FIELDS 48  /* per structure */
#define WIRE_MAX_STRUCT 512 /* sizeof of a C struct */
#define WIRE_MAX_DEPTH 8    /* of structures within structures */

/*
 * One field. The table order is the wire order of the fixed part. A view's
 * bytes lie at the offset named by offset_field (counted from the base), or,
 * without one, directly behind what precedes it; their number is given by
 * length_field (bytes) or count_field (elements), or they reach to the end.
 * Sibling fields are given by index into the table, -1 = none.
 */
struct wire_field {
	const char *name; /* as the document spells it */
	enum wire_kind kind;
	enum wire_content content;
	uint16_t size;   /* bytes on the wire of the fixed part */
	uint16_t member; /* offset in the C struct */
	uint16_t element_size;
	int16_t length_field;
	int16_t length_add; /* bytes of the view = length field + this */
	int16_t count_field;
	int16_t offset_field;
	uint8_t align; /* alignment of a view on encode, 0 or 1 = none */
	bool reserved; /* kept as received, encoded as set */
	bool optional; /* absent when the bytes end before it */
	bool big_endian;
	bool has_constant;
	uint64_t constant; /* decode refuses another value */
	const struct wire_enum *values;
	const struct wire_type *of;
	const struct wire_choice *choice; /* WIRE_CHOICE */
	const struct wire_when *when;     /* NULL: always present */
};

struct wire_type {
	const char *name;    /* as the document spells it */
	const char *section; /* e.g. "[MS-SMB2] 2.2.13" */
	size_t c_size;       /* sizeof the C struct */
	size_t fixed_size;   /* bytes of the fixed part */
	size_t start;        /* where it begins in its PDU: 64 for bodies */
	int16_t next_field;  /* chained list: index of Next..., or -1 */
	uint8_t list_align;  /* alignment between list elements */
	enum wire_direction direction;
	size_t count;
	const struct wire_field *fields;
};

/*
 * Decode a structure out of `whole`; it begins at type->start and its offsets
 * count from the start of `whole`. ret_fault may be NULL.
 */
int wire_decode(const struct wire_type *type, struct wire_view whole,
	void *ret_value, struct wire_fault *ret_fault)
	__attribute__((warn_unused_result));

/*
 * The same; *ret_end becomes the end of the last byte that a field covers.
 * What lies behind it in whole (padding of compounds, the filler byte of an
 * odd StructureSize) is the caller's business.
 */
int wire_decode_extent(const struct wire_type *type, struct wire_view whole,
	void *ret_value, size_t *ret_end, struct wire_fault *ret_fault)
	__attribute__((warn_unused_result));

/* The number in an integer field of a decoded structure. */
uint64_t wire_field_number(const struct wire_field *field, const void *value);

/* Whether a field is present in a (partly) decoded structure. */
bool wire_field_present(const struct wire_type *type,
	const struct wire_field *field, const void *value);

/* The type of what a ONE, LIST or CHOICE view of a decoded structure holds;
 * NULL when unknown. direction matters where type->direction is EITHER. */
const struct wire_type *wire_view_type(const struct wire_type *type,
	const struct wire_field *field, const void *value,
	enum wire_direction direction);

/* Elements of this type come in lists. */
static inline bool wire_type_is_list(const struct wire_type *type)
{
	return type->next_field >= 0 || type->list_align > 0;
}

/*
 * Append a structure. Offsets count from type->start bytes before where it is
 * put: from the header for a message, else from its own first byte. Offset and
 * length fields that are 0 while their view holds bytes are computed (and the
 * view placed there, aligned); an offset that is set is honoured and the gap
 * filled with zeroes, so that what was decoded encodes to the same bytes.
 * Constants that are 0 are filled in.
 */
int wire_encode(const struct wire_type *type, const void *value,
	struct wire_buf *out) __attribute__((warn_unused_result));

/*
 * Append the body of a message as a sender does: StructureSize counts one
 * byte of the variable part, and where that part is empty a zero byte stands
 * for it, which receivers insist on.
 */
int wire_encode_message(const struct wire_type *type, const void *value,
	struct wire_buf *out) __attribute__((warn_unused_result));

/* Walks a view that holds WIRE_LIST content. */
struct wire_list {
	const struct wire_type *type;
	struct wire_view rest;
	size_t offset; /* of the next element from the start of the list */
	bool ended;
};

struct wire_list wire_list_of(
	const struct wire_type *type, struct wire_view list);

/* 1 and *ret_value filled; 0 at the end; -EBADMSG. ret_bytes may be NULL. */
int wire_list_next(struct wire_list *list, void *ret_value,
	struct wire_view *ret_bytes) __attribute__((warn_unused_result));

/*
 * Append an element to a list under construction; links the previous one
 * (its Next field) and aligns as the type says. *last is the position of the
 * previous element in out, SIZE_MAX before the first.
 */
int wire_list_append(const struct wire_type *type, const void *value,
	struct wire_buf *out, size_t *last) __attribute__((warn_unused_result));

/*
 * Visit every field of a structure, nested ones and list elements included,
 * depth first: for printing, evidence and mutation.
 */
struct wire_visit {
	const struct wire_type *type;
	const struct wire_field *field;
	unsigned int depth;
	size_t offset; /* of the field's bytes in `whole` */
	struct wire_view bytes;
	uint64_t number; /* WIRE_UINT */
};
typedef int wire_visitor(const struct wire_visit *visit, void *ctx);
int wire_walk(const struct wire_type *type, struct wire_view whole,
	wire_visitor *visitor, void *ctx);

/* Print as indented "Name: value (SYMBOL)" lines; returns length like
 * snprintf. */
int wire_print(const struct wire_type *type, struct wire_view whole,
	char *ret_text, size_t size);

/* Symbol of a value, or NULL. Flags: use wire_flags_text. */
const char *wire_value_name(const struct wire_enum *values, uint64_t value);
int wire_flags_text(const struct wire_enum *values, uint64_t value,
	char *ret_text, size_t size);

/* Bounds-checked helpers on views; sub returns an empty view when outside. */
struct wire_view wire_view_sub(struct wire_view v, size_t at, size_t n);
static inline struct wire_view wire_view_of(const void *p, size_t n)
{
	return (struct wire_view){(const uint8_t *)p, n};
}
bool wire_view_equal(struct wire_view a, struct wire_view b);
uint16_t wire_get16(const uint8_t *p);
uint32_t wire_get32(const uint8_t *p);
uint64_t wire_get64(const uint8_t *p);
void wire_put16(uint8_t *p, uint16_t v);
void wire_put32(uint8_t *p, uint32_t v);
void wire_put64(uint8_t *p, uint64_t v);

/* Append raw bytes / zeroes up to an alignment counted from out->base. */
void wire_buf_bytes(struct wire_buf *out, struct wire_view bytes);
void wire_buf_zero(struct wire_buf *out, size_t n);
void wire_buf_align(struct wire_buf *out, size_t align);

/*
 * UTF-16LE <-> UTF-8. Both return the number of bytes written (no
 * terminator), -EILSEQ for unpaired surrogates or bad UTF-8, -ENOBUFS.
 */
int wire_utf16_to_utf8(struct wire_view in, char *ret_text, size_t size);
int wire_utf8_to_utf16(const char *in, uint8_t *ret_bytes, size_t size);

#endif
