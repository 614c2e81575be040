-- SPDX-License-Identifier: MIT
--
-- OPLOCK_BREAK: notifications, acknowledgments and the responses to them.
-- Rules of groups BREAK, ACK, EPOCH, OPLOCK, OPLOCKACK and CLIENT.
--
-- How long a server waits is its own affair. What is said of a break that
-- waits is certain for one second; what is said of one that nobody has
-- acknowledged is certain after 35, the time of the products.

local R, H, W = caching.R, caching.H, caching.W
local OPLOCK, ACKNOWLEDGMENT, NOTIFICATION = 24, 36, 44
local NOT_FOUND, UNSUCCESSFUL = 0xc0000034, 0xc0000001
local NOT_ACCEPTED = 0xc00000d0
local CERTAIN, PATIENCE = 1, 35
local LEASE_LEVEL = 255

local life_field = field("lease.life", "Life of the lease, by frame")
local answer_field = field("lease.answer", "Answer")
local cause_field = frame_field("lease.cause", "Caused by the request in",
	frametype.NONE)
local answered_field = frame_field("lease.answered_in", "Answered in",
	frametype.ACK)
local break_field = frame_field("lease.break_in", "Break in",
	frametype.REQUEST)
local delay_field = field("lease.delay", "Time since the break")

local function is_break(pdu, size)
	return pdu.command == OPLOCK_BREAK and pdu.structure_size == size and
		has(pdu, HEADER_SIZE, size)
end

-- The state that a break leaves; at once, or when it is acknowledged.
function caching.broken(held, brk)
	held.broken, held.conn = brk.frame, brk.conn
	if held.version == 2 then
		held.epoch = brk.epoch
	end
	caching.note(held, brk.frame, "broken from %s to %s",
		caching.state(brk.from), caching.state(brk.to))
	if brk.ack then
		held.breaking = brk
		brk.lease = held
		caching.life.waiting[brk] = true
	else
		held.state = brk.to
	end
end

-- When a break is shown, what became of it is known, or not yet.
local function tell_answer(pdu, brk)
	tell(pdu, answer_field, function()
		if brk.acked then
			return ("%s after %s"):format(brk.answer,
				caching.seconds(brk.acked_time - brk.time))
		elseif brk.closed then
			return "the file was closed instead"
		elseif not brk.ack then
			return "none is asked for"
		elseif brk.given_up then
			return "none: the server did not wait any longer"
		end
		return "none in this capture so far"
	end)
	tell(pdu, answered_field, function()
		return brk.acked or brk.closed
	end)
end

local function judge_notification(pdu, brk, bad)
	local wants = flag(brk.from, W) or flag(brk.from, H)
	bad(not pdu.unsolicited, "LEASE-OPLOCK-0025", "MessageId is %.0f",
		pdu.message_number)
	bad(pdu.signed and not pdu.encrypted, "LEASE-OPLOCK-0027",
		"the break is signed")
	bad(brk.ack ~= wants, "LEASE-BREAK-0020", "a break from %s %s for " ..
		"an acknowledgment", caching.state(brk.from),
		brk.ack and "asks" or "does not ask")
	bad(not caching.inside(brk.to, brk.from), "LEASE-BREAK-0021",
		"the break goes from %s to %s", caching.state(brk.from),
		caching.state(brk.to))
	bad(pdu.session_id ~= ZERO or (pdu.tree_id or 0) ~= 0,
		"LEASE-BREAK-0022", "SessionId is 0x%s, TreeId 0x%08x",
		pdu.session_id, pdu.tree_id or 0)
	bad(u32(pdu, 96) + u32(pdu, 100) + u32(pdu, 104) ~= 0,
		"LEASE-BREAK-0023", "BreakReason or a hint is not zero")
end

-- A break of a lease that this client does not hold.
local function judge_unknown(conn, client, brk, bad)
	if client.asked[brk.key] then
		client.early[brk.key] = {break_ = brk}
	elseif caching.sure(conn) then
		local owner = nil
		for _, other in pairs(caching.life.clients) do
			if other ~= client and other.realm == client.realm and
				other.leases[brk.key] then
				owner = other
			end
		end
		local gone = client.gone and client.gone[brk.key]
		bad(owner, "LEASE-BREAK-0031", "the lease with this key " ..
			"is that of another client")
		bad(not owner, "LEASE-BREAK-0021", "nobody holds a lease " ..
			"with this key%s", gone and (", it has ended in " ..
			"frame %d"):format(gone.ended) or "")
	end
end

local function judge_epoch(held, brk, bad)
	bad(held.version == 1 and brk.epoch ~= 0, "LEASE-EPOCH-0006",
		"NewEpoch is %d, the lease is of version 1", brk.epoch)
	if held.version ~= 2 or not held.epoch then
		return
	end
	local step = caching.ahead(held.epoch, brk.epoch)
	-- A break that was remembered during another one adds nothing.
	bad(step ~= 1 and not (step == 0 and held.broken),
		"LEASE-EPOCH-0005", "NewEpoch is 0x%04x, the epoch was 0x%04x",
		brk.epoch, held.epoch)
end

-- true: the same break once more, on another connection.
local function judge_held(conn, pdu, held, brk, bad)
	local before = held.breaking
	if before and not before.acked and not before.closing then
		if before.conn ~= conn and before.from == brk.from and
			before.to == brk.to and before.epoch == brk.epoch then
			return true
		end
		bad(pdu.time - before.time < CERTAIN, "LEASE-BREAK-0027",
			"the break of frame %d is not acknowledged yet",
			before.frame)
	end
	if not caching.sure(conn) or held.unsure or held.conn ~= conn then
		return false
	end
	judge_epoch(held, brk, bad)
	bad((not before or before.acked) and held.state ~= brk.from,
		"LEASE-BREAK-0021", "CurrentLeaseState is %s, the client " ..
		"holds %s", caching.state(brk.from), caching.state(held.state))
	return false
end

local function lease_break(conn, pdu, bad)
	local client = caching.client(conn)
	local brk = {frame = pdu.frame, time = pdu.time, conn = conn,
		epoch = u16(pdu, 66), ack = flag(u32(pdu, 68), 1),
		key = caching.hex(pdu, 72), from = bit.band(u32(pdu, 88), 7),
		to = bit.band(u32(pdu, 92), 7)}
	local held = client.leases[brk.key]
	tell(pdu, caching.lease_field, "break from %s to %s, %s%s",
		caching.state(brk.from), caching.state(brk.to), brk.ack and
		"acknowledgment required" or "no acknowledgment", held and
		(", of \"%s\""):format(held.name) or "")
	tell(pdu, caching.key_field, brk.key)
	judge_notification(pdu, brk, bad)
	if not held then
		judge_unknown(conn, client, brk, bad)
	elseif not judge_held(conn, pdu, held, brk, bad) then
		caching.judge_cause(conn, pdu, held, brk, bad)
		caching.broken(held, brk)
		-- With the wrong flag nobody knows who waits for what.
		held.unsure = held.unsure or brk.ack ~=
			(flag(brk.from, W) or flag(brk.from, H))
	end
	if brk.cause then
		tell(pdu, cause_field, brk.cause)
	end
	tell_answer(pdu, brk)
	if held then
		tell(pdu, life_field, function()
			return caching.story(held)
		end)
	end
end

-- Acknowledgments.

local function judge_ack_state(client, pdu, held, state, bad)
	local brk = held.breaking
	if brk and not brk.acked then
		bad(not caching.inside(state, brk.to), "LEASE-CLIENT-0013",
			"acknowledged with %s, the break of frame %d goes " ..
			"to %s", caching.state(state), brk.frame,
			caching.state(brk.to))
	else
		bad(not held.unsure and not brk, "LEASE-CLIENT-0014",
			"no break of this lease asks for an acknowledgment")
	end
	bad(brk and brk.acked, "LEASE-CLIENT-0014", "the break was " ..
		"acknowledged in frame %d", brk and brk.acked or 0)
end

local function judge_ack_unknown(conn, client, key, bad)
	if not caching.sure(conn) or client.asked[key] then
		return
	end
	for _, other in pairs(caching.life.clients) do
		local held = other.leases[key]
		bad(other ~= client and other.realm == client.realm and held
			and held.breaking, "LEASE-CLIENT-0015", "the lease " ..
			"that is being broken is that of another client")
	end
	local gone = client.gone and client.gone[key]
	bad(gone, "LEASE-CLIENT-0016", "the last open of the lease was " ..
		"closed in frame %d", gone and gone.ended or 0)
end

local function lease_ack(conn, pdu, bad)
	local client, key = caching.client(conn), caching.hex(pdu, 72)
	local state, held = u32(pdu, 88), nil
	held = client.leases[key]
	bad(u16(pdu, 66) ~= 0 or u32(pdu, 68) ~= 0 or u64(pdu, 92) ~= ZERO,
		"LEASE-CLIENT-0017", "Reserved, Flags or LeaseDuration is " ..
		"not zero")
	tell(pdu, caching.lease_field, "acknowledges with %s%s",
		caching.state(state), held and
		(", \"%s\""):format(held.name) or "")
	tell(pdu, caching.key_field, key)
	pdu.ack = {state = state, held = held, key = key, client = client,
		sent = pdu.time}
	if not held then
		judge_ack_unknown(conn, client, key, bad)
		return
	end
	judge_ack_state(client, pdu, held, state, bad)
	local brk = held.breaking
	if not brk then
		return
	end
	tell(pdu, break_field, brk.frame)
	tell(pdu, delay_field, caching.seconds(pdu.time - brk.time))
	pdu.ack.first = brk.acked == nil
	if pdu.ack.first and caching.inside(state, brk.to) then
		brk.acked, brk.acked_time = pdu.frame, pdu.time
		brk.answer = "acknowledged with " .. caching.state(state)
		caching.life.waiting[brk] = nil
	end
	pdu.ack.brk = brk
	for open in pairs(held.opens) do
		open.used = open.used or pdu.frame
	end
end

-- What the server says to an acknowledgment.

local function judge_ack_success(pdu, ack, bad)
	local same = caching.hex(pdu, 72) == ack.key and
		u32(pdu, 88) == ack.state
	bad(not same, "LEASE-ACK-0006", "LeaseKey or LeaseState is not that " ..
		"of the acknowledgment")
	bad(u32(pdu, 68) ~= 0 or u64(pdu, 92) ~= ZERO, "LEASE-ACK-0007",
		"Flags or LeaseDuration is not zero")
end

local function judge_ack_status(conn, pdu, ack, bad)
	local held, brk, status = ack.held, ack.brk, pdu.status
	if not caching.sure(conn) then
		return
	elseif not held then
		bad(not ack.client.asked[ack.key] and status ~= NOT_FOUND,
			"LEASE-ACK-0001", "Status is 0x%08x, the client has " ..
			"no lease with this key", status)
		return
	elseif held.unsure or held.ended then
		return
	end
	bad(not brk and not held.breaking and status ~= UNSUCCESSFUL,
		"LEASE-ACK-0003", "Status is 0x%08x, the lease is not being " ..
		"broken", status)
	if not brk or not ack.first or pdu.time - brk.time > CERTAIN or
		brk.closed then
		return
	end
	local good = caching.inside(ack.state, brk.to)
	bad(not good and status ~= NOT_ACCEPTED, "LEASE-ACK-0004",
		"Status is 0x%08x, %s is not contained in %s", status,
		caching.state(ack.state), caching.state(brk.to))
	bad(good and is_failure(status), "LEASE-ACK-0006", "Status is " ..
		"0x%08x, the break of frame %d was waiting", status, brk.frame)
end

local function lease_acked(conn, pdu, ack, bad)
	local held, brk = ack.held, ack.brk
	judge_ack_status(conn, pdu, ack, bad)
	if pdu.status == NO_STATUS and is_break(pdu, ACKNOWLEDGMENT) then
		judge_ack_success(pdu, ack, bad)
		tell(pdu, caching.lease_field, "%s is left%s",
			caching.state(u32(pdu, 88)), held and
			(" of \"%s\""):format(held.name) or "")
		tell(pdu, caching.key_field, ack.key)
		if held then
			caching.note(held, pdu.frame, "%s acknowledged",
				caching.state(ack.state))
			tell(pdu, life_field, function()
				return caching.story(held)
			end)
		end
	elseif brk and ack.first and pdu.status == UNSUCCESSFUL then
		brk.given_up, brk.acked = pdu.frame, nil
	end
	if held and brk and held.breaking == brk then
		if pdu.status == NO_STATUS then
			held.state, held.breaking = ack.state, nil
		elseif pdu.status ~= NOT_ACCEPTED then
			held.unsure, held.breaking = true, nil
		end
	end
end

-- Oplocks.

local function oplock_break(conn, pdu, bad)
	local level = pdu.range(66, 1):uint()
	local session = caching.session(conn, pdu.session_id)
	local open = session.opens[u64(pdu, 72) .. u64(pdu, 80)]
	bad(level > 1, "LEASE-OPLOCK-0024", "the break goes to %s",
		caching.LEVELS[level] or level)
	bad((pdu.tree_id or 0) ~= 0, "LEASE-OPLOCK-0026", "TreeId is 0x%08x",
		pdu.tree_id or 0)
	bad(pdu.signed and not pdu.encrypted, "LEASE-OPLOCK-0027",
		"the break is signed")
	tell(pdu, caching.lease_field, "break%s to %s", open and
		(" of \"%s\" from %s"):format(open.name,
		caching.LEVELS[open.oplock] or "?") or "",
		caching.LEVELS[level] or level)
	if not open then
		return
	end
	caching.tell_open(pdu, open)
	local brk = {frame = pdu.frame, time = pdu.time, conn = conn,
		to = level, ack = open.oplock >= 8, open = open, from = 0}
	open.broken = pdu.frame
	caching.note(open, pdu.frame, "oplock broken to %s",
		caching.LEVELS[level] or level)
	if brk.ack then
		open.breaking = brk
		caching.life.waiting[brk] = true
	else
		open.oplock = level
	end
	tell_answer(pdu, brk)
end

local function oplock_ack(conn, pdu, bad)
	local session = caching.session(conn, pdu.session_id)
	local open = session.opens[u64(pdu, 72) .. u64(pdu, 80)]
	local level = pdu.range(66, 1):uint()
	pdu.ack = {level = level, open = open}
	tell(pdu, caching.lease_field, "acknowledges with %s",
		caching.LEVELS[level] or level)
	if not open then
		return
	end
	caching.tell_open(pdu, open)
	local brk = open.breaking
	bad(not brk, "LEASE-CLIENT-0019", "no break of this oplock asks for " ..
		"an acknowledgment")
	if not brk then
		return
	end
	pdu.ack.brk = brk
	bad(level > brk.to, "LEASE-CLIENT-0020", "the break of frame %d " ..
		"goes to %s", brk.frame, caching.LEVELS[brk.to] or brk.to)
	tell(pdu, break_field, brk.frame)
	tell(pdu, delay_field, caching.seconds(pdu.time - brk.time))
	brk.acked, brk.acked_time = pdu.frame, pdu.time
	brk.answer = "acknowledged with " .. (caching.LEVELS[level] or level)
	caching.life.waiting[brk] = nil
end

local function oplock_acked(conn, pdu, ack, bad)
	local open, brk = ack.open, ack.brk
	local good = pdu.status == NO_STATUS
	bad(good and ack.level == LEASE_LEVEL, "LEASE-OPLOCKACK-0003",
		"success, the level was that of leases")
	if not open or not caching.sure(conn) then
		return
	end
	bad(good and not brk, "LEASE-OPLOCKACK-0005", "success, no break " ..
		"waits for an acknowledgment")
	if not brk then
		return
	end
	bad(good and ack.level == 9, "LEASE-OPLOCKACK-0004",
		"success, the level was batch")
	bad(is_failure(pdu.status) and ack.level <= brk.to and
		pdu.time - brk.time < CERTAIN, "LEASE-OPLOCKACK-0001",
		"Status is 0x%08x, the break of frame %d was waiting",
		pdu.status, brk.frame)
	bad(good and is_break(pdu, OPLOCK) and ack.level <= brk.to and
		pdu.range(66, 1):uint() ~= ack.level, "LEASE-OPLOCKACK-0001",
		"the level is not that of the acknowledgment")
	if open.breaking == brk then
		open.oplock = good and ack.level <= brk.to and ack.level or 0
		open.breaking = nil
	end
end

-- What nobody has acknowledged for longer than servers wait.
local function overdue(conn, pdu, bad)
	local life, realm = caching.life, caching.realm(conn)
	for brk in pairs(life.waiting) do
		local lease, open = brk.lease, brk.open
		if lease and (lease.ended or lease.breaking ~= brk) or
			open and (open.ended or open.breaking ~= brk) then
			life.waiting[brk] = nil
		elseif pdu.time - brk.time > PATIENCE and
			caching.realm(brk.conn) == realm then
			life.waiting[brk] = nil
			bad(true, lease and "LEASE-CLIENT-0012" or
				"LEASE-CLIENT-0018", "the break of frame %d " ..
				"of \"%s\" is not acknowledged after %d s",
				brk.frame, (lease or open).name, PATIENCE)
		end
	end
end

function requests.lease_breaks(conn, pdu, bad)
	if is_break(pdu, ACKNOWLEDGMENT) then
		lease_ack(conn, pdu, bad)
	elseif is_break(pdu, OPLOCK) then
		oplock_ack(conn, pdu, bad)
	end
end

function responses.lease_breaks(conn, pdu, bad, blame)
	local request = conn.requests[pdu.message_id]
	local ack = request and request.ack
	if is_break(pdu, NOTIFICATION) then
		lease_break(conn, pdu, bad)
	elseif pdu.command == OPLOCK_BREAK and ack and ack.key then
		local late = ack.brk and ack.first and
			pdu.status == UNSUCCESSFUL
		lease_acked(conn, pdu, ack, bad)
		blame("client", late and not ack.held.ended,
			"LEASE-CLIENT-0012", "the acknowledgment came after " ..
			"%.1f s, the server did not wait so long",
			late and ack.sent - ack.brk.time or 0)
	elseif pdu.command == OPLOCK_BREAK and ack then
		oplock_acked(conn, pdu, ack, bad)
	elseif pdu.unsolicited and is_break(pdu, OPLOCK) then
		oplock_break(conn, pdu, bad)
	end
end

-- Who has not acknowledged is a client, whoever sends the next message.
function both.lease_overdue(conn, pdu, _, blame)
	overdue(conn, pdu, function(...) blame("client", ...) end)
end

judges("LEASE", expert.severity.ERROR, [[
ACK 0001 0003 0004 0006 0007
BREAK 0020 0021 0022 0023 0027 0031
CLIENT 0013 0014 0015 0017 0018 0019 0020
EPOCH 0005 0006
OPLOCK 0024 0025 0026 0027
OPLOCKACK 0001 0003 0004
]])
judges("LEASE", expert.severity.WARN, [[
CLIENT 0012 0016
OPLOCKACK 0005
]])
