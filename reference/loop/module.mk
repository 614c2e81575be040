# SPDX-License-Identifier: MIT
$(eval $(call library,loop,$(wildcard reference/loop/*.c)))
$(eval $(call unit_test,loop,reference/loop/test/loop_test.c,loop,-luring -lpthread))
