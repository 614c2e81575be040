/* SPDX-License-Identifier: MIT */
/* Command line and configuration file of smb3xd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/config.h"

#define ARGS_MAX 24

/* Loads from words with spaces between. */
static int load(const char *text, struct config *ret_config, char *ret_error)
{
	static char copy[1024], program[] = "smb3xd";
	char *argv[ARGS_MAX + 1] = {program}, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL) {
		assert_true(argc < ARGS_MAX);
		argv[argc++] = word;
	}
	ret_error[0] = '\0';
	return config_load(argc, argv, ret_config, ret_error);
}

static void one_line_is_a_complete_start(void **state)
{
	struct config config;
	char error[256];

	(void)state;
	assert_int_equal(load("--listen 127.0.0.1:4450 --share data=/srv/data "
			      "--user tester:secret:x",
				 &config, error),
		0);
	assert_int_equal(config.listen_count, 1);
	assert_string_equal(config.listen[0], "127.0.0.1:4450");
	assert_int_equal(config.share_count, 1);
	assert_string_equal(config.shares[0].engine.name, "data");
	assert_string_equal(config.shares[0].path, "/srv/data");
	assert_int_equal(config.shares[0].engine.encrypt, POLICY_OFFERED);
	assert_false(config.shares[0].engine.read_only);
	assert_int_equal(config.user_count, 1);
	assert_string_equal(config.users[0].name, "tester");
	assert_string_equal(config.users[0].password, "secret:x");
	assert_int_equal(config.engine.min_dialect, 0x0202);
	assert_int_equal(config.engine.max_dialect, 0x0311);
	config_finish(&config);
}

static void posix_options_count(void **state)
{
	struct config config;
	char error[256];

	(void)state;
	assert_int_equal(load("--listen [::1]:445 --share a=/a "
			      "--share b=/b,posix=no --share c=/c,posix=yes,"
			      "posix-like=samba,create-mask=0744,"
			      "directory-mask=755,force-create-mode=10,"
			      "force-directory-mode=2000",
				 &config, error),
		0);
	assert_int_equal(config.shares[0].engine.posix, POSIX_ON);
	assert_int_equal(
		config.shares[0].engine.posix_like, POSIX_LIKE_DOCUMENT);
	assert_int_equal(config.shares[0].engine.create_mask, 07777);
	assert_int_equal(config.shares[0].engine.directory_mask, 07777);
	assert_int_equal(config.shares[1].engine.posix, POSIX_OFF);
	assert_int_equal(config.shares[2].engine.posix_like, POSIX_LIKE_SAMBA);
	assert_int_equal(config.shares[2].engine.create_mask, 0744);
	assert_int_equal(config.shares[2].engine.directory_mask, 0755);
	assert_int_equal(config.shares[2].engine.force_create_mode, 010);
	assert_int_equal(config.shares[2].engine.force_directory_mode, 02000);
	config_finish(&config);
	assert_true(load("--listen [::1]:445 --share a=/a,create-mask=8",
			    &config, error) < 0);
	assert_true(load("--listen [::1]:445 --share a=/a,create-mask=17777",
			    &config, error) < 0);
	assert_true(load("--listen [::1]:445 --share a=/a,posix-like=x",
			    &config, error) < 0);
}

static void every_share_option_counts(void **state)
{
	struct config config;
	char error[256];

	(void)state;
	assert_int_equal(
		load("--listen [::1]:445 --listen 0.0.0.0:445 "
		     "--share a=/a,encrypt=required,ro,guest "
		     "--share b=/b,encrypt=off --share c=/c,ro=no,guest=yes "
		     "--sign required --encrypt required --min-dialect 3.0 "
		     "--max-dialect 3.0.2 --ciphers AES-256-GCM,AES-128-CCM",
			&config, error),
		0);
	assert_int_equal(config.listen_count, 2);
	assert_int_equal(config.shares[0].engine.encrypt, POLICY_REQUIRED);
	assert_true(config.shares[0].engine.read_only);
	assert_true(config.shares[0].engine.guest_ok);
	assert_int_equal(config.shares[1].engine.encrypt, POLICY_OFF);
	assert_false(config.shares[1].engine.guest_ok);
	assert_false(config.shares[2].engine.read_only);
	assert_true(config.shares[2].engine.guest_ok);
	assert_int_equal(config.engine.sign, POLICY_REQUIRED);
	assert_int_equal(config.engine.encrypt, POLICY_REQUIRED);
	assert_int_equal(config.engine.min_dialect, 0x0300);
	assert_int_equal(config.engine.max_dialect, 0x0302);
	assert_int_equal(config.engine.ciphers[0], 4);
	assert_int_equal(config.engine.ciphers[1], 1);
	assert_int_equal(config.engine.ciphers[2], 0);
	config_finish(&config);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *arguments, *word;
	} bad[] = {
		{"--share data=/srv", "--listen"},
		{"--listen 1.2.3.4:5 --nonsense", "--nonsense"},
		{"--listen 1.2.3.4:5 --share data", "NAME=PATH"},
		{"--listen 1.2.3.4:5 --share =/x", "name"},
		{"--listen 1.2.3.4:5 --share a/b=/x", "name"},
		{"--listen 1.2.3.4:5 --share ipc$=/x", "name"},
		{"--listen 1.2.3.4:5 --share a=", "no path"},
		{"--listen 1.2.3.4:5 --share a=/x,rw", "option"},
		{"--listen 1.2.3.4:5 --share a=/x,encrypt=maybe", "required"},
		{"--listen 1.2.3.4:5 --user tester", "NAME:PASSWORD"},
		{"--listen 1.2.3.4:5 --user :x", "NAME:PASSWORD"},
		{"--listen 1.2.3.4:5 --sign off", "required"},
		{"--listen 1.2.3.4:5 --max-dialect 4", "3.1.1"},
		{"--listen 1.2.3.4:5 --min-dialect 3.1.1 --max-dialect 2.1",
			"above"},
		{"--listen 1.2.3.4:5 --threads 0", "range"},
		{"--listen 1.2.3.4:5 --threads -1", "range"},
		{"--listen 1.2.3.4:5 --max-io 1x", "range"},
		{"--listen 1.2.3.4:5 --ciphers DES", "algorithm"},
		{"--listen 1.2.3.4:5 extra", "extra"},
		{"--listen 1.2.3.4:5 --user", "--user"},
		{"--config /nonexistent/file", "/nonexistent/file"},
	};
	struct config config;
	char error[256];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (load(bad[i].arguments, &config, error) == 0 ||
			strstr(error, bad[i].word) == NULL) {
			fail_msg("%s: \"%s\"", bad[i].arguments, error);
		}
	}
}

static const char *write_file(const char *text)
{
	static char path[] = "/tmp/smb3x-config-XXXXXX";
	int fd;

	memcpy(path, "/tmp/smb3x-config-XXXXXX", sizeof(path));
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static void the_file_says_the_same(void **state)
{
	const char *path = write_file("# a comment\n"
				      "listen = 127.0.0.1:445\n"
				      "[server]\n"
				      "  sign=required  \n"
				      "log = debug\n"
				      "\n"
				      "[share data]\n"
				      "path = /srv/my data\n"
				      "encrypt = required\n"
				      "ro = yes\n"
				      "[share b]\n"
				      "path=/b\n"
				      "[users]\n"
				      "tester = se=cret\n"
				      "other=word\n");
	char arguments[200], error[256];
	struct config config;

	(void)state;
	snprintf(arguments, sizeof(arguments),
		"--config %s --user other:new --share b=/c", path);
	assert_int_equal(load(arguments, &config, error), 0);
	unlink(path);
	assert_string_equal(config.listen[0], "127.0.0.1:445");
	assert_int_equal(config.engine.sign, POLICY_REQUIRED);
	assert_int_equal(config.log, LOG_DEBUG);
	assert_int_equal(config.share_count, 2);
	assert_string_equal(config.shares[0].path, "/srv/my data");
	assert_int_equal(config.shares[0].engine.encrypt, POLICY_REQUIRED);
	assert_true(config.shares[0].engine.read_only);
	assert_string_equal(config.shares[1].path, "/c");
	assert_int_equal(config.user_count, 2);
	assert_string_equal(config.users[0].password, "se=cret");
	assert_string_equal(config.users[1].password, "new");
	config_finish(&config);
}

static void mistakes_in_the_file_have_a_line(void **state)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{"listen\n", ":1:"},
		{"\n\nnonsense = 1\n", ":3:"},
		{"[server\n", ":1:"},
		{"[thing]\n", ":1:"},
		{"[share a]\nrw = yes\n", ":2:"},
		{"[share a?]\n", ":1:"},
	};
	char arguments[200], error[256];
	struct config config;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *path = write_file(bad[i].text);

		snprintf(arguments, sizeof(arguments), "--config %s", path);
		assert_true(load(arguments, &config, error) < 0);
		unlink(path);
		if (strstr(error, bad[i].word) == NULL) {
			fail_msg("%s: \"%s\"", bad[i].text, error);
		}
	}
}

static void users_come_from_a_file_too(void **state)
{
	const char *path = write_file("# users\na:1\n\nb:2:3\n");
	char arguments[200], error[256];
	struct config config;

	(void)state;
	snprintf(arguments, sizeof(arguments),
		"--listen 1.2.3.4:5 --users-file %s", path);
	assert_int_equal(load(arguments, &config, error), 0);
	unlink(path);
	assert_int_equal(config.user_count, 2);
	assert_string_equal(config.users[1].name, "b");
	assert_string_equal(config.users[1].password, "2:3");
	config_finish(&config);
}

static void help_names_every_option(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char word[64];

	(void)state;
	config_help(out);
	fclose(out);
	for (unsigned int i = 0; i < config_option_count; i++) {
		snprintf(word, sizeof(word), "--%s ", config_options[i].name);
		assert_non_null(strstr(text, word));
	}
	assert_non_null(strstr(text, "--config "));
	free(text);
}

static void times_are_seconds(void **state)
{
	static struct config config;
	const struct {
		const char *option;
		uint64_t *ns;
		unsigned int max;
	} rows[] = {{"stall", &config.stall_ns, 3600},
		{"idle", &config.engine.idle_session_ns, 31536000},
		{"lease-break-timeout", &config.engine.lease_break_ns, 3600},
		{"durable-timeout-max", &config.engine.durable_max_ns, 3600},
		{"quic-idle", &config.quic.idle_ns, 3600},
		{"quic-handshake", &config.quic.handshake_ns, 600}};
	const char *line = "--listen 127.0.0.1:1 --share d=/srv";
	char error[256], text[128];

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *option = rows[i].option;

		snprintf(text, sizeof(text), "%s --%s 7", line, option);
		assert_int_equal(load(text, &config, error), 0);
		assert_int_equal(*rows[i].ns, 7000000000u);
		config_finish(&config);
		snprintf(text, sizeof(text), "%s --%s %u", line, option,
			rows[i].max + 1);
		assert_int_equal(load(text, &config, error), -EINVAL);
		snprintf(text, sizeof(text), "%s --%s 0", line, option);
		assert_int_equal(load(text, &config, error), -EINVAL);
	}
}

static void quic_kernel_has_three_words(void **state)
{
	static const struct {
		const char *word;
		enum config_quic_kernel value;
	} rows[] = {{"auto", CONFIG_KERNEL_AUTO},
		{"never", CONFIG_KERNEL_NEVER},
		{"Always", CONFIG_KERNEL_ALWAYS}};
	const char *line = "--listen quic:127.0.0.1:4450 --share d=/srv";
	struct config config;
	char error[256], text[128];

	(void)state;
	assert_int_equal(load(line, &config, error), 0);
	assert_int_equal(config.quic.kernel, CONFIG_KERNEL_AUTO);
	config_finish(&config);
	for (unsigned int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%s --quic-kernel %s", line,
			rows[i].word);
		assert_int_equal(load(text, &config, error), 0);
		assert_int_equal(config.quic.kernel, rows[i].value);
		config_finish(&config);
	}
	snprintf(text, sizeof(text), "%s --quic-kernel yes", line);
	assert_int_equal(load(text, &config, error), -EINVAL);
	assert_non_null(strstr(error, "auto, never or always"));
	config_finish(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_is_a_complete_start),
		cmocka_unit_test(posix_options_count),
		cmocka_unit_test(quic_kernel_has_three_words),
		cmocka_unit_test(times_are_seconds),
		cmocka_unit_test(every_share_option_counts),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(the_file_says_the_same),
		cmocka_unit_test(mistakes_in_the_file_have_a_line),
		cmocka_unit_test(users_come_from_a_file_too),
		cmocka_unit_test(help_names_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
