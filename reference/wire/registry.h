/* SPDX-License-Identifier: MIT */
/*
 * Which structure stands in bytes whose layout another field tells: messages
 * by command, create contexts by name, bodies by information class, control
 * code or reparse tag. The tables come from the keys in spec/wire/.
 *
 * All functions return NULL for what no layout describes.
 */
#ifndef SMB3X_WIRE_REGISTRY_H
#define SMB3X_WIRE_REGISTRY_H

#include "wire/wire.h"

/* Every structure of spec/wire/, for tools and tests. */
extern const struct wire_type *const wire_types[];
extern const size_t wire_type_count;

const struct wire_type *wire_type_by_name(const char *name);

/* Body of a message, [MS-SMB2] 2.2.3 to 2.2.44. */
const struct wire_type *wire_message_type(uint16_t command, bool is_response);

/*
 * Body of the message in pdu (its 64-byte header first): tells the error
 * response and the oplock and lease forms of OPLOCK_BREAK apart.
 */
const struct wire_type *wire_message_type_of(struct wire_view pdu);

/* Data of a create context; size tells the versions of one name apart. */
const struct wire_type *wire_create_context_type(
	struct wire_view name, bool is_response, size_t size);

enum wire_use {
	WIRE_QUERY,     /* QUERY_INFO response */
	WIRE_SET,       /* SET_INFO request */
	WIRE_DIRECTORY, /* QUERY_DIRECTORY response */
	WIRE_INPUT,     /* QUERY_INFO request: its input buffer */
};

/* info_type: SMB2_0_INFO_...; info_class: of that type. */
const struct wire_type *wire_info_type(
	enum wire_use use, uint8_t info_type, uint8_t info_class);

const struct wire_type *wire_fsctl_type(uint32_t code, bool is_response);
const struct wire_type *wire_reparse_type(uint32_t tag);

/* "STATUS_..." of an NTSTATUS, or NULL. */
const char *status_name(uint32_t status);

/* The generated table behind these functions. */
enum wire_registration_kind {
	WIRE_IS_MESSAGE,
	WIRE_IS_INFO,
	WIRE_IS_CONTEXT,
	WIRE_IS_FSCTL,
	WIRE_IS_REPARSE,
};

struct wire_registration {
	enum wire_registration_kind kind;
	int way; /* enum wire_direction; for INFO enum wire_use */
	uint32_t key;
	const char *name;
	size_t name_size;
	const struct wire_type *type;
};
extern const struct wire_registration wire_registrations[];
extern const size_t wire_registration_count;

#endif
