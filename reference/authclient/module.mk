# SPDX-License-Identifier: MIT
$(eval $(call library,authclient,$(wildcard reference/authclient/*.c)))
