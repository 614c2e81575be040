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
#define LONG_MESSAGE 4096
#define FLAGS_MAX 64 /* longer names of flags are a number instead */

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
		"SecurityMode", "Capabilities", "PreviousSessionId", "InfoType",
		"FileInfoClass", "FileInformationClass"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) &&
		    strcmp(field->name, names[i]) != 0;
		i++) {
	}
	return field->reserved || field->has_constant ||
	       i < sizeof(names) / sizeof(names[0]);
}

/* Every flag that there is, and there are some. */
static bool is_all(const struct wire_enum *values, uint64_t number)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < values->count; i++) {
		all |= values->values[i].value;
	}
	return values->count > 2 && number == all;
}

static void say_number(struct text *out, const struct wire_visit *v)
{
	const struct wire_enum *values = v->field->values;
	char text[TEXT_MAX];
	const char *name = NULL;

	if (values != NULL && values->flags && is_all(values, v->number)) {
		name = "all";
	} else if (values != NULL && values->flags) {
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
	if (v->bytes.n == 16 && memcmp(v->bytes.p, POSIX_TAG, 16) == 0) {
		text_add(out, ", context POSIX");
		return;
	}
	text_add(out, ", context %s", v->bytes.n == 16 ? "0x" : "");
	for (i = 0; i < v->bytes.n && i < 16; i++) {
		text_add(out,
			v->bytes.n == 16         ? "%02x"
			: isprint(v->bytes.p[i]) ? "%c"
						 : "\\x%02x",
			v->bytes.p[i]);
	}
}

/* Which structure an information class stands for, or its numbers. */
static void say_class(
	struct text *out, const struct wire_type *type, struct wire_view pdu)
{
	const struct wire_type *class = NULL;
	uint8_t first = pdu.p[HEADER_SIZE + 2], second = pdu.p[HEADER_SIZE + 3];

	if (type == &smb2_query_directory_request_type) {
		second = first;
		first = SMB2_0_INFO_FILE;
		class = wire_info_type(WIRE_DIRECTORY, first, second);
	} else if (type == &smb2_set_info_request_type) {
		class = wire_info_type(WIRE_SET, first, second);
	} else if (type == &smb2_query_info_request_type) {
		class = wire_info_type(WIRE_QUERY, first, second);
	} else {
		return;
	}
	if (class != NULL) {
		text_add(out, ", %s", class->name);
	} else {
		text_add(out, ", class %u of InfoType %u", second, first);
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

/* One message. */
static void say_message(struct text *out, struct wire_view pdu)
{
	const struct wire_type *type = wire_message_type_of(pdu);
	struct line line = {0};

	if (type == NULL || type == &smb2_session_setup_request_type ||
		pdu.n < HEADER_SIZE + 4) {
		return;
	}
	say_class(&line.names, type, pdu);
	(void)wire_walk(type, pdu, visit, &line); /* as far as it goes */
	text_put(&line.names, line.rest.n != 0 ? line.rest.p : "", line.rest.n);
	if (pdu.n > LONG_MESSAGE && type != &smb2_write_request_type) {
		text_add(&line.names, ", a message of %zu bytes", pdu.n);
	}
	if (line.names.n > 2) {
		text_put(out, line.names.p + 2,
			line.names.n - 2 < LINE_MAX ? line.names.n - 2
						    : LINE_MAX);
	}
	text_finish(&line.names);
	text_finish(&line.rest);
}

/* Moves on to the next message of a compound; false at its end. */
static bool next_message(struct wire_view *pdu)
{
	uint32_t next = wire_get32(pdu->p + 20);

	if (next < HEADER_SIZE || next >= pdu->n ||
		pdu->n - next < HEADER_SIZE) {
		return false;
	}
	*pdu = wire_view_sub(*pdu, next, pdu->n - next);
	return true;
}

/* A message without what follows it in a compound. */
static struct wire_view alone(struct wire_view pdu)
{
	uint32_t next = wire_get32(pdu.p + 20);

	return next >= HEADER_SIZE && next < pdu.n ? wire_view_sub(pdu, 0, next)
						   : pdu;
}

void story_request(struct text *out, const struct log *log, uint32_t frame)
{
	const struct record_frame *f = find(log, frame);
	struct wire_view pdu =
		f != NULL ? message_of(f) : (struct wire_view){NULL, 0};

	if (pdu.n == 0) {
		return;
	}
	say_message(out, alone(pdu));
	while (next_message(&pdu)) {
		struct text said = {0};

		say_message(&said, alone(pdu));
		text_add(out, "; %s%s%s", command_name(wire_get16(pdu.p + 12)),
			said.n != 0 ? ": " : "", said.n != 0 ? said.p : "");
		text_finish(&said);
	}
}

/* Whether one of the messages of a frame answers the MessageId. */
static bool answers(struct wire_view pdu, uint64_t id, uint32_t *ret_status)
{
	if (pdu.n == 0) {
		return false;
	}
	do {
		if (wire_get64(pdu.p + 24) == id) {
			*ret_status = wire_get32(pdu.p + 8);
			return true;
		}
	} while (next_message(&pdu));
	return false;
}

/* The final status for a MessageId, or the interim one; 0 frames: none. */
static uint32_t answer_to(const struct log *log,
	const struct record_frame *sent, uint64_t id, uint32_t *ret_frame)
{
	const struct record *r = &sent->head;
	uint32_t status = 0, seen;

	*ret_frame = 0;
	while ((r = log_next(log, r)) != NULL) {
		const struct record_frame *f = (const struct record_frame *)r;

		if (r->kind == RECORD_FRAME && f->kind == FRAME_RECEIVED &&
			r->peer == sent->head.peer &&
			answers(message_of(f), id, &seen)) {
			status = seen;
			*ret_frame = f->number;
			if (status != STATUS_PENDING) {
				break;
			}
		}
	}
	return status;
}

uint32_t story_answer(struct text *out, const struct log *log, uint32_t frame)
{
	const struct record_frame *sent = find(log, frame);
	struct wire_view pdu =
		sent != NULL ? message_of(sent) : (struct wire_view){NULL, 0};
	uint32_t first = 0, at, status;

	if (pdu.n == 0) {
		return 0;
	}
	do {
		status = answer_to(log, sent, wire_get64(pdu.p + 24), &at);
		if (at != 0) {
			text_add(out, "%s%s", out->n != 0 ? ", " : "",
				status_text(status));
			first = first != 0 ? first : at;
		}
	} while (next_message(&pdu));
	return first;
}
