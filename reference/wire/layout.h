/* SPDX-License-Identifier: MIT */
/* Inside the codec runtime: what decoder, encoder and walker share. */
#ifndef SMB3X_WIRE_LAYOUT_H
#define SMB3X_WIRE_LAYOUT_H

#include "wire/wire.h"

/* Memory for any decoded structure. */
union wire_any {
	uint8_t bytes[WIRE_MAX_STRUCT];
	uint64_t aligned;
	struct wire_view view;
};

/* Called for every present field, with its place in whole. */
typedef void wire_seen(void *ctx, const struct wire_field *field, size_t at,
	struct wire_view bytes);

struct wire_scan {
	const struct wire_type *type;
	struct wire_view whole;
	size_t start;   /* of the structure in whole */
	uint8_t *value; /* the C struct */
	size_t cursor;  /* behind what precedes the field */
	size_t end;     /* behind everything so far */
	unsigned int depth;
	struct wire_fault *fault;
	wire_seen *seen; /* may be NULL */
	void *ctx;
};

int wire_scan_run(struct wire_scan *scan);

/* The view member of a decoded structure. */
static inline struct wire_view wire_member_view(
	const struct wire_field *field, const void *value)
{
	const uint8_t *p = (const uint8_t *)value + field->member;

	return *(const struct wire_view *)(const void *)p;
}

/* Bytes of count packed elements at the front of bytes, or -EBADMSG. */
int wire_list_extent(const struct wire_type *type, struct wire_view bytes,
	uint64_t count, unsigned int depth, size_t *ret_n);

#endif
