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

# Rules, engine branches, tests and results, joined. Fails for rules that lack
# a test or a branch and the reason for it; TRACE_MODE=--report only reports.
TRACE_MODE ?=
TRACE_NAMES := $(wildcard dissectors/lua/*.lua conformance/products/*.product)

$(OUT)/tests.json: $$(filter %/smb3x-check,$$(PROGRAMS))
	@mkdir -p $(@D)
	@if [ -n "$^" ]; then $^ list --json $@.new >/dev/null; \
	  else echo '{"tests": []}' >$@.new; fi
	@mv $@.new $@

TRACE_RESULTS := $(wildcard conformance/results/*.json)
TRACE_JOIN := $(TRACE) join --requirements $(OUT)/requirements.json \
	  --tests $(OUT)/tests.json --mentions $(TRACE_NAMES) \
	  --results conformance/results

check-trace: $(OUT)/rules.stamp $(OUT)/tests.json
	@$(TRACE_JOIN) $(TRACE_MODE) --json $(OUT)/trace.json

# For the documents; what is missing is check-trace's affair.
$(OUT)/trace.json: $(OUT)/rules.stamp $(OUT)/tests.json $(TRACE_RESULTS)
	@$(TRACE_JOIN) --report --json $@ >/dev/null

CHECKS += check-trace
.PHONY: check-trace

# The documents to read. The margins show tests and the results that are
# committed; the layouts come from the emitters of tools/wiregen.
DOCS      := $(OUT)/docs
DOC_NAMES := conventions core posix leases dirlease quic
DOC_FILES := $(DOC_NAMES:%=spec/%.adoc)
DOC_WIRE  := $(GEN)/spec
DOC_TOOLS := $(wildcard spec/ext/* spec/theme/* spec/*/decisions.yaml)
BUILD_HTML = ruby spec/ext/build-html.rb $(1) spec/theme \
  $(OUT)/trace.json $(OUT)/requirements.json $(DOC_WIRE) $(DOC_FILES)

$(DOC_WIRE)/stamp: $(wildcard spec/wire/*.yaml tools/wiregen/*.py) \
  $(SPEC_SOURCES) \
  spec/ext/wire-docs spec/ext/wire-examples spec/ext/key-examples \
  $(wildcard spec/*/examples.yaml captures/foreign/*.kdf.txt) \
  $(wildcard spec/model/*.yaml) \
  tools/model/model tools/model/draw.py
	@mkdir -p $(@D)
	@$(PYTHON) tools/model/model adoc $(@D) $(wildcard spec/model/*.yaml)
	@$(PYTHON) spec/ext/wire-docs $(@D) $(wildcard spec/wire/*.yaml)
	@for e in $(wildcard spec/*/examples.yaml); do \
	  $(PYTHON) spec/ext/wire-examples $(@D) $$e captures/foreign \
	  $(wildcard spec/wire/*.yaml) && \
	  $(PYTHON) spec/ext/key-examples $(@D) $$e captures/foreign || exit 1; \
	done
	@touch $@

$(DOCS)/index.html: $(OUT)/rules.stamp $(DOC_WIRE)/stamp $(DOC_TOOLS) \
  $(OUT)/trace.json
	@echo "  HTML  $(DOCS)"
	@$(call BUILD_HTML,$(DOCS))

# After the pages, whose builder begins with an empty folder.
$(DOC_NAMES:%=$(DOCS)/%.pdf): $(DOCS)/%.pdf: spec/%.adoc $(DOCS)/index.html
	@echo "  PDF   $@"
	@spec/ext/build-pdf $< $@ $(OUT)/requirements.json $(DOC_WIRE) \
	  $(OUT)/trace.json

docs: $(DOCS)/index.html $(DOC_NAMES:%=$(DOCS)/%.pdf)

# Words, spelling, links, and that a second build gives the same bytes.
check-spec: $(DOCS)/index.html
	@spec/ext/check-words $(SPEC_SOURCES)
	@codespell $(SPEC_SOURCES) spec/ext spec/theme spec/rules
	@spec/ext/check-html $(DOCS)
	@rm -rf $(OUT)/docs-again && $(call BUILD_HTML,$(OUT)/docs-again)
	@diff -r -x '*.pdf' $(DOCS) $(OUT)/docs-again
	@spec/ext/build-pdf spec/conventions.adoc $(OUT)/docs-again/1.pdf \
	  $(OUT)/requirements.json $(DOC_WIRE)
	@spec/ext/build-pdf spec/conventions.adoc $(OUT)/docs-again/2.pdf \
	  $(OUT)/requirements.json $(DOC_WIRE)
	@cmp $(OUT)/docs-again/1.pdf $(OUT)/docs-again/2.pdf
	@rm -rf $(OUT)/docs-again

CHECKS += check-spec
.PHONY: docs check-spec
