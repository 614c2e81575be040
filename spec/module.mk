# SPDX-License-Identifier: MIT
# The documents and what is made from them: requirements.json and the table of
# rules in C (library "rules"), HTML, PDF and the gates over the text.

SPEC_DOCUMENTS := $(wildcard spec/*.adoc)
SPEC_SOURCES   := $(SPEC_DOCUMENTS) $(wildcard spec/*/*.adoc)
TRACE          := $(PYTHON) tools/trace/trace

$(OUT)/rules.stamp: $(SPEC_SOURCES) $(wildcard spec/rules/*.yaml) \
  $(wildcard tools/trace/*.py) tools/trace/trace
	@mkdir -p $(GEN)
	@echo "  RULES $(GEN)/rules.h"
	@$(TRACE) extract --json $(OUT)/requirements.json --gen $(GEN) \
	  $(SPEC_DOCUMENTS)
	@touch $@

$(GEN)/rules.h $(GEN)/rules.c $(OUT)/requirements.json: $(OUT)/rules.stamp ;

GENERATED += $(GEN)/rules.h
$(eval $(call library,rules,$(GEN)/rules.c))
