/* SPDX-License-Identifier: MIT */
/*
 * Values in words, for records and reports.
 */
#include <inttypes.h>
#include <stdio.h>

#include "suite/say.h"

const char *say_command(const struct reply *reply)
{
	if (reply->request == NULL) {
		return "message";
	}
	return command_name(reply->request->command);
}

void say_reply(const struct reply *reply, char *ret_text, size_t size)
{
	switch (reply->outcome) {
	case REPLY_ARRIVED:
		snprintf(ret_text, size, "%s%s%s", status_text(reply->status),
			reply->body == NULL ? ", malformed: " : "",
			reply->body != NULL        ? ""
			: reply->fault.why != NULL ? reply->fault.why
						   : "unknown type");
		break;
	case REPLY_TIMEOUT:
		snprintf(ret_text, size, "no response in time");
		break;
	case REPLY_CLOSED:
		snprintf(ret_text, size, "the connection was closed");
		break;
	}
}

void say_value(const struct wire_field *field, uint64_t value, char *ret_text,
	size_t size)
{
	const struct wire_enum *values = field != NULL ? field->values : NULL;
	const char *name;
	char text[160];

	if (values != NULL && values->flags) {
		wire_flags_text(values, value, text, sizeof(text));
		snprintf(ret_text, size, "0x%" PRIx64 "%s%s%s", value,
			text[0] != '\0' ? " (" : "", text,
			text[0] != '\0' ? ")" : "");
		return;
	}
	name = values != NULL ? wire_value_name(values, value) : NULL;
	if (name != NULL) {
		snprintf(ret_text, size, "%s (0x%" PRIx64 ")", name, value);
	} else if (value < 10) {
		snprintf(ret_text, size, "%" PRIu64, value);
	} else {
		snprintf(ret_text, size, "%" PRIu64 " (0x%" PRIx64 ")", value,
			value);
	}
}

void say_bytes(struct wire_view bytes, size_t from, char *ret_text, size_t size)
{
	size_t i, n;

	n = (size_t)snprintf(ret_text, size, "%zu bytes", bytes.n);
	if (from >= bytes.n) {
		return;
	}
	n += (size_t)snprintf(ret_text + n, size - n, ", from byte %zu:", from);
	for (i = from; i < bytes.n && i < from + 16 && n + 8 < size; i++) {
		n += (size_t)snprintf(
			ret_text + n, size - n, " %02x", bytes.p[i]);
	}
	if (i < bytes.n && n + 8 < size) {
		snprintf(ret_text + n, size - n, " ...");
	}
}
