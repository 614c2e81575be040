-- SPDX-License-Identifier: MIT
--
-- Durable opens, their way from connection to connection, and replays of
-- CREATE. Rules of groups DURABLE, RECONNECT, REPLAY and CLIENT; what becomes
-- of an open is kept in its `story`.

local PERSISTENT, REPLAY, DELETE_ON_CLOSE = 2, 0x20000000, 0x1000
local H = caching.H

local open_field = number_field("open", "Open")
local name_field = field("open.name", "Name")
local life_field = field("open.life", "Life of the open, by frame")
local durable_field = field("open.durable", "Durable")
local again_field = frame_field("open.opened_in", "Opened in",
	frametype.REQUEST)

local NAMES = {DHnQ = "SMB2_CREATE_DURABLE_HANDLE_REQUEST",
	DHnC = "SMB2_CREATE_DURABLE_HANDLE_RECONNECT",
	DH2Q = "SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2",
	DH2C = "SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2"}

-- What a capture shows of an open, on each of its frames.
function caching.tell_open(pdu, open)
	tell(pdu, open_field, open.number)
	tell(pdu, name_field, open.name)
	if open.frame ~= pdu.frame then
		tell(pdu, again_field, open.frame)
	end
	local asked = pdu.contexts_asked and pdu.contexts_asked.lease
	if open.lease and not asked then
		tell(pdu, caching.key_field, open.lease.key)
	end
end

function caching.tell_life(pdu, open)
	tell(pdu, life_field, function() return caching.story(open) end)
end

-- What the client asks for.

local function judge_mixture(conn, pdu, asked, bad)
	local second = asked.DH2Q or asked.DH2C
	local names = {}
	for tag, name in pairs(NAMES) do
		names[#names + 1] = asked[tag] and name or nil
	end
	table.sort(names)
	bad(asked.n > 1, "LEASE-CLIENT-0026", "%s",
		table.concat(names, " beside "))
	bad(second and conn.dialect and conn.dialect < 0x0300,
		"LEASE-CLIENT-0024", "%s in dialect 0x%04x", names[1] or "",
		conn.dialect or 0)
	bad(asked.n > 0 and not second and conn.dialect and
		conn.dialect >= 0x0300, "LEASE-CLIENT-0025",
		"%s in dialect 0x%04x", names[1] or "", conn.dialect or 0)
end

local function judge_request(pdu, asked, bad)
	local want = asked.DH2Q or asked.DHnQ
	if not want or want.short or asked.again then
		return
	end
	local persistent = want.flags and flag(want.flags, PERSISTENT)
	local lease = asked.lease
	local tree = pdu.session.trees[pdu.tree_id or 0]
	bad(not persistent and pdu.oplock ~= 9 and not (pdu.oplock == 255 and
		lease and flag(lease.state, H)), "LEASE-CLIENT-0027",
		"a durable open with neither a batch oplock nor H")
	bad(not want.zero or not caching.inside(want.flags or 0, PERSISTENT),
		"LEASE-CLIENT-0028", "reserved bytes or flags are not zero")
	bad(persistent and tree and not tree.available, "LEASE-CLIENT-0029",
		"SMB2_DHANDLE_FLAG_PERSISTENT on a share without " ..
		"continuous availability")
	tell(pdu, durable_field, "asks for %s%s", persistent and "a " ..
		"persistent open" or "a durable open", want.timeout and
		(want.timeout == 0 and ", as long as the server likes" or
		(" for %.1f s"):format(want.timeout / 1000)) or
		" of version 1")
end

local function judge_guid(conn, pdu, asked, bad)
	local guid = asked.DH2Q and asked.DH2Q.guid
	local replay = flag(pdu.flags, REPLAY)
	local guids = pdu.client.guids
	local before = guid and guids[guid]
	bad(before and not replay and not asked.again, "LEASE-CLIENT-0030",
		"CreateGuid is that of the request in frame %d",
		before and before.frame or 0)
	bad(replay and caching.sure(conn) and not asked.again and not before
		and conn.dialect and conn.dialect >= 0x0300,
		"LEASE-CLIENT-0038", "%s", guid and "no CREATE request " ..
		"with this CreateGuid was sent before" or "a CREATE " ..
		"request without a CreateGuid")
	if guid then
		guids[guid] = before or {frame = pdu.frame}
		if before and replay then
			tell(pdu, durable_field, "replay of the CREATE " ..
				"request in frame %d", before.frame)
		end
		pdu.guid_of = guids[guid]
	end
end

-- The open that a reconnect names, as far as it is known.
local function judge_again(conn, pdu, asked, bad)
	local again = asked.again
	if not again or again.short then
		return
	end
	local open = caching.life.persistent[pdu.client.realm .. "/" ..
		again.persistent]
	pdu.again = open
	if not open then
		tell(pdu, durable_field, "takes up an open that this " ..
			"capture does not show")
		return
	end
	tell(pdu, durable_field, "takes up the open of frame %d%s", open.frame,
		open.parked and (", its connection was lost in frame %d")
		:format(open.parked) or open.ended and
		(", which has ended in frame %d"):format(open.ended) or "")
	caching.tell_open(pdu, open)
	local lease = open.had_lease
	bad(open.closed, "LEASE-CLIENT-0031", "the open was closed in " ..
		"frame %d", open.closed or 0)
	bad(again.guid and open.guid and again.guid ~= open.guid,
		"LEASE-CLIENT-0032", "CreateGuid is another one than in " ..
		"frame %d", open.frame)
	bad(lease and not (asked.lease and asked.lease.key == lease),
		"LEASE-CLIENT-0033", "%s", asked.lease and
		"the LeaseKey is another one" or "no lease context")
	bad(not lease and asked.lease, "LEASE-CLIENT-0034",
		"a lease context, the open has none")
	bad(again.flags and flag(again.flags, PERSISTENT) ~=
		(open.persistent_handle or false), "LEASE-CLIENT-0035",
		"SMB2_DHANDLE_FLAG_PERSISTENT is %s, the open is %s",
		flag(again.flags or 0, PERSISTENT) and "set" or "not set",
		open.persistent_handle and "persistent" or "not persistent")
	bad(lease and open.client ~= pdu.client and caching.sure(conn),
		"LEASE-CLIENT-0036", "the ClientGuid is another one than in " ..
		"frame %d", open.frame)
end

function caching.ask_durable(conn, pdu, asked, bad)
	judge_mixture(conn, pdu, asked, bad)
	judge_request(pdu, asked, bad)
	judge_guid(conn, pdu, asked, bad)
	judge_again(conn, pdu, asked, bad)
end

-- What the server grants.

local function judge_granted(pdu, request, open, asked, given, bad)
	local handle = open.oplock == 9 or given.lease and
		flag(given.lease.state, H)
	local first, second = given.DHnQ, given.DH2Q
	bad(first and not asked.again and not handle, "LEASE-DURABLE-0003",
		"durable, with neither a batch oplock nor H")
	bad(first and not asked.again and open.directory, "LEASE-DURABLE-0004",
		"an open of a directory is durable")
	bad(asked.DHnQ and not asked.DHnC and (asked.DH2Q or asked.DH2C),
		"LEASE-DURABLE-0005", "success, the request had durable " ..
		"handle contexts of both versions")
	for tag, context in pairs(asked) do
		bad(NAMES[tag] and context.short, "LEASE-DURABLE-0006",
			"success, the length of %s was wrong", NAMES[tag] or "")
	end
	if not second or not asked.DH2Q or asked.DH2Q.short or asked.again then
		return
	end
	local persistent = flag(second.flags or 0, PERSISTENT)
	local most, given_time = asked.DH2Q.timeout, second.timeout or 0
	local tree = request.session.trees[request.tree_id or 0]
	bad(not persistent and not handle, "LEASE-DURABLE-0008",
		"durable, with neither a batch oplock nor H")
	bad(most > 0 and (given_time == 0 or given_time > most),
		"LEASE-DURABLE-0009", "Timeout is %.0f ms, asked for were " ..
		"%.0f", given_time, most)
	bad(most == 0 and given_time == 0, "LEASE-DURABLE-0010",
		"Timeout is zero")
	bad(persistent and tree and not tree.available, "LEASE-DURABLE-0011",
		"SMB2_DHANDLE_FLAG_PERSISTENT on a share without " ..
		"continuous availability")
end

local function learn_durable(open, asked, given)
	local second = given.DH2Q
	open.durable = (given.DHnQ or second) ~= nil
	open.guid = asked.DH2Q and asked.DH2Q.guid
	open.persistent_handle = second and
		flag(second.flags or 0, PERSISTENT) or nil
	open.timeout = second and second.timeout
end

local function tell_durable(pdu, open, asked)
	if open.durable then
		tell(pdu, durable_field, "%s%s", open.persistent_handle and
			"persistent" or "durable", open.timeout and
			(", for %.1f s without a connection"):format(
			open.timeout / 1000) or "")
	elseif asked.DH2Q or asked.DHnQ then
		tell(pdu, durable_field, "not durable, although asked for")
	end
end

-- The open belongs to another session now.
local function take_up(conn, pdu, request, open)
	caching.note(open, pdu.frame, "taken up again")
	open.parked, open.ended, open.closing = nil, nil, nil
	open.conn, open.session = conn, request.session
	open.tree, open.back = request.tree_id, pdu.frame
	if open.file and not open.file.moved then
		open.file.opens[open] = true
	end
	tell(pdu, durable_field, "taken up again, opened in frame %d",
		open.frame)
end

-- A replay that is answered with an open that there was, or is not.
local function judge_replay(conn, pdu, request, file_id, bad)
	local before = request.guid_of and request.guid_of.open
	local replay = flag(request.flags, REPLAY)
	if before and before.parked and replay and
		before.file_id:sub(1, 16) == file_id:sub(1, 16) then
		take_up(conn, pdu, request, before)
		return true
	elseif not before or not caching.alive(before) or
		not caching.sure(conn) then
		return false
	end
	local same = before.file_id == file_id
	local key = request.contexts_asked.lease and
		request.contexts_asked.lease.key
	bad(not replay and not before.used and not before.directory and
		not same, "LEASE-DURABLE-0012",
		"a second open with the CreateGuid of frame %d", before.frame)
	if not replay then
		return same
	end
	local mine = before.session == request.session
	bad(mine and not before.used and before.had_lease == key and not same,
		"LEASE-REPLAY-0001", "FileId is not that of the open of " ..
		"frame %d", before.frame)
	bad(same and u32(pdu, 68) ~= before.action, "LEASE-REPLAY-0001",
		"CreateAction is %d, in frame %d it was %d", u32(pdu, 68),
		before.frame, before.action)
	bad(same and before.had_lease ~= key, "LEASE-REPLAY-0004",
		"success, the LeaseKey is not that of the open of frame %d",
		before.frame)
	bad(same and before.used, "LEASE-REPLAY-0007", "the open of frame " ..
		"%d, which was used in frame %d", before.frame,
		before.used or 0)
	return same
end

local function judge_reconnect(conn, pdu, request, open, given, bad)
	local asked = request.contexts_asked
	local lease, again = open.had_lease, asked.again
	bad(open.closed, "LEASE-RECONNECT-0005", "the open of frame %d was " ..
		"closed in frame %d", open.frame, open.closed or 0)
	bad(not open.ended and not open.parked and
		open.session == request.session, "LEASE-RECONNECT-0006",
		"the open of frame %d has its session", open.frame)
	bad(open.ended and not open.closed and not open.durable and
		not open.resilient, "LEASE-DURABLE-0015", "the open of " ..
		"frame %d was not durable, and ended in frame %d",
		open.frame, open.ended or 0)
	bad(lease and not asked.lease, "LEASE-RECONNECT-0007",
		"success, the request has no lease context")
	bad(not lease and asked.lease, "LEASE-RECONNECT-0008",
		"success, the request has a lease context, the open has none")
	bad(lease and asked.lease and asked.lease.key ~= lease,
		"LEASE-RECONNECT-0009", "success, the LeaseKey is another one")
	bad(lease and open.client ~= request.client and caching.sure(conn),
		"LEASE-RECONNECT-0010", "success, the ClientGuid is another " ..
		"one")
	bad(lease and open.file and request.file and open.file ~= request.file
		and not open.file.moved and not open.file.doomed and
		open.file.plain and request.file.plain, "LEASE-RECONNECT-0012",
		"success, the name is \"%s\", that of the open \"%s\"",
		request.file and request.file.name or "",
		open.file and open.file.name or "")
	bad(again.guid and open.guid and again.guid ~= open.guid,
		"LEASE-RECONNECT-0013", "success, CreateGuid is another one")
	bad(again.flags and flag(again.flags, PERSISTENT) and
		not open.persistent_handle, "LEASE-RECONNECT-0014",
		"success, the open is not persistent")
	bad(lease and not given.lease, "LEASE-RECONNECT-0019",
		"no lease context in the response")
end

local function judge_reconnected(pdu, request, given, bad)
	local asked = request.contexts_asked
	bad(asked.again.persistent and u64(pdu, 128) ~= asked.again.persistent,
		"LEASE-RECONNECT-0003", "FileId.Persistent is 0x%s, it was " ..
		"0x%s", u64(pdu, 128), asked.again.persistent or "")
	bad(asked.DHnC and (asked.DH2Q or asked.DH2C), "LEASE-RECONNECT-0015",
		"success, the request had contexts of version 2 beside " ..
		"SMB2_CREATE_DURABLE_HANDLE_RECONNECT")
	bad(asked.DH2C and (asked.DHnQ or asked.DH2Q), "LEASE-RECONNECT-0016",
		"success, the request had other durable handle contexts")
	bad(given.DH2Q, "LEASE-RECONNECT-0020", "an " ..
		"SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2 context")
end

local function new_open(conn, pdu, request)
	local life = caching.life
	local open = {number = #life.opens + 1, frame = pdu.frame,
		time = pdu.time, client = request.client, conn = conn,
		session = request.session, tree = request.tree_id,
		name = request.name ~= "" and request.name or "(the root)",
		access = request.access, options = request.options,
		share = request.share_access, story = {}, sent = {}, locks = {},
		file = request.file, asked_in = request.frame,
		action = u32(pdu, 68), disposition = request.disposition}
	local lease = request.contexts_asked.lease
	open.parent_key = lease and lease.parent_set and lease.parent or nil
	life.opens[open.number] = open
	caching.note(open, pdu.frame, "opened")
	if flag(open.options or 0, DELETE_ON_CLOSE) and open.file then
		open.file.doomed = {key = open.parent_key}
	end
	if open.file then
		open.file.opens[open] = true
	end
	return open
end

also(answer, CREATE, function(conn, pdu, request, bad)
	local asked = request.contexts_asked
	if not asked then
		return
	end
	local given = caching.contexts(pdu, u32(pdu, 144), u32(pdu, 148))
	local file_id = u64(pdu, 128) .. u64(pdu, 136)
	local replayed = judge_replay(conn, pdu, request, file_id, bad)
	local open = replayed and request.guid_of.open or request.again
	if asked.again then
		judge_reconnected(pdu, request, given, bad)
		if open then
			judge_reconnect(conn, pdu, request, open, given, bad)
			take_up(conn, pdu, request, open)
		end
	end
	local fresh = open == nil
	open = open or new_open(conn, pdu, request)
	open.file_id = file_id
	open.directory = flag(u32(pdu, 120), 0x10)
	open.oplock = pdu.range(66, 1):uint()
	open.created = u64(pdu, 72)
	open.posix = (handles[handle_key(pdu, 128)] or {}).posix
	open.sequence = open.sequence or request.sequence
	request.session.opens[file_id] = open
	caching.life.persistent[request.client.realm .. "/" ..
		u64(pdu, 128)] = open
	request.open = open
	if fresh and request.guid_of then
		request.guid_of.open = open
	end
	caching.grant(conn, pdu, request, open, given, bad)
	open.had_lease = given.lease and given.lease.key or open.had_lease
	judge_granted(pdu, request, open, asked, given, bad)
	if fresh then
		learn_durable(open, asked, given)
		tell_durable(pdu, open, asked)
	end
	caching.tell_open(pdu, open)
	caching.tell_life(pdu, open)
	caching.opened(conn, pdu, request, open, bad)
	caching.ended(request, pdu, true)
end)

judges("LEASE", expert.severity.ERROR, [[
CLIENT 0024 0025 0026 0028 0029 0030 0031 0032 0033 0034 0035 0036 0038
DURABLE 0003 0004 0005 0006 0008 0009 0010 0011 0012 0015
RECONNECT 0003 0005 0006 0007 0008 0009 0010 0012 0013 0014 0015 0016 0019
REPLAY 0001 0004 0007
]])
judges("LEASE", expert.severity.WARN, [[
CLIENT 0027
RECONNECT 0020
]])
