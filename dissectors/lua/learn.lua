-- SPDX-License-Identifier: MIT
--
-- What a PDU changes in the state of its connection; after the checks.

local function learn_request(conn, pdu, frame)
	if pdu.command == NEGOTIATE and not pdu.turned then
		-- Wireshark 4.0 does not show messages that QUIC has cut.
		conn.whole = not conn.quic and
			(conn.whole or pdu.message_number == 0)
		conn.server_port = pdu.to_port
	end
	if pdu.command == CANCEL then
		return
	end
	conn.used[pdu.message_id] = frame
	pdu.range, pdu.head = nil, nil -- its bytes are gone with this frame
	conn.requests[pdu.message_id] = pdu
	conn.outstanding[pdu.message_id] = true
	conn.credits = conn.credits - cost_of(conn, pdu)
end

local function learn_negotiate(conn, pdu)
	if pdu.status ~= NO_STATUS or not has(pdu, 64, 64) then
		return
	end
	conn.security_mode = u16(pdu, 66)
	conn.dialect = u16(pdu, 68)
	conn.capabilities = u32(pdu, 88)
	conn.large_mtu = conn.dialect ~= 0x0202 and flag(conn.capabilities, 4)
	conn.guid = u64(pdu, 72) .. u64(pdu, 80)
	conn.max_read, conn.max_write = u32(pdu, 96), u32(pdu, 100)
	conn.wildcard = conn.dialect == 0x02ff
	if conn.wildcard then
		conn.dialect = nil
	end
end

local function learn_session(conn, pdu)
	local flags = has(pdu, 66, 2) and u16(pdu, 66) or 0
	local request = conn.requests[pdu.message_id]
	if pdu.status ~= NO_STATUS or request == nil then
		return
	end
	local asked = request.security_mode or 0
	local nobody = bit.band(flags, 3) ~= 0 or request.nobody
	-- A user who authenticates anew changes nothing of what is required.
	local before = conn.sessions[pdu.session_id] or {
		signed = not nobody and (flag(asked, 2) or
			flag(conn.security_mode or 0, 2))}
	conn.sessions[pdu.session_id] = {
		encrypt = flag(flags, 4), nobody = nobody,
		signed = before.signed and not nobody,
	}
end

local function learn_response(conn, pdu)
	if conn.whole and not pdu.unsolicited then
		conn.granted = conn.granted + pdu.credits
		conn.credits = conn.credits + pdu.credits
	end
	if pdu.command == NEGOTIATE then
		learn_negotiate(conn, pdu)
	elseif pdu.command == SESSION_SETUP then
		learn_session(conn, pdu)
	elseif pdu.command == TREE_CONNECT and pdu.status == NO_STATUS and
		pdu.tree_id and has(pdu, 68, 4) then
		conn.trees[tree_key(pdu)] = {
			encrypt = flag(u32(pdu, 68), 0x8000),
			pipe = pdu.range(66, 1):uint() == 2,
		}
	end
	if pdu.status == PENDING then
		conn.asyncs[pdu.message_id] = pdu.async_id
	else
		conn.outstanding[pdu.message_id] = nil
	end
end
