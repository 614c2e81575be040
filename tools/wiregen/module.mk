# SPDX-License-Identifier: MIT
# Makes the codecs from spec/wire/; the library itself is in reference/wire.
WIREGEN := tools/wiregen/wiregen
WIREGEN_SOURCES := $(WIREGEN) $(addprefix tools/wiregen/,load.py check.py c.py) \
                     spec/wire/schema.json
WIRE_LAYOUTS := $(wildcard spec/wire/*.yaml)
WIRE_NAMES := $(sort $(basename $(notdir $(WIRE_LAYOUTS)))) all
WIRE_HEADERS := $(WIRE_NAMES:%=$(GEN)/wire/%.h)
WIRE_GENERATED := $(WIRE_NAMES:%=$(GEN)/wire/%.c)
GENERATED += $(WIRE_HEADERS)

$(WIRE_HEADERS) $(WIRE_GENERATED) &: $(WIRE_LAYOUTS) $(WIREGEN_SOURCES)
	@echo "  GEN   $(GEN)/wire"
	@$(PYTHON) $(WIREGEN) --out $(GEN)/wire $(WIRE_LAYOUTS)

# What else is made from the layouts: partials and diagrams of the documents,
# tables of the dissector, scapy layers, test vectors.
WIREGEN_MORE := $(addprefix tools/wiregen/,publish adoc.py svg.py lua.py \
                  scapy_out.py scapy_base.py vectors.py codec.py)
WIRE_SPEC    := $(GEN)/spec/wire-structures.adoc
WIRE_TABLES  := $(GEN)/dissectors/smb3x_tables.lua
WIRE_SCAPY   := $(GEN)/scapy/smb3x_layers.py
WIRE_VECTORS := $(GEN)/vectors/vectors.json

$(WIRE_SPEC) $(WIRE_TABLES) $(WIRE_SCAPY) $(WIRE_VECTORS) &: \
  $(WIRE_LAYOUTS) $(WIREGEN_SOURCES) $(WIREGEN_MORE)
	@echo "  GEN   $(GEN)/{spec,dissectors,scapy,vectors}"
	@$(PYTHON) tools/wiregen/publish --out $(GEN) $(WIRE_LAYOUTS)

# Feeds the vectors to the decoders; reads standard input, so no unit test.
WIRE_JUDGE     := $(OUT)/test/wire_vectors
WIRE_JUDGE_OBJ := $(call obj,tools/wiregen/test/vectors.c)
$(WIRE_JUDGE): $(WIRE_JUDGE_OBJ) $(OUT)/lib/libwire.a
ALL_OBJ += $(WIRE_JUDGE_OBJ)

check-wiregen: $(WIRE_JUDGE) $(WIRE_SPEC) $(WIRE_TABLES) $(WIRE_SCAPY) \
  $(WIRE_VECTORS)
	@echo "  TEST  tools/wiregen/test"
	@GEN=$(GEN) OUT=$(OUT) $(PYTHON) -m pytest -q -p no:cacheprovider \
	  tools/wiregen/test
CHECKS += check-wiregen
.PHONY: check-wiregen
