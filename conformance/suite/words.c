/* SPDX-License-Identifier: MIT */
/*
 * The words that judge: each leaves one record with rule, field, expected and
 * seen value, frame and offset. The verdict is made from the records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "suite/words.h"
#include "suite/say.h"

void conf_at(struct test *t, const char *file, int line)
{
	t->file = file;
	t->line = line;
}

void conf_leave(struct test *t)
{
	log_end(t->log, END_STOPPED, "");
	_skip(t->file != NULL ? t->file : "?", t->line);
	_exit(1); /* _skip does not return */
}

void conf_broken(struct test *t, const char *format, ...)
{
	struct record_check c = {
		.head = {.kind = RECORD_CHECK},
		.kind = CHECK_SUITE,
		.offset = UINT32_MAX,
		.line = (uint32_t)t->line,
	};
	va_list ap;

	va_start(ap, format);
	vsnprintf(c.seen, sizeof(c.seen), format, ap);
	va_end(ap);
	snprintf(c.file, sizeof(c.file), "%s", t->file ? t->file : "");
	log_add(t->log, &c.head, sizeof(c));
	log_end(t->log, END_BROKEN, c.seen);
	_fail(t->file != NULL ? t->file : "?", t->line);
	_exit(1); /* _fail does not return */
}

void conf_step(struct test *t, const char *format, ...)
{
	char text[244];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_step(t->log, false, 0, "%s", text);
}

/* A record for a check of `rule`, which the test must have declared. */
static struct record_check begin(struct test *t, enum check_kind kind,
	const struct reply *reply, enum rule_id rule)
{
	struct record_check c = {
		.head = {.kind = RECORD_CHECK},
		.kind = kind,
		.rule = (uint32_t)rule,
		.step = t->log->steps,
		.offset = UINT32_MAX,
		.line = (uint32_t)t->line,
	};
	unsigned int i;

	if (t->file != NULL) {
		snprintf(c.file, sizeof(c.file), "%s", t->file);
	}
	if (reply != NULL) {
		c.head.peer = reply->peer->index;
		c.frame = reply->frame;
	}
	for (i = 0; kind == CHECK_RULE; i++) {
		if (i == t->test->rule_count) {
			conf_broken(t, "rule %s is checked but not declared",
				rule_table[rule].id);
		}
		if (t->test->rules[i] == rule) {
			break;
		}
	}
	return c;
}

static bool finish(struct test *t, struct record_check *c, bool held)
{
	c->held = held;
	log_add(t->log, &c->head, sizeof(*c));
	return held;
}

/* --- need --------------------------------------------------------------- */

static void precondition(struct test *t, enum check_kind kind,
	const struct reply *reply, bool held, const char *format, va_list ap)
{
	struct record_check c = begin(t, kind, reply, 0);

	vsnprintf(c.expected, sizeof(c.expected), format, ap);
	if (reply == NULL) {
		snprintf(c.seen, sizeof(c.seen), "%s", held ? "yes" : "no");
	} else {
		say_reply(reply, c.seen, sizeof(c.seen));
	}
	if (reply != NULL && !held && reply->status == STATUS_SUCCESS &&
		strncmp(c.expected, say_command(reply),
			strlen(say_command(reply))) != 0) {
		snprintf(c.seen, sizeof(c.seen), "%s, but not that",
			status_text(reply->status));
	}
	if (!finish(t, &c, held)) {
		conf_leave(t);
	}
}

void conf_need(struct test *t, const struct reply *reply, bool held,
	const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	precondition(t, CHECK_NEED, reply, held, format, ap);
	va_end(ap);
}

void conf_capability(struct test *t, const struct reply *reply, bool held,
	const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	precondition(t, CHECK_SKIP, reply, held, format, ap);
	va_end(ap);
}

void conf_need_status(
	struct test *t, const struct reply *reply, uint32_t status)
{
	conf_need(t, reply,
		reply->outcome == REPLY_ARRIVED && reply->status == status,
		"%s %s", say_command(reply), status_text(status));
}

/* --- check --------------------------------------------------------------- */

bool conf_status(struct test *t, const struct reply *reply,
	const uint32_t *wanted, size_t count, enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	bool held = false;
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		n += (size_t)snprintf(c.expected + n, sizeof(c.expected) - n,
			"%s%s", i == 0 ? "" : " or ", status_text(wanted[i]));
		if (n >= sizeof(c.expected)) {
			n = sizeof(c.expected) - 1;
		}
		held |= reply->outcome == REPLY_ARRIVED &&
			reply->status == wanted[i];
	}
	snprintf(c.field, sizeof(c.field), "Status");
	if (reply->outcome == REPLY_ARRIVED) {
		c.offset = 8;
		c.size = 4;
	}
	say_reply(reply, c.seen, sizeof(c.seen));
	return finish(t, &c, held);
}

bool conf_refused(struct test *t, const struct reply *reply, enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);

	snprintf(c.field, sizeof(c.field), "Status");
	snprintf(c.expected, sizeof(c.expected), "an error status");
	if (reply->outcome == REPLY_ARRIVED) {
		c.offset = 8;
		c.size = 4;
	}
	say_reply(reply, c.seen, sizeof(c.seen));
	return finish(t, &c,
		reply->outcome == REPLY_ARRIVED &&
			(reply->status & 0xc0000000u) == 0xc0000000u);
}

static bool compare(
	enum conf_compare how, uint64_t seen, uint64_t a, uint64_t b)
{
	switch (how) {
	case CONF_EQUAL:
		return seen == a;
	case CONF_UNEQUAL:
		return seen != a;
	case CONF_BITS:
		return (seen & a) == a && (seen & b) == 0;
	case CONF_BETWEEN:
		return a <= seen && seen <= b;
	}
	return false;
}

static void say_wanted(enum conf_compare how, const struct wire_field *field,
	uint64_t a, uint64_t b, char *ret_text, size_t size)
{
	char first[80], second[80];

	say_value(field, a, first, sizeof(first));
	say_value(field, b, second, sizeof(second));
	switch (how) {
	case CONF_EQUAL:
		snprintf(ret_text, size, "%s", first);
		break;
	case CONF_UNEQUAL:
		snprintf(ret_text, size, "not %s", first);
		break;
	case CONF_BITS:
		snprintf(ret_text, size, "%s%s%s%s%s", a != 0 ? first : "",
			a != 0 ? " set" : "", a != 0 && b != 0 ? ", " : "",
			b != 0 ? second : "", b != 0 ? " clear" : "");
		break;
	case CONF_BETWEEN:
		snprintf(ret_text, size, "%s to %s", first, second);
		break;
	}
}

/* The number of a field in bytes that hold a structure; base is where they
 * begin in the PDU. */
struct place {
	const struct wire_field *field;
	bool found;
	size_t offset, size;
	uint64_t number;
	bool is_number;
};

static int visit(const struct wire_visit *v, void *ctx)
{
	struct place *place = ctx;

	if (v->field == place->field && !place->found) {
		place->found = true;
		place->offset = v->offset;
		place->size = v->bytes.n;
		place->number = v->number;
		place->is_number = v->field->kind == WIRE_UINT;
	}
	return 0;
}

/* StructureSize is what is wrong most often, and can be read anyway. */
static void say_malformed(struct record_check *c, const struct wire_type *type,
	struct wire_view whole, size_t base)
{
	const struct wire_field *first = &type->fields[0];
	uint16_t size;

	snprintf(c->seen, sizeof(c->seen), "the structure is malformed");
	if (strcmp(first->name, "StructureSize") != 0 || first->size != 2 ||
		whole.n < type->start + 2) {
		return;
	}
	size = wire_get16(whole.p + type->start);
	if (size != first->constant) {
		snprintf(c->seen, sizeof(c->seen),
			"the structure is malformed: StructureSize is %u",
			size);
		c->offset = (uint32_t)(base + type->start);
		c->size = 2;
	}
}

static bool judge(struct test *t, const struct reply *reply,
	const struct wire_type *type, struct wire_view whole, size_t base,
	unsigned int field, enum conf_compare how, uint64_t a, uint64_t b,
	enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	struct place place = {0};

	if (field >= type->count) {
		conf_broken(t, "%s has no field %u", type->name, field);
	}
	place.field = &type->fields[field];
	snprintf(c.field, sizeof(c.field), "%s.%s", type->name,
		place.field->name);
	say_wanted(how, place.field, a, b, c.expected, sizeof(c.expected));
	if (wire_walk(type, whole, visit, &place) != 0 && !place.found) {
		say_malformed(&c, type, whole, base);
		return finish(t, &c, false);
	}
	if (!place.found) {
		snprintf(c.seen, sizeof(c.seen), "the field is absent");
		return finish(t, &c, false);
	}
	if (!place.is_number) {
		conf_broken(t, "%s is not a number; use check_bytes", c.field);
	}
	c.offset = (uint32_t)(base + place.offset);
	c.size = (uint32_t)place.size;
	say_value(place.field, place.number, c.seen, sizeof(c.seen));
	return finish(t, &c, compare(how, place.number, a, b));
}

/* Without the response that the field belongs to, every check fails. */
static bool absent(struct test *t, const struct reply *reply,
	const struct wire_type *type, unsigned int field, enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);

	snprintf(c.field, sizeof(c.field), "%s.%s",
		type != NULL ? type->name : "response",
		type != NULL && field < type->count ? type->fields[field].name
						    : "?");
	snprintf(c.expected, sizeof(c.expected), "a response with this field");
	say_reply(reply, c.seen, sizeof(c.seen));
	return finish(t, &c, false);
}

/* The type that a spelled field name belongs to: X_F_Y -> X; or NULL. */
static const struct wire_type *type_spelled(const char *spelled)
{
	const char *end = strstr(spelled, "_F_");
	char name[96];

	if (end == NULL || (size_t)(end - spelled) >= sizeof(name)) {
		return NULL;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(end - spelled), spelled);
	return wire_type_by_name(name);
}

bool conf_field(struct test *t, const struct reply *reply, unsigned int field,
	const char *spelled, enum conf_compare how, uint64_t a, uint64_t b,
	enum rule_id rule)
{
	const struct wire_type *type = type_spelled(spelled);

	if (type == NULL && reply->request != NULL) { /* an expression */
		type = response_type(reply->request->command);
	} else if (type == NULL) {
		type = reply->type;
	}
	if (reply->outcome != REPLY_ARRIVED || reply->type != type ||
		type == NULL) {
		return absent(t, reply, type, field, rule);
	}
	return judge(t, reply, type, reply->pdu, 0, field, how, a, b, rule);
}

bool conf_header(struct test *t, const struct reply *reply, unsigned int field,
	enum conf_compare how, uint64_t a, uint64_t b, enum rule_id rule)
{
	if (reply->outcome != REPLY_ARRIVED) {
		return absent(t, reply, &smb2_header_type, field, rule);
	}
	return judge(t, reply, &smb2_header_type,
		wire_view_sub(reply->pdu, 0, 64), 0, field, how, a, b, rule);
}

/* Where a view lies in the reply's bytes; UINT32_MAX if elsewhere. */
static uint32_t offset_in(const struct reply *reply, struct wire_view part)
{
	if (part.p == NULL || part.p < reply->pdu.p ||
		part.p > reply->pdu.p + reply->pdu.n) {
		return UINT32_MAX;
	}
	return (uint32_t)(part.p - reply->pdu.p);
}

bool conf_part(struct test *t, const struct reply *reply, struct wire_view part,
	const struct wire_type *type, unsigned int field, enum conf_compare how,
	uint64_t a, uint64_t b, enum rule_id rule)
{
	uint32_t base = offset_in(reply, part);

	if (reply->outcome != REPLY_ARRIVED) {
		return absent(t, reply, type, field, rule);
	}
	return judge(t, reply, type, part, base == UINT32_MAX ? 0 : base, field,
		how, a, b, rule);
}

bool conf_bytes(struct test *t, const struct reply *reply,
	struct wire_view seen, struct wire_view want, const char *what,
	enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	bool arrived = reply == NULL || reply->outcome == REPLY_ARRIVED;
	size_t same = 0;

	while (same < seen.n && same < want.n && seen.p[same] == want.p[same]) {
		same++;
	}
	snprintf(c.field, sizeof(c.field), "%s", what);
	c.offset = reply != NULL ? offset_in(reply, seen) : UINT32_MAX;
	c.size = (uint32_t)seen.n;
	say_bytes(want, same, c.expected, sizeof(c.expected));
	if (arrived) {
		say_bytes(seen, same, c.seen, sizeof(c.seen));
	} else {
		say_reply(reply, c.seen, sizeof(c.seen));
	}
	if (c.offset != UINT32_MAX && same < seen.n && same < want.n) {
		c.offset += (uint32_t)same;
		c.size -= (uint32_t)same;
	}
	return finish(t, &c, arrived && wire_view_equal(seen, want));
}

bool conf_number(struct test *t, const struct reply *reply, uint64_t seen,
	uint64_t want, const char *what, enum rule_id rule)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	bool arrived = reply == NULL || reply->outcome == REPLY_ARRIVED;

	snprintf(c.field, sizeof(c.field), "%s", what);
	say_value(NULL, want, c.expected, sizeof(c.expected));
	if (arrived) {
		say_value(NULL, seen, c.seen, sizeof(c.seen));
	} else {
		say_reply(reply, c.seen, sizeof(c.seen));
	}
	return finish(t, &c, arrived && seen == want);
}

bool conf_true(struct test *t, const struct reply *reply, bool held,
	enum rule_id rule, const char *format, ...)
{
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	va_list ap;

	va_start(ap, format);
	vsnprintf(c.expected, sizeof(c.expected), format, ap);
	va_end(ap);
	if (reply != NULL && !held) {
		say_reply(reply, c.seen, sizeof(c.seen));
	} else {
		snprintf(c.seen, sizeof(c.seen), "%s", held ? "so" : "not so");
	}
	return finish(t, &c, held);
}

bool conf_signed(
	struct test *t, const struct reply *reply, bool want, enum rule_id rule)
{
	static const char *const words[] = {
		[SIGNATURE_NONE] = "no signature",
		[SIGNATURE_GOOD] = "a signature that verifies",
		[SIGNATURE_BAD] = "a signature that does not verify",
	};
	struct record_check c = begin(t, CHECK_RULE, reply, rule);
	enum signature wanted = want ? SIGNATURE_GOOD : SIGNATURE_NONE;

	snprintf(c.field, sizeof(c.field), "Signature");
	snprintf(c.expected, sizeof(c.expected), "%s", words[wanted]);
	if (reply->outcome != REPLY_ARRIVED) {
		say_reply(reply, c.seen, sizeof(c.seen));
		return finish(t, &c, false);
	}
	c.offset = 48;
	c.size = 16;
	snprintf(c.seen, sizeof(c.seen), "%s", words[reply->signature]);
	return finish(t, &c, reply->signature == wanted);
}

bool conf_closed(
	struct test *t, struct peer *peer, bool silently, enum rule_id rule)
{
	unsigned int before = peer->raw_count;
	bool closed = peer_closed_within(peer, CLOSE_TIMEOUT_MS);
	bool answered = silently && peer->raw_count != before;
	struct record_check c = begin(t, CHECK_RULE, NULL, rule);

	c.head.peer = peer->index;
	c.frame = closed ? peer->closed_frame : t->log->packets;
	snprintf(c.field, sizeof(c.field), "connection");
	snprintf(c.expected, sizeof(c.expected), "ended by the server%s",
		silently ? " without an answer" : "");
	snprintf(c.seen, sizeof(c.seen), "%s%s", answered ? "answered, " : "",
		closed ? "ended by the server" : "still open");
	return finish(t, &c, closed && !answered);
}

bool conf_alive(struct test *t, struct peer *peer, enum rule_id rule)
{
	struct smb2_echo_request echo = {0};
	struct reply *reply = peer_call(peer, &smb2_echo_request_type, &echo);
	struct record_check c = begin(t, CHECK_RULE, reply, rule);

	snprintf(c.field, sizeof(c.field), "connection");
	snprintf(c.expected, sizeof(c.expected), "an answer to ECHO");
	say_reply(reply, c.seen, sizeof(c.seen));
	return finish(t, &c, reply->outcome == REPLY_ARRIVED);
}

/* --- forbid, observe ------------------------------------------------------ */

bool conf_forbid_notification(
	struct test *t, struct peer *peer, unsigned int ms, enum rule_id rule)
{
	struct reply *r = peer_notification(peer, ms);
	struct record_check c = begin(t, CHECK_RULE, r, rule);

	snprintf(c.expected, sizeof(c.expected),
		"no unsolicited message within %u ms", ms);
	say_reply(r, c.seen, sizeof(c.seen));
	return finish(t, &c, r->outcome == REPLY_TIMEOUT);
}

bool conf_forbid_reply(struct test *t, struct request *request, unsigned int ms,
	enum rule_id rule)
{
	struct reply *r = peer_wait_ms(request, ms);
	struct record_check c = begin(t, CHECK_RULE, r, rule);

	snprintf(c.expected, sizeof(c.expected),
		"no response to %s within %u ms",
		command_name(request->command), ms);
	say_reply(r, c.seen, sizeof(c.seen));
	return finish(t, &c, r->outcome == REPLY_TIMEOUT);
}

void conf_observe(struct test *t, const struct reply *reply, const char *name,
	const char *format, ...)
{
	struct record_observe o = {
		.head = {.kind = RECORD_OBSERVE},
		.frame = reply != NULL ? reply->frame : 0,
	};
	va_list ap;

	snprintf(o.name, sizeof(o.name), "%s", name);
	va_start(ap, format);
	vsnprintf(o.value, sizeof(o.value), format, ap);
	va_end(ap);
	log_add(t->log, &o.head, sizeof(o));
}
