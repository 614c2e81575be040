-- SPDX-License-Identifier: MIT
--
-- Reporting.

local rule_field = ProtoField.string("smb3x.rule", "Rule")
local who_field = ProtoField.string("smb3x.who", "Broken by")
local sentence_field = ProtoField.string("smb3x.sentence", "Sentence")
for _, own in ipairs({rule_field, who_field, sentence_field}) do
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

-- Sentences of the rules, if the file smb3x.rules lies beside this one.
local sentences = {}
local place = debug and debug.getinfo(1, "S").source:match("^@(.*)smb3x%.lua$")
local file = place and io.open(place .. "smb3x.rules")
for line in file and file:lines() or function() end do
	local id, sentence = line:match("^(%S+)\t(.*)$")
	sentences[id or ""] = sentence
end

local function show(tree, verdict)
	local item = tree:add(rule_field, verdict.id)
	item:set_text(string.format("%s broken by the %s: %s", verdict.id,
		verdict.who, verdict.text))
	item:add(who_field, verdict.who):set_generated()
	if sentences[verdict.id] then
		item:add(sentence_field, sentences[verdict.id]):set_generated()
	end
	item:add_proto_expert_info(experts[verdict.id], string.format(
		"%s: the %s: %s", verdict.id, verdict.who, verdict.text))
end
