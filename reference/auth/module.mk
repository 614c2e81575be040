# SPDX-License-Identifier: MIT
$(eval $(call library,auth,$(wildcard reference/auth/*.c)))
$(eval $(call unit_test,auth_gss,$(wildcard reference/auth/test/*.c),auth authclient wire,-lgssapi_krb5 -lnettle))
