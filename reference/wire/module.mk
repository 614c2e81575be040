# SPDX-License-Identifier: MIT
# The codec runtime together with the codecs that wiregen wrote, and what
# checks them: unit tests, the round trip of foreign captures, fuzzing.
$(eval $(call library,wire,$(wildcard reference/wire/*.c) $(WIRE_GENERATED)))
$(eval $(call unit_test,wire_codec,reference/wire/test/codec_test.c,wire))

$(eval $(call unit_test,wire_runtime,reference/wire/test/runtime_test.c,wire))

# Every message of captures/foreign/, byte for byte; not a unit test because
# it has arguments.
WIRE_FOREIGN := $(BUILD)/test/wire_foreign
WIRE_FOREIGN_OBJ := $(call obj,reference/wire/foreign/roundtrip.c)
FOREIGN_CAPTURES := $(wildcard captures/foreign/*.pcapng)
$(WIRE_FOREIGN): $(WIRE_FOREIGN_OBJ) $(BUILD)/lib/libwire.a
ALL_OBJ += $(WIRE_FOREIGN_OBJ)

$(GEN)/foreign.pdus: $(FOREIGN_CAPTURES) $(wildcard captures/foreign/*.keys) \
    tools/wiregen/cutpdus tools/wiregen/pcapng.py
	@mkdir -p $(@D)
	@echo "  CUT   $@"
	@$(PYTHON) tools/wiregen/cutpdus --out $@ $(FOREIGN_CAPTURES)

check-foreign: $(WIRE_FOREIGN) $(GEN)/foreign.pdus
	@$(WIRE_FOREIGN) $(GEN)/foreign.pdus $(GEN)/foreign.witnesses
	@$(PYTHON) tools/wiregen/vouch $(GEN)/foreign.witnesses $(WIRE_LAYOUTS)
CHECKS += check-foreign
.PHONY: check-foreign
