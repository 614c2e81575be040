# SPDX-License-Identifier: MIT
# QUIC sockets of the kernel, simulated: LD_PRELOAD of quic_preload.so.
QUIC_PRELOAD := $(OUT)/lib/quic_preload.so
QUIC_PRELOAD_SOURCES := $(wildcard tools/quic-preload/*.c) \
  reference/transport/quic_unix.c

$(QUIC_PRELOAD): $(QUIC_PRELOAD_SOURCES) \
    $(wildcard tools/quic-preload/*.h reference/transport/*.h) \
    | $$(GENERATED)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CPPFLAGS) $(filter-out -MMD -MP,$(CFLAGS)) -fPIC -shared \
	  -fvisibility=hidden -o $@ $(QUIC_PRELOAD_SOURCES) \
	  -lngtcp2_crypto_gnutls -lngtcp2 -lgnutls -lpthread -ldl

PROGRAMS += $(QUIC_PRELOAD)
check-server: $(QUIC_PRELOAD)
