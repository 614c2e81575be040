/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers in words; see story.h. [MS-SMB2] 2.2.1, 2.2.3 to 2.2.31
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runner/story.h"
#include "suite/peer.h"

#define HEADER_SIZE 64
#define LINE_MAX 320
#define TEXT_MAX 160
#define FLAGS_MAX 48 /* longer names of flags are a number instead */

/* The first SMB2 message of a frame, decrypted; empty if there is none. */
static struct wire_view message_of(const struct record_frame *frame)
{
	struct wire_view v = frame->plain != 0 ? log_frame_plain(frame)
					       : log_frame_bytes(frame);
	unsigned int i;

	for (i = 0; i <= 4; i += 4) { /* without and with length prefix */
		if (v.n >= i + HEADER_SIZE &&
			memcmp(v.p + i, "\xfeSMB", 4) == 0) {
			return wire_view_sub(v, i, v.n - i);
		}
	}
	return (struct wire_view){NULL, 0};
}

static const struct record_frame *find(const struct log *log, uint32_t number)
{
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		const struct record_frame *f = (const struct record_frame *)r;

		if (r->kind == RECORD_FRAME && f->number == number &&
			f->kind == FRAME_SENT) {
			return f;
		}
	}
	return NULL;
}

/* Whether a field only says where another one lies or how long it is. */
static bool is_plumbing(const struct wire_type *type, size_t index)
{
	size_t i;

	for (i = 0; i < type->count; i++) {
		const struct wire_field *f = &type->fields[i];

		if (f->kind == WIRE_VIEW &&
			((size_t)f->length_field == index ||
				(size_t)f->count_field == index ||
				(size_t)f->offset_field == index)) {
			return true;
		}
	}
	return false;
}

/* Fields that are the same in nearly every request, or random. */
static bool is_dull(const struct wire_field *field)
{
	static const char *const names[] = {"ImpersonationLevel", "ClientGuid",
		"SecurityMode", "Capabilities", "PreviousSessionId"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) &&
		    strcmp(field->name, names[i]) != 0;
		i++) {
	}
	return field->reserved || field->has_constant ||
	       i < sizeof(names) / sizeof(names[0]);
}

static void say_number(struct text *out, const struct wire_visit *v)
{
	const struct wire_enum *values = v->field->values;
	char text[TEXT_MAX];
	const char *name = NULL;

	if (values != NULL && values->flags) {
		wire_flags_text(values, v->number, text, sizeof(text));
		name = text[0] != '\0' && strlen(text) <= FLAGS_MAX ? text
								    : NULL;
	} else if (values != NULL) {
		name = wire_value_name(values, v->number);
	}
	if (name != NULL) {
		text_add(out, ", %s %s", v->field->name, name);
	} else if (v->number < 0x10000 && values == NULL) {
		text_add(out, ", %s %" PRIu64, v->field->name, v->number);
	} else {
		text_add(out, ", %s 0x%" PRIx64, v->field->name, v->number);
	}
}

static void say_view(struct text *out, const struct wire_visit *v)
{
	char text[TEXT_MAX];
	int n;

	if (v->bytes.n == 0) {
		return;
	}
	if (v->field->content == WIRE_UTF16) {
		n = wire_utf16_to_utf8(v->bytes, text, sizeof(text) - 1);
		text_add(out, ", %s \"%.*s\"", v->field->name, n < 0 ? 1 : n,
			n < 0 ? "?" : text);
	} else if (v->field->content == WIRE_ARRAY && v->bytes.n <= 16 &&
		   v->field->element_size == 2) {
		size_t i;

		text_add(out, ", %s", v->field->name);
		for (i = 0; i + 1 < v->bytes.n; i += 2) {
			text_add(out, " 0x%04x", wire_get16(v->bytes.p + i));
		}
	} else if (v->field->content != WIRE_LIST) {
		text_add(out, ", %s of %zu bytes", v->field->name, v->bytes.n);
	}
}

/* Of what a view holds: names of create contexts, what a lease asks for,
 * the ranges of a LOCK. */
static void say_inner(struct text *out, const struct wire_visit *v)
{
	size_t i;

	if (v->field->kind == WIRE_UINT &&
		(v->type == &smb2_lock_element_type ||
			strcmp(v->field->name, "LeaseState") == 0)) {
		if (!v->field->reserved) {
			say_number(out, v);
		}
		return;
	}
	if (v->type != &smb2_create_context_type ||
		strcmp(v->field->name, "Name") != 0) {
		return;
	}
	text_add(out, ", context ");
	for (i = 0; i < v->bytes.n && i < 16; i++) {
		text_add(out, isprint(v->bytes.p[i]) ? "%c" : "\\x%02x",
			v->bytes.p[i]);
	}
}

/* Names come first: they are what a reader looks for. */
struct line {
	struct text names, rest;
};

static int visit(const struct wire_visit *v, void *ctx)
{
	struct line *line = ctx;

	if (v->depth != 0) {
		say_inner(&line->rest, v);
	} else if (is_dull(v->field) ||
		   is_plumbing(v->type, (size_t)(v->field - v->type->fields))) {
		return 0;
	} else if (v->field->kind == WIRE_UINT && v->number != 0) {
		say_number(&line->rest, v);
	} else if (v->field->kind == WIRE_VIEW &&
		   v->field->content == WIRE_UTF16) {
		say_view(&line->names, v);
	} else if (v->field->kind == WIRE_VIEW) {
		say_view(&line->rest, v);
	}
	return 0;
}

void story_request(struct text *out, const struct log *log, uint32_t frame)
{
	const struct record_frame *f = find(log, frame);
	struct wire_view pdu =
		f != NULL ? message_of(f) : (struct wire_view){NULL, 0};
	const struct wire_type *type =
		pdu.n != 0 ? wire_message_type_of(pdu) : NULL;
	struct line line = {0};

	if (type == NULL || type == &smb2_session_setup_request_type) {
		return;
	}
	(void)wire_walk(type, pdu, visit, &line); /* as far as it goes */
	text_put(&line.names, line.rest.n != 0 ? line.rest.p : "", line.rest.n);
	if (line.names.n > 2) {
		text_put(out, line.names.p + 2,
			line.names.n - 2 < LINE_MAX ? line.names.n - 2
						    : LINE_MAX);
	}
	text_finish(&line.names);
	text_finish(&line.rest);
}

/* Whether one of the messages of a frame answers the MessageId. */
static bool answers(struct wire_view pdu, uint64_t id, uint32_t *ret_status)
{
	while (pdu.n >= HEADER_SIZE) {
		uint32_t next = wire_get32(pdu.p + 20);

		if (wire_get64(pdu.p + 24) == id) {
			*ret_status = wire_get32(pdu.p + 8);
			return true;
		}
		if (next < HEADER_SIZE || next >= pdu.n) {
			break;
		}
		pdu = wire_view_sub(pdu, next, pdu.n - next);
	}
	return false;
}

uint32_t story_answer(
	const struct log *log, uint32_t frame, uint32_t *ret_frame)
{
	const struct record_frame *sent = find(log, frame);
	struct wire_view pdu =
		sent != NULL ? message_of(sent) : (struct wire_view){NULL, 0};
	const struct record *r;
	uint32_t status = 0, seen;

	*ret_frame = 0;
	if (pdu.n == 0) {
		return 0;
	}
	for (r = &sent->head; (r = log_next(log, r)) != NULL;) {
		const struct record_frame *f = (const struct record_frame *)r;

		if (r->kind == RECORD_FRAME && f->kind == FRAME_RECEIVED &&
			r->peer == sent->head.peer &&
			answers(message_of(f), wire_get64(pdu.p + 24), &seen)) {
			status = seen;
			*ret_frame = f->number;
			if (status != STATUS_PENDING) {
				break;
			}
		}
	}
	return status;
}
