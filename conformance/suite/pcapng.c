/* SPDX-License-Identifier: MIT */
/*
 * A capture file made from a record log (draft-ietf-opsawg-pcapng: section
 * header, interface descriptions, enhanced packets with comments).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "suite/pcapng.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINK_ETHERNET 1u
#define OPTION_COMMENT 1u
#define OPTION_IF_NAME 2u
#define OPTION_IF_TSRESOL 9u

#define ETHERNET 14u
#define HEADERS (ETHERNET + 20u + 20u)
#define SERVER_PORT 445u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define COMMENT_MAX 4000u

struct writer {
	FILE *f;
	bool plain;
	uint16_t local_port[LOG_PEERS];
	uint32_t interface[LOG_PEERS];   /* + 1; 0 = none yet */
	uint32_t sequence[LOG_PEERS][2]; /* next, by direction */
	uint32_t interfaces;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	static const uint8_t zeroes[4];

	if (n != 0) {
		fwrite(bytes, 1, n, w->f);
	}
	fwrite(zeroes, 1, (4 - n % 4) % 4, w->f);
}

static void put32(struct writer *w, uint32_t v)
{
	fwrite(&v, 4, 1, w->f);
}

static void option(
	struct writer *w, uint16_t code, const void *bytes, uint16_t n)
{
	fwrite(&code, 2, 1, w->f);
	fwrite(&n, 2, 1, w->f);
	put(w, bytes, n);
}

static uint32_t padded(size_t n)
{
	return (uint32_t)((n + 3) & ~(size_t)3);
}

static void section(struct writer *w)
{
	const uint16_t version[2] = {1, 0};
	const int64_t length = -1;

	put32(w, BLOCK_SECTION);
	put32(w, 28);
	put32(w, BYTE_ORDER_MAGIC);
	fwrite(version, 2, 2, w->f);
	fwrite(&length, 8, 1, w->f);
	put32(w, 28);
}

static void interface(struct writer *w, const struct record_peer *peer)
{
	size_t n = strnlen(peer->name, sizeof(peer->name));
	uint32_t size = 20 + 4 + padded(n) + 8 + 4;
	const uint16_t link[2] = {LINK_ETHERNET, 0};
	const uint8_t nanoseconds = 9;

	put32(w, BLOCK_INTERFACE);
	put32(w, size);
	fwrite(link, 2, 2, w->f);
	put32(w, 0); /* no limit on the bytes of a packet */
	option(w, OPTION_IF_NAME, peer->name, (uint16_t)n);
	option(w, OPTION_IF_TSRESOL, &nanoseconds, 1);
	option(w, 0, NULL, 0);
	put32(w, size);
	w->local_port[peer->head.peer] = peer->local_port;
	w->interface[peer->head.peer] = ++w->interfaces;
}

static void big16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void big32(uint8_t *p, uint32_t v)
{
	big16(p, (uint16_t)(v >> 16));
	big16(p + 2, (uint16_t)v);
}

/* One's complement sum, [RFC 1071]. */
static uint32_t sum(uint32_t s, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i + 1 < n; i += 2) {
		s += (uint32_t)p[i] << 8 | p[i + 1];
		s = (s & 0xffff) + (s >> 16);
	}
	if (i < n) {
		s += (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

static uint16_t checksum(uint32_t s)
{
	return (uint16_t) ~((s & 0xffff) + (s >> 16));
}

/* Ethernet, IPv4 and TCP in front of n bytes of payload. */
static void headers(struct writer *w, uint16_t peer, bool from_server,
	uint8_t flags, struct wire_view payload, size_t n, uint8_t out[HEADERS])
{
	uint8_t *ip = out + ETHERNET, *tcp = ip + 20;
	uint8_t *client = ip + (from_server ? 16 : 12);
	uint8_t *server = ip + (from_server ? 12 : 16);
	uint8_t pseudo[4] = {0, 6};

	memset(out, 0, HEADERS);
	out[from_server ? 11 : 5] = 1; /* locally administered addresses */
	out[0] = out[6] = 2;
	big16(out + 12, 0x0800);
	ip[0] = 0x45;
	big16(ip + 2, (uint16_t)(40 + n));
	ip[8] = 64;
	ip[9] = 6;
	big32(client, 0xc0000201u + peer); /* 192.0.2.1 ... */
	big32(server, 0xc0000264u);        /* 192.0.2.100 */
	big16(ip + 10, checksum(sum(0, ip, 20)));
	big16(tcp, from_server ? SERVER_PORT : w->local_port[peer]);
	big16(tcp + 2, from_server ? w->local_port[peer] : SERVER_PORT);
	big32(tcp + 4, 1 + w->sequence[peer][from_server]);
	big32(tcp + 8, 1 + w->sequence[peer][!from_server]);
	tcp[12] = 0x50;
	tcp[13] = flags;
	big16(tcp + 14, 65535);
	big16(pseudo + 2, (uint16_t)(20 + n));
	if (payload.n == n) {
		big16(tcp + 16,
			checksum(sum(sum(sum(sum(0, pseudo, 4), ip + 12, 8),
					     tcp, 20),
				payload.p, payload.n)));
	}
	w->sequence[peer][from_server] +=
		(uint32_t)n + ((flags & TCP_FIN) != 0 ? 1 : 0);
}

/* n bytes on the wire, of which payload is what was kept. */
static void packet(struct writer *w, const struct record_frame *frame,
	struct wire_view payload, size_t n, const char *comment)
{
	uint16_t peer = frame->head.peer;
	bool ours = frame->kind == FRAME_SENT || frame->kind == FRAME_LEFT;
	bool closed = frame->kind == FRAME_CLOSED || frame->kind == FRAME_LEFT;
	size_t text = comment != NULL ? strnlen(comment, COMMENT_MAX) : 0;
	size_t kept = HEADERS + payload.n;
	uint32_t size =
		28 + padded(kept) + 4 + (text != 0 ? 4 + padded(text) + 4 : 0);
	uint8_t head[HEADERS];
	static const uint8_t zeroes[4];

	headers(w, peer, !ours, closed ? TCP_FIN | TCP_ACK : TCP_PSH | TCP_ACK,
		payload, n, head);
	put32(w, BLOCK_PACKET);
	put32(w, size);
	put32(w, w->interface[peer] - 1);
	put32(w, (uint32_t)(frame->head.time >> 32));
	put32(w, (uint32_t)frame->head.time);
	put32(w, (uint32_t)kept);
	put32(w, (uint32_t)(HEADERS + n));
	fwrite(head, 1, HEADERS, w->f);
	if (payload.n != 0) {
		fwrite(payload.p, 1, payload.n, w->f);
	}
	fwrite(zeroes, 1, padded(kept) - kept, w->f);
	if (text != 0) {
		option(w, OPTION_COMMENT, comment, (uint16_t)text);
		option(w, 0, NULL, 0);
	}
	put32(w, size);
}

/* All packets of a frame; the last one carries its number and comment. */
static void frame(
	struct writer *w, const struct record_frame *f, const char *comment)
{
	struct wire_view bytes = log_frame_bytes(f);
	struct wire_view plain = log_frame_plain(f);
	size_t n = f->size, i;
	uint8_t prefix[4] = {0};

	if (w->interface[f->head.peer] == 0) {
		return;
	}
	if (w->plain && plain.n != 0) {
		prefix[1] = (uint8_t)(plain.n >> 16);
		prefix[2] = (uint8_t)(plain.n >> 8);
		prefix[3] = (uint8_t)plain.n;
		n = plain.n + 4;
	}
	for (i = 0; i < f->packets; i++) {
		size_t from = n * i / f->packets;
		size_t to = n * (i + 1) / f->packets;
		struct wire_view part = {NULL, 0};
		static uint8_t joined[LOG_SEGMENT + 4];

		if (w->plain && plain.n != 0) {
			size_t at = from < 4 ? 4 - from : 0;

			memcpy(joined, prefix, 4);
			memcpy(joined + at, plain.p + (from < 4 ? 0 : from - 4),
				to - from - at);
			part = wire_view_of(joined, to - from);
		} else if (from < bytes.n) {
			part.p = bytes.p + from;
			part.n = to < bytes.n ? to - from : bytes.n - from;
		}
		packet(w, f, part, to - from,
			i + 1 == f->packets ? comment : NULL);
	}
}

int pcapng_write(const char *path, const struct log *log, bool plain,
	pcapng_comment *comment, void *ctx)
{
	static struct writer w;
	const struct record *r = NULL;
	int error = 0;

	w = (struct writer){.f = fopen(path, "we"), .plain = plain};
	if (w.f == NULL) {
		return -errno;
	}
	section(&w);
	while ((r = log_next(log, r)) != NULL) {
		if (r->kind == RECORD_PEER) {
			interface(&w, (const struct record_peer *)r);
		} else if (r->kind == RECORD_FRAME) {
			const struct record_frame *f =
				(const struct record_frame *)r;

			frame(&w, f,
				comment != NULL ? comment(ctx, f->number)
						: NULL);
		}
	}
	if (ferror(w.f)) {
		error = -EIO;
	}
	if (fclose(w.f) != 0 && error == 0) {
		error = -errno;
	}
	return error;
}

bool pcapng_has_plain(const struct log *log)
{
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		if (r->kind == RECORD_FRAME &&
			((const struct record_frame *)r)->plain != 0) {
			return true;
		}
	}
	return false;
}
