# SPDX-License-Identifier: MIT
$(eval $(call library,files,$(wildcard reference/files/*.c)))
FILES_WORLD = reference/files/test/world.c
$(eval $(call unit_test,files_drivers,reference/files/test/drivers_test.c $(FILES_WORLD),files ports wire,-lpthread))
$(eval $(call unit_test,files_posix,reference/files/test/posix_test.c $(FILES_WORLD),files ports wire,-lpthread))
