# SPDX-License-Identifier: MIT
$(eval $(call library,engine,$(wildcard reference/engine/*.c)))

ENGINE_RIG := reference/engine/test/rig.c reference/engine/test/late.c
ENGINE_NEEDS := engine model files crypto ports wire rules

$(eval $(call unit_test,engine_core,reference/engine/test/core_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_async,reference/engine/test/async_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_reuse,reference/engine/test/reuse_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_secure,reference/engine/test/secure_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_notify,reference/engine/test/notify_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_posix,reference/engine/test/posix_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_lease,reference/engine/test/lease_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_durable,reference/engine/test/durable_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_rename,reference/engine/test/rename_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_lost,reference/engine/test/lost_test.c $(ENGINE_RIG),$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_names,reference/engine/test/names_test.c,$(ENGINE_NEEDS),-lgnutls -lpthread))
$(eval $(call unit_test,engine_access,reference/engine/test/access_test.c,$(ENGINE_NEEDS),-lgnutls -lpthread))

# The whole engine under libFuzzer: scripts of messages, see the source.
ENGINE_FUZZ := $(BUILD)/fuzz/engine
ENGINE_FUZZ_SOURCES := reference/engine/fuzz/engine_fuzz.c $(ENGINE_RIG) \
  $(wildcard reference/engine/*.c reference/crypto/*.c reference/wire/*.c \
     reference/ports/*.c reference/files/memory*.c reference/files/reparse*.c)
$(ENGINE_FUZZ): $(ENGINE_FUZZ_SOURCES) $(wildcard reference/engine/*.h) \
    $(WIRE_HEADERS) $(WIRE_GENERATED) $(GEN)/rules.h $(GEN)/model.h
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	@clang $(CPPFLAGS) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) $(GEN)/rules.c $(GEN)/model.c \
	  -lgnutls -lpthread

fuzz-engine: $(ENGINE_FUZZ)
	@mkdir -p $(BUILD)/fuzz/engine_corpus
	@$(ENGINE_FUZZ) -max_total_time=$(or $(FUZZ_SECONDS),40) -timeout=10 \
	  -max_len=4096 -print_final_stats=1 \
	  -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/engine_corpus \
	  reference/engine/fuzz/seeds 2>$(BUILD)/fuzz/engine.log || \
	  { tail -60 $(BUILD)/fuzz/engine.log; exit 1; }
	@grep -h "stat::number_of_executed_units" $(BUILD)/fuzz/engine.log
FUZZERS += fuzz-engine
.PHONY: fuzz-engine
