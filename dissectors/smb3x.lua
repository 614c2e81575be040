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

-------------------------------------------------------------------------------
-- Layout: offsets from the start of the PDU.

local HEADER_SIZE = 64
local ZERO = "0000000000000000"
local NO_STATUS, PENDING = 0, 0x00000103
local MORE_PROCESSING, STOPPED_ON_SYMLINK = 0xc0000016, 0x8000002d
local FLAG_RESPONSE, FLAG_ASYNC, FLAG_RELATED, FLAG_SIGNED = 1, 2, 4, 8
local NEGOTIATE, SESSION_SETUP, TREE_CONNECT = 0, 1, 3
local CREATE, READ, WRITE, CANCEL, QUERY_DIRECTORY = 5, 8, 9, 12, 14
local QUERY_INFO, OPLOCK_BREAK = 16, 18

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

local function has(pdu, at, n)
	return pdu.size >= at + n
end

local function flag(value, mask)
	return bit.band(value, mask) ~= 0
end

local function command_name(pdu)
	return COMMANDS[pdu.command] or string.format("command %d", pdu.command)
end

-------------------------------------------------------------------------------
-- One PDU, as far as the checks need it.

local function is_smb2(range)
	return range:len() >= 4 and range(0, 4):uint() == 0xfe534d42
end

local function is_transform(range)
	return range:len() >= 52 and range(0, 4):uint() == 0xfd534d42
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
	if not pdu.async then
		pdu.tree_id = u32(pdu, 36)
	end
	if has(pdu, HEADER_SIZE, 2) then
		pdu.structure_size = u16(pdu, HEADER_SIZE)
	end
	pdu.async_id = pdu.async and u64(pdu, 32)
	if pdu.command == SESSION_SETUP and not pdu.response and
		has(pdu, 67, 1) then
		pdu.security_mode = range(67, 1):uint()
	end
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

-------------------------------------------------------------------------------
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

-------------------------------------------------------------------------------
-- The checks. Each looks at one PDU of a connection and calls
-- report(rule, text) for what it finds; who broke it is known by direction.

local both, requests, responses = {}, {}, {}

function both.header_size(conn, pdu, report)
	local size = u16(pdu, 4)
	if size ~= HEADER_SIZE then
		report(pdu.response and "CORE-HEADER-0001" or "CORE-HEADER-0021",
			string.format("header StructureSize is %d", size))
	end
end

function both.zero_signature(conn, pdu, report)
	local zero = true
	for at = 48, 60, 4 do
		zero = zero and u32(pdu, at) == 0
	end
	if pdu.signed and zero and not pdu.encrypted and not pdu.response then
		report("CORE-SIGN-0025", "SMB2_FLAGS_SIGNED is set but the " ..
			"Signature is all zeroes")
	end
	if not pdu.signed and not zero then
		report(pdu.response and "CORE-HEADER-0008" or "CORE-HEADER-0025",
			"SMB2_FLAGS_SIGNED is not set but Signature is not zero")
	end
end

-------------------------------------------------------------------------------
-- What a client must keep to.

function requests.structure_size(conn, pdu, report)
	local sizes = STRUCTURE_SIZES[pdu.command]
	local lease_ack = pdu.command == OPLOCK_BREAK and
		pdu.structure_size == 36
	if sizes and pdu.structure_size and pdu.structure_size ~= sizes[1]
		and not lease_ack then
		report("CORE-HEADER-0022", string.format(
			"%s request has StructureSize %d, not %d",
			command_name(pdu), pdu.structure_size, sizes[1]))
	end
end

function requests.tree_connect_ids(conn, pdu, report)
	if pdu.command == TREE_CONNECT and pdu.tree_id ~= 0 and
		not pdu.related and not pdu.async then
		report("CORE-HEADER-0023", string.format(
			"TREE_CONNECT request has TreeId 0x%08x", pdu.tree_id))
	end
end

function requests.negotiate_header(conn, pdu, report)
	if pdu.command ~= NEGOTIATE then
		return
	end
	if pdu.session_id ~= ZERO then
		report("CORE-HEADER-0024", "NEGOTIATE request has SessionId 0x"
			.. pdu.session_id)
	end
	if pdu.signed then
		report("CORE-SIGN-0024", "NEGOTIATE request is signed")
	end
	if pdu.encrypted then
		report("CORE-ENCRYPT-0029", "NEGOTIATE request is encrypted")
	end
end

function requests.compound_order(conn, pdu, report)
	if pdu.place == 1 and pdu.next ~= 0 and pdu.related then
		report("CORE-COMPOUND-0018", "the first request of a compound " ..
			"has SMB2_FLAGS_RELATED_OPERATIONS set")
	elseif pdu.place == 3 and pdu.related ~= pdu.before_related then
		report("CORE-COMPOUND-0019", "related and unrelated requests " ..
			"in one compound")
	end
end

function requests.compound_alignment(conn, pdu, report)
	if pdu.next % 8 ~= 0 then
		report("CORE-COMPOUND-0020", string.format(
			"NextCommand is %d, no multiple of 8", pdu.next))
	end
end

function requests.message_id(conn, pdu, report)
	if not conn.whole or pdu.command == CANCEL then
		return
	end
	local cost = cost_of(conn, pdu)
	if pdu.message_number + cost > conn.granted then
		report("CORE-CREDIT-0015", string.format(
			"%s request takes message ids %.0f to %.0f, granted are " ..
			"those below %.0f", command_name(pdu), pdu.message_number,
			pdu.message_number + cost - 1, conn.granted))
	end
	local before = conn.used[pdu.message_id]
	if before then
		report("CORE-CREDIT-0014", string.format(
			"MessageId %.0f was used before, in frame %d",
			pdu.message_number, before))
	end
end

function requests.charge_of_old_dialect(conn, pdu, report)
	if conn.dialect == 0x0202 and pdu.credit_charge ~= 0 then
		report("CORE-CREDIT-0018", string.format(
			"CreditCharge is %d in dialect 2.0.2", pdu.credit_charge))
	end
end

-- Payload or room for the answer: where each command says it.
local PAYLOAD_AT = {[READ] = 68, [WRITE] = 68, [QUERY_DIRECTORY] = 92}

function requests.charge(conn, pdu, report)
	local at = PAYLOAD_AT[pdu.command]
	if not conn.large_mtu or at == nil or not has(pdu, at, 4) then
		return
	end
	local size = u32(pdu, at)
	local needed = size == 0 and 1 or math.floor((size - 1) / 65536) + 1
	if pdu.credit_charge < needed and size > 65536 then
		report("CORE-CREDIT-0017", string.format(
			"CreditCharge is %d for %d bytes, which take %d",
			pdu.credit_charge, size, needed))
	end
end

function requests.signing(conn, pdu, report)
	local session = conn.sessions[pdu.session_id]
	if session and session.signed and not pdu.signed and
		not pdu.encrypted and pdu.command ~= SESSION_SETUP and
		not pdu.related then
		report("CORE-SIGN-0023", command_name(pdu) .. " request is " ..
			"neither signed nor encrypted on a session that " ..
			"requires signing")
	end
end

function requests.encryption(conn, pdu, report)
	if pdu.encrypted or pdu.related then
		return
	end
	local session = conn.sessions[pdu.session_id]
	if session and session.encrypt and pdu.command ~= SESSION_SETUP and
		pdu.command ~= NEGOTIATE then
		report("CORE-ENCRYPT-0031", command_name(pdu) .. " request " ..
			"is not encrypted")
	end
	local tree = pdu.tree_id and conn.trees[tree_key(pdu)]
	if tree and tree.encrypt and pdu.command ~= TREE_CONNECT then
		report("CORE-ENCRYPT-0032", command_name(pdu) .. " request " ..
			"is not encrypted")
	end
end

-------------------------------------------------------------------------------
-- What a server must keep to.

function responses.command_of_request(conn, pdu, report)
	local request = conn.requests[pdu.message_id]
	if request and request.command ~= pdu.command then
		report("CORE-HEADER-0003", string.format(
			"MessageId %.0f was %s, the response says %s",
			pdu.message_number, command_name(request),
			command_name(pdu)))
	end
end

function responses.message_of_request(conn, pdu, report)
	local known = conn.requests[pdu.message_id] or
		conn.used[pdu.message_id]
	if conn.whole and not pdu.unsolicited and not known then
		report("CORE-HEADER-0004", string.format(
			"no request had MessageId %.0f", pdu.message_number))
	end
end

function responses.session_of_request(conn, pdu, report)
	local request = conn.requests[pdu.message_id]
	if request and not request.related and request.session_id ~= ZERO and
		request.session_id ~= pdu.session_id then
		report("CORE-HEADER-0005", string.format(
			"SessionId is 0x%s, in the request 0x%s",
			pdu.session_id, request.session_id))
	end
end

function responses.tree_of_request(conn, pdu, report)
	local request = conn.requests[pdu.message_id]
	if request and not request.related and not pdu.async and
		request.command ~= TREE_CONNECT and request.tree_id and
		request.tree_id ~= 0 and request.tree_id ~= pdu.tree_id then
		report("CORE-HEADER-0006", string.format(
			"TreeId is 0x%08x, in the request 0x%08x",
			pdu.tree_id, request.tree_id))
	end
end

function responses.next_of_single(conn, pdu, report)
	if pdu.last and pdu.place == 1 and pdu.next ~= 0 then
		report("CORE-HEADER-0007", string.format(
			"NextCommand is %d but nothing follows", pdu.next))
	end
end

function responses.negotiate_session(conn, pdu, report)
	if pdu.command == NEGOTIATE and pdu.session_id ~= ZERO then
		report("CORE-HEADER-0009", "NEGOTIATE response has SessionId 0x"
			.. pdu.session_id)
	end
end

function responses.error_body(conn, pdu, report)
	if not is_error_body(pdu) or not has(pdu, 64, 9) then
		return
	end
	local contexts = pdu.range(66, 1):uint()
	if contexts ~= 0 and conn.dialect and conn.dialect ~= 0x0311 then
		report("CORE-HEADER-0018", string.format(
			"ErrorContextCount is %d in dialect 0x%04x", contexts,
			conn.dialect))
	end
	local count = u32(pdu, 68)
	if 72 + count > pdu.size then
		report("CORE-HEADER-0017", string.format("ByteCount is %d, " ..
			"ErrorData has %d", count, pdu.size - 72))
	end
	if pdu.range(67, 1):uint() ~= 0 then
		report("CORE-HEADER-0019", "Reserved of an ERROR response is " ..
			"not zero")
	end
end

function responses.error_size(conn, pdu, report)
	local sizes = STRUCTURE_SIZES[pdu.command]
	if is_failure(pdu.status) and sizes and
		pdu.structure_size and pdu.structure_size ~= 9 and
		pdu.structure_size ~= sizes[2] then
		report("CORE-HEADER-0016", string.format(
			"an ERROR response has StructureSize %d",
			pdu.structure_size))
	end
end

function responses.compound_alignment(conn, pdu, report)
	if pdu.next % 8 ~= 0 then
		report("CORE-COMPOUND-0015", string.format(
			"NextCommand is %d, no multiple of 8", pdu.next))
	end
end

function responses.negotiate_credits(conn, pdu, report)
	if pdu.command == NEGOTIATE and pdu.credits == 0 then
		report("CORE-CREDIT-0006", "the NEGOTIATE response grants no " ..
			"credits")
	end
end

function responses.credits_left(conn, pdu, report)
	if conn.whole and conn.credits <= 0 and not pdu.unsolicited and
		next(conn.outstanding) == nil then
		report("CORE-CREDIT-0007", "the client is left with " ..
			conn.credits .. " credits and no request under way")
	end
end

function responses.interim(conn, pdu, report)
	if pdu.unsolicited then
		return
	end
	if pdu.status == PENDING then
		if not pdu.async then
			report("CORE-ASYNC-0003", "STATUS_PENDING without " ..
				"SMB2_FLAGS_ASYNC_COMMAND")
		elseif pdu.async_id == ZERO then
			report("CORE-ASYNC-0004", "AsyncId is zero")
		end
		if is_error_body(pdu) and has(pdu, 68, 4) and u32(pdu, 68) ~= 0 then
			report("CORE-ASYNC-0006", "ByteCount of an interim " ..
				"response is not zero")
		end
		if pdu.signed and not pdu.encrypted then
			report("CORE-SIGN-0010", "an interim response is signed")
		end
		return
	end
	local interim = conn.asyncs[pdu.message_id]
	if interim and not pdu.async then
		report("CORE-ASYNC-0009", "the final response of an " ..
			"asynchronous request lacks SMB2_FLAGS_ASYNC_COMMAND")
	elseif interim and interim ~= pdu.async_id then
		report("CORE-ASYNC-0010", string.format(
			"AsyncId is 0x%s, in the interim response 0x%s",
			pdu.async_id, interim))
	end
	if interim and pdu.credits ~= 0 then
		report("CORE-ASYNC-0008", string.format("the final response " ..
			"of an asynchronous request grants %d credits",
			pdu.credits))
	end
end

function responses.cancel(conn, pdu, report)
	if pdu.command == CANCEL then
		report("CORE-CANCEL-0001", "a response to CANCEL")
	end
end

function responses.encrypted_like_request(conn, pdu, report)
	local request = conn.requests[pdu.message_id]
	if request and request.encrypted and not pdu.encrypted then
		report("CORE-ENCRYPT-0012", "the request was encrypted, its " ..
			"response is not")
	end
end

function responses.signed_like_request(conn, pdu, report)
	local request = conn.requests[pdu.message_id]
	if request and request.signed and not pdu.signed and
		not pdu.encrypted and pdu.status ~= PENDING and
		conn.sessions[pdu.session_id] then
		report("CORE-SIGN-0009", "the request was signed, its " ..
			"response is not")
	end
end

function responses.final_session_setup(conn, pdu, report)
	if pdu.command ~= SESSION_SETUP or pdu.status ~= NO_STATUS or
		not has(pdu, 66, 2) then
		return
	end
	local nobody = bit.band(u16(pdu, 66), 3) ~= 0
	if not nobody and not pdu.signed and not pdu.encrypted and
		conn.dialect and conn.dialect >= 0x0300 then
		report("CORE-SIGN-0013", "the final SESSION_SETUP response is " ..
			"not signed")
	end
end

-------------------------------------------------------------------------------
-- What a PDU changes in the state of its connection; after the checks.

local function learn_request(conn, pdu, frame)
	if pdu.command == NEGOTIATE and pdu.message_number == 0 then
		conn.whole = true
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
	conn.large_mtu = conn.dialect ~= 0x0202 and flag(u32(pdu, 88), 4)
	if conn.dialect == 0x02ff then
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
		encrypt = flag(flags, 4),
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
		}
	end
	if pdu.status == PENDING then
		conn.asyncs[pdu.message_id] = pdu.async_id
	else
		conn.outstanding[pdu.message_id] = nil
	end
end

-- After the checks of a final response: nobody waits for it any more.
local function forget_request(conn, pdu)
	if pdu.status ~= PENDING then
		conn.requests[pdu.message_id] = nil
		conn.asyncs[pdu.message_id] = nil
	end
end

-------------------------------------------------------------------------------
-- Reporting.

local rule_field = ProtoField.string("smb3x.rule", "Rule")
local who_field = ProtoField.string("smb3x.who", "Broken by")
proto.fields = {rule_field, who_field}

-- id = level (MUST or SHOULD), of every rule that is judged here.
local RULES = {
	["CORE-ASYNC-0003"] = "MUST", ["CORE-ASYNC-0004"] = "MUST",
	["CORE-ASYNC-0006"] = "MUST", ["CORE-ASYNC-0008"] = "MUST",
	["CORE-ASYNC-0009"] = "MUST", ["CORE-ASYNC-0010"] = "MUST",
	["CORE-CANCEL-0001"] = "MUST", ["CORE-COMPOUND-0015"] = "MUST",
	["CORE-COMPOUND-0018"] = "MUST", ["CORE-COMPOUND-0019"] = "MUST",
	["CORE-COMPOUND-0020"] = "MUST", ["CORE-CREDIT-0006"] = "MUST",
	["CORE-CREDIT-0007"] = "MUST", ["CORE-CREDIT-0014"] = "MUST",
	["CORE-CREDIT-0015"] = "MUST", ["CORE-CREDIT-0017"] = "SHOULD",
	["CORE-CREDIT-0018"] = "MUST", ["CORE-ENCRYPT-0012"] = "MUST",
	["CORE-ENCRYPT-0029"] = "MUST", ["CORE-ENCRYPT-0031"] = "MUST",
	["CORE-ENCRYPT-0032"] = "MUST", ["CORE-HEADER-0001"] = "MUST",
	["CORE-HEADER-0003"] = "MUST", ["CORE-HEADER-0004"] = "MUST",
	["CORE-HEADER-0005"] = "MUST", ["CORE-HEADER-0006"] = "MUST",
	["CORE-HEADER-0007"] = "MUST", ["CORE-HEADER-0008"] = "MUST",
	["CORE-HEADER-0009"] = "MUST", ["CORE-HEADER-0016"] = "MUST",
	["CORE-HEADER-0017"] = "MUST", ["CORE-HEADER-0018"] = "MUST",
	["CORE-HEADER-0019"] = "MUST", ["CORE-HEADER-0021"] = "MUST",
	["CORE-HEADER-0022"] = "MUST", ["CORE-HEADER-0023"] = "MUST",
	["CORE-HEADER-0024"] = "MUST", ["CORE-HEADER-0025"] = "MUST",
	["CORE-SIGN-0009"] = "SHOULD", ["CORE-SIGN-0010"] = "SHOULD",
	["CORE-SIGN-0013"] = "MUST", ["CORE-SIGN-0023"] = "MUST",
	["CORE-SIGN-0024"] = "MUST", ["CORE-SIGN-0025"] = "MUST",
}

local experts = {}
local expert_list = {}
for id, level in pairs(RULES) do
	local severity = level == "MUST" and expert.severity.ERROR
		or expert.severity.WARN
	experts[id] = ProtoExpert.new("smb3x.req." .. id:lower(), id,
		expert.group.PROTOCOL, severity)
	expert_list[#expert_list + 1] = experts[id]
end
proto.experts = expert_list

local function show(tree, verdict)
	local item = tree:add(rule_field, verdict.id)
	item:set_text(string.format("%s broken by the %s: %s", verdict.id,
		verdict.who, verdict.text))
	item:add(who_field, verdict.who):set_generated()
	item:add_proto_expert_info(experts[verdict.id], string.format(
		"%s: the %s: %s", verdict.id, verdict.who, verdict.text))
end

-------------------------------------------------------------------------------
-- One frame.

local function judge_pdu(conn, pdu, frame, found)
	local who = pdu.response and "server" or "client"
	local function report(id, text)
		found[#found + 1] = {id = id, who = who, text = text}
		totals[id] = totals[id] or {who = who, count = 0, frame = frame}
		totals[id].count = totals[id].count + 1
	end
	for _, check in pairs(both) do
		check(conn, pdu, report)
	end
	if not pdu.response then
		for _, check in pairs(requests) do
			check(conn, pdu, report)
		end
		learn_request(conn, pdu, frame)
		return
	end
	learn_response(conn, pdu)
	for _, check in pairs(responses) do
		check(conn, pdu, report)
	end
	forget_request(conn, pdu)
end

-- The PDUs of a frame in order, with what their place in a compound says.
local function pdus_of(conn)
	local list = {}
	local sealed, before = false, nil
	for _, info in ipairs({smb2_pdu()}) do
		local range = info.range
		if is_transform(range) then
			conn.whole = conn.whole and not sealed
			sealed, before = true, nil
		elseif is_smb2(range) then
			local pdu = parse_header(range, sealed)
			if pdu then
				local inside = before and before.next ~= 0
				pdu.place = inside and before.place + 1 or 1
				pdu.before_related = before and before.related
				pdu.last = true
				if inside then
					before.last = false
				end
				list[#list + 1] = pdu
				before = pdu
				sealed = sealed and pdu.next ~= 0
			end
		end
	end
	conn.whole = conn.whole and not sealed
	return list
end

local function judge_frame(number)
	local stream = tcp_stream()
	local found = {}
	if stream then
		local conn = connection_of(stream.value)
		for _, pdu in ipairs(pdus_of(conn)) do
			judge_pdu(conn, pdu, number, found)
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
	local found = verdicts[pinfo.number]
	if found == nil then
		found = judge_frame(pinfo.number)
		verdicts[pinfo.number] = found
	end
	if #found > 0 then
		local subtree = tree:add(proto)
		for _, verdict in ipairs(found) do
			show(subtree, verdict)
		end
	end
end

register_postdissector(proto)

-------------------------------------------------------------------------------
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
		print(string.format("%-20s %-6s %5d times, first in frame %d", id,
			total.who, total.count, total.frame))
	end
end

for _, argument in ipairs(arguments) do
	if argument == "report" then
		local tap = Listener.new("frame")
		tap.draw = print_report
	end
end
