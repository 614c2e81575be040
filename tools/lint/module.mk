# SPDX-License-Identifier: MIT
# The rules of the house, checked over all tracked files.
check-lint:
	@$(PYTHON) tools/lint/lint --build $(OUT)

# The gates themselves: each is seen to fail.
check-gates:
	@$(PYTHON) -m pytest -q -p no:cacheprovider tools/lint/test \
	  tools/trace/test

CHECKS += check-lint check-gates
.PHONY: check-lint check-gates
