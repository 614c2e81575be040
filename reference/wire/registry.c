/* SPDX-License-Identifier: MIT */
/* Searches the tables that wiregen made from the keys in spec/wire/. */
#include "wire/all.h"

#include <string.h>

static bool goes(int way, bool is_response)
{
	return way == WIRE_EITHER ||
	       (way == WIRE_RESPONSE ? is_response : !is_response);
}

const struct wire_type *wire_type_by_name(const char *name)
{
	for (size_t i = 0; i < wire_type_count; i++) {
		if (strcmp(wire_types[i]->name, name) == 0) {
			return wire_types[i];
		}
	}
	return NULL;
}

/* The first registration of that kind, key and direction. */
static const struct wire_type *find(
	enum wire_registration_kind kind, uint32_t key, bool is_response)
{
	for (size_t i = 0; i < wire_registration_count; i++) {
		const struct wire_registration *r = &wire_registrations[i];

		if (r->kind == kind && r->key == key &&
			goes(r->way, is_response)) {
			return r->type;
		}
	}
	return NULL;
}

const struct wire_type *wire_message_type(uint16_t command, bool is_response)
{
	return find(WIRE_IS_MESSAGE, command, is_response);
}

/*
 * Where the response of a command has the StructureSize of an error response,
 * the status decides, [MS-SMB2] 3.3.4.4: these go with a normal response.
 */
static bool status_has_body(uint16_t command, uint32_t status)
{
	switch (status) {
	case STATUS_PENDING:
		return false;
	case STATUS_MORE_PROCESSING_REQUIRED:
		return command == SMB2_SESSION_SETUP;
	case STATUS_BUFFER_OVERFLOW:
		return true;
	default:
		return status < 0x80000000U;
	}
}

const struct wire_type *wire_message_type_of(struct wire_view pdu)
{
	if (pdu.n < 66) {
		return NULL;
	}
	uint16_t command = wire_get16(pdu.p + 12);
	bool is_response =
		(wire_get32(pdu.p + 16) & SMB2_FLAGS_SERVER_TO_REDIR) != 0;
	uint16_t size = wire_get16(pdu.p + 64);
	const struct wire_type *type = NULL;

	for (size_t i = 0; i < wire_registration_count; i++) {
		const struct wire_registration *r = &wire_registrations[i];

		if (r->kind == WIRE_IS_MESSAGE && r->key == command &&
			goes(r->way, is_response) &&
			r->type->fields[0].constant == size) {
			type = r->type;
			break;
		}
	}
	if (is_response && size == 9 &&
		!(type && status_has_body(command, wire_get32(pdu.p + 8)))) {
		return &smb2_error_response_type;
	}
	return type ? type : wire_message_type(command, is_response);
}

const struct wire_type *wire_create_context_type(
	struct wire_view name, bool is_response, size_t size)
{
	const struct wire_type *best = NULL;

	for (size_t i = 0; i < wire_registration_count; i++) {
		const struct wire_registration *r = &wire_registrations[i];

		if (r->kind != WIRE_IS_CONTEXT || r->name_size != name.n ||
			!goes(r->way, is_response) ||
			memcmp(r->name, name.p, name.n) != 0) {
			continue;
		}
		if (!best ||
			(best->fixed_size > size &&
				r->type->fixed_size < best->fixed_size) ||
			(r->type->fixed_size <= size &&
				r->type->fixed_size > best->fixed_size)) {
			best = r->type;
		}
	}
	return best;
}

const struct wire_type *wire_info_type(
	enum wire_use use, uint8_t info_type, uint8_t info_class)
{
	uint32_t key = (uint32_t)info_type << 8 | info_class;

	for (size_t i = 0; i < wire_registration_count; i++) {
		const struct wire_registration *r = &wire_registrations[i];

		if (r->kind == WIRE_IS_INFO && r->key == key &&
			r->way == (int)use) {
			return r->type;
		}
	}
	return NULL;
}

const struct wire_type *wire_fsctl_type(uint32_t code, bool is_response)
{
	return find(WIRE_IS_FSCTL, code, is_response);
}

const struct wire_type *wire_reparse_type(uint32_t tag)
{
	return find(WIRE_IS_REPARSE, tag, false);
}

const char *status_name(uint32_t status)
{
	return wire_value_name(&NTSTATUS_enum, status);
}
