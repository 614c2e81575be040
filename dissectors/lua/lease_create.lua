-- SPDX-License-Identifier: MIT
--
-- CREATE: what is asked for and what is granted. Rules of groups GRANT and
-- EPOCH, of OPLOCK as far as they are about granting, of CLIENT and DIRL.

local R, H, W = caching.R, caching.H, caching.W
local BREAKING, PARENT_SET = 2, 4
local LEASING, DIRECTORY_LEASING = 2, 0x20
local DIRECTORY_FILE, DELETE_ON_CLOSE = 1, 0x1000
local PERSISTENT, REPLAY = 2, 0x20000000
local TAGS = {["52714c73"] = "lease", ["44486e51"] = "DHnQ",
	["44486e43"] = "DHnC", ["44483251"] = "DH2Q", ["44483243"] = "DH2C"}
local APPLICATION = "45bca66aefa7f74a9008fa462e144d74"
local SIZES = {DHnQ = 16, DHnC = 16, DH2Q = 32, DH2C = 36}

local lease_field = field("lease", "Caching")
local key_field = field("lease.key", "LeaseKey")
caching.lease_field, caching.key_field = lease_field, key_field
local parent_field = field("lease.parent", "ParentLeaseKey")

local function lease_context(pdu, at, size)
	local found = {size = size, key = caching.hex(pdu, at),
		state = u32(pdu, at + 16), flags = u32(pdu, at + 20),
		zero = u64(pdu, at + 24) == ZERO, version = 1}
	if size == 52 then
		found.version = 2
		found.parent = caching.hex(pdu, at + 32)
		found.epoch = u16(pdu, at + 48)
		found.clean = found.zero and u16(pdu, at + 50) == 0
		found.parent_set = flag(found.flags, PARENT_SET)
	end
	return found
end

-- Names as the documents have them, of what a durable context holds.
local DURABLE = {
	DHnQ = function(pdu, at)
		return {zero = zeros_at(pdu, at), version = 1}
	end,
	DHnC = function(pdu, at)
		return {persistent = u64(pdu, at), version = 1}
	end,
	DH2Q = function(pdu, at)
		return {timeout = u32(pdu, at), flags = u32(pdu, at + 4),
			zero = u64(pdu, at + 8) == ZERO, version = 2,
			guid = caching.hex(pdu, at + 16)}
	end,
	DH2C = function(pdu, at)
		return {persistent = u64(pdu, at), version = 2,
			guid = caching.hex(pdu, at + 16),
			flags = u32(pdu, at + 32)}
	end,
}

-- The contexts of leases and durable opens in a CREATE message.
function caching.contexts(pdu, at, size)
	local found = {n = 0}
	for tag, data, length in create_list(pdu, at, size) do
		local name = TAGS[tag]
		local whole = has(pdu, data, length)
		if tag == APPLICATION and whole and length == 20 then
			found.application = caching.hex(pdu, data + 4)
		elseif name == "lease" then
			found.lease_size = length
			if whole and (length == 32 or length == 52) then
				found.lease = lease_context(pdu, data, length)
			end
		elseif name then
			found.n = found.n + 1
			found[name] = pdu.response and {size = length} or
				{short = true}
			if whole and not pdu.response and length == SIZES[name]
				then
				found[name] = DURABLE[name](pdu, data)
			elseif whole and pdu.response and length == 8 then
				found[name].timeout = u32(pdu, data)
				found[name].flags = u32(pdu, data + 4)
			end
		end
	end
	found.again = found.DHnC or found.DH2C
	return found
end

-- What the client asks for.

local function judge_context(conn, pdu, asked, bad)
	local lease, dialect = asked.lease, conn.dialect
	bad(pdu.oplock ~= 255, "LEASE-CLIENT-0001", "a lease context, " ..
		"RequestedOplockLevel is 0x%02x", pdu.oplock)
	bad(conn.capabilities and not flag(conn.capabilities, LEASING),
		"LEASE-CLIENT-0003", "a lease context, the server has not " ..
		"set SMB2_GLOBAL_CAP_LEASING")
	bad(dialect and dialect >= 0x0300 and lease.version == 1,
		"LEASE-CLIENT-0004", "a lease context of 32 bytes in " ..
		"dialect 0x%04x", dialect or 0)
	bad(dialect == 0x0210 and lease.version == 2, "LEASE-CLIENT-0005",
		"a lease context of 52 bytes in dialect 2.1")
	bad(lease.state > 7, "LEASE-CLIENT-0006", "LeaseState is 0x%08x",
		lease.state)
	bad(not caching.inside(lease.flags, lease.version == 2 and PARENT_SET
		or 0), "LEASE-CLIENT-0007", "flags of the lease context are " ..
		"0x%08x", lease.flags)
	bad(not (lease.zero and lease.clean ~= false), "LEASE-CLIENT-0008",
		"LeaseDuration or Reserved is not zero")
	bad(not flag(lease.state, R) and bit.band(lease.state, 7) ~= 0,
		"LEASE-CLIENT-0009", "%s without R is asked for",
		caching.state(lease.state))
	bad(flag(pdu.options, DIRECTORY_FILE) and conn.capabilities and not
		flag(conn.capabilities, DIRECTORY_LEASING), "DIRL-CLIENT-0001",
		"a lease on a directory, the server has not set " ..
		"SMB2_GLOBAL_CAP_DIRECTORY_LEASING")
end

-- One key for one file, one file with one key.
local function judge_key(client, pdu, lease, bad)
	local file = pdu.file
	local known = client.leases[lease.key]
	local other = known and known.file
	if not file or pdu.contexts_asked.again then
		return
	end
	bad(other and other ~= file and caching.connected(known) and not
		other.moved and not other.doomed and other.plain and file.plain,
		"LEASE-CLIENT-0010", "the LeaseKey is that of \"%s\"",
		other and other.name or "")
	for _, open in caching.others(file, known) do
		if open.client == client and open.lease then
			bad(true, "LEASE-CLIENT-0011", "an open of frame " ..
				"%d has the file with another LeaseKey",
				open.frame)
			break
		end
	end
end

-- The lease that a client holds on the directory of a file, with R.
local function directory_lease(client, file)
	local parent, found = caching.parent(file), nil
	for open in pairs(parent and not parent.moved and parent.opens or {}) do
		local lease = open.lease
		if open.client == client and caching.alive(open) and lease and
			lease.directory and flag(lease.state, R) and
			(not found or lease.number < found.number) then
			found = lease
		end
	end
	return found
end

local function judge_parent(pdu, asked, bad)
	local lease, held = asked.lease, directory_lease(pdu.client, pdu.file)
	if not held or asked.again then
		return
	end
	local second = lease and lease.version == 2
	bad(second and not lease.parent_set, "DIRL-CLIENT-0002",
		"no ParentLeaseKey, the client holds %s on the directory",
		caching.state(held.state))
	-- Two leases of one client on one directory: either key will do.
	local meant = second and lease.parent_set and
		pdu.client.leases[lease.parent]
	bad(second and lease.parent_set and lease.parent ~= held.key and not
		(meant and meant.file == held.file), "DIRL-CLIENT-0003",
		"ParentLeaseKey is not that of the lease on the directory")
	bad(not second and (pdu.disposition == 2 or pdu.disposition == 4 or
		pdu.disposition == 5 or pdu.disposition == 0),
		"DIRL-CLIENT-0004", "no lease context with the " ..
		"ParentLeaseKey, the client holds %s on the directory",
		caching.state(held.state))
end

local function tell_parent(pdu, lease)
	local holders = {}
	for _, client in pairs(caching.life.clients) do
		local held = client.leases[lease.parent]
		if held and held.directory then
			holders[#holders + 1] = ("of the lease on \"%s\"%s")
				:format(held.file and held.file.name or "?",
				client == pdu.client and "" or
				" of another client")
		end
	end
	table.sort(holders)
	tell(pdu, parent_field, "%s, %s", lease.parent, #holders > 0 and
		table.concat(holders, " and ") ..
		": what this open changes does not break it" or
		"no lease with this key is known")
end

also(ask, CREATE, function(conn, pdu, bad)
	local session = caching.session(conn, pdu.session_id)
	local asked = caching.contexts(pdu, u32(pdu, 112), u32(pdu, 116))
	pdu.contexts_asked, pdu.session = asked, session
	pdu.client = caching.client(conn)
	pdu.share_access = u32(pdu, 96)
	pdu.file = caching.file(session, pdu.tree_id, pdu, u16(pdu, 108),
		u16(pdu, 110))
	bad(pdu.oplock == 255 and not asked.lease_size, "LEASE-CLIENT-0002",
		"RequestedOplockLevel is that of leases, there is no lease " ..
		"context")
	local lease = asked.lease
	if lease then
		judge_context(conn, pdu, asked, bad)
		judge_key(pdu.client, pdu, lease, bad)
		pdu.client.asked[lease.key] =
			(pdu.client.asked[lease.key] or 0) + 1
		tell(pdu, lease_field, "asks for %s",
			caching.state(lease.state))
		tell(pdu, key_field, lease.key)
		if lease.parent_set then
			tell_parent(pdu, lease)
		end
	end
	judge_parent(pdu, asked, bad)
	caching.ask_durable(conn, pdu, asked, bad)
	caching.began(pdu, {file = pdu.file, name = "CREATE",
		opening = true, access = pdu.access,
		key = lease and lease.key, disposition = pdu.disposition,
		parent_key = lease and lease.parent_set and lease.parent})
end)

-- What the server grants.

local function judge_form(conn, pdu, request, lease, bad)
	local asked = request.contexts_asked
	local level = pdu.range(66, 1):uint()
	-- An open that is taken up again has the lease that it had.
	bad((lease or level == 255) and request.oplock ~= 255 and
		not asked.again, "LEASE-GRANT-0002",
		"a lease, RequestedOplockLevel was 0x%02x", request.oplock)
	bad(request.oplock == 255 and asked.lease_size and not asked.lease,
		"LEASE-GRANT-0003", "success, the lease context had %.0f " ..
		"bytes", asked.lease_size or 0)
	bad(lease and conn.dialect == 0x0210 and asked.lease and
		asked.lease.version == 2, "LEASE-GRANT-0004",
		"a lease, the context had 52 bytes in dialect 2.1")
	bad((lease ~= nil) ~= (level == 255), "LEASE-GRANT-0005", "%s",
		lease and "a lease context, OplockLevel is not that of leases"
		or "OplockLevel is that of leases, there is no lease context")
	if not lease then
		return
	end
	bad(asked.lease and asked.lease.key ~= lease.key, "LEASE-GRANT-0005",
		"LeaseKey is not that of the request")
	bad(not lease.zero, "LEASE-GRANT-0008", "LeaseDuration is not zero")
	if lease.version == 2 and asked.lease and asked.lease.version == 2 then
		local set = asked.lease.parent_set
		bad(set and (not lease.parent_set or
			lease.parent ~= asked.lease.parent), "LEASE-GRANT-0017",
			"ParentLeaseKey or its flag is not that of the request")
		bad(not set and lease.parent ~= ("0"):rep(32),
			"LEASE-GRANT-0018", "ParentLeaseKey is not zero, " ..
			"the request has none")
	end
end

local function judge_directory(conn, lease, bad)
	local granted = bit.band(lease.state, 7) ~= 0
	bad(flag(lease.state, W), "DIRL-GRANT-0003", "%s on a directory",
		caching.state(lease.state))
	bad(granted and lease.version == 1, "DIRL-GRANT-0005",
		"%s on a directory by a lease context of version 1",
		caching.state(lease.state))
	bad(granted and conn.capabilities and
		not flag(conn.capabilities, DIRECTORY_LEASING),
		"DIRL-GRANT-0006", "%s on a directory without " ..
		"SMB2_GLOBAL_CAP_DIRECTORY_LEASING", caching.state(lease.state))
end

-- A lease that nobody held before.
local function judge_new(request, lease, bad)
	local asked = request.contexts_asked.lease
	if not asked then
		return
	end
	bad(lease.state ~= 0 and not flag(asked.state, R), "LEASE-GRANT-0007",
		"%s granted, %s asked for", caching.state(lease.state),
		caching.state(asked.state))
	bad(flag(asked.state, R) and not caching.inside(lease.state,
		asked.state), "LEASE-GRANT-0023", "%s granted, %s asked for",
		caching.state(lease.state), caching.state(asked.state))
	bad(lease.version ~= asked.version, "LEASE-GRANT-0019",
		"a new lease is of version %d, asked for was version %d",
		lease.version, asked.version)
	if lease.version == 2 and asked.version == 2 then
		local step = caching.ahead(asked.epoch, lease.epoch)
		bad(lease.state ~= 0 and step ~= 1, "LEASE-EPOCH-0001",
			"Epoch is 0x%04x, in the request 0x%04x: not one more",
			lease.epoch, asked.epoch)
		bad(lease.state == 0 and step ~= 0, "LEASE-EPOCH-0002",
			"Epoch is 0x%04x, in the request 0x%04x, and " ..
			"nothing was granted", lease.epoch, asked.epoch)
	end
end

-- A further open of a lease that is held and not being broken.
local function judge_joined(conn, pdu, held, lease, bad)
	bad(lease.version ~= held.version, "LEASE-GRANT-0019",
		"the lease is of version %d, the response of version %d",
		held.version, lease.version)
	local brk = held.breaking
	if brk then
		bad(brk.conn == conn and not brk.acked and not brk.closing and
			pdu.time - brk.time < 1 and caching.sure(conn) and
			not flag(lease.flags, BREAKING), "LEASE-GRANT-0016",
			"SMB2_LEASE_FLAG_BREAK_IN_PROGRESS is not set, the " ..
			"break of frame %d waits", brk.frame)
		return
	end
	if not caching.sure(conn) or held.unsure or held.conn ~= conn then
		return -- news of another connection may have overtaken it
	end
	local step = held.epoch and lease.epoch and
		caching.ahead(held.epoch, lease.epoch) or nil
	bad(not caching.inside(held.state, lease.state) and
		(step == 0 or step == nil), "LEASE-GRANT-0011",
		"%s, the client held %s", caching.state(lease.state),
		caching.state(held.state))
	if step and held.version == 2 then
		bad(lease.state ~= held.state and step ~= 1 and
			caching.inside(held.state, lease.state),
			"LEASE-EPOCH-0003", "%s becomes %s, Epoch goes from " ..
			"0x%04x to 0x%04x", caching.state(held.state),
			caching.state(lease.state), held.epoch, lease.epoch)
		bad(lease.state == held.state and step ~= 0,
			"LEASE-EPOCH-0004", "the state is as it was, Epoch " ..
			"goes from 0x%04x to 0x%04x", held.epoch, lease.epoch)
	end
end

local function new_lease(client, open, lease, frame)
	local held = {key = lease.key, client = client, file = open.file,
		name = open.name, version = lease.version, opens = {},
		story = {}, frame = frame, directory = open.directory,
		number = #caching.life.leases + 1}
	client.leases[lease.key] = held
	caching.life.leases[held.number] = held
	return held
end

-- What is known of the lease after a CREATE response.
local function learn_lease(conn, pdu, client, open, lease)
	local held = client.leases[lease.key]
	local before = held and held.state
	if held == nil then
		held = new_lease(client, open, lease, pdu.frame)
	end
	if not flag(lease.flags, BREAKING) then
		local brk = held.breaking
		if brk and not brk.acked then
			held.breaking = nil
		end
		if before ~= lease.state then
			held.granted = pdu.frame
			caching.note(held, pdu.frame, before and
				"%s becomes %s" or "%s%s granted", before and
				caching.state(before) or "",
				caching.state(lease.state))
		end
		held.state, held.unsure = lease.state, nil
		held.epoch = lease.epoch
	elseif before == nil then
		held.state, held.epoch, held.unsure = lease.state, lease.epoch,
			true
	end
	held.conn = conn
	held.version = lease.version
	local early = client.early[lease.key]
	if early and early.break_ then
		caching.broken(held, early.break_)
	end
	client.early[lease.key] = nil
	open.lease = held
	held.opens[open] = true
	return held
end

-- CreationTime tells files apart where names do not.
local function judge_other_file(held, open, request, bad)
	local other = held and held.file
	bad(other and request.file and other ~= request.file and
		not other.moved and not other.doomed and caching.connected(held)
		and held.created and held.created ~= open.created,
		"LEASE-GRANT-0012", "the LeaseKey is that of \"%s\"",
		other and other.name or "")
end

function caching.grant(conn, pdu, request, open, given, bad)
	local lease, client = given.lease, request.client
	judge_form(conn, pdu, request, lease, bad)
	if open.directory then
		bad(open.oplock == 1 or open.oplock == 8 or open.oplock == 9,
			"LEASE-OPLOCK-0006", "%s on a directory",
			caching.LEVELS[open.oplock] or "an oplock")
	end
	if not lease then
		return
	end
	lease.state = bit.band(lease.state, 7)
	if open.directory then
		judge_directory(conn, lease, bad)
	end
	local held = client.leases[lease.key]
	local again = request.contexts_asked.again
	if held and not again then
		judge_joined(conn, pdu, held, lease, bad)
		judge_other_file(held, open, request, bad)
	elseif caching.sure(conn) and not again and
		not client.early[lease.key] and
		not client.asked[lease.key] then
		judge_new(request, lease, bad)
	end
	held = learn_lease(conn, pdu, client, open, lease)
	held.created = held.created or open.created
	local asked = request.contexts_asked.lease
	tell(pdu, lease_field, "%s granted%s%s%s", caching.state(lease.state),
		asked and (", %s asked for"):format(caching.state(asked.state))
		or "", lease.epoch and (", epoch %d"):format(lease.epoch) or
		"", flag(lease.flags, BREAKING) and ", break in progress" or "")
end

-- Every answer to a CREATE request, also a failure.
function responses.lease_asked(conn, pdu)
	local request = conn.requests[pdu.message_id]
	if request == nil or request.command ~= CREATE or
		pdu.status == PENDING or not request.contexts_asked then
		return
	end
	local lease, client = request.contexts_asked.lease, request.client
	if lease and client.asked[lease.key] then
		pdu.asked_by = client.asked[lease.key]
		client.asked[lease.key] = pdu.asked_by > 1 and
			pdu.asked_by - 1 or nil
	end
	if is_failure(pdu.status) then
		caching.ended(request, pdu, false)
		if request.again then
			caching.note(request.again, pdu.frame,
				"not taken up: status 0x%08x", pdu.status)
		end
	end
end

judges("LEASE", expert.severity.ERROR, [[
CLIENT 0001 0002 0003 0004 0005 0006 0007 0008 0010
EPOCH 0001 0002 0003 0004
GRANT 0002 0003 0005 0007 0008 0011 0012 0016 0017 0018 0023
OPLOCK 0006
]])
judges("LEASE", expert.severity.WARN, [[
CLIENT 0009 0011
GRANT 0004 0019
]])
judges("DIRL", expert.severity.ERROR, [[
CLIENT 0001 0002 0003
GRANT 0003 0005 0006
]])
judges("DIRL", expert.severity.WARN, [[
CLIENT 0004
]])
