/* SPDX-License-Identifier: MIT */
/*
 * Every number of the QUIC transport: what a peer can make it keep, and how
 * long things may take. Times are nanoseconds.
 */
#ifndef SMB3X_TRANSPORT_QUIC_LIMITS_H
#define SMB3X_TRANSPORT_QUIC_LIMITS_H

#define QUIC_SECOND 1000000000ull

/* Packets. RFC 9000, section 14 */
#define QUIC_PACKET_MAX 1452   /* sent, unless the path turns out smaller */
#define QUIC_INITIAL_MIN 1200  /* a client's first datagram */
#define QUIC_BATCH_BYTES 65000 /* packets that leave in one go */
#define QUIC_BATCH_PACKETS 44  /* likewise */
#define QUIC_ACK_EVERY 10      /* packets; each costs its receiver time */
#define QUIC_ACK_PACKET 64
#define QUIC_CID_BYTES 12 /* of the ids that we choose */
#define QUIC_CIDS 8       /* known of one peer at a time */

/* Flow control: what a peer may send ahead, at first and grown. */
#define QUIC_WINDOW (1024u * 1024)
#define QUIC_WINDOW_MAX (16u * 1024 * 1024)

/* Frames of the stream. Until a message of ours has left, a peer's are small:
 * it has said nothing yet that would justify more. */
#define QUIC_FIRST_MESSAGE_MAX (256u * 1024)
#define QUIC_EMPTY_FRAMES 1024 /* without a message between them */

/* Time. */
#define QUIC_HANDSHAKE_NS (10 * QUIC_SECOND)
#define QUIC_IDLE_NS (60 * QUIC_SECOND)
#define QUIC_KEEP_ALIVE_NS (15 * QUIC_SECOND) /* of clients, at most */
#define QUIC_NUDGE_NS (QUIC_SECOND / 20)
#define QUIC_NUDGES 8                    /* each after twice the time */
#define QUIC_FLUSH_NS (3 * QUIC_SECOND)  /* for the last messages */
#define QUIC_TOKEN_NS (10 * QUIC_SECOND) /* a Retry's answer */

/* A server's connections that are not yet made: from the first number on a
 * client shows by a Retry that its address is its own; beyond the second one
 * the oldest goes. */
#define QUIC_HALF_OPEN_RETRY 64
#define QUIC_HALF_OPEN_MAX 1024
#define QUIC_STRAYS_PER_SECOND 200 /* answers to what belongs to nothing */

/* What a server has on its way into one socket. */
#define QUIC_SENDS 32

/* Access control. */
#define QUIC_ACCESS_MAX 64 /* entries of a list */
#define QUIC_CHAIN_MAX 8   /* certificates of a client */

#endif
