-- SPDX-License-Identifier: MIT
--
-- What a capture does not show. Nobody is accused of what a missing message
-- may explain: behind a gap a connection is judged as one whose beginning is
-- not in the capture, and what was known of opens and leases is forgotten.

local tcp_seq, tcp_ack = Field.new("tcp.seq_raw"), Field.new("tcp.ack_raw")
local tcp_len = Field.new("tcp.len")
local unjudged_field = field("unjudged", "Not judged")

local BEGINNING = "the beginning of the connection is missing"
local SEGMENTS = "TCP segments before this frame are missing"
local CUT = "the frame is cut short by the capture"
local SEALED = "encrypted, without a key that fits"
local PACKED = "compressed, and not decompressed"
local UNREAD = "a message before this frame was not understood"
local CROWDED = "more messages in the frame than Wireshark shows for certain"

local unseen -- reason: how many frames, the first
resets[#resets + 1] = function()
	unseen = {}
end

local function not_judged(found, frame, reason)
	unseen[reason] = unseen[reason] or {count = 0, frame = frame}
	unseen[reason].count = unseen[reason].count + 1
	found.notes[#found.notes + 1] = {field = unjudged_field, text = reason}
end

local function gap(conn, found, frame, reason)
	not_judged(found, frame, reason)
	conn.whole, conn.blind = false, true
	conn.trees, conn.asyncs = {}, {}
	handles = {}
	caching.forget_all(frame, reason)
end

-- Numbers of 32 bits: how far b is ahead of a.
local function further(a, b)
	local distance = (b - a) % 4294967296
	return distance < 2147483648 and distance or 0
end

-- By its numbers: whether bytes of either direction are missing before a
-- segment. conn.expected: by port, the number of the next byte.
local function segments_missing(conn, pinfo)
	local seq, ack, len = tcp_seq(), tcp_ack(), tcp_len()
	if not seq or not ack or not len then
		return false
	end
	conn.expected = conn.expected or {[pinfo.src_port] = seq.value,
		[pinfo.dst_port] = ack.value}
	local own, other = conn.expected[pinfo.src_port],
		conn.expected[pinfo.dst_port]
	if not own or not other then
		return false
	end
	local fin = tcp_fin()
	local stop = seq.value + len.value + (fin and fin.value and 1 or 0)
	conn.expected[pinfo.src_port] = (own + further(own, stop)) % 4294967296
	local lost = further(own, seq.value) > 0
	if further(other, ack.value) > 0 then
		conn.expected[pinfo.dst_port] = ack.value
		lost = true
	end
	return lost
end

-- The gaps around a frame of a TCP connection, before its PDUs are judged.
local function gaps_at(conn, found, pinfo)
	if segments_missing(conn, pinfo) then
		gap(conn, found, pinfo.number, SEGMENTS)
	end
	conn.cut = pinfo.caplen < pinfo.len
	if conn.cut then
		gap(conn, found, pinfo.number, CUT)
	end
end

local function begins_late(conn, pdu, found)
	if not conn.seen and pdu.command ~= NEGOTIATE then
		not_judged(found, pdu.frame, BEGINNING)
	end
	conn.seen = true
end

-- A message without the one that it goes back to, while the other side has
-- sent bytes in which the built-in dissector has found no message.
local function unread(conn, pdu, pinfo, found)
	local known = conn.requests[pdu.message_id] or
		conn.used[pdu.message_id] or pdu.unsolicited
	if not pdu.response then
		known = pdu.message_number < conn.granted
	end
	if conn.whole and not known and conn.pending and
		conn.pending[pinfo.dst_port] then
		gap(conn, found, pdu.frame, UNREAD)
	end
end

local function crowded(conn, pdus, found, frame)
	if #pdus >= CROWD then
		gap(conn, found, frame, CROWDED)
	end
end

local function bytes_pending(conn, pinfo, pdus)
	local len = tcp_len()
	conn.pending = conn.pending or {}
	if len and len.value > 0 then
		conn.pending[pinfo.src_port] = #pdus == 0
	end
end

local function print_unseen()
	local reasons = {}
	for reason in pairs(unseen) do
		reasons[#reasons + 1] = reason
	end
	table.sort(reasons)
	for number, reason in ipairs(reasons) do
		if number == 1 then
			print("\nNot judged, nor what depends on it:")
		end
		print(("%10d  first of %d: %s"):format(unseen[reason].frame,
			unseen[reason].count, reason))
	end
end
