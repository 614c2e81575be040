# SPDX-License-Identifier: MIT
# State machines: spec/model/*.yaml become the library "model" for engine and
# suite; their tables and diagrams are made with the documents.

MODELS := $(wildcard spec/model/*.yaml)

$(OUT)/model.stamp: $(MODELS) tools/model/model
	@mkdir -p $(GEN)
	@echo "  MODEL $(GEN)/model.h"
	@$(PYTHON) tools/model/model c $(GEN) $(MODELS)
	@touch $@

$(GEN)/model.h $(GEN)/model.c: $(OUT)/model.stamp ;

GENERATED += $(GEN)/model.h
$(eval $(call library,model,$(GEN)/model.c))

check-model:
	@$(PYTHON) -m pytest -q -p no:cacheprovider tools/model/test

CHECKS += check-model
.PHONY: check-model
