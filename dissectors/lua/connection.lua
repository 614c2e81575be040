-- SPDX-License-Identifier: MIT
--
-- What is remembered of a connection, by tcp.stream or the number of the QUIC
-- connection.
--
-- whole: NEGOTIATE was seen, so that message ids and credits can be counted;
-- it ends at a gap (gaps.lua). blind: there was a gap.

-- handles: opens of all connections by session and FileId, because channels
-- share them.

local connections, verdicts, totals, handles

local function connection_of(stream)
	local conn = connections[stream]
	if conn == nil then
		conn = {
			requests = {}, used = {}, sessions = {}, trees = {},
			granted = 1, credits = 1, outstanding = {}, asyncs = {},
			nonces = {}, heads = {},
		}
		connections[stream] = conn
	end
	return conn
end

local function handle_key(pdu, at)
	return pdu.session_id .. "/" .. u64(pdu, at) .. u64(pdu, at + 8)
end

-- The open that a request names, as far as it is known.
local function handle_of(pdu)
	local at = FILE_AT[pdu.command]
	return at and has(pdu, at, 16) and not ones_at(pdu, at) and
		handles[handle_key(pdu, at)] or nil
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
