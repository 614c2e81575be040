# SPDX-License-Identifier: MIT
$(eval $(call library,engine,$(wildcard reference/engine/*.c)))
