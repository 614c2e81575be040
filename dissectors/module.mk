# SPDX-License-Identifier: MIT
# smb3x.lua is one file for Wireshark's plugin folder, put together from parts;
# its tests need tshark and run it as an ordinary user. smb3x.rules holds the
# sentences of the rules: the dissector shows them when they lie beside it.
# TSHARK names another tshark: make check-dissectors TSHARK='dissectors/tshark-in DIR'

export TSHARK ?= tshark

DISSECTOR_PARTS := $(patsubst %,dissectors/lua/%.lua, \
  pdu ports connection judging gaps core_messages core_commands posix_open posix_info \
  quic_rules lease_state lease_create lease_durable lease_break lease_use \
  lease_life \
  learn report frame)

$(OUT)/smb3x.lua: dissectors/assemble $(DISSECTOR_PARTS) dissectors/module.mk
	@mkdir -p $(@D)
	@dissectors/assemble $(DISSECTOR_PARTS) >$@.new
	@mv $@.new $@

$(OUT)/smb3x.rules: dissectors/rules-table $(OUT)/requirements.json
	@dissectors/rules-table $(OUT)/requirements.json >$@

all: $(OUT)/smb3x.lua $(OUT)/smb3x.rules

check-dissectors: $(GEN)/rules.h $(OUT)/smb3x.lua $(OUT)/smb3x.rules
	@luac5.2 -p $(OUT)/smb3x.lua
	@luac5.4 -p $(OUT)/smb3x.lua
	@PLUGIN=$(OUT)/smb3x.lua REQUIREMENTS=$(OUT)/requirements.json SENTENCES=$(OUT)/smb3x.rules \
	  $(PYTHON) -m pytest -q -p no:cacheprovider dissectors/test

CHECKS += check-dissectors
.PHONY: check-dissectors
