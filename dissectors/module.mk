# SPDX-License-Identifier: MIT
# The dissector needs no build; its tests need tshark and run it as an
# ordinary user.

check-dissectors: $(GEN)/rules.h
	@luac5.2 -p dissectors/smb3x.lua
	@luac5.4 -p dissectors/smb3x.lua
	@REQUIREMENTS=$(OUT)/requirements.json $(PYTHON) -m pytest -q \
	  -p no:cacheprovider dissectors/test

CHECKS += check-dissectors
.PHONY: check-dissectors
