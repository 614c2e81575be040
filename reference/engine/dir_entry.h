/* SPDX-License-Identifier: MIT */
/* Directory entries in every information class. [MS-FSCC] 2.4 */
#ifndef SMB3X_ENGINE_DIR_ENTRY_H
#define SMB3X_ENGINE_DIR_ENTRY_H

#include "engine/state.h"

/* NULL: no directory class. */
const struct wire_type *dir_entry_type(uint8_t info_class);

/* Bytes of an entry whose name is empty. */
size_t dir_entry_size(const struct wire_type *type);

/* Appends one entry with NextEntryOffset zero; as wire_encode(). */
int dir_entry_encode(const struct wire_type *type,
	const struct files_stat *stat, struct wire_view name,
	struct wire_buf *out);

#endif
