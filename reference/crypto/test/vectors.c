/* SPDX-License-Identifier: MIT */
/* Reads foreign.vectors; see vectors.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/test/vectors.h"

static void bad(const char *line)
{
	fprintf(stderr, "foreign.vectors: bad line: %.60s\n", line);
	exit(2);
}

static size_t unhex(const char *text, uint8_t *ret_bytes, size_t cap)
{
	size_t n = 0;
	unsigned int value;

	while (n < cap && sscanf(text + 2 * n, "%2x", &value) == 1) {
		ret_bytes[n++] = (uint8_t)value;
	}
	return n;
}

static void read_key(struct vector_capture *capture, const char *line)
{
	static const struct {
		const char *name;
		size_t at;
	} keys[] = {
		{"session", offsetof(struct vector_capture, session)},
		{"signing", offsetof(struct vector_capture, signing)},
		{"application", offsetof(struct vector_capture, application)},
		{"to-server", offsetof(struct vector_capture, to_server)},
		{"to-client", offsetof(struct vector_capture, to_client)},
	};
	struct vector_key *key;
	char name[32], hex[80];

	if (sscanf(line, "key %31s %79s", name, hex) != 2) {
		bad(line);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(name, keys[i].name) == 0) {
			key = (void *)((char *)capture + keys[i].at);
			key->n = unhex(hex, key->bytes, sizeof(key->bytes));
			return;
		}
	}
	bad(line);
}

static void read_message(struct vector_capture *capture, const char *line)
{
	struct vector_message *message;
	int at = 0;
	char who;

	message = &capture->messages[capture->count];
	if (capture->count == 64 ||
		sscanf(line, "message %u %c %n", &message->frame, &who, &at) !=
			2 ||
		at == 0) {
		bad(line);
	}
	message->from_client = who == 'c';
	message->n = strcspn(line + at, "\n") / 2;
	message->bytes = malloc(message->n);
	if (message->bytes == NULL ||
		unhex(line + at, message->bytes, message->n) != message->n) {
		bad(line);
	}
	capture->count++;
}

static void read_line(struct vector_capture *capture, const char *line)
{
	if (strncmp(line, "key ", 4) == 0) {
		read_key(capture, line);
	} else if (strncmp(line, "message ", 8) == 0) {
		read_message(capture, line);
	} else if (sscanf(line, "dialect %hx", &capture->dialect) != 1 &&
		   sscanf(line, "cipher %hu", &capture->cipher) != 1 &&
		   sscanf(line, "signing %hu", &capture->signing_algorithm) !=
			   1) {
		bad(line);
	}
}

bool vector_read(void *file, struct vector_capture *ret_capture)
{
	bool found = false;
	char *line = NULL;
	size_t size = 0;
	long start;

	memset(ret_capture, 0, sizeof(*ret_capture));
	for (;;) {
		start = ftell(file);
		if (getline(&line, &size, file) < 0) {
			break;
		}
		if (line[0] == '#') {
			continue;
		}
		if (strncmp(line, "capture ", 8) != 0) {
			read_line(ret_capture, line);
		} else if (found) {
			fseek(file, start, SEEK_SET);
			break;
		} else {
			found = sscanf(line, "capture %63s",
					ret_capture->name) == 1;
		}
	}
	free(line);
	return found;
}

void vector_finish(struct vector_capture *capture)
{
	while (capture->count > 0) {
		free(capture->messages[--capture->count].bytes);
	}
}
