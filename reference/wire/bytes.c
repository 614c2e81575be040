/* SPDX-License-Identifier: MIT */
/* Views, output buffers and text: the bottom of the codec runtime. */
#include "wire/wire.h"

#include <errno.h>
#include <string.h>

struct wire_view wire_view_sub(struct wire_view v, size_t at, size_t n)
{
	if (at > v.n || n > v.n - at || n == 0) {
		return (struct wire_view){NULL, 0};
	}
	return (struct wire_view){v.p + at, n};
}

bool wire_view_equal(struct wire_view a, struct wire_view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

uint16_t wire_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t wire_get32(const uint8_t *p)
{
	return wire_get16(p) | (uint32_t)wire_get16(p + 2) << 16;
}

uint64_t wire_get64(const uint8_t *p)
{
	return wire_get32(p) | (uint64_t)wire_get32(p + 4) << 32;
}

void wire_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

void wire_put32(uint8_t *p, uint32_t v)
{
	wire_put16(p, (uint16_t)v);
	wire_put16(p + 2, (uint16_t)(v >> 16));
}

void wire_put64(uint8_t *p, uint64_t v)
{
	wire_put32(p, (uint32_t)v);
	wire_put32(p + 4, (uint32_t)(v >> 32));
}

/* Room for n more bytes; NULL when counting or failed. */
static uint8_t *grow(struct wire_buf *out, size_t n)
{
	uint8_t *at = NULL;

	if (out->error) {
		return NULL;
	}
	if (n > SIZE_MAX - out->n || (out->p && n > out->cap - out->n)) {
		out->error = -ENOBUFS;
		return NULL;
	}
	if (out->p) {
		at = out->p + out->n;
	}
	out->n += n;
	return at;
}

void wire_buf_bytes(struct wire_buf *out, struct wire_view bytes)
{
	uint8_t *at = grow(out, bytes.n);

	if (at && bytes.n > 0) {
		memcpy(at, bytes.p, bytes.n);
	}
}

void wire_buf_zero(struct wire_buf *out, size_t n)
{
	uint8_t *at = grow(out, n);

	if (at) {
		memset(at, 0, n);
	}
}

void wire_buf_align(struct wire_buf *out, size_t align)
{
	if (align > 1) {
		size_t over = (out->n - out->base) % align;

		wire_buf_zero(out, over ? align - over : 0);
	}
}

/* Bytes of a code point in UTF-8; writes them when there is room. */
static int put_utf8(uint32_t c, char *p, size_t room)
{
	static const uint8_t mark[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
	int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if ((size_t)n > room) {
		return -ENOBUFS;
	}
	for (int i = n - 1; i > 0; i--) {
		p[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	p[0] = (char)(mark[n] | c);
	return n;
}

int wire_utf16_to_utf8(struct wire_view in, char *ret_text, size_t size)
{
	size_t used = 0;

	if (in.n % 2) {
		return -EILSEQ;
	}
	for (size_t i = 0; i < in.n; i += 2) {
		uint32_t c = wire_get16(in.p + i);

		if (c >= 0xdc00 && c <= 0xdfff) {
			return -EILSEQ;
		}
		if (c >= 0xd800 && c <= 0xdbff) {
			if (in.n - i < 4) {
				return -EILSEQ;
			}
			uint32_t low = wire_get16(in.p + i + 2);

			if (low < 0xdc00 || low > 0xdfff) {
				return -EILSEQ;
			}
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		int n = put_utf8(c, ret_text + used, size - used);

		if (n < 0) {
			return n;
		}
		used += (size_t)n;
	}
	return (int)used;
}

/* One code point of well-formed UTF-8; its length, or -EILSEQ. */
static int get_utf8(const uint8_t *p, uint32_t *ret_c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	int n = p[0] < 0x80       ? 1
		: p[0] >> 5 == 6  ? 2
		: p[0] >> 4 == 14 ? 3
		: p[0] >> 3 == 30 ? 4
				  : 0;

	if (n == 0) {
		return -EILSEQ;
	}
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));

	for (int i = 1; i < n; i++) {
		if (p[i] >> 6 != 2) { /* the terminator ends it, too */
			return -EILSEQ;
		}
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
		return -EILSEQ;
	}
	*ret_c = c;
	return n;
}

int wire_utf8_to_utf16(const char *in, uint8_t *ret_bytes, size_t size)
{
	const uint8_t *p = (const uint8_t *)in;
	size_t used = 0;

	while (*p) {
		uint32_t c;
		int n = get_utf8(p, &c);

		if (n < 0) {
			return n;
		}
		size_t need = c < 0x10000 ? 2 : 4;

		if (size - used < need) {
			return -ENOBUFS;
		}
		if (need == 4) {
			c -= 0x10000;
			wire_put16(ret_bytes + used,
				(uint16_t)(0xd800 + (c >> 10)));
			wire_put16(ret_bytes + used + 2,
				(uint16_t)(0xdc00 + (c & 0x3ff)));
		} else {
			wire_put16(ret_bytes + used, (uint16_t)c);
		}
		used += need;
		p += n;
	}
	return (int)used;
}
