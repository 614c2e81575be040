/* SPDX-License-Identifier: MIT */
/*
 * The initiator of authclient/ against the acceptor of auth/: NTLM bare and
 * inside SPNEGO, wrong passwords, nobody, guests, Kerberos with a KDC of our
 * own, and tokens that are none.
 */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/gss.h"
#include "auth/test/kdc.h"
#include "authclient/authclient.h"
#include "authclient/spnego.h"

#define STATUS_INVALID_PARAMETER 0xc000000du
#define STATUS_LOGON_FAILURE 0xc000006du

static const struct gss_user users[] = {
	{"tester", "secret"}, {"J\xc3\xbcrgen", "p\xc3\xa4ss:w\xc3\xb6rd"}};
static const struct gss_config plain = {
	.users = users, .user_count = 2, .anonymous = true};

/* What came out of one authentication. */
struct meeting {
	struct auth_result server;
	int client_error;
	bool client_done;
	uint8_t key[64];
	unsigned int key_size, legs;
};

static struct meeting meet(
	const struct auth_port *port, const struct authclient_config *config)
{
	struct auth_exchange *exchange = port->begin(port->ctx);
	struct meeting m = {.server.outcome = AUTH_CONTINUE};
	struct wire_view token = port->hint(port->ctx);
	struct authclient *client;

	assert_non_null(exchange);
	assert_int_equal(authclient_begin(config, &client), 0);
	while (m.server.outcome == AUTH_CONTINUE && m.legs < 8) {
		m.client_error =
			authclient_step(client, token, &token, &m.client_done);
		if (m.client_error < 0) {
			break;
		}
		m.legs++;
		assert_int_equal(port->step(exchange, token, &m.server), 0);
		token = m.server.token;
	}
	if (m.server.outcome == AUTH_DONE && !m.client_done) {
		m.client_error =
			authclient_step(client, token, &token, &m.client_done);
	}
	if (m.client_done) {
		assert_int_equal(authclient_key(client, m.key, &m.key_size), 0);
	}
	if (m.client_error < 0) {
		print_message("%s\n", authclient_error(client));
	}
	authclient_end(client);
	port->end(exchange);
	return m;
}

static void assert_agreed(const struct meeting *m)
{
	assert_int_equal(m->client_error, 0);
	assert_int_equal(m->server.outcome, AUTH_DONE);
	assert_true(m->client_done);
	assert_true(m->key_size >= 16);
	assert_int_equal(m->key_size, m->server.key_size);
	assert_memory_equal(m->key, m->server.key, m->key_size);
}

static int start(void **state)
{
	struct auth_port *port;

	if (gss_auth_create(&plain, &port) < 0) {
		return -1;
	}
	*state = port;
	return 0;
}

static int stop(void **state)
{
	gss_auth_destroy(*state);
	return 0;
}

static void ntlm_agrees_on_key_and_name(void **state)
{
	static const enum authclient_mechanism mechanisms[] = {
		AUTHCLIENT_NTLM, AUTHCLIENT_NTLM_RAW};
	static const char *const domains[] = {NULL, "WORKGROUP", "elsewhere"};

	for (unsigned int i = 0; i < 6; i++) {
		struct authclient_config config = {
			.mechanism = mechanisms[i % 2],
			.user = "TESTER",
			.domain = domains[i / 2],
			.password = "secret",
			.host = "fileserver"};
		struct meeting m = meet(*state, &config);

		assert_agreed(&m);
		assert_int_equal(m.legs, 2);
		assert_string_equal(m.server.identity.user, "tester");
		assert_string_equal(m.server.identity.domain,
			domains[i / 2] != NULL ? domains[i / 2] : "");
		assert_false(m.server.identity.guest);
		assert_false(m.server.identity.anonymous);
		if (geteuid() != 0) {
			assert_int_equal(m.server.identity.uid, geteuid());
		}
	}
}

static void keys_differ_between_sessions(void **state)
{
	struct authclient_config config = {.mechanism = AUTHCLIENT_NTLM,
		.user = "tester",
		.password = "secret"};
	struct meeting a = meet(*state, &config), b = meet(*state, &config);

	assert_agreed(&a);
	assert_agreed(&b);
	assert_memory_not_equal(a.key, b.key, 16);
}

static void names_and_passwords_are_unicode(void **state)
{
	struct authclient_config config = {.mechanism = AUTHCLIENT_NTLM,
		.user = users[1].name,
		.password = users[1].password};
	struct meeting m = meet(*state, &config);

	assert_agreed(&m);
	assert_string_equal(m.server.identity.user, users[1].name);
}

static void wrong_passwords_and_unknown_users_are_refused(void **state)
{
	static const char *const names[] = {"tester", "nobody-of-ours"};

	for (unsigned int i = 0; i < 4; i++) {
		struct authclient_config config = {
			.mechanism =
				i % 2 ? AUTHCLIENT_NTLM : AUTHCLIENT_NTLM_RAW,
			.user = names[i / 2],
			.password = "Secret"};
		struct meeting m = meet(*state, &config);

		assert_int_equal(m.server.outcome, AUTH_REFUSED);
		assert_int_equal(m.server.status, STATUS_LOGON_FAILURE);
		assert_int_equal(m.server.key_size, 0);
	}
}

static void nobody_enters_only_when_allowed(void **state)
{
	struct gss_config closed = plain;

	closed.anonymous = false;
	for (unsigned int i = 0; i < 4; i++) {
		struct authclient_config config = {
			.mechanism =
				i % 2 ? AUTHCLIENT_NTLM : AUTHCLIENT_NTLM_RAW};
		struct meeting m;

		assert_int_equal(
			gss_auth_reload(*state, i < 2 ? &plain : &closed), 0);
		m = meet(*state, &config);
		if (i >= 2) {
			assert_int_equal(m.server.outcome, AUTH_REFUSED);
			continue;
		}
		assert_agreed(&m);
		assert_true(m.server.identity.anonymous);
		assert_string_equal(m.server.identity.user, "");
	}
	assert_int_equal(gss_auth_reload(*state, &plain), 0);
}

static void unknown_users_become_guests_when_allowed(void **state)
{
	struct gss_config open = plain;
	struct authclient_config config = {.mechanism = AUTHCLIENT_NTLM,
		.user = "stranger",
		.password = "x"};
	struct meeting m;

	open.guest = true;
	assert_int_equal(gss_auth_reload(*state, &open), 0);
	m = meet(*state, &config);
	assert_int_equal(m.server.outcome, AUTH_DONE);
	assert_true(m.server.identity.guest);
	assert_string_equal(m.server.identity.user, "stranger");
	assert_int_equal(m.server.key_size, 0);
	config.user = "tester";
	m = meet(*state, &config);
	assert_int_equal(m.server.outcome, AUTH_REFUSED);
	assert_int_equal(gss_auth_reload(*state, &plain), 0);
}

static void reload_changes_the_users(void **state)
{
	static const struct gss_user other = {"other", "word"};
	struct gss_config config = {.users = &other, .user_count = 1};
	struct authclient_config old = {.mechanism = AUTHCLIENT_NTLM,
		.user = "tester",
		.password = "secret"};
	struct authclient_config new = {.mechanism = AUTHCLIENT_NTLM,
		.user = "other",
		.password = "word"};
	struct meeting m;

	assert_int_equal(gss_auth_reload(*state, &config), 0);
	m = meet(*state, &old);
	assert_int_equal(m.server.outcome, AUTH_REFUSED);
	m = meet(*state, &new);
	assert_agreed(&m);
	assert_int_equal(gss_auth_reload(*state, &plain), 0);
}

static void bad_configurations_are_refused(void **state)
{
	static const struct gss_user bad[] = {{"a:b", "x"}, {"", "x"},
		{"a\\b", "x"}, {"a", NULL}, {"a", "\xff\xfe"}};
	struct gss_config config = {.user_count = 1};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.users = &bad[i];
		assert_int_equal(gss_auth_reload(*state, &config), -EINVAL);
	}
	config = plain;
	config.unix_user = "no-such-account-here";
	assert_int_equal(gss_auth_reload(*state, &config), -ENOENT);
}

static void hint_names_ntlmssp(void **state)
{
	struct auth_port *port = *state;
	struct spnego_init init;

	assert_int_equal(spnego_init_decode(port->hint(port->ctx), &init), 0);
	assert_int_equal(init.mech_count, 1);
	assert_true(wire_view_equal(init.mechs[0], spnego_ntlmssp));
	assert_int_equal(init.token.n, 0);
}

/* A first choice that the server does not have: it picks another. */
static void another_mechanism_is_negotiated(void **state)
{
	struct auth_port *port = *state;
	struct auth_exchange *exchange = port->begin(port->ctx);
	struct spnego_init init = {
		.mechs = {spnego_krb5, spnego_ntlmssp}, .mech_count = 2};
	struct spnego_resp resp;
	struct auth_result result;
	uint8_t token[256];
	int n;

	init.token = wire_view_of("optimistic", 10);
	n = spnego_init_encode(&init, false, token, sizeof(token));
	assert_true(n > 0);
	assert_int_equal(
		port->step(exchange, wire_view_of(token, (size_t)n), &result),
		0);
	assert_int_equal(result.outcome, AUTH_CONTINUE);
	assert_int_equal(spnego_resp_decode(result.token, &resp), 0);
	assert_int_equal(resp.state, SPNEGO_ACCEPT_INCOMPLETE);
	assert_true(wire_view_equal(resp.mech, spnego_ntlmssp));
	assert_int_equal(resp.token.n, 0);
	port->end(exchange);
}

/* Every prefix of a good first token, and each byte of it changed. */
static void broken_tokens_are_refused_or_harmless(void **state)
{
	struct auth_port *port = *state;
	struct authclient_config config = {.mechanism = AUTHCLIENT_NTLM,
		.user = "tester",
		.password = "secret"};
	struct authclient *client;
	struct wire_view good;
	struct auth_result result;
	uint8_t token[256];
	bool done;

	assert_int_equal(authclient_begin(&config, &client), 0);
	assert_int_equal(
		authclient_step(client, wire_view_of(NULL, 0), &good, &done),
		0);
	assert_true(good.n <= sizeof(token));
	for (size_t i = 0; i < 2 * good.n; i++) {
		struct auth_exchange *exchange = port->begin(port->ctx);
		size_t n = i < good.n ? i : good.n;

		memcpy(token, good.p, good.n);
		if (i >= good.n) {
			token[i - good.n] ^= 0xff;
		}
		assert_int_equal(
			port->step(exchange, wire_view_of(token, n), &result),
			0);
		if (i < good.n) {
			assert_int_equal(result.outcome, AUTH_REFUSED);
		}
		assert_int_not_equal(result.outcome, AUTH_DONE);
		port->end(exchange);
	}
	authclient_end(client);
}

/* A whole AUTHENTICATE message whose target information is cut short. */
static void undecodable_messages_are_invalid_parameters(void **state)
{
	struct auth_port *port = *state;
	struct authclient_config config = {.mechanism = AUTHCLIENT_NTLM_RAW,
		.user = "tester",
		.password = "secret"};
	struct auth_exchange *exchange = port->begin(port->ctx);
	struct authclient *client;
	struct auth_result result;
	struct wire_view token;
	uint8_t broken[1024];
	size_t nt, n;
	bool done;

	assert_int_equal(authclient_begin(&config, &client), 0);
	assert_int_equal(
		authclient_step(client, wire_view_of(NULL, 0), &token, &done),
		0);
	assert_int_equal(port->step(exchange, token, &result), 0);
	assert_int_equal(
		authclient_step(client, result.token, &token, &done), 0);
	assert_true(token.n <= sizeof(broken));
	memcpy(broken, token.p, token.n);
	nt = wire_get32(broken + 24);
	n = wire_get16(broken + 20);
	assert_true(nt + n <= token.n && n > 48);
	wire_put16(broken + nt + 46, 0x7fff); /* length of the first AvPair */
	assert_int_equal(
		port->step(exchange, wire_view_of(broken, token.n), &result),
		0);
	assert_int_equal(result.outcome, AUTH_REFUSED);
	assert_int_equal(result.status, STATUS_INVALID_PARAMETER);
	authclient_end(client);
	port->end(exchange);
}

/* As libsmb2 sends it: 32 bytes, no Version. */
static void negotiate_may_lack_the_version(void **state)
{
	static const uint8_t token[40] = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0,
		1, 0, 0, 0, 0x27, 0x02, 0x08, 0x20};
	struct auth_port *port = *state;
	struct auth_result result;

	for (size_t n = 0; n <= sizeof(token); n++) {
		struct auth_exchange *exchange = port->begin(port->ctx);

		assert_int_equal(
			port->step(exchange, wire_view_of(token, n), &result),
			0);
		assert_int_equal(
			result.outcome, n < 32 ? AUTH_REFUSED : AUTH_CONTINUE);
		port->end(exchange);
	}
}

static void empty_token_is_an_invalid_parameter(void **state)
{
	struct auth_port *port = *state;
	struct auth_exchange *exchange = port->begin(port->ctx);
	struct auth_result result;

	assert_int_equal(
		port->step(exchange, wire_view_of(NULL, 0), &result), 0);
	assert_int_equal(result.outcome, AUTH_REFUSED);
	assert_int_equal(result.status, STATUS_INVALID_PARAMETER);
	port->end(exchange);
}

static void kerberos_agrees_on_key_and_name(void **state)
{
	static const enum authclient_mechanism mechanisms[] = {
		AUTHCLIENT_KERBEROS, AUTHCLIENT_KERBEROS_RAW};
	struct gss_config config = plain;
	struct kdc kdc;

	if (kdc_start(&kdc) < 0) {
		print_message("SKIP: Kerberos: %s\n", kdc.why);
		skip();
	}
	config.keytab = kdc.keytab;
	assert_int_equal(gss_auth_reload(*state, &config), 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct authclient_config client = {.mechanism = mechanisms[i],
			.user = "kuser",
			.domain = "SMB3X.TEST",
			.password = "kpass",
			.host = "localhost"};
		struct meeting m = meet(*state, &client);

		assert_agreed(&m);
		assert_int_equal(m.key_size, 32);
		assert_string_equal(m.server.identity.user, "kuser");
		assert_string_equal(m.server.identity.domain, "SMB3X.TEST");
	}
	kdc_stop(&kdc);
	assert_int_equal(gss_auth_reload(*state, &plain), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ntlm_agrees_on_key_and_name),
		cmocka_unit_test(keys_differ_between_sessions),
		cmocka_unit_test(names_and_passwords_are_unicode),
		cmocka_unit_test(wrong_passwords_and_unknown_users_are_refused),
		cmocka_unit_test(nobody_enters_only_when_allowed),
		cmocka_unit_test(unknown_users_become_guests_when_allowed),
		cmocka_unit_test(reload_changes_the_users),
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(hint_names_ntlmssp),
		cmocka_unit_test(another_mechanism_is_negotiated),
		cmocka_unit_test(broken_tokens_are_refused_or_harmless),
		cmocka_unit_test(undecodable_messages_are_invalid_parameters),
		cmocka_unit_test(negotiate_may_lack_the_version),
		cmocka_unit_test(empty_token_is_an_invalid_parameter),
		cmocka_unit_test(kerberos_agrees_on_key_and_name),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, start, stop);
}
