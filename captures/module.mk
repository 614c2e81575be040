# SPDX-License-Identifier: MIT
# The captures decode as their golden texts say. TSHARK names another tshark.

check-captures:
	@captures/core/check

CHECKS += check-captures
.PHONY: check-captures
