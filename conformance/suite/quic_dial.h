/* SPDX-License-Identifier: MIT */
/*
 * A QUIC connection to the target, by plain numbers: the endpoint behind it
 * knows the system's socket addresses, whose names are those of [MS-SMB2]
 * 2.2.32.5 in C, so that nothing that knows both can see it. spec/quic.adoc
 */
#ifndef SMB3X_SUITE_QUIC_DIAL_H
#define SMB3X_SUITE_QUIC_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "suite/target.h"

struct quic_wire;

/* How a client introduces itself; all 0 is as SMB wants it. */
struct quic_offer {
	const char *const *alpn; /* NULL: "smb" */
	unsigned int alpn_count; /* 0 with alpn not NULL: no ALPN */
	const char *name;        /* NULL: the target's */
	bool no_name;            /* no server name indication */
	unsigned int version;    /* 0: 1 */
	unsigned int window;     /* bytes that the server may send ahead */
	unsigned int connection_window; /* over all streams; 0: the same */
	unsigned int streams_bidi, streams_uni; /* the server may open */
	unsigned int idle_ms, keep_alive_ms;    /* 0: the usual ones */
	bool no_keep_alive;
	bool no_stream;                /* do not open stream 0 */
	const char *certificate, *key; /* PEM; NULL: those of the target */
	const char *ca, *fingerprint;  /* instead of the target's */
	bool no_certificate;
	unsigned short port; /* of a relay; 0: the target's */
};

enum quic_ended {
	QUIC_LIVES,
	QUIC_WE_CLOSED,
	QUIC_TLS_REFUSED,      /* by this side; code: the alert */
	QUIC_PEER_TRANSPORT,   /* CONNECTION_CLOSE 0x1c with this code */
	QUIC_PEER_APPLICATION, /* CONNECTION_CLOSE 0x1d */
	QUIC_PEER_STREAM,      /* FIN, RESET_STREAM or STOP_SENDING */
	QUIC_SILENCE,          /* idle timeout, or no handshake in time */
	QUIC_STATELESS_RESET,
	QUIC_NO_VERSION, /* the server speaks no version that was offered */
	QUIC_NOBODY,     /* the port is closed */
	QUIC_OTHER,
};

struct quic_outcome {
	enum quic_ended how;
	unsigned long long code;
	char text[160];
};

/* Completes a handshake. 0 and the connection, or negative errno; ret_outcome
 * says why. */
int quic_dial(const struct target *target, const struct quic_offer *offer,
	int timeout_ms, struct quic_wire **ret_wire,
	struct quic_outcome *ret_outcome);
/* Says good-bye (application code 0). Accepts NULL. */
void quic_hang_up(struct quic_wire *wire);

/* Readable when there is something to do. */
int quic_wire_fd(const struct quic_wire *wire);
void quic_wire_ports(const struct quic_wire *wire, unsigned short *ret_local,
	unsigned short *ret_remote);
/* Like recv() and send() that never block: -EAGAIN, 0 at the end. */
ssize_t quic_wire_receive(struct quic_wire *wire, void *ret_p, size_t n);
ssize_t quic_wire_send(struct quic_wire *wire, const void *p, size_t n);
/* Looks after the connection until something happens. */
void quic_wire_wait(struct quic_wire *wire, int timeout_ms);
struct quic_outcome quic_wire_outcome(const struct quic_wire *wire);

/* What SMB does not do. 0 or negative errno. */
int quic_wire_open(struct quic_wire *wire, bool uni, long long *ret_stream);
int quic_wire_write(struct quic_wire *wire, long long stream, const void *p,
	size_t n, bool end);
int quic_wire_reset(
	struct quic_wire *wire, long long stream, unsigned long long code);
int quic_wire_stop(
	struct quic_wire *wire, long long stream, unsigned long long code);
void quic_wire_close(
	struct quic_wire *wire, bool transport, unsigned long long code);
int quic_wire_update_keys(struct quic_wire *wire);
int quic_wire_rebind(struct quic_wire *wire);
int quic_wire_migrate(struct quic_wire *wire);
/* Bytes of other streams; -EAGAIN when there are none. */
ssize_t quic_wire_other(
	struct quic_wire *wire, long long *ret_stream, void *ret_p, size_t n);

/* What the server's certificate says. */
struct quic_certificate {
	bool names_target; /* the target's name is in it */
	bool valid_now;
	bool has_usage, for_servers; /* extended key usage; serverAuth */
	char names[256];             /* those in it, commas between */
};
int quic_wire_certificate(struct quic_wire *wire, const char *name,
	struct quic_certificate *ret_certificate);

/* What the server announced. */
struct quic_announced {
	unsigned long long idle_ms, streams_bidi, streams_uni;
	bool ticket;                   /* it sent a session ticket, */
	unsigned long long early_data; /* which permits so many bytes */
};
struct quic_announced quic_wire_announced(struct quic_wire *wire);

/* One datagram from a socket of its own, and the first answer to it; 0: none
 * came in time. Negative errno. */
ssize_t quic_datagram(const struct target *target, const void *p, size_t n,
	int timeout_ms, void *ret_p, size_t cap);

/* Begins handshakes and forgets about them. */
int quic_leave_half_open(const struct target *target, unsigned int count);

/* Handshakes whose clients fall silent before their last flight, two for each
 * of these times: how many datagrams the server answers that with, refusals
 * not counted. 0 at the first time at which neither is known any more; later
 * ones are not waited for. Negative errno. */
#define QUIC_LATE_MAX 4
int quic_late_handshakes(const struct target *target,
	const unsigned int *silences_ms, unsigned int count);

/* The client's first datagram alone; what comes in answer within ms. */
struct quic_amplification {
	size_t sent, received;
};
int quic_first_flight(const struct target *target, int ms,
	struct quic_amplification *ret_amplification);

#endif
