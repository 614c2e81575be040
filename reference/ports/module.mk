# SPDX-License-Identifier: MIT
$(eval $(call library,ports,$(wildcard reference/ports/*.c)))
