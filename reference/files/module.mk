# SPDX-License-Identifier: MIT
$(eval $(call library,files,$(wildcard reference/files/*.c)))
$(eval $(call unit_test,files_drivers,reference/files/test/drivers_test.c,files ports wire,-lpthread))
