-- SPDX-License-Identifier: MIT
--
-- What is remembered of a connection, by tcp.stream.
--
-- whole: NEGOTIATE was seen, so that message ids and credits can be counted;
-- it ends when a message could not be decrypted.

local connections, verdicts, totals

local function connection_of(stream)
	local conn = connections[stream]
	if conn == nil then
		conn = {
			requests = {}, used = {}, sessions = {}, trees = {},
			granted = 1, credits = 1, outstanding = {}, asyncs = {},
			nonces = {},
		}
		connections[stream] = conn
	end
	return conn
end

local function tree_key(pdu)
	return pdu.session_id .. "/" .. tostring(pdu.tree_id)
end

local function cost_of(conn, pdu)
	if conn.large_mtu and pdu.credit_charge > 0 then
		return pdu.credit_charge
	end
	return 1
end
