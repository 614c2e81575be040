/* SPDX-License-Identifier: MIT */
/*
 * The command line that repeats a test, to be pasted into a shell.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "runner/again.h"

/* A word of a shell's command line, in quotes where it needs them. */
static void put_word(struct text *out, const char *word)
{
	const char *p = word;

	while (isalnum((unsigned char)*p) ||
		(*p != '\0' && strchr("_-./:@%+=,", *p) != NULL)) {
		p++;
	}
	if (*p == '\0' && p != word) {
		text_add(out, " %s", word);
		return;
	}
	text_add(out, " '");
	for (p = word; *p != '\0'; p++) {
		if (*p == '\'') {
			text_add(out, "'\\''");
		} else {
			text_put(out, p, 1);
		}
	}
	text_add(out, "'");
}

static void put_option(struct text *out, const char *name, const char *value)
{
	if (value != NULL) {
		text_add(out, " %s", name);
		put_word(out, value);
	}
}

static void put_number(struct text *out, const char *name, unsigned int value)
{
	if (value != 0) {
		text_add(out, " %s %u", name, value);
	}
}

static void put_quic(struct text *out, const struct quic_target *quic)
{
	put_option(out, "--quic-name", quic->name);
	put_option(out, "--quic-ca", quic->ca);
	put_option(out, "--quic-fingerprint", quic->fingerprint);
	put_option(out, "--quic-cert", quic->certificate);
	put_option(out, "--quic-key", quic->key);
	put_option(out, "--quic-access", quic->access);
	text_add(out, "%s%s", quic->encrypts ? " --quic-encrypts" : "",
		quic->pipes ? " --quic-pipes" : "");
}

void again_write(
	char *ret, size_t size, const char *program, const struct run *run)
{
	const struct options *o = run->options;
	struct text out = {0};

	put_word(&out, program);
	text_add(&out, " run");
	if (o->url != NULL) {
		put_word(&out, run->target->url);
	}
	if (o->second_user != NULL) {
		put_option(&out, "--second-user", run->target->user2);
	}
	put_option(&out, "--local-path", o->local_path);
	put_number(&out, "--tcp-port", o->tcp_port);
	put_number(&out, "--quic-port", o->quic_port);
	put_quic(&out, &o->quic);
	put_option(&out, "--product", o->product);
	put_option(&out, "--product-version", o->product_version);
	if (o->time_scale != 1) {
		text_add(&out, " --time-scale %g", o->time_scale);
	}
	text_add(&out, "%s%s", o->no_probe ? " --no-probe" : "",
		o->no_sanity ? " --no-sanity" : "");
	snprintf(ret, size, "%s", out.p + 1);
	text_finish(&out);
}
