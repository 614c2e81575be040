/* SPDX-License-Identifier: MIT */
/*
 * Asks the target what it has. The questions are asked in a child like a test
 * is; what comes back is in memory that both share, so that a question which
 * ends the child loses no earlier answer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner/child.h"
#include "runner/cleanup.h"
#include "runner/evidence.h"
#include "runner/preflight.h"
#include "runner/probe.h"
#include "suite/file.h"

#define PROBE_BUDGET_MS 20000

/* What parent and child share. */
struct shared {
	struct target target;
	struct preflight preflight;
};

/* The run under way; the body of a test has no argument of its own. */
static struct target *found;
static struct preflight *reached;

static void fact(enum fact_kind kind, uint64_t value, const char *name,
	bool present, uint32_t frame, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static void fact(enum fact_kind kind, uint64_t value, const char *name,
	bool present, uint32_t frame, const char *format, ...)
{
	struct fact *f;
	va_list ap;

	if (found->fact_count == TARGET_FACTS) {
		return;
	}
	f = &found->facts[found->fact_count];
	*f = (struct fact){.kind = kind,
		.present = present,
		.value = value,
		.frame = frame};
	snprintf(f->name, sizeof(f->name), "%s", name);
	va_start(ap, format);
	vsnprintf(f->evidence, sizeof(f->evidence), format, ap);
	va_end(ap);
	found->fact_count++;
}

/* What an answer to NEGOTIATE says about who is there. */
static void note_answer(const struct peer *p, const struct reply *r)
{
	struct wire_view first = {p->input, p->input_size};

	if (r->outcome == REPLY_ARRIVED) {
		reached->answered = true;
		return;
	}
	reached->closed = r->outcome == REPLY_CLOSED;
	if (first.n == 0) {
		first = p->raw; /* a whole message, of another protocol */
	}
	reached->first_size = (unsigned int)(first.n < sizeof(reached->first)
						     ? first.n
						     : sizeof(reached->first));
	if (first.n != 0) {
		memcpy(reached->first, first.p, reached->first_size);
	}
}

static void ask_dialects(struct test *t)
{
	static const uint16_t dialects[] = {
		0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	static const char *const names[] = {
		"2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"};
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct peer *p = peer_connect(t);
		struct reply *r;
		bool yes;

		reached->stage = STAGE_NEGOTIATE;
		r = peer_negotiate(
			p, &(struct client_options){.dialect = dialects[i]});
		note_answer(p, r);
		yes = r->outcome == REPLY_ARRIVED &&
		      r->status == STATUS_SUCCESS && p->dialect == dialects[i];

		fact(FACT_DIALECT, dialects[i], names[i], yes, r->frame,
			"NEGOTIATE: %s",
			r->outcome == REPLY_ARRIVED ? status_text(r->status)
						    : "no response");
		if (yes) {
			found->dialect_max = dialects[i];
			if (found->dialect_min == 0) {
				found->dialect_min = dialects[i];
			}
		}
		peer_disconnect(p);
		if (r->outcome == REPLY_TIMEOUT && !reached->answered) {
			i = i < 3 ? 3 : i; /* the newest, then enough */
		}
	}
}

static void ask_ciphers(struct test *t)
{
	static const char *const names[] = {"", "SMB2_ENCRYPTION_AES128_CCM",
		"SMB2_ENCRYPTION_AES128_GCM", "SMB2_ENCRYPTION_AES256_CCM",
		"SMB2_ENCRYPTION_AES256_GCM"};
	uint16_t c;

	for (c = 1; c <= 4 && found->dialect_max == 0x0311; c++) {
		struct peer *p = peer_connect(t);
		struct reply *r = peer_negotiate(
			p, &(struct client_options){
				   .dialect = 0x0311, .cipher = c});

		fact(FACT_CIPHER, c, names[c],
			r->status == STATUS_SUCCESS && p->cipher == c, r->frame,
			"NEGOTIATE: %s, cipher %u", status_text(r->status),
			p->cipher);
		peer_disconnect(p);
	}
}

static void ask_signings(struct test *t)
{
	static const char *const names[] = {"SMB2_SIGNING_HMAC_SHA256",
		"SMB2_SIGNING_AES_CMAC", "SMB2_SIGNING_AES_GMAC"};
	uint16_t s;

	for (s = 0; s <= 2 && found->dialect_max == 0x0311; s++) {
		struct peer *p = peer_connect(t);
		struct reply *r = peer_negotiate(
			p, &(struct client_options){
				   .dialect = 0x0311, .signing = s + 1});
		struct wire_view data = {NULL, 0};
		bool answered =
			negotiated_context(p, SMB2_SIGNING_CAPABILITIES, &data);

		fact(FACT_SIGNING, s, names[s], answered && p->signing == s,
			r->frame, "NEGOTIATE: %s, %s", status_text(r->status),
			answered ? "a signing context" : "no signing context");
		peer_disconnect(p);
	}
}

/* What the response to a full offer says. */
static void note_negotiate(const struct peer *p)
{
	uint32_t frame = p->negotiate->frame;
	size_t i;

	found->capabilities = p->capabilities;
	found->max_transact = p->max_transact;
	found->max_read = p->max_read;
	found->max_write = p->max_write;
	found->security_mode = p->security_mode;
	for (i = 0; i < SMB2_GLOBAL_CAP_enum.count; i++) {
		const struct wire_value *v = &SMB2_GLOBAL_CAP_enum.values[i];

		fact(FACT_CAPABILITY, v->value, v->name,
			(p->capabilities & v->value) != 0, frame,
			"NEGOTIATE Capabilities 0x%08x", p->capabilities);
	}
	fact(FACT_LIMIT, p->max_transact, "MaxTransactSize", true, frame, "%u",
		p->max_transact);
	fact(FACT_LIMIT, p->max_read, "MaxReadSize", true, frame, "%u",
		p->max_read);
	fact(FACT_LIMIT, p->max_write, "MaxWriteSize", true, frame, "%u",
		p->max_write);
	fact(FACT_OTHER, 1, "signing required",
		(p->security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0,
		frame, "NEGOTIATE SecurityMode 0x%04x", p->security_mode);
	fact(FACT_OTHER, 2, "encryption", p->cipher != 0, frame,
		"cipher %u chosen", p->cipher);
}

static void ask_compression(struct test *t)
{
	static const uint16_t ids[] = {1, 2, 3, 4, 5};
	static const char *const names[] = {
		"LZNT1", "LZ77", "LZ77_HUFFMAN", "PATTERN_V1", "LZ4"};
	unsigned int i;

	for (i = 0; i < 5 && found->dialect_max == 0x0311; i++) {
		struct peer *p = peer_connect(t);
		uint8_t data[10] = {1, 0, 0, 0, 0, 0, 0, 0, (uint8_t)ids[i], 0};
		struct smb2_negotiate_request r = negotiate_request(
			p, &(struct client_options){.dialect = 0x0311});
		struct wire_view answer = {NULL, 0};
		struct smb2_negotiate_context c;
		struct wire_list list = wire_list_of(
			&smb2_negotiate_context_type, r.negotiate_context_list);
		struct negotiate_context contexts[4];
		unsigned int n = 0;
		struct reply *reply;

		while (n < 3 && wire_list_next(&list, &c, NULL) == 1) {
			contexts[n++] = (struct negotiate_context){
				c.context_type, c.data};
		}
		contexts[n++] = (struct negotiate_context){
			SMB2_COMPRESSION_CAPABILITIES,
			bytes_of(t, data, sizeof(data))};
		r.negotiate_context_list = negotiate_contexts(t, contexts, n);
		r.negotiate_context_count = (uint16_t)n;
		reply = peer_negotiate_as(p, &r);
		fact(FACT_COMPRESSION, ids[i], names[i],
			negotiated_context(
				p, SMB2_COMPRESSION_CAPABILITIES, &answer) &&
				answer.n >= 10 &&
				wire_get16(answer.p + 8) == ids[i],
			reply->frame, "NEGOTIATE: %s, %s",
			status_text(reply->status),
			answer.n != 0 ? "a compression context"
				      : "no compression context");
		peer_disconnect(p);
	}
}

static void note_share(const struct peer *p, const struct reply *tree)
{
	const struct smb2_tree_connect_response *r = tree->body;

	found->share_flags = r->share_flags;
	found->share_capabilities = r->capabilities;
	reached->not_a_disk = r->share_type != SMB2_SHARE_TYPE_DISK ||
			      strcasecmp(found->share, "IPC$") == 0;
	fact(FACT_SHARE, r->share_flags, "ShareFlags", true, tree->frame,
		"0x%08x", r->share_flags);
	fact(FACT_SHARE, r->capabilities, "Share capabilities", true,
		tree->frame, "0x%08x", r->capabilities);
	fact(FACT_SHARE, r->maximal_access, "MaximalAccess", true, tree->frame,
		"0x%08x", r->maximal_access);
	(void)p;
}

static const struct {
	uint32_t code;
	const char *name;
} fsctls[] = {
#define NAMED(code) \
	{ \
		code, #code \
	}
	NAMED(FSCTL_VALIDATE_NEGOTIATE_INFO),
	NAMED(FSCTL_QUERY_NETWORK_INTERFACE_INFO),
	NAMED(FSCTL_SRV_REQUEST_RESUME_KEY),
	NAMED(FSCTL_SRV_ENUMERATE_SNAPSHOTS),
	NAMED(FSCTL_CREATE_OR_GET_OBJECT_ID),
	NAMED(FSCTL_GET_COMPRESSION),
	NAMED(FSCTL_GET_INTEGRITY_INFORMATION),
	NAMED(FSCTL_GET_REPARSE_POINT),
	NAMED(FSCTL_SET_SPARSE),
	NAMED(FSCTL_SET_ZERO_DATA),
	NAMED(FSCTL_QUERY_ALLOCATED_RANGES),
	NAMED(FSCTL_DUPLICATE_EXTENTS_TO_FILE),
	NAMED(FSCTL_QUERY_FILE_REGIONS),
	NAMED(FSCTL_OFFLOAD_READ),
	NAMED(FSCTL_FILE_LEVEL_TRIM),
};

/* An FSCTL is there unless the answer says that it is none: a refusal of the
 * arguments comes from something that exists. */
static void ask_fsctls(struct peer *p, struct file *f)
{
	static const uint8_t argument[32];
	size_t i;

	for (i = 0; i < sizeof(fsctls) / sizeof(fsctls[0]); i++) {
		bool alone =
			fsctls[i].code == FSCTL_QUERY_NETWORK_INTERFACE_INFO;
		struct wire_view input = wire_view_of(argument, 0);
		struct reply *r;

		if (fsctls[i].code == FSCTL_VALIDATE_NEGOTIATE_INFO) {
			continue; /* a wrong one ends the connection */
		}
		if (fsctls[i].code == FSCTL_QUERY_ALLOCATED_RANGES ||
			fsctls[i].code == FSCTL_SET_ZERO_DATA) {
			input.n = 16;
		} else if (fsctls[i].code == FSCTL_DUPLICATE_EXTENTS_TO_FILE) {
			input.n = 32;
		}
		r = alone ? peer_fsctl(p, fsctls[i].code, input, 65536)
			  : file_fsctl(f, fsctls[i].code, input, 65536);
		fact(FACT_FSCTL, fsctls[i].code, fsctls[i].name,
			r->outcome == REPLY_ARRIVED &&
				r->status != STATUS_NOT_SUPPORTED &&
				r->status != STATUS_INVALID_DEVICE_REQUEST &&
				r->status != STATUS_NOT_IMPLEMENTED &&
				r->status != STATUS_FS_DRIVER_REQUIRED,
			r->frame, "IOCTL: %s",
			r->outcome == REPLY_ARRIVED ? status_text(r->status)
						    : "no response");
		if (r->outcome != REPLY_ARRIVED) {
			return;
		}
	}
}

/* Create contexts whose response shows that the server knows them. */
static void ask_contexts(struct test *t, struct peer *p)
{
	static const uint8_t zeroes[64];
	uint8_t lease[52] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 7};
	uint8_t durable[32] = {0};
	struct {
		const char *name;
		struct wire_view data;
		uint8_t oplock;
	} asked[] = {
		{"MxAc", {zeroes, 0}, 0},
		{"QFid", {zeroes, 0}, 0},
		{"DHnQ", {zeroes, 16}, SMB2_OPLOCK_LEVEL_BATCH},
		{"DH2Q", {durable, 32}, SMB2_OPLOCK_LEVEL_BATCH},
		{"RqLs", {lease, 32}, SMB2_OPLOCK_LEVEL_LEASE},
	};
	size_t i;

	test_random(t, durable + 16, 16);
	test_random(t, lease, 16);
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct create_context c = {
			text_bytes(asked[i].name), asked[i].data};
		struct wire_view data;
		struct reply *r = file_create(p,
			test_text(t, "context-%s", asked[i].name),
			&(struct create_options){.oplock = asked[i].oplock,
				.contexts = create_contexts(t, &c, 1)});
		bool yes;

		yes = r->status == STATUS_SUCCESS &&
		      created_context(r, asked[i].name, &data);
		fact(FACT_CONTEXT, i, asked[i].name, yes, r->frame,
			"CREATE: %s%s", status_text(r->status),
			yes                           ? ""
			: r->status == STATUS_SUCCESS ? ", no such context"
						      : "");
		if (r->status == STATUS_SUCCESS) {
			file_close(file_of(r));
		}
	}
}

static void ask_file_system(struct file *f)
{
	struct reply *r = file_query(
		f, SMB2_0_INFO_FILESYSTEM, FileFsAttributeInformation, 512);
	struct wire_view data = query_data(r);
	uint32_t flags = data.n >= 4 ? wire_get32(data.p) : 0;
	size_t i;

	for (i = 0; i < FILE_SYSTEM_ATTRIBUTES_enum.count; i++) {
		const struct wire_value *v =
			&FILE_SYSTEM_ATTRIBUTES_enum.values[i];

		fact(FACT_FS_FLAG, v->value, v->name, (flags & v->value) != 0,
			r->frame, "FileSystemAttributes 0x%08x (%s)", flags,
			status_text(r->status));
	}
}

/* A client that offers the extensions, and an open that asks for them: only
 * the context in the CREATE response shows that the share has them. */
static void ask_posix(struct test *t)
{
	const struct client_options offer = {.dialect = 0x0311, .posix = true};
	const struct wire_view none = {NULL, 0};
	struct peer *p;
	struct reply *r;
	struct wire_view data;
	bool opened;

	if (found->dialect_max != 0x0311) {
		fact(FACT_OTHER, 3, "UNIX extensions", false, 0,
			"no dialect 3.1.1");
		return;
	}
	p = peer_connect(t);
	r = peer_negotiate(p, &offer);
	if (r->status != STATUS_SUCCESS || !p->posix ||
		peer_session_setup(p, NULL)->status != STATUS_SUCCESS ||
		peer_tree_connect(p, NULL)->status != STATUS_SUCCESS) {
		fact(FACT_OTHER, 3, "UNIX extensions", false, r->frame,
			"NEGOTIATE: %s, %s", status_text(r->status),
			p->posix ? "the context" : "no such context");
		return;
	}
	r = file_create_name(p,
		utf16(t, test_text(t, "%s/posix", test_path(p, ""))),
		&(struct create_options){
			.contexts = posix_contexts(t, 0600, none)});
	opened = r->status == STATUS_SUCCESS;
	fact(FACT_OTHER, 3, "UNIX extensions",
		opened && created_context(r, POSIX_TAG, &data), r->frame,
		"negotiated; CREATE: %s, %s", status_text(r->status),
		opened && created_context(r, POSIX_TAG, &data)
			? "the context"
			: "no such context");
	if (opened) {
		file_close(file_of(r));
	}
}

static void ask_all(struct test *t, const void *row)
{
	struct peer *p;
	struct reply *tree;
	struct file *f;

	(void)row;
	ask_dialects(t);
	need(t, found->dialect_max != 0, "an SMB 2 or 3 dialect");
	ask_ciphers(t);
	ask_signings(t);
	ask_compression(t);
	t->peer_count = 0; /* those are done with */
	p = peer_connect(t);
	need_ok(t, peer_negotiate(p, NULL));
	note_negotiate(p);
	reached->stage = STAGE_LOGON;
	need_ok(t, peer_session_setup(p, NULL));
	reached->stage = STAGE_SHARE;
	tree = peer_tree_connect(p, NULL);
	need_ok(t, tree);
	need(t, tree->body != NULL, "a TREE_CONNECT response");
	note_share(p, tree);
	need(t, !reached->not_a_disk, "a share of files");
	reached->stage = STAGE_FILE;
	f = need_file(p, "probe", NULL);
	reached->stage = STAGE_REST;
	ask_file_system(f);
	ask_contexts(t, p);
	ask_fsctls(p, f);
	ask_posix(t);
	file_close(f);
	share_remove(p, test_text(t, "\\%s", test_path(p, "")));
	found->probed = true;
}

static const struct conf_test probe_test = {
	.area = "probe", .name = "probe", .body = ask_all};

struct context {
	struct shared *shared;
	const struct options *options;
};

static void body(struct log *log, void *ctx)
{
	const struct context *c = ctx;
	char run[32];
	struct test t = {
		.test = &probe_test,
		.id = "probe",
		.target = &c->shared->target,
		.log = log,
		.run = run,
		.time_scale = c->options->time_scale,
		.seed = c->options->seed,
	};

	/* As long for every process: lengths count in the simulator. */
	snprintf(run, sizeof(run), "probe-%08x", (unsigned int)getpid());
	found = &c->shared->target;
	reached = &c->shared->preflight;
	test_run(&t, NULL);
}

/* The last precondition that was not met. */
static void note_end(struct preflight *preflight, const struct log *log)
{
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		const struct record_check *c = (const struct record_check *)r;

		if (r->kind == RECORD_CHECK && !c->held) {
			memcpy(preflight->needed, c->expected,
				sizeof(preflight->needed));
			memcpy(preflight->seen, c->seen,
				sizeof(preflight->seen));
		}
	}
}

/* Judges how the questions ended. */
static int conclude(struct shared *shared, const struct child *child,
	char ret_reason[PROBE_REASON])
{
	char detail[200];
	struct text words = {0};

	verdict_of(child->log, &child->end, detail);
	if (shared->target.probed) {
		return 0;
	}
	note_end(&shared->preflight, child->log);
	preflight_say(&words, &shared->preflight, &shared->target, detail);
	snprintf(ret_reason, PROBE_REASON, "%s", words.p);
	text_finish(&words);
	return preflight_barred(&shared->preflight) ? -EACCES : -EIO;
}

int probe(struct target *target, const struct options *options,
	char ret_reason[PROBE_REASON])
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct context context = {shared, options};
	struct child child;
	int r;

	if (shared == MAP_FAILED) {
		return -ENOMEM;
	}
	shared->target = *target;
	r = child_start(&child,
		(unsigned int)(PROBE_BUDGET_MS * options->time_scale), body,
		&context);
	if (r == 0) {
		child_wait(&child);
		*target = shared->target;
		r = conclude(shared, &child, ret_reason);
		if (options->report != NULL) {
			evidence_write_probe(options->report, child.log);
		}
		child_finish(&child);
	}
	munmap(shared, sizeof(*shared));
	return r;
}

static const char *const kinds[] = {"dialect", "cipher", "signing",
	"compression", "capability", "fsctl", "create context", "file system",
	"share", "limit", "other"};

void probe_write(struct text *out, const struct target *target)
{
	unsigned int i;

	json_open(out, '{');
	json_pair(out, "url", target->url);
	json_key(out, "facts");
	json_open(out, '[');
	for (i = 0; i < target->fact_count; i++) {
		const struct fact *f = &target->facts[i];

		json_item(out);
		json_open(out, '{');
		json_pair(out, "kind", kinds[f->kind]);
		json_pair(out, "name", f->name);
		json_bool(out, "present", f->present);
		json_number(out, "value", (int64_t)f->value);
		json_pair(out, "evidence", f->evidence);
		json_number(out, "frame", f->frame);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
}

void probe_print(const struct target *target)
{
	unsigned int i;

	for (i = 0; i < target->fact_count; i++) {
		const struct fact *f = &target->facts[i];

		printf("%-15s %-40s %-4s %s\n", kinds[f->kind], f->name,
			f->present ? "yes" : "no", f->evidence);
	}
}
