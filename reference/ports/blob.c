/* SPDX-License-Identifier: MIT */
/* Messages with a count of their holders; see blob.h. */
#include <assert.h>
#include <stdlib.h>

#include "ports/blob.h"

struct blob *blob_create(size_t cap)
{
	struct blob *blob;

	if (cap > SIZE_MAX - sizeof(*blob)) {
		return NULL;
	}
	blob = malloc(sizeof(*blob) + cap);
	if (blob == NULL) {
		return NULL;
	}
	blob->holders = 1;
	blob->n = 0;
	blob->cap = cap;
	return blob;
}

struct blob *blob_hold(struct blob *blob)
{
	blob->holders++;
	return blob;
}

void blob_release(struct blob *blob)
{
	if (blob == NULL) {
		return;
	}
	assert(blob->holders > 0);
	if (--blob->holders == 0) {
		free(blob);
	}
}
