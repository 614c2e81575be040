/* SPDX-License-Identifier: MIT */
/*
 * What no client should send: each request with each of its numbers set to
 * nonsense, cut at each length, and with random bits turned. The server must
 * refuse what cannot be decoded, answer or hang up on everything, and go on
 * serving others. [MS-SMB2] 3.3.4.4, 3.3.5.2.6
 */
#include <string.h>

#include "core/requests.h"

#define BUDGET 120000

/* --- one well-formed request of each command ---------------------------------
 */

static const enum rule_id judged[] = {
	RULE_CORE_HEADER_0014, RULE_CORE_HEADER_0026, RULE_CORE_HEADER_0027};
#define RULES_JUDGED (sizeof(judged) / sizeof(judged[0]))

/* Who sends the next request, and the open that it is about. */
struct victim {
	struct test *t;
	uint16_t command;
	struct peer *peer;
	struct file *file;
	unsigned int refused[RULES_JUDGED], accepted[RULES_JUDGED];
};

static struct pdu *build_first(struct victim *v)
{
	struct peer *a = v->peer;
	const struct smb2_negotiate_request negotiate =
		negotiate_request(a, NULL);
	const struct smb2_session_setup_request setup = {
		.security_mode = SMB2_NEGOTIATE_SIGNING_ENABLED,
		.buffer = bytes_of(v->t, "NTLMSSP\0\1\0\0\0", 12)};
	const struct smb2_tree_connect_request tree = {
		.buffer = utf16(
			v->t, test_text(v->t, "\\\\%s\\%s", v->t->target->host,
				      v->t->target->share))};
	static const struct smb2_logoff_request logoff = {0};
	static const struct smb2_tree_disconnect_request disconnect = {0};
	struct smb2_create_request create;

	switch (v->command) {
	case SMB2_NEGOTIATE:
		return pdu_build(a, &smb2_negotiate_request_type, &negotiate);
	case SMB2_SESSION_SETUP:
		return pdu_build(a, &smb2_session_setup_request_type, &setup);
	case SMB2_LOGOFF:
		return pdu_build(a, &smb2_logoff_request_type, &logoff);
	case SMB2_TREE_CONNECT:
		return pdu_build(a, &smb2_tree_connect_request_type, &tree);
	case SMB2_TREE_DISCONNECT:
		return pdu_build(
			a, &smb2_tree_disconnect_request_type, &disconnect);
	default:
		create = create_request(a, "x", NULL);
		return pdu_build(a, &smb2_create_request_type, &create);
	}
}

static struct pdu *build_later(struct victim *v)
{
	struct peer *a = v->peer;
	static const struct smb2_echo_request echo = {0};
	static const struct smb2_cancel_request cancel = {0};
	const struct smb2_ioctl_request ioctl = {
		.ctl_code = FSCTL_GET_COMPRESSION,
		.file_id = v->file->id,
		.max_output_response = 64,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = bytes_of(v->t, "12345678", 8)};

	switch (v->command) {
	case SMB2_IOCTL: /* one with input to change */
		return pdu_build(a, &smb2_ioctl_request_type, &ioctl);
	case SMB2_CANCEL:
		return pdu_build(a, &smb2_cancel_request_type, &cancel);
	case SMB2_ECHO:
		return pdu_build(a, &smb2_echo_request_type, &echo);
	default:
		return request_about(a, v->command, v->file->id);
	}
}

/* --- the life of a victim
 * ------------------------------------------------------ */

static void forget_peers(struct test *t)
{
	while (t->peer_count != 0) {
		peer_disconnect(t->peers[--t->peer_count]);
	}
}

/* Opens the file of the request; false when this client is of no use. */
static bool reopen(struct victim *v)
{
	const struct create_options plain = {.options = 0};
	const struct create_options directory = {
		.options = FILE_DIRECTORY_FILE};
	struct reply *r;

	v->file = NULL;
	if (v->peer == NULL || v->peer->closed) {
		return false;
	}
	r = is_about_a_directory(v->command)
		    ? file_create(v->peer, "directory", &directory)
		    : file_create(v->peer, "file", &plain);
	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS) {
		return false;
	}
	v->file = file_of(r);
	return true;
}

static struct pdu *next_request(struct victim *v)
{
	struct test *t = v->t;

	if (v->command <= SMB2_SESSION_SETUP) {
		forget_peers(t);
		v->peer = peer_connect(t);
		if (v->command == SMB2_SESSION_SETUP) {
			need_ok(t, peer_negotiate(v->peer, NULL));
		}
		return build_first(v);
	}
	if (!reopen(v)) {
		forget_peers(t);
		v->peer = client(t);
		need(t, reopen(v), "a client with a file open");
	}
	return v->command <= SMB2_CREATE ? build_first(v) : build_later(v);
}

static void finish_request(struct victim *v)
{
	if (v->file != NULL && !v->peer->closed) {
		file_close(v->file);
	}
}

/* --- judgement
 * ------------------------------------------------------------------ */

/* The final reply; what waits is cancelled. */
static struct reply *settle(struct victim *v, struct request *request)
{
	static const struct smb2_echo_request echo = {0};
	struct reply *r;

	if (request->command == SMB2_CANCEL) { /* which is not answered */
		return v->peer->closed
			       ? peer_wait_ms(request, 0)
			       : peer_call(v->peer, &smb2_echo_request_type,
					 &echo);
	}
	r = peer_interim(request);
	if (r->outcome == REPLY_ARRIVED && r->status == STATUS_PENDING) {
		peer_cancel(request);
		r = peer_wait(request);
	}
	return r;
}

static bool refused(const struct reply *r)
{
	return r->outcome == REPLY_CLOSED ||
	       (r->outcome == REPLY_ARRIVED &&
		       (r->status & 0xc0000000u) == 0xc0000000u);
}

static bool answered(const struct reply *r)
{
	return r->outcome == REPLY_CLOSED ||
	       (r->outcome == REPLY_ARRIVED && status_name(r->status) != NULL);
}

/* Whether the request can be decoded. Without a Channel the place of its
 * information means nothing in READ and WRITE, 2.2.19, 2.2.21; nobody looks
 * at the body of CANCEL. */
static bool decodes(struct test *t, const struct pdu *pdu)
{
	bool read = pdu->type == &smb2_read_request_type;
	bool write = pdu->type == &smb2_write_request_type;
	size_t channel = read ? 100 : 96, info = read ? 108 : 104;
	uint8_t *bytes = test_alloc(t, pdu->n);

	if (pdu->type == &smb2_cancel_request_type) {
		return true;
	}
	memcpy(bytes, pdu->bytes, pdu->n);
	if ((read || write) && pdu->n >= info + 4 &&
		wire_get32(bytes + channel) == SMB2_CHANNEL_NONE) {
		wire_put32(bytes + info, 0);
	}
	return wire_decode(pdu->type, wire_view_of(bytes, pdu->n),
		       test_alloc(t, pdu->type->c_size), NULL) == 0;
}

static void count(
	struct victim *v, bool sound, enum rule_id rule, bool was_refused)
{
	size_t i;

	for (i = 0; i < RULES_JUDGED && !sound; i++) {
		if (judged[i] == rule && was_refused) {
			v->refused[i]++;
		} else if (judged[i] == rule) {
			v->accepted[i]++;
		}
	}
}

/* Sends it and judges the answer; only what is wrong is recorded. */
static void judge(struct victim *v, struct pdu *pdu, enum rule_id undecodable,
	const char *what)
{
	struct test *t = v->t;
	struct reply *r;
	bool sound = decodes(t, pdu);

	r = settle(v, pdu_send(pdu));
	count(v, sound, undecodable, refused(r));
	if (!sound && !refused(r)) {
		check_rule(t, r, false, undecodable, "%s: refused", what);
	} else if (!answered(r)) {
		check(t, r, false, CORE_HEADER_0031,
			"%s: an answer with a known status, or the end of the "
			"connection",
			what);
	}
	finish_request(v);
}

static void others_are_served(struct victim *v)
{
	size_t i;

	for (i = 0; i < RULES_JUDGED; i++) {
		if (v->refused[i] != 0 && v->accepted[i] == 0) {
			check_rule(v->t, NULL, true, judged[i],
				"%u requests refused", v->refused[i]);
		}
	}
	forget_peers(v->t);
	check_alive(v->t, client(v->t), CORE_HEADER_0031);
}

/* --- numbers
 * --------------------------------------------------------------------- */

struct spot {
	const struct wire_field *field;
	size_t offset, size;
};

static int find_spot(const struct wire_visit *visit, void *ctx)
{
	struct spot *spot = ctx;

	if (visit->field == spot->field && spot->size == 0) {
		spot->offset = visit->offset;
		spot->size = visit->bytes.n;
	}
	return 0;
}

static uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0) {
		value = value << 8 | p[n];
	}
	return value;
}

/* Sets the field of a request to the which-th nonsense; false if that is what
 * it was, or the request has no such field. */
static bool make_nonsense(struct pdu *pdu, const struct wire_type *type,
	unsigned int field, unsigned int which)
{
	struct spot spot = {.field = &type->fields[field]};
	uint64_t old, value;
	size_t i;

	(void)!wire_walk(
		type, wire_view_of(pdu->bytes, pdu->n), find_spot, &spot);
	if (spot.field->kind != WIRE_UINT || spot.size == 0) {
		return false;
	}
	old = get(pdu->bytes + spot.offset, spot.size);
	value = (const uint64_t[]){0, 1, UINT64_MAX, old + 1, old - 1,
		pdu->n + 8, old + 256}[which];
	for (i = 0; i < spot.size; i++) {
		pdu->bytes[spot.offset + i] = (uint8_t)(value >> (8 * i));
	}
	return get(pdu->bytes + spot.offset, spot.size) != old;
}

#define NONSENSES 7

/* Its MessageId is used up all the same. */
static void continue_without(struct victim *v, struct pdu *pdu)
{
	settle(v, pdu_send(pdu));
	finish_request(v);
}

static void every_number(
	struct victim *v, const struct wire_type *type, unsigned int from)
{
	static const char *const names[NONSENSES] = {"0", "1", "the maximum",
		"one more", "one less", "beyond", "256 more"};
	unsigned int field, which;

	for (field = from; field < type->count; field++) {
		for (which = 0; which < NONSENSES; which++) {
			struct pdu *pdu;

			if (type->fields[field].kind != WIRE_UINT) {
				continue;
			}
			pdu = next_request(v);
			if (!make_nonsense(pdu, type, field, which)) {
				continue_without(v, pdu);
				continue;
			}
			judge(v, pdu,
				field == 0 ? RULE_CORE_HEADER_0026
					   : RULE_CORE_HEADER_0027,
				test_text(v->t, "%s %s",
					type->fields[field].name,
					names[which]));
		}
	}
}

static const struct command_row {
	const char *name;
	uint16_t command;
} command_rows[] = {
	{"negotiate", SMB2_NEGOTIATE},
	{"session_setup", SMB2_SESSION_SETUP},
	{"logoff", SMB2_LOGOFF},
	{"tree_connect", SMB2_TREE_CONNECT},
	{"tree_disconnect", SMB2_TREE_DISCONNECT},
	{"create", SMB2_CREATE},
	{"close", SMB2_CLOSE},
	{"flush", SMB2_FLUSH},
	{"read", SMB2_READ},
	{"write", SMB2_WRITE},
	{"lock", SMB2_LOCK},
	{"ioctl", SMB2_IOCTL},
	{"cancel", SMB2_CANCEL},
	{"echo", SMB2_ECHO},
	{"query_directory", SMB2_QUERY_DIRECTORY},
	{"change_notify", SMB2_CHANGE_NOTIFY},
	{"query_info", SMB2_QUERY_INFO},
	{"set_info", SMB2_SET_INFO},
};

CONF_TABLE(core, nonsense_in_numbers, command_rows,
	"each number of a request set to nonsense",
	RULES(CORE_HEADER_0026, CORE_HEADER_0027, CORE_HEADER_0031),
	BUDGET_MS(BUDGET))
{
	struct victim v = {.t = t, .command = row->command};

	every_number(&v, wire_message_type(row->command, false), 0);
	others_are_served(&v);
}

CONF_TEST(core, nonsense_in_header, "each number of the header set to nonsense",
	RULES(CORE_HEADER_0026, CORE_HEADER_0027, CORE_HEADER_0031),
	BUDGET_MS(BUDGET))
{
	struct victim v = {.t = t, .command = SMB2_ECHO};

	every_number(&v, &smb2_header_type, 1);
	others_are_served(&v);
}

/* --- lengths, bits
 * ----------------------------------------------------------------- */

CONF_TABLE(core, cut_at_each_length, command_rows,
	"a request cut at each length",
	RULES(CORE_HEADER_0014, CORE_HEADER_0027, CORE_HEADER_0031),
	BUDGET_MS(BUDGET))
{
	struct victim v = {.t = t, .command = row->command};
	size_t n, size = 65;

	for (n = 64; n < size; n++) {
		struct pdu *pdu = next_request(&v);
		size_t fixed = 64 + (pdu->type->fields[0].constant & ~1u);

		size = pdu->n;
		pdu_truncate(pdu, n);
		judge(&v, pdu,
			n < fixed ? RULE_CORE_HEADER_0014
				  : RULE_CORE_HEADER_0027,
			test_text(t, "cut to %zu of %zu bytes", n, size));
	}
	others_are_served(&v);
}

CONF_TABLE(core, random_bits, command_rows,
	"a random bit turned in each byte of a body",
	RULES(CORE_HEADER_0026, CORE_HEADER_0027, CORE_HEADER_0031),
	BUDGET_MS(BUDGET))
{
	struct victim v = {.t = t, .command = row->command};
	size_t byte, size = 65;

	for (byte = 64; byte < size; byte++) {
		struct pdu *pdu = next_request(&v);
		uint8_t bit;

		size = pdu->n;
		test_random(t, &bit, sizeof(bit));
		pdu->bytes[byte] ^= (uint8_t)(1 << bit % 8);
		judge(&v, pdu,
			byte < 66 ? RULE_CORE_HEADER_0026
				  : RULE_CORE_HEADER_0027,
			test_text(
				t, "bit %u of byte %zu turned", bit % 8, byte));
	}
	others_are_served(&v);
}
