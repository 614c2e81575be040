/* SPDX-License-Identifier: MIT */
/* Between the parts of NEGOTIATE. */
#ifndef SMB3X_ENGINE_NEGOTIATE_H
#define SMB3X_ENGINE_NEGOTIATE_H

#include "engine/core.h"

/* What the contexts of a 3.1.1 request said. */
struct negotiate_contexts {
	unsigned int preauth, encryption, compression, rdma, signing, transport,
		posix; /* how many */
	uint16_t hash, cipher, signing_id;
	bool posix_known; /* a tag of the UNIX extensions is ours */
};

/* 0 or the status to fail with. */
uint32_t negotiate_read_contexts(struct request *req,
	const struct smb2_negotiate_request *body,
	struct negotiate_contexts *ret_contexts);
/* The list for the response, in the request's memory. 0 or -ENOMEM. */
int negotiate_write_contexts(struct request *req,
	const struct negotiate_contexts *contexts, struct wire_view *ret_list,
	uint16_t *ret_count);

/* The response to both kinds of NEGOTIATE, without contexts. */
void negotiate_fill(struct engine_conn *conn, uint16_t dialect,
	struct smb2_negotiate_response *ret_body);
/* What follows from the dialect for the connection. */
void negotiate_settle(struct engine_conn *conn, uint16_t dialect);

#endif
