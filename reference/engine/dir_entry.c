/* SPDX-License-Identifier: MIT */
/*
 * Directory entries. The classes differ in which fields they have, not in what
 * a field of one name means: so a field is filled by its name.
 * [MS-FSCC] 2.4
 */
#include "engine/dir_entry.h"

#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"

const struct wire_type *dir_entry_type(uint8_t info_class)
{
	switch (info_class) {
	case FileDirectoryInformation:
		return &file_directory_information_type;
	case FileFullDirectoryInformation:
		return &file_full_directory_information_type;
	case FileBothDirectoryInformation:
		return &file_both_directory_information_type;
	case FileNamesInformation:
		return &file_names_information_type;
	case FileIdBothDirectoryInformation:
		return &file_id_both_directory_information_type;
	case FileIdFullDirectoryInformation:
		return &file_id_full_directory_information_type;
	case FileIdExtdDirectoryInformation:
		return &file_id_extd_directory_information_type;
	case FileId64ExtdDirectoryInformation:
		return &file_id_64_extd_directory_information_type;
	case FileId64ExtdBothDirectoryInformation:
		return &file_id_64_extd_both_directory_information_type;
	case FileIdAllExtdDirectoryInformation:
		return &file_id_all_extd_directory_information_type;
	case FileIdAllExtdBothDirectoryInformation:
		return &file_id_all_extd_both_directory_information_type;
	case FilePosixInformation:
		return &file_posix_directory_information_type;
	default:
		return NULL;
	}
}

size_t dir_entry_size(const struct wire_type *type)
{
	return type == &file_posix_directory_information_type
		       ? posix_entry_size()
		       : type->fixed_size;
}

static uint64_t dir_field_number(
	const char *name, const struct files_stat *stat)
{
	const struct {
		const char *name;
		uint64_t number;
	} fields[] = {
		{"CreationTime", stat->create_time},
		{"LastAccessTime", stat->access_time},
		{"LastWriteTime", stat->write_time},
		{"ChangeTime", stat->change_time},
		{"EndOfFile", stat->directory ? 0 : stat->size},
		{"AllocationSize", stat->directory ? 0 : stat->allocation},
		{"FileAttributes", attributes_to_wire(stat)},
		/* A reparse point shows its tag here. */
		{"EaSize",
			stat->reparse_tag ? stat->reparse_tag : stat->ea_size},
		{"ReparsePointTag", stat->reparse_tag},
		{"FileId", stat->inode},
	};
	size_t i;

	for (i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (strcmp(name, fields[i].name) == 0) {
			return fields[i].number;
		}
	}
	return 0;
}

static void dir_field_put(
	const struct wire_field *field, uint64_t number, uint8_t *value)
{
	uint8_t *member = value + field->member;
	uint16_t n16 = (uint16_t)number;
	uint32_t n32 = (uint32_t)number;

	switch (field->size) {
	case 1:
		*member = (uint8_t)number;
		break;
	case 2:
		memcpy(member, &n16, sizeof n16);
		break;
	case 4:
		memcpy(member, &n32, sizeof n32);
		break;
	case 8:
		memcpy(member, &number, sizeof number);
		break;
	default:
		break;
	}
}

int dir_entry_encode(const struct wire_type *type,
	const struct files_stat *stat, struct wire_view name,
	struct wire_buf *out)
{
	_Alignas(16) uint8_t value[WIRE_MAX_STRUCT] = {0};
	size_t i;

	if (type == &file_posix_directory_information_type) {
		return posix_entry_encode(stat, name, out);
	}
	for (i = 0; i < type->count; i++) {
		const struct wire_field *field = &type->fields[i];

		if (field->kind == WIRE_UINT) {
			dir_field_put(field,
				dir_field_number(field->name, stat), value);
		} else if (field->kind == WIRE_BYTES && field->size == 16) {
			/* FileId and FileId128: the 64-bit number first. */
			wire_put64(value + field->member, stat->inode);
		} else if (field->kind == WIRE_VIEW) {
			memcpy(value + field->member, &name, sizeof name);
		}
	}
	return wire_encode(type, value, out);
}
