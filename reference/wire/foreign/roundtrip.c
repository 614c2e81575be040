/* SPDX-License-Identifier: MIT */
/*
 * Decodes and re-encodes every SMB2 message that tools/wiregen/cutpdus cut
 * out of foreign captures: headers, bodies, and all structures inside them
 * that the layouts know, byte for byte. Counts per structure how many foreign
 * bytes vouch for it.
 *
 * usage: wire_foreign PDUS WITNESSES [SEEDS]
 *
 * WITNESSES receives one line per structure, capture and frame; wiregen/vouch
 * compares it with the foreign: lines of the layouts. SEEDS is a directory
 * for the first instances of each structure, as input for the fuzzer. Exit
 * status 1 when any byte differs.
 */
#include "wire/all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TYPES 512
#define MAX_CAPTURES 128
#define MAX_SHOWN 40
#define MAX_SEEDS 3    /* per structure */
#define REQUESTS 65536 /* slots for requests that wait for responses */

struct tally {
	uint64_t instances;
	uint64_t bytes;
	uint32_t last_capture; /* + 1 */
	uint32_t last_frame;
};

/* What a response cannot be understood without. */
struct request {
	bool used;
	uint32_t capture;
	uint32_t connection;
	uint64_t message_id;
	uint16_t command;
	uint8_t info_type;
	uint8_t info_class;
	bool refused; /* its response has an error status */
};

struct run {
	char *captures[MAX_CAPTURES];
	struct tally tallies[MAX_TYPES];
	struct request requests[REQUESTS];
	uint8_t *scratch;
	size_t scratch_size;
	FILE *witnesses;
	const char *seeds; /* may be NULL */
	uint64_t messages;
	uint64_t elements;
	uint64_t sealed;  /* transform headers with nothing inside known */
	uint64_t opaque;  /* bodies whose inner type no layout tells */
	uint64_t refused; /* malformed for their server, and for us */
	uint64_t failures;
	uint32_t capture;
	uint32_t frame;
	uint32_t connection;
	uint64_t message_id;
	uint32_t status;
	enum wire_direction direction;
	bool survey; /* first pass: only what became of requests */
	bool inside; /* within a body */
};

static struct request *slot(struct run *run, uint64_t message_id);

/*
 * A request whose inner structures are malformed is fine when the foreign
 * server refused it as well: some captures are tests of just that.
 */
static void fail(struct run *run, const struct wire_type *type,
	const char *field, size_t at, const char *why)
{
	if (run->inside && run->direction == WIRE_REQUEST &&
		slot(run, run->message_id)->refused) {
		run->refused++;
		return;
	}
	if (run->failures++ < MAX_SHOWN) {
		fprintf(stderr, "%s frame %u: %s%s%s at %zu: %s\n",
			run->captures[run->capture], run->frame, type->name,
			field ? "." : "", field ? field : "", at, why);
	}
}

static size_t index_of(const struct wire_type *type)
{
	size_t i = 0;

	while (wire_types[i] != type) {
		i++;
	}
	return i;
}

/* Input for the fuzzer: index of the type in 2 bytes, then what it decodes. */
static void keep_seed(
	struct run *run, const struct wire_type *type, struct wire_view whole)
{
	size_t i = index_of(type);
	uint8_t head[2];
	char path[4096];

	if (!run->seeds || run->tallies[i].instances >= MAX_SEEDS ||
		whole.n > 4096) {
		return;
	}
	wire_put16(head, (uint16_t)i);
	snprintf(path, sizeof(path), "%s/%s-%d", run->seeds, type->name,
		(int)run->tallies[i].instances);
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(head, 2, 1, f) != 1 ||
		fwrite(whole.p, 1, whole.n, f) != whole.n || fclose(f) != 0) {
		fprintf(stderr, "wire_foreign: %s: cannot be written\n", path);
		exit(2);
	}
}

static void tally(struct run *run, const struct wire_type *type, size_t bytes)
{
	size_t i = index_of(type);
	struct tally *t = &run->tallies[i];

	t->instances++;
	t->bytes += bytes;
	if (t->last_capture == run->capture + 1 &&
		t->last_frame == run->frame) {
		return;
	}
	t->last_capture = run->capture + 1;
	t->last_frame = run->frame;
	fprintf(run->witnesses, "%s\t%s\t%u\n", type->name,
		run->captures[run->capture], run->frame);
}

/*
 * Behind the last field there are at most zeroes: padding of messages, unused
 * room in inner structures. One byte that an odd StructureSize counts may be
 * anything.
 */
static void check_tail(struct run *run, const struct wire_type *type,
	struct wire_view tail, size_t at)
{
	if (type->start > 0 && tail.n > 0 &&
		at == type->start + type->fixed_size &&
		type->fields[0].constant == type->fixed_size + 1) {
		tail = wire_view_sub(tail, 1, tail.n - 1);
		at++;
	}
	if (type->start > 0 && tail.n > 8) {
		fail(run, type, NULL, at, "more than padding behind it");
		return;
	}
	for (size_t i = 0; i < tail.n; i++) {
		if (tail.p[i] != 0) {
			fail(run, type, NULL, at + i,
				"something other than zero behind it");
			return;
		}
	}
}

static void check_inside(
	struct run *run, const struct wire_type *type, const void *value);

/* Decodes, encodes and compares one structure; whole begins type->start
 * bytes before it. */
static void check_one(
	struct run *run, const struct wire_type *type, struct wire_view whole)
{
	uint64_t value[WIRE_MAX_STRUCT / sizeof(uint64_t)];
	struct wire_buf out = {
		.p = run->scratch,
		.cap = run->scratch_size,
		.n = type->start,
	};
	struct wire_fault fault;
	size_t end;

	if (wire_decode_extent(type, whole, value, &end, &fault) < 0) {
		fail(run, type, fault.field ? fault.field->name : NULL,
			fault.offset, fault.why);
		return;
	}
	if (wire_encode(type, value, &out) < 0 || out.n != end) {
		fail(run, type, NULL, out.n, "encodes to another size");
		return;
	}
	for (size_t i = type->start; i < end; i++) {
		if (out.p[i] != whole.p[i]) {
			fail(run, type, NULL, i, "encodes to another byte");
			return;
		}
	}
	check_tail(run, type, (struct wire_view){whole.p + end, whole.n - end},
		end);
	keep_seed(run, type, whole);
	tally(run, type, end - type->start);
	bool above = run->inside;

	run->inside = true;
	check_inside(run, type, value);
	run->inside = above;
}

static void check_list(
	struct run *run, const struct wire_type *type, struct wire_view bytes)
{
	uint64_t value[WIRE_MAX_STRUCT / sizeof(uint64_t)];
	struct wire_buf out = {.p = run->scratch, .cap = run->scratch_size};
	struct wire_list list = wire_list_of(type, bytes);
	struct wire_view element;
	size_t last = SIZE_MAX;
	int rc;

	while ((rc = wire_list_next(&list, value, NULL)) == 1) {
		if (wire_list_append(type, value, &out, &last) < 0) {
			fail(run, type, NULL, out.n, "cannot be appended");
			return;
		}
	}
	if (rc < 0) {
		fail(run, type, NULL, list.offset, "not a list of it");
		return;
	}
	if (out.n > bytes.n || memcmp(out.p, bytes.p, out.n) != 0) {
		fail(run, type, NULL, 0, "the list encodes to other bytes");
		return;
	}
	check_tail(run, type,
		(struct wire_view){bytes.p + out.n, bytes.n - out.n}, out.n);
	list = wire_list_of(type, bytes);
	while (wire_list_next(&list, value, &element) == 1) {
		check_one(run, type, element);
	}
}

static void check_view(struct run *run, const struct wire_type *type, bool list,
	struct wire_view bytes)
{
	if (!type) {
		run->opaque++;
	} else if (list || wire_type_is_list(type)) {
		check_list(run, type, bytes);
	} else {
		check_one(run, type, bytes);
	}
}

/* What a view holds; data of errors is a symbolic link only with a certain
 * status, which the structure around it does not know. */
static const struct wire_type *inner_type(struct run *run,
	const struct wire_type *type, const struct wire_field *field,
	const void *value)
{
	const struct wire_type *inner =
		wire_view_type(type, field, value, run->direction);

	if (inner == &smb2_symlink_error_response_type &&
		run->status != STATUS_STOPPED_ON_SYMLINK) {
		return NULL;
	}
	return inner;
}

static void check_inside(
	struct run *run, const struct wire_type *type, const void *value)
{
	for (size_t i = 0; i < type->count; i++) {
		const struct wire_field *f = &type->fields[i];
		const uint8_t *member = (const uint8_t *)value + f->member;
		struct wire_view view;

		if (f->kind == WIRE_STRUCT &&
			wire_field_present(type, f, value)) {
			tally(run, f->of, f->size);
		}
		if (f->kind != WIRE_VIEW || f->content < WIRE_ONE) {
			continue;
		}
		memcpy(&view, member, sizeof(view));
		if (view.n == 0) {
			continue;
		}
		check_view(run, inner_type(run, type, f, value),
			f->content == WIRE_LIST, view);
	}
}

/* ---- bodies whose inside depends on more than themselves ---- */

static struct request *slot(struct run *run, uint64_t message_id)
{
	/* keyed by capture, connection and message */
	size_t at = (size_t)(run->capture * 7919 + run->connection * 104729 +
			     message_id) %
		    REQUESTS;
	struct request *r = &run->requests[at];

	while (r->used && (r->capture != run->capture ||
				  r->connection != run->connection ||
				  r->message_id != message_id)) {
		at = (at + 1) % REQUESTS;
		r = &run->requests[at];
	}
	return r;
}

static void remember(
	struct run *run, const struct smb2_header *header, struct wire_view pdu)
{
	struct request *r = slot(run, header->message_id);
	struct smb2_query_info_request info;
	struct smb2_query_directory_request directory;

	*r = (struct request){
		.used = true,
		.refused = r->refused,
		.capture = run->capture,
		.connection = run->connection,
		.message_id = header->message_id,
		.command = header->command,
	};
	if (header->command == SMB2_QUERY_INFO &&
		smb2_query_info_request_decode(pdu, &info) == 0) {
		r->info_type = info.info_type;
		r->info_class = info.file_info_class;
	}
	if (header->command == SMB2_QUERY_DIRECTORY &&
		smb2_query_directory_request_decode(pdu, &directory) == 0) {
		r->info_type = SMB2_0_INFO_FILE;
		r->info_class = directory.file_information_class;
	}
}

static void check_answer(
	struct run *run, const struct smb2_header *header, struct wire_view pdu)
{
	const struct wire_type *type = wire_message_type_of(pdu);
	struct request *r = slot(run, header->message_id);
	struct smb2_query_info_response info; /* same as for directories */

	if (type == &smb2_error_response_type ||
		header->status == STATUS_BUFFER_OVERFLOW ||
		smb2_query_info_response_decode(pdu, &info) < 0 ||
		info.buffer.n == 0) {
		return;
	}
	check_view(run,
		!r->used ? NULL
			 : wire_info_type(header->command == SMB2_QUERY_INFO
						  ? WIRE_QUERY
						  : WIRE_DIRECTORY,
				   r->info_type, r->info_class),
		false, info.buffer);
}

/* The header, the body, and what lies in it. */
static void check_element(struct run *run, struct wire_view pdu)
{
	const struct wire_type *type = wire_message_type_of(pdu);
	struct smb2_header header;
	struct wire_view head = wire_view_sub(pdu, 0, 64);

	if (!type || smb2_header_decode(head, &header) < 0) {
		fail(run, &smb2_header_type, NULL, 0, "unknown message");
		return;
	}
	bool answer = (header.flags & SMB2_FLAGS_SERVER_TO_REDIR) != 0;

	if (run->survey) {
		if (answer && header.status >= 0xC0000000U) {
			struct request *r = slot(run, header.message_id);

			*r = (struct request){.used = true,
				.capture = run->capture,
				.connection = run->connection,
				.message_id = header.message_id,
				.refused = true};
		}
		return;
	}
	run->elements++;
	run->message_id = header.message_id;
	run->status = header.status;
	run->direction = answer ? WIRE_RESPONSE : WIRE_REQUEST;
	check_one(run,
		header.flags & SMB2_FLAGS_ASYNC_COMMAND
			? &smb2_header_async_type
			: &smb2_header_type,
		head);
	if (!answer) {
		remember(run, &header, pdu);
	}
	check_one(run, type, pdu);
	if (answer && (header.command == SMB2_QUERY_INFO ||
			      header.command == SMB2_QUERY_DIRECTORY)) {
		check_answer(run, &header, pdu);
	}
}

static void check_message(struct run *run, struct wire_view message)
{
	run->messages += !run->survey;
	for (;;) {
		if (message.n < 66) {
			fail(run, &smb2_header_type, NULL, 0, "too short");
			return;
		}
		size_t next = wire_get32(message.p + 20);

		if (next == 0) {
			check_element(run, message);
			return;
		}
		if (next >= message.n) {
			fail(run, &smb2_header_type, "NextCommand", 20,
				"points behind the end");
			return;
		}
		check_element(run, wire_view_sub(message, 0, next));
		message = wire_view_sub(message, next, message.n - next);
	}
}

/* ---- the file of messages ---- */

static struct wire_view read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	long size;

	if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 10 ||
		fseek(f, 0, SEEK_SET) != 0) {
		fprintf(stderr, "wire_foreign: %s: cannot be read\n", path);
		exit(2);
	}
	uint8_t *p = malloc((size_t)size);

	if (!p || fread(p, 1, (size_t)size, f) != (size_t)size ||
		memcmp(p, "SMB3XPDU", 8) != 0) {
		fprintf(stderr, "wire_foreign: %s: no such file\n", path);
		exit(2);
	}
	fclose(f);
	return (struct wire_view){p, (size_t)size};
}

static size_t read_names(struct run *run, struct wire_view file)
{
	size_t count = wire_get16(file.p + 8), at = 10;

	for (size_t i = 0; i < count && i < MAX_CAPTURES; i++) {
		size_t n = wire_get16(file.p + at);

		run->captures[i] = strndup((const char *)file.p + at + 2, n);
		at += 2 + n;
	}
	return at;
}

static void run_file(
	struct run *run, struct wire_view file, size_t at, bool survey)
{
	run->survey = survey;

	while (at + 15 <= file.n) {
		const uint8_t *p = file.p + at;
		uint8_t kind = p[10];
		struct wire_view message =
			wire_view_sub(file, at + 15, wire_get32(p + 11));

		run->capture = wire_get16(p);
		run->frame = wire_get32(p + 2);
		run->connection = wire_get32(p + 6);
		at += 15 + message.n;
		if (kind >= 2 && survey) {
			continue;
		}
		if (kind >= 2) {
			check_one(run, &smb2_transform_header_type, message);
			run->sealed += kind == 3;
		} else {
			check_message(run, message);
		}
	}
}

static void report(const struct run *run)
{
	uint64_t bytes = 0;
	size_t vouched = 0;

	printf("%-44s %9s %10s\n", "structure", "instances", "bytes");
	for (size_t i = 0; i < wire_type_count; i++) {
		const struct tally *t = &run->tallies[i];

		if (t->instances > 0) {
			printf("%-44s %9" PRIu64 " %10" PRIu64 "\n",
				wire_types[i]->name, t->instances, t->bytes);
			bytes += t->bytes;
			vouched++;
		}
	}
	printf("%" PRIu64 " messages with %" PRIu64 " headers and bodies; %zu "
	       "of %zu structures vouched for by %" PRIu64 " bytes\n",
		run->messages, run->elements, vouched, wire_type_count, bytes);
	printf("%" PRIu64 " sealed without a key, %" PRIu64
	       " bodies without a layout, %" PRIu64
	       " malformed and refused by their server, %" PRIu64 " failures\n",
		run->sealed, run->opaque, run->refused, run->failures);
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));

	if (argc < 3 || argc > 4 || !run || wire_type_count > MAX_TYPES) {
		fprintf(stderr, "usage: wire_foreign PDUS WITNESSES [SEEDS]\n");
		return 2;
	}
	struct wire_view file = read_file(argv[1]);

	run->scratch_size = file.n + 4096;
	run->scratch = malloc(run->scratch_size);
	run->witnesses = fopen(argv[2], "w");
	if (!run->scratch || !run->witnesses) {
		fprintf(stderr, "wire_foreign: %s: cannot be written\n",
			argv[2]);
		return 2;
	}
	run->seeds = argc == 4 ? argv[3] : NULL;

	size_t at = read_names(run, file);

	run_file(run, file, at, true);
	run_file(run, file, at, false);
	report(run);
	return fclose(run->witnesses) != 0 || run->failures > 0;
}
