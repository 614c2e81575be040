/* SPDX-License-Identifier: MIT */
/*
 * The server under test: where it is, who may log on, and what the probe
 * found out about it. Every capability, present or not, has its evidence.
 */
#ifndef SMB3X_SUITE_TARGET_H
#define SMB3X_SUITE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "wire/wire.h"

#define TARGET_FACTS 160

enum fact_kind {
	FACT_DIALECT,
	FACT_CIPHER,
	FACT_SIGNING,
	FACT_COMPRESSION,
	FACT_CAPABILITY,
	FACT_FSCTL,
	FACT_CONTEXT,
	FACT_FS_FLAG,
	FACT_SHARE,
	FACT_LIMIT,
	FACT_OTHER,
};

/* One thing that the probe asked, and the answer. */
struct fact {
	enum fact_kind kind;
	bool present;
	bool overridden;   /* by the operator: shown in reports */
	uint64_t value;    /* dialect, cipher id, FSCTL code, bit, limit */
	char name[64];     /* symbol as the documents spell it */
	char evidence[96]; /* what was answered, in words */
	uint32_t frame;    /* in probe.pcapng */
};

/* How a server is known over QUIC. The strings outlive the target. */
struct quic_target {
	const char *name; /* SNI, and in the certificate; NULL: the host */
	/* Both NULL: any certificate is good. */
	const char *ca, *fingerprint;
	const char *certificate, *key; /* of the client, when it is asked */
	/* Policy of the server: SMB2 encryption inside of QUIC; pipes. */
	bool encrypts, pipes;
	/* Certificates and keys for tests of client access control. */
	const char *access;
};

struct network;

struct target {
	const struct network *network; /* the way to it; NULL: sockets */
	char url[768];                 /* without the password */
	char user[128], password[128], domain[128];
	char user2[128], password2[128];
	const char *local_path; /* of the share, on this machine; or NULL */
	char host[256], share[128];
	bool over_quic;               /* as the URL says */
	uint16_t tcp_port, quic_port; /* 0: not reached that way */
	struct quic_target quic;
	struct sockaddr_storage address;
	socklen_t address_size;

	/* found by the probe; zero before it */
	bool probed;
	uint16_t dialect_max, dialect_min;
	uint32_t capabilities;
	uint32_t max_transact, max_read, max_write;
	uint16_t security_mode;
	uint32_t share_flags, share_capabilities;
	unsigned int fact_count;
	struct fact facts[TARGET_FACTS];
};

/* Parses smb:// (or smb+quic://)[domain;]user:password@host[:port]/share and
 * looks the host up. 0, -EINVAL (not such an address) or -ENOENT (no such
 * host: ret_target->host). */
int target_parse(struct target *ret_target, const char *url)
	__attribute__((warn_unused_result));
/* Why -EINVAL, in words. */
const char *target_fault(const char *url);

/* The fact, or NULL if the probe did not ask. */
const struct fact *target_fact(
	const struct target *target, enum fact_kind kind, uint64_t value);
const struct fact *target_fact_named(
	const struct target *target, enum fact_kind kind, const char *name);

#endif
