-- SPDX-License-Identifier: MIT
--
-- Reporting.

local rule_field = ProtoField.string("smb3x.rule", "Rule")
local who_field = ProtoField.string("smb3x.who", "Broken by")
local by_field = ProtoField.string("smb3x.by", "Address")
local request_field = ProtoField.framenum("smb3x.request", "Request in",
	base.NONE, frametype.REQUEST)
local sentence_field = ProtoField.string("smb3x.sentence", "Sentence")
local source_field = ProtoField.string("smb3x.source", "Source")
local read_field = ProtoField.string("smb3x.read", "Read on")
for _, own in ipairs({rule_field, who_field, by_field, request_field,
	sentence_field, source_field, read_field}) do
	fields[#fields + 1] = own
end
proto.fields = fields

local experts = {}
local expert_list = {}
for _, rule in ipairs(judged) do
	experts[rule.id] = ProtoExpert.new("smb3x.req." .. rule.id:lower(),
		rule.id, expert.group.PROTOCOL, rule.severity)
	expert_list[#expert_list + 1] = experts[rule.id]
end
proto.experts = expert_list

-- Sentences of the rules, if the file smb3x.rules lies beside this one: with
-- the document that they come from, and where they stand in ours.
local sentences, sources, places = {}, {}, {}
local place = debug and debug.getinfo(1, "S").source:match("^@(.*)smb3x%.lua$")
local file = place and io.open(place .. "smb3x.rules")
for line in file and file:lines() or function() end do
	local id, sentence, source, anchor =
		line:match("^(%S+)\t([^\t]*)\t?([^\t]*)\t?(.*)$")
	sentences[id or ""] = sentence
	sources[id or ""] = source ~= "" and source or nil
	places[id or ""] = anchor ~= "" and anchor or nil
end

local function show(tree, verdict)
	local item = tree:add(rule_field, verdict.id)
	item:set_text(string.format("%s broken by the %s: %s", verdict.id,
		verdict.who, verdict.text))
	for _, part in ipairs({{who_field, verdict.who}, {by_field, verdict.by},
		{request_field, verdict.request},
		{sentence_field, sentences[verdict.id]},
		{source_field, sources[verdict.id]},
		{read_field, places[verdict.id]}}) do
		if part[2] then
			item:add(part[1], part[2]):set_generated()
		end
	end
	item:add_proto_expert_info(experts[verdict.id], string.format(
		"%s: the %s: %s", verdict.id, verdict.who, verdict.text))
end

-- What the line of a frame says of its broken rules.
proto.prefs.info = Pref.bool("Broken rules in the Info column", true,
	"Append which rules a frame breaks to its line in the packet list")

local function tell_in_line(pinfo, found)
	local parts, seen = {}, {}
	for _, verdict in ipairs(found) do
		local text = verdict.who .. " breaks " .. verdict.id
		if not seen[text] then
			parts[#parts + 1] = text
		end
		seen[text] = true
	end
	if #parts > 0 and proto.prefs.info then
		pinfo.cols.info:append(" [" .. table.concat(parts, ", ") .. "]")
	end
end

-- The table at the end.

local function print_total(id, total)
	print(string.format("%-20s %-6s %5d times, first in frame %d",
		id, total.who, total.count, total.frame))
	if sentences[id] then
		print(string.format("%10s  %s%s", "", sentences[id],
			sources[id] and " (" .. sources[id] .. ")" or ""))
	end
	print(string.format("%10d  %s", total.frame, total.text))
	local list = {}
	for address, count in pairs(total.by) do
		list[#list + 1] = {address = address, count = count}
	end
	table.sort(list, function(a, b)
		return a.count > b.count or
			a.count == b.count and a.address < b.address
	end)
	for i, one in ipairs(list) do
		list[i] = string.format("%s (%d)", one.address, one.count)
	end
	print(string.format("%10s  by %s", "", table.concat(list, ", ")))
end

local function print_totals()
	local ids = {}
	for id in pairs(totals) do
		ids[#ids + 1] = id
	end
	table.sort(ids)
	print(string.format("smb3x: %d rules broken, of %d that are judged",
		#ids, #expert_list))
	for _, id in ipairs(ids) do
		print_total(id, totals[id])
	end
end
