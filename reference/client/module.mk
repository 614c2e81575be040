# SPDX-License-Identifier: MIT
# The client library, smb3x on top of it, and what is installed of both.

CLIENT_MAIN := reference/client/main.c $(wildcard reference/client/command*.c \
               reference/client/mount*.c)
CLIENT_PARTS := $(filter-out $(CLIENT_MAIN),$(wildcard reference/client/*.c))
CLIENT_LIBS := authclient transport ports rules crypto wire
CLIENT_LINK := -lngtcp2_crypto_gnutls -lngtcp2 -lgnutls -lgssapi_krb5 -lpthread

$(eval $(call library,client,$(CLIENT_PARTS)))
$(eval $(call program,smb3x,$(CLIENT_MAIN),client $(CLIENT_LIBS), \
  $(CLIENT_LINK) -lfuse3))
$(eval $(call unit_test,client_target,reference/client/test/target_test.c \
  reference/client/target.c,,))
$(eval $(call unit_test,client_path,reference/client/test/path_test.c, \
  client $(CLIENT_LIBS),$(CLIENT_LINK)))
$(eval $(call unit_test,client_posix,reference/client/test/posix_test.c \
  reference/client/test/scripted.c,client $(CLIENT_LIBS),$(CLIENT_LINK)))
$(eval $(call unit_test,client_lease,reference/client/test/lease_test.c \
  reference/client/test/scripted.c,client $(CLIENT_LIBS),$(CLIENT_LINK)))

# libsmb3x for others: the same sources once more, so that they may lie
# anywhere in memory and show nothing but smb3x_*.
LIBSMB3X_VERSION := 0.1
LIBSMB3X_SO := libsmb3x.so.0
LIBSMB3X_OBJ := $(patsubst %.c,$(OUT)/pic/%.o,$(CLIENT_PARTS))
LIBSMB3X_MORE := $(patsubst %.c,$(OUT)/pic/%.o,$(WIRE_GENERATED) \
  $(GEN)/rules.c $(foreach m,authclient transport ports crypto wire, \
  $(wildcard reference/$(m)/*.c)))
LIBSMB3X := $(OUT)/lib/$(LIBSMB3X_SO).$(LIBSMB3X_VERSION) $(OUT)/lib/libsmb3x.a

$(LIBSMB3X_OBJ) $(LIBSMB3X_MORE): $(OUT)/pic/%.o: %.c | $$(GENERATED)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<
-include $(patsubst %.o,%.d,$(LIBSMB3X_OBJ) $(LIBSMB3X_MORE))

# Of these parts only what the client calls comes along.
$(OUT)/pic/more.a: $(LIBSMB3X_MORE)
	@rm -f $@
	@$(AR) rcs $@ $^

$(OUT)/lib/$(LIBSMB3X_SO).$(LIBSMB3X_VERSION): $(LIBSMB3X_OBJ) \
    $(OUT)/pic/more.a reference/client/libsmb3x.map
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIBSMB3X_SO) \
	  -Wl,--version-script,reference/client/libsmb3x.map -Wl,-z,defs \
	  -o $@ $(LIBSMB3X_OBJ) $(OUT)/pic/more.a $(CLIENT_LINK)
	@ln -sf $(@F) $(@D)/$(LIBSMB3X_SO)
	@ln -sf $(@F) $(@D)/libsmb3x.so

# One object, so that no name of ours meets one of the program's.
$(OUT)/lib/libsmb3x.a: $(LIBSMB3X_OBJ) $(OUT)/pic/more.a
	@mkdir -p $(@D)
	@rm -f $@
	@$(LD) -r -o $(OUT)/pic/libsmb3x.o $^
	@$(OBJCOPY) --wildcard --keep-global-symbol='smb3x_*' $(OUT)/pic/libsmb3x.o
	@$(AR) rcs $@ $(OUT)/pic/libsmb3x.o

# Manual pages; the example of libsmb3x(3) is a program of its own.
CLIENT_MAN := $(addprefix $(OUT)/man/,smb3x.1 smb3x-mount.1 libsmb3x.3)
$(CLIENT_MAN): $(OUT)/man/%: reference/client/man/%.adoc \
    reference/client/man/example.c
	@mkdir -p $(@D)
	@asciidoctor -q -b manpage -o $@ $<

$(OUT)/man/smb3xd.8: reference/server/smb3xd.adoc
	@mkdir -p $(@D)
	@asciidoctor -q -b manpage -o $@ $<

PREFIX ?= /usr/local
define SMB3X_PC
prefix=$(PREFIX)
libdir=$${prefix}/lib
includedir=$${prefix}/include

Name: smb3x
Description: Files of SMB 3 servers with the POSIX extensions
Version: $(LIBSMB3X_VERSION)
Libs: -L$${libdir} -lsmb3x
Libs.private: $(CLIENT_LINK)
Cflags: -I$${includedir}
endef
export SMB3X_PC

INSTALL_TO := $(DESTDIR)$(PREFIX)
install: $(OUT)/bin/smb3x $(OUT)/bin/smb3xd $(OUT)/bin/smb3x-check \
    $(LIBSMB3X) $(CLIENT_MAN) $(OUT)/man/smb3xd.8
	@install -d $(INSTALL_TO)/bin $(INSTALL_TO)/sbin $(INSTALL_TO)/include \
	  $(INSTALL_TO)/lib/pkgconfig $(INSTALL_TO)/share/man/man1 \
	  $(INSTALL_TO)/share/man/man3 $(INSTALL_TO)/share/man/man8
	@install $(OUT)/bin/smb3x $(OUT)/bin/smb3x-check $(INSTALL_TO)/bin
	@install $(OUT)/bin/smb3xd $(INSTALL_TO)/sbin
	@install -m 644 reference/client/smb3x.h $(INSTALL_TO)/include
	@install -m 644 $(LIBSMB3X) $(INSTALL_TO)/lib
	@ln -sf $(LIBSMB3X_SO).$(LIBSMB3X_VERSION) \
	  $(INSTALL_TO)/lib/$(LIBSMB3X_SO)
	@ln -sf $(LIBSMB3X_SO) $(INSTALL_TO)/lib/libsmb3x.so
	@printf '%s\n' "$$SMB3X_PC" >$(INSTALL_TO)/lib/pkgconfig/smb3x.pc
	@install -m 644 $(filter %.1,$(CLIENT_MAN)) $(INSTALL_TO)/share/man/man1
	@install -m 644 $(filter %.3,$(CLIENT_MAN)) $(INSTALL_TO)/share/man/man3
	@install -m 644 $(OUT)/man/smb3xd.8 $(INSTALL_TO)/share/man/man8

# Commands, library and mount against smb3xd.
check-client: $$(OUT)/bin/smb3x $$(OUT)/bin/smb3xd $(LIBSMB3X) $(CLIENT_MAN)
	@SMB3X_BIN=$(OUT)/bin SMB3X_MAKE="$(MAKE) --no-print-directory" \
	  SMB3X_BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider \
	  reference/client/test
CHECKS += check-client
.PHONY: install check-client
