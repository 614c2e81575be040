/* SPDX-License-Identifier: MIT */
/*
 * Removes what the tests left on the share, in a child like a test, so that a
 * server which stops answering cannot stop the runner.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/child.h"
#include "runner/cleanup.h"
#include "suite/file.h"

#define CLEANUP_BUDGET_MS 30000
#define CLEANUP_EACH_MS 150 /* more for every directory */
#define DEPTH_MAX 16
#define LISTING 65536
#define STRAY "stray " /* a note: what was not removed */
#define WHY "why "     /* a note: why the next one was not */
#define IDLE_PASSES 2  /* so many may remove nothing */
#define PAUSE_MS 2000  /* between passes: opens of lost connections end */

static const char *refusal; /* the first reason why something stays */

static void note_refusal(const struct reply *r)
{
	if (refusal != NULL) {
		return;
	}
	refusal = r->outcome == REPLY_ARRIVED  ? status_text(r->status)
		  : r->outcome == REPLY_CLOSED ? "the connection was closed"
					       : "no response in time";
}

static const char *why(void)
{
	return refusal != NULL ? refusal : "no reason was given";
}

/* Deletes what is open, and closes it. */
static bool delete_open(struct file *f)
{
	struct reply *r = file_delete(f);
	bool gone = r->outcome == REPLY_ARRIVED && r->status == STATUS_SUCCESS;

	if (!gone) {
		note_refusal(r);
	}
	file_close(f);
	return gone;
}

static bool remove_tree(struct peer *p, const char *path, unsigned int depth);

/* Removes the entries of a directory that a listing names. */
static bool remove_entries(struct peer *p, const char *path,
	struct wire_view listing, unsigned int depth)
{
	struct wire_list list =
		wire_list_of(&file_directory_information_type, listing);
	struct file_directory_information e;
	bool all = true;

	while (wire_list_next(&list, &e, NULL) == 1) {
		char name[1024];
		int n = wire_utf16_to_utf8(e.file_name, name, sizeof(name) - 1);

		if (n < 0) {
			all = false;
			continue;
		}
		name[n] = '\0';
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			all &= remove_tree(p,
				test_text(p->t, "%s\\%s", path, name),
				depth + 1);
		}
	}
	return all;
}

static void empty(
	struct peer *p, struct file *f, const char *path, unsigned int depth)
{
	bool all = true;

	while (depth < DEPTH_MAX && all) {
		struct reply *r =
			dir_query(f, FileDirectoryInformation, 0, "*", LISTING);

		if (r->outcome != REPLY_ARRIVED ||
			r->status != STATUS_SUCCESS) {
			return;
		}
		all = remove_entries(p, path, dir_data(r), depth);
	}
}

/* A read-only file is deleted after it is no more. */
static void make_writable(struct peer *p, const char *path)
{
	const struct file_basic_information basic = {
		.file_attributes = FILE_ATTRIBUTE_NORMAL};
	struct reply *r = file_create(p, path,
		&(struct create_options){
			.access = FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = FILE_OPEN_REPARSE_POINT});
	struct file *f;

	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS) {
		return;
	}
	f = file_of(r);
	file_set(f, SMB2_0_INFO_FILE, FileBasicInformation,
		encoded(p->t, &file_basic_information_type, &basic));
	file_close(f);
}

/* To be deleted, and listed where the user may. */
static struct reply *open_to_delete(struct peer *p, const char *path)
{
	struct create_options o = {
		.access = DELETE | FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
		.disposition = DISPOSITION(FILE_OPEN),
		.options = FILE_OPEN_REPARSE_POINT};
	struct reply *r = file_create(p, path, &o);

	if (r->outcome == REPLY_ARRIVED && r->status == STATUS_ACCESS_DENIED) {
		o.access = DELETE | FILE_READ_ATTRIBUTES;
		r = file_create(p, path, &o);
	}
	return r;
}

/* path begins at the share's root, with a backslash. */
static bool remove_tree(struct peer *p, const char *path, unsigned int depth)
{
	struct reply *r = open_to_delete(p, path);
	const struct smb2_create_response *opened = r->body;
	struct file *f;

	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS ||
		opened == NULL || r->type != &smb2_create_response_type) {
		note_refusal(r);
		return r->outcome == REPLY_ARRIVED &&
		       r->status == STATUS_OBJECT_NAME_NOT_FOUND;
	}
	f = file_of(r);
	if ((opened->file_attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
		(opened->file_attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) {
		empty(p, f, path, depth);
	}
	if ((opened->file_attributes & FILE_ATTRIBUTE_READONLY) != 0) {
		make_writable(p, path);
	}
	return delete_open(f);
}

bool share_remove(struct peer *peer, const char *path)
{
	return remove_tree(peer, path, 0);
}

/* --- by the UNIX extensions: names that no other client can say -------------
 */

static bool posix_remove(
	struct peer *p, struct wire_view path, unsigned int depth);

/* A directory with the right to list it, if there is that right; links and
 * special files without a right to data. */
static struct reply *posix_open_to_delete(struct peer *p, struct wire_view path)
{
	const struct wire_view none = {NULL, 0};
	struct create_options o = {.access = DELETE | FILE_READ_ATTRIBUTES,
		.disposition = DISPOSITION(FILE_OPEN),
		.options = FILE_OPEN_REPARSE_POINT,
		.contexts = posix_contexts(p->t, 0, none)};
	struct reply *r = file_create_name(p, path, &o), *second;
	const struct smb2_create_response *opened = r->body;

	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS ||
		opened == NULL || r->type != &smb2_create_response_type ||
		(opened->file_attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
		return r;
	}
	o.access |= FILE_LIST_DIRECTORY;
	second = file_create_name(p, path, &o);
	if (second->outcome != REPLY_ARRIVED ||
		second->status != STATUS_SUCCESS) {
		return r;
	}
	file_close(file_of(r));
	return second;
}

/* Removes what one listing names; whether there may be more. */
static bool posix_empty(struct peer *p, struct file *f, struct wire_view path,
	unsigned int depth)
{
	struct file_posix_directory_information e;
	struct wire_list list;
	struct reply *r = dir_query(
		f, FilePosixInformation, SMB2_RESTART_SCANS, "*", LISTING);
	bool all = true, any = false;

	list = wire_list_of(
		&file_posix_directory_information_type, dir_data(r));
	while (wire_list_next(&list, &e, NULL) == 1) {
		struct wire_view name = e.file_name;
		uint8_t *full = test_alloc(p->t, path.n + 2 + name.n);
		bool dots = wire_view_equal(name, utf16(p->t, ".")) ||
			    wire_view_equal(name, utf16(p->t, ".."));

		memcpy(full, path.p, path.n);
		wire_put16(full + path.n, '/');
		memcpy(full + path.n + 2, name.p, name.n);
		any |= !dots;
		all &= dots ||
		       posix_remove(p, wire_view_of(full, path.n + 2 + name.n),
			       depth + 1);
	}
	return any && all;
}

static bool posix_remove(
	struct peer *p, struct wire_view path, unsigned int depth)
{
	struct reply *r = posix_open_to_delete(p, path);
	const struct smb2_create_response *opened = r->body;
	struct file *f;
	unsigned int i;

	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS ||
		opened == NULL || r->type != &smb2_create_response_type) {
		note_refusal(r);
		return r->outcome == REPLY_ARRIVED &&
		       r->status == STATUS_OBJECT_NAME_NOT_FOUND;
	}
	f = file_of(r);
	for (i = 0; i < DEPTH_MAX && depth < DEPTH_MAX &&
		    (opened->file_attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
		i++) {
		if (!posix_empty(p, f, path, depth)) {
			break;
		}
	}
	return delete_open(f);
}

/* A client for what is left; NULL if the target has no extensions. */
static struct peer *posix_cleaner(struct test *t)
{
	const struct fact *fact =
		target_fact_named(t->target, FACT_OTHER, "UNIX extensions");

	if (fact == NULL || !fact->present) {
		return NULL;
	}
	return client_with(
		t, &(struct client_options){.dialect = 0x0311, .posix = true});
}

/* Several clients clean, each every PARTS-th directory. */
#define PARTS 4

struct part {
	struct child child;
	const struct run *run;
	const struct text *names; /* one per line */
	unsigned int number;
};

static const struct part *part_to_clean;

/* The next directory of a part behind *at (NULL at first), without its line
 * break; false at the end. */
static bool next_of_part(const struct part *part, const char **at,
	unsigned int *index, struct wire_view *ret_name)
{
	const char *end;

	*at = *at == NULL ? part->names->p : *at;
	while (*at != NULL && (end = strchr(*at, '\n')) != NULL) {
		const char *name = *at;

		*at = end + 1;
		if ((*index)++ % PARTS == part->number) {
			*ret_name = wire_view_of(name, (size_t)(end - name));
			return true;
		}
	}
	return false;
}

/* A client of one part, and one with the UNIX extensions where the target has
 * them and the first does not get on. */
struct cleaner {
	struct test *t;
	struct peer *peer, *posix;
};

static bool clean(struct cleaner *c, const char *name)
{
	refusal = NULL;
	if (c->peer == NULL || c->peer->closed) { /* the server hung up */
		c->peer = client(c->t);
	}
	if (share_remove(c->peer, test_text(c->t, "\\%s", name))) {
		return true;
	}
	if (c->posix == NULL || c->posix->closed) {
		c->posix = posix_cleaner(c->t);
	}
	return c->posix != NULL && posix_remove(c->posix, utf16(c->t, name), 0);
}

/* Something whose name begins like those of the directories. */
static void remove_stray(
	struct cleaner *c, const struct part *part, struct wire_view utf16_name)
{
	char name[1024];
	int n = wire_utf16_to_utf8(utf16_name, name, sizeof(name) - 2);

	if (n < 0) {
		return;
	}
	memcpy(name + n, "\n", 2);
	if (part->names->p != NULL && strstr(part->names->p, name) != NULL) {
		return; /* a directory, which some part removes */
	}
	name[n] = '\0';
	if (!clean(c, name)) {
		log_note(c->t->log, 0, WHY "%s", why());
		log_note(c->t->log, 0, STRAY "%s", name);
	}
}

/* A request whose name was spoilt on purpose may make a file beside the
 * directory of its test. */
static void remove_strays(struct cleaner *c, const struct part *part)
{
	struct peer *p = client(c->t);
	const char *pattern = test_text(c->t, "conf-%s-*", part->run->name);
	struct file_directory_information e;
	struct reply *r = file_create(p, "\\",
		&(struct create_options){.access = FILE_LIST_DIRECTORY,
			.disposition = DISPOSITION(FILE_OPEN)});
	struct file *root;

	if (r->outcome != REPLY_ARRIVED || r->status != STATUS_SUCCESS) {
		return;
	}
	root = file_of(r);
	for (;;) {
		struct wire_list list;

		r = dir_query(
			root, FileDirectoryInformation, 0, pattern, LISTING);
		if (r->outcome != REPLY_ARRIVED ||
			r->status != STATUS_SUCCESS) {
			break;
		}
		list = wire_list_of(
			&file_directory_information_type, dir_data(r));
		while (wire_list_next(&list, &e, NULL) == 1) {
			remove_stray(c, part, e.file_name);
		}
	}
	file_close(root);
}

static void clean_part(struct test *t, const void *row)
{
	const struct part *part = part_to_clean;
	struct cleaner c = {.t = t};
	const char *at = NULL;
	unsigned int index = 0;
	struct wire_view name;

	(void)row;
	while (next_of_part(part, &at, &index, &name)) {
		const char *text =
			test_text(t, "%.*s", (int)name.n, (const char *)name.p);

		if (clean(&c, text)) {
			log_note(t->log, 0, "%s", text);
		} else {
			log_note(t->log, 0, WHY "%s", why());
		}
	}
	if (part->number == 0) {
		remove_strays(&c, part);
	}
}

static const struct conf_test cleanup_test = {
	.area = "cleanup", .name = "cleanup", .body = clean_part};

static void body(struct log *log, void *ctx)
{
	const struct part *part = ctx;
	struct test t = {
		.test = &cleanup_test,
		.id = "cleanup",
		.target = part->run->target,
		.log = log,
		.run = part->run->name,
		.time_scale = part->run->options->time_scale,
	};

	part_to_clean = part;
	test_run(&t, NULL);
}

static void left(struct run *run, struct wire_view name, const char *why)
{
	run->leftovers++;
	text_put(&run->leftover_names, (const char *)name.p, name.n);
	text_put(&run->leftover_names, "\n", 1);
	text_add(&run->leftover_reasons, "%s\n", why);
}

/* The notes name what was removed, in the order of the directories, or why it
 * was not, and at the end the strays that were not. */
static void count_what_is_left(
	const struct part *part, const struct log *log, struct run *run)
{
	const char *why = "the clean-up did not come to it", *at = NULL;
	const struct record *r = NULL;
	unsigned int index = 0;
	struct wire_view name;
	bool more = next_of_part(part, &at, &index, &name);

	while (log != NULL && (r = log_next(log, r)) != NULL) {
		const char *note = ((const struct record_text *)r)->text;

		if (r->kind != RECORD_NOTE) {
			continue;
		}
		if (strncmp(note, STRAY, strlen(STRAY)) == 0) {
			note += strlen(STRAY);
			left(run, wire_view_of(note, strlen(note)), why);
		} else if (strncmp(note, WHY, strlen(WHY)) != 0) {
			more = more && next_of_part(part, &at, &index, &name);
		} else {
			why = note + strlen(WHY);
			if (more) {
				left(run, name, why);
				more = next_of_part(part, &at, &index, &name);
			}
		}
	}
	while (more) {
		left(run, name, "the clean-up did not come to it");
		more = next_of_part(part, &at, &index, &name);
	}
}

/* Once over all names, with several clients; what is left is noted in run. */
static void pass(struct run *run, const struct text *names)
{
	struct part parts[PARTS];
	const char *at;
	unsigned int budget = CLEANUP_BUDGET_MS, i;
	bool started[PARTS];

	for (at = names->p; at != NULL && *at != '\0'; at++) {
		budget += *at == '\n' ? CLEANUP_EACH_MS : 0;
	}
	for (i = 0; i < PARTS; i++) {
		parts[i] =
			(struct part){.run = run, .names = names, .number = i};
		started[i] = child_start(&parts[i].child,
				     (unsigned int)(budget *
						    run->options->time_scale),
				     body, &parts[i]) == 0;
	}
	for (i = 0; i < PARTS; i++) {
		if (!started[i]) {
			count_what_is_left(&parts[i], NULL, run);
			continue;
		}
		child_wait(&parts[i].child);
		count_what_is_left(&parts[i], parts[i].child.log, run);
		child_finish(&parts[i].child);
	}
}

void cleanup(struct run *run)
{
	struct text names = run->directories;
	unsigned int idle = 0, before;

	if (names.p == NULL) {
		return;
	}
	run->directories = (struct text){0};
	pass(run, &names);
	while (run->leftovers != 0 && idle < IDLE_PASSES) {
		poll(NULL, 0, PAUSE_MS);
		before = run->leftovers;
		text_finish(&names);
		names = run->leftover_names;
		run->leftovers = 0;
		run->leftover_names = (struct text){0};
		text_finish(&run->leftover_reasons);
		pass(run, &names);
		idle = run->leftovers < before ? 0 : idle + 1;
	}
	text_finish(&names);
}
