/* SPDX-License-Identifier: MIT */
/*
 * The files that prove a verdict, under REPORT/evidence/, named by test.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/evidence.h"
#include "suite/pcapng.h"

#define PATH_SIZE 1024

/* core/read/past_end[far] -> core-read-past_end.far */
static void file_name(const struct item *item, char *ret, size_t size)
{
	size_t n = 0;
	const char *p;

	for (p = item->id; *p != '\0' && n + 1 < size; p++) {
		if (*p == '/') {
			ret[n++] = '-';
		} else if (*p == '[') {
			ret[n++] = '.';
		} else if (isalnum((unsigned char)*p) || *p == '_' ||
			   *p == '-') {
			ret[n++] = *p;
		}
	}
	ret[n] = '\0';
}

/* What is said at the frames of a capture. */
struct comments {
	const struct log *log;
	enum verdict verdict;
	const char *id;
	char text[4000];
};

static void add(struct comments *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct comments *c, const char *format, ...)
{
	size_t n = strlen(c->text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->text + n, sizeof(c->text) - n, format, ap);
	va_end(ap);
}

static void add_check(struct comments *c, const struct record_check *k)
{
	const char *rule = "", *outcome = "not reached";
	char place[48] = "";

	if (k->kind == CHECK_RULE && k->rule < RULE_COUNT) {
		rule = rule_table[k->rule].id;
		outcome = k->held ? "held"
				  : verdict_name(verdict_of_level(
					    rule_table[k->rule].level));
	}
	if (k->offset != UINT32_MAX) {
		snprintf(place, sizeof(place), " at byte 0x%x", k->offset);
	}
	add(c, "%sstep %u: %s%s%s%s%s%s: expected %s, saw %s",
		c->text[0] != '\0' ? "\n" : "", k->step, rule,
		rule[0] != '\0' ? " " : "", outcome,
		k->field[0] != '\0' ? ", " : "", k->field, place, k->expected,
		k->seen);
}

static const char *comment(void *ctx, uint32_t frame)
{
	struct comments *c = ctx;
	const struct record *r = NULL;

	c->text[0] = '\0';
	while ((r = log_next(c->log, r)) != NULL) {
		const struct record_check *k = (const struct record_check *)r;
		const struct record_text *s = (const struct record_text *)r;

		if (r->kind == RECORD_CHECK && k->frame == frame &&
			(k->kind == CHECK_RULE || !k->held)) {
			add_check(c, k);
		} else if (r->kind == RECORD_STEP && s->frame == frame) {
			add(c, "%sstep %u: %s", c->text[0] != '\0' ? "\n" : "",
				s->number, s->text);
		}
	}
	if (frame == 1) {
		add(c, "%s%s: %s", c->text[0] != '\0' ? "\n" : "", c->id,
			verdict_name(c->verdict));
	}
	return c->text[0] != '\0' ? c->text : NULL;
}

static void hex(struct text *out, const uint8_t *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		text_add(out, "%02x", bytes[i]);
	}
}

/* Lines of Wireshark's smb2_seskey_list. */
static void key_lines(struct text *out, const struct log *log)
{
	const struct record *r = NULL;

	while ((r = log_next(log, r)) != NULL) {
		const struct record_keys *k = (const struct record_keys *)r;

		if (r->kind != RECORD_KEYS || k->seal_size == 0 ||
			k->key_size > 32 || k->seal_size > 32) {
			continue;
		}
		hex(out, (const uint8_t *)&k->session_id, 8);
		text_add(out, ",");
		hex(out, k->key, k->key_size);
		text_add(out, ",");
		hex(out, k->from_server, k->seal_size);
		text_add(out, ",");
		hex(out, k->from_client, k->seal_size);
		text_add(out, "\n");
	}
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(errno));
	}
}

static void save(const struct text *text, const char *path)
{
	int r = text_save(text, path);

	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(-r));
	}
}

static void capture(const char *path, const struct log *log, bool plain,
	struct comments *comments)
{
	int r = pcapng_write(
		path, log, plain, comments != NULL ? comment : NULL, comments);

	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(-r));
	}
}

/* tshark with every key that it needs, so that one line shows the decrypted
 * exchange. */
/* Datagrams of QUIC are not in the capture: how to have them. */
static void write_capture(struct text *out, const struct run *run)
{
	struct text command = {0};

	text_add(&command, "tcpdump -i any -w quic.pcap udp port %u",
		(unsigned int)run->target->quic_port);
	json_pair(out, "tshark", command.p);
	text_finish(&command);
}

static void write_command(struct text *out, const char *name,
	const struct text *keys, bool messages)
{
	struct text command = {0};
	const char *line = keys->p, *end;

	text_add(&command, "tshark -r evidence/%s.pcapng%s", name,
		messages ? " -Y smb2" : "");
	while (line != NULL && (end = strchr(line, '\n')) != NULL) {
		text_add(&command, " -o 'uat:smb2_seskey_list:%.*s'",
			(int)(end - line), line);
		line = end + 1;
	}
	json_pair(out, "tshark", command.p);
	text_finish(&command);
}

void evidence_write(struct text *out, const struct run *run,
	const struct item *item, const struct log *log, enum verdict verdict)
{
	struct comments comments = {
		.log = log, .verdict = verdict, .id = item->id};
	char name[200], path[PATH_SIZE];
	const char *report = run->options->report;
	struct text keys = {0};

	if (report == NULL) {
		return;
	}
	make_directory(report);
	snprintf(path, sizeof(path), "%s/evidence", report);
	make_directory(path);
	file_name(item, name, sizeof(name));
	json_key(out, "files");
	json_open(out, '{');
	snprintf(path, sizeof(path), "%s/evidence/%s.pcapng", report, name);
	capture(path, log, false, &comments);
	json_pair(out, "pcapng", path + strlen(report) + 1);
	key_lines(&keys, log);
	if (keys.n != 0) {
		snprintf(path, sizeof(path), "%s/evidence/%s.keys", report,
			name);
		save(&keys, path);
		json_pair(out, "keys", path + strlen(report) + 1);
	}
	if (pcapng_has_plain(log)) {
		snprintf(path, sizeof(path), "%s/evidence/%s.decrypted.pcapng",
			report, name);
		capture(path, log, true, &comments);
		json_pair(out, "decrypted", path + strlen(report) + 1);
	}
	snprintf(path, sizeof(path), "evidence/%s.json", name);
	json_pair(out, "json", path);
	if (!pcapng_has_plain(log)) { /* nothing to decrypt */
		text_finish(&keys);
	}
	if (log->steps == 0 && run->target->quic_port != 0) {
		write_capture(out, run);
	} else {
		write_command(out, name, &keys, log->steps != 0);
	}
	json_close(out, '}');
	text_finish(&keys);
}

void evidence_begin(const struct options *options)
{
	char path[PATH_SIZE];
	const struct dirent *e;
	DIR *directory;

	if (options->report == NULL) {
		return;
	}
	snprintf(path, sizeof(path), "%s/evidence", options->report);
	directory = opendir(path);
	while (directory != NULL && (e = readdir(directory)) != NULL) {
		if (strstr(e->d_name, ".pcapng") != NULL ||
			strstr(e->d_name, ".keys") != NULL ||
			strstr(e->d_name, ".json") != NULL) {
			unlinkat(dirfd(directory), e->d_name, 0);
		}
	}
	if (directory != NULL) {
		closedir(directory);
	}
}

void evidence_write_json(
	const struct run *run, const struct item *item, const struct text *json)
{
	char name[200], path[PATH_SIZE];

	if (run->options->report == NULL) {
		return;
	}
	file_name(item, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/evidence/%s.json",
		run->options->report, name);
	save(json, path);
}

void evidence_write_probe(const char *report, const struct log *log)
{
	char path[PATH_SIZE];

	make_directory(report);
	snprintf(path, sizeof(path), "%s/probe.pcapng", report);
	capture(path, log, false, NULL);
}
