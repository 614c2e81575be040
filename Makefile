# SPDX-License-Identifier: MIT
# The one entry: `make` builds, `make check` tests everything of ours,
# `make conformance` judges a server. Each module's module.mk adds its parts.

BUILD   ?= build
CC      ?= gcc
PYTHON  := /usr/bin/python3
GEN     := $(BUILD)/gen

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wpointer-arith -Wwrite-strings -Werror
CFLAGS  ?= -O2 -g
override CFLAGS += -std=gnu11 $(WARN) -fno-strict-aliasing -MMD -MP
override CPPFLAGS += -D_GNU_SOURCE -Ireference -Iconformance -I$(GEN)

.DEFAULT_GOAL := all
.SECONDEXPANSION:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PROGRAMS :=
UNIT_TESTS :=
CHECKS :=

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# $(call library,NAME,SOURCES): a static library $(BUILD)/lib/libNAME.a
define library
$(BUILD)/lib/lib$(1).a: $(call obj,$(2))
ALL_OBJ += $(call obj,$(2))
endef

# $(call program,NAME,SOURCES,LIBRARIES,LDLIBS): $(BUILD)/bin/NAME
define program
$(BUILD)/bin/$(1): $(call obj,$(2)) $(foreach l,$(3),$(BUILD)/lib/lib$(l).a)
$(BUILD)/bin/$(1): LINK := $(4)
ALL_OBJ += $(call obj,$(2))
PROGRAMS += $(BUILD)/bin/$(1)
endef

# $(call unit_test,NAME,SOURCES,LIBRARIES,LDLIBS): a cmocka program that
# `make check-unit` runs from the top of the tree
define unit_test
$(BUILD)/test/$(1): $(call obj,$(2)) $(foreach l,$(3),$(BUILD)/lib/lib$(l).a)
$(BUILD)/test/$(1): LINK := $(4) -lcmocka
ALL_OBJ += $(call obj,$(2))
UNIT_TESTS += $(BUILD)/test/$(1)
endef

MODULES := $(wildcard spec/module.mk tools/*/module.mk reference/*/module.mk \
             conformance/*/module.mk dissectors/module.mk captures/module.mk)
include $(MODULES)

all: $$(PROGRAMS)

$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/bin/% $(BUILD)/test/%:
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	  -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LINK)

# Generated headers exist before anything is compiled.
$(BUILD)/obj/%.o: %.c | $$(GENERATED)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Sources that a generator wrote under $(GEN).
$(BUILD)/obj/$(GEN)/%.o: $(GEN)/%.c | $$(GENERATED)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

check-unit: $$(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do echo "  TEST  $$t"; $$t; done

check: check-unit $$(CHECKS)

clean:
	rm -rf $(BUILD)

.PHONY: all check check-unit clean

-include $(sort $(patsubst %.o,%.d,$(ALL_OBJ)))
