-- SPDX-License-Identifier: MIT
--
-- The words in which the rules of an area are written; each area has files of
-- its own, see lua/core_messages.lua.

-- The checks. Each looks at one PDU of a connection; bad(condition, rule,
-- text, ...) reports when the condition holds. Who broke the rule is known by
-- direction; blame(who, condition, ...) names somebody else than the sender.
-- A rule without its area is one of CORE.

-- Checks have names for people; they are called in the order of their writing.
local function checks()
	return setmetatable({list = {}}, {__newindex = function(self, _, check)
		self.list[#self.list + 1] = check
	end})
end

local both, requests, responses = checks(), checks(), checks()

-- Checks of frames of a QUIC connection that carries SMB, with or without PDUs.
local frames = checks()

-- Bodies. An asker judges the request of one command and may keep what its
-- answer is judged by; an answerer judges a response that succeeded.
-- A later area adds its own with also(ask, CREATE, function(...) ... end).

local ask, answer = {}, {}

local function also(table, command, judge)
	local before = table[command]
	table[command] = function(...)
		if before then
			before(...)
		end
		judge(...)
	end
end

-- What a frame shows beside broken rules: a field, its text. A text that is a
-- function is asked when the frame is shown: by then later frames may be known,
-- as they are in Wireshark and in `tshark -2`. nil shows nothing.
local fields = {}
local function field(name, title)
	fields[#fields + 1] = ProtoField.string("smb3x." .. name, title)
	return fields[#fields]
end

local function frame_field(name, title, kind)
	fields[#fields + 1] = ProtoField.framenum("smb3x." .. name, title,
		base.NONE, kind)
	return fields[#fields]
end

local function number_field(name, title)
	fields[#fields + 1] = ProtoField.uint32("smb3x." .. name, title)
	return fields[#fields]
end

local function tell(pdu, what, text, ...)
	pdu.notes = pdu.notes or {}
	pdu.notes[#pdu.notes + 1] = {field = what,
		text = select("#", ...) > 0 and text:format(...) or text}
end

-- What an area forgets when a capture is read anew; what it does when a
-- connection ends; what it adds to the table at the end.
local resets, endings, summaries = {}, {}, {}

-- The rules that an area's files judge: a group and its numbers per line.
local judged = {}
local function judges(area, severity, rules)
	for line in rules:gmatch("[^\n]+") do
		local group = line:match("%a+")
		for number in line:gmatch("%d+") do
			local id = area .. "-" .. group .. "-" .. number
			judged[#judged + 1] = {id = id, severity = severity}
		end
	end
end

-- What the parts of area PSX share, and those of LEASE and DIRL.
local posix, caching = {}, {}
