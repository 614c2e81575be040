-- SPDX-License-Identifier: MIT
--
-- Rules of area PSX about opens: negotiation, the POSIX context of CREATE,
-- names, and the response to a path that crosses a symbolic link.

local TAG = "93ad25509cb411e7b42383de968bcd7c"
local MIXED = "5025ad93b49ce711b42383de968bcd7c"
local POSIX_EXTENSIONS = 0x0100
local REPARSE_POINT, IS_SYMLINK, IS_FIFO = 0x00200000, 2, 5
local RECONNECT = {["44486e43"] = true, ["44483243"] = true} -- DHnC, DH2C

local mode_field = field("posix.mode", "Mode")
local owner_field = field("posix.owner", "Owner")
local group_field = field("posix.group", "Group")
local handle_field = field("posix.handle", "POSIX open")
local target_field = field("posix.target", "Target of the symbolic link")
local unparsed_field = field("posix.unparsed", "Part of the name behind it")
local link_field = field("posix.link", "Name of the symbolic link")

local TYPES = {[0] = "-", "d", "l", "c", "b", "p", "s", "?"}

-- 0x11ed is "drwxr-xr-x 0755".
function posix.mode_text(mode)
	local text = TYPES[bit.band(bit.rshift(mode, 12), 7)]
	for shift = 6, 0, -3 do
		local three = bit.band(bit.rshift(mode, shift), 7)
		text = text .. (flag(three, 4) and "r" or "-") ..
			(flag(three, 2) and "w" or "-") ..
			(flag(three, 1) and "x" or "-")
	end
	return string.format("%s %04o", text, bit.band(mode, 0xfff))
end

-- The SID at an offset as text, and where it ends; nil when it is no SID.
function posix.sid(pdu, at, stop)
	if at + 8 > stop or not has(pdu, at, 8) then
		return nil
	end
	local count = pdu.range(at + 1, 1):uint()
	if count > 15 or at + 8 + 4 * count > stop or
		not has(pdu, at, 8 + 4 * count) then
		return nil
	end
	local text = string.format("S-%d-%d", pdu.range(at, 1):uint(),
		pdu.range(at + 4, 4):uint())
	for i = at + 8, at + 4 + 4 * count, 4 do
		text = string.format("%s-%.0f", text, u32(pdu, i))
	end
	return text, at + 8 + 4 * count
end

local MEANINGS = {{"^S%-1%-22%-1%-(%d+)$", "uid "},
	{"^S%-1%-22%-2%-(%d+)$", "gid "}, {"^S%-1%-5%-88%-1%-(%d+)$", "uid "},
	{"^S%-1%-5%-88%-2%-(%d+)$", "gid "}, {"^(S%-1%-0%-0)$", "nobody, "}}

function posix.sid_text(sid)
	for _, meaning in ipairs(MEANINGS) do
		local id = sid:match(meaning[1])
		if id then
			return meaning[2] .. id
		end
	end
	return sid
end

-- Mode and owners behind each other, as CREATE and class 0x64 have them;
-- returns where they end, or nil.
function posix.owners(pdu, mode_at, stop, bad)
	local mode = u32(pdu, mode_at)
	bad(mode >= 0x8000, "PSX-CREATE-0029", "POSIXMode is 0x%08x%s", mode,
		flag(mode, 0x8000) and ": S_IFREG of a st_mode?" or "")
	local owner, group
	owner, stop, group = posix.two_sids(pdu, mode_at + 4, stop)
	tell(pdu, mode_field, posix.mode_text(mode))
	if stop then
		tell(pdu, owner_field, posix.sid_text(owner))
		tell(pdu, group_field, posix.sid_text(group))
	end
	return stop, mode
end

function posix.two_sids(pdu, at, stop)
	local owner, middle = posix.sid(pdu, at, stop)
	local group, last
	if owner then
		group, last = posix.sid(pdu, middle, stop)
	end
	return owner, last, group
end

-- UTF-16 as text, with a dot for what is no printable ASCII character.
function posix.text(pdu, at, size)
	local parts = {}
	for i = at, at + size - 2, 2 do
		local unit = has(pdu, i, 2) and u16(pdu, i) or 0
		parts[#parts + 1] = unit >= 0x20 and unit < 0x7f and
			string.char(unit) or unit == 0 and "\0" or "."
	end
	return table.concat(parts)
end

-- NEGOTIATE.

local function tags(pdu, at, count)
	local found = {n = 0}
	for kind, data, size in negotiate_list(pdu, at, count) do
		if kind == POSIX_EXTENSIONS then
			found.n, found.size = found.n + 1, size
			for i = data, data + size - 16, 16 do
				found[pdu.range(i, 16):bytes():tohex(true)] =
					true
			end
		end
	end
	return found
end

also(ask, NEGOTIATE, function(_, pdu, bad)
	pdu.tags = {n = 0}
	if not (pdu.offers or {})[0x0311] then
		return
	end
	local found = tags(pdu, u32(pdu, 92), u16(pdu, 96))
	bad(found.n > 1, "PSX-NEGOTIATE-0002", "%d " ..
		"SMB2_POSIX_EXTENSIONS_AVAILABLE contexts", found.n)
	bad(found.n > 0 and (found.size == 0 or found.size % 16 ~= 0),
		"PSX-NEGOTIATE-0003", "DataLength of the " ..
		"SMB2_POSIX_EXTENSIONS_AVAILABLE context is %d, no tags of " ..
		"16 bytes", found.size or 0)
	bad(found[MIXED], "PSX-NEGOTIATE-0004", "the tag is a GUID in mixed " ..
		"byte order")
	pdu.tags = found
end)

also(answer, NEGOTIATE, function(conn, pdu, request, bad)
	local asked = request.tags or {n = 0}
	conn.posix = false
	if u16(pdu, 68) ~= 0x0311 then
		return
	end
	local found = tags(pdu, u32(pdu, 124), u16(pdu, 70))
	bad(found.n > 1, "PSX-NEGOTIATE-0007", "%d " ..
		"SMB2_POSIX_EXTENSIONS_AVAILABLE contexts", found.n)
	bad(found.n > 0 and asked.n == 0, "PSX-NEGOTIATE-0009",
		"the client has not asked for the extensions")
	bad(found.n > 0 and asked.n > 0 and not asked[TAG],
		"PSX-NEGOTIATE-0010", "the client has not offered version 1")
	bad(found.n > 0 and (found.size ~= 16 or not found[TAG]),
		"PSX-NEGOTIATE-0008", "the context has %d bytes, or a tag " ..
		"that was not offered", found.size or 0)
	bad(asked.n > 0 and asked.size == 0, "PSX-NEGOTIATE-0014",
		"the request had a context without data and succeeded")
	bad(asked.n > 0 and asked.size % 16 ~= 0, "PSX-NEGOTIATE-0013",
		"the request had %d bytes of tags and succeeded",
		asked.size or 0)
	bad(asked.n > 1, "PSX-NEGOTIATE-0015",
		"the request had %d contexts and succeeded", asked.n)
	conn.posix = found.n == 1 and asked[TAG] == true
end)

-- CREATE.

-- The POSIX contexts of a CREATE request or response and what goes with them.
local function create_contexts(pdu, at, size)
	local found = {n = 0}
	for tag, data, bytes in create_list(pdu, at, size) do
		if tag == TAG then
			found.n, found.at, found.size = found.n + 1, data, bytes
		end
		found.reconnect = found.reconnect or RECONNECT[tag]
	end
	return found
end

-- What is wrong with a name: {client's rule, server's rule, what}.
local function faults(name)
	local list = {}
	local function fault(condition, client, server, what)
		if condition then
			list[#list + 1] = {client = client, server = server,
				what = what}
		end
	end
	local inside = "/" .. name .. "/"
	fault(name:find("^/"), "PSX-PATH-0001",
		"PSX-PATH-0017", "begins with a slash")
	fault(name:find("./$"), "PSX-PATH-0001",
		"PSX-PATH-0018", "ends in a slash")
	fault(name:find(".//+."), "PSX-PATH-0001",
		"PSX-PATH-0019", "has an empty component")
	fault(inside:find("/%./"), "PSX-PATH-0002",
		"PSX-PATH-0020", "has the component \".\"")
	fault(inside:find("/%.%./"), "PSX-PATH-0002",
		"PSX-PATH-0021", "has the component \"..\"")
	fault(name:find("%z"), "PSX-PATH-0003",
		"PSX-PATH-0022", "has a character of value zero")
	return list
end

also(ask, CREATE, function(conn, pdu, bad)
	local found = create_contexts(pdu, u32(pdu, 112), u32(pdu, 116))
	local mode = found.size == 4 and has(pdu, found.at, 4) and
		u32(pdu, found.at) or 0
	local posix_wanted = found.n > 0
	local name_at, name_size = u16(pdu, 108), u16(pdu, 110)
	pdu.posix = found
	pdu.options, pdu.access = u32(pdu, 104), u32(pdu, 88)
	pdu.name_size = name_size
	pdu.name = has(pdu, name_at, name_size) and
		posix.text(pdu, name_at, name_size) or ""
	bad(found.n > 1, "PSX-CREATE-0001", "%d POSIX contexts", found.n)
	bad(posix_wanted and found.size ~= 4, "PSX-CREATE-0002",
		"%.0f bytes of data in the POSIX context", found.size or 0)
	bad(mode >= 0x1000, "PSX-CREATE-0003", "POSIXMode is 0x%08x%s", mode,
		mode == 0xffff and ": \"no mode\" of the Linux client" or
		flag(mode, 0xf000) and ": a st_mode with its type?" or "")
	bad(posix_wanted and mode ~= 0 and (pdu.disposition == 1 or
		pdu.disposition == 4), "PSX-CREATE-0004",
		"POSIXMode is 0x%04x with CreateDisposition %d", mode,
		pdu.disposition)
	bad(posix_wanted and u32(pdu, 96) ~= 7, "PSX-CREATE-0005",
		"ShareAccess is %d, not 7", u32(pdu, 96))
	bad(posix_wanted and found.reconnect, "PSX-CREATE-0006",
		"a reconnect of a durable open has a POSIX context")
	bad(posix_wanted and conn.posix == false, "PSX-NEGOTIATE-0005",
		"a POSIX context, the extensions were not negotiated")
	if posix_wanted then
		tell(pdu, mode_field, posix.mode_text(bit.band(mode, 0xfff)))
		pdu.faults = faults(pdu.name)
		for _, fault in ipairs(pdu.faults) do
			bad(true, fault.client, "the name %s", fault.what)
		end
	end
end)

local function judge_response_context(pdu, request, found, bad)
	local stop, mode = posix.owners(pdu, found.at + 8,
		found.at + found.size, bad)
	bad(stop ~= found.at + found.size, "PSX-CREATE-0030",
		"%.0f bytes of data are not two SIDs behind 12 bytes",
		found.size)
	local kind = bit.band(bit.rshift(mode, 12), 7)
	local followed = not flag(request.options, REPARSE_POINT) and
		request.disposition ~= 2
	bad(kind == IS_SYMLINK and followed, "PSX-LINK-0008",
		"a symbolic link was opened without FILE_OPEN_REPARSE_POINT")
	bad(kind > IS_SYMLINK and kind < 7 and followed, "PSX-LINK-0019",
		"a %s was opened without FILE_OPEN_REPARSE_POINT",
		kind == IS_FIFO and "named pipe" or "special file")
	for _, fault in ipairs(request.faults or {}) do
		bad(true, fault.server, "the name %s and was opened",
			fault.what)
	end
end

-- FILE_APPEND_DATA without FILE_WRITE_DATA, GENERIC_WRITE and the like.
local function appends(access)
	return flag(access, 4) and not flag(access, 0x52000002)
end

also(answer, CREATE, function(conn, pdu, request, bad)
	local asked = request.posix or {n = 0}
	local found = create_contexts(pdu, u32(pdu, 144), u32(pdu, 148))
	bad(found.n > 0 and asked.n == 0, "PSX-CREATE-0009",
		"a POSIX context in the response, the request has none")
	bad(found.n > 0 and conn.posix == false, "PSX-CREATE-0008",
		"a POSIX context, the extensions were not negotiated")
	bad(found.n > 0 and asked.n > 1, "PSX-CREATE-0010",
		"the request had %d POSIX contexts and succeeded", asked.n)
	bad(found.n > 0 and asked.n == 1 and asked.size ~= 4,
		"PSX-CREATE-0011", "the request had %.0f bytes of data in " ..
		"its POSIX context and succeeded", asked.size or 0)
	local is_posix = found.n > 0 and asked.n > 0
	if found.n > 0 and has(pdu, found.at, 12) then
		judge_response_context(pdu, request, found, bad)
		tell(pdu, handle_field, request.name)
	end
	handles[handle_key(pdu, 128)] = {posix = is_posix,
		append = is_posix and appends(request.access),
		name = request.name}
end)

also(answer, CLOSE, function(_, _, request)
	handles[request.handle or ""] = nil
end)

also(ask, CLOSE, function(_, pdu)
	pdu.handle = handle_key(pdu, 72)
end)

-- The error data of STATUS_STOPPED_ON_SYMLINK in 3.1.1; a POSIX open's only.
function responses.posix_symlink(conn, pdu, bad)
	local request = conn.requests[pdu.message_id]
	if pdu.status ~= STOPPED_ON_SYMLINK or request == nil or
		request.command ~= CREATE or not request.posix or
		request.posix.n == 0 or not conn.posix then
		return
	end
	local whole = has(pdu, 72, 36) and pdu.range(66, 1):uint() == 1 and
		u32(pdu, 76) == 0 and u32(pdu, 84) == 0x4c4d5953 and
		u32(pdu, 88) == 0xa000000c
	bad(not whole, "PSX-LINK-0011", "the error data is no Symbolic Link " ..
		"Error Response in one error context")
	if not whole then
		return
	end
	local unparsed, size = u16(pdu, 94), request.name_size
	local rest = request.name:sub(#request.name - unparsed / 2 + 1)
	bad(unparsed > size or unparsed % 2 ~= 0 or unparsed > 0 and
		rest:sub(1, 1) ~= "/", "PSX-LINK-0012", "UnparsedPathLength " ..
		"is %d, the name \"%s\" has %d bytes", unparsed, request.name,
		size)
	local at = 108 + u16(pdu, 96)
	local target = posix.text(pdu, at, u16(pdu, 98))
	bad((target:sub(1, 1) == "/") == flag(u32(pdu, 104), 1),
		"PSX-LINK-0016", "SYMLINK_FLAG_RELATIVE is %s, the target " ..
		"\"%s\"", flag(u32(pdu, 104), 1) and "set" or "not set", target)
	tell(pdu, link_field, request.name:sub(1, #request.name - #rest))
	tell(pdu, target_field, target)
	tell(pdu, unparsed_field, rest)
end

judges("PSX", expert.severity.ERROR, [[
CREATE 0001 0002 0003 0006 0008 0009 0010 0011 0029 0030
LINK 0008 0011 0012 0016 0019
NEGOTIATE 0002 0003 0004 0005 0007 0008 0009 0010 0013 0014 0015
PATH 0001 0002 0003 0017 0018 0020 0021 0022
]])
judges("PSX", expert.severity.WARN, [[
CREATE 0004 0005
PATH 0019
]])
