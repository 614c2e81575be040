# SPDX-License-Identifier: MIT
# A bad network between any client and server of QUIC.
$(eval $(call program,quic-proxy,tools/quic-proxy/quic-proxy.c,transport,))
