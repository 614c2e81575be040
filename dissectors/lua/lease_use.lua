-- SPDX-License-Identifier: MIT
--
-- What is done with opens, and which leases of others that must break. Rules
-- of groups BREAK, SEQUENCE, LOCKSEQ, RESILIENT and CLIENT, and of DIRL.
--
-- A break may follow its operation; one that has not come a second later is
-- missing.

local R, W = caching.R, caching.W
local REPLAY, CERTAIN, SOON = 0x20000000, 1, 0.1
local RESILIENCY, ZERO_DATA = 0x001401d4, 0x000980c8
local BASIC, RENAME, LINK, DISPOSITION = 4, 10, 11, 13
local ALLOCATION, END_OF_FILE, DISPOSITION_EX, RENAME_EX = 19, 20, 64, 65
local SUPERSEDED, CREATED, OVERWRITTEN = 0, 2, 3
local CHANGING = {[WRITE] = true, [SET_INFO] = true, [IOCTL] = true}

-- Operations under way, and those that have just ended.

local function prune(life, time)
	local kept = {}
	for _, one in ipairs(life.operations) do
		if not one.done or time - one.done < CERTAIN then
			kept[#kept + 1] = one
		end
	end
	life.operations, life.prune_at = kept, 2 * #kept + 64
end

function caching.began(pdu, operation)
	local life = caching.life
	if #life.operations >= (life.prune_at or 64) then
		prune(life, pdu.time)
	end
	operation.frame, operation.client = pdu.frame, caching.client(pdu.conn)
	operation.parent = caching.parent(operation.file)
	life.operations[#life.operations + 1] = operation
	pdu.operation = operation
end

function caching.ended(request, pdu, good)
	if request.operation then
		request.operation.done = pdu.time
		request.operation.done_in = pdu.frame
		request.operation.failed = not good
	end
end

-- What may have caused the break of a lease.
local function causes(pdu, held)
	local own, entries = {}, {}
	for _, one in ipairs(caching.life.operations) do
		local member = one.key == held.key and
			one.client == held.client
		local recent = not one.done or pdu.time - one.done < SOON and
			one.done_in > (held.granted or 0)
		local stat = one.opening and caching.stat(one.access or 0) and
			one.disposition == 1
		if recent and not one.failed and one.file == held.file and
			not member and not stat then
			own[#own + 1] = one
		elseif recent and not one.failed and one.parent and
			one.changes ~= false and (one.parent == held.file or
			one.target == held.file) then
			entries[#entries + 1] = one
		end
	end
	return own, entries
end

function caching.judge_cause(conn, pdu, held, brk, bad)
	if not held.file or held.file.moved then
		return
	end
	local own, entries = causes(pdu, held)
	local all = held.directory and #own == 0 and entries or own
	brk.cause = #all == 1 and all[1].frame or nil
	if not held.directory or #own > 0 or #entries == 0 or brk.to ~= 0 or
		not caching.sure(conn) then
		return
	end
	for _, one in ipairs(entries) do
		if one.parent_key ~= held.key then
			return
		end
	end
	bad(true, "DIRL-BREAK-0009", "the %s of frame %d has the key of " ..
		"this lease as its ParentLeaseKey", entries[1].name,
		entries[1].frame)
end

-- Breaks that must come.

local function expect(held, pdu, since, rule, text, ...)
	local due = caching.life.due
	if held.breaking or held.unsure or not flag(held.state, R) or
		(held.granted or 0) > since or (held.broken or 0) > since then
		return
	end
	due[#due + 1] = {lease = held, time = pdu.time, since = since,
		rule = rule, text = text:format(...)}
end

function both.lease_due(conn, pdu, _, blame)
	local kept = {}
	for _, one in ipairs(caching.life.due) do
		local held = one.lease
		local open = not held.ended and not held.unsure and
			(held.broken or 0) < one.since and
			caching.connected(held) and not caching.life.partial
		if open and pdu.time - one.time > CERTAIN and pdu.response and
			held.client.realm == caching.realm(conn) then
			blame("server", true, one.rule, "%s; %s of \"%s\" " ..
				"is not broken %.1f s later", one.text,
				caching.state(held.state), held.name,
				pdu.time - one.time)
		elseif open then
			kept[#kept + 1] = one
		end
	end
	caching.life.due = kept
end

-- Each lease on a file, those aside that the operation spares.
local function expect_all(pdu, request, file, spares, rule, what)
	local seen = {}
	for _, open in caching.others(file, nil) do
		local held = open.lease
		if held and not spares(held) and not seen[held] then
			seen[held] = true
			expect(held, pdu, request.frame, rule, "%s in frame %d",
				what, request.frame)
		end
	end
end

local function expect_file(pdu, request, file, lease, rule, what)
	expect_all(pdu, request, file, function(held)
		return held == lease
	end, rule, what)
end

local function expect_directory(pdu, request, directory, rule, what)
	expect_all(pdu, request, directory, function(held)
		return held.key == request.operation.parent_key
	end, rule, what)
end

-- Another open of a file.

local function judge_lease_beside(pdu, request, open, held, bad)
	local brk = held.breaking
	local overwrites = request.disposition == 0 or
		request.disposition > 3
	if held.unsure or not flag(held.state, W) or
		(held.granted or 0) > request.frame then
		return
	elseif brk then
		bad(not brk.acked and not brk.closing and not overwrites and
			not flag(brk.to, W) and pdu.time - brk.time < CERTAIN,
			"LEASE-BREAK-0024", "the break of frame %d is not " ..
			"acknowledged yet", brk.frame)
	else
		bad((held.broken or 0) < request.frame, flag(held.state, 2) and
			"LEASE-BREAK-0001" or "LEASE-BREAK-0002",
			"success, %s of \"%s\" that was granted in frame %d " ..
			"is not broken", caching.state(held.state), held.name,
			held.granted)
	end
end

local function judge_oplock_beside(pdu, request, other, bad)
	local brk = other.breaking
	if other.oplock < 8 or other.oplock == 255 or
		other.frame > request.frame then
		return
	elseif brk then
		bad(not brk.acked and pdu.time - brk.time < CERTAIN,
			"LEASE-OPLOCK-0015", "the break of frame %d is not " ..
			"acknowledged yet", brk.frame)
	else
		bad((other.broken or 0) < request.frame, other.oplock == 9 and
			"LEASE-OPLOCK-0008" or "LEASE-OPLOCK-0009",
			"success, the oplock of \"%s\" that was granted in " ..
			"frame %d is not broken", other.name, other.frame)
	end
end

local function judge_beside(pdu, request, open, bad)
	local writes = open.lease and flag(open.lease.state, W) and
		not open.lease.breaking
	for _, other in caching.others(open.file, open.lease) do
		local held = other.lease
		if other ~= open and held and caching.more(open.access) then
			judge_lease_beside(pdu, request, open, held, bad)
		elseif other ~= open and not held and
			caching.more(open.access, true) then
			judge_oplock_beside(pdu, request, other, bad)
		end
		local before = other ~= open and other.frame < request.frame
		bad(before and writes and caching.more(other.access),
			"LEASE-GRANT-0013", "%s, the open of frame %d has " ..
			"the file", writes and caching.state(open.lease.state)
			or "", other.frame)
		bad(before and (open.oplock == 8 or open.oplock == 9) and
			caching.more(other.access, true), "LEASE-OPLOCK-0004",
			"%s, the open of frame %d has the file",
			caching.LEVELS[open.oplock] or "", other.frame)
	end
end

-- The same application on another client: its older open is gone.
local function displace(pdu, application, open)
	open.application = application
	for _, other in caching.others(open.file, nil) do
		if application and other.application == application and
			other.client ~= open.client then
			caching.end_open(other, pdu.frame,
				"displaced by the application's new open")
		end
	end
end

function caching.opened(conn, pdu, request, open, bad)
	local action = u32(pdu, 68)
	local asked = request.contexts_asked
	local operation = request.operation
	local overwritten = action == OVERWRITTEN or action == SUPERSEDED
	operation.changes = action == CREATED or overwritten
	if not caching.sure(conn) or open.posix or asked.again or
		flag(request.flags, REPLAY) or not open.file or
		open.file.moved then
		return
	end
	displace(pdu, asked.application, open)
	judge_beside(pdu, request, open, bad)
	if overwritten then
		expect_file(pdu, request, open.file, open.lease,
			"LEASE-BREAK-0005", "overwritten")
		expect_directory(pdu, request, operation.parent,
			"DIRL-BREAK-0003", "\"" .. open.name ..
			"\" overwritten")
	elseif action == CREATED then
		expect_directory(pdu, request, operation.parent,
			"DIRL-BREAK-0001", "\"" .. open.name .. "\" made")
	end
end

-- Requests on opens.

local function judge_sequence(conn, pdu, bad)
	local dialect, replay = conn.dialect, flag(pdu.flags, REPLAY)
	bad(replay and dialect and dialect < 0x0300, "LEASE-CLIENT-0037",
		"SMB2_FLAGS_REPLAY_OPERATION in dialect 0x%04x", dialect or 0)
	if not dialect or dialect < 0x0300 then
		return
	end
	bad(replay and pdu.command ~= CREATE and not CHANGING[pdu.command],
		"LEASE-CLIENT-0040", "SMB2_FLAGS_REPLAY_OPERATION in a %s " ..
		"request", command_name(pdu))
	if pdu.command ~= CREATE and not FILE_AT[pdu.command] then
		return
	end
	pdu.sequence = u16(pdu, 8)
	conn.sequences = conn.sequences or {}
	local before = conn.sequences[pdu.session_id]
	bad(before and caching.ahead(before, pdu.sequence) < 0,
		"LEASE-CLIENT-0041", "ChannelSequence goes from %d to %d",
		before or 0, pdu.sequence)
	conn.sequences[pdu.session_id] = pdu.sequence
end

-- What the request names, and whether it may be a replay.
local function use(conn, pdu, bad)
	local at = FILE_AT[pdu.command]
	if not at or not has(pdu, at, 16) then
		return
	end
	local session = caching.session(conn, pdu.session_id)
	pdu.session, pdu.all_ones = session, ones_at(pdu, at)
	local open = session.opens[u64(pdu, at) .. u64(pdu, at + 8)]
	pdu.open = open
	if not open then
		return
	end
	caching.tell_open(pdu, open)
	local replay = flag(pdu.flags, REPLAY)
	bad(replay and CHANGING[pdu.command] and not open.sent[pdu.command]
		and caching.sure(conn), "LEASE-CLIENT-0039", "no %s request " ..
		"was sent on this open before", command_name(pdu))
	open.sent[pdu.command] = true
	if pdu.sequence and open.sequence then
		pdu.behind = caching.ahead(open.sequence, pdu.sequence) < 0 and
			open.sequence or nil
	end
	if pdu.command == CLOSE then
		open.closing = pdu.frame
		local held = open.lease
		if held and held.breaking and not caching.connected(held) then
			held.breaking.closing = pdu.frame
		end
	else
		open.used = open.used or pdu.frame
	end
end

function requests.lease_use(conn, pdu, bad)
	pdu.conn = conn
	judge_sequence(conn, pdu, bad)
	use(conn, pdu, bad)
	if pdu.command == CLOSE and pdu.open and pdu.open.file then
		local file, open = pdu.open.file, pdu.open
		local doomed = file.doomed
		caching.began(pdu, {file = file, name = "CLOSE", open = open,
			key = open.lease and open.lease.key,
			changes = open.written or doomed ~= nil,
			parent_key = (not doomed or
				doomed.key == open.parent_key) and
				open.parent_key or nil})
	end
end

local function answered(conn, pdu, request, bad)
	local open = caching.open_of(request)
	if not open or request.command == CREATE then
		return
	end
	local good = pdu.status == NO_STATUS
	caching.ended(request, pdu, good)
	bad(good and request.behind and CHANGING[request.command],
		"LEASE-SEQUENCE-0001", "success, ChannelSequence was %d, " ..
		"the open has seen %d", request.sequence or 0,
		request.behind or 0)
	if good and request.sequence and open.sequence and
		caching.ahead(open.sequence, request.sequence) > 0 then
		open.sequence = request.sequence
	end
	caching.tell_open(pdu, open)
	if request.command == LOCK then
		caching.locked(conn, pdu, request, open, bad)
	elseif request.command == CLOSE and not good then
		open.closing = nil
	end
end

function responses.lease_use(conn, pdu, bad)
	local request = conn.requests[pdu.message_id]
	if request and pdu.status ~= PENDING and
		request.command == pdu.command then
		answered(conn, pdu, request, bad)
	end
end

also(answer, CLOSE, function(conn, pdu, request)
	local open = caching.open_of(request)
	if not open then
		return
	end
	local file, operation = open.file, request.operation
	open.closed = pdu.frame
	caching.end_open(open, pdu.frame, "closed")
	open.session.opens[open.file_id] = nil
	caching.tell_life(pdu, open)
	if not file or not operation or not caching.sure(conn) then
		return
	elseif file.doomed and next(file.opens) == nil then
		expect_directory(pdu, request, operation.parent,
			"DIRL-DELETE-0001", "\"" .. open.name .. "\" removed")
		caching.forget(file)
	elseif open.written and not file.moved then
		expect_directory(pdu, request, operation.parent,
			"DIRL-BREAK-0004", "\"" .. open.name .. "\" written " ..
			"and closed")
	end
end)

also(ask, WRITE, function(_, pdu)
	local open = pdu.open
	if open and open.file then
		caching.began(pdu, {file = open.file, name = "WRITE",
			key = open.lease and open.lease.key, changes = false})
	end
end)

also(answer, WRITE, function(conn, pdu, request)
	local open = request.open
	if open and caching.sure(conn) then
		open.written = true
		expect_file(pdu, request, open.file, open.lease,
			"LEASE-BREAK-0011", "written")
	end
end)

-- SET_INFO.

local function moved_to(pdu, open, at, size)
	local length = has(pdu, at, 20) and u32(pdu, at + 16) or 0
	if length == 0 or 20 + length > size then
		return nil
	end
	return caching.file(open.session, open.tree, pdu, at + 20, length)
end

local function judge_names(pdu, open, class, at, size)
	local operation = pdu.operation
	if class == RENAME or class == RENAME_EX or class == LINK then
		local target = moved_to(pdu, open, at, size)
		operation.target = target and caching.parent(target)
		if target then
			caching.forget(target)
		end
		if class ~= LINK then
			caching.forget(open.file)
		else
			operation.parent = operation.target
		end
	elseif (class == DISPOSITION or class == DISPOSITION_EX) and
		has(pdu, at, 1) and pdu.range(at, 1):uint() % 2 == 1 then
		open.file.doomed = {key = open.parent_key}
		operation.changes = false
	end
end

-- FileBasicInformation that leaves all fields as they are.
local function sets_nothing(pdu, at)
	for i = at, at + 24, 8 do
		local time = u64(pdu, i)
		if time ~= ZERO and time ~= ONES and
			time ~= "fffffffffffffffe" then
			return false
		end
	end
	return u32(pdu, at + 32) == 0
end

also(ask, SET_INFO, function(_, pdu)
	local open = pdu.open
	local class, at = pdu.range(67, 1):uint(), u16(pdu, 72)
	if not open or not open.file or pdu.range(66, 1):uint() ~= 1 then
		return
	end
	caching.began(pdu, {file = open.file, name = "SET_INFO", open = open,
		key = open.lease and open.lease.key, changes = true,
		parent_key = open.parent_key})
	pdu.set_class, pdu.set_parent = class, pdu.operation.parent
	if class == BASIC and has(pdu, at, 36) then
		pdu.operation.changes = not sets_nothing(pdu, at)
	end
	judge_names(pdu, open, class, at, u32(pdu, 68))
end)

local SIZES = {[END_OF_FILE] = "LEASE-BREAK-0013",
	[ALLOCATION] = "LEASE-BREAK-0014"}

also(answer, SET_INFO, function(conn, pdu, request)
	local open, class = request.open, request.set_class
	if not open or not class or not caching.sure(conn) then
		return
	end
	local name = "\"" .. open.name .. "\""
	local operation = request.operation
	if SIZES[class] then
		expect_file(pdu, request, open.file, open.lease, SIZES[class],
			"size set")
		expect_directory(pdu, request, request.set_parent,
			"DIRL-BREAK-0006", "size of " .. name .. " set")
	elseif class == BASIC and operation.changes then
		expect_directory(pdu, request, request.set_parent,
			"DIRL-BREAK-0007", "attributes or times of " .. name ..
			" set")
	elseif class == RENAME or class == RENAME_EX then
		local within = operation.target == request.set_parent
		expect_directory(pdu, request, request.set_parent, within and
			"DIRL-RENAME-0001" or "DIRL-RENAME-0002",
			name .. " renamed")
	end
end)

-- LOCK.

also(ask, LOCK, function(conn, pdu, bad)
	local numbers = u32(pdu, 68)
	local index, number = math.floor(numbers / 16), numbers % 16
	local open = pdu.open
	local last = open and open.locks[index]
	pdu.lock = {index = index, number = number,
		ranges = pdu.range(88, pdu.size - 88):bytes():tohex(true)}
	bad(index > 64, "LEASE-CLIENT-0042", "LockSequenceIndex is %.0f",
		index)
	bad(open and numbers ~= 0 and conn.capabilities and conn.dialect and
		conn.dialect > 0x0202 and not flag(conn.capabilities, 8) and
		not open.resilient and not open.persistent_handle,
		"LEASE-CLIENT-0043", "LockSequenceIndex is %.0f, " ..
		"LockSequenceNumber %d", index, number)
	bad(index > 0 and last and last.number == number and
		last.ranges ~= pdu.lock.ranges, "LEASE-CLIENT-0044",
		"LockSequenceNumber %d of index %.0f was used in frame %d",
		number, index, last and last.frame or 0)
	pdu.lock.frame = pdu.frame
end)

function caching.locked(conn, pdu, request, open, bad)
	local lock = request.lock
	if not lock or lock.index == 0 or lock.index > 64 then
		return
	end
	local last = open.locks[lock.index]
	local good = pdu.status == NO_STATUS
	bad(not good and last and last.good and last.number == lock.number and
		(open.durable or open.resilient) and caching.sure(conn),
		"LEASE-LOCKSEQ-0001", "Status is 0x%08x, LockSequenceNumber " ..
		"%d of index %d has succeeded in frame %d", pdu.status,
		lock.number, lock.index, last and last.frame or 0)
	if good or not (last and last.number == lock.number) then
		lock.good = good
		open.locks[lock.index] = lock
	end
end

-- IOCTL.

also(ask, IOCTL, function(_, pdu)
	pdu.control, pdu.input = u32(pdu, 68), u32(pdu, 92)
end)

also(answer, IOCTL, function(conn, pdu, request, bad)
	local open = request.open
	if request.control == RESILIENCY then
		bad(u32(pdu, 100) ~= 0, "LEASE-RESILIENT-0001",
			"%.0f bytes of output", u32(pdu, 100))
		bad(request.input < 8, "LEASE-RESILIENT-0002",
			"success, the input had %.0f bytes", request.input)
		if open then
			open.resilient = true
			caching.note(open, pdu.frame, "made resilient")
		end
	elseif request.control == ZERO_DATA and open and
		caching.sure(conn) then
		expect_file(pdu, request, open.file, open.lease,
			"LEASE-BREAK-0015", "zeroed")
	end
end)

judges("LEASE", expert.severity.ERROR, [[
BREAK 0001 0002 0005 0011 0013 0014 0015 0024
CLIENT 0037 0039 0041 0042 0043 0044
GRANT 0013
LOCKSEQ 0001
OPLOCK 0004 0008 0009 0015
RESILIENT 0001 0002
SEQUENCE 0001
]])
judges("LEASE", expert.severity.WARN, [[
CLIENT 0040
]])
judges("DIRL", expert.severity.ERROR, [[
BREAK 0001 0003 0004 0006 0007 0009
DELETE 0001
RENAME 0001 0002
]])
