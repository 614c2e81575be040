# SPDX-License-Identifier: MIT
# The codec runtime together with the codecs that wiregen wrote, and what
# checks them: unit tests, the round trip of foreign captures, fuzzing.
$(eval $(call library,wire,$(wildcard reference/wire/*.c) $(WIRE_GENERATED)))
$(eval $(call unit_test,wire_codec,reference/wire/test/codec_test.c,wire))

$(eval $(call unit_test,wire_runtime,reference/wire/test/runtime_test.c,wire))

# Every message of captures/foreign/, byte for byte; not a unit test because
# it has arguments.
WIRE_FOREIGN := $(OUT)/test/wire_foreign
WIRE_FOREIGN_OBJ := $(call obj,reference/wire/foreign/roundtrip.c)
FOREIGN_CAPTURES := $(wildcard captures/foreign/*.pcapng)
$(WIRE_FOREIGN): $(WIRE_FOREIGN_OBJ) $(OUT)/lib/libwire.a
ALL_OBJ += $(WIRE_FOREIGN_OBJ)

$(GEN)/foreign.pdus: $(FOREIGN_CAPTURES) $(wildcard captures/foreign/*.keys) \
    tools/wiregen/cutpdus tools/wiregen/pcapng.py
	@mkdir -p $(@D)
	@echo "  CUT   $@"
	@$(PYTHON) tools/wiregen/cutpdus --out $@ $(FOREIGN_CAPTURES)

check-foreign: $(WIRE_FOREIGN) $(GEN)/foreign.pdus
	@$(WIRE_FOREIGN) $(GEN)/foreign.pdus $(GEN)/foreign.witnesses
	@$(PYTHON) tools/wiregen/vouch $(GEN)/foreign.witnesses $(WIRE_LAYOUTS)
	@WIRE_FOREIGN=$(abspath $(WIRE_FOREIGN)) \
	  FOREIGN_PDUS=$(abspath $(GEN)/foreign.pdus) $(PYTHON) -B -m pytest \
	  -q -p no:cacheprovider reference/wire/test/test_foreign.py
CHECKS += check-foreign
.PHONY: check-foreign

# Decoders under libFuzzer; `make fuzz-short` runs all FUZZERS shortly, `make
# fuzz` FUZZ_SECONDS each. Seeds come from the foreign captures.
WIRE_FUZZ := $(OUT)/fuzz/wire_decode
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined \
                 -fno-sanitize-recover=all
$(WIRE_FUZZ): reference/wire/fuzz/decode_fuzz.c $(wildcard reference/wire/*.[ch]) \
    $(WIRE_HEADERS) $(WIRE_GENERATED)
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	@clang $(CPPFLAGS) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^)

$(OUT)/fuzz/wire_seeds/done: $(WIRE_FOREIGN) $(GEN)/foreign.pdus
	@mkdir -p $(@D)
	@$(WIRE_FOREIGN) $(GEN)/foreign.pdus $(OUT)/fuzz/witnesses $(@D) >$@

fuzz-wire: $(WIRE_FUZZ) $(OUT)/fuzz/wire_seeds/done
	@mkdir -p $(OUT)/fuzz/wire_corpus
	@$(WIRE_FUZZ) -max_total_time=$(or $(FUZZ_SECONDS),20) -timeout=5 \
	  -max_len=2048 -print_final_stats=1 \
	  -artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/wire_corpus \
	  $(OUT)/fuzz/wire_seeds 2>$(OUT)/fuzz/wire_decode.log || \
	  { tail -40 $(OUT)/fuzz/wire_decode.log; exit 1; }
	@grep -h "stat::number_of_executed_units" $(OUT)/fuzz/wire_decode.log
FUZZERS += fuzz-wire
.PHONY: fuzz-wire
