/* SPDX-License-Identifier: MIT */
/* Which connection a lease break goes to. [MS-SMB2] 3.3.4.7 */
#include "engine/caching.h"
#include "engine/secure.h"

/* An open of the lease that has a session, on conn if there is one. */
static const struct open *lease_open_on(
	const struct lease *lease, const struct engine_conn *conn)
{
	const struct open *found = NULL;

	list_each(open, &lease->opens, struct open, in_lease)
	{
		if (open->durable.parked || open->session->ended) {
			continue;
		}
		if (session_channel(open->session, conn)) {
			return open;
		}
		found = found ? found : open;
	}
	return found;
}

static bool lease_send_on(const struct lease *lease, struct engine_conn *conn,
	const struct smb2_lease_break_notification *body)
{
	const struct open *open = lease_open_on(lease, conn);
	const struct channel *channel =
		list_first(&conn->channels, struct channel, in_conn);
	struct notification notification = {
		.conn = conn,
		.type = &smb2_lease_break_notification_type,
		.body = body,
	};

	if (!open || !channel) {
		return false;
	}
	notification.session = open->session;
	notification.tree = open->tree;
	if (!session_channel(open->session, conn)) {
		/* The client knows no other keys there. */
		notification.keys = channel->session;
	}
	return notification_send(&notification);
}

static bool lease_takes(
	const struct lease *lease, const struct engine_conn *conn)
{
	bool own = guid_equal(&conn->client_guid, &lease->client);

	if (!conn->dialect || own != RULE(LEASE_BREAK_0031)) {
		return false;
	}
	return RULE(LEASE_BREAK_0030) || (uintptr_t)conn == lease->granted_on;
}

bool lease_send(const struct lease *lease,
	const struct smb2_lease_break_notification *body)
{
	struct engine_conn *last = NULL;

	list_each(conn, &lease->engine->conns, struct engine_conn, in_engine)
	{
		if (!lease_takes(lease, conn)) {
			continue;
		}
		if (!RULE(LEASE_BREAK_0035) && !list_empty(&conn->channels)) {
			last = conn;
		} else if (lease_send_on(lease, conn, body)) {
			return true;
		}
	}
	return last && lease_send_on(lease, last, body);
}
