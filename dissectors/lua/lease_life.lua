-- SPDX-License-Identifier: MIT
--
-- The lives of leases and durable opens, and what is due, in the table at the
-- end.

local function print_story(thing)
	for _, event in ipairs(thing.story) do
		print(("%10d  %s"):format(event.frame, event.text))
	end
end

local function print_leases(life)
	for _, held in ipairs(life.leases) do
		print(("%sLease on %s \"%s\", version %d, key %s"):format(
			held.number == 1 and "\n" or "", held.directory and
			"directory" or "file", held.name, held.version,
			held.key))
		print_story(held)
		if held.breaking then
			print(("            the break of frame %d is not " ..
				"acknowledged"):format(held.breaking.frame))
		end
	end
end

local function print_opens(life)
	for _, open in ipairs(life.opens) do
		if open.durable or open.resilient then
			print(("\nOpen %d of \"%s\", %s%s"):format(open.number,
				open.name, open.persistent_handle and
				"persistent" or open.resilient and
				"resilient" or "durable", open.timeout and
				(" for %.1f s"):format(open.timeout / 1000) or
				""))
			print_story(open)
		end
	end
end

-- What the capture ends too early for: maybe the break came afterwards.
local function print_due(life)
	for number, one in ipairs(life.due) do
		print(("%sNo break of \"%s\" up to the end of the capture: %s")
			:format(number == 1 and "\n" or "", one.lease.name,
			one.text))
	end
end

local function durables(life)
	local count = 0
	for _, open in ipairs(life.opens) do
		count = count + ((open.durable or open.resilient) and 1 or 0)
	end
	return count
end

summaries[#summaries + 1] = function(whole)
	local life = caching.life
	local opens = durables(life)
	if whole then
		print_leases(life)
		print_opens(life)
	elseif #life.leases + opens > 0 then
		print(("\n%d leases, %d durable opens: -X lua_script1:lives " ..
			"tells what became of each"):format(#life.leases,
			opens))
	end
	print_due(life)
end
