/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that belong to no connection: new clients, versions we do not
 * speak, what is left of connections long gone. RFC 9000, sections 5.2, 6, 8.1
 * and 10.3. An answer is never longer than what it answers, except to those who
 * have shown that their address is their own.
 */
#include <string.h>

#include <gnutls/crypto.h>

#include "ports/rule.h"
#include "transport/quic_compat.h"
#include "transport/quic_internal.h"

/* RFC 9000, section 10.3: unlike a packet of ours, and ever shorter. */
#define RESET_MIN 24
#define RESET_FILLER 40

static ngtcp2_cid cid_of(const uint8_t *p, size_t n)
{
	ngtcp2_cid cid;

	ngtcp2_cid_init(&cid, p, n);
	return cid;
}

/* Answers to strangers are few: nobody is to be flooded through us. */
static bool may_answer(struct quic *quic)
{
	uint64_t second = quic_now(quic) / QUIC_SECOND;

	if (second != quic->stray_second) {
		quic->stray_second = second;
		quic->strays = 0;
	}
	return quic->strays++ < QUIC_STRAYS_PER_SECOND;
}

static void send_versions(struct quic_listener *listener,
	const struct quic_path *path, const ngtcp2_version_cid *found)
{
	const uint32_t versions[] = {QUIC_V1};
	struct quic_send *send;
	ngtcp2_ssize n;
	uint8_t unused;

	if (!may_answer(listener->quic) ||
		(send = quic_send_take(listener)) == NULL) {
		return;
	}
	gnutls_rnd(GNUTLS_RND_NONCE, &unused, 1);
	n = RULE(QUIC_CONNECT_0007)
		    ? ngtcp2_pkt_write_version_negotiation(send->bytes,
			      QUIC_PACKET_MAX, unused, found->scid,
			      found->scidlen, found->dcid, found->dcidlen,
			      versions, 1)
		    : ngtcp2_pkt_write_version_negotiation(send->bytes,
			      QUIC_PACKET_MAX, unused, found->dcid,
			      found->dcidlen, found->scid, found->scidlen,
			      versions, 1);
	quic_send_go(send, n > 0 ? (size_t)n : 0, (size_t)n, path, 0);
}

/* One byte shorter than what it answers, or a usual length. */
static void send_reset(struct quic_listener *listener,
	const struct quic_path *path, const uint8_t *p, size_t size)
{
	ngtcp2_cid cid;
	uint8_t token[16], filler[RESET_FILLER];
	size_t filler_size = size - 1 - sizeof(token);
	struct quic_send *send;
	ngtcp2_ssize n = -1;

	if (size < RESET_MIN || !may_answer(listener->quic) ||
		(send = quic_send_take(listener)) == NULL) {
		return;
	}
	cid = cid_of(p + 1, QUIC_CID_BYTES);
	filler_size = filler_size < RESET_FILLER ? filler_size : RESET_FILLER;
	gnutls_rnd(GNUTLS_RND_NONCE, filler, filler_size);
	if (ngtcp2_crypto_generate_stateless_reset_token(
		    token, listener->quic->secret, 32, &cid) == 0) {
		n = ngtcp2_pkt_write_stateless_reset(send->bytes,
			QUIC_PACKET_MAX, token, filler, filler_size);
	}
	quic_send_go(send, n > 0 ? (size_t)n : 0, (size_t)n, path, 0);
}

static void send_retry(struct quic_listener *listener,
	const struct quic_path *path, const ngtcp2_pkt_hd *hd)
{
	struct quic *quic = listener->quic;
	uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
	ngtcp2_cid scid = {.datalen = QUIC_CID_BYTES};
	struct quic_send *send = quic_send_take(listener);
	ngtcp2_ssize n;

	if (send == NULL) {
		return;
	}
	gnutls_rnd(GNUTLS_RND_NONCE, scid.data, scid.datalen);
	n = ngtcp2_crypto_generate_retry_token(token, quic->secret, 32,
		hd->version, &path->remote.any,
		quic_address_size(&path->remote), &scid, &hd->dcid,
		quic_now(quic));
	if (n > 0) {
		n = ngtcp2_crypto_write_retry(send->bytes, QUIC_PACKET_MAX,
			hd->version, &hd->scid, &scid, &hd->dcid, token,
			(size_t)n);
	}
	quic->totals.retries++;
	quic_send_go(send, n > 0 ? (size_t)n : 0, (size_t)n, path, 0);
}

static void refuse(struct quic_listener *listener, const struct quic_path *path,
	const ngtcp2_pkt_hd *hd, uint64_t code)
{
	struct quic_send *send;
	ngtcp2_ssize n;

	if (!may_answer(listener->quic) ||
		(send = quic_send_take(listener)) == NULL) {
		return;
	}
	n = ngtcp2_crypto_write_connection_close(send->bytes, QUIC_PACKET_MAX,
		hd->version, &hd->scid, &hd->dcid, code, NULL, 0);
	quic_send_go(send, n > 0 ? (size_t)n : 0, (size_t)n, path, 0);
}

static struct quic_cid id_of(const ngtcp2_cid *cid)
{
	struct quic_cid id = {.n = (uint8_t)cid->datalen};

	memcpy(id.bytes, cid->data, cid->datalen);
	return id;
}

static bool is_retry_token(const ngtcp2_pkt_hd *hd)
{
	return quic_token_size(hd) > 0 &&
	       quic_token_bytes(hd)[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY;
}

static bool must_retry(const struct quic *quic)
{
	return quic->limits.retry == QUIC_RETRY_ALWAYS ||
	       (quic->limits.retry == QUIC_RETRY_BUSY &&
		       quic->half_open.count >= QUIC_HALF_OPEN_RETRY);
}

/* Fills hello from the client's first packet; false: it has been answered. */
static bool check_client(struct quic_listener *listener,
	const struct quic_path *path, const ngtcp2_pkt_hd *hd,
	struct quic_ep_hello *ret_hello)
{
	struct quic *quic = listener->quic;
	ngtcp2_cid original;

	*ret_hello = (struct quic_ep_hello){.version = hd->version,
		.client = id_of(&hd->scid),
		.dcid = id_of(&hd->dcid)};
	if (is_retry_token(hd)) {
		if (ngtcp2_crypto_verify_retry_token(&original,
			    quic_token_bytes(hd), quic_token_size(hd),
			    quic->secret, 32, hd->version, &path->remote.any,
			    quic_address_size(&path->remote), &hd->dcid,
			    QUIC_TOKEN_NS, quic_now(quic)) != 0) {
			refuse(listener, path, hd, NGTCP2_INVALID_TOKEN);
			return false;
		}
		ret_hello->retried = true;
		ret_hello->original = id_of(&original);
		ret_hello->token = quic_token_bytes(hd);
		ret_hello->token_size = quic_token_size(hd);
		return true;
	}
	if (must_retry(quic)) {
		if (!RULE(QUIC_CONNECT_0013)) {
			return false;
		}
		send_retry(listener, path, hd);
		return false;
	}
	return true;
}

static void accept_client(struct quic_listener *listener,
	const struct quic_path *path, const ngtcp2_pkt_hd *hd, uint8_t ecn,
	const uint8_t *p, size_t n)
{
	struct quic *quic = listener->quic;
	struct quic_ep_hello hello;
	struct quic_conn *conn;

	if (quic->stopping || quic->ready >= quic->limits.max_connections) {
		refuse(listener, path, hd, NGTCP2_CONNECTION_REFUSED);
		return;
	}
	if (!check_client(listener, path, hd, &hello)) {
		return;
	}
	if (quic->half_open.count >= QUIC_HALF_OPEN_MAX) {
		quic->totals.evicted++;
		quic_conn_forget(quic->half_open.first);
	}
	if (quic_conn_create(listener, path, &hello, &conn) == 0) {
		quic_conn_input(conn, path, ecn, p, n);
	}
}

void quic_accept_datagram(struct quic_listener *listener,
	const struct quic_path *path, uint8_t ecn, const uint8_t *p, size_t n)
{
	ngtcp2_version_cid found;
	struct quic_name *name;
	ngtcp2_pkt_hd hd;
	int r = ngtcp2_pkt_decode_version_cid(&found, p, n, QUIC_CID_BYTES);

	if (r == NGTCP2_ERR_VERSION_NEGOTIATION) {
		if (n >= QUIC_INITIAL_MIN && RULE(QUIC_CONNECT_0006)) {
			send_versions(listener, path, &found);
		}
		return;
	}
	if (r != 0) {
		return;
	}
	name = quic_table_find(listener->quic, found.dcid, found.dcidlen);
	if (name != NULL) {
		quic_conn_input(name->conn, path, ecn, p, n);
	} else if ((p[0] & 0x80) == 0) {
		send_reset(listener, path, p, n);
	} else if (found.version == QUIC_V1 && RULE(QUIC_CONNECT_0005) &&
		   ngtcp2_accept(&hd, p, n) == 0) {
		accept_client(listener, path, &hd, ecn, p, n);
	}
}
