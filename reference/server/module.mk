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

# Clients that cache, and what they are promised.
LEASE_SIM := $(wildcard reference/server/test/lease_*.c) $(addprefix reference/server/test/,sim_auth.c sim_files.c sim_server.c)
$(eval $(call unit_test,lease_sim,$(LEASE_SIM),sim engine model files crypto ports wire rules,-lgnutls -lpthread))

check-lease-sim: $$(OUT)/test/lease_sim
	@$< -n 10000

# Each invariant can fail: rules that are broken by name are noticed.
check-lease-sim-faulty:
	@$(MAKE) --no-print-directory VARIANT=faulty \
	  $(OUT)/faulty/test/lease_sim
	@grep -v '^#' reference/server/test/lease_breaks.list | \
	while read -r rule invariant; do \
	  $(OUT)/faulty/test/lease_sim --break "$$rule" \
	    --expect "$$invariant" || exit 1; \
	done

.PHONY: check-lease-sim check-lease-sim-faulty

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
