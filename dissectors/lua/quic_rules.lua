-- SPDX-License-Identifier: MIT
--
-- Rules of area QUIC: streams, dialects, and what SMB2_TRANSPORT_CAPABILITIES
-- take off the encryption of SMB. conn.secure: both sides have agreed to that.

local TRANSPORT_CAPABILITIES = 6
local SESSION_ENCRYPTED, SHARE_ENCRYPTED, LARGE_MTU = 4, 0x8000, 4
local stream_id = Field.new("quic.stream.stream_id")

function frames.streams(conn, from_server, bad)
	local messages = smb2_pdu() ~= nil
	for _, info in ipairs(conn.server_port and {stream_id()} or {}) do
		local id = tonumber(tostring(info.value))
		bad(id % 2 == 0 and id ~= 0 and not from_server,
			"QUIC-STREAM-0013", "a second stream, %d", id)
		bad(messages and id ~= 0, from_server and "QUIC-STREAM-0001" or
			"QUIC-STREAM-0012", "a message on stream %d", id)
	end
end

function frames.smb1(_, from_server, bad)
	local command = smb1_command()
	bad(command and command.value == 0x72 and not from_server,
		"QUIC-CLIENT-0002", "an SMB_COM_NEGOTIATE over QUIC")
end

-- Flags of SMB2_TRANSPORT_CAPABILITIES; nil without that context.
local function transport_flags(pdu, at, count)
	for kind, data, size in negotiate_list(pdu, at, count) do
		if kind == TRANSPORT_CAPABILITIES then
			return size >= 4 and u32(pdu, data) or 0
		end
	end
end

also(ask, NEGOTIATE, function(conn, pdu, bad)
	local modern = (pdu.offers or {})[0x0311]
	pdu.transport = modern and
		transport_flags(pdu, u32(pdu, 92), u16(pdu, 96))
	bad(conn.quic and not modern, "QUIC-CLIENT-0001",
		"dialect 3.1.1 is not offered")
	bad(pdu.transport and not conn.quic, "QUIC-CAPS-0020",
		"SMB2_TRANSPORT_CAPABILITIES over TCP")
end)

also(answer, NEGOTIATE, function(conn, pdu, request, bad)
	local dialect = u16(pdu, 68)
	bad(conn.quic and dialect ~= 0x0311, "QUIC-CONNECT-0009",
		"dialect 0x%04x over QUIC", dialect)
	bad(conn.quic and not flag(u32(pdu, 88), LARGE_MTU),
		"QUIC-CONNECT-0011", "Capabilities 0x%08x", u32(pdu, 88))
	if dialect ~= 0x0311 then
		return
	end
	local flags = transport_flags(pdu, u32(pdu, 124), u16(pdu, 70))
	local accepted = flags and flag(flags, 1)
	local asked = request.transport and flag(request.transport, 1)
	bad(accepted and not conn.quic, "QUIC-CAPS-0004",
		"SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY over TCP")
	bad(accepted and not asked, "QUIC-CAPS-0003",
		"SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY, not set by the client")
	conn.secure = conn.quic and accepted and asked
end)

also(answer, SESSION_SETUP, function(conn, pdu, _, bad)
	bad(conn.secure and flag(u16(pdu, 66), SESSION_ENCRYPTED),
		"QUIC-CAPS-0009", "SMB2_SESSION_FLAG_ENCRYPT_DATA is set")
end)

also(answer, TREE_CONNECT, function(conn, pdu, _, bad)
	bad(conn.secure and flag(u32(pdu, 68), SHARE_ENCRYPTED),
		"QUIC-CAPS-0010", "SMB2_SHAREFLAG_ENCRYPT_DATA is set")
end)

function responses.quic_encryption(conn, pdu, bad)
	local request = conn.requests[pdu.message_id]
	if not conn.secure or request == nil then
		return
	end
	bad(request.encrypted and not pdu.encrypted, "QUIC-CAPS-0015",
		"a response in the clear to an encrypted request")
	bad(pdu.encrypted and not request.encrypted, "QUIC-CAPS-0016",
		"an encrypted response to a request in the clear")
end

judges("QUIC", expert.severity.ERROR, [[
CAPS 0003 0004 0009 0010 0015 0016 0020
CLIENT 0001 0002
CONNECT 0009
STREAM 0001 0012 0013
]])
judges("QUIC", expert.severity.WARN, [[
CONNECT 0011
]])
