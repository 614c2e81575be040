# SPDX-License-Identifier: MIT
# The dissector needs no build; its tests need tshark and run it as an
# ordinary user. smb3x.rules holds the sentences of the rules, for the plugin
# folder: the dissector shows them when they lie beside it.

$(OUT)/smb3x.rules: dissectors/rules-table $(OUT)/requirements.json
	@dissectors/rules-table $(OUT)/requirements.json >$@

all: $(OUT)/smb3x.rules

check-dissectors: $(GEN)/rules.h $(OUT)/smb3x.rules
	@luac5.2 -p dissectors/smb3x.lua
	@luac5.4 -p dissectors/smb3x.lua
	@REQUIREMENTS=$(OUT)/requirements.json SENTENCES=$(OUT)/smb3x.rules \
	  $(PYTHON) -m pytest -q -p no:cacheprovider dissectors/test

CHECKS += check-dissectors
.PHONY: check-dissectors
