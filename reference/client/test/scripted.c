/* SPDX-License-Identifier: MIT */
/* The server of the client's tests. */
#include "client/test/scripted.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define HEADER 64

const uint8_t scripted_sids[32] = {1, 2, 0, 0, 0, 0, 0, 22, 1, 0, 0, 0, 0xe8, 3,
	0, 0, 1, 2, 0, 0, 0, 0, 0, 22, 2, 0, 0, 0, 0xe8, 3, 0, 0};

void scripted_append(
	struct scripted_answer *answer, const void *bytes, size_t n)
{
	assert_true(answer->n + n <= sizeof(answer->body));
	memcpy(answer->body + answer->n, bytes, n);
	answer->n += n;
}

static void append_zero(struct scripted_answer *answer, size_t n)
{
	assert_true(answer->n + n <= sizeof(answer->body));
	memset(answer->body + answer->n, 0, n);
	answer->n += n;
}

void scripted_create(struct scripted_answer *answer, bool context,
	uint32_t mode, const uint8_t *sids, size_t sids_size)
{
	answer->status = 0;
	answer->n = 0;
	append_zero(answer, 88);
	uint8_t *body = answer->body;
	wire_put16(body, 89);
	wire_put32(body + 4, FILE_OPENED);
	wire_put64(body + 64, 7);
	wire_put64(body + 72, 9);
	if (!context) {
		append_zero(answer, 1);
		return;
	}
	wire_put32(body + 80, HEADER + 88);
	wire_put32(body + 84, (uint32_t)(32 + 12 + sids_size));
	append_zero(answer, 32 + 12);
	uint8_t *c = body + 88;
	wire_put16(c + 4, 16);
	wire_put16(c + 6, 16);
	wire_put16(c + 10, 32);
	wire_put32(c + 12, (uint32_t)(12 + sids_size));
	memcpy(c + 16, client_posix_tag, 16);
	wire_put32(c + 32, 1);
	wire_put32(c + 40, mode);
	scripted_append(answer, sids, sids_size);
}

void scripted_good(uint16_t command, struct scripted_answer *answer)
{
	static const struct {
		uint16_t command, size;
		size_t n;
	} sizes[] = {{SMB2_CLOSE, 60, 60}, {SMB2_SET_INFO, 2, 2},
		{SMB2_FLUSH, 4, 4}, {SMB2_LOCK, 4, 4}, {SMB2_WRITE, 17, 17},
		{SMB2_IOCTL, 49, 49}};
	answer->status = 0;
	answer->n = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i].command == command) {
			append_zero(answer, sizes[i].n);
			wire_put16(answer->body, sizes[i].size);
		}
	}
	if (command == SMB2_CREATE) {
		scripted_create(answer, true, 0x1a4, scripted_sids, 32);
	}
}

void scripted_link(struct scripted_answer *answer, const char *target,
	uint16_t unparsed, bool relative)
{
	uint8_t text[1024];
	int n = wire_utf8_to_utf16(target, text, sizeof(text));
	assert_true(n >= 0);
	answer->status = STATUS_STOPPED_ON_SYMLINK;
	answer->n = 0;
	append_zero(answer, 44);
	uint8_t *b = answer->body;
	wire_put16(b, 9);
	b[2] = 1;
	wire_put32(b + 4, 36 + (uint32_t)n);
	wire_put32(b + 8, 28 + (uint32_t)n);
	uint8_t *link = b + 16;
	wire_put32(link, 24 + (uint32_t)n);
	wire_put32(link + 4, 0x4c4d5953);
	wire_put32(link + 8, IO_REPARSE_TAG_SYMLINK);
	wire_put16(link + 12, (uint16_t)(12 + n));
	wire_put16(link + 14, unparsed);
	wire_put16(link + 18, (uint16_t)n);
	wire_put16(link + 22, (uint16_t)n);
	wire_put32(link + 24, relative ? 1 : 0);
	scripted_append(answer, text, (size_t)n);
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);
		if (got <= 0) {
			return false;
		}
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static void note(struct scripted *s, uint16_t command, struct wire_view pdu)
{
	if (s->count < SCRIPTED_LOG) {
		s->commands[s->count++] = command;
	}
	struct smb2_set_info_request request;
	if (command == SMB2_SET_INFO &&
		smb2_set_info_request_decode(pdu, &request) == 0 &&
		request.buffer.n <= sizeof(s->last_set)) {
		memcpy(s->last_set, request.buffer.p, request.buffer.n);
		s->last_set_size = request.buffer.n;
	}
}

/* Appends the answer to one element; returns where it begins. */
static size_t answer_element(
	struct scripted *s, struct wire_view pdu, uint8_t *out, size_t at)
{
	struct scripted_answer *answer = calloc(1, sizeof(*answer));
	uint16_t command = wire_get16(pdu.p + 12);
	note(s, command, pdu);
	s->rule(s, command, pdu, answer);
	memcpy(out + at, pdu.p, HEADER);
	wire_put32(out + at + 8, answer->status);
	wire_put16(out + at + 14, 64); /* credits */
	wire_put32(out + at + 16, wire_get32(pdu.p + 16) | 1);
	wire_put32(out + at + 20, 0);
	if (answer->n == 0) {
		append_zero(answer, 9);
		wire_put16(answer->body, 9);
	}
	memcpy(out + at + HEADER, answer->body, answer->n);
	size_t end = at + HEADER + answer->n;
	free(answer);
	return end;
}

static size_t answer_message(
	struct scripted *s, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t end = 0;
	for (size_t at = 0;;) {
		uint32_t next = wire_get32(in + at + 20);
		size_t size = next == 0 ? n - at : next;
		size_t start = end;
		end = answer_element(
			s, wire_view_of(in + at, size), out, start);
		if (next == 0) {
			return end;
		}
		while (end % 8 != 0) {
			out[end++] = 0;
		}
		wire_put32(out + start + 20,
			s->break_next ? 0x7fffff8 : (uint32_t)(end - start));
		at += next;
	}
}

static void *serve(void *arg)
{
	struct scripted *s = arg;
	uint8_t prefix[4];
	uint8_t *out = malloc(65536);
	while (read_all(s->fd, prefix, 4)) {
		size_t n = (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 |
			   prefix[3];
		uint8_t *in = malloc(n);
		if (!read_all(s->fd, in, n)) {
			free(in);
			break;
		}
		size_t size = answer_message(s, in, n, out + 4);
		free(in);
		out[0] = 0;
		out[1] = (uint8_t)(size >> 16);
		out[2] = (uint8_t)(size >> 8);
		out[3] = (uint8_t)size;
		if (send(s->fd, out, size + 4, MSG_NOSIGNAL) < 0) {
			break;
		}
	}
	free(out);
	return NULL;
}

void scripted_start(struct scripted *s, scripted_rule *rule, const void *ctx)
{
	int pair[2];
	memset(s, 0, sizeof(*s));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	s->fd = pair[1];
	s->rule = rule;
	s->ctx = ctx;
	s->client.fd = pair[0];
	s->client.timeout_ms = 5000;
	s->client.dialect = SMB2_DIALECT_311;
	s->client.credits = 64;
	s->client.max_transact = s->client.max_read = s->client.max_write =
		1 << 20;
	s->client.posix = true;
	s->tree = (struct client_tree){
		.client = &s->client, .id = 1, .posix = true};
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void scripted_stop(struct scripted *s)
{
	shutdown(s->client.fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	while (s->client.exchanges != NULL) {
		exchange_end(&s->client, s->client.exchanges);
	}
	close(s->client.fd);
	close(s->fd);
}
