/* SPDX-License-Identifier: MIT */
/*
 * One message: a heap buffer with a count of its holders. A transport makes
 * one per received message and hands it to the engine; every request that
 * still has views into it holds it.
 */
#ifndef SMB3X_PORTS_BLOB_H
#define SMB3X_PORTS_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob {
	unsigned int holders;
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated behind data */
	uint8_t data[];
};

/* One holder, n == 0; NULL without memory. */
struct blob *blob_create(size_t cap);
struct blob *blob_hold(struct blob *blob);
/* Accepts NULL. Frees with the last holder. */
void blob_release(struct blob *blob);

#endif
