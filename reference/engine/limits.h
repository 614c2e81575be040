/* SPDX-License-Identifier: MIT */
/*
 * Every bound that the engine sets to what a peer can make it keep or do.
 * Bounds that the administrator chooses are in struct engine_config.
 */
#ifndef SMB3X_ENGINE_LIMITS_H
#define SMB3X_ENGINE_LIMITS_H

/* Messages. The allowance for headers is the one of [MS-SMB2] 3.3.5.2. */
#define LIMIT_MESSAGE_OVERHEAD 256
#define LIMIT_SINGLE_CREDIT_MESSAGE (68 * 1024)
#define LIMIT_CREDIT_BYTES 65536
#define LIMIT_COMPOUND 32 /* elements in one message */

/* Connections. */
#define LIMIT_CREDITS_MAX 8192
#define LIMIT_DIALECTS 64 /* of one NEGOTIATE */
#define LIMIT_NEGOTIATE_CONTEXTS 32
#define LIMIT_ASYNC 511 /* parked on one connection */
#define LIMIT_SESSIONS_PER_CONNECTION 64
#define LIMIT_BINDINGS 8           /* unfinished, on one connection */
#define LIMIT_NEGOTIATE_SECONDS 45 /* without a valid session */

/* Sessions. */
#define LIMIT_CHANNELS 32
#define LIMIT_TREES 1024
#define LIMIT_LEGS 16 /* of one authentication */

/* Opens. */
#define LIMIT_LOCKS 4096         /* byte ranges of one open */
#define LIMIT_NOTIFY_BYTES 65536 /* of changes nobody fetched, per open */
#define LIMIT_PATH 4096          /* bytes of UTF-8; FILES_PATH_MAX */

/* Requests. */
#define LIMIT_ARENA (24u * 1024 * 1024)   /* memory of one request */
#define LIMIT_ARENAS (128u * 1024 * 1024) /* of all of a connection */
#define LIMIT_INTERIM_MS \
	500 /* a driver slower than this is waited for \
	       with an interim response */

/* Server-side copies. [MS-SMB2] 3.3.3 */
#define LIMIT_COPY_CHUNKS 256
#define LIMIT_COPY_CHUNK (1024 * 1024)
#define LIMIT_COPY_TOTAL (16 * 1024 * 1024)

#define LIMIT_DRAIN_SECONDS 20 /* then connections end regardless */

#endif
