# SPDX-License-Identifier: MIT
# The client library and smb3x on top of it.

CLIENT_MAIN := reference/client/main.c $(wildcard reference/client/command*.c \
               reference/client/mount*.c)

$(eval $(call library,client,$(filter-out $(CLIENT_MAIN), \
  $(wildcard reference/client/*.c))))
$(eval $(call program,smb3x,$(CLIENT_MAIN),client authclient transport \
  ports rules crypto wire,-lngtcp2_crypto_gnutls -lngtcp2 -lgnutls \
  -lgssapi_krb5 -lfuse3 -lpthread))
$(eval $(call unit_test,client_target,reference/client/test/target_test.c \
  reference/client/target.c,,))
