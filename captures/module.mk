# SPDX-License-Identifier: MIT
# The captures decode as their golden texts say. TSHARK names another tshark.

check-captures: $(OUT)/smb3x.lua
	@PLUGIN=$(OUT)/smb3x.lua captures/check

CHECKS += check-captures
.PHONY: check-captures
