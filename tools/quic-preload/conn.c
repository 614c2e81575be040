/* SPDX-License-Identifier: MIT */
/* Connections: ngtcp2 without TLS; see quic-preload.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "quic-preload.h"

#define CLOSING_NS 3000000000ull
#define FIRST_MIN 1200
#define WINDOW (1024u * 1024)

static void random_bytes(
	uint8_t *ret_p, size_t n, const ngtcp2_rand_ctx *context)
{
	(void)context;
	(void)gnutls_rnd(GNUTLS_RND_RANDOM, ret_p, n);
}

/* Every id of a connection begins with its number. */
static void fill_cid(const struct sock *sock, ngtcp2_cid *ret_cid)
{
	random_bytes(ret_cid->data, CID_BYTES, NULL);
	memcpy(ret_cid->data, &sock->id, sizeof(sock->id));
	ret_cid->datalen = CID_BYTES;
}

static int new_cid(ngtcp2_conn *conn, ngtcp2_cid *ret_cid, uint8_t *ret_token,
	size_t n, void *ctx)
{
	(void)conn;
	(void)n;
	fill_cid(ctx, ret_cid);
	random_bytes(ret_token, NGTCP2_STATELESS_RESET_TOKENLEN, NULL);
	return 0;
}

static struct chunk *add(struct chunk **list, const uint8_t *p, size_t n)
{
	while (*list != NULL) {
		list = &(*list)->next;
	}
	*list = malloc(sizeof(**list));
	if (*list != NULL) {
		(*list)->next = NULL;
		(*list)->n = n;
		(*list)->sent = 0;
		memcpy((*list)->bytes, p, n);
	}
	return *list;
}

static int got_stream(ngtcp2_conn *conn, uint32_t flags, int64_t stream,
	uint64_t offset, const uint8_t *p, size_t n, void *ctx, void *user)
{
	struct sock *sock = ctx;

	(void)conn;
	(void)offset;
	(void)user;
	if (stream != 0) {
		return NGTCP2_ERR_CALLBACK_FAILURE;
	}
	sock->stream = true;
	sock->fin = sock->fin || (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
	for (size_t part; n > 0; p += part, n -= part) {
		part = n < CHUNK ? n : CHUNK;
		if (add(&sock->in, p, part) == NULL) {
			return NGTCP2_ERR_CALLBACK_FAILURE;
		}
	}
	return 0;
}

static int acknowledged(ngtcp2_conn *conn, int64_t stream, uint64_t offset,
	uint64_t n, void *ctx, void *user)
{
	struct sock *sock = ctx;
	struct chunk *first;

	(void)conn;
	(void)stream;
	(void)user;
	while ((first = sock->out) != NULL && first->sent == first->n &&
		first->end <= offset + n) {
		sock->out = first->next;
		sock->out_bytes -= first->n;
		free(first);
	}
	return 0;
}

struct sock *preload_sock_create(enum sock_kind kind)
{
	static uint32_t ids;
	struct sock *sock = calloc(1, sizeof(*sock));
	struct stat st;
	int pair[2];

	if (sock == NULL ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(sock);
		return NULL;
	}
	sock->kind = kind;
	sock->near = pair[0];
	sock->far = pair[1];
	sock->datagrams = -1;
	sock->id = ++ids;
	fstat(sock->near, &st);
	sock->device = st.st_dev;
	sock->inode = st.st_ino;
	sock->params = (struct kquic_params){.max_idle_timeout = 30000000,
		.max_streams_bidi = 100,
		.max_data = WINDOW,
		.max_stream_data_bidi_remote = WINDOW};
	sock->next = preload_socks;
	preload_socks = sock;
	return sock;
}

static void free_chunks(struct chunk *list)
{
	struct chunk *next;

	for (; list != NULL; list = next) {
		next = list->next;
		free(list);
	}
}

void preload_sock_free(struct sock *sock)
{
	struct sock **p = &preload_socks;

	while (*p != sock) {
		p = &(*p)->next;
	}
	*p = sock->next;
	if (sock->far >= 0) {
		close(sock->far);
	}
	if (sock->datagrams >= 0) {
		close(sock->datagrams);
	}
	if (sock->conn != NULL) {
		ngtcp2_conn_del(sock->conn);
	}
	preload_crypto_free(sock->to_read);
	preload_crypto_free(sock->kept);
	free_chunks(sock->out);
	free_chunks(sock->in);
	free(sock);
}

void preload_signal(struct sock *sock)
{
	(void)!send(sock->far, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool preload_is_lost(void)
{
	static uint64_t state;
	const char *percent = getenv("QUIC_PRELOAD_LOSS");
	const char *seed = getenv("QUIC_PRELOAD_SEED");

	if (percent == NULL) {
		return false;
	}
	if (state == 0) {
		state = 0x9e3779b97f4a7c15ull +
			(seed != NULL ? strtoull(seed, NULL, 10) : 1);
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % 1000 < strtoull(percent, NULL, 10) * 10;
}

static ngtcp2_path path_of(union quic_address *local, union quic_address *peer)
{
	return (ngtcp2_path){
		.local = {.addr = &local->any, .addrlen = sizeof(local->in)},
		.remote = {.addr = &peer->any, .addrlen = sizeof(peer->in)}};
}

/* Sends the last packet, or keeps it for later. */
static void send_last(struct sock *sock)
{
	struct sockaddr_storage to;
	socklen_t size = quic_unix_from_address(&sock->peer, &to);

	sock->stuck = false;
	if (!preload_is_lost() &&
		sendto(sock->listener->datagrams, sock->last, sock->last_n,
			MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
			size) < 0) {
		sock->stuck = errno == EAGAIN;
	}
}

/* The packet stays, as the answer to what the peer may still send. */
static void begin_closing(struct sock *sock, const ngtcp2_ccerr *why)
{
	ngtcp2_path_storage path;
	ngtcp2_pkt_info info;
	ngtcp2_ssize n;

	if (sock->closing_until != 0) {
		return;
	}
	ngtcp2_path_storage_zero(&path);
	n = ngtcp2_conn_write_connection_close(sock->conn, &path.path, &info,
		sock->last, sizeof(sock->last), why, preload_now());
	sock->closing_until = preload_now() + CLOSING_NS;
	sock->last_n = n > 0 ? (size_t)n : 0;
	sock->done = n <= 0;
	if (sock->far >= 0) {
		close(sock->far);
		sock->far = -1;
	}
	if (n > 0) {
		send_last(sock);
	}
}

static void close_by_process(struct sock *sock)
{
	ngtcp2_ccerr why;

	ngtcp2_ccerr_default(&why);
	if (sock->close_code >= NGTCP2_CRYPTO_ERROR) {
		ngtcp2_ccerr_set_tls_alert(
			&why, (uint8_t)sock->close_code, NULL, 0);
	} else {
		ngtcp2_ccerr_set_application_error(
			&why, sock->close_code, NULL, 0);
	}
	begin_closing(sock, &why);
}

static void close_by_error(struct sock *sock, int error)
{
	ngtcp2_ccerr why;

	ngtcp2_ccerr_default(&why);
	ngtcp2_ccerr_set_liberr(&why, error, NULL, 0);
	begin_closing(sock, &why);
}

static void read_packet(struct sock *sock, const uint8_t *p, size_t n)
{
	union quic_address local = quic_unix_server();
	ngtcp2_path path = path_of(&local, &sock->peer);
	ngtcp2_pkt_info info = {0};
	int r = ngtcp2_conn_read_pkt(
		sock->conn, &path, &info, p, n, preload_now());

	if (r == NGTCP2_ERR_DRAINING || r == NGTCP2_ERR_DROP_CONN ||
		r == NGTCP2_ERR_RETRY) {
		preload_to_process(sock);
		sock->done = true;
	} else if (r != 0) {
		close_by_error(sock, r);
	}
}

static void fill_params(const struct sock *listener, const ngtcp2_cid *original,
	ngtcp2_transport_params *ret_params)
{
	const struct kquic_params *from = &listener->params;

	ngtcp2_transport_params_default(ret_params);
	ret_params->original_dcid = *original;
#if QUIC_HAS_ORIGINAL_DCID_PRESENT
	ret_params->original_dcid_present = 1;
#endif
	ret_params->initial_max_data = from->max_data;
	ret_params->initial_max_stream_data_bidi_remote =
		from->max_stream_data_bidi_remote;
	ret_params->initial_max_streams_bidi = from->max_streams_bidi;
	ret_params->initial_max_streams_uni = from->max_streams_uni;
	ret_params->max_idle_timeout = from->max_idle_timeout * 1000ull;
	ret_params->active_connection_id_limit = 7;
}

static const ngtcp2_callbacks callbacks = {
	.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
	.recv_crypto_data = preload_recv_crypto,
	.encrypt = ngtcp2_crypto_encrypt_cb,
	.decrypt = ngtcp2_crypto_decrypt_cb,
	.hp_mask = ngtcp2_crypto_hp_mask_cb,
	.recv_stream_data = got_stream,
	.acked_stream_data_offset = acknowledged,
	.rand = random_bytes,
	.get_new_connection_id = new_cid,
	.update_key = ngtcp2_crypto_update_key_cb,
	.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
	.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
	.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
	.version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

static struct sock *accept_first(struct sock *listener,
	const union quic_address *from, const uint8_t *p, size_t n)
{
	union quic_address local = quic_unix_server();
	struct sock *sock, **last = &listener->waiting;
	ngtcp2_transport_params params;
	ngtcp2_settings settings;
	ngtcp2_pkt_hd head;
	ngtcp2_cid cid;
	ngtcp2_path path;

	if (listener->eof || n < FIRST_MIN || ngtcp2_accept(&head, p, n) != 0) {
		return NULL;
	}
	sock = preload_sock_create(SOCK_CONN);
	if (sock == NULL) {
		return NULL;
	}
	sock->listener = listener;
	sock->peer = *from;
	sock->first = head.dcid;
	sock->local = listener->local;
	sock->local_size = listener->local_size;
	memcpy(&sock->remote, &from->in, sizeof(from->in));
	sock->remote_size = sizeof(from->in);
	fill_params(listener, &head.dcid, &params);
	ngtcp2_settings_default(&settings);
	settings.initial_ts = preload_now();
	fill_cid(sock, &cid);
	path = path_of(&local, &sock->peer);
	if (ngtcp2_conn_server_new(&sock->conn, &head.scid, &cid, &path,
		    head.version, &callbacks, &settings, &params, NULL,
		    sock) != 0) {
		sock->conn = NULL;
		close(sock->near);
		preload_sock_free(sock);
		return NULL;
	}
	while (*last != NULL) {
		last = &(*last)->queue;
	}
	*last = sock;
	preload_signal(listener);
	return sock;
}

static struct sock *find(
	const struct sock *listener, const uint8_t *p, size_t n)
{
	struct sock *sock = preload_socks;
	uint32_t id = 0;

	if (n == CID_BYTES) {
		memcpy(&id, p, sizeof(id));
	}
	for (; sock != NULL; sock = sock->next) {
		if (sock->kind == SOCK_CONN && sock->listener == listener &&
			(sock->id == id ||
				(sock->first.datalen == n &&
					memcmp(sock->first.data, p, n) == 0))) {
			break;
		}
	}
	return sock;
}

void preload_input(struct sock *listener, const union quic_address *from,
	const uint8_t *p, size_t n)
{
	ngtcp2_version_cid ids;
	struct sock *sock;

	if (preload_is_lost() ||
		ngtcp2_pkt_decode_version_cid(&ids, p, n, CID_BYTES) != 0) {
		return;
	}
	sock = find(listener, ids.dcid, ids.dcidlen);
	if (sock == NULL) {
		sock = accept_first(listener, from, p, n);
	}
	if (sock == NULL || sock->done) {
		return;
	}
	if (sock->closing_until != 0) {
		send_last(sock);
		return;
	}
	sock->peer = *from;
	if (!sock->secrets[0] && n <= sizeof(sock->again)) {
		memcpy(sock->again, p, n);
		sock->again_n = n;
	}
	read_packet(sock, p, n);
}

/* ngtcp2 expects TLS inside of its callbacks. Here the process did it later;
 * the last datagram, once more, makes it look at what it has now. */
static void catch_up(struct sock *sock)
{
	if (sock->secrets[0] && sock->again_n > 0) {
		size_t n = sock->again_n;

		sock->again_n = 0;
		read_packet(sock, sock->again, n);
	}
}

static void account(struct sock *sock, struct chunk *chunk, ngtcp2_ssize n)
{
	if (chunk == NULL || n < 0) {
		return;
	}
	chunk->sent += (size_t)n;
	sock->out_end += (uint64_t)n;
	if (chunk->sent == chunk->n) {
		chunk->end = sock->out_end;
	}
}

static struct chunk *to_send(struct sock *sock)
{
	struct chunk *chunk = sock->stream ? sock->out : NULL;

	while (chunk != NULL && chunk->sent == chunk->n) {
		chunk = chunk->next;
	}
	return chunk;
}

/* One packet; false when there is none to be sent now. */
static bool write_packet(struct sock *sock, bool *blocked)
{
	struct chunk *chunk = *blocked ? NULL : to_send(sock);
	ngtcp2_path_storage path;
	ngtcp2_pkt_info info;
	ngtcp2_vec vec = {0};
	ngtcp2_ssize taken = -1, n;

	if (chunk != NULL) {
		vec.base = chunk->bytes + chunk->sent;
		vec.len = chunk->n - chunk->sent;
	}
	ngtcp2_path_storage_zero(&path);
	n = ngtcp2_conn_writev_stream(sock->conn, &path.path, &info, sock->last,
		sizeof(sock->last), &taken, 0, chunk != NULL ? 0 : -1, &vec,
		chunk != NULL ? 1 : 0, preload_now());
	if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED ||
		n == NGTCP2_ERR_STREAM_SHUT_WR ||
		n == NGTCP2_ERR_STREAM_NOT_FOUND) {
		*blocked = true;
		return true;
	}
	if (n < 0) {
		close_by_error(sock, (int)n);
		return false;
	}
	account(sock, chunk, taken);
	sock->last_n = (size_t)n;
	if (n > 0) {
		send_last(sock);
	}
	return n > 0 && !sock->stuck;
}

void preload_output(struct sock *sock)
{
	bool blocked = false;
	int r = 0;

	if (sock->stuck) {
		send_last(sock);
	}
	if (sock->done || sock->stuck) {
		return;
	}
	if (sock->closing_until != 0) {
		sock->done = preload_now() >= sock->closing_until;
		return;
	}
	catch_up(sock);
	if (ngtcp2_conn_get_expiry(sock->conn) <= preload_now()) {
		r = ngtcp2_conn_handle_expiry(sock->conn, preload_now());
	}
	if (r != 0) {
		sock->done = true;
	} else if (sock->eof &&
		   (sock->out == NULL || !sock->secrets[0] || sock->at_once)) {
		close_by_process(sock);
	} else if (!sock->done && sock->closing_until == 0) {
		while (write_packet(sock, &blocked)) {
		}
		if (sock->closing_until == 0) {
			ngtcp2_conn_update_pkt_tx_time(
				sock->conn, preload_now());
		}
	}
}
