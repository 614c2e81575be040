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

# Rules, engine branches, tests and results, joined. TRACE_MODE=--report only
# reports rules that still lack a test or a branch; empty, it fails for them.
TRACE_MODE ?= --report
TRACE_NAMES := $(wildcard dissectors/*.lua conformance/products/*.yaml)

$(OUT)/tests.json: $$(filter %/smb3x-check,$$(PROGRAMS))
	@mkdir -p $(@D)
	@if [ -n "$^" ]; then $^ list --json >$@.new; \
	  else echo '{"tests": []}' >$@.new; fi
	@mv $@.new $@

check-trace: $(OUT)/rules.stamp $(OUT)/tests.json
	@$(TRACE) join $(TRACE_MODE) --requirements $(OUT)/requirements.json \
	  --tests $(OUT)/tests.json --json $(OUT)/trace.json \
	  --mentions $(TRACE_NAMES) \
	  --results conformance/results $(OUT)/report/results.json

CHECKS += check-trace
.PHONY: check-trace
