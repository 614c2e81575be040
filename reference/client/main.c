/* SPDX-License-Identifier: MIT */
/*
 * smb3x: the client on the command line. One command, or a script of them.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/target.h"

enum {
	OPT_DIALECT = 256,
	OPT_SIGNING,
	OPT_CIPHER,
	OPT_TIMEOUT,
	OPT_KERBEROS,
	OPT_POSIX,
	OPT_ABSOLUTE,
	OPT_CACHE,
	OPT_DURABLE,
	OPT_TRANSPORT,
	OPT_CA,
	OPT_FINGERPRINT,
	OPT_INSECURE,
	OPT_NO_OFFLOAD,
	OPT_UNIX,
	OPT_CERTIFICATE,
	OPT_KEY,
};

static const struct option long_options[] = {
	{"dialect", required_argument, NULL, OPT_DIALECT},
	{"sign", no_argument, NULL, 's'},
	{"encrypt", no_argument, NULL, 'e'},
	{"signing", required_argument, NULL, OPT_SIGNING},
	{"cipher", required_argument, NULL, OPT_CIPHER},
	{"kerberos", no_argument, NULL, OPT_KERBEROS},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"posix", required_argument, NULL, OPT_POSIX},
	{"absolute", required_argument, NULL, OPT_ABSOLUTE},
	{"cache", required_argument, NULL, OPT_CACHE},
	{"durable", required_argument, NULL, OPT_DURABLE},
	{"transport", required_argument, NULL, OPT_TRANSPORT},
	{"ca", required_argument, NULL, OPT_CA},
	{"fingerprint", required_argument, NULL, OPT_FINGERPRINT},
	{"insecure", no_argument, NULL, OPT_INSECURE},
	{"no-offload", no_argument, NULL, OPT_NO_OFFLOAD},
	{"unix", required_argument, NULL, OPT_UNIX},
	{"certificate", required_argument, NULL, OPT_CERTIFICATE},
	{"key", required_argument, NULL, OPT_KEY},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char usage_text[] =
	"usage: smb3x [options] COMMAND [arguments]\n"
	"\n"
	"commands; a URL is smb://[user[:password]@]host[:port]/share[/path]\n"
	"  ls URL                 list a directory, or one file\n"
	"  stat URL, lstat URL    all about a file, or about a link itself\n"
	"  get URL [FILE]         fetch a file; FILE - is standard output\n"
	"  cat URL                the same as get URL -\n"
	"  put FILE URL           store a file; FILE - is standard input\n"
	"  mkdir URL              make a directory\n"
	"  rm URL                 remove a file\n"
	"  rmdir URL              remove an empty directory\n"
	"  mv URL PATH            rename within the share, replacing nothing\n"
	"  rename URL PATH        the same, replacing what is there\n"
	"  ln URL PATH            another name for a file (hard link)\n"
	"  symlink TARGET URL     make a symbolic link\n"
	"  readlink URL           where a symbolic link leads\n"
	"  realpath URL           the path without links and ..\n"
	"  mkfifo URL             make a named pipe\n"
	"  mknod URL p|s          make a named pipe or socket\n"
	"  mknod URL c|b MAJOR MINOR\n"
	"                         make a device\n"
	"  chmod MODE URL         set the mode (octal)\n"
	"  chown UID[:GID] URL    set owner and group (numbers; also :GID)\n"
	"  touch URL [SECONDS]    set the times, make the file if need be\n"
	"  truncate SIZE URL      set the size\n"
	"  df URL                 space\n"
	"  xattr URL [NAME [VALUE]]\n"
	"                         list, tell or set extended attributes\n"
	"  mount [-f] [-o OPTION,...] URL DIRECTORY\n"
	"                         show the share as a file system; see\n"
	"                         smb3x-mount(1)\n"
	"  info URL               what was negotiated\n"
	"  run URL [SCRIPT]       commands, one a line, from SCRIPT or "
	"standard\n"
	"                         input, with paths below URL in place of "
	"URLs\n"
	"\n"
	"options\n"
	"  --dialect MIN[-MAX]    2.0.2 2.1 3.0 3.0.2 3.1.1; default: all\n"
	"  -s, --sign             require signing\n"
	"  -e, --encrypt          require encryption\n"
	"  --signing NAME         hmac-sha256, aes-cmac or aes-gmac "
	"(repeatable)\n"
	"  --cipher NAME          aes-128-ccm, aes-128-gcm, aes-256-ccm,\n"
	"                         aes-256-gcm (repeatable, best first)\n"
	"  --kerberos             use the Kerberos ticket at hand\n"
	"  --timeout SECONDS      wait for an answer at most so long (30)\n"
	"  --posix WHEN           POSIX extensions: auto (default), require, "
	"off\n"
	"  --absolute WHAT        absolute link targets: refuse (default), "
	"share\n"
	"  --cache yes|no         remember attributes and listings while "
	"leases hold\n"
	"                         (run, mount: yes; single commands: no)\n"
	"  --durable yes|no       open files survive a lost connection (yes)\n"
	"  --transport NAME       tcp or quic\n"
	"  --ca FILE              quic: PEM, who may have signed the server's\n"
	"                         certificate; default: whom the system "
	"trusts\n"
	"  --fingerprint HEX      quic: SHA-256 of the server's certificate\n"
	"  --insecure             quic: any certificate is good\n"
	"  --unix PATH            quic: over this socket of AF_UNIX\n"
	"  --no-offload           quic: one packet per system call\n"
	"  --certificate FILE     quic: our own, PEM, with --key FILE\n"
	"  -q, --quiet            no progress\n"
	"  -v, --verbose          say what was negotiated\n"
	"  -h, --help             this text\n"
	"\n"
	"The password may also come from the environment: SMB3X_PASSWORD.\n";

struct name {
	const char *text;
	uint16_t value;
};

static const struct name dialects[] = {{"2.0.2", 0x0202}, {"2.1", 0x0210},
	{"3.0", 0x0300}, {"3.0.2", 0x0302}, {"3.1.1", 0x0311}, {NULL, 0}};
static const struct name signings[] = {
	{"hmac-sha256", 0}, {"aes-cmac", 1}, {"aes-gmac", 2}, {NULL, 0}};
static const struct name ciphers[] = {{"aes-128-ccm", 1}, {"aes-128-gcm", 2},
	{"aes-256-ccm", 3}, {"aes-256-gcm", 4}, {NULL, 0}};

static bool find_name(const struct name *names, const char *text, size_t n,
	uint16_t *ret_value)
{
	for (; names->text != NULL; names++) {
		if (strlen(names->text) == n &&
			strncmp(names->text, text, n) == 0) {
			*ret_value = names->value;
			return true;
		}
	}
	return false;
}

static bool set_dialects(struct client_options *options, const char *text)
{
	const char *dash = strchr(text, '-');
	size_t n = dash == NULL ? strlen(text) : (size_t)(dash - text);
	const char *max = dash == NULL ? text : dash + 1;
	return find_name(dialects, text, n, &options->min_dialect) &&
	       find_name(dialects, max, strlen(max), &options->max_dialect);
}

static bool add_cipher(struct client_options *options, const char *text)
{
	return options->cipher_count < 4 &&
	       find_name(ciphers, text, strlen(text),
		       &options->ciphers[options->cipher_count++]);
}

static bool add_signing(struct client_options *options, const char *text)
{
	return options->signing_count < 3 &&
	       find_name(signings, text, strlen(text),
		       &options->signings[options->signing_count++]);
}

static bool set_posix(struct smb3x_options *options, const char *text)
{
	static const struct name names[] = {{"auto", SMB3X_POSIX_AUTO},
		{"require", SMB3X_POSIX_REQUIRE}, {"off", SMB3X_POSIX_OFF},
		{NULL, 0}};
	uint16_t value = 0;
	bool found = find_name(names, text, strlen(text), &value);
	options->posix = (enum smb3x_posix)value;
	return found;
}

static bool set_absolute(struct smb3x_options *options, const char *text)
{
	static const struct name names[] = {{"refuse", SMB3X_ABSOLUTE_REFUSE},
		{"share", SMB3X_ABSOLUTE_SHARE}, {NULL, 0}};
	uint16_t value = 0;
	bool found = find_name(names, text, strlen(text), &value);
	options->absolute = (enum smb3x_absolute)value;
	return found;
}

static bool is_yes(const char *text)
{
	return strcmp(text, "yes") == 0;
}

static bool is_yes_or_no(const char *text)
{
	return is_yes(text) || strcmp(text, "no") == 0;
}

static bool set_cache(struct invocation *call, const char *text)
{
	call->cache_given = true;
	call->options.cache = is_yes(text) ? SMB3X_CACHE_AUTO : SMB3X_CACHE_OFF;
	return is_yes_or_no(text);
}

static bool set_durable(struct smb3x_options *options, const char *text)
{
	options->durable =
		is_yes(text) ? SMB3X_DURABLE_AUTO : SMB3X_DURABLE_OFF;
	return is_yes_or_no(text);
}

static bool set_transport(struct client_quic *quic, const char *text)
{
	quic->wanted = strcmp(text, "quic") == 0;
	return quic->wanted || strcmp(text, "tcp") == 0;
}

/* False: it is no option of QUIC. */
static bool take_quic_option(
	struct client_quic *quic, int option, const char *value)
{
	switch (option) {
	case OPT_TRANSPORT:
		return set_transport(quic, value);
	case OPT_CA:
		quic->ca = value;
		return true;
	case OPT_FINGERPRINT:
		quic->fingerprint = value;
		return true;
	case OPT_INSECURE:
		quic->insecure = true;
		return true;
	case OPT_NO_OFFLOAD:
		quic->no_offload = true;
		return true;
	case OPT_UNIX:
		quic->unix_path = value;
		return true;
	case OPT_CERTIFICATE:
		quic->certificate = value;
		return true;
	case OPT_KEY:
		quic->key = value;
		return true;
	default:
		return false;
	}
}

static bool set_timeout(struct client_options *options, const char *text)
{
	char *end = NULL;
	unsigned long seconds = strtoul(text, &end, 10);
	options->timeout_ms = (unsigned int)seconds * 1000;
	return *end == '\0' && seconds > 0 && seconds < 86400;
}

/* False: the option's value is not understood. */
static bool take_option(struct invocation *call, int option, const char *value)
{
	struct client_options *o = &call->dial;
	switch (option) {
	case OPT_DIALECT:
		return set_dialects(o, value);
	case OPT_SIGNING:
		return add_signing(o, value);
	case OPT_CIPHER:
		return add_cipher(o, value);
	case OPT_TIMEOUT:
		return set_timeout(o, value);
	case OPT_POSIX:
		return set_posix(&call->options, value);
	case OPT_ABSOLUTE:
		return set_absolute(&call->options, value);
	case OPT_CACHE:
		return set_cache(call, value);
	case OPT_DURABLE:
		return set_durable(&call->options, value);
	case OPT_KERBEROS:
		o->kerberos = true;
		return true;
	case 's':
		o->sign = true;
		return true;
	case 'e':
		o->seal = CLIENT_SEAL_REQUIRED;
		return true;
	case 'q':
		call->quiet = true;
		return true;
	case 'v':
		call->verbose = true;
		return true;
	default:
		return take_quic_option(&o->quic, option, value);
	}
}

int main(int argc, char **argv)
{
	struct invocation call = {0};
	smb3x_options_init(&call.options);
	int option = getopt_long(argc, argv, "+seqvh", long_options, NULL);
	while (option != -1) {
		if (option == 'h') {
			fputs(usage_text, stdout);
			return 0;
		}
		if (!take_option(&call, option, optarg)) {
			fprintf(stderr,
				"smb3x: an option is not understood; see "
				"smb3x --help\n");
			return 2;
		}
		option = getopt_long(argc, argv, "+seqvh", long_options, NULL);
	}
	if (optind >= argc) {
		fputs(usage_text, stderr);
		return 2;
	}
	return command_main(&call, argc - optind, argv + optind);
}
