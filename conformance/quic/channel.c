/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-CHANNEL: what has to be encrypted is decided by the connection
 * of the request, not by the one on which session or tree connect was made.
 * spec/quic.adoc, section "Channels of different transports"
 */
#include "quic/sealing.h"
#include "suite/quic.h"

#define BOTH_WAYS \
	NEEDS(QUIC_TRANSPORT, TCP_BESIDE, ENCRYPTION, \
		CAPABILITY(SMB2_GLOBAL_CAP_MULTI_CHANNEL))

static const struct way_row {
	const char *name;
	enum transport first, second;
} way_rows[] = {
	{"quic_then_tcp", TRANSPORT_QUIC, TRANSPORT_TCP},
	{"tcp_then_quic", TRANSPORT_TCP, TRANSPORT_QUIC},
	{"quic_then_quic", TRANSPORT_QUIC, TRANSPORT_QUIC},
};

/* A session without tree connect; over QUIC it leaves out encryption. */
static struct peer *first_channel(struct test *t, enum transport transport)
{
	struct peer *a = client_with(t,
		&(struct client_options){.transport = transport,
			.offer_transport = transport == TRANSPORT_QUIC,
			.transport_flags = SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY,
			.no_tree = true});

	need_capability(t, a->negotiate,
		transport != TRANSPORT_QUIC || a->transport_security,
		"a server that leaves out encryption over QUIC");
	return a;
}

static struct peer *second_channel(struct peer *a, enum transport transport)
{
	struct peer *b = client_bind_over(a, transport);

	need_capability(a->t, b->negotiate,
		transport != TRANSPORT_QUIC || b->transport_security,
		"a server that leaves out encryption over QUIC");
	return b;
}

static void connect_encrypted_share(struct peer *a)
{
	struct reply *r = peer_tree_connect(a, ENCRYPTED_SHARE);

	need_capability(a->t, r, r->status == STATUS_SUCCESS,
		"a share named \"" ENCRYPTED_SHARE "\"");
}

CONF_TABLE(quic, bound_channel, way_rows,
	"a session works on a second connection of another transport",
	RULES(QUIC_CHANNEL_0001), BOTH_WAYS)
{
	struct peer *a = first_channel(t, row->first);
	struct peer *b = peer_connect_over(t, row->second);
	const struct client_options options = {
		.dialect = a->dialect,
		.client_guid = &a->client_guid,
		.capabilities = a->client_capabilities,
	};

	need_ok(t, peer_negotiate(b, &options));
	stop_ok(t, peer_setup(b, &(struct setup_options){.bind = a->session}),
		QUIC_CHANNEL_0001);
	peer_use(b, a->session, a->tree);
	check_alive(t, b, QUIC_CHANNEL_0001);
}

CONF_TEST(quic, session_goes_to_tcp,
	"an exempt session is not exempt on its TCP channel",
	RULES(QUIC_CHANNEL_0002), BOTH_WAYS)
{
	struct peer *a, *b;

	need_required_sessions(t, TRANSPORT_TCP);
	a = first_channel(t, TRANSPORT_QUIC);
	need_ok(t, tree_connect_plainly(a, "IPC$"));
	b = second_channel(a, TRANSPORT_TCP);
	check_status(t, tree_connect_plainly(b, "IPC$"), STATUS_ACCESS_DENIED,
		QUIC_CHANNEL_0002);
	step(t, "and still not encrypted on the QUIC channel");
	need_ok(t, tree_connect_plainly(a, "IPC$"));
}

CONF_TEST(quic, tree_goes_to_tcp,
	"an exempt tree connect is not exempt on a TCP channel",
	RULES(QUIC_CHANNEL_0003), BOTH_WAYS)
{
	struct peer *a = first_channel(t, TRANSPORT_QUIC), *b;

	connect_encrypted_share(a);
	need_status(t, create_sealed(a, SEAL_NO), STATUS_OBJECT_NAME_NOT_FOUND);
	b = second_channel(a, TRANSPORT_TCP);
	check_status(t, create_sealed(b, SEAL_NO), STATUS_ACCESS_DENIED,
		QUIC_CHANNEL_0003);
	need_status(
		t, create_sealed(b, SEAL_YES), STATUS_OBJECT_NAME_NOT_FOUND);
}

CONF_TEST(quic, session_comes_to_quic,
	"a session that has to encrypt need not on its QUIC channel",
	RULES(QUIC_CHANNEL_0004), BOTH_WAYS)
{
	struct peer *a, *b;

	need_required_sessions(t, TRANSPORT_TCP);
	a = first_channel(t, TRANSPORT_TCP);
	b = second_channel(a, TRANSPORT_QUIC);
	check_ok(t, tree_connect_plainly(b, "IPC$"), QUIC_CHANNEL_0004);
	need_status(t, tree_connect_plainly(a, "IPC$"), STATUS_ACCESS_DENIED);
}

CONF_TEST(quic, tree_comes_to_quic,
	"a tree connect that has to encrypt need not on a QUIC channel",
	RULES(QUIC_CHANNEL_0005), BOTH_WAYS)
{
	struct peer *a = first_channel(t, TRANSPORT_TCP), *b;

	connect_encrypted_share(a);
	b = second_channel(a, TRANSPORT_QUIC);
	check_status(t, create_sealed(b, SEAL_NO), STATUS_OBJECT_NAME_NOT_FOUND,
		QUIC_CHANNEL_0005);
	need_status(t, create_sealed(a, SEAL_NO), STATUS_ACCESS_DENIED);
}

CONF_TEST(quic, session_outlives_its_quic_channel,
	"a session goes on over TCP when its QUIC connection ends",
	RULES(QUIC_CHANNEL_0006), BOTH_WAYS)
{
	struct peer *a = first_channel(t, TRANSPORT_QUIC);
	struct peer *b = second_channel(a, TRANSPORT_TCP);

	quic_wire_close(a->quic, false, 0);
	peer_closed_within(a, 100);
	b->session->encrypted = true; /* the server may require it there */
	check_ok(t, peer_tree_connect(b, "IPC$"), QUIC_CHANNEL_0006);
}
