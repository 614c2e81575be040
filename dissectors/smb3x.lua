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

local function u16(pdu, at)
	return pdu.range(at, 2):le_uint()
end

local function u32(pdu, at)
	return pdu.range(at, 4):le_uint()
end

-- 64-bit values become hexadecimal text: exact in Lua 5.2, and a table key.
local function u64(pdu, at)
	return string.format("%08x%08x", u32(pdu, at + 4), u32(pdu, at))
end

local function number64(pdu, at)
	return u32(pdu, at + 4) * 4294967296 + u32(pdu, at)
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
	return range:len() >= 52 and range(0, 4):uint()
end

local function parse_header(range, secure)
	local pdu = {range = range, size = range:len(), encrypted = secure}
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

local function is_failure(status)
	return status >= 0xc0000000 and status ~= MORE_PROCESSING
end

-- Error responses carry StructureSize 9 and no command body.
local function is_error_body(pdu)
	return pdu.response and pdu.structure_size == 9 and
		(is_failure(pdu.status) or pdu.status == PENDING or
		pdu.status == STOPPED_ON_SYMLINK)
end

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

-- The checks. Each looks at one PDU of a connection; bad(condition, rule,
-- text, ...) reports when the condition holds. Who broke the rule is known by
-- direction.

local both, requests, responses = {}, {}, {}

function both.header(_, pdu, bad)
	bad(pdu.turned, pdu.response and "HEADER-0002" or "HEADER-0020",
		"SMB2_FLAGS_SERVER_TO_REDIR is wrong")
	bad(u16(pdu, 4) ~= HEADER_SIZE, pdu.response and "HEADER-0001" or
		"HEADER-0021", "header StructureSize is %d", u16(pdu, 4))
	bad(pdu.next % 8 ~= 0, pdu.response and "COMPOUND-0015" or
		"COMPOUND-0020", "NextCommand is %d, no multiple of 8",
		pdu.next)
end

function both.signature(_, pdu, bad)
	local zero = zeros_at(pdu, 48)
	bad(pdu.signed and zero and not pdu.encrypted and not pdu.response,
		"SIGN-0025", "SMB2_FLAGS_SIGNED is set but the Signature is " ..
		"all zeroes")
	bad(not pdu.signed and not zero, pdu.response and "HEADER-0008" or
		"HEADER-0025", "SMB2_FLAGS_SIGNED is not set but Signature " ..
		"is not zero")
	bad(pdu.encrypted and pdu.response and not zero, "SIGN-0012",
		"Signature of an encrypted message is not zero")
end

-- The TRANSFORM_HEADER in front of the first PDU of a message.
function both.transform(conn, pdu, bad)
	local seal = pdu.seal
	if seal == nil then
		return
	end
	local key = (pdu.response and "s" or "c") .. seal.session .. seal.nonce
	bad(conn.nonces[key], pdu.response and "ENCRYPT-0021" or "ENCRYPT-0033",
		"the nonce was used before")
	conn.nonces[key] = true
	bad(pdu.response and seal.session ~= pdu.session_id, "ENCRYPT-0024",
		"SessionId is 0x%s, in the TRANSFORM_HEADER 0x%s",
		pdu.session_id, seal.session)
end

-- What a client must keep to.

function requests.structure_size(_, pdu, bad)
	local sizes = STRUCTURE_SIZES[pdu.command]
	local size = pdu.structure_size
	local lease_ack = pdu.command == OPLOCK_BREAK and size == 36
	bad(sizes and size and size ~= sizes[1] and not lease_ack,
		"HEADER-0022", "%s request has StructureSize %d, not %d",
		command_name(pdu), size or 0, sizes and sizes[1] or 0)
end

function requests.header(_, pdu, bad)
	bad(pdu.command == TREE_CONNECT and pdu.tree_id ~= 0 and not pdu.related
		and not pdu.async, "HEADER-0023", "TREE_CONNECT request has " ..
		"TreeId 0x%08x", pdu.tree_id or 0)
	if pdu.command == NEGOTIATE then
		bad(pdu.session_id ~= ZERO, "HEADER-0024",
			"NEGOTIATE request has SessionId 0x" .. pdu.session_id)
		bad(pdu.signed, "SIGN-0024", "NEGOTIATE request is signed")
		bad(pdu.encrypted, "ENCRYPT-0029", "NEGOTIATE request is " ..
			"encrypted")
	end
end

-- Where the FileId of a request is.
local FILE_AT = {[CLOSE] = 72, [FLUSH] = 72, [READ] = 80, [WRITE] = 80,
	[LOCK] = 72, [IOCTL] = 72, [QUERY_DIRECTORY] = 72, [CHANGE_NOTIFY] = 72,
	[QUERY_INFO] = 88, [SET_INFO] = 80}

function requests.compound(_, pdu, bad)
	bad(pdu.place == 1 and pdu.next ~= 0 and pdu.related, "COMPOUND-0018",
		"the first request of a compound has " ..
		"SMB2_FLAGS_RELATED_OPERATIONS set")
	bad(pdu.place == 3 and pdu.related ~= pdu.before_related,
		"COMPOUND-0019", "related and unrelated requests in one " ..
		"compound")
	local at = FILE_AT[pdu.command]
	bad(pdu.related and pdu.after_create and at and has(pdu, at, 16) and not
		ones_at(pdu, at), "COMPOUND-0021", "FileId of a related " ..
		"request behind CREATE is not all ones")
end

function requests.message_id(conn, pdu, bad)
	if not conn.whole or pdu.command == CANCEL then
		return
	end
	local last = pdu.message_number + cost_of(conn, pdu) - 1
	bad(last >= conn.granted, "CREDIT-0015", "%s request takes message " ..
		"ids %.0f to %.0f, granted are those below %.0f",
		command_name(pdu), pdu.message_number, last, conn.granted)
	local before = conn.used[pdu.message_id]
	bad(before, "CREDIT-0014", "MessageId %.0f was used before, in " ..
		"frame %d", pdu.message_number, before or 0)
end

-- Payload or room for the answer: where each command says it.
local PAYLOAD_AT = {[READ] = 68, [WRITE] = 68, [QUERY_DIRECTORY] = 92}

function requests.charge(conn, pdu, bad)
	bad(conn.dialect == 0x0202 and pdu.credit_charge ~= 0, "CREDIT-0018",
		"CreditCharge is %d in dialect 2.0.2", pdu.credit_charge)
	local at = PAYLOAD_AT[pdu.command]
	if conn.large_mtu and at and has(pdu, at, 4) then
		local size = u32(pdu, at)
		local needed = math.floor((size - 1) / 65536) + 1
		bad(pdu.credit_charge < needed and size > 65536, "CREDIT-0017",
			"CreditCharge is %d for %.0f bytes, which take %d",
			pdu.credit_charge, size, needed)
	end
end

function requests.cancel(conn, pdu, bad)
	if pdu.command ~= CANCEL or not pdu.async then
		return
	end
	for message_id, async_id in pairs(conn.asyncs) do
		bad(async_id == pdu.async_id and message_id ~= pdu.message_id,
			"CANCEL-0009", "MessageId is 0x%s, that of the " ..
			"request to cancel 0x%s", pdu.message_id, message_id)
	end
end

function requests.protection(conn, pdu, bad)
	if pdu.encrypted or pdu.related then
		return
	end
	local session = conn.sessions[pdu.session_id]
	local name, command = command_name(pdu), pdu.command
	bad(session and session.signed and not pdu.signed and command ~=
		SESSION_SETUP, "SIGN-0023", "%s request is neither signed " ..
		"nor encrypted on a session that requires signing", name)
	bad(session and session.encrypt and command ~= SESSION_SETUP and command
		~= NEGOTIATE, "ENCRYPT-0031", "%s request is not encrypted",
		name)
	local tree = pdu.tree_id and conn.trees[tree_key(pdu)]
	bad(tree and tree.encrypt and command ~= TREE_CONNECT, "ENCRYPT-0032",
		"%s request is not encrypted", name)
end

-- What a server must keep to.

function responses.header_of_request(conn, pdu, bad)
	local request = conn.requests[pdu.message_id]
	if request == nil then
		bad(conn.whole and not pdu.unsolicited and not
			conn.used[pdu.message_id], "HEADER-0004",
			"no request had MessageId %.0f", pdu.message_number)
		return
	end
	bad(request.command ~= pdu.command, "HEADER-0003",
		"MessageId %.0f was %s, the response says %s",
		pdu.message_number, command_name(request), command_name(pdu))
	bad(not request.related and request.session_id ~= ZERO and
		request.session_id ~= pdu.session_id, "HEADER-0005",
		"SessionId is 0x%s, in the request 0x%s", pdu.session_id,
		request.session_id)
	local tree = request.tree_id or 0
	bad(not request.related and not pdu.async and tree ~= 0 and
		request.command ~= TREE_CONNECT and tree ~= pdu.tree_id,
		"HEADER-0006", "TreeId is 0x%08x, in the request 0x%08x",
		pdu.tree_id or 0, tree)
	bad(conn.large_mtu and pdu.status ~= PENDING and request.credit_charge
		~= pdu.credit_charge, "HEADER-0010", "CreditCharge is %d, " ..
		"in the request %d", pdu.credit_charge, request.credit_charge)
	bad(pdu.place > 1 and request.related and not pdu.related,
		"COMPOUND-0014", "a response to a related request lacks " ..
		"SMB2_FLAGS_RELATED_OPERATIONS")
	bad(request.encrypted and not pdu.encrypted, "ENCRYPT-0012",
		"the request was encrypted, its response is not")
	bad(request.signed and not pdu.signed and not pdu.encrypted and
		pdu.status ~= PENDING and conn.sessions[pdu.session_id],
		"SIGN-0009", "the request was signed, its response is not")
end

function responses.header(_, pdu, bad)
	bad(pdu.last and pdu.place == 1 and pdu.next ~= 0, "HEADER-0007",
		"NextCommand is %d but nothing follows", pdu.next)
	bad(pdu.command == CANCEL, "CANCEL-0001", "a response to CANCEL")
	if pdu.command == NEGOTIATE then
		bad(pdu.session_id ~= ZERO, "HEADER-0009",
			"NEGOTIATE response has SessionId 0x" .. pdu.session_id)
		bad(pdu.credits == 0, "CREDIT-0006", "the NEGOTIATE " ..
			"response grants no credits")
	end
end

function responses.error_body(conn, pdu, bad)
	if not is_error_body(pdu) or not has(pdu, 64, 9) then
		return
	end
	local contexts, count = pdu.range(66, 1):uint(), u32(pdu, 68)
	bad(contexts ~= 0 and conn.dialect and conn.dialect ~= 0x0311,
		"HEADER-0018", "ErrorContextCount is %d in dialect 0x%04x",
		contexts, conn.dialect or 0)
	bad(72 + count > pdu.size, "HEADER-0017", "ByteCount is %.0f, " ..
		"ErrorData has %d", count, pdu.size - 72)
	bad(pdu.range(67, 1):uint() ~= 0, "HEADER-0019",
		"Reserved of an ERROR response is not zero")
end

function responses.structure_size(_, pdu, bad)
	local sizes = STRUCTURE_SIZES[pdu.command]
	local size = pdu.structure_size
	if sizes == nil or sizes[2] == nil or size == nil or
		size == sizes[2] or size == 9 and pdu.status ~= NO_STATUS then
		return
	end
	local lease = pdu.command == OPLOCK_BREAK and
		(size == 36 or size == 44)
	bad(is_failure(pdu.status), "HEADER-0016", "an ERROR response has " ..
		"StructureSize %d", size)
	bad(not is_failure(pdu.status) and not lease, "HEADER-0030",
		"%s response has StructureSize %d, not %d", command_name(pdu),
		size, sizes[2])
end

function responses.credits_left(conn, pdu, bad)
	bad(conn.whole and conn.credits <= 0 and not pdu.unsolicited and
		next(conn.outstanding) == nil, "CREDIT-0007",
		"the client is left with %d credits and no request under way",
		conn.credits)
end

local function judge_interim(conn, pdu, bad)
	local request = conn.requests[pdu.message_id]
	bad(not pdu.async, "ASYNC-0003", "STATUS_PENDING without " ..
		"SMB2_FLAGS_ASYNC_COMMAND")
	bad(pdu.async_id == ZERO, "ASYNC-0004", "AsyncId is zero")
	for message_id, async_id in pairs(conn.asyncs) do
		bad(async_id == pdu.async_id and message_id ~= pdu.message_id,
			"ASYNC-0005", "AsyncId 0x%s is that of another request",
			async_id)
	end
	bad(is_error_body(pdu) and has(pdu, 68, 4) and u32(pdu, 68) ~= 0,
		"ASYNC-0006", "ByteCount of an interim response is not zero")
	bad(request and request.credits > 0 and pdu.credits == 0, "ASYNC-0007",
		"an interim response grants no credits")
	bad(pdu.signed and not pdu.encrypted, "SIGN-0010",
		"an interim response is signed")
end

function responses.asynchronous(conn, pdu, bad)
	local interim = conn.asyncs[pdu.message_id]
	if not pdu.unsolicited and pdu.status == PENDING then
		judge_interim(conn, pdu, bad)
	elseif not pdu.unsolicited and interim then
		bad(not pdu.async, "ASYNC-0009", "the final response of an " ..
			"asynchronous request lacks SMB2_FLAGS_ASYNC_COMMAND")
		bad(pdu.async and interim ~= pdu.async_id, "ASYNC-0010",
			"AsyncId is 0x%s, in the interim response 0x%s",
			pdu.async_id or ZERO, interim)
		bad(pdu.credits ~= 0, "ASYNC-0008", "the final response of " ..
			"an asynchronous request grants %d credits",
			pdu.credits)
	end
end

function responses.session(conn, pdu, bad)
	if pdu.command ~= SESSION_SETUP or is_failure(pdu.status) or
		not has(pdu, 66, 2) then
		return
	end
	bad(pdu.session_id == ZERO or pdu.session_id == ONES, "SESSION-0001",
		"SessionId is 0x%s", pdu.session_id)
	local nobody = bit.band(u16(pdu, 66), 3) ~= 0
	bad(pdu.status == NO_STATUS and not nobody and not pdu.signed and not
		pdu.encrypted and conn.dialect and conn.dialect >= 0x0300,
		"SIGN-0013", "the final SESSION_SETUP response is not signed")
end

-- Bodies. An asker judges the request of one command and may keep what its
-- answer is judged by; an answerer judges a response that succeeded.
-- bad(condition, rule, text, ...) reports when the condition holds.

local ask, answer = {}, {}

-- How many contexts of each type there are, and the numbers in the last one.
local function negotiate_contexts(pdu, at, count)
	local found = {}
	for _ = 1, count do
		local stop = has(pdu, at, 10) and at + 8 + u16(pdu, at + 2)
		if not stop or pdu.size < stop then
			break
		end
		local kind = u16(pdu, at)
		local context = {n = (found[kind] or {n = 0}).n + 1}
		local first = at + (kind == PREAUTH and 12 or 10)
		for i = first, first + 2 * (u16(pdu, at + 8) - 1), 2 do
			if i + 2 <= stop then
				context[#context + 1] = u16(pdu, i)
				context["has" .. u16(pdu, i)] = true
			end
		end
		found[kind] = context
		at = math.ceil(stop / 8) * 8
	end
	return found
end

ask[NEGOTIATE] = function(conn, pdu, bad)
	local count, offers = u16(pdu, 66), {}
	bad(count == 0, "NEGOTIATE-0037", "DialectCount is 0")
	for at = 100, math.min(98 + 2 * count, pdu.size - 2), 2 do
		offers[u16(pdu, at)] = true
	end
	bad(conn.wildcard and pdu.message_number ~= 1, "NEGOTIATE-0040",
		"MessageId is %.0f, not 1, after dialect 0x02FF",
		pdu.message_number)
	pdu.offers, pdu.capabilities, pdu.contexts = offers, u32(pdu, 72), {}
	if offers[0x0311] then
		local at = u32(pdu, 92)
		bad(at % 8 ~= 0, "NEGOTIATE-0039", "NegotiateContextOffset " ..
			"is %d, no multiple of 8", at)
		pdu.contexts = negotiate_contexts(pdu, at, u16(pdu, 96))
		local n = pdu.contexts[PREAUTH] and pdu.contexts[PREAUTH].n or 0
		bad(n ~= 1, "NEGOTIATE-0038",
			"%d SMB2_PREAUTH_INTEGRITY_CAPABILITIES contexts", n)
	end
end

-- One number out of those offered, or the one that stands for "none".
local function one_of(ours, theirs, none)
	return #ours == 1 and (theirs == nil or theirs["has" .. ours[1]] or
		ours[1] == none)
end

local function answered_contexts(pdu, request, bad)
	local at = u32(pdu, 124)
	bad(at % 8 ~= 0, "NEGOTIATE-0032", "NegotiateContextOffset is %d, " ..
		"no multiple of 8", at)
	local found = negotiate_contexts(pdu, at, u16(pdu, 70))
	local n = found[PREAUTH] and found[PREAUTH].n or 0
	bad(n ~= 1, "NEGOTIATE-0026",
		"%d SMB2_PREAUTH_INTEGRITY_CAPABILITIES contexts", n)
	local rules = {
		[PREAUTH] = "0027", [CIPHERS] = "0030", [SIGNINGS] = "0031",
	}
	for kind, number in pairs(rules) do
		local ours = found[kind]
		bad(ours and not one_of(ours, request.contexts[kind],
			NONE[kind]), "NEGOTIATE-" .. number, "context %d " ..
			"holds %d numbers, the first is 0x%04x: not one of " ..
			"those offered", kind, #(ours or {}), ours and ours[1]
			or 0)
	end
end

answer[NEGOTIATE] = function(conn, pdu, request, bad)
	local mode, dialect, caps = u16(pdu, 66), u16(pdu, 68), u32(pdu, 88)
	local asked = request.capabilities or 0
	bad(not request.offers[dialect] and dialect ~= 0x02ff, "NEGOTIATE-0009",
		"dialect 0x%04x was not offered", dialect)
	bad(not flag(mode, 1), "NEGOTIATE-0011", "SecurityMode 0x%04x lacks " ..
		"SMB2_NEGOTIATE_SIGNING_ENABLED", mode)
	bad(dialect == 0x0202 and flag(caps, 4), "NEGOTIATE-0015",
		"SMB2_GLOBAL_CAP_LARGE_MTU in dialect 2.0.2")
	local wrong = bit.band(caps, 0xb8)
	if dialect >= 0x0300 then
		wrong = bit.band(wrong, bit.bnot(asked))
	end
	bad(wrong ~= 0, "NEGOTIATE-0016", "Capabilities 0x%08x, the client " ..
		"offered 0x%08x", caps, asked)
	bad(flag(caps, 0x40) and (not flag(asked, 0x40) or dialect < 0x0300 or
		dialect > 0x0302), "NEGOTIATE-0017",
		"SMB2_GLOBAL_CAP_ENCRYPTION in dialect 0x%04x", dialect)
	if dialect == 0x0311 then
		answered_contexts(pdu, request, bad)
	end
end

ask[SESSION_SETUP] = function(_, pdu, bad)
	pdu.security_mode = pdu.range(67, 1):uint()
	if flag(pdu.range(66, 1):uint(), 1) then
		bad(pdu.encrypted, "ENCRYPT-0030", "a binding is encrypted")
		bad(not pdu.signed, "SESSION-0030", "a binding is not signed")
	end
end

ask[TREE_CONNECT] = function(conn, pdu, bad)
	local session = conn.sessions[pdu.session_id]
	bad(conn.dialect == 0x0311 and session and not session.nobody and not
		pdu.signed and not pdu.encrypted and not pdu.related,
		"TREE-0012", "TREE_CONNECT is neither signed nor encrypted")
end

answer[TREE_CONNECT] = function(_, pdu, _, bad)
	bad(pdu.tree_id == 0xffffffff, "TREE-0006", "TreeId is 0xffffffff")
end

ask[CREATE] = function(_, pdu, bad)
	local options = u32(pdu, 104)
	pdu.oplock, pdu.disposition = pdu.range(67, 1):uint(), u32(pdu, 100)
	bad(flag(options, 1) and (pdu.disposition == 0 or pdu.disposition > 3),
		"CREATE-0064", "FILE_DIRECTORY_FILE with CreateDisposition %d",
		pdu.disposition)
	-- GENERIC_ALL and MAXIMUM_ALLOWED ask for DELETE too.
	bad(flag(options, 0x1000) and not flag(u32(pdu, 88), 0x12010000),
		"CREATE-0065", "FILE_DELETE_ON_CLOSE, DesiredAccess 0x%08x",
		u32(pdu, 88))
end

-- CreateActions by CreateDisposition.
local ACTIONS = {
	[0] = {[0] = true, [2] = true}, {[1] = true}, {[2] = true},
	{[1] = true, [2] = true}, {[3] = true}, {[2] = true, [3] = true},
}

answer[CREATE] = function(conn, pdu, request, bad)
	local tree = conn.trees[tree_key(request)] or {}
	local oplock, action = pdu.range(66, 1):uint(), u32(pdu, 68)
	local possible = ACTIONS[request.disposition]
	bad(not tree.pipe and possible and not possible[action],
		request.disposition == 2 and "CREATE-0032" or "CREATE-0033",
		"CreateAction is %d for CreateDisposition %d", action,
		request.disposition)
	bad(flag(u32(pdu, 120), 0x80) and u32(pdu, 120) ~= 0x80, "CREATE-0062",
		"FileAttributes are 0x%08x", u32(pdu, 120))
	bad(ones_at(pdu, 128), "CREATE-0059", "FileId is all ones")
	bad(oplock > request.oplock, "CREATE-0063", "OplockLevel is 0x%02x, " ..
		"asked for was 0x%02x", oplock, request.oplock)
end

ask[CLOSE] = function(_, pdu)
	pdu.attributes = flag(u16(pdu, 66), 1)
end

answer[CLOSE] = function(_, pdu, request, bad)
	local zero = u16(pdu, 66) + u32(pdu, 120) == 0 and
		zeros_at(pdu, 72) and zeros_at(pdu, 88) and zeros_at(pdu, 104)
	bad(not request.attributes and not zero, "CLOSE-0004",
		"attributes that the request did not ask for")
end

ask[READ] = function(conn, pdu, bad)
	local limit = conn.max_read or 0xffffffff
	bad(u32(pdu, 68) > limit, "READ-0013", "Length is %.0f, MaxReadSize " ..
		"%.0f", u32(pdu, 68), limit)
end

ask[WRITE] = function(conn, pdu, bad)
	local limit = conn.max_write or 0xffffffff
	pdu.length = u32(pdu, 68)
	bad(pdu.length > limit, "WRITE-0018", "Length is %.0f, MaxWriteSize " ..
		"%.0f", pdu.length, limit)
end

answer[WRITE] = function(_, pdu, request, bad)
	bad(u32(pdu, 68) > request.length, "WRITE-0016",
		"Count is %.0f of %.0f bytes", u32(pdu, 68), request.length)
	bad(u32(pdu, 72) ~= 0 or u32(pdu, 76) ~= 0, "WRITE-0017",
		"Remaining or WriteChannelInfo is not zero")
end

local LOCK_FLAGS = {[1] = 1, [2] = 1, [4] = 1, [0x11] = 1, [0x12] = 1}

ask[LOCK] = function(_, pdu, bad)
	for at = 104, 80 + 24 * u16(pdu, 66), 24 do
		bad(has(pdu, at, 4) and not LOCK_FLAGS[u32(pdu, at)],
			"LOCK-0019", "a lock element has Flags 0x%08x", has(pdu,
			at, 4) and u32(pdu, at) or 0)
	end
end

-- FSCTLs that belong to no file.
local NO_FILE = {[0x00060194] = 1, [0x000601b0] = 1, [0x00110018] = 1,
	[0x001401fc] = 1, [VALIDATE_NEGOTIATE] = 1}

ask[IOCTL] = function(_, pdu, bad)
	pdu.code, pdu.room = u32(pdu, 68), u32(pdu, 108)
	pdu.file = not pdu.related and u64(pdu, 72) .. u64(pdu, 80)
	bad(NO_FILE[pdu.code] and not ones_at(pdu, 72), "IOCTL-0030",
		"FileId of control code 0x%08x is not all ones", pdu.code)
end

answer[IOCTL] = function(conn, pdu, request, bad)
	local code, at, size = u32(pdu, 68), u32(pdu, 96), u32(pdu, 100)
	local file = u64(pdu, 72) .. u64(pdu, 80)
	bad(code ~= request.code or u32(pdu, 104) ~= 0 or file ~= (request.file
		or file), "IOCTL-0006", "CtlCode 0x%08x, FileId %s, Flags " ..
		"0x%08x", code, file, u32(pdu, 104))
	bad(size > request.room, "IOCTL-0004", "%.0f bytes of output, " ..
		"MaxOutputResponse is %.0f", size, request.room)
	bad(size ~= 0 and at % 8 ~= 0, "IOCTL-0007", "OutputOffset is %.0f, " ..
		"no multiple of 8", at)
	bad(code == 0x00140078 and size ~= 32, "IOCTL-0009",
		"%.0f bytes with a ResumeKey, not 32", size)
	bad(code == VALIDATE_NEGOTIATE and conn.guid and has(pdu, at, 24) and
		(u32(pdu, at) ~= conn.capabilities or u16(pdu, at + 22) ~=
		conn.dialect or u16(pdu, at + 20) ~= conn.security_mode or
		u64(pdu, at + 4) .. u64(pdu, at + 12) ~= conn.guid),
		"NEGOTIATE-0033", "it differs from the NEGOTIATE response")
end

ask[QUERY_DIRECTORY] = function(_, pdu)
	pdu.single = flag(pdu.range(67, 1):uint(), 2)
end

-- NextEntryOffset of each entry must be a multiple of `align`.
local function entries(pdu, align, rule, bad)
	local at = u16(pdu, 66)
	local more = false
	while has(pdu, at, 4) and u32(pdu, 68) > 0 and u32(pdu, at) ~= 0 do
		bad(u32(pdu, at) % align ~= 0, rule, "NextEntryOffset is " ..
			"%.0f, no multiple of %d", u32(pdu, at), align)
		at, more = at + u32(pdu, at), true
	end
	return more
end

answer[QUERY_DIRECTORY] = function(_, pdu, request, bad)
	local more = entries(pdu, 8, "QUERYDIR-0019", bad)
	bad(more and request.single, "QUERYDIR-0012", "several entries, " ..
		"SMB2_RETURN_SINGLE_ENTRY was set")
end

answer[CHANGE_NOTIFY] = function(_, pdu, _, bad)
	entries(pdu, 4, "NOTIFY-0011", bad)
end

ask[QUERY_INFO] = function(_, pdu)
	pdu.room = u32(pdu, 68)
end

answer[QUERY_INFO] = function(_, pdu, request, bad)
	bad(u32(pdu, 68) > request.room, "QUERYINFO-0002",
		"%.0f bytes, OutputBufferLength is %.0f", u32(pdu, 68),
		request.room)
end

-- What a PDU changes in the state of its connection; after the checks.

local function learn_request(conn, pdu, frame)
	if pdu.command == NEGOTIATE and not pdu.turned then
		conn.whole = conn.whole or pdu.message_number == 0
		conn.server_port = pdu.to_port
	end
	if pdu.command == CANCEL then
		return
	end
	conn.used[pdu.message_id] = frame
	pdu.range = nil -- its bytes are gone with this frame
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
	local nobody = bit.band(flags, 3) ~= 0
	conn.sessions[pdu.session_id] = {
		encrypt = flag(flags, 4), nobody = nobody,
		signed = not nobody and (flag(asked, 2) or
			flag(conn.security_mode or 0, 2)),
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

-- Reporting.

local rule_field = ProtoField.string("smb3x.rule", "Rule")
local who_field = ProtoField.string("smb3x.who", "Broken by")
local sentence_field = ProtoField.string("smb3x.sentence", "Sentence")
proto.fields = {rule_field, who_field, sentence_field}

-- The rules of area CORE that are judged here, by group and level.
local MUST = [[
ASYNC 0003 0004 0005 0006 0007 0008 0009 0010
CANCEL 0001
CLOSE 0004
COMPOUND 0014 0015 0018 0019 0020
CREATE 0032 0033 0059 0062 0063 0064 0065
CREDIT 0006 0007 0014 0015 0018
ENCRYPT 0012 0021 0024 0029 0030 0031 0032 0033
HEADER 0001 0002 0003 0004 0005 0006 0007 0008 0009 0016 0017 0018 0019 0020
HEADER 0021 0022 0023 0024 0025 0030
IOCTL 0004 0006 0007 0009 0030
LOCK 0019
NEGOTIATE 0009 0011 0015 0016 0017 0026 0027 0030 0031 0032 0033 0037 0038
NEGOTIATE 0039 0040
NOTIFY 0011
QUERYDIR 0012 0019
QUERYINFO 0002
READ 0013
SESSION 0001 0030
SIGN 0012 0013 0023 0024 0025
TREE 0006 0012
WRITE 0016 0017 0018
]]
local SHOULD = [[
CANCEL 0009
COMPOUND 0021
CREDIT 0017
HEADER 0010
SIGN 0009 0010
]]

local experts = {}
local expert_list = {}
local function declare(rules, severity)
	for line in rules:gmatch("[^\n]+") do
		local group = line:match("%a+")
		for number in line:gmatch("%d+") do
			local id = "CORE-" .. group .. "-" .. number
			experts[id] = ProtoExpert.new("smb3x.req." ..
				id:lower(), id, expert.group.PROTOCOL, severity)
			expert_list[#expert_list + 1] = experts[id]
		end
	end
end
declare(MUST, expert.severity.ERROR)
declare(SHOULD, expert.severity.WARN)
proto.experts = expert_list

-- Sentences of the rules, if the file smb3x.rules lies beside this one.
local sentences = {}
local place = debug and debug.getinfo(1, "S").source:match("^@(.*)smb3x%.lua$")
local file = place and io.open(place .. "smb3x.rules")
for line in file and file:lines() or function() end do
	local id, sentence = line:match("^(%S+)\t(.*)$")
	sentences[id or ""] = sentence
end

local function show(tree, verdict)
	local item = tree:add(rule_field, verdict.id)
	item:set_text(string.format("%s broken by the %s: %s", verdict.id,
		verdict.who, verdict.text))
	item:add(who_field, verdict.who):set_generated()
	if sentences[verdict.id] then
		item:add(sentence_field, sentences[verdict.id]):set_generated()
	end
	item:add_proto_expert_info(experts[verdict.id], string.format(
		"%s: the %s: %s", verdict.id, verdict.who, verdict.text))
end

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

local function judge_pdu(conn, pdu, frame, found)
	local who = pdu.response and "server" or "client"
	local function bad(condition, id, text, ...)
		if condition then
			id, text = "CORE-" .. id, string.format(text, ...)
			found[#found + 1] = {id = id, who = who, text = text}
			totals[id] = totals[id] or
				{who = who, count = 0, frame = frame}
			totals[id].count = totals[id].count + 1
		end
	end
	if pdu.response then
		learn_response(conn, pdu)
	end
	for _, check in pairs(both) do
		check(conn, pdu, bad)
	end
	for _, check in pairs(pdu.response and responses or requests) do
		check(conn, pdu, bad)
	end
	judge_body(conn, pdu, bad)
	if not pdu.response then
		learn_request(conn, pdu, frame)
	elseif pdu.status ~= PENDING then
		conn.requests[pdu.message_id] = nil
		conn.asyncs[pdu.message_id] = nil
	end
end

-- What the TRANSFORM_HEADER says.
local function seal_of(range)
	local pdu = {range = range}
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
	pdu.turned = from_server ~= pdu.response
	pdu.response = from_server
end

-- The PDUs of a frame in order, with what their place in a compound says.
local function pdus_of(conn, pinfo)
	local list = {}
	local seal, before = nil, nil
	for _, info in ipairs({smb2_pdu()}) do
		local range = info.range
		if magic(range) == 0xfd534d42 then
			conn.whole = conn.whole and not seal
			seal, before = seal_of(range), nil
		elseif magic(range) == 0xfe534d42 then
			local pdu = parse_header(range, seal ~= nil)
			if pdu then
				local inside = before and before.next ~= 0
				direct(conn, pdu, pinfo)
				pdu.place = inside and before.place + 1 or 1
				pdu.before_related = before and before.related
				pdu.after_create = inside and (before.command ==
					CREATE or before.after_create)
				pdu.seal = not inside and seal or nil
				pdu.last = true
				if inside then
					before.last = false
				end
				list[#list + 1] = pdu
				before = pdu
				seal = pdu.next ~= 0 and seal or nil
			end
		end
	end
	conn.whole = conn.whole and not seal
	return list
end

local function judge_frame(pinfo)
	local stream = tcp_stream()
	local found = {}
	if stream then
		local conn = connection_of(stream.value)
		for _, pdu in ipairs(pdus_of(conn, pinfo)) do
			judge_pdu(conn, pdu, pinfo.number, found)
		end
		table.sort(found, function(a, b) return a.id < b.id end)
	end
	return found
end

function proto.init()
	connections, verdicts, totals = {}, {}, {}
end

function proto.dissector(tvb, pinfo, tree)
	if smb2_pdu() == nil then
		return
	end
	local found = verdicts[pinfo.number] or judge_frame(pinfo)
	verdicts[pinfo.number] = found
	if #found > 0 then
		local subtree = tree:add(proto)
		for _, verdict in ipairs(found) do
			show(subtree, verdict)
		end
	end
end

register_postdissector(proto)

-- The table at the end: -X lua_script1:report

local function print_report()
	local ids = {}
	for id in pairs(totals) do
		ids[#ids + 1] = id
	end
	table.sort(ids)
	print(string.format("smb3x: %d rules broken, of %d that are judged",
		#ids, #expert_list))
	for _, id in ipairs(ids) do
		local total = totals[id]
		print(string.format("%-20s %-6s %5d times, first in frame %d",
			id, total.who, total.count, total.frame))
	end
end

if arguments[1] == "report" then
	local tap = Listener.new("frame")
	tap.draw = print_report
end
