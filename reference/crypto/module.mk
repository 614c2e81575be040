# SPDX-License-Identifier: MIT
$(eval $(call library,crypto,$(wildcard reference/crypto/*.c)))
$(eval $(call unit_test,crypto_foreign,$(addprefix reference/crypto/test/,foreign_test.c vectors.c),crypto,-lgnutls -lpthread))
$(eval $(call unit_test,crypto_unit,reference/crypto/test/crypto_test.c,crypto,-lgnutls -lpthread))
