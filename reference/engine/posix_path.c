/* SPDX-License-Identifier: MIT */
/*
 * Names of POSIX opens: '/' between components, every other character
 * ordinary, no streams. spec/posix.adoc, POSIX-SMB2 3.3.5.9.1
 */
#include <string.h>

#include "engine/posix.h"

#define POSIX_COMPONENT_MAX 255 /* bytes of UTF-8 */

static uint32_t posix_check_component(const char *name, size_t n)
{
	if (n == 0 || (n == 1 && name[0] == '.') ||
		(n == 2 && name[0] == '.' && name[1] == '.')) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	return n > POSIX_COMPONENT_MAX ? STATUS_OBJECT_NAME_INVALID
				       : STATUS_SUCCESS;
}

uint32_t posix_name_parse(struct wire_view utf16, struct file_name *ret_name)
{
	struct file_name *name = ret_name;
	int n = wire_utf16_to_utf8(utf16, name->path, LIMIT_PATH - 1);
	uint32_t status = STATUS_SUCCESS;
	const char *at = name->path;

	name->stream[0] = 0;
	name->directory = name->data = false;
	if (n < 0 || memchr(name->path, 0, (size_t)n)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	name->path[n] = 0;
	while (n > 0 && !status) {
		size_t length = strcspn(at, "/");

		status = posix_check_component(at, length);
		if (at[length] == 0) {
			break;
		}
		at += length + 1;
	}
	return status;
}
