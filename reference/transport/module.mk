# SPDX-License-Identifier: MIT
$(eval $(call library,transport,$(wildcard reference/transport/*.c)))
$(eval $(call unit_test,transport_tcp,reference/transport/test/tcp_test.c,transport loop ports,-luring -lpthread))
