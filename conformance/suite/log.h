/* SPDX-License-Identifier: MIT */
/*
 * The record log of one test: everything that happened, in order. The runner
 * maps it shared before it forks the child, the child appends, the runner
 * reads when the child has ended, however it ended: a crash or a deadline
 * loses nothing.
 */
#ifndef SMB3X_SUITE_LOG_H
#define SMB3X_SUITE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

#define LOG_CAPACITY (96u << 20) /* address space; only used pages cost */
#define LOG_SEGMENT 65000u       /* bytes of one synthetic TCP segment */
#define LOG_PEERS 64

enum record_kind {
	RECORD_PEER = 1, /* struct record_peer */
	RECORD_FRAME,    /* struct record_frame, then bytes, then plain bytes */
	RECORD_STEP,     /* struct record_text */
	RECORD_NOTE,     /* struct record_text */
	RECORD_OBSERVE,  /* struct record_observe */
	RECORD_CHECK,    /* struct record_check */
	RECORD_KEYS,     /* struct record_keys */
	RECORD_DIRECTORY, /* struct record_text: a working directory was made */
	RECORD_END,       /* struct record_end */
};

struct record {
	uint32_t size; /* of the whole record, a multiple of 8 */
	uint16_t kind;
	uint16_t peer;
	uint64_t time; /* since 1970, nanoseconds */
};

struct record_peer {
	struct record head;
	char name[32];
	uint16_t local_port, remote_port;
	uint32_t reserved;
};

/* CLOSED: the server ended the connection; LEFT: we did. */
enum frame_kind { FRAME_SENT, FRAME_RECEIVED, FRAME_CLOSED, FRAME_LEFT };

struct record_frame {
	struct record head;
	uint32_t number; /* of its last packet in the capture */
	uint32_t packets;
	uint32_t kind;  /* enum frame_kind */
	uint32_t size;  /* bytes on the wire, length prefix included */
	uint32_t kept;  /* of them recorded here */
	uint32_t plain; /* bytes of the decrypted form, 0 = none */
};

struct record_text {
	struct record head;
	uint32_t number; /* steps: from 1 */
	uint32_t automatic;
	uint32_t frame;
	char text[244];
};

struct record_observe {
	struct record head;
	uint32_t frame;
	char name[60];
	char value[192];
};

enum check_kind {
	CHECK_RULE,  /* check_* and stop_*: judged by the rule's level */
	CHECK_NEED,  /* need_*: not held means no verdict */
	CHECK_SKIP,  /* need_capability: not held means skipped */
	CHECK_SUITE, /* the suite's own mistake: ERROR */
};

struct record_check {
	struct record head;
	uint32_t kind; /* enum check_kind */
	uint32_t held;
	uint32_t rule; /* enum rule_id, CHECK_RULE only */
	uint32_t step;
	uint32_t frame;  /* 0 = no frame */
	uint32_t offset; /* of the field from the SMB2 header, or UINT32_MAX */
	uint32_t size;   /* of the field, bytes */
	uint32_t line;
	char file[48];
	char field[80];
	char expected[192];
	char seen[192];
};

struct record_keys {
	struct record head;
	uint64_t session_id;
	uint16_t dialect, cipher;
	uint8_t key_size, seal_size, reserved[2];
	uint8_t key[32]; /* session key */
	uint8_t from_server[32];
	uint8_t from_client[32];
};

enum end_kind {
	END_COMPLETE, /* the body returned */
	END_STOPPED,  /* a stop_ or need_ word left it */
	END_BROKEN,   /* an assertion of the suite itself */
};

struct record_end {
	struct record head;
	uint32_t kind;
	uint32_t reserved;
	char text[240];
};

struct log {
	uint64_t used; /* bytes of records */
	uint64_t capacity;
	uint32_t packets; /* in the capture so far */
	uint32_t steps;
	uint32_t lost; /* records that did not fit */
	uint32_t reserved;
	uint8_t bytes[];
};

/* Shared, anonymous; NULL without memory. */
struct log *log_create(void);
void log_destroy(struct log *log); /* accepts NULL */

/* Appends a copy of record (head.kind set); fills size and time. */
void log_add(struct log *log, struct record *record, size_t size);
void log_peer(struct log *log, uint16_t peer, const char *name,
	uint16_t local_port, uint16_t remote_port);
/* Returns the number of the frame's last packet. plain may be empty. */
uint32_t log_frame(struct log *log, uint16_t peer, enum frame_kind kind,
	struct wire_view wire, struct wire_view plain);
uint32_t log_step(struct log *log, bool automatic, uint32_t frame,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void log_note(struct log *log, uint32_t frame, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_end(struct log *log, enum end_kind kind, const char *text);

/* Walk: NULL before the first, NULL at the end (or at a damaged record). */
const struct record *log_next(const struct log *log, const struct record *last);

/* The bytes of a frame as recorded, and its decrypted form. */
struct wire_view log_frame_bytes(const struct record_frame *frame);
struct wire_view log_frame_plain(const struct record_frame *frame);

#endif
