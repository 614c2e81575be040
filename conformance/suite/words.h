/* SPDX-License-Identifier: MIT */
/*
 * The words that judge.
 *
 *	need_*	  a precondition; not held: the test ends, NOVERDICT
 *	check_*	  judged by a rule and its level (MUST: FAIL, SHOULD: WARN,
 *		  MAY: only noted); the test goes on; returns whether it held
 *	stop_*	  like check_*, and leaves the test when it did not hold
 *	observe	  records what was seen as a variant; no verdict
 *	forbid_*  must not arrive within a quiet time
 *
 * `rule` is an id of the documents without quotes: CORE_READ_0004. A test may
 * only check rules that its declaration lists. Where the rule stands in a
 * table row, use the rule_ form: rule_status(t, reply, status, row->rule).
 * Every word takes the reply it speaks of, so that the report can point into
 * the capture. An absent reply fails every check except check().
 */
#ifndef SMB3X_SUITE_WORDS_H
#define SMB3X_SUITE_WORDS_H

#include "suite/peer.h"

#define CONF_AT(t, call) (conf_at((t), __FILE__, __LINE__), call)

/* --- steps ------------------------------------------------------------- */

/* What the test does now, for the reader of a report. */
#define step(t, ...) conf_step((t), __VA_ARGS__)

/* --- need -------------------------------------------------------------- */

/* need(t, peer->dialect >= 0x0300, "dialect 3.x"). */
#define need(t, condition, ...) \
	CONF_AT(t, conf_need((t), NULL, (condition), __VA_ARGS__))
#define need_status(t, reply, status) \
	CONF_AT(t, conf_need_status((t), (reply), (status)))
#define need_ok(t, reply) need_status(t, reply, STATUS_SUCCESS)
/* The target lacks something optional: the test is skipped, with the reply
 * as the evidence. */
#define need_capability(t, reply, condition, ...) \
	CONF_AT(t, conf_capability((t), (reply), (condition), __VA_ARGS__))

/* --- check: status ------------------------------------------------------ */

#define check_status(t, reply, status, rule) \
	rule_status(t, reply, status, RULE_##rule)
#define rule_status(t, reply, status, rule) \
	CONF_AT(t, conf_status((t), (reply), (const uint32_t[]){(status)}, 1, \
			   (rule)))
/* Any of several: check_status_in(t, r, RULE, STATUS_A, STATUS_B). */
#define check_status_in(t, reply, rule, ...) \
	rule_status_in(t, reply, RULE_##rule, __VA_ARGS__)
#define rule_status_in(t, reply, rule, ...) \
	CONF_AT(t, \
		conf_status((t), (reply), (const uint32_t[]){__VA_ARGS__}, \
			sizeof((const uint32_t[]){__VA_ARGS__}) / 4, (rule)))
#define check_ok(t, reply, rule) check_status(t, reply, STATUS_SUCCESS, rule)
/* Any status but success. */
#define check_refused(t, reply, rule) rule_refused(t, reply, RULE_##rule)
#define rule_refused(t, reply, rule) \
	CONF_AT(t, conf_refused((t), (reply), (rule)))
#define stop_status(t, reply, status, rule) \
	CONF_STOP(t, check_status(t, reply, status, rule))
#define stop_ok(t, reply, rule) CONF_STOP(t, check_ok(t, reply, rule))

/* --- check: fields of a reply ------------------------------------------- */

/* A number of the body: SMB2_CREATE_RESPONSE_F_CREATE_ACTION. The name says
 * of which structure: SMB2_ERROR_RESPONSE_F_BYTE_COUNT is one of an error
 * response. A reply with another body fails the check. */
#define check_field(t, reply, field, want, rule) \
	rule_field(t, reply, field, want, RULE_##rule)
#define rule_field(t, reply, field, want, rule) \
	CONF_AT(t, conf_field((t), (reply), (field), #field, CONF_EQUAL, \
			   (want), 0, (rule)))
#define check_field_not(t, reply, field, unwanted, rule) \
	CONF_AT(t, conf_field((t), (reply), (field), #field, CONF_UNEQUAL, \
			   (unwanted), 0, RULE_##rule))
/* Bits that must be set, bits that must be clear. */
#define check_flags(t, reply, field, set, clear, rule) \
	CONF_AT(t, conf_field((t), (reply), (field), #field, CONF_BITS, (set), \
			   (clear), RULE_##rule))
/* from <= value <= to */
#define check_range(t, reply, field, from, to, rule) \
	CONF_AT(t, conf_field((t), (reply), (field), #field, CONF_BETWEEN, \
			   (from), (to), RULE_##rule))
/* The same of the header: SMB2_HEADER_F_FLAGS. */
#define check_header(t, reply, field, want, rule) \
	CONF_AT(t, conf_header((t), (reply), (field), CONF_EQUAL, (want), 0, \
			   RULE_##rule))
#define check_header_flags(t, reply, field, set, clear, rule) \
	CONF_AT(t, conf_header((t), (reply), (field), CONF_BITS, (set), \
			   (clear), RULE_##rule))
#define check_header_range(t, reply, field, from, to, rule) \
	CONF_AT(t, conf_header((t), (reply), (field), CONF_BETWEEN, (from), \
			   (to), RULE_##rule))
/* A number of a structure inside the reply: part is a view into reply->pdu
 * that holds a structure of `type` (&file_standard_information_type). */
#define check_part(t, reply, part, type, field, want, rule) \
	CONF_AT(t, conf_part((t), (reply), (part), (type), (field), \
			   CONF_EQUAL, (want), 0, RULE_##rule))
/* The bytes of a view of the reply against expected ones. */
#define check_bytes(t, reply, seen, want, what, rule) \
	rule_bytes(t, reply, seen, want, what, RULE_##rule)
#define rule_bytes(t, reply, seen, want, what, rule) \
	CONF_AT(t, conf_bytes((t), (reply), (seen), (want), (what), (rule)))

/* --- check: everything else --------------------------------------------- */

/* A number that the test worked out. */
#define check_number(t, reply, seen, want, what, rule) \
	rule_number(t, reply, seen, want, what, RULE_##rule)
#define rule_number(t, reply, seen, want, what, rule) \
	CONF_AT(t, conf_number((t), (reply), (seen), (want), (what), (rule)))
/* A condition; the sentence says what should be true. Only the condition
 * decides; the reply (may be NULL) is what the report points at. */
#define check(t, reply, condition, rule, ...) \
	CONF_AT(t, conf_true((t), (reply), (condition), RULE_##rule, \
			   __VA_ARGS__))
#define check_rule(t, reply, condition, rule, ...) \
	CONF_AT(t, conf_true((t), (reply), (condition), (rule), __VA_ARGS__))
#define stop(t, reply, condition, rule, ...) \
	CONF_STOP(t, check(t, reply, condition, rule, __VA_ARGS__))
/* The reply carries a signature that verifies. */
#define check_signed(t, reply, rule) \
	CONF_AT(t, conf_signed((t), (reply), true, RULE_##rule))
#define check_unsigned(t, reply, rule) \
	CONF_AT(t, conf_signed((t), (reply), false, RULE_##rule))
#define check_encrypted(t, reply, rule) \
	CONF_AT(t, conf_true((t), (reply), (reply)->encrypted, RULE_##rule, \
			   "the response is encrypted"))
/* The server ends the connection. */
#define check_closed(t, peer, rule) rule_closed(t, peer, RULE_##rule)
#define rule_closed(t, peer, rule) \
	CONF_AT(t, conf_closed((t), (peer), false, (rule)))
/* The server ends the connection, and answers nothing before. */
#define check_closed_silently(t, peer, rule) \
	CONF_AT(t, conf_closed((t), (peer), true, RULE_##rule))
/* The connection still serves: an ECHO is answered. */
#define check_alive(t, peer, rule) \
	CONF_AT(t, conf_alive((t), (peer), RULE_##rule))
#define rule_alive(t, peer, rule) CONF_AT(t, conf_alive((t), (peer), (rule)))

/* --- forbid ------------------------------------------------------------- */

/* No unsolicited message on this peer within ms. */
#define forbid_notification(t, peer, ms, rule) \
	CONF_AT(t, conf_forbid_notification((t), (peer), (ms), RULE_##rule))
/* No (final) reply to this request within ms. */
#define forbid_reply(t, request, ms, rule) \
	CONF_AT(t, conf_forbid_reply((t), (request), (ms), RULE_##rule))

/* --- observe ------------------------------------------------------------ */

/* A legal variant worth knowing: observe(t, r, "eof", "%u", n). */
#define observe(t, reply, name, ...) \
	CONF_AT(t, conf_observe((t), (reply), (name), __VA_ARGS__))

/* --- implementation ------------------------------------------------------ */

enum conf_compare { CONF_EQUAL, CONF_UNEQUAL, CONF_BITS, CONF_BETWEEN };

#define CONF_STOP(t, held) \
	do { \
		if (!(held)) { \
			conf_leave(t); \
		} \
	} while (0)

void conf_at(struct test *t, const char *file, int line);
void conf_leave(struct test *t) __attribute__((noreturn));
void conf_step(struct test *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void conf_need(struct test *t, const struct reply *reply, bool held,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void conf_capability(struct test *t, const struct reply *reply, bool held,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
void conf_need_status(
	struct test *t, const struct reply *reply, uint32_t status);
bool conf_status(struct test *t, const struct reply *reply,
	const uint32_t *wanted, size_t count, enum rule_id rule);
bool conf_refused(struct test *t, const struct reply *reply, enum rule_id rule);
bool conf_field(struct test *t, const struct reply *reply, unsigned int field,
	const char *spelled, enum conf_compare how, uint64_t a, uint64_t b,
	enum rule_id rule);
bool conf_header(struct test *t, const struct reply *reply, unsigned int field,
	enum conf_compare how, uint64_t a, uint64_t b, enum rule_id rule);
bool conf_part(struct test *t, const struct reply *reply, struct wire_view part,
	const struct wire_type *type, unsigned int field, enum conf_compare how,
	uint64_t a, uint64_t b, enum rule_id rule);
bool conf_bytes(struct test *t, const struct reply *reply,
	struct wire_view seen, struct wire_view want, const char *what,
	enum rule_id rule);
bool conf_number(struct test *t, const struct reply *reply, uint64_t seen,
	uint64_t want, const char *what, enum rule_id rule);
bool conf_true(struct test *t, const struct reply *reply, bool held,
	enum rule_id rule, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
bool conf_signed(struct test *t, const struct reply *reply, bool want,
	enum rule_id rule);
bool conf_closed(
	struct test *t, struct peer *peer, bool silently, enum rule_id rule);
bool conf_alive(struct test *t, struct peer *peer, enum rule_id rule);
bool conf_forbid_notification(
	struct test *t, struct peer *peer, unsigned int ms, enum rule_id rule);
bool conf_forbid_reply(struct test *t, struct request *request, unsigned int ms,
	enum rule_id rule);
void conf_observe(struct test *t, const struct reply *reply, const char *name,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Ends the test as the suite's own mistake. */
void conf_broken(struct test *t, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

#endif
