/* SPDX-License-Identifier: MIT */
/*
 * The record log of one test, in memory that runner and child share.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "suite/log.h"
#include "suite/network.h"

struct log *log_create(void)
{
	struct log *log = mmap(NULL, LOG_CAPACITY, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (log == MAP_FAILED) {
		return NULL;
	}
	log->capacity = LOG_CAPACITY - sizeof(*log);
	return log;
}

void log_destroy(struct log *log)
{
	if (log != NULL) {
		munmap(log, LOG_CAPACITY);
	}
}

/* Room for a record; NULL when the log is full. */
static struct record *reserve(struct log *log, size_t size)
{
	struct record *r = (struct record *)(log->bytes + log->used);
	size_t padded = (size + 7) & ~(size_t)7;

	if (padded > log->capacity - log->used) {
		log->lost++;
		return NULL;
	}
	r->size = (uint32_t)padded;
	return r;
}

void log_add(struct log *log, struct record *record, size_t size)
{
	struct record *r = reserve(log, size);
	uint32_t padded;

	if (r == NULL) {
		return;
	}
	padded = r->size;
	memcpy(r, record, size);
	r->size = padded;
	r->time = network_chosen()->wall();
	log->used += padded;
}

void log_peer(struct log *log, uint16_t peer, const char *name,
	uint16_t local_port, uint16_t remote_port)
{
	struct record_peer p = {
		.head = {.kind = RECORD_PEER, .peer = peer},
		.local_port = local_port,
		.remote_port = remote_port,
	};

	snprintf(p.name, sizeof(p.name), "%s", name);
	log_add(log, &p.head, sizeof(p));
}

static uint32_t packets_of(size_t size)
{
	return size == 0 ? 1
			 : (uint32_t)((size + LOG_SEGMENT - 1) / LOG_SEGMENT);
}

uint32_t log_frame(struct log *log, uint16_t peer, enum frame_kind kind,
	struct wire_view wire, struct wire_view plain)
{
	uint32_t packets = packets_of(wire.n);
	struct record_frame *f = (struct record_frame *)reserve(
		log, sizeof(*f) + wire.n + plain.n);
	size_t kept = wire.n;
	uint32_t size;

	if (f == NULL) { /* keep at least its head */
		kept = wire.n < 512 ? wire.n : 512;
		plain = (struct wire_view){NULL, 0};
		f = (struct record_frame *)reserve(log, sizeof(*f) + kept);
	}
	log->packets += packets;
	if (f == NULL) {
		return log->packets;
	}
	size = f->head.size;
	*f = (struct record_frame){
		.head = {size, RECORD_FRAME, peer, network_chosen()->wall()},
		.number = log->packets,
		.packets = packets,
		.kind = kind,
		.size = (uint32_t)wire.n,
		.kept = (uint32_t)kept,
		.plain = (uint32_t)plain.n,
	};
	if (kept != 0) {
		memcpy(f + 1, wire.p, kept);
	}
	if (plain.n != 0) {
		memcpy((uint8_t *)(f + 1) + kept, plain.p, plain.n);
	}
	log->used += size;
	return log->packets;
}

uint32_t log_step(struct log *log, bool automatic, uint32_t frame,
	const char *format, ...)
{
	struct record_text s = {
		.head = {.kind = RECORD_STEP},
		.number = ++log->steps,
		.automatic = automatic,
		.frame = frame,
	};
	va_list ap;

	va_start(ap, format);
	vsnprintf(s.text, sizeof(s.text), format, ap);
	va_end(ap);
	log_add(log, &s.head, sizeof(s));
	return s.number;
}

void log_note(struct log *log, uint32_t frame, const char *format, ...)
{
	struct record_text s = {
		.head = {.kind = RECORD_NOTE},
		.frame = frame,
	};
	va_list ap;

	va_start(ap, format);
	vsnprintf(s.text, sizeof(s.text), format, ap);
	va_end(ap);
	log_add(log, &s.head, sizeof(s));
}

void log_end(struct log *log, enum end_kind kind, const char *text)
{
	struct record_end e = {.head = {.kind = RECORD_END}, .kind = kind};

	snprintf(e.text, sizeof(e.text), "%s", text);
	log_add(log, &e.head, sizeof(e));
}

/* Smallest size that a record of this kind may claim. */
static size_t least(uint16_t kind)
{
	static const size_t sizes[] = {
		[RECORD_PEER] = sizeof(struct record_peer),
		[RECORD_FRAME] = sizeof(struct record_frame),
		[RECORD_STEP] = sizeof(struct record_text),
		[RECORD_NOTE] = sizeof(struct record_text),
		[RECORD_OBSERVE] = sizeof(struct record_observe),
		[RECORD_CHECK] = sizeof(struct record_check),
		[RECORD_KEYS] = sizeof(struct record_keys),
		[RECORD_DIRECTORY] = sizeof(struct record_text),
		[RECORD_END] = sizeof(struct record_end),
	};

	if (kind == 0 || kind >= sizeof(sizes) / sizeof(sizes[0])) {
		return SIZE_MAX;
	}
	return sizes[kind];
}

const struct record *log_next(const struct log *log, const struct record *last)
{
	size_t used = log->used < log->capacity ? log->used : log->capacity;
	size_t at = 0;
	const struct record *r;
	const struct record_frame *f;

	if (last != NULL) {
		at = (size_t)((const uint8_t *)last - log->bytes) + last->size;
	}
	if (at > used || used - at < sizeof(*r)) {
		return NULL;
	}
	r = (const struct record *)(log->bytes + at);
	if (r->size > used - at || r->size % 8 != 0 ||
		least(r->kind) > r->size || r->peer >= LOG_PEERS) {
		return NULL;
	}
	f = (const struct record_frame *)r;
	if (r->kind == RECORD_FRAME &&
		(uint64_t)f->kept + f->plain > r->size - sizeof(*f)) {
		return NULL;
	}
	return r;
}

struct wire_view log_frame_bytes(const struct record_frame *frame)
{
	return wire_view_of(frame + 1, frame->kept);
}

struct wire_view log_frame_plain(const struct record_frame *frame)
{
	return wire_view_of(
		(const uint8_t *)(frame + 1) + frame->kept, frame->plain);
}
