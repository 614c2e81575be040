# SPDX-License-Identifier: MIT
# The simulator is a library of its own: who links it needs no io_uring.
LOOP_SIM := reference/loop/sim.c

$(eval $(call library,loop,$(filter-out $(LOOP_SIM),$(wildcard reference/loop/*.c))))
$(eval $(call library,sim,$(LOOP_SIM)))
$(eval $(call unit_test,loop,reference/loop/test/loop_test.c,loop,-luring -lpthread))
$(eval $(call unit_test,loop_sim,reference/loop/test/sim_test.c,sim ports))
