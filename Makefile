# SPDX-License-Identifier: MIT
# The one entry: `make` builds, `make check` tests everything of ours,
# `make conformance` judges a server. Each module's module.mk adds its parts.

# VARIANT=asan: address and undefined-behaviour sanitizers; VARIANT=faulty:
# rules can be broken by name (smb3xd --break ID). Each has a tree of its own.
BUILD   ?= build
VARIANT ?= normal
ifeq ($(VARIANT),normal)
OUT     := $(BUILD)
else
OUT     := $(BUILD)/$(VARIANT)
endif

# CROSS=aarch64-linux-gnu-: for another machine, with that compiler; unit tests
# run under RUN (qemu-aarch64-static).
CROSS   ?=
RUN     ?=
ifeq ($(origin CC),default)
CC      := $(CROSS)gcc
endif
ifneq ($(CROSS),)
AR      := $(CROSS)ar
LD      := $(CROSS)ld
endif
OBJCOPY := $(CROSS)objcopy
PYTHON  := /usr/bin/python3
GEN     := $(OUT)/gen

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wpointer-arith -Wwrite-strings -Werror
CFLAGS  ?= -O2 -g
override CFLAGS += -std=gnu11 $(WARN) -fno-strict-aliasing -MMD -MP
override CPPFLAGS += -D_GNU_SOURCE -Ireference -Iconformance -I$(GEN)
ifeq ($(VARIANT),asan)
override CFLAGS += -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
                   -fno-sanitize-recover=all
else ifeq ($(VARIANT),faulty)
override CPPFLAGS += -DSMB3X_FAULTY
endif

.DEFAULT_GOAL := all
.SECONDEXPANSION:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PROGRAMS :=
UNIT_TESTS :=
CHECKS :=
FUZZERS :=

obj = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

# $(call library,NAME,SOURCES): a static library $(OUT)/lib/libNAME.a
define library
$(OUT)/lib/lib$(1).a: $(call obj,$(2))
ALL_OBJ += $(call obj,$(2))
endef

# $(call program,NAME,SOURCES,LIBRARIES,LDLIBS): $(OUT)/bin/NAME
define program
$(OUT)/bin/$(1): $(call obj,$(2)) $(foreach l,$(3),$(OUT)/lib/lib$(l).a)
$(OUT)/bin/$(1): LINK := $(4)
ALL_OBJ += $(call obj,$(2))
PROGRAMS += $(OUT)/bin/$(1)
endef

# $(call unit_test,NAME,SOURCES,LIBRARIES,LDLIBS): a cmocka program that
# `make check-unit` runs from the top of the tree
define unit_test
$(OUT)/test/$(1): $(call obj,$(2)) $(foreach l,$(3),$(OUT)/lib/lib$(l).a)
$(OUT)/test/$(1): LINK := $(4) -lcmocka
ALL_OBJ += $(call obj,$(2))
UNIT_TESTS += $(OUT)/test/$(1)
endef

MODULES := $(wildcard spec/module.mk tools/*/module.mk reference/*/module.mk \
             conformance/*/module.mk dissectors/module.mk captures/module.mk)
include $(MODULES)

all: $$(PROGRAMS)

$(OUT)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcs $@ $^

$(OUT)/bin/% $(OUT)/test/%:
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	  -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LINK)

# Generated headers exist before anything is compiled.
$(OUT)/obj/%.o: %.c | $$(GENERATED)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Sources that a generator wrote under $(GEN).
$(OUT)/obj/$(GEN)/%.o: $(GEN)/%.c | $$(GENERATED)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

check-unit: $$(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do echo "  TEST  $$t"; \
	  $(RUN) $$t; done

# The faulty build of the server stands beside the normal one.
$(OUT)/bin/smb3xd-faulty: FORCE
	@$(MAKE) --no-print-directory VARIANT=faulty $(BUILD)/faulty/bin/smb3xd
	@mkdir -p $(@D)
	@cmp -s $(BUILD)/faulty/bin/smb3xd $@ || \
	  cp $(BUILD)/faulty/bin/smb3xd $@

# The unit tests, and the suite against our own server, under sanitizers.
check-asan: $(OUT)/bin/smb3x-check $(OUT)/bin/smb3xd
	@$(MAKE) --no-print-directory VARIANT=asan check-unit \
	  $(BUILD)/asan/bin/smb3xd $(BUILD)/asan/bin/smb3x-check-sim
	@tools/run/asan $(BUILD)

# Every fuzzer for its short time, or for FUZZ_SECONDS.
fuzz-short: $$(FUZZERS)
fuzz: FUZZ_SECONDS ?= 600
fuzz: $$(FUZZERS)
check-fuzz: FUZZ_SECONDS ?= 20
check-fuzz: $$(FUZZERS)

CHECKS += check-asan check-fuzz

# What a fresh machine lacks is installed first; nothing happens otherwise.
setup:
	@tools/setup/install build docs check

check-all: all check-unit $$(CHECKS)

check:
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory check-all

# Judge a server: TARGET=smb://user:password@host:port/share, or our own on a
# free loopback port. Writes build/report/index.html and results.json.
conformance:
	@tools/setup/install build
	@$(MAKE) --no-print-directory $(BUILD)/bin/smb3xd $(BUILD)/bin/smb3x-check
	@tools/run/conformance $(BUILD) $(TARGET)

# The whole suite over TCP and over QUIC: the same verdicts.
over-quic: all
	@tools/run/over-quic --build $(BUILD)

# Break every rule that is marked, one at a time; show who noticed.
prove: all $(OUT)/bin/smb3xd-faulty
	@tools/run/prove --build $(BUILD)

# The matrix in README.md, from the result files that are committed.
results: $(OUT)/bin/smb3x-check
	@tools/run/matrix $<

check-readme: $(OUT)/bin/smb3x-check
	@tools/run/matrix $< --check

CHECKS += check-readme

clean:
	rm -rf $(BUILD)

FORCE:

.PHONY: all setup check check-all check-unit check-asan check-fuzz \
        conformance over-quic prove results check-readme fuzz fuzz-short clean FORCE

-include $(sort $(patsubst %.o,%.d,$(ALL_OBJ)))
