# SPDX-License-Identifier: MIT
QUIC_LINK := -lngtcp2_crypto_gnutls -lngtcp2 -lgnutls

$(eval $(call library,transport,$(wildcard reference/transport/*.c)))
$(eval $(call unit_test,transport_tcp,reference/transport/test/tcp_test.c,transport loop ports,-luring -lpthread))
$(eval $(call unit_test,transport_simstream,reference/transport/test/simstream_test.c,transport ports))

# Endpoints against each other, in memory.
QUIC_RIG := reference/transport/test/quic_rig.c reference/transport/test/leaks.c
$(eval $(call unit_test,transport_quic_ep,reference/transport/test/quic_ep_test.c $(QUIC_RIG),transport ports rules,$(QUIC_LINK)))
$(eval $(call unit_test,transport_quic_server,reference/transport/test/quic_server_test.c reference/transport/test/leaks.c,transport ports rules,$(QUIC_LINK)))

# Endpoints under libFuzzer; see the source.
QUIC_FUZZ := $(BUILD)/fuzz/quic
QUIC_FUZZ_SOURCES := reference/transport/fuzz/quic_fuzz.c $(QUIC_RIG) \
  $(filter-out reference/transport/quic_kernel%,\
    $(wildcard reference/transport/quic*.c)) reference/transport/impair.c \
  reference/transport/address.c reference/transport/user.c \
  reference/ports/blob.c reference/ports/rule.c
$(QUIC_FUZZ): $(QUIC_FUZZ_SOURCES) $(wildcard reference/transport/*.h) \
    $(GEN)/rules.h
	@mkdir -p $(@D)
	@echo "  FUZZ  $@"
	@clang $(CPPFLAGS) $(FUZZ_CFLAGS) -o $@ $(filter %.c,$^) $(GEN)/rules.c \
	  $(QUIC_LINK) -lcmocka

fuzz-quic: $(QUIC_FUZZ)
	@mkdir -p $(BUILD)/fuzz/quic_corpus
	@$(QUIC_FUZZ) -max_total_time=$(or $(FUZZ_SECONDS),40) -timeout=10 \
	  -max_len=2048 -print_final_stats=1 \
	  -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/quic_corpus \
	  2>$(BUILD)/fuzz/quic.log || { tail -60 $(BUILD)/fuzz/quic.log; exit 1; }
	@grep -h "stat::number_of_executed_units" $(BUILD)/fuzz/quic.log
FUZZERS += fuzz-quic
.PHONY: fuzz-quic
