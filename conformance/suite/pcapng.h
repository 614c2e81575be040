/* SPDX-License-Identifier: MIT */
/*
 * A capture file made from a record log: one interface per peer, synthetic
 * Ethernet, IPv4 and TCP headers, the server on port 445, comments at the
 * frames that checks speak of.
 */
#ifndef SMB3X_SUITE_PCAPNG_H
#define SMB3X_SUITE_PCAPNG_H

#include <stdbool.h>

#include "suite/log.h"

/*
 * plain: encrypted messages appear decrypted. comment, may be NULL, is asked
 * for every frame number: text for it, or NULL (it owns what it returns until
 * its next call). 0 or negative errno.
 */
typedef const char *pcapng_comment(void *ctx, uint32_t frame);
int pcapng_write(const char *path, const struct log *log, bool plain,
	pcapng_comment *comment, void *ctx) __attribute__((warn_unused_result));

/* Whether any message of the log was encrypted (and decrypted here). */
bool pcapng_has_plain(const struct log *log);

#endif
