/* SPDX-License-Identifier: MIT */
/*
 * QUIC sockets of kernels that have them, as far as they are used here: the
 * kernel does packets, loss and timers, the process does TLS. There is no
 * system header for it yet; the numbers are those of the patches that are
 * proposed for Linux.
 */
#ifndef SMB3X_TRANSPORT_QUIC_KERNEL_ABI_H
#define SMB3X_TRANSPORT_QUIC_KERNEL_ABI_H

#include <stdint.h>
#include <sys/socket.h>

#define KQUIC_PROTOCOL 261
#define KQUIC_LEVEL 288 /* of socket options and control messages */

/* Control messages. */
#define KQUIC_STREAM_INFO 0
#define KQUIC_HANDSHAKE_INFO 1

/* Socket options. */
#define KQUIC_CONNECTION_CLOSE 5
#define KQUIC_TRANSPORT_PARAM 8
#define KQUIC_CONFIG 9
#define KQUIC_ALPN 11
#define KQUIC_CRYPTO_SECRET 13
#define KQUIC_TRANSPORT_PARAM_EXT 14

/* Of handshake messages and secrets. */
enum kquic_crypto {
	KQUIC_APP,
	KQUIC_INITIAL,
	KQUIC_HANDSHAKE,
	KQUIC_EARLY,
};

/* As in linux/tls.h. */
#define KQUIC_AES_GCM_128 51
#define KQUIC_AES_GCM_256 52
#define KQUIC_AES_CCM_128 53
#define KQUIC_CHACHA20_POLY1305 54

#define KQUIC_FIN MSG_FIN

struct kquic_stream_info {
	int64_t id;
	uint32_t flags;
};

struct kquic_handshake_info {
	uint8_t level;
};

struct kquic_secret {
	uint8_t send, level;
	uint16_t reserved;
	uint32_t type;
	uint8_t secret[48];
};

/* Longer in some kernels: the rest is kept as it was read. 0 in a number
 * leaves the kernel's own. */
struct kquic_params {
	uint8_t remote, disable_active_migration, grease_quic_bit;
	uint8_t stateless_reset, disable_1rtt_encryption;
	uint8_t disable_compatible_version, active_connection_id_limit;
	uint8_t ack_delay_exponent;
	uint16_t max_datagram_frame_size, max_udp_payload_size;
	uint32_t max_idle_timeout, max_ack_delay; /* microseconds */
	uint16_t max_streams_bidi, max_streams_uni;
	uint64_t max_data, max_stream_data_bidi_local;
	uint64_t max_stream_data_bidi_remote, max_stream_data_uni;
};

/* This layout has 24 bytes; kernels with another one exist. */
struct kquic_config {
	uint32_t version, plpmtud_probe_interval, initial_smoothed_rtt;
	uint32_t payload_cipher_type;
	uint8_t congestion_control_algo, validate_peer_address;
	uint8_t stream_data_nodelay, receive_session_ticket;
	uint8_t certificate_request, reserved[3];
};

struct kquic_close {
	uint32_t code;
	uint8_t frame, phrase[3];
};

#endif
