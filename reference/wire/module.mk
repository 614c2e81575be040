# SPDX-License-Identifier: MIT
# The codec runtime together with the codecs that wiregen wrote.
$(eval $(call library,wire,$(wildcard reference/wire/*.c) $(WIRE_GENERATED)))
$(eval $(call unit_test,wire_codec,reference/wire/test/codec_test.c,wire))
