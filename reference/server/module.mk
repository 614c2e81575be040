# SPDX-License-Identifier: MIT
SERVER_PARTS := $(filter-out %/main.c,$(wildcard reference/server/*.c))
SERVER_LIBS  := engine model files auth authclient transport loop ports rules crypto wire
SERVER_LINK  := -lngtcp2_crypto_gnutls -lngtcp2 -lgnutls -lgssapi_krb5 -lnettle -luring -lpthread

$(eval $(call library,server,$(SERVER_PARTS)))
$(eval $(call program,smb3xd,reference/server/main.c,server $(SERVER_LIBS),$(SERVER_LINK)))
$(eval $(call unit_test,server_config,reference/server/test/config_test.c,server))

# The engine in the simulator: a composition root of its own.
SIM_ENGINE := $(wildcard reference/server/test/sim_*.c)
$(eval $(call unit_test,sim_engine,$(SIM_ENGINE),sim engine model files crypto ports wire rules,-lgnutls -lpthread))

# The same behind QUIC and a bad network; all of its runs by themselves.
$(eval $(call unit_test,quic_sim,reference/server/test/quic_sim_test.c reference/server/test/sim_auth.c reference/transport/test/leaks.c,transport engine model files crypto ports wire rules,-lngtcp2_crypto_gnutls -lngtcp2 -lgnutls -lpthread))

check-quic-sim: $$(OUT)/test/quic_sim
	@$< 1000

.PHONY: check-quic-sim

check-server: $$(OUT)/bin/smb3xd $$(OUT)/bin/smb3x $$(OUT)/bin/quic-proxy
	@SMB3X_BIN=$(OUT)/bin $(PYTHON) -m pytest -q -p no:cacheprovider \
	  reference/server/test

CHECKS += check-server
.PHONY: check-server
