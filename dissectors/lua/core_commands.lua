-- SPDX-License-Identifier: MIT
--
-- Rules of area CORE about the bodies of commands.

-- How many contexts of each type there are, and the numbers in the last one.
local function negotiate_contexts(pdu, at, count)
	local found = {}
	for kind, data, size in negotiate_list(pdu, at, count) do
		local context = {n = (found[kind] or {n = 0}).n + 1}
		local first = data + (kind == PREAUTH and 4 or 2)
		local last = size >= 2 and first + 2 * (u16(pdu, data) - 1) or 0
		for i = first, last, 2 do
			if i + 2 <= data + size then
				context[#context + 1] = u16(pdu, i)
				context["has" .. u16(pdu, i)] = true
			end
		end
		found[kind] = context
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

-- NTLM without a user: servers may forget to say that the session is nobody's.
local function without_user(pdu)
	local at = pdu.head:find("NTLMSSP\0\3\0\0\0", 1, true)
	return at and has(pdu, at - 1, 40) and u16(pdu, at + 35) == 0
end

ask[SESSION_SETUP] = function(_, pdu, bad)
	pdu.security_mode = pdu.range(67, 1):uint()
	pdu.nobody = without_user(pdu)
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
	-- What is not known may be a pipe.
	local tree = conn.trees[tree_key(request)] or {pipe = true}
	local oplock, action = pdu.range(66, 1):uint(), u32(pdu, 68)
	-- An open that there is already is answered as it was made.
	local again = (request.posix or {}).reconnect or
		flag(request.flags, 0x20000000)
	local possible = not again and ACTIONS[request.disposition]
	bad(not tree.pipe and possible and not possible[action],
		request.disposition == 2 and "CREATE-0032" or "CREATE-0033",
		"CreateAction is %d for CreateDisposition %d", action,
		request.disposition)
	bad(flag(u32(pdu, 120), 0x80) and u32(pdu, 120) ~= 0x80, "CREATE-0062",
		"FileAttributes are 0x%08x", u32(pdu, 120))
	bad(ones_at(pdu, 128), "CREATE-0059", "FileId is all ones")
	bad(not again and oplock > request.oplock, "CREATE-0063",
		"OplockLevel is 0x%02x, asked for was 0x%02x", oplock,
		request.oplock)
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

judges("CORE", expert.severity.ERROR, [[
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
]])
judges("CORE", expert.severity.WARN, [[
CANCEL 0009
COMPOUND 0021
CREDIT 0017
HEADER 0010
SIGN 0009 0010
]])
