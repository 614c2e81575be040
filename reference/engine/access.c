/* SPDX-License-Identifier: MIT */
/* Access masks and share modes. [MS-SMB2] 2.2.13.1, [MS-FSA] 2.1.5.1.2.2 */
#include "engine/access.h"

uint32_t access_map_generic(uint32_t mask)
{
	uint32_t mapped = mask & ~(GENERIC_READ | GENERIC_WRITE |
					 GENERIC_EXECUTE | GENERIC_ALL);

	if (mask & GENERIC_READ) {
		mapped |= ACCESS_FILE_READ;
	}
	if (mask & GENERIC_WRITE) {
		mapped |= ACCESS_FILE_WRITE;
	}
	if (mask & GENERIC_EXECUTE) {
		mapped |= ACCESS_FILE_EXECUTE;
	}
	if (mask & GENERIC_ALL) {
		mapped |= ACCESS_FILE_ALL;
	}
	return mapped;
}
