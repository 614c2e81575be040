/* SPDX-License-Identifier: MIT */
/*
 * SPNEGO tokens: RFC 4178, section 4.2; [MS-SPNG] 2.2.1. The reader takes DER
 * with definite lengths and skips what it does not know; the writer works
 * from the end of the buffer, where every length is known.
 */
#include <errno.h>
#include <string.h>

#include "authclient/spnego.h"

#define DER_APPLICATION 0x60 /* [APPLICATION 0], GSS-API's outer frame */
#define DER_CONTEXT 0xa0     /* [n] is DER_CONTEXT + n */
#define DER_SEQUENCE 0x30
#define DER_OID 0x06
#define DER_ENUM 0x0a
#define DER_OCTETS 0x04
#define DER_GENERAL_STRING 0x1b

#define INIT_MECHS 0
#define INIT_TOKEN 2
#define INIT_HINTS 3 /* octets when it is the MIC of a plain NegTokenInit */
#define INIT2_MIC 4
#define RESP_STATE 0
#define RESP_MECH 1
#define RESP_TOKEN 2
#define RESP_MIC 3

static const uint8_t oid_spnego[] = {0x2b, 6, 1, 5, 5, 2};
static const uint8_t oid_krb5[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2};
static const uint8_t oid_ms_krb5[] = {
	0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2};
static const uint8_t oid_ntlmssp[] = {0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a};

const struct wire_view spnego_oid = {oid_spnego, sizeof(oid_spnego)};
const struct wire_view spnego_krb5 = {oid_krb5, sizeof(oid_krb5)};
const struct wire_view spnego_ms_krb5 = {oid_ms_krb5, sizeof(oid_ms_krb5)};
const struct wire_view spnego_ntlmssp = {oid_ntlmssp, sizeof(oid_ntlmssp)};

/* [MS-SPNG] 2.2.1: what a server that has no name to tell puts there. */
static const char hint_name[] = "not_defined_in_RFC4178@please_ignore";

static bool same(struct wire_view a, struct wire_view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Takes one element off the front of *in. */
static int der_take(
	struct wire_view *in, uint8_t *ret_tag, struct wire_view *ret_content)
{
	size_t n, at = 2;

	if (in->n < 2) {
		return -EBADMSG;
	}
	n = in->p[1];
	if (n & 0x80) {
		size_t digits = n & 0x7f;

		if (digits == 0 || digits > 4 || in->n - at < digits) {
			return -EBADMSG;
		}
		n = 0;
		while (digits-- > 0) {
			n = n << 8 | in->p[at++];
		}
	}
	if (in->n - at < n) {
		return -EBADMSG;
	}
	*ret_tag = in->p[0];
	*ret_content = wire_view_of(in->p + at, n);
	in->p += at + n;
	in->n -= at + n;
	return 0;
}

/* Takes an element that must have this tag. */
static int der_expect(
	struct wire_view *in, uint8_t tag, struct wire_view *ret_content)
{
	struct wire_view rest = *in;
	uint8_t seen;

	if (der_take(&rest, &seen, ret_content) < 0 || seen != tag) {
		return -EBADMSG;
	}
	*in = rest;
	return 0;
}

bool spnego_is_init(struct wire_view token)
{
	struct wire_view body, oid;

	return der_expect(&token, DER_APPLICATION, &body) == 0 &&
	       der_expect(&body, DER_OID, &oid) == 0 && same(oid, spnego_oid);
}

static int decode_mechs(struct wire_view field, struct spnego_init *init)
{
	struct wire_view list, oid;

	init->mech_list = field;
	if (der_expect(&field, DER_SEQUENCE, &list) < 0) {
		return -EBADMSG;
	}
	while (list.n > 0) {
		if (der_expect(&list, DER_OID, &oid) < 0) {
			return -EBADMSG;
		}
		if (init->mech_count < SPNEGO_MECHS) {
			init->mechs[init->mech_count++] = oid;
		}
	}
	return 0;
}

/* Fields of a NegTokenInit; hints are skipped. */
static int decode_init_field(
	uint8_t tag, struct wire_view field, struct spnego_init *init)
{
	switch (tag - DER_CONTEXT) {
	case INIT_MECHS:
		return decode_mechs(field, init);
	case INIT_TOKEN:
		return der_expect(&field, DER_OCTETS, &init->token);
	case INIT_HINTS:
		if (field.n > 0 && field.p[0] == DER_OCTETS) {
			return der_expect(&field, DER_OCTETS, &init->mic);
		}
		return 0;
	case INIT2_MIC:
		return der_expect(&field, DER_OCTETS, &init->mic);
	default:
		return 0;
	}
}

int spnego_init_decode(struct wire_view token, struct spnego_init *ret_init)
{
	struct wire_view body, oid, choice, fields, field;
	struct spnego_init init = {0};
	uint8_t tag;

	if (der_expect(&token, DER_APPLICATION, &body) < 0 ||
		der_expect(&body, DER_OID, &oid) < 0 ||
		!same(oid, spnego_oid) ||
		der_expect(&body, DER_CONTEXT, &choice) < 0 ||
		der_expect(&choice, DER_SEQUENCE, &fields) < 0) {
		return -EBADMSG;
	}
	while (fields.n > 0) {
		if (der_take(&fields, &tag, &field) < 0 ||
			decode_init_field(tag, field, &init) < 0) {
			return -EBADMSG;
		}
	}
	if (init.mech_count == 0) {
		return -EBADMSG;
	}
	*ret_init = init;
	return 0;
}

static int decode_resp_field(
	uint8_t tag, struct wire_view field, struct spnego_resp *resp)
{
	struct wire_view number;

	switch (tag - DER_CONTEXT) {
	case RESP_STATE:
		if (der_expect(&field, DER_ENUM, &number) < 0 ||
			number.n != 1 || number.p[0] > SPNEGO_REQUEST_MIC) {
			return -EBADMSG;
		}
		resp->state = (enum spnego_state)number.p[0];
		return 0;
	case RESP_MECH:
		return der_expect(&field, DER_OID, &resp->mech);
	case RESP_TOKEN:
		return der_expect(&field, DER_OCTETS, &resp->token);
	case RESP_MIC:
		return der_expect(&field, DER_OCTETS, &resp->mic);
	default:
		return 0;
	}
}

int spnego_resp_decode(struct wire_view token, struct spnego_resp *ret_resp)
{
	struct spnego_resp resp = {.state = SPNEGO_ABSENT};
	struct wire_view choice, fields, field;
	uint8_t tag;

	if (der_expect(&token, DER_CONTEXT + 1, &choice) < 0 ||
		der_expect(&choice, DER_SEQUENCE, &fields) < 0) {
		return -EBADMSG;
	}
	while (fields.n > 0) {
		if (der_take(&fields, &tag, &field) < 0 ||
			decode_resp_field(tag, field, &resp) < 0) {
			return -EBADMSG;
		}
	}
	*ret_resp = resp;
	return 0;
}

/* Output that grows towards the start of the buffer. */
struct der_out {
	uint8_t *p;
	size_t at, size;
	bool full;
};

static void put_bytes(struct der_out *out, const void *p, size_t n)
{
	if (out->full || out->at < n) {
		out->full = true;
		return;
	}
	out->at -= n;
	if (n > 0) {
		memcpy(out->p + out->at, p, n);
	}
}

static void put_byte(struct der_out *out, uint8_t byte)
{
	put_bytes(out, &byte, 1);
}

/* Puts tag and length in front of everything since position end. */
static void put_head(struct der_out *out, uint8_t tag, size_t end)
{
	size_t n = end - out->at;
	uint8_t digits = 0;

	if (n < 0x80) {
		put_byte(out, (uint8_t)n);
	} else {
		for (; n > 0; n >>= 8, digits++) {
			put_byte(out, (uint8_t)n);
		}
		put_byte(out, 0x80 | digits);
	}
	put_byte(out, tag);
}

static void put_string(struct der_out *out, uint8_t tag, struct wire_view bytes)
{
	size_t end = out->at;

	put_bytes(out, bytes.p, bytes.n);
	put_head(out, tag, end);
}

/* [n] { tag bytes }, nothing when bytes is empty. */
static void put_field(
	struct der_out *out, uint8_t n, uint8_t tag, struct wire_view bytes)
{
	size_t end = out->at;

	if (bytes.n > 0) {
		put_string(out, tag, bytes);
		put_head(out, DER_CONTEXT + n, end);
	}
}

static int put_finish(struct der_out *out)
{
	size_t n = out->size - out->at;

	if (out->full || n > INT32_MAX) {
		return -ENOBUFS;
	}
	memmove(out->p, out->p + out->at, n);
	return (int)n;
}

static void put_hints(struct der_out *out)
{
	size_t end = out->at;

	put_field(out, 0, DER_GENERAL_STRING,
		wire_view_of(hint_name, sizeof(hint_name) - 1));
	put_head(out, DER_SEQUENCE, end);
	put_head(out, DER_CONTEXT + INIT_HINTS, end);
}

int spnego_init_encode(const struct spnego_init *init, bool hint,
	uint8_t *ret_bytes, size_t size)
{
	struct der_out out = {ret_bytes, size, size, false};
	size_t end = out.at, mechs;

	put_field(&out, hint ? INIT2_MIC : INIT_HINTS, DER_OCTETS, init->mic);
	if (hint) {
		put_hints(&out);
	}
	put_field(&out, INIT_TOKEN, DER_OCTETS, init->token);
	mechs = out.at;
	for (unsigned int i = init->mech_count; i-- > 0;) {
		put_string(&out, DER_OID, init->mechs[i]);
	}
	put_head(&out, DER_SEQUENCE, mechs);
	put_head(&out, DER_CONTEXT + INIT_MECHS, mechs);
	put_head(&out, DER_SEQUENCE, end);
	put_head(&out, DER_CONTEXT, end);
	put_string(&out, DER_OID, spnego_oid);
	put_head(&out, DER_APPLICATION, end);
	return put_finish(&out);
}

int spnego_resp_encode(
	const struct spnego_resp *resp, uint8_t *ret_bytes, size_t size)
{
	struct der_out out = {ret_bytes, size, size, false};
	uint8_t state = (uint8_t)resp->state;
	size_t end = out.at;

	put_field(&out, RESP_MIC, DER_OCTETS, resp->mic);
	put_field(&out, RESP_TOKEN, DER_OCTETS, resp->token);
	put_field(&out, RESP_MECH, DER_OID, resp->mech);
	if (resp->state != SPNEGO_ABSENT) {
		put_field(&out, RESP_STATE, DER_ENUM, wire_view_of(&state, 1));
	}
	put_head(&out, DER_SEQUENCE, end);
	put_head(&out, DER_CONTEXT + 1, end);
	return put_finish(&out);
}
