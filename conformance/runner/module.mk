# SPDX-License-Identifier: MIT
# smb3x-check: the runner and every test of every area.
CHECK_AREAS := $(filter-out conformance/suite/% conformance/runner/% \
  conformance/peers/% conformance/products/% conformance/sim/%,$(wildcard conformance/*/*.c))
CHECK_LIBS := runner suite model transport ports authclient crypto wire rules
CHECK_LINK := -lcmocka $(QUIC_LINK) -lgssapi_krb5 -lkrb5
$(eval $(call library,runner,$(filter-out conformance/runner/main.c,\
  $(wildcard conformance/runner/*.c))))
$(eval $(call program,smb3x-check,conformance/runner/main.c $(CHECK_AREAS),\
  $(CHECK_LIBS),$(CHECK_LINK)))
$(call obj,conformance/runner/report_html.c): conformance/runner/report.html

# The same program with tests whose verdicts are known, for its own tests.
SELF_OBJ := $(call obj,conformance/runner/main.c \
  conformance/runner/test/selftests.c)
$(OUT)/test/smb3x-check-self: $(SELF_OBJ) \
  $(foreach l,$(CHECK_LIBS),$(OUT)/lib/lib$(l).a)
$(OUT)/test/smb3x-check-self: LINK := $(CHECK_LINK)
ALL_OBJ += $(SELF_OBJ)

check-runner: $(OUT)/test/smb3x-check-self
	@echo "  TEST  conformance/runner"
	@SMB3X_SELF=$(abspath $<) $(PYTHON) -m pytest -q -p no:cacheprovider \
	  conformance/runner/test
.PHONY: check-runner
CHECKS += check-runner
