# SPDX-License-Identifier: MIT
# Foreign implementations to test against. `make peers` prepares them (root,
# network, about 3 minutes and 3 GB); `make interop` runs everything,
# `make interop-short` what fits into a few minutes.

PEERS ?= $(BUILD)/peers
INTEROP = conformance/peers/interop --peers $(PEERS) --bin $(OUT)/bin \
          --report $(OUT)/report/interop

peers-stable:
	tools/setup/install interop
	conformance/peers/samba-chroot trixie $(PEERS)/trixie

peers: peers-stable
	conformance/peers/samba-chroot sid $(PEERS)/sid
	conformance/peers/samba-chroot bookworm $(PEERS)/bookworm
	conformance/peers/linux-guest prepare $(PEERS)/sid $(PEERS)/guest

# What tortures a file system, also in a guest that has no libraries.
torture: $(OUT)/peers/torture $(OUT)/peers/caching
TORTURE_OBJ = $(call obj,$(wildcard conformance/peers/torture/*.c))
ALL_OBJ += $(TORTURE_OBJ)
$(OUT)/peers/torture: $(TORTURE_OBJ)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^

# What two caching mounts of a guest are driven with.
CACHING_OBJ = $(call obj,$(wildcard conformance/peers/caching/*.c))
ALL_OBJ += $(CACHING_OBJ)
$(OUT)/peers/caching: $(CACHING_OBJ)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $^

interop: all peers torture
	$(INTEROP)

interop-short: all peers-stable
	$(INTEROP) --short --mib 16 smbclient libsmb2 client suite

check-peers-scripts:
	@echo "  CHECK shellcheck"
	@shellcheck tools/setup/install .ci/run $(addprefix conformance/peers/,\
	  samba-chroot samba-start samba-stop in-chroot linux-guest interop \
	  guest/init guest/client guest/ksmbd guest/torture guest/caching)

CHECKS += check-peers-scripts

.PHONY: torture peers peers-stable interop interop-short check-peers-scripts
