/* SPDX-License-Identifier: MIT */
/*
 * One well-formed request of each command that is about an open: what tests of
 * all commands send, changed or not.
 */
#ifndef SMB3X_CORE_REQUESTS_H
#define SMB3X_CORE_REQUESTS_H

#include "suite/file.h"

/* CLOSE to SET_INFO; any other command is the suite's own mistake. */
struct pdu *request_about(
	struct peer *peer, uint16_t command, struct smb2_fileid id);

/* Whether the open should be one of a directory. */
bool is_about_a_directory(uint16_t command);

#endif
