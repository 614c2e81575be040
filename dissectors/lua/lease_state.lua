-- SPDX-License-Identifier: MIT
--
-- What areas LEASE and DIRL remember, beyond single connections: clients by
-- ClientGuid with their leases, sessions with their channels, files by name
-- with their opens, and what became of each open and lease.
--
-- Only what the capture shows for certain is judged: `partial` becomes true
-- when a connection is seen whose beginning is not in the capture, or whose
-- messages cannot be read; nobody knows then what there was before.

caching.R, caching.H, caching.W = 1, 2, 4
caching.LEVELS = {[0] = "none", [1] = "level II", [8] = "exclusive",
	[9] = "batch", [255] = "lease"}

-- opens and leases are lists of all that were ever seen.
local function nothing_known(before)
	return {clients = {}, sessions = {}, files = {}, below = {},
		persistent = {}, operations = {}, due = {}, waiting = {},
		opens = before and before.opens or {},
		leases = before and before.leases or {}}
end

resets[#resets + 1] = function()
	caching.life = nothing_known()
end

function caching.state(bits)
	local text = (flag(bits, 1) and "R" or "") ..
		(flag(bits, 4) and "W" or "") .. (flag(bits, 2) and "H" or "")
	return text ~= "" and text or "none"
end

function caching.inside(some, all)
	return bit.band(some, all) == some
end

-- The distance of 16-bit counters, -32768 to 32767.
function caching.ahead(from, to)
	return (to - from + 32768) % 65536 - 32768
end

function caching.hex(pdu, at)
	return pdu.range(at, 16):bytes():tohex(true)
end

-- Events of an open or a lease, for people.
function caching.note(thing, frame, text, ...)
	thing.story[#thing.story + 1] = {frame = frame,
		text = text:format(...)}
end

function caching.story(thing)
	local parts = {}
	for _, event in ipairs(thing.story) do
		parts[#parts + 1] = event.frame .. " " .. event.text
	end
	return table.concat(parts, "; ")
end

-- 0.35 ms, 1.2 s
function caching.seconds(time)
	return time < 1 and ("%.2f ms"):format(time * 1000) or
		("%.1f s"):format(time)
end

-- Clients. One whose NEGOTIATE was not seen, or that has no ClientGuid, is
-- taken for another one on each connection.

function caching.realm(conn)
	return conn.guid or tostring(conn)
end

function caching.client(conn)
	if conn.client == nil then
		local guid = conn.client_guid or ZERO .. ZERO
		local known = guid ~= ZERO .. ZERO and conn.guid
		local id = known and conn.guid .. "/" .. guid or tostring(conn)
		local life = caching.life
		life.clients[id] = life.clients[id] or {id = id, guid = guid,
			realm = caching.realm(conn), leases = {}, guids = {},
			asked = {}, early = {}}
		conn.client = life.clients[id]
	end
	return conn.client
end

function caching.sure(conn)
	return conn.begun and not conn.blind and not caching.life.partial
end

-- A gap in the capture: anything may have happened in it.
function caching.forget_all(frame, reason)
	local before = caching.life
	for _, session in pairs(before.sessions) do
		for _, open in pairs(session.opens) do
			if not open.ended then
				caching.note(open, frame, "lost from sight: %s",
					reason)
			end
		end
	end
	for _, client in pairs(before.clients) do
		for _, held in pairs(client.leases) do
			caching.note(held, frame, "lost from sight: %s", reason)
			held.breaking = nil
		end
	end
	caching.life = nothing_known(before)
	caching.life.partial = true
	for _, conn in pairs(connections) do
		conn.client, conn.sequences, conn.joined = nil, nil, nil
	end
end

also(ask, NEGOTIATE, function(conn, pdu)
	conn.begun = not conn.quic
	conn.client_guid = u64(pdu, 76) .. u64(pdu, 84)
	conn.client = nil
end)

local function every(conn, pdu)
	if pdu.command ~= NEGOTIATE and (not conn.begun or conn.blind) then
		caching.life.partial = true
	end
end
requests.lease_partial, responses.lease_partial = every, every

-- Sessions and their channels.

local function join(session, conn)
	session.channels[conn] = true
	conn.joined = conn.joined or {}
	conn.joined[session] = true
end

function caching.session(conn, id)
	local key = caching.realm(conn) .. "/" .. id
	local sessions = caching.life.sessions
	local session = sessions[key]
	if session == nil then
		session = {id = id, realm = caching.realm(conn), channels = {},
			opens = {}, trees = {}}
		sessions[key] = session
	end
	if not conn.begun then
		join(session, conn)
	end
	return session
end

-- An open ends, or waits for its client.
function caching.end_open(open, frame, how)
	if open.ended then
		return
	end
	open.ended, open.parked = frame, nil
	caching.note(open, frame, how)
	if open.file then
		open.file.opens[open] = nil
	end
	local lease = open.lease
	if lease and lease.opens[open] then
		lease.opens[open] = nil
		if next(lease.opens) == nil then
			caching.end_lease(lease, frame, how)
		end
	end
end

function caching.end_lease(lease, frame, how)
	lease.ended = frame
	if lease.breaking and not lease.breaking.acked then
		lease.breaking.closed = frame
	end
	lease.breaking = nil
	caching.note(lease, frame, "ended: last open %s", how)
	if lease.client.leases[lease.key] == lease then
		lease.client.leases[lease.key] = nil
		lease.client.gone = lease.client.gone or {}
		lease.client.gone[lease.key] = lease
	end
end

local function outlives(open)
	local lease = open.lease
	local handle = open.oplock == 9 or lease and flag(lease.state, 2)
	return open.persistent_handle or open.resilient or
		open.durable and handle
end

-- A session without channels: its opens wait or end.
function caching.lose(session, frame, how)
	if session.lost then
		return
	end
	session.lost = frame
	for _, open in pairs(session.opens) do
		if not open.ended and not open.parked and outlives(open) then
			open.parked = frame
			open.breaking = nil
			caching.note(open, frame, "%s, kept", how)
		elseif not open.ended and not open.parked then
			caching.end_open(open, frame, how)
		end
	end
	session.opens = {}
end

endings[#endings + 1] = function(conn, frame)
	for session in pairs(conn.joined or {}) do
		session.channels[conn] = nil
		if next(session.channels) == nil then
			caching.lose(session, frame, "connection lost")
		end
	end
	conn.joined = nil
end

also(ask, SESSION_SETUP, function(_, pdu)
	pdu.binding = flag(pdu.range(66, 1):uint(), 1)
	pdu.previous = has(pdu, 80, 8) and u64(pdu, 80) or ZERO
end)

also(answer, SESSION_SETUP, function(conn, pdu, request)
	if pdu.status ~= NO_STATUS then
		return
	end
	local life, realm = caching.life, caching.realm(conn)
	local session = caching.session(conn, pdu.session_id)
	if request.binding and next(session.channels) == nil then
		life.partial = true
	end
	join(session, conn)
	local previous = life.sessions[realm .. "/" .. request.previous]
	if previous and previous ~= session then
		caching.lose(previous, pdu.frame, "displaced by a new session")
	end
end)

function responses.lease_logoff(conn, pdu)
	if pdu.command == 2 and pdu.status == NO_STATUS then
		caching.lose(caching.session(conn, pdu.session_id), pdu.frame,
			"logged off")
	elseif pdu.command == 4 and pdu.status == NO_STATUS then
		local session = caching.session(conn, pdu.session_id)
		for id, open in pairs(session.opens) do
			if open.tree == pdu.tree_id then
				caching.end_open(open, pdu.frame,
					"tree disconnected")
				session.opens[id] = nil
			end
		end
	end
end

also(ask, TREE_CONNECT, function(_, pdu)
	local at, size = u16(pdu, 68), u16(pdu, 70)
	pdu.path = has(pdu, at, size) and posix.text(pdu, at, size) or ""
end)

also(answer, TREE_CONNECT, function(conn, pdu, request)
	local session = caching.session(conn, pdu.session_id)
	session.trees[pdu.tree_id or 0] = {
		share = (request.path or ""):match("([^\\]*)$"):lower(),
		available = flag(u32(pdu, 72), 0x10),
		disk = pdu.range(66, 1):uint() == 1,
	}
end)

-- Files by name. ASCII is compared without case; `plain` names have only that.

local function folded(pdu, at, size)
	local parts, plain = {}, true
	for i = at, at + size - 2, 2 do
		local unit = u16(pdu, i)
		plain = plain and unit < 128
		parts[#parts + 1] = unit < 128 and
			string.char(unit):lower() or ("<%04x>"):format(unit)
	end
	return table.concat(parts):gsub("^\\+", ""), plain
end

-- What a request names: file (nil on pipes or in an unknown share) and name.
function caching.file(session, tree_id, pdu, at, size)
	local tree = session.trees[tree_id or 0]
	if not tree or not tree.disk or not has(pdu, at, size) then
		return nil
	end
	local name, plain = folded(pdu, at, size)
	return caching.file_named(session, tree.share, name, plain)
end

-- Which names are below a name, one level each: life.below.
local function enlist(key)
	local below, parent = caching.life.below, key:match("^(.*)\\[^\\]*$")
	while parent and not (below[parent] and below[parent][key]) do
		below[parent] = below[parent] or {}
		below[parent][key] = true
		key, parent = parent, parent:match("^(.*)\\[^\\]*$")
	end
end

function caching.file_named(session, share, name, plain)
	local key = session.realm .. "/" .. share .. "\\" .. name
	local files = caching.life.files
	if files[key] == nil then
		files[key] = {key = key, share = share, name = name,
			plain = plain, opens = {}}
		enlist(key)
	end
	return files[key]
end

-- The directory of a file, nil for the root of the share.
function caching.parent(file)
	local key = file and file.key:match("^(.*)\\[^\\]+$")
	if key and not key:find("\\", 1, true) then
		key = key .. "\\"
	end
	return key and caching.life.files[key]
end

-- From now on nobody knows which file has this name, or a name below it.
local function forget_below(key)
	local life = caching.life
	local below = life.below[key]
	life.below[key] = nil
	for other in pairs(below or {}) do
		forget_below(other)
		if life.files[other] then
			life.files[other].moved = true
			life.files[other] = nil
		end
	end
end

local function forget_names()
	local life = caching.life
	for _, file in pairs(life.files) do
		file.moved = true
	end
	life.files, life.below = {}, {}
end

-- A file that was renamed before has a name that nobody here knows.
function caching.forget(file)
	if file.moved then
		forget_names()
		return
	end
	file.moved = true
	caching.life.files[file.key] = nil
	forget_below(file.key)
end

-- Opens.

function caching.alive(open)
	return not open.ended and not open.parked and not open.closing
end

-- The open that a request names; in a compound that of the request before it,
-- known when that was answered.
function caching.open_of(request)
	if request.open == nil and request.all_ones and request.before then
		return caching.open_of(request.before)
	end
	return request.open
end

-- Whether access is for attributes only: of leases, or of oplocks.
function caching.stat(access, oplock)
	local all = oplock and 0x00100180 or 0x00120180
	return caching.inside(access % 4294967296, all)
end

-- More than attributes for certain: MAXIMUM_ALLOWED may be anything.
function caching.more(access, oplock)
	return not caching.stat(bit.band(access, 0x7dffffff), oplock) or
		access >= 0x80000000
end

-- The alive opens of a file that are no part of a lease, as an iterator.
function caching.others(file, lease)
	local list = {}
	for open in pairs(file and not file.moved and not file.doomed and
		file.opens or {}) do
		if caching.alive(open) and not open.posix and
			(lease == nil or open.lease ~= lease) then
			list[#list + 1] = open
		end
	end
	table.sort(list, function(a, b) return a.number < b.number end)
	return ipairs(list)
end

function caching.connected(lease)
	for open in pairs(lease.opens) do
		if caching.alive(open) then
			return true
		end
	end
	return false
end
