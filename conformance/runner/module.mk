# SPDX-License-Identifier: MIT
# smb3x-check: the runner and every test of every area.
CHECK_AREAS := $(filter-out conformance/suite/% conformance/runner/% \
  conformance/peers/% conformance/products/%,$(wildcard conformance/*/*.c))
$(eval $(call library,runner,$(filter-out conformance/runner/main.c,\
  $(wildcard conformance/runner/*.c))))
$(eval $(call program,smb3x-check,conformance/runner/main.c $(CHECK_AREAS),\
  runner suite authclient crypto wire rules,-lcmocka -lgnutls \
  -lgssapi_krb5 -lkrb5))
$(call obj,conformance/runner/report_html.c): conformance/runner/report.html
