# SPDX-License-Identifier: MIT
# What tests are written in.
$(eval $(call library,suite,$(wildcard conformance/suite/*.c)))
