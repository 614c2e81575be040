/* SPDX-License-Identifier: MIT */
/* Requests in the clear or encrypted; see sealing.h. */
#include "quic/sealing.h"

void need_required_sessions(struct test *t, enum transport transport)
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true,
				       .transport = transport});

	need_capability(t, a->session->setup,
		a->session->flags & SMB2_SESSION_FLAG_ENCRYPT_DATA,
		"a server that requires encryption of every session");
}

struct reply *create_sealed(struct peer *peer, enum encryption_mode seal)
{
	struct smb2_create_request r = create_request(peer, "\\not-there",
		&(struct create_options){
			.disposition = DISPOSITION(FILE_OPEN)});
	struct pdu *pdu = pdu_build(peer, &smb2_create_request_type, &r);

	pdu->sign = seal == SEAL_NO ? SIGN_YES : SIGN_AUTO;
	pdu->seal = seal;
	return pdu_call(pdu);
}

struct reply *tree_connect_plainly(struct peer *peer, const char *share)
{
	struct test *t = peer->t;
	const struct smb2_tree_connect_request r = {
		.buffer = utf16(
			t, test_text(t, "\\\\%s\\%s", t->target->host, share))};
	struct pdu *pdu = pdu_build(peer, &smb2_tree_connect_request_type, &r);
	struct reply *reply;

	pdu->sign = SIGN_YES;
	pdu->seal = SEAL_NO;
	reply = pdu_call(pdu);
	if (reply->status == STATUS_SUCCESS) {
		peer->tree = reply->header.tree_id;
	}
	return reply;
}
