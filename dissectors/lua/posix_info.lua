-- SPDX-License-Identifier: MIT
--
-- Rules of area PSX about what is done with an open: class 0x64 in its three
-- shapes, modes and owners in security descriptors, names of renames, appends.

local POSIX_CLASS, FILE_INFO, FS_INFO, SECURITY = 0x64, 1, 2, 3
local RENAME, LINK, DISPOSITION_EX, RENAME_EX = 10, 11, 64, 65
local DIRECTORY = 0x10
local UNKNOWN = 18446744073709551615 -- all ones, as a number
local chmod_field = field("posix.chmod", "Change of mode")
local name_field = field("posix.name", "Entry")

local function ordinary(handle)
	return handle and not handle.posix
end

-- The block of 80 bytes and the SIDs behind it; returns where they end.
local function judge_block(pdu, at, stop, bad)
	bad(u32(pdu, at + 64) ~= 0, "PSX-INFO-0012", "Reserved is 0x%08x",
		u32(pdu, at + 64))
	local last, mode = posix.owners(pdu, at + 76, stop, bad)
	local is_directory = bit.band(bit.rshift(mode, 12), 7) == 1
	bad(flag(u32(pdu, at + 48), DIRECTORY) ~= is_directory,
		"PSX-INFO-0022", "FileAttributes are 0x%08x, POSIXMode 0x%08x",
		u32(pdu, at + 48), mode)
	return last
end

also(ask, QUERY_INFO, function(_, pdu, bad)
	local handle = handle_of(pdu)
	pdu.info, pdu.class = pdu.range(66, 1):uint(), pdu.range(67, 1):uint()
	pdu.handle_of = handle
	bad(pdu.class == POSIX_CLASS and ordinary(handle) and pdu.info <=
		FS_INFO, "PSX-INFO-0001", "class 0x64 of \"%s\", which is " ..
		"no POSIX open", handle and handle.name or "")
end)

local function judge_fs(pdu, at, size, bad)
	bad(size ~= 56, "PSX-FS-0001", "%.0f bytes, not 56", size)
	if size ~= 56 or not has(pdu, at, 56) then
		return
	end
	local total, free = number64(pdu, at + 8), number64(pdu, at + 16)
	local available = number64(pdu, at + 24)
	local nodes, free_nodes = number64(pdu, at + 32), number64(pdu, at + 40)
	bad(u32(pdu, at) == 0 or u32(pdu, at + 4) == 0, "PSX-FS-0005",
		"OptimalTransferSize %.0f, BlockSize %.0f", u32(pdu, at),
		u32(pdu, at + 4))
	bad(free > total or available > free and available < UNKNOWN,
		"PSX-FS-0006",
		"%.0f blocks, %.0f free, %.0f available", total, free,
		available)
	bad(free_nodes > nodes and free_nodes < UNKNOWN, "PSX-FS-0007",
		"%.0f file nodes, %.0f free", nodes, free_nodes)
end

also(answer, QUERY_INFO, function(_, pdu, request, bad)
	local at, size = u16(pdu, 66), u32(pdu, 68)
	if request.class ~= POSIX_CLASS or request.info > FS_INFO then
		return
	end
	if request.info == FS_INFO then
		bad(ordinary(request.handle_of), "PSX-FS-0002",
			"an answer on an ordinary open")
		judge_fs(pdu, at, size, bad)
		return
	end
	bad(ordinary(request.handle_of), "PSX-INFO-0003",
		"an answer on an ordinary open")
	if pdu.status == NO_STATUS and has(pdu, at, size) then
		local last = size >= 80 and
			judge_block(pdu, at, at + size, bad)
		bad(last ~= at + size, "PSX-INFO-0007", "%.0f bytes are not " ..
			"80 and two SIDs", size)
	end
end)

also(ask, QUERY_DIRECTORY, function(_, pdu)
	pdu.class, pdu.handle_of = pdu.range(66, 1):uint(), handle_of(pdu)
end)

-- One entry of a listing; returns false where it is not as it should be.
local function judge_entry(pdu, at, stop, bad)
	local last = stop - at >= 88 and judge_block(pdu, at + 8, stop, bad)
	local size = last and last + 4 <= stop and u32(pdu, last)
	local whole = size and last + 4 + size <= stop
	bad(not whole, "PSX-INFO-0010", "an entry of %d bytes is not 88, " ..
		"two SIDs, FileNameLength and the name", stop - at)
	if whole then
		tell(pdu, name_field, posix.text(pdu, last + 4, size))
	end
	return whole
end

also(answer, QUERY_DIRECTORY, function(_, pdu, request, bad)
	local at, size = u16(pdu, 66), u32(pdu, 68)
	if request.class ~= POSIX_CLASS or size == 0 then
		return
	end
	bad(ordinary(request.handle_of), "PSX-INFO-0004",
		"an answer on an ordinary open")
	local stop = at + size
	while at + 8 <= stop and has(pdu, at, stop - at) do
		local step = u32(pdu, at)
		bad(step % 8 ~= 0 or at + step >= stop, "PSX-INFO-0011",
			"NextEntryOffset is %.0f, %d bytes remain", step,
			stop - at)
		if not judge_entry(pdu, at, step == 0 and stop or
			math.min(at + step, stop), bad) or step == 0 then
			break
		end
		at = at + step
	end
end)

-- The mode SIDs of a DACL: how many entries there are, and of each mode SID
-- the type of its entry and the numbers behind S-1-5.
local function mode_sids(pdu, at)
	local found, count = {}, has(pdu, at, 8) and u16(pdu, at + 4) or 0
	at = at + 8
	for _ = 1, count do
		local size = has(pdu, at, 16) and u16(pdu, at + 2) or 0
		if size < 16 or not has(pdu, at, size) then
			break
		end
		local sid = posix.sid(pdu, at + 8, at + size) or ""
		if sid:find("^S%-1%-5%-88%-3%-") or sid == "S-1-5-88-3" then
			found[#found + 1] = {kind = pdu.range(at, 1):uint(),
				mode = tonumber(sid:match(
				"^S%-1%-5%-88%-3%-(%d+)$")), sid = sid}
		end
		at = at + size
	end
	return found, count
end

local function judge_security(pdu, handle, at, bad)
	local dacl = has(pdu, at, 20) and u32(pdu, at + 16) or 0
	if dacl == 0 or not flag(u32(pdu, 76), 4) then
		return
	end
	local found, count = mode_sids(pdu, at + dacl)
	local first = found[1]
	if first == nil then
		return
	end
	bad(ordinary(handle), "PSX-SECURITY-0003", "%s on an ordinary open",
		first.sid)
	bad(count ~= 1 or not first.mode or first.mode > 0xfff,
		"PSX-SECURITY-0001", "%s in a DACL of %d entries", first.sid,
		count)
	bad(first.kind ~= 0, "PSX-SECURITY-0002", "the entry has type %d",
		first.kind)
	tell(pdu, chmod_field, "%04o%s", bit.band(first.mode or 0, 0xfff),
		handle and handle.name ~= "" and " " .. handle.name or "")
end

also(ask, SET_INFO, function(_, pdu, bad)
	local info, class = pdu.range(66, 1):uint(), pdu.range(67, 1):uint()
	local at, handle = u16(pdu, 72), handle_of(pdu)
	pdu.info, pdu.class = info, class
	bad(info == FILE_INFO and class == POSIX_CLASS, "PSX-INFO-0002",
		"class 0x64 is to be set")
	if info == SECURITY then
		judge_security(pdu, handle, at, bad)
	end
	if info ~= FILE_INFO or not handle or not handle.posix then
		return
	end
	bad(class == DISPOSITION_EX or class == RENAME_EX, "PSX-DELETE-0001",
		"class %d on a POSIX open", class)
	bad((class == RENAME or class == LINK) and has(pdu, at, 22) and
		u32(pdu, at + 16) >= 2 and u16(pdu, at + 20) == 0x2f,
		"PSX-PATH-0004", "the new name begins with a slash")
end)

also(answer, SET_INFO, function(_, pdu, request, bad)
	bad(request.info == FILE_INFO and request.class == POSIX_CLASS and
		pdu.status == NO_STATUS, "PSX-INFO-0006",
		"class 0x64 was set")
end)

also(ask, WRITE, function(_, pdu, bad)
	local handle, at_end = handle_of(pdu), u64(pdu, 72) == ONES
	if not handle or not handle.posix then
		return
	end
	bad(handle.append and not at_end, "PSX-APPEND-0001",
		"Offset is 0x%s on an append open", u64(pdu, 72))
	bad(not handle.append and at_end, "PSX-APPEND-0002",
		"Offset is all ones, \"%s\" is no append open", handle.name)
	pdu.append, pdu.at_end = handle.append, at_end
end)

also(answer, WRITE, function(_, _, request, bad)
	bad(request.append and not request.at_end, "PSX-APPEND-0003",
		"a WRITE with an offset on an append open succeeded")
	bad(request.append == false and request.at_end, "PSX-APPEND-0006",
		"a WRITE at the end on an open that does not append succeeded")
end)

judges("PSX", expert.severity.ERROR, [[
APPEND 0001 0002 0003 0006
FS 0001 0002 0005 0006 0007
INFO 0001 0002 0003 0004 0006 0007 0010 0011 0012 0022
PATH 0004
SECURITY 0001 0003
]])
judges("PSX", expert.severity.WARN, [[
DELETE 0001
SECURITY 0002
]])
