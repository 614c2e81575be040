/* SPDX-License-Identifier: MIT */
/*
 * Rules PSX-NEGOTIATE: the negotiate context that offers the extensions.
 * POSIX-SMB2 2.2.3.1.8, 2.2.4.1.8, 3.3.5.4
 */
#include <string.h>

#include "posix/posix.h"

#define TAG_SIZE 16
#define OTHER_TAG \
	"\x93\xad\x25\x50\x9c\xb4\x11\xe7" \
	"\xb4\x23\x83\xde\x96\x8b\xcd\x7d"
/* The tag as a GUID whose first three parts are little-endian. */
#define SWAPPED_TAG \
	"\x50\x25\xad\x93\xb4\x9c\xe7\x11" \
	"\xb4\x23\x83\xde\x96\x8b\xcd\x7c"

static const struct wire_view nothing;

/* NEGOTIATE for 3.1.1 with the usual contexts and these data, each a context
 * of its own that offers the extensions. */
static struct reply *offer(
	struct peer *a, const struct wire_view *data, unsigned int count)
{
	struct test *t = a->t;
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0311});
	struct wire_list list = wire_list_of(
		&smb2_negotiate_context_type, r.negotiate_context_list);
	struct negotiate_context contexts[8];
	struct smb2_negotiate_context c;
	unsigned int n = 0;

	while (wire_list_next(&list, &c, NULL) == 1) {
		contexts[n++] = (struct negotiate_context){
			c.context_type, bytes_of(t, c.data.p, c.data.n)};
	}
	for (unsigned int i = 0; i < count; i++) {
		contexts[n++] = (struct negotiate_context){
			SMB2_POSIX_EXTENSIONS_AVAILABLE, data[i]};
	}
	r.negotiate_context_list = negotiate_contexts(t, contexts, n);
	r.negotiate_context_count = (uint16_t)n;
	return peer_negotiate_as(a, &r);
}

static struct reply *offer_text(struct peer *a, const char *tags)
{
	const struct wire_view data = text_bytes(tags);

	return offer(a, &data, 1);
}

/* Contexts of the extensions in a response; the last in *ret. */
static unsigned int answers(
	const struct reply *reply, struct smb2_negotiate_context *ret)
{
	const struct smb2_negotiate_response *r = reply->body;
	struct smb2_negotiate_context c;
	struct wire_list list;
	unsigned int n = 0;

	if (r == NULL || reply->type != &smb2_negotiate_response_type) {
		return 0;
	}
	list = wire_list_of(
		&smb2_negotiate_context_type, r->negotiate_context_list);
	while (wire_list_next(&list, &c, NULL) == 1) {
		if (c.context_type == SMB2_POSIX_EXTENSIONS_AVAILABLE) {
			*ret = c;
			n++;
		}
	}
	return n;
}

CONF_TEST(posix, tag_is_answered, "the tag that is offered is answered",
	RULES(PSX_NEGOTIATE_0007, PSX_NEGOTIATE_0008), NEEDS(POSIX_EXTENSIONS),
	TAGS(TAG_SANITY))
{
	struct reply *r = offer_text(peer_connect(t), POSIX_TAG);
	struct smb2_negotiate_context c = {0};

	stop_ok(t, r, PSX_NEGOTIATE_0007);
	check_number(t, r, answers(r, &c), 1, "contexts of type 0x0100",
		PSX_NEGOTIATE_0007);
	check_bytes(t, r, c.data, text_bytes(POSIX_TAG), "PosixTag",
		PSX_NEGOTIATE_0008);
}

CONF_TEST(posix, nothing_was_offered,
	"a client that offers nothing is answered nothing",
	RULES(PSX_NEGOTIATE_0009), NEEDS(POSIX_EXTENSIONS))
{
	struct reply *r = offer(peer_connect(t), NULL, 0);
	struct smb2_negotiate_context c;

	need_ok(t, r);
	check_number(t, r, answers(r, &c), 0, "contexts of type 0x0100",
		PSX_NEGOTIATE_0009);
}

static const struct {
	const char *name;
	const char *tags;
} unknown_rows[] = {{"one_bit_off", OTHER_TAG},
	{"as_a_little_endian_guid", SWAPPED_TAG}, {"text", "SMB3 UNIX extens"},
	{"two_unknown", OTHER_TAG SWAPPED_TAG}};

CONF_TABLE(posix, unknown_tag, unknown_rows,
	"tags that the server does not know are not answered, and no error",
	RULES(PSX_NEGOTIATE_0010, PSX_NEGOTIATE_0012), NEEDS(POSIX_EXTENSIONS))
{
	struct reply *r = offer_text(peer_connect(t), row->tags);
	struct smb2_negotiate_context c;

	stop_ok(t, r, PSX_NEGOTIATE_0012);
	check_number(t, r, answers(r, &c), 0, "contexts of type 0x0100",
		PSX_NEGOTIATE_0010);
}

static const struct {
	const char *name;
	const char *tags;
} several_rows[] = {{"known_first", POSIX_TAG OTHER_TAG},
	{"known_last", OTHER_TAG POSIX_TAG},
	{"known_in_the_middle", OTHER_TAG POSIX_TAG SWAPPED_TAG},
	{"known_twice", POSIX_TAG POSIX_TAG}};

CONF_TABLE(posix, several_tags, several_rows,
	"of several tags the one that the server knows is answered",
	RULES(PSX_NEGOTIATE_0008, PSX_NEGOTIATE_0011), NEEDS(POSIX_EXTENSIONS))
{
	struct reply *r = offer_text(peer_connect(t), row->tags);
	struct smb2_negotiate_context c = {0};

	stop_ok(t, r, PSX_NEGOTIATE_0011);
	check_number(t, r, answers(r, &c), 1, "contexts of type 0x0100",
		PSX_NEGOTIATE_0011);
	check_bytes(t, r, c.data, text_bytes(POSIX_TAG), "PosixTag",
		PSX_NEGOTIATE_0008);
}

static const struct {
	const char *name;
	size_t size;
	enum rule_id rule;
} length_rows[] = {{"nothing", 0, RULE_PSX_NEGOTIATE_0014},
	{"5_bytes", 5, RULE_PSX_NEGOTIATE_0013},
	{"15_bytes", 15, RULE_PSX_NEGOTIATE_0013},
	{"17_bytes", 17, RULE_PSX_NEGOTIATE_0013},
	{"31_bytes", 31, RULE_PSX_NEGOTIATE_0013}};

CONF_TABLE(posix, bad_length, length_rows,
	"DataLength is a multiple of 16 and not 0",
	RULES(PSX_NEGOTIATE_0013, PSX_NEGOTIATE_0014), NEEDS(POSIX_EXTENSIONS))
{
	const struct wire_view data =
		wire_view_of(POSIX_TAG POSIX_TAG, row->size);

	rule_status(t, offer(peer_connect(t), &data, 1),
		STATUS_INVALID_PARAMETER, row->rule);
}

CONF_TEST(posix, context_twice, "two contexts of the type are refused",
	RULES(PSX_NEGOTIATE_0015), NEEDS(POSIX_EXTENSIONS))
{
	const struct wire_view data[] = {wire_view_of(POSIX_TAG, TAG_SIZE),
		wire_view_of(POSIX_TAG, TAG_SIZE)};

	check_status(t, offer(peer_connect(t), data, 2),
		STATUS_INVALID_PARAMETER, PSX_NEGOTIATE_0015);
}

CONF_TEST(posix, many_tags, "a long list of tags is searched to its end",
	RULES(PSX_NEGOTIATE_0011), NEEDS(POSIX_EXTENSIONS))
{
	const size_t count = 1000;
	uint8_t *tags = test_alloc(t, count * TAG_SIZE);
	struct wire_view data = wire_view_of(tags, count * TAG_SIZE);
	struct smb2_negotiate_context c = {0};

	for (size_t i = 0; i < count; i++) {
		memcpy(tags + i * TAG_SIZE,
			i + 1 == count ? POSIX_TAG : OTHER_TAG, TAG_SIZE);
	}
	struct reply *r = offer(peer_connect(t), &data, 1);

	stop_ok(t, r, PSX_NEGOTIATE_0011);
	check_number(t, r, answers(r, &c), 1, "contexts of type 0x0100",
		PSX_NEGOTIATE_0011);
}

static const struct {
	const char *name;
	uint16_t dialect;
} old_rows[] = {
	{"2.0.2", 0x0202}, {"2.1", 0x0210}, {"3.0", 0x0300}, {"3.0.2", 0x0302}};

CONF_TABLE(posix, old_dialect, old_rows,
	"below dialect 3.1.1 the bytes of the context mean nothing",
	RULES(PSX_NEGOTIATE_0016), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_request r = negotiate_request(
		a, &(struct client_options){.dialect = 0x0311, .posix = true});
	struct pdu *p = pdu_build(a, &smb2_negotiate_request_type, &r);

	need_capability(t, NULL, row->dialect >= t->target->dialect_min,
		"dialect 0x%04x", row->dialect);
	wire_put16(p->bytes + 64 + 36, row->dialect);
	struct reply *reply = pdu_call(p);
	stop_ok(t, reply, PSX_NEGOTIATE_0016);
	check_field(t, reply, SMB2_NEGOTIATE_RESPONSE_F_DIALECT_REVISION,
		row->dialect, PSX_NEGOTIATE_0016);
}

static void smb1_negotiate(struct peer *a)
{
	static const uint8_t request[] = {0xff, 'S', 'M', 'B', 0x72, [9] = 0x18,
		[10] = 0x53, [11] = 0xc8, [26] = 0xff, [27] = 0xfe, [32] = 0,
		11, 0, 0x02, 'S', 'M', 'B', ' ', '2', '.', '?', '?', '?', 0};

	peer_send_raw(a, wire_view_of(request, sizeof(request)));
}

CONF_TEST(posix, after_smb1_negotiate,
	"the extensions are negotiated after SMB_COM_NEGOTIATE too",
	RULES(PSX_NEGOTIATE_0007), NEEDS(POSIX_EXTENSIONS))
{
	struct peer *a = peer_connect(t);
	struct smb2_negotiate_context c = {0};

	smb1_negotiate(a);
	struct reply *first = peer_notification(a, REPLY_TIMEOUT_MS);
	need_capability(t, first, first->outcome == REPLY_ARRIVED,
		"an answer to SMB_COM_NEGOTIATE");
	a->next_id = 1;
	a->credits = 1;
	struct reply *r = offer_text(a, POSIX_TAG);
	stop_ok(t, r, PSX_NEGOTIATE_0007);
	check_number(t, r, answers(r, &c), 1, "contexts of type 0x0100",
		PSX_NEGOTIATE_0007);
}

/* --- channels ---------------------------------------------------------- */

/* A second connection of the session that offers no extensions. */
static struct peer *channel_without(struct peer *a)
{
	struct test *t = a->t;
	struct peer *b = peer_connect(t);
	const struct client_options options = {.dialect = a->dialect,
		.client_guid = &a->client_guid,
		.capabilities = a->client_capabilities};

	need_ok(t, peer_negotiate(b, &options));
	need(t, !b->posix, "a connection without the extensions");
	need_ok(t, peer_setup(b, &(struct setup_options){.bind = a->session}));
	peer_use(b, a->session, a->tree);
	return b;
}

CONF_TEST(posix, open_on_another_channel,
	"a POSIX open is one on a channel without the extensions too",
	RULES(PSX_NEGOTIATE_0017, PSX_CREATE_0008),
	NEEDS(POSIX_EXTENSIONS, CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL)))
{
	struct peer *a = posix_client(t);
	struct file *f = need_posix(a, "x", 0640, NULL);
	struct peer *b = channel_without(a);
	struct file over_there = {.peer = b, .id = f->id, .tree = b->tree};

	check_ok(t, posix_query(&over_there), PSX_NEGOTIATE_0017);
	struct reply *r = file_create(b, "y",
		&(struct create_options){
			.contexts = posix_contexts(t, 0640, nothing)});
	stop_ok(t, r, PSX_CREATE_0008);
	check(t, r, !posix_answered(r), PSX_CREATE_0008,
		"no POSIX context in the response on that channel");
}
