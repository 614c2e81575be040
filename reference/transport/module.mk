# SPDX-License-Identifier: MIT
QUIC_LINK := -lngtcp2_crypto_gnutls -lngtcp2 -lgnutls

$(eval $(call library,transport,$(wildcard reference/transport/*.c)))
$(eval $(call unit_test,transport_tcp,reference/transport/test/tcp_test.c,transport loop ports,-luring -lpthread))

# Endpoints against each other, in memory.
QUIC_RIG := reference/transport/test/quic_rig.c reference/transport/test/leaks.c
$(eval $(call unit_test,transport_quic_ep,reference/transport/test/quic_ep_test.c $(QUIC_RIG),transport ports rules,$(QUIC_LINK)))
$(eval $(call unit_test,transport_quic_server,reference/transport/test/quic_server_test.c reference/transport/test/leaks.c,transport ports rules,$(QUIC_LINK)))
