/* SPDX-License-Identifier: MIT */
/* A Kerberos realm for a test; see kdc.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/test/kdc.h"

#define KRB5KDC "/usr/sbin/krb5kdc"
#define KADMIN "/usr/sbin/kadmin.local"
#define KDB5_UTIL "/usr/sbin/kdb5_util"

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int port = -1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, size) == 0 &&
		getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
		port = ntohs(address.sin_port);
	}
	close(fd);
	return port;
}

static void write_config(const struct kdc *kdc, int port)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/krb5.conf", kdc->folder);
	file = fopen(path, "w");
	fprintf(file,
		"[libdefaults]\n default_realm = SMB3X.TEST\n"
		" dns_lookup_kdc = false\n dns_lookup_realm = false\n"
		" dns_canonicalize_hostname = false\n rdns = false\n"
		" udp_preference_limit = 1\n"
		"[realms]\n SMB3X.TEST = {\n  kdc = 127.0.0.1:%d\n }\n"
		"[domain_realm]\n localhost = SMB3X.TEST\n",
		port);
	fclose(file);
	setenv("KRB5_CONFIG", path, 1);
	snprintf(path, sizeof(path), "%s/kdc.conf", kdc->folder);
	file = fopen(path, "w");
	fprintf(file,
		"[kdcdefaults]\n kdc_listen = 127.0.0.1:%d\n"
		" kdc_tcp_listen = 127.0.0.1:%d\n"
		"[realms]\n SMB3X.TEST = {\n  database_name = %s/db\n"
		"  key_stash_file = %s/stash\n  acl_file = %s/acl\n }\n"
		"[logging]\n kdc = FILE:%s/log\n",
		port, port, kdc->folder, kdc->folder, kdc->folder, kdc->folder);
	fclose(file);
	setenv("KRB5_KDC_PROFILE", path, 1);
	snprintf(path, sizeof(path), "MEMORY:smb3x-test");
	setenv("KRB5CCNAME", path, 1);
}

/* Runs a program to its end, its output in a file; 0 when it ends well. */
static int run(const char *output, const char *const argv[])
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (freopen(output, "a", stdout) != NULL) {
			dup2(STDOUT_FILENO, STDERR_FILENO);
			execv(argv[0], (char *const *)argv);
		}
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		return -1;
	}
	return status;
}

static int fill_database(struct kdc *kdc)
{
	char log[128], ktadd[160];
	const char *const steps[][8] = {
		{KDB5_UTIL, "create", "-r", "SMB3X.TEST", "-s", "-P", "master"},
		{KADMIN, "-q", "addprinc -pw kpass kuser"},
		{KADMIN, "-q", "addprinc -randkey cifs/localhost"},
		{KADMIN, "-q", ktadd},
	};

	snprintf(log, sizeof(log), "%s/setup.log", kdc->folder);
	snprintf(ktadd, sizeof(ktadd), "ktadd -k %s cifs/localhost",
		kdc->keytab);
	for (unsigned int i = 0; i < 4; i++) {
		if (run(log, steps[i]) != 0) {
			return -1;
		}
	}
	return access(kdc->keytab, R_OK);
}

/* The KDC answers on its port. */
static int wait_for(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd, r = -1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 100 && r < 0; i++) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		usleep(20000);
	}
	return r;
}

int kdc_start(struct kdc *ret_kdc)
{
	struct kdc kdc = {.pid = -1};
	int port = free_port();

	if (access(KRB5KDC, X_OK) < 0 || access(KADMIN, X_OK) < 0) {
		ret_kdc->why = "krb5kdc is not installed";
		return -ENOTSUP;
	}
	snprintf(kdc.folder, sizeof(kdc.folder), "/tmp/smb3x-kdc-XXXXXX");
	if (mkdtemp(kdc.folder) == NULL) {
		ret_kdc->why = "no temporary folder";
		return -ENOTSUP;
	}
	snprintf(kdc.keytab, sizeof(kdc.keytab), "%s/keytab", kdc.folder);
	write_config(&kdc, port);
	if (fill_database(&kdc) < 0) {
		ret_kdc->why = "the realm could not be made";
		return -ENOTSUP;
	}
	kdc.pid = fork();
	if (kdc.pid == 0) {
		freopen("/dev/null", "w", stderr);
		execl(KRB5KDC, KRB5KDC, "-n", (char *)NULL);
		_exit(127);
	}
	*ret_kdc = kdc;
	if (wait_for(port) < 0) {
		kdc_stop(ret_kdc);
		ret_kdc->why = "krb5kdc does not answer";
		return -ENOTSUP;
	}
	return 0;
}

void kdc_stop(struct kdc *kdc)
{
	const char *const remove[] = {"/bin/rm", "-rf", kdc->folder, NULL};

	kill(kdc->pid, SIGTERM);
	waitpid(kdc->pid, NULL, 0);
	if (run("/dev/null", remove) != 0) {
		fprintf(stderr, "%s stays behind\n", kdc->folder);
	}
}
