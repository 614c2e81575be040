# SPDX-License-Identifier: MIT
# Throughput and CPU per byte, over TCP and QUIC.
BENCH_ROUNDS ?= 7

bench: $$(OUT)/bin/smb3x $$(OUT)/bin/smb3xd
	@tools/bench/bench --bin $(OUT)/bin --rounds $(BENCH_ROUNDS)

.PHONY: bench
