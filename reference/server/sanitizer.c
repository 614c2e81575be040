/* SPDX-License-Identifier: MIT */
/*
 * In the sanitized build: gss-ntlmssp 1.2 keeps an OpenSSL context per hashed
 * password, which is not ours. Other leaks are reported.
 */
#ifdef __SANITIZE_ADDRESS__

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:gssntlmssp.so\n";
}

#else

typedef int not_sanitized;

#endif
