/* SPDX-License-Identifier: MIT */
/* The promises that the judge remembers, and how they end; lease_judge.h. */
#ifndef SMB3X_SERVER_TEST_LEASE_PROMISES_H
#define SMB3X_SERVER_TEST_LEASE_PROMISES_H

#include "server/test/lease_judge.h"

struct judge_session *promises_session(struct judge *judge, uint64_t id);
struct judge_open *promises_open(struct judge *judge, struct smb2_fileid id);

/* A new open. NULL: an old one, by a replayed CREATE. */
struct judge_open *promises_opened(struct conn *conn,
	const struct judge_asked *asked, const struct judge_made *made);
/* An old one that was taken up again. */
void promises_resumed(struct conn *conn, const struct judge_asked *asked,
	const struct judge_made *made);
/* The open is closed. */
void promises_end(struct world *world, struct judge_open *open);
/* All opens of the session are closed, or wait for being taken up again. */
void promises_session_ended(struct world *world, uint64_t session);
/* What is promised by that key is not known any more. */
void promises_blur(struct world *world, uint64_t client, uint64_t key);

/* The open has done something that breaks these, in a request that came at
 * that time: does anybody else still hold them? */
void promises_judge(struct world *world, const struct judge_open *open,
	uint32_t against, uint64_t at);
/* A break on its way out. */
void promises_broken(struct conn *conn, struct wire_view message);
/* An acknowledgment is answered with success. */
void promises_acknowledged(struct conn *conn, const struct judge_asked *asked,
	struct wire_view message);

/* The open has got an exclusive lock; was let through by READ or WRITE. */
void promises_locked(
	struct world *world, struct judge_open *open, unsigned int region);
void promises_passed(struct world *world, const struct judge_open *open,
	unsigned int region, uint64_t at);

#endif
