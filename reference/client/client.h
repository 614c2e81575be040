/* SPDX-License-Identifier: MIT */
/*
 * The SMB2/3 client library: one server connection with one session, trees
 * and files on it. Blocking, for one thread at a time. [MS-SMB2] 3.2.
 *
 * Functions return 0 (or a count) or a negative errno. When the server refused
 * something, the errno is the nearest one to the NTSTATUS that it gave, which
 * is kept; when the connection broke or the server broke the protocol, it is
 * -ECONNRESET or -EPROTO, and the client keeps words of what happened.
 */
#ifndef SMB3X_CLIENT_CLIENT_H
#define SMB3X_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum client_sealing {
	CLIENT_SEAL_WANTED,   /* when server or share ask for it */
	CLIENT_SEAL_REQUIRED, /* everything, or fail */
};

/* SMB over QUIC: how the server shows who it is, and we who we are. Unless
 * one of the first three says otherwise, what the system trusts counts. */
struct client_quic {
	bool wanted;                   /* QUIC in place of TCP */
	const char *ca;                /* PEM file of whom to trust */
	const char *fingerprint;       /* SHA-256 of the server's certificate */
	bool insecure;                 /* any certificate will do */
	bool no_offload;               /* one packet per system call */
	const char *unix_path;         /* there, in place of host and port */
	const char *certificate, *key; /* PEM files, if the server asks */
};

struct client_options {
	const char *host;
	const char *port; /* NULL: "445", of QUIC "443" */
	struct client_quic quic;
	const char *user, *password, *domain; /* user NULL: anonymous */
	bool kerberos; /* take the ticket at hand, no password */
	uint16_t min_dialect, max_dialect; /* 0: 0x0202 and 0x0311 */
	bool sign;                         /* require signing */
	enum client_sealing seal;
	/* Offers of 3.1.1 in order of preference; a count of 0 offers all. */
	uint16_t ciphers[4], signings[3];
	unsigned int cipher_count, signing_count;
	unsigned int timeout_ms; /* for one answer; 0: 30 s */
	bool no_posix;           /* do not offer the POSIX extensions */
	bool leases;             /* offer leases of files and directories */
	/* Who the client was before: its ClientGuid (NULL: a new one) and the
	 * session that it has lost (0: none). [MS-SMB2] 3.2.4.2.3 */
	const uint8_t *guid;
	uint64_t previous_session;
};

struct client;      /* a connection with its session */
struct client_tree; /* a connected share */
struct client_file; /* an open file or directory */

/* *ret_client is set unless the result is -ENOMEM, so that a failure can be
 * asked for its reason; it must be destroyed in any case. options' strings
 * outlive the client. */
int client_connect(
	const struct client_options *options, struct client **ret_client);
/* Logs off and closes; everything on it must be closed. Accepts NULL. */
void client_destroy(struct client *client);

/* One line: dialect, signing, cipher. Returned text lives with the client. */
const char *client_description(struct client *client);

int client_tree_connect(struct client *client, const char *share,
	struct client_tree **ret_tree);
int client_tree_close(struct client_tree *tree);

struct client_stat {
	uint64_t create_time, access_time, write_time,
		change_time; /* FILETIME */
	uint64_t size, allocation;
	uint32_t attributes; /* FILE_ATTRIBUTE_* */
};

int client_close(struct client_file *file);
/* One request; the count may be smaller than n. 0 = end of file. */
ssize_t client_read(
	struct client_file *file, uint64_t offset, void *ret_data, size_t n);
/* One request; the count may be smaller than n. */
ssize_t client_write(
	struct client_file *file, uint64_t offset, const void *data, size_t n);

#endif
