/* SPDX-License-Identifier: MIT */
/* Opens that may append and not write elsewhere. spec/posix/append.adoc */
#include "engine/posix.h"

#define APPEND_OFFSET UINT64_MAX

bool posix_is_append(const struct open *open)
{
	uint32_t access = open->granted_access;

	if (!open->posix || !(access & FILE_APPEND_DATA)) {
		return false;
	}
	if (!RULE(PSX_APPEND_0007) && (access & FILE_READ_DATA)) {
		return false;
	}
	return !(access & FILE_WRITE_DATA) || !RULE(PSX_APPEND_0008);
}

uint32_t posix_append_check(
	const struct open *open, uint64_t offset, uint32_t length)
{
	bool at_end = offset == APPEND_OFFSET;

	if (!open->posix) {
		return !RULE(PSX_APPEND_0009) && !at_end &&
				       !(open->granted_access & FILE_WRITE_DATA)
			       ? STATUS_INVALID_PARAMETER
			       : STATUS_SUCCESS;
	}
	if (open->posix_append) {
		if (!at_end && RULE(PSX_APPEND_0003)) {
			return STATUS_INVALID_PARAMETER;
		}
		return length == 0 && !RULE(PSX_APPEND_0011)
			       ? STATUS_INVALID_PARAMETER
			       : STATUS_SUCCESS;
	}
	return at_end && RULE(PSX_APPEND_0006) ? STATUS_INVALID_PARAMETER
					       : STATUS_SUCCESS;
}

bool posix_append_changes(const struct open *open)
{
	return open->posix_append && !RULE(PSX_APPEND_0010);
}
