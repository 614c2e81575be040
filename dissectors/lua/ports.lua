-- SPDX-License-Identifier: MIT
--
-- SMB on TCP ports other than 445. The built-in dissector of those (Decode As,
-- nbss) knows 17 bits of a message's length: behind the first long message it
-- is lost. This one hands whole messages to the built-in SMB2 dissector, which
-- is reached by the heuristics of NetBIOS.

-- Wireshark dissects 500 layers in a frame and no more; 4.0 does not survive it
-- when that happens below a dissector in Lua.
local CROWD = 120

do
local seen = 0
local other = Proto("smb3x_tcp", "SMB on another TCP port (smb3x)")
local ports = "4450"
other.prefs.ports = Pref.range("TCP ports", ports,
	"Ports other than 445 on which servers speak SMB", 65535)

local function length_of(tvb, _, offset)
	return 4 + tvb(offset + 1, 3):uint()
end

local function message(tvb, pinfo, tree)
	seen = seen + 1
	if tvb:len() > 4 and seen <= CROWD then
		DissectorTable.try_heuristics("netbios", tvb(4):tvb(), pinfo,
			tree)
	end
	return tvb:len()
end

function other.dissector(tvb, _, tree)
	seen = 0
	return dissect_tcp_pdus(tvb, tree, 4, length_of, message)
end

function other.prefs_changed()
	local known = DissectorTable.get("tcp.port")
	if ports ~= other.prefs.ports then
		known:remove(ports, other)
		ports = other.prefs.ports
		known:add(ports, other)
	end
end

DissectorTable.get("tcp.port"):add(ports, other)
end
