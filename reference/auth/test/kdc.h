/* SPDX-License-Identifier: MIT */
/*
 * A Kerberos realm SMB3X.TEST of our own on loopback, in a temporary folder:
 * user kuser with password kpass, service cifs/localhost in a keytab.
 */
#ifndef SMB3X_AUTH_TEST_KDC_H
#define SMB3X_AUTH_TEST_KDC_H

#include <sys/types.h>

struct kdc {
	pid_t pid;
	char folder[64], keytab[96];
	const char *why; /* it does not run */
};

/* Sets KRB5_CONFIG, KRB5_KDC_PROFILE and KRB5CCNAME. -ENOTSUP: see why. */
int kdc_start(struct kdc *ret_kdc);
void kdc_stop(struct kdc *kdc);

#endif
