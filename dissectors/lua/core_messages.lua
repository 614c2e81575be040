-- SPDX-License-Identifier: MIT
--
-- Rules of area CORE about whole messages: headers, credits, protection.

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
	bad(session and session.encrypt and not conn.secure and command ~=
		SESSION_SETUP and command ~= NEGOTIATE, "ENCRYPT-0031",
		"%s request is not encrypted", name)
	local tree = pdu.tree_id and not conn.secure and
		conn.trees[tree_key(pdu)]
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
	bad(pdu.last and pdu.place == 1 and pdu.next ~= 0 and not pdu.cut,
		"HEADER-0007",
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
	if not is_error_body(pdu) or not has(pdu, 64, 9) or pdu.cut then
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
	if request then
		request.interim_credits = pdu.credits
	end
	bad(pdu.signed and not pdu.encrypted, "SIGN-0010",
		"an interim response is signed")
end

function responses.asynchronous(conn, pdu, bad)
	local interim = conn.asyncs[pdu.message_id]
	local request = conn.requests[pdu.message_id] or {}
	if not pdu.unsolicited and pdu.status == PENDING then
		judge_interim(conn, pdu, bad)
	elseif not pdu.unsolicited and interim then
		bad(not pdu.async, "ASYNC-0009", "the final response of an " ..
			"asynchronous request lacks SMB2_FLAGS_ASYNC_COMMAND")
		bad(pdu.async and interim ~= pdu.async_id, "ASYNC-0010",
			"AsyncId is 0x%s, in the interim response 0x%s",
			pdu.async_id or ZERO, interim)
		bad(pdu.credits ~= 0 and request.interim_credits == 0,
			"ASYNC-0007", "the interim response granted none, " ..
			"the final response %d credits", pdu.credits)
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
	local request = conn.requests[pdu.message_id]
	local nobody = bit.band(u16(pdu, 66), 3) ~= 0 or
		request and request.nobody
	bad(pdu.status == NO_STATUS and not nobody and not pdu.signed and not
		pdu.encrypted and conn.dialect and conn.dialect >= 0x0300,
		"SIGN-0013", "the final SESSION_SETUP response is not signed")
end
