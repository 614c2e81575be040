/* SPDX-License-Identifier: MIT */
/*
 * How a test is declared, and what it is given. A test is a function with its
 * declaration on top:
 *
 *	CONF_TEST(core, dialect_count_zero,
 *		"NEGOTIATE with DialectCount 0 is refused",
 *		RULES(CORE_NEGOTIATE_0003), BUDGET_MS(3000))
 *	{
 *		struct peer *a = peer_connect(t);
 *		...
 *	}
 *
 * Its id is area/FILE/name: core/negotiate/dialect_count_zero. CONF_TABLE runs
 * one body per row of a table, each row with an id area/FILE/name[row] and a
 * verdict of its own.
 */
#ifndef SMB3X_SUITE_TEST_H
#define SMB3X_SUITE_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"
#include "suite/log.h"
#include "suite/target.h"

struct test;
struct peer;

enum need_kind {
	NEED_NOTHING,
	NEED_DIALECT_MIN,
	NEED_DIALECT_MAX,
	NEED_CAPABILITY, /* a bit of SMB2_GLOBAL_CAP_* */
	NEED_CIPHER,
	NEED_SIGNING,
	NEED_COMPRESSION,
	NEED_ENCRYPTION, /* of any cipher */
	NEED_FSCTL,
	NEED_CONTEXT, /* a create context by its four letters */
	NEED_FS_FLAG, /* a bit of FileFsAttributeInformation */
	NEED_SECOND_USER,
	NEED_LOCAL_PATH,
	NEED_POSIX,     /* the UNIX extensions, on the target's share */
	NEED_TCP,       /* the target is reached over TCP by default */
	NEED_TRANSPORT, /* it can be reached over it: enum transport */
};

struct need {
	enum need_kind kind;
	uint64_t value;
	const char *text;
};

#define CONF_NEEDS_MAX 6

enum conf_tag {
	TAG_QUIET = 1,     /* measures time or silence: after the others */
	TAG_EXCLUSIVE = 2, /* touches state of the whole server: runs alone */
	TAG_SANITY = 4,    /* runs first; if it fails its area has no verdict */
};

struct conf_test {
	const char *area, *name, *title, *file;
	int line;
	void (*body)(struct test *t, const void *row);
	const enum rule_id *rules;
	unsigned int rule_count;
	struct need needs[CONF_NEEDS_MAX];
	unsigned int budget_ms; /* 0 = BUDGET_DEFAULT_MS */
	unsigned int tags;
	unsigned int revision; /* raised when its behaviour changes; 0 = 1 */
	const void *rows; /* of row_size bytes, each begins with its name */
	size_t row_size, row_count;
};

#define BUDGET_DEFAULT_MS 40000

/* The words of a declaration. */
#define RULES(...) \
	.rules = (const enum rule_id[]){CONF_MAP(CONF_RULE, __VA_ARGS__)}, \
	.rule_count = sizeof((const enum rule_id[]){ \
			      CONF_MAP(CONF_RULE, __VA_ARGS__)}) / \
		      sizeof(enum rule_id)
#define NEEDS(...) .needs = {__VA_ARGS__}
#define BUDGET_MS(ms) .budget_ms = (ms)
#define TAGS(tags_) .tags = (tags_)
#define REVISION(n) .revision = (n)

/* The words inside NEEDS(). */
#define DIALECT_MIN(d) \
	{ \
		NEED_DIALECT_MIN, (d), #d \
	}
#define DIALECT_MAX(d) \
	{ \
		NEED_DIALECT_MAX, (d), #d \
	}
#define CAPABILITY(bit) \
	{ \
		NEED_CAPABILITY, (bit), #bit \
	}
#define CIPHER(id) \
	{ \
		NEED_CIPHER, (id), #id \
	}
#define SIGNING(id) \
	{ \
		NEED_SIGNING, (id), #id \
	}
#define COMPRESSION(id) \
	{ \
		NEED_COMPRESSION, (id), #id \
	}
#define ENCRYPTION \
	{ \
		NEED_ENCRYPTION, 0, "encryption" \
	}
#define FSCTL(code) \
	{ \
		NEED_FSCTL, (code), #code \
	}
#define CREATE_CONTEXT(name) \
	{ \
		NEED_CONTEXT, 0, name \
	}
#define FS_FLAG(bit) \
	{ \
		NEED_FS_FLAG, (bit), #bit \
	}
#define SECOND_USER \
	{ \
		NEED_SECOND_USER, 0, "a second user" \
	}

/* The share is a directory of this machine: target->local_path. */
#define LOCAL_PATH \
	{ \
		NEED_LOCAL_PATH, 0, "the share on this machine" \
	}

/* The test is about Direct TCP itself. */
#define DIRECT_TCP \
	{ \
		NEED_TCP, 0, "Direct TCP" \
	}
#define QUIC_TRANSPORT \
	{ \
		NEED_TRANSPORT, 2, "QUIC" \
	}
/* Together with QUIC_TRANSPORT: two ways to the same server. */
#define TCP_BESIDE \
	{ \
		NEED_TRANSPORT, 1, "TCP" \
	}

#define POSIX_EXTENSIONS \
	{ \
		NEED_POSIX, 0, "the UNIX extensions" \
	}

#define CONF_TEST(area_, name_, title_, ...) \
	static void conf_body_##name_(struct test *t); \
	static void conf_call_##name_( \
		struct test *t, const void *row __attribute__((unused))) \
	{ \
		conf_body_##name_(t); \
	} \
	CONF_DECLARE(area_, name_, title_, __VA_ARGS__); \
	static void conf_body_##name_(struct test *t __attribute__((unused)))

/*
 * rows_ is a static const array whose element type begins with
 * `const char *name`. The body sees `t` and `row`, a pointer to its row.
 */
#define CONF_TABLE(area_, name_, rows_, title_, ...) \
	static void conf_body_##name_( \
		struct test *t, const __typeof__((rows_)[0]) *row); \
	static void conf_call_##name_(struct test *t, const void *row) \
	{ \
		conf_body_##name_(t, row); \
	} \
	CONF_DECLARE(area_, name_, title_, .rows = (rows_), \
		.row_size = sizeof((rows_)[0]), \
		.row_count = sizeof(rows_) / sizeof((rows_)[0]), __VA_ARGS__); \
	static void conf_body_##name_(struct test *t __attribute__((unused)), \
		const __typeof__((rows_)[0]) *row __attribute__((unused)))

#define CONF_DECLARE(area_, name_, title_, ...) \
	static const struct conf_test conf_test_##name_ = {.area = #area_, \
		.name = #name_, \
		.title = title_, \
		.file = __FILE__, \
		.line = __LINE__, \
		.body = conf_call_##name_, \
		__VA_ARGS__}; \
	static const struct conf_test *const conf_entry_##name_ \
		__attribute__((section("conf_tests"), used)) = \
			&conf_test_##name_

/* CONF_MAP(F, a, b, c): F(a), F(b), F(c); at most 16. */
#define CONF_RULE(id) RULE_##id
#define CONF_MAP(F, ...) \
	CONF_PICK(__VA_ARGS__, CONF_M16, CONF_M15, CONF_M14, CONF_M13, \
		CONF_M12, CONF_M11, CONF_M10, CONF_M9, CONF_M8, CONF_M7, \
		CONF_M6, CONF_M5, CONF_M4, CONF_M3, CONF_M2, CONF_M1, ) \
	(F, __VA_ARGS__)
#define CONF_PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, NAME, ...) \
	NAME
#define CONF_M1(F, a) F(a)
#define CONF_M2(F, a, ...) F(a), CONF_M1(F, __VA_ARGS__)
#define CONF_M3(F, a, ...) F(a), CONF_M2(F, __VA_ARGS__)
#define CONF_M4(F, a, ...) F(a), CONF_M3(F, __VA_ARGS__)
#define CONF_M5(F, a, ...) F(a), CONF_M4(F, __VA_ARGS__)
#define CONF_M6(F, a, ...) F(a), CONF_M5(F, __VA_ARGS__)
#define CONF_M7(F, a, ...) F(a), CONF_M6(F, __VA_ARGS__)
#define CONF_M8(F, a, ...) F(a), CONF_M7(F, __VA_ARGS__)
#define CONF_M9(F, a, ...) F(a), CONF_M8(F, __VA_ARGS__)
#define CONF_M10(F, a, ...) F(a), CONF_M9(F, __VA_ARGS__)
#define CONF_M11(F, a, ...) F(a), CONF_M10(F, __VA_ARGS__)
#define CONF_M12(F, a, ...) F(a), CONF_M11(F, __VA_ARGS__)
#define CONF_M13(F, a, ...) F(a), CONF_M12(F, __VA_ARGS__)
#define CONF_M14(F, a, ...) F(a), CONF_M13(F, __VA_ARGS__)
#define CONF_M15(F, a, ...) F(a), CONF_M14(F, __VA_ARGS__)
#define CONF_M16(F, a, ...) F(a), CONF_M15(F, __VA_ARGS__)

#define TEST_PEERS 40

/* What a running test is given. Tests pass it on; they do not look inside. */
struct test {
	const struct conf_test *test;
	const char *id;
	const struct target *target;
	struct log *log;
	const char *run;     /* name of this run, in directory names */
	unsigned int number; /* of the test in this run */
	double time_scale;
	uint64_t deadline; /* CLOCK_MONOTONIC, nanoseconds */
	uint64_t seed;     /* of test_random() */
	struct peer *peers[TEST_PEERS];
	unsigned int peer_count;
	char workdir[80]; /* UTF-8, empty until workdir(t) */
	struct arena_block *arena;
	const char *file; /* where the word being executed stands */
	int line;
};

/* Memory that lives until the test ends; zeroed; never NULL. */
void *test_alloc(struct test *t, size_t size);
char *test_text(struct test *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Bytes from the test's seed: the same in every run with that seed. */
void test_random(struct test *t, void *ret_bytes, size_t size);

/* Runs the body of a test in this process, under cmocka, and logs how it
 * ended. Frees what the test allocated. */
void test_run(struct test *t, const void *row);

#endif
