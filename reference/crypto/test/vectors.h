/* SPDX-License-Identifier: MIT */
/*
 * Reader of foreign.vectors: messages that programs of others exchanged, and
 * the keys that they used (see cut-vectors for the format).
 */
#ifndef SMB3X_CRYPTO_TEST_VECTORS_H
#define SMB3X_CRYPTO_TEST_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vector_message {
	unsigned int frame;
	bool from_client;
	uint8_t *bytes;
	size_t n;
};

struct vector_key {
	uint8_t bytes[32];
	size_t n;
};

struct vector_capture {
	char name[64];
	struct vector_key session, signing, application, to_server, to_client;
	uint16_t dialect, cipher, signing_algorithm;
	struct vector_message messages[64];
	unsigned int count;
};

/* The next capture of the file; false at its end. Exits on bad content.
 * The caller ends it with vector_finish(). */
bool vector_read(void *file, struct vector_capture *ret_capture);
void vector_finish(struct vector_capture *capture);

#endif
