-- SPDX-License-Identifier: MIT
--
-- One frame.

-- Bodies too short for their command are left to the built-in dissector.
local function judge_body(conn, pdu, bad)
	local sizes = STRUCTURE_SIZES[pdu.command]
	local size = sizes and sizes[pdu.response and 2 or 1]
	if size ~= pdu.structure_size or size == nil or
		not has(pdu, HEADER_SIZE, size - size % 2) then
		return
	end
	local request = conn.requests[pdu.message_id]
	if not pdu.response and ask[pdu.command] then
		ask[pdu.command](conn, pdu, bad)
	elseif pdu.response and answer[pdu.command] and request and
		request.asked == pdu.command and not is_error_body(pdu) and
		not is_failure(pdu.status) then
		answer[pdu.command](conn, pdu, request, bad)
	end
	pdu.asked = pdu.command
end

-- Notes that a rule was broken. found.sender: who has sent the frame.
local function note_broken(found, who, request, id, text)
	local by = who == found.sender and found.from or found.to
	found[#found + 1] = {id = id, who = who, text = text, by = by,
		request = request}
	totals[id] = totals[id] or {who = who, count = 0, frame = found.frame,
		text = text, by = {}}
	totals[id].count = totals[id].count + 1
	totals[id].by[by] = (totals[id].by[by] or 0) + 1
end

-- A function that notes what is broken in a frame.
local function noting(found, who, request)
	return function(condition, id, text, ...)
		if condition then
			id = id:match("^%u+%-%u+%-%d+$") or "CORE-" .. id
			note_broken(found, who, request, id,
				string.format(text, ...))
		end
	end
end

local function judge_pdu(conn, pdu, frame, found)
	local request = pdu.response and conn.requests[pdu.message_id] or {}
	found.sender = pdu.response and "server" or "client"
	local bad = noting(found, found.sender, request.frame)
	local function blame(who, ...)
		noting(found, who)(...)
	end
	if pdu.response then
		learn_response(conn, pdu)
	end
	for _, check in ipairs(both.list) do
		check(conn, pdu, bad, blame)
	end
	for _, check in ipairs((pdu.response and responses or requests).list) do
		check(conn, pdu, bad, blame)
	end
	if not pdu.cut then
		judge_body(conn, pdu, bad)
	end
	for _, told in ipairs(pdu.notes or {}) do
		found.notes[#found.notes + 1] = told
	end
	pdu.notes = nil
	if not pdu.response then
		learn_request(conn, pdu, frame)
	elseif pdu.status ~= PENDING then
		conn.requests[pdu.message_id] = nil
		conn.asyncs[pdu.message_id] = nil
	end
end

-- What the TRANSFORM_HEADER says.
local function seal_of(range)
	local pdu = pdu_of(range)
	return {nonce = u64(pdu, 20) .. u64(pdu, 28),
		session = u64(pdu, 44)}
end

-- Where the server is known, the port tells the direction, not the flag.
local function direct(conn, pdu, pinfo)
	local from_server = pdu.response
	if conn.server_port then
		from_server = pinfo.src_port == conn.server_port
	end
	pdu.to_port = pinfo.dst_port
	pdu.frame, pdu.time = pinfo.number, pinfo.abs_ts
	pdu.turned = from_server ~= pdu.response
	pdu.response = from_server
end

-- What QUIC sends again, the built-in dissector shows again: a header that was
-- seen before, byte for byte.
local function sent_again(conn, range)
	local size = math.min(range:len(), HEADER_SIZE)
	local head = conn.quic and range(0, size):bytes():tohex()
	local again = head and conn.heads[head]
	if head then
		conn.heads[head] = true
	end
	return again
end

-- The PDUs of a frame in order, with what their place in a compound says. A
-- cover is a header that a PDU must follow, unless it cannot be read.
local function pdus_of(conn, pinfo, found)
	local list = {}
	local seal, before, cover = nil, nil, nil
	local function covered(by)
		if cover then
			gap(conn, found, pinfo.number, cover)
		end
		cover = by
	end
	for _, info in ipairs({smb2_pdu()}) do
		local range = info.range
		local kind = magic(range)
		if sent_again(conn, range) then
			seal, cover = nil, nil
		elseif kind == 0xfd534d42 and range:len() >= 52 then
			covered(SEALED)
			seal, before = seal_of(range), nil
		elseif kind == 0xfc534d42 then
			cover = nil
			covered(PACKED)
		elseif kind == 0xfe534d42 then
			cover = nil
			local pdu = parse_header(range, seal ~= nil)
			if pdu then
				local inside = before and before.next ~= 0
				direct(conn, pdu, pinfo)
				pdu.place = inside and before.place + 1 or 1
				pdu.before_related = before and before.related
				pdu.before = inside and before or nil
				pdu.after_create = inside and (before.command ==
					CREATE or before.after_create)
				pdu.seal = not inside and seal or nil
				pdu.last, pdu.cut = true, conn.cut
				if inside then
					before.last = false
				end
				list[#list + 1] = pdu
				before = pdu
				seal = pdu.next ~= 0 and seal or nil
			end
		end
	end
	covered(nil)
	return list
end

-- Whether a frame ends its TCP connection.
local function ends()
	local fin, reset = tcp_fin(), tcp_reset()
	return fin and fin.value or reset and reset.value
end

-- The connection of a frame; one over QUIC only when it carries SMB.
local function connection_of_frame()
	local stream, quic = tcp_stream(), quic_connection()
	if stream then
		return smb2_pdu() and connection_of(stream.value) or
			connections[stream.value]
	elseif quic and (smb2_pdu() or smb1_command() or
		connections["quic" .. quic.value]) then
		local conn = connection_of("quic" .. quic.value)
		conn.quic = true
		return conn
	end
end

local function in_order(a, b)
	if a.id ~= b.id then
		return a.id < b.id
	end
	return a.text < b.text
end

local function judge_frame(conn, pinfo)
	local from_server = pinfo.src_port == conn.server_port
	local found = {notes = {}, frame = pinfo.number,
		sender = from_server and "server" or "client",
		from = tostring(pinfo.src), to = tostring(pinfo.dst)}
	local bad = noting(found, found.sender)
	if not conn.quic then
		gaps_at(conn, found, pinfo)
	end
	for _, check in ipairs(conn.quic and frames.list or {}) do
		check(conn, from_server, bad)
	end
	local pdus = pdus_of(conn, pinfo, found)
	bytes_pending(conn, pinfo, pdus)
	for _, pdu in ipairs(pdus) do
		begins_late(conn, pdu, found)
		unread(conn, pdu, pinfo, found)
		judge_pdu(conn, pdu, pinfo.number, found)
	end
	crowded(conn, pdus, found, pinfo.number)
	if not conn.ended and ends() then
		conn.ended = true
		for _, ending in ipairs(endings) do
			ending(conn, pinfo.number)
		end
	end
	if #found > 1 then
		table.sort(found, in_order)
	end
	return found
end

local NOTHING = {notes = {}}

-- A frame is judged once, when it is seen for the first time.
local function verdict_of(pinfo)
	local found = verdicts[pinfo.number]
	if found == nil then
		local conn = connection_of_frame()
		found = conn and judge_frame(conn, pinfo) or NOTHING
		if #found == 0 and #found.notes == 0 then
			found = NOTHING
		end
		verdicts[pinfo.number] = found
	end
	return found
end

function proto.init()
	connections, verdicts, totals = {}, {}, {}
	handles = {}
	for _, reset in ipairs(resets) do
		reset()
	end
end

function proto.dissector(tvb, pinfo, tree)
	local found = verdict_of(pinfo)
	if #found > 0 or #found.notes > 0 then
		local subtree = tree:add(proto)
		tell_in_line(pinfo, found)
		for _, verdict in ipairs(found) do
			show(subtree, verdict)
		end
		for _, told in ipairs(found.notes) do
			local text = told.text
			if type(text) == "function" then
				text = text()
			end
			if text then
				subtree:add(told.field, text):set_generated()
			end
		end
	end
end

register_postdissector(proto)

-- The table at the end: -X lua_script1:report; with the lives of leases and
-- opens: -X lua_script1:lives

local function print_report()
	print_totals()
	print_unseen()
	for _, summary in ipairs(summaries) do
		summary(arguments[1] == "lives")
	end
end

if arguments[1] == "report" or arguments[1] == "lives" then
	local tap = Listener.new("frame")
	tap.draw = print_report
end
