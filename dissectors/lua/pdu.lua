-- SPDX-License-Identifier: MIT
--
-- smb3x: a Wireshark post-dissector that judges SMB2/3 traffic by the rules
-- of the smb3x specification. It stands beside the built-in SMB2 dissector,
-- reads the PDUs that one found (decrypted, reassembled and compound ones
-- included) and adds a subtree and one expert item per broken rule, filtered
-- by `smb3x.rule` or `smb3x.req.<id in lower case>`.
--
-- One file for Wireshark 4.0 to 4.6 (Lua 5.2 and 5.4). Copy it to the personal
-- Lua plugin folder, or: tshark -X lua_script:smb3x.lua -r FILE -Y smb3x.rule
-- With -X lua_script1:report it prints a table of broken rules at the end.

local arguments = {...}
local bit = bit or bit32

local proto = Proto("smb3x", "SMB3 rules (smb3x)")
local smb2_pdu = Field.new("smb2")
local tcp_stream = Field.new("tcp.stream")
local tcp_fin = Field.new("tcp.flags.fin")
local tcp_reset = Field.new("tcp.flags.reset")
local smb1_command = Field.new("smb.cmd")
local quic_connection = Field.new("quic.connection.number")

-- Layout: offsets from the start of the PDU.

local HEADER_SIZE = 64
local ZERO = "0000000000000000"
local ONES = "ffffffffffffffff"
local NO_STATUS, PENDING = 0, 0x00000103
local MORE_PROCESSING, STOPPED_ON_SYMLINK = 0xc0000016, 0x8000002d
local FLAG_RESPONSE, FLAG_ASYNC, FLAG_RELATED, FLAG_SIGNED = 1, 2, 4, 8
local NEGOTIATE, SESSION_SETUP, TREE_CONNECT = 0, 1, 3
local CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, IOCTL = 5, 6, 7, 8, 9, 10, 11
local CANCEL, QUERY_DIRECTORY, CHANGE_NOTIFY = 12, 14, 15
local QUERY_INFO, SET_INFO, OPLOCK_BREAK = 16, 17, 18
local VALIDATE_NEGOTIATE = 0x00140204
-- Types of negotiate contexts; what stands for "none in common" in each.
local PREAUTH, CIPHERS, SIGNINGS = 1, 2, 8
local NONE = {[CIPHERS] = 0, [SIGNINGS] = 1}

local COMMANDS = {
	[0] = "NEGOTIATE", "SESSION_SETUP", "LOGOFF", "TREE_CONNECT",
	"TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK",
	"IOCTL", "CANCEL", "ECHO", "QUERY_DIRECTORY", "CHANGE_NOTIFY",
	"QUERY_INFO", "SET_INFO", "OPLOCK_BREAK",
}

-- StructureSize of each body: request, response.
local STRUCTURE_SIZES = {
	[0] = {36, 65}, {25, 9}, {4, 4}, {9, 16}, {4, 4}, {57, 89}, {24, 60},
	{24, 4}, {49, 17}, {49, 17}, {48, 4}, {57, 49}, {4, nil}, {4, 4},
	{33, 9}, {32, 9}, {41, 9}, {33, 2}, {24, 24},
}

-- Where the FileId of a request is.
local FILE_AT = {[CLOSE] = 72, [FLUSH] = 72, [READ] = 80, [WRITE] = 80,
	[LOCK] = 72, [IOCTL] = 72, [QUERY_DIRECTORY] = 72, [CHANGE_NOTIFY] = 72,
	[QUERY_INFO] = 88, [SET_INFO] = 80}

-- The first bytes of a PDU are read as a string, which is many times faster.
local HEAD = 512

local function u16(pdu, at)
	local a, b = pdu.head:byte(at + 1, at + 2)
	if not b then
		return pdu.range(at, 2):le_uint()
	end
	return a + b * 256
end

local function u32(pdu, at)
	local a, b, c, d = pdu.head:byte(at + 1, at + 4)
	if not d then
		return pdu.range(at, 4):le_uint()
	end
	return a + b * 256 + c * 65536 + d * 16777216
end

-- 64-bit values become hexadecimal text: exact in Lua 5.2, and a table key.
local function u64(pdu, at)
	return string.format("%08x%08x", u32(pdu, at + 4), u32(pdu, at))
end

local function number64(pdu, at)
	return u32(pdu, at + 4) * 4294967296.0 + u32(pdu, at)
end

local function ones_at(pdu, at)
	return u64(pdu, at) == ONES and u64(pdu, at + 8) == ONES
end

local function zeros_at(pdu, at)
	return u32(pdu, at) + u32(pdu, at + 4) + u32(pdu, at + 8) +
		u32(pdu, at + 12) == 0
end

local function has(pdu, at, n)
	return pdu.size >= at + n
end

local function flag(value, mask)
	return bit.band(value, mask) ~= 0
end

local function command_name(pdu)
	return COMMANDS[pdu.command] or string.format("command %d", pdu.command)
end

-- One PDU, as far as the checks need it.

local function magic(range)
	return range:len() >= 4 and range(0, 4):uint()
end

local function pdu_of(range)
	local size = range:len()
	return {range = range, size = size,
		head = range:raw(0, math.min(size, HEAD))}
end

local function parse_header(range, secure)
	local pdu = pdu_of(range)
	pdu.encrypted = secure
	if pdu.size < HEADER_SIZE then
		return nil
	end
	pdu.credit_charge = u16(pdu, 6)
	pdu.status = u32(pdu, 8)
	pdu.command = u16(pdu, 12)
	pdu.credits = u16(pdu, 14)
	pdu.flags = u32(pdu, 16)
	pdu.next = u32(pdu, 20)
	pdu.message_id = u64(pdu, 24)
	pdu.message_number = number64(pdu, 24)
	pdu.session_id = u64(pdu, 40)
	pdu.response = flag(pdu.flags, FLAG_RESPONSE)
	pdu.async = flag(pdu.flags, FLAG_ASYNC)
	pdu.related = flag(pdu.flags, FLAG_RELATED)
	pdu.signed = flag(pdu.flags, FLAG_SIGNED)
	pdu.tree_id = not pdu.async and u32(pdu, 36) or nil
	pdu.structure_size = has(pdu, HEADER_SIZE, 2) and
		u16(pdu, HEADER_SIZE) or nil
	pdu.async_id = pdu.async and u64(pdu, 32)
	pdu.unsolicited = pdu.message_id == "ffffffffffffffff"
	return pdu
end

-- The negotiate contexts that begin at an offset: kind, where the data is, its
-- length. Ends before one that is cut short.
local function negotiate_list(pdu, at, count)
	return function()
		local size = count > 0 and has(pdu, at, 8) and u16(pdu, at + 2)
		if not size or not has(pdu, at, 8 + size) then
			return nil
		end
		local data = at + 8
		local kind = u16(pdu, at)
		count, at = count - 1, data + math.ceil(size / 8) * 8
		return kind, data, size
	end
end

-- The create contexts of a CREATE message: tag in hexadecimal, where the data
-- is, its length.
local function create_list(pdu, at, size)
	local stop = at + size
	return function()
		if size == 0 or at + 16 > stop or not has(pdu, at, 16) then
			return nil
		end
		local name, length = at + u16(pdu, at + 4), u16(pdu, at + 6)
		local tag = has(pdu, name, length) and length > 0 and
			pdu.range(name, length):bytes():tohex(true) or ""
		local data, bytes = at + u16(pdu, at + 10), u32(pdu, at + 12)
		local step = u32(pdu, at)
		at = step > 0 and at + step or stop
		return tag, data, bytes
	end
end

local function is_failure(status)
	return status >= 0xc0000000 and status ~= MORE_PROCESSING
end

-- Error responses carry StructureSize 9 and no command body.
local function is_error_body(pdu)
	return pdu.response and pdu.structure_size == 9 and
		(is_failure(pdu.status) or pdu.status == PENDING or
		pdu.status == STOPPED_ON_SYMLINK)
end
