/* SPDX-License-Identifier: MIT */
/*
 * SESSION_SETUP and TREE_CONNECT as a client: first logon, authentication
 * anew, binding of a second connection. [MS-SMB2] 3.2.4.2.3, 3.2.5.3
 */
#include <stdio.h>
#include <string.h>

#include "authclient/authclient.h"
#include "suite/link.h"
#include "suite/words.h"

#define LEGS_MAX 6

struct channel *peer_add_channel(struct peer *peer, struct session *session)
{
	struct channel *c = peer_channel(peer, session->id);

	if (c != NULL) {
		return c;
	}
	if (peer->channel_count == PEER_SESSIONS) {
		conf_broken(peer->t, "more than %d sessions on a connection",
			PEER_SESSIONS);
	}
	c = &peer->channels[peer->channel_count++];
	c->session = session;
	return c;
}

void session_log_keys(struct peer *peer, const struct session *session)
{
	struct record_keys k = {
		.head = {.kind = RECORD_KEYS, .peer = peer->index},
		.session_id = session->id,
		.dialect = session->dialect,
		.cipher = session->cipher,
		.key_size = 16,
		.seal_size = (uint8_t)session->keys.client_to_server.size,
	};

	/* the session key of the document: 16 bytes; all of it where the
	 * 256-bit ciphers derive from the whole */
	if (session->cipher == CRYPTO_CIPHER_AES_256_CCM ||
		session->cipher == CRYPTO_CIPHER_AES_256_GCM) {
		k.key_size =
			(uint8_t)(session->key_size < 32 ? session->key_size
							 : 32);
	}
	memcpy(k.key, session->key, k.key_size);
	memcpy(k.from_server, session->keys.server_to_client.bytes,
		sizeof(k.from_server));
	memcpy(k.from_client, session->keys.client_to_server.bytes,
		sizeof(k.from_client));
	log_add(peer->t->log, &k.head, sizeof(k));
}

/* A logon under way. */
struct logon {
	struct peer *peer;
	const struct setup_options *how;
	struct authclient *auth;
	struct session *session; /* new, or the one that is reused */
	uint8_t preauth[CRYPTO_PREAUTH_SIZE];
	struct reply *reply;
};

static struct authclient *begin_auth(struct logon *logon)
{
	const struct target *target = logon->peer->t->target;
	const struct client_options *o = logon->how->client;
	bool second = o != NULL && o->second_user;
	struct authclient_config config = {
		.mechanism = AUTHCLIENT_NTLM,
		.user = second ? target->user2 : target->user,
		.domain = target->domain,
		.password = second ? target->password2 : target->password,
		.host = target->host,
	};
	struct authclient *auth = NULL;
	int r;

	if (o != NULL && o->anonymous) {
		config.user = NULL;
		config.password = NULL;
	}
	if (logon->how->unknown_user) {
		config.user = "nobody-has-this-name";
	}
	if (logon->how->wrong_password) {
		config.password = "not the password";
	}
	r = authclient_begin(&config, &auth);
	if (r != 0) {
		conf_broken(
			logon->peer->t, "authclient_begin: %s", strerror(-r));
	}
	return auth;
}

static struct pdu *leg(struct logon *logon, struct wire_view token)
{
	const struct setup_options *how = logon->how;
	struct peer *peer = logon->peer;
	struct smb2_session_setup_request r = {
		.security_mode =
			(uint8_t)(peer->client_security_mode
					  ? peer->client_security_mode
					  : SMB2_NEGOTIATE_SIGNING_ENABLED),
		.capabilities = peer->client_capabilities & 1,
		.previous_session_id = how->previous,
		.buffer = token,
	};
	struct session *kept = peer->session;
	uint32_t tree = peer->tree;
	struct pdu *pdu;

	if (how->bind != NULL) {
		r.flags = SMB2_SESSION_FLAG_BINDING;
	}
	peer->session = how->reauth != NULL ? how->reauth : logon->session;
	peer->tree = 0;
	pdu = pdu_build(peer, &smb2_session_setup_request_type, &r);
	peer->session = kept;
	peer->tree = tree;
	if (how->bind != NULL) {
		pdu->session = how->bind;
		pdu->sign = how->unsigned_binding ? SIGN_NO : SIGN_YES;
		pdu->seal = SEAL_NO;
	} else if (how->reauth == NULL) {
		pdu->session = NULL; /* nothing to sign with yet */
	}
	return pdu;
}

/* Sends one leg, takes the session id from the first answer. */
static void exchange(struct logon *logon, struct wire_view token)
{
	struct peer *peer = logon->peer;
	struct pdu *pdu = leg(logon, token);
	struct reply *reply = pdu_call(pdu);

	logon->reply = reply;
	if (reply->outcome != REPLY_ARRIVED) {
		return;
	}
	if (logon->session->id == 0) {
		logon->session->id = reply->header.session_id;
	}
	if (peer->dialect != 0x0311) {
		return;
	}
	crypto_preauth_update(logon->preauth, wire_view_of(pdu->bytes, pdu->n));
	if (reply->status == STATUS_MORE_PROCESSING_REQUIRED) {
		crypto_preauth_update(logon->preauth, reply->pdu);
	}
}

static void finish_new(struct logon *logon, const uint8_t *key, unsigned int n)
{
	const struct smb2_session_setup_response *r = logon->reply->body;
	const struct client_options *o = logon->how->client;
	struct peer *peer = logon->peer;
	struct session *s = logon->session;

	memcpy(s->key, key, n);
	s->key_size = n;
	s->dialect = peer->dialect;
	s->cipher = peer->cipher;
	s->setup = logon->reply;
	s->flags = r != NULL ? r->session_flags : 0;
	s->guest = (s->flags & SMB2_SESSION_FLAG_IS_GUEST) != 0;
	s->anonymous = (s->flags & SMB2_SESSION_FLAG_IS_NULL) != 0;
	s->encrypted = (o != NULL && o->encrypt) ||
		       (s->flags & SMB2_SESSION_FLAG_ENCRYPT_DATA) != 0;
	s->signing_required =
		!s->guest && !s->anonymous &&
		((o != NULL && o->sign) ||
			(peer->security_mode &
				SMB2_NEGOTIATE_SIGNING_REQUIRED) != 0);
	if (crypto_derive(s->dialect, key, n, logon->preauth, s->cipher,
		    peer->signing, &s->keys) != 0) {
		conf_broken(peer->t, "key derivation failed");
	}
	peer_add_channel(peer, s)->signing = s->keys.signing;
	session_log_keys(peer, s);
	peer->session = s;
}

/* A bound connection has a signing key of its own. */
static void finish_bind(struct logon *logon, const uint8_t *key, unsigned int n)
{
	struct peer *peer = logon->peer;
	struct crypto_keys keys;

	if (crypto_derive(peer->dialect, key, n, logon->preauth,
		    logon->session->cipher, peer->signing, &keys) != 0) {
		conf_broken(peer->t, "key derivation failed");
	}
	peer_add_channel(peer, logon->session)->signing = keys.signing;
	peer->session = logon->session;
}

/* With a key that was not known, or not this connection's, on arrival. */
static void verify(struct reply *reply, const struct crypto_key *key)
{
	if (reply->outcome == REPLY_ARRIVED &&
		(reply->header.flags & SMB2_FLAGS_SIGNED) != 0) {
		reply->signature = crypto_verify(key, reply->pdu)
					   ? SIGNATURE_GOOD
					   : SIGNATURE_BAD;
	}
}

/* The last token of the server, then keys, then the signature of the final
 * response, which could not be verified before. */
static void conclude(struct logon *logon, struct wire_view token)
{
	struct reply *reply = logon->reply;
	struct peer *peer = logon->peer;
	struct wire_view out;
	uint8_t key[64];
	unsigned int n = 0;
	bool done;
	struct channel *channel;

	if (authclient_key(logon->auth, key, &n) != 0) {
		int r = authclient_step(logon->auth, token, &out, &done);

		conf_need(peer->t, reply,
			r == 0 && authclient_key(logon->auth, key, &n) == 0,
			"an authentication that ends with a key (%s)",
			authclient_error(logon->auth));
	}
	if (logon->how->bind != NULL) {
		finish_bind(logon, key, n);
	} else if (logon->how->reauth == NULL) {
		finish_new(logon, key, n);
	}
	channel = peer_channel(peer, logon->session->id);
	if (channel != NULL) {
		verify(reply, &channel->signing);
	}
}

static struct wire_view token_of(const struct reply *reply)
{
	const struct smb2_session_setup_response *r = reply->body;

	if (reply->outcome != REPLY_ARRIVED || r == NULL ||
		reply->type != &smb2_session_setup_response_type) {
		return (struct wire_view){NULL, 0};
	}
	return r->buffer;
}

static void run_legs(struct logon *logon)
{
	struct wire_view in = logon->peer->security_buffer, out;
	bool done = false;
	int i, r;

	for (i = 0; i < LEGS_MAX; i++) {
		r = authclient_step(logon->auth, in, &out, &done);
		conf_need(logon->peer->t, logon->reply, r == 0,
			"an authentication token (%s)",
			authclient_error(logon->auth));
		exchange(logon, out);
		if (logon->reply->outcome != REPLY_ARRIVED ||
			logon->reply->status !=
				STATUS_MORE_PROCESSING_REQUIRED) {
			return;
		}
		in = token_of(logon->reply);
	}
}

struct reply *peer_setup(struct peer *peer, const struct setup_options *how)
{
	struct logon logon = {.peer = peer, .how = how};

	logon.session = how->reauth != NULL ? how->reauth
			: how->bind != NULL
				? how->bind
				: test_alloc(peer->t, sizeof(*logon.session));
	memcpy(logon.preauth, peer->preauth, sizeof(logon.preauth));
	logon.auth = begin_auth(&logon);
	run_legs(&logon);
	if (logon.reply->outcome == REPLY_ARRIVED &&
		logon.reply->status == STATUS_SUCCESS) {
		conclude(&logon, token_of(logon.reply));
	} else if (how->bind != NULL) {
		verify(logon.reply, &how->bind->keys.signing);
	}
	authclient_end(logon.auth);
	return logon.reply;
}

struct reply *peer_session_setup(
	struct peer *peer, const struct client_options *options)
{
	return peer_setup(peer, &(struct setup_options){.client = options});
}

struct reply *peer_setup_first(struct peer *peer)
{
	static const struct setup_options how;
	struct logon logon = {
		.peer = peer,
		.how = &how,
		.session = test_alloc(peer->t, sizeof(*logon.session)),
	};
	struct wire_view out;
	bool done = false;
	int r;

	logon.auth = begin_auth(&logon);
	r = authclient_step(logon.auth, peer->security_buffer, &out, &done);
	conf_need(peer->t, NULL, r == 0, "an authentication token (%s)",
		authclient_error(logon.auth));
	exchange(&logon, out);
	authclient_end(logon.auth);
	return logon.reply;
}

struct reply *peer_tree_connect(struct peer *peer, const char *share)
{
	struct test *t = peer->t;
	struct smb2_tree_connect_request r = {
		.buffer = utf16(
			t, test_text(t, "\\\\%s\\%s", t->target->host,
				   share != NULL ? share : t->target->share)),
	};
	uint32_t old = peer->tree;
	bool sealed = peer->tree_encrypted;
	const struct smb2_tree_connect_response *body;
	struct reply *reply;

	peer->tree = 0;
	peer->tree_encrypted = false;
	reply = peer_call(peer, &smb2_tree_connect_request_type, &r);
	if (reply->outcome != REPLY_ARRIVED ||
		reply->status != STATUS_SUCCESS || reply->body == NULL) {
		peer->tree = old;
		peer->tree_encrypted = sealed;
		return reply;
	}
	body = reply->body;
	peer->tree = reply->header.tree_id;
	peer->tree_encrypted =
		(body->share_flags & SMB2_SHAREFLAG_ENCRYPT_DATA) != 0 &&
		peer->session != NULL &&
		peer->session->keys.client_to_server.size != 0;
	return reply;
}

void peer_use(struct peer *peer, struct session *session, uint32_t tree)
{
	peer->session = session;
	peer->tree = tree;
}

/* A dialect that the probe did not find is no fault of this test. */
static void need_dialect(struct test *t, const struct client_options *options)
{
	const struct fact *fact =
		options != NULL && options->dialect != 0
			? target_fact(t->target, FACT_DIALECT, options->dialect)
			: NULL;

	if (fact != NULL && !fact->present) {
		need_capability(
			t, NULL, false, "%s: %s", fact->name, fact->evidence);
	}
}

struct peer *client_with(struct test *t, const struct client_options *options)
{
	struct peer *peer;

	need_dialect(t, options);
	peer = peer_connect_over(t, options != NULL ? options->transport : 0);
	need_ok(t, peer_negotiate(peer, options));
	if (options != NULL && options->plain) {
		return peer;
	}
	need_ok(t, peer_session_setup(peer, options));
	if (options == NULL || !options->no_tree) {
		need_ok(t, peer_tree_connect(peer,
				   options != NULL ? options->share : NULL));
	}
	return peer;
}

struct peer *client(struct test *t)
{
	return client_with(t, NULL);
}

struct peer *client_unsealed(struct test *t, enum transport transport)
{
	struct peer *peer =
		client_with(t, &(struct client_options){.no_tree = true,
				       .transport = transport});

	need(t, !peer->session->encrypted && !peer->session->signing_required,
		"a session that requires neither signing nor encryption");
	return peer;
}

struct peer *client_bind(struct peer *primary)
{
	return client_bind_over(primary,
		primary->quic != NULL ? TRANSPORT_QUIC : TRANSPORT_TCP);
}

struct peer *client_bind_over(struct peer *primary, enum transport transport)
{
	struct test *t = primary->t;
	struct peer *peer = peer_connect_over(t, transport);
	const struct client_options options = {
		.offer_transport = transport == TRANSPORT_QUIC,
		.transport_flags = SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY,
		.dialect = primary->dialect,
		.client_guid = &primary->client_guid,
		.capabilities = primary->client_capabilities,
		.sign = primary->session->signing_required,
		.posix = primary->posix,
	};

	need_ok(t, peer_negotiate(peer, &options));
	need_ok(t, peer_setup(peer,
			   &(struct setup_options){.bind = primary->session}));
	peer_use(peer, primary->session, primary->tree);
	peer->tree_encrypted = primary->tree_encrypted;
	return peer;
}
