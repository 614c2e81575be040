# SPDX-License-Identifier: MIT
# Makes the codecs from spec/wire/; the library itself is in reference/wire.
WIREGEN := tools/wiregen/wiregen
WIREGEN_SOURCES := $(WIREGEN) $(wildcard tools/wiregen/*.py) \
                     spec/wire/schema.json
WIRE_LAYOUTS := $(wildcard spec/wire/*.yaml)
WIRE_NAMES := $(sort $(basename $(notdir $(WIRE_LAYOUTS)))) all
WIRE_HEADERS := $(WIRE_NAMES:%=$(GEN)/wire/%.h)
WIRE_GENERATED := $(WIRE_NAMES:%=$(GEN)/wire/%.c)
GENERATED += $(WIRE_HEADERS)

$(WIRE_HEADERS) $(WIRE_GENERATED) &: $(WIRE_LAYOUTS) $(WIREGEN_SOURCES)
	@echo "  GEN   $(GEN)/wire"
	@$(PYTHON) $(WIREGEN) --out $(GEN)/wire $(WIRE_LAYOUTS)
