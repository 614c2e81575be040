/* SPDX-License-Identifier: MIT */
/*
 * The command line of smb3x-check; see check.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runner/again.h"
#include "runner/check.h"
#include "runner/cleanup.h"
#include "runner/commands.h"
#include "runner/evidence.h"
#include "runner/login.h"
#include "runner/probe.h"
#include "runner/products.h"
#include "runner/report.h"
#include "suite/network.h"

#define PRODUCTS "conformance/products"

/* NULL url: the command line names it. */
static const struct check_server *own;
static const char *program; /* as it was called */

static const char usage[] =
	"usage: smb3x-check run URL [PATTERN...]   judge a share\n"
	"       smb3x-check probe URL              what the server has\n"
	"       smb3x-check list [PATTERN...]      the tests there are\n"
	"       smb3x-check report RESULTS.json    reports of an earlier run\n"
	"       smb3x-check diff A.json B.json     what changed\n"
	"       smb3x-check matrix A.json...       a table of products\n"
	"       smb3x-check clean URL RUN          removes conf-RUN-* of a "
	"lost run\n"
	"URL: smb://[DOMAIN;]USER:PASSWORD@HOST[:PORT]/SHARE, or smb+quic://; "
	"without\n"
	"     :PASSWORD it is taken from the environment, SMB3X_PASSWORD, or "
	"asked for\n"
	"PATTERN: an id (core/read/past_end), its beginning (core/read), a\n"
	"         shell pattern ('core/*/bad_*') or a rule (CORE-READ-0003)\n"
	"  --json FILE --junit FILE --tap FILE --html FILE  reports; list and\n"
	"                       probe print JSON when --json is the last word\n"
	"  --report DIR         results.json, index.html, evidence of "
	"failures\n"
	"  -j N                 tests at a time (default: four per processor, "
	"up to 16)\n"
	"  --seed N             order and contents (default: random, printed)\n"
	"  --repeat N           run every test N times; FLAKY if they differ\n"
	"  --time-scale X       multiply every waiting time\n"
	"  --product FILE       deviations that are known and expected\n"
	"  --product-version X  only those of them that hold for version X\n"
	"  --products DIR       product files for \"known from\"\n"
	"  --second-user U:P    another user, for tests that need two (without "
	":P\n"
	"                       as above, SMB3X_PASSWORD2)\n"
	"  --local-path DIR     where the share is on this machine, for tests\n"
	"                       of what only its owner can make\n"
	"  --tcp-port N, --quic-port N\n"
	"                       the other way to the same server\n"
	"  --quic-name NAME     its name in the certificate (default: HOST)\n"
	"  --quic-ca FILE       who signs it; --quic-fingerprint HEX instead\n"
	"                       (default: no check: the server is judged, not\n"
	"                       the network)\n"
	"  --quic-cert FILE, --quic-key FILE\n"
	"                       of the client, if the server asks for one\n"
	"  --quic-access DIR    certificates for tests of access control\n"
	"  --quic-encrypts      its policy: SMB encryption inside QUIC\n"
	"  --quic-pipes         its policy: named pipes over QUIC\n"
	"  --strict             WARN counts as a deviation\n"
	"  --keep all           evidence of passing tests too\n"
	"  --no-cleanup         leave the directories of the tests\n"
	"  --no-sanity          run on when a sanity test fails\n"
	"  --no-probe           ask nothing first; no test is skipped for it\n"
	"  -v                   one line per test\n"
	"verdicts: PASS  WARN a SHOULD was not followed  FAIL a MUST was "
	"broken\n"
	"      SKIP the server has no such feature  NOVERDICT what the test "
	"needs "
	"was\n"
	"      not reached  ERROR a fault of the suite; with a product file: "
	"XFAIL as\n"
	"      listed  CHANGED otherwise than listed  XPASS listed, but it "
	"holds\n"
	"exit: 0 as documented, 1 deviations, 2 tests without verdict,\n"
	"      3 faults of the suite, 4 usage or target out of reach\n";

enum {
	OPT_JSON = 256,
	OPT_JUNIT,
	OPT_TAP,
	OPT_HTML,
	OPT_REPORT,
	OPT_SEED,
	OPT_REPEAT,
	OPT_TIME_SCALE,
	OPT_PRODUCT,
	OPT_PRODUCTS,
	OPT_PRODUCT_VERSION,
	OPT_SECOND_USER,
	OPT_LOCAL_PATH,
	OPT_TCP_PORT,
	OPT_QUIC_PORT,
	OPT_QUIC_NAME,
	OPT_QUIC_CA,
	OPT_QUIC_FINGERPRINT,
	OPT_QUIC_CERT,
	OPT_QUIC_KEY,
	OPT_QUIC_ACCESS,
	OPT_QUIC_ENCRYPTS,
	OPT_QUIC_PIPES,
	OPT_STRICT,
	OPT_KEEP,
	OPT_NO_CLEANUP,
	OPT_NO_SANITY,
	OPT_NO_PROBE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"json", required_argument, NULL, OPT_JSON},
	{"junit", required_argument, NULL, OPT_JUNIT},
	{"tap", required_argument, NULL, OPT_TAP},
	{"html", required_argument, NULL, OPT_HTML},
	{"report", required_argument, NULL, OPT_REPORT},
	{"jobs", required_argument, NULL, 'j'},
	{"seed", required_argument, NULL, OPT_SEED},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"time-scale", required_argument, NULL, OPT_TIME_SCALE},
	{"product", required_argument, NULL, OPT_PRODUCT},
	{"products", required_argument, NULL, OPT_PRODUCTS},
	{"product-version", required_argument, NULL, OPT_PRODUCT_VERSION},
	{"second-user", required_argument, NULL, OPT_SECOND_USER},
	{"local-path", required_argument, NULL, OPT_LOCAL_PATH},
	{"tcp-port", required_argument, NULL, OPT_TCP_PORT},
	{"quic-port", required_argument, NULL, OPT_QUIC_PORT},
	{"quic-name", required_argument, NULL, OPT_QUIC_NAME},
	{"quic-ca", required_argument, NULL, OPT_QUIC_CA},
	{"quic-fingerprint", required_argument, NULL, OPT_QUIC_FINGERPRINT},
	{"quic-cert", required_argument, NULL, OPT_QUIC_CERT},
	{"quic-key", required_argument, NULL, OPT_QUIC_KEY},
	{"quic-access", required_argument, NULL, OPT_QUIC_ACCESS},
	{"quic-encrypts", no_argument, NULL, OPT_QUIC_ENCRYPTS},
	{"quic-pipes", no_argument, NULL, OPT_QUIC_PIPES},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"keep", required_argument, NULL, OPT_KEEP},
	{"no-cleanup", no_argument, NULL, OPT_NO_CLEANUP},
	{"no-sanity", no_argument, NULL, OPT_NO_SANITY},
	{"no-probe", no_argument, NULL, OPT_NO_PROBE},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void refuse(const char *what, const char *about)
	__attribute__((noreturn));

static void refuse(const char *what, const char *about)
{
	fprintf(stderr, "smb3x-check: %s%s%s\n", what,
		about != NULL ? ": " : "", about != NULL ? about : "");
	exit(EXIT_USAGE);
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || value < least || value > most) {
		refuse("not a number in range", text);
	}
	return value;
}

/* What concerns transports; false if c is something else. */
static bool take_transport(struct options *o, int c, const char *value)
{
	switch (c) {
	case OPT_TCP_PORT:
		o->tcp_port = (unsigned int)number(value, 1, 65535);
		return true;
	case OPT_QUIC_PORT:
		o->quic_port = (unsigned int)number(value, 1, 65535);
		return true;
	case OPT_QUIC_NAME:
		o->quic.name = value;
		return true;
	case OPT_QUIC_CA:
		o->quic.ca = value;
		return true;
	case OPT_QUIC_FINGERPRINT:
		o->quic.fingerprint = value;
		return true;
	case OPT_QUIC_CERT:
		o->quic.certificate = value;
		return true;
	case OPT_QUIC_KEY:
		o->quic.key = value;
		return true;
	case OPT_QUIC_ACCESS:
		o->quic.access = value;
		return true;
	case OPT_QUIC_ENCRYPTS:
		o->quic.encrypts = true;
		return true;
	case OPT_QUIC_PIPES:
		o->quic.pipes = true;
		return true;
	default:
		return false;
	}
}

static void take_file(struct options *o, int c, const char *value)
{
	switch (c) {
	case OPT_JSON:
		o->json = value;
		break;
	case OPT_JUNIT:
		o->junit = value;
		break;
	case OPT_TAP:
		o->tap = value;
		break;
	case OPT_HTML:
		o->html = value;
		break;
	case OPT_REPORT:
		o->report = value;
		break;
	case OPT_PRODUCT:
		o->product = value;
		break;
	case OPT_PRODUCTS:
		o->products = value;
		break;
	case OPT_PRODUCT_VERSION:
		o->product_version = value;
		break;
	default:
		o->second_user = value;
		break;
	case OPT_LOCAL_PATH:
		o->local_path = value;
		break;
	}
}

static void take(struct options *o, int c, const char *value)
{
	switch (c) {
	case 'j':
		o->jobs = (unsigned int)number(value, 1, 64);
		break;
	case OPT_SEED:
		o->seed = strtoull(value, NULL, 0);
		o->seed_given = true;
		break;
	case OPT_REPEAT:
		o->repeat = (unsigned int)number(value, 1, 10000);
		break;
	case OPT_TIME_SCALE:
		o->time_scale = number(value, 0.01, 1000);
		break;
	case OPT_STRICT:
		o->strict = true;
		break;
	case OPT_KEEP:
		o->keep_all = strcmp(value, "all") == 0;
		if (!o->keep_all) {
			refuse("--keep knows only `all`", value);
		}
		break;
	case OPT_NO_CLEANUP:
		o->no_cleanup = true;
		break;
	case OPT_NO_SANITY:
		o->no_sanity = true;
		break;
	case OPT_NO_PROBE:
		o->no_probe = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(EXIT_GOOD);
	case '?':
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	default:
		if (!take_transport(o, c, value)) {
			take_file(o, c, value);
		}
		break;
	}
}

static struct options parse(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct options o = {
		.jobs = cpus < 1   ? 4
			: cpus > 4 ? 16
				   : 4 * (unsigned int)cpus,
		.repeat = 1,
		.time_scale = 1,
	};
	int c;

	if (getrandom(&o.seed, sizeof(o.seed), 0) != sizeof(o.seed)) {
		o.seed = (uint64_t)time(NULL);
	}
	o.seed %= 1000000;
	if (argc > 1 && strcmp(argv[argc - 1], "--json") == 0) {
		o.json = "-"; /* nothing behind it: standard output */
		argc--;
	}
	while ((c = getopt_long(argc, argv, "j:v", long_options, NULL)) != -1) {
		take(&o, c, optarg);
	}
	if (optind == argc) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
	o.command = argv[optind++];
	o.patterns = (const char *const *)argv + optind;
	o.pattern_count = (unsigned int)(argc - optind);
	return o;
}

/* The first operand is the URL. */
static void take_url(struct options *o, struct target *target)
{
	const char *fault;

	if (own->url == NULL && o->pattern_count == 0) {
		refuse("which server? smb://user:password@host:port/share",
			NULL);
	}
	if (own->url != NULL) {
		o->url = own->url;
		o->second_user = own->second_user;
	} else {
		o->url = *o->patterns++;
		o->pattern_count--;
	}
	switch (target_parse(target, o->url)) {
	case 0:
		break;
	case -ENOENT:
		refuse("there is no host of this name", target->host);
	case -EINVAL:
		refuse("not smb://user:password@host:port/share",
			target_fault(o->url));
	default:
		refuse(strerror(ENOMEM), NULL);
	}
	target->network = own->network;
	target->quic = o->quic;
	target->local_path = o->local_path;
	if (o->tcp_port != 0) {
		target->tcp_port = (uint16_t)o->tcp_port;
	}
	if (o->quic_port != 0) {
		target->quic_port = (uint16_t)o->quic_port;
	}
	fault = login_complete(target, o->second_user);
	if (fault != NULL) {
		refuse(fault, NULL);
	}
}

static void must_save(const struct text *text, const char *path)
{
	int r = text_save(text, path);

	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", path, strerror(-r));
		exit(EXIT_USAGE);
	}
}

static void must_probe(struct target *target, const struct options *o)
{
	char reason[PROBE_REASON];
	int r = probe(target, o, reason);
	bool on = r == -EIO || (r == -EACCES && o->no_sanity);

	if (on && target->dialect_max != 0 && o->pattern_count != 0) {
		/* the rest is what the tests will tell */
		fprintf(stderr, "smb3x-check: the probe went only so far: %s\n",
			reason);
	} else if (r != 0) {
		fprintf(stderr, "smb3x-check: %s: %s\n", target->url,
			r == -EIO || r == -EACCES ? reason : strerror(-r));
		exit(EXIT_USAGE);
	}
}

static int command_probe(struct options *o)
{
	static struct target target;
	struct text json = {0};

	take_url(o, &target);
	must_probe(&target, o);
	if (!json_to_stdout(o)) {
		probe_print(&target);
	}
	if (o->json != NULL) {
		probe_write(&json, &target);
		must_save(&json, o->json);
	}
	text_finish(&json);
	return EXIT_GOOD;
}

static bool apart(void)
{
	return own->network != NULL && own->network->apart;
}

static void name_run(struct run *run)
{
	time_t now = time(NULL);
	uint32_t tag = (uint32_t)run->options->seed;
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(run->started, sizeof(run->started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	/* Two runs never meet on a server that is made for one test. */
	if (!apart() && getrandom(&tag, sizeof(tag), 0) != sizeof(tag)) {
		tag = (uint32_t)now;
	}
	snprintf(run->name, sizeof(run->name), "%08x", tag);
	if (own->program != NULL) {
		snprintf(
			run->again, sizeof(run->again), "%s run", own->program);
	} else {
		again_write(run->again, sizeof(run->again), program, run);
	}
}

/* What a run left behind that was not finished, or could not clean up. */
static int command_clean(struct options *o)
{
	static struct target target;
	struct run run = {.options = o, .target = &target};

	take_url(o, &target);
	if (o->pattern_count != 1 || strlen(o->patterns[0]) < 4 ||
		strcspn(o->patterns[0], "*?/\\") != strlen(o->patterns[0])) {
		refuse("clean takes a URL and what stands between conf- and "
		       "the last - of the names",
			NULL);
	}
	must_probe(&target, o);
	snprintf(run.name, sizeof(run.name), "%.15s", o->patterns[0]);
	text_put(&run.directories, "", 0);
	cleanup(&run);
	if (run.leftovers != 0) {
		fprintf(stderr,
			"smb3x-check: these stay:\n%sfor the reasons:\n%s",
			run.leftover_names.p, run.leftover_reasons.p);
	}
	text_finish(&run.leftover_names);
	text_finish(&run.leftover_reasons);
	return run.leftovers != 0 ? EXIT_DEVIATES : EXIT_GOOD;
}

static int finish_run(struct run *run, const struct options *o)
{
	struct text json = {0};
	int r;

	if (!o->no_cleanup && !apart()) {
		cleanup(run);
	}
	results_write(&json, run);
	r = reports_make(&json, o);
	text_finish(&json);
	return r != 0 ? r : verdict_exit_code(run->counts, o->strict);
}

static int command_run(struct options *o)
{
	static struct target target;
	struct run run = {.options = o, .target = &target};
	struct item *items;
	struct products *products = NULL;
	unsigned int count;
	int r;

	take_url(o, &target);
	if (items_all(&items, &count) != 0) {
		return EXIT_USAGE;
	}
	if (o->product_version != NULL && o->product == NULL) {
		refuse("of which --product?", "--product-version");
	}
	if (products_load(o->product, o->product_version,
		    o->products ? o->products : PRODUCTS, items, count,
		    &products) != 0) {
		items_free(items, count);
		return EXIT_USAGE;
	}
	if (o->report != NULL && mkdir(o->report, 0777) != 0 &&
		errno != EEXIST) {
		refuse(strerror(errno), o->report);
	}
	run.item_count =
		items_select(items, count, o->patterns, o->pattern_count);
	if (run.item_count == 0) {
		refuse("no test is called that", o->patterns[0]);
	}
	if (!o->no_probe) {
		must_probe(&target, o);
	}
	run.items = items;
	run.products = products;
	name_run(&run);
	evidence_begin(o);
	printf("%u test%s against %s, seed %llu\n", run.item_count,
		run.item_count == 1 ? "" : "s", target.url,
		(unsigned long long)o->seed);
	r = run_all(&run);
	if (r != 0) {
		fprintf(stderr, "smb3x-check: %s\n", strerror(-r));
		return EXIT_ERROR;
	}
	r = finish_run(&run, o);
	if (own->finish != NULL) {
		own->finish(o->seed);
	}
	products_destroy(products);
	items_free(items, run.item_count);
	text_finish(&run.directories);
	text_finish(&run.leftover_names);
	text_finish(&run.leftover_reasons);
	return r;
}

int check_main(int argc, char **argv, const struct check_server *server)
{
	struct options o = parse(argc, argv);

	own = server;
	program = argv[0];
	if (strcmp(o.command, "run") == 0) {
		return command_run(&o);
	}
	if (strcmp(o.command, "clean") == 0) {
		return command_clean(&o);
	}
	if (strcmp(o.command, "probe") == 0) {
		return command_probe(&o);
	}
	if (strcmp(o.command, "list") == 0) {
		return command_list(&o);
	}
	if (strcmp(o.command, "report") == 0) {
		return command_report(&o);
	}
	if (strcmp(o.command, "diff") == 0) {
		return command_diff(&o);
	}
	if (strcmp(o.command, "matrix") == 0) {
		return command_matrix(&o);
	}
	fputs(usage, stderr);
	return EXIT_USAGE;
}
