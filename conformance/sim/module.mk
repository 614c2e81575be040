# SPDX-License-Identifier: MIT
# The suite inside the simulator. The server is one object of which nothing
# but its entries is seen from outside: suite and engine may both have a
# reconnect(), and each its own tables.
SIM_SERVER_PARTS := $(call obj,conformance/sim/world.c conformance/sim/network.c)
SIM_SERVER_LIBS := server engine model files auth authclient transport loop \
  ports rules crypto wire
SIM_SERVER := $(OUT)/obj/conformance/sim/server.o
SIM_ENTRIES := world_configure network_sim sim_sum_begin sim_sum
$(SIM_SERVER): $(SIM_SERVER_PARTS) \
  $(foreach l,$(SIM_SERVER_LIBS),$(OUT)/lib/lib$(l).a)
	@mkdir -p $(@D)
	@$(LD) -r -o $@ $(filter %.o,$^) \
	  --start-group $(filter %.a,$^) --end-group
	@$(OBJCOPY) $(SIM_ENTRIES:%=--keep-global-symbol=%) $@
ALL_OBJ += $(SIM_SERVER_PARTS)

$(eval $(call program,smb3x-check-sim,conformance/sim/main.c $(CHECK_AREAS),\
  $(CHECK_LIBS),$(CHECK_LINK) -lnettle -luring -lpthread))
$(OUT)/bin/smb3x-check-sim: $(SIM_SERVER)

$(eval $(call unit_test,sim_network,conformance/sim/test/network_test.c \
  reference/auth/test/leaks.c,\
  $(CHECK_LIBS),$(CHECK_LINK) -lnettle -luring -lpthread))
$(OUT)/test/sim_network: $(SIM_SERVER)

check-sim: $(OUT)/bin/smb3x-check-sim
	@echo "  TEST  conformance/sim"
	@SMB3X_BIN=$(OUT)/bin $(PYTHON) -m pytest -q -p no:cacheprovider \
	  conformance/sim/test
.PHONY: check-sim
CHECKS += check-sim
