# SPDX-License-Identifier: MIT
SERVER_PARTS := $(filter-out %/main.c,$(wildcard reference/server/*.c))
SERVER_LIBS  := engine rules files auth authclient transport loop ports crypto wire
SERVER_LINK  := -lgnutls -lgssapi_krb5 -lnettle -luring -lpthread

$(eval $(call library,server,$(SERVER_PARTS)))
$(eval $(call unit_test,server_config,reference/server/test/config_test.c,server))
