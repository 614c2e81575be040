/* SPDX-License-Identifier: MIT */
/*
 * Rules QUIC-PIPE: named pipes over QUIC. spec/quic.adoc, section "Named
 * pipes"; [MS-SMB2] 3.3.5.9
 */
#include "suite/file.h"
#include "suite/quic.h"

static const struct pipe_row {
	const char *name, *pipe;
} pipe_rows[] = {
	{"srvsvc", "srvsvc"}, {"one_that_is_not_there", "smb3x-no-such-pipe"}};

static struct peer *at_pipes(struct test *t, enum transport transport)
{
	return client_with(t, &(struct client_options){
				      .transport = transport, .share = "IPC$"});
}

static struct reply *open_pipe(struct peer *a, const char *name)
{
	return file_create_name(a, utf16(a->t, name),
		&(struct create_options){.access = 0x0012019f,
			.disposition = DISPOSITION(FILE_OPEN)});
}

CONF_TEST(quic, tree_connect, "IPC$ is there over QUIC", RULES(QUIC_PIPE_0001),
	NEEDS(QUIC_TRANSPORT))
{
	struct peer *a =
		client_with(t, &(struct client_options){.no_tree = true,
				       .transport = TRANSPORT_QUIC});

	check_ok(t, peer_tree_connect(a, "IPC$"), QUIC_PIPE_0001);
}

CONF_TABLE(quic, closed_pipes, pipe_rows,
	"pipes that are closed over QUIC, there or not", RULES(QUIC_PIPE_0002),
	NEEDS(QUIC_TRANSPORT))
{
	need_capability(t, NULL, !t->target->quic.pipes,
		"a server that closes pipes over QUIC (not --quic-pipes)");
	check_status(t, open_pipe(at_pipes(t, TRANSPORT_QUIC), row->pipe),
		STATUS_ACCESS_DENIED, QUIC_PIPE_0002);
}

CONF_TEST(quic, open_pipes, "a pipe that is not there, where pipes are open",
	RULES(QUIC_PIPE_0003), NEEDS(QUIC_TRANSPORT))
{
	need_capability(t, NULL, t->target->quic.pipes,
		"a server that opens pipes over QUIC (--quic-pipes)");
	check_status(t,
		open_pipe(at_pipes(t, TRANSPORT_QUIC), pipe_rows[1].pipe),
		STATUS_OBJECT_NAME_NOT_FOUND, QUIC_PIPE_0003);
}

CONF_TEST(quic, pipes_over_tcp, "a pipe that is not there, over TCP",
	RULES(QUIC_PIPE_0004), NEEDS(QUIC_TRANSPORT, TCP_BESIDE))
{
	check_status(t,
		open_pipe(at_pipes(t, TRANSPORT_TCP), pipe_rows[1].pipe),
		STATUS_OBJECT_NAME_NOT_FOUND, QUIC_PIPE_0004);
}
