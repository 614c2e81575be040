/* SPDX-License-Identifier: MIT */
/*
 * Why a target cannot be judged; see preflight.h.
 */
#include <ctype.h>
#include <string.h>

#include "runner/preflight.h"
#include "suite/peer.h"

static bool is_one_of(const char *seen, const uint32_t *all, size_t count)
{
	size_t i;

	for (i = 0; i < count && strcmp(seen, status_text(all[i])) != 0; i++) {
	}
	return i < count;
}

#define IS_ONE_OF(seen, all) \
	is_one_of(seen, all, sizeof(all) / sizeof((all)[0]))

static bool is_refused_logon(const char *seen)
{
	static const uint32_t all[] = {STATUS_LOGON_FAILURE,
		STATUS_ACCESS_DENIED, STATUS_WRONG_PASSWORD,
		STATUS_NO_SUCH_USER, STATUS_ACCOUNT_RESTRICTION,
		STATUS_ACCOUNT_DISABLED, STATUS_ACCOUNT_LOCKED_OUT,
		STATUS_PASSWORD_EXPIRED, STATUS_PASSWORD_MUST_CHANGE};

	return IS_ONE_OF(seen, all);
}

static bool is_refused_share(const char *seen)
{
	static const uint32_t all[] = {STATUS_BAD_NETWORK_NAME,
		STATUS_ACCESS_DENIED, STATUS_BAD_DEVICE_TYPE};

	return IS_ONE_OF(seen, all);
}

static bool is_refused_write(const char *seen)
{
	static const uint32_t all[] = {STATUS_ACCESS_DENIED,
		STATUS_MEDIA_WRITE_PROTECTED, STATUS_DISK_FULL};

	return IS_ONE_OF(seen, all);
}

bool preflight_barred(const struct preflight *p)
{
	switch (p->stage) {
	case STAGE_CONNECT:
		return true;
	case STAGE_NEGOTIATE:
		return !p->answered;
	case STAGE_LOGON:
		return is_refused_logon(p->seen);
	case STAGE_SHARE:
		return p->not_a_disk || is_refused_share(p->seen);
	case STAGE_FILE:
		return is_refused_write(p->seen);
	default:
		return false;
	}
}

/* Bytes as text where they are text: banners say what it is. */
static void say_first(struct text *out, const struct preflight *p)
{
	unsigned int i;

	text_add(out, " What came instead begins with \"");
	for (i = 0; i < p->first_size; i++) {
		text_add(out, isprint(p->first[i]) ? "%c" : "\\x%02x",
			p->first[i]);
	}
	text_add(out, "\".");
}

static void say_negotiate(struct text *out, const struct preflight *p,
	const struct target *t, unsigned int port)
{
	static const uint8_t smb1[] = {0xff, 'S', 'M', 'B'};

	if (p->first_size >= 4 && memcmp(p->first, smb1, 4) == 0) {
		text_add(out,
			"%s, port %u, speaks SMB 1 only. There is nothing to "
			"judge before SMB 2.0.2 is switched on.",
			t->host, port);
		return;
	}
	text_add(out,
		"somebody listens on %s, port %u, but %s a NEGOTIATE of SMB 2 "
		"or 3.",
		t->host, port,
		p->closed ? "ends the connection instead of answering"
			  : "does not answer");
	if (p->first_size != 0) {
		say_first(out, p);
	}
	text_add(out, " Is this the port of the SMB server?");
}

static void say_logon(struct text *out, const struct preflight *p,
	const struct target *t, const char *detail)
{
	if (is_refused_logon(p->seen)) {
		text_add(out,
			"the server refuses the user \"%s\"%s%s (%s). Are "
			"user, password and domain right? "
			"smb://[DOMAIN;]USER:PASSWORD@...",
			t->user, t->domain[0] != '\0' ? " of domain " : "",
			t->domain, p->seen);
	} else if (strcasestr(p->needed, "negotiate flag") != NULL) {
		text_add(out,
			"the NTLM CHALLENGE of the server lacks a flag that "
			"it must return, NTLMSSP_NEGOTIATE_SIGN, or has both "
			"the flag of Unicode and that of OEM ([MS-NLMP] "
			"2.2.2.5): a client that signs cannot log on. (%s)",
			p->needed);
	} else {
		text_add(out, "logging on as \"%s\" does not succeed: %s",
			t->user, detail);
	}
}

static void say_share(struct text *out, const struct preflight *p,
	const struct target *t, const char *detail)
{
	if (p->not_a_disk) {
		text_add(out,
			"\"%s\" is no share of files (ShareType of the "
			"TREE_CONNECT response). Name one that is, with "
			"room to write.",
			t->share);
	} else if (strcmp(p->seen, status_text(STATUS_BAD_NETWORK_NAME)) == 0) {
		text_add(out,
			"there is no share \"%s\" (%s). Which shares there "
			"are: smbclient -L //%s -U %s",
			t->share, p->seen, t->host,
			t->user[0] != '\0' ? t->user : "USER");
	} else if (is_refused_share(p->seen)) {
		text_add(out, "%s%s%s may not use the share \"%s\" (%s).",
			t->user[0] != '\0' ? "the user \""
					   : "nobody in "
					     "particular",
			t->user, t->user[0] != '\0' ? "\"" : "", t->share,
			p->seen);
	} else {
		text_add(out,
			"connecting the share \"%s\" does not succeed: %s",
			t->share, detail);
	}
}

void preflight_say(struct text *out, const struct preflight *p,
	const struct target *t, const char *detail)
{
	unsigned int port = t->over_quic ? t->quic_port : t->tcp_port;

	switch (p->stage) {
	case STAGE_CONNECT:
		text_add(out,
			"no%s at port %u. Does the server run, and is this "
			"its port? smb://...@HOST:PORT/SHARE",
			strchr(p->needed, ' ') != NULL ? strchr(p->needed, ' ')
						       : " connection",
			port);
		break;
	case STAGE_NEGOTIATE:
		if (p->answered) {
			text_add(out, "%s", detail);
		} else {
			say_negotiate(out, p, t, port);
		}
		break;
	case STAGE_LOGON:
		say_logon(out, p, t, detail);
		break;
	case STAGE_SHARE:
		say_share(out, p, t, detail);
		break;
	case STAGE_FILE:
		if (preflight_barred(p)) {
			text_add(out,
				"the user \"%s\" may not make a directory on "
				"the share \"%s\" (%s). The tests write: "
				"they need a share where this user may do "
				"everything, best an empty one.",
				t->user, t->share, p->seen);
			break;
		}
		text_add(out, "the first file cannot be made: %s", detail);
		break;
	default:
		text_add(out, "%s", detail);
		break;
	}
}
