/* SPDX-License-Identifier: MIT */
/*
 * The SMB2/3 server protocol as a deterministic state machine. Whole messages,
 * file completions and the time go in; whole messages, file requests and the
 * next deadline come out. No clock, socket, file system or thread in here.
 * [MS-SMB2] 3.3.
 */
#ifndef SMB3X_ENGINE_ENGINE_H
#define SMB3X_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ports/auth.h"
#include "ports/blob.h"
#include "ports/files.h"
#include "ports/host.h"
#include "ports/link.h"

struct engine;
struct engine_conn;

enum engine_policy { POLICY_OFF, POLICY_OFFERED, POLICY_REQUIRED };

/* The UNIX extensions of a share, and whose deviations from the document are
 * imitated so that clients can be tested against them. */
enum engine_posix { POSIX_OFF, POSIX_ON };
enum engine_posix_like {
	POSIX_LIKE_DOCUMENT,
	POSIX_LIKE_SAMBA,
	POSIX_LIKE_KSMBD
};

struct engine_share {
	char name[81];
	struct files_port *files; /* owned by the caller; NULL for IPC$ */
	enum engine_policy encrypt;
	bool read_only;
	bool guest_ok;
	enum engine_posix posix;
	enum engine_posix_like posix_like;
	/* What a POSIX open leaves of the mode it asks for, and adds. */
	uint32_t create_mask, directory_mask;
	uint32_t force_create_mode, force_directory_mode;
};

struct engine_interface {
	uint32_t index;
	bool rss, rdma;
	uint64_t speed; /* bits per second */
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t address[16];
};

struct engine_config {
	struct wire_guid server_guid;
	uint16_t min_dialect, max_dialect; /* 0x0202 .. 0x0311 */
	enum engine_policy sign;           /* OFFERED or REQUIRED */
	enum engine_policy encrypt;        /* for every share */
	uint16_t ciphers[4];               /* in order of preference, 0 ends */
	uint16_t signings[3]; /* likewise; 0 is HMAC-SHA256 and ends too */
	uint32_t max_transact, max_read, max_write;        /* bytes */
	uint16_t max_credits;                              /* per connection */
	uint32_t max_connections, max_sessions, max_opens; /* whole server */
	uint64_t idle_session_ns;
	uint64_t lease_break_ns; /* for an acknowledgment; 0: 35 seconds */
	uint64_t durable_max_ns; /* without a connection; 0: 300 seconds */
	bool guest;              /* unknown users become guests */
	bool encrypt_over_quic;  /* SMB2 encryption inside of QUIC as well */
	bool pipes_over_quic;    /* named pipes may be opened there */
	const struct engine_share *shares;
	unsigned int share_count;
	const struct engine_interface *interfaces;
	unsigned int interface_count;
};

struct engine_ports {
	const struct auth_port *auth;
	const struct host_port *host;
};

/* Copies config (not the files ports behind it). NULL without memory. */
struct engine *engine_create(
	const struct engine_config *config, const struct engine_ports *ports);
/* Every link must be gone before. Accepts NULL. */
void engine_destroy(struct engine *engine);

/* Shares and policies of a changed configuration; sessions stay. */
int engine_reload(struct engine *engine, const struct engine_config *config);

/* A new connection; link belongs to the caller and outlives the connection. */
struct engine_conn *engine_accept(struct engine *engine, struct link *link);
/* One whole message; takes the caller's hold of it. */
void engine_input(struct engine_conn *conn, struct blob *message);
/* The link is over; conn is freed once its last operation completed. */
void engine_gone(struct engine_conn *conn);

/* now in FILETIME units; never goes back. Runs what is due. */
void engine_advance(struct engine *engine, uint64_t now);
/* When engine_advance() is next needed; UINT64_MAX = nothing waits. */
uint64_t engine_deadline(const struct engine *engine);

/* Stop accepting, end idle sessions, let running requests finish. */
void engine_drain(struct engine *engine);
bool engine_idle(const struct engine *engine);

#endif
