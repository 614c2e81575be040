/* SPDX-License-Identifier: MIT */
/*
 * Drive a server with libsmb2: write a file, read it back on a second
 * connection and compare, then names, sizes and a listing. Built and run in
 * the chroot of samba-chroot by `interop`, never part of our own programs.
 *
 * usage: libsmb2_roundtrip HOST:PORT SHARE USER PASSWORD DIALECT
 *                          plain|sign|seal MIB
 *
 * DIALECT is hexadecimal, e.g. 0311. Ends with 0 if all went well, else
 * prints the step that did not.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smb2/smb2.h>
#include <smb2/libsmb2.h>

#define DIR_NAME "libsmb2-roundtrip"
#define FILE_NAME DIR_NAME "/data"
#define OTHER_NAME DIR_NAME "/renamed"

struct job {
	const char *server;
	const char *share;
	const char *user;
	const char *password;
	unsigned dialect;
	bool sign;
	bool seal;
	uint8_t *data;
	size_t size;
	struct smb2_context *smb2;
};

static void fail(const struct job *job, const char *step)
{
	printf("%s: %s\n", step, job->smb2 ? smb2_get_error(job->smb2) : "");
	exit(1);
}

/* Only an URL can say so: the names of the mechanisms are not public. */
static void choose_ntlm(struct job *job)
{
	struct smb2_url *url;

	url = smb2_parse_url(job->smb2, "smb://server/share/?sec=ntlmssp");
	if (!url) {
		fail(job, "choice of NTLM");
	}
	smb2_destroy_url(url);
}

static void attach(struct job *job)
{
	job->smb2 = smb2_init_context();
	if (!job->smb2) {
		fail(job, "context");
	}
	smb2_set_version(job->smb2, (enum smb2_negotiate_version)job->dialect);
	choose_ntlm(job);
	smb2_set_user(job->smb2, job->user);
	smb2_set_password(job->smb2, job->password);
	if (job->sign) {
		smb2_set_security_mode(
			job->smb2, SMB2_NEGOTIATE_SIGNING_ENABLED |
					   SMB2_NEGOTIATE_SIGNING_REQUIRED);
		smb2_set_sign(job->smb2, 1);
	}
	smb2_set_seal(job->smb2, job->seal);
	smb2_set_timeout(job->smb2, 60);
	if (smb2_connect_share(job->smb2, job->server, job->share, job->user)) {
		fail(job, "connect");
	}
	if (smb2_get_dialect(job->smb2) != job->dialect) {
		printf("dialect 0x%04x instead of 0x%04x\n",
			smb2_get_dialect(job->smb2), job->dialect);
		exit(1);
	}
}

static void detach(struct job *job)
{
	if (smb2_disconnect_share(job->smb2)) {
		fail(job, "disconnect");
	}
	smb2_destroy_context(job->smb2);
	job->smb2 = NULL;
}

static void put(struct job *job)
{
	size_t step = smb2_get_max_write_size(job->smb2);
	struct smb2fh *fh;
	size_t done = 0;

	fh = smb2_open(job->smb2, FILE_NAME, O_RDWR | O_CREAT | O_TRUNC);
	if (!fh) {
		fail(job, "create");
	}
	while (done < job->size) {
		size_t left = job->size - done;
		int n = smb2_pwrite(job->smb2, fh, job->data + done,
			left < step ? left : step, done);

		if (n <= 0) {
			fail(job, "write");
		}
		done += n;
	}
	if (smb2_fsync(job->smb2, fh) || smb2_close(job->smb2, fh)) {
		fail(job, "flush and close");
	}
}

static void get(struct job *job)
{
	size_t step = smb2_get_max_read_size(job->smb2);
	uint8_t *back = malloc(job->size);
	struct smb2fh *fh = smb2_open(job->smb2, FILE_NAME, O_RDONLY);
	size_t done = 0;

	if (!back || !fh) {
		fail(job, "open");
	}
	while (done < job->size) {
		size_t left = job->size - done;
		int n = smb2_pread(job->smb2, fh, back + done,
			left < step ? left : step, done);

		if (n <= 0) {
			fail(job, "read");
		}
		done += n;
	}
	if (smb2_close(job->smb2, fh)) {
		fail(job, "close");
	}
	if (memcmp(back, job->data, job->size) != 0) {
		printf("what came back differs\n");
		exit(1);
	}
	free(back);
}

static void check_size(struct job *job, const char *name, uint64_t size)
{
	struct smb2_stat_64 st;

	if (smb2_stat(job->smb2, name, &st)) {
		fail(job, "stat");
	}
	if (st.smb2_size != size) {
		printf("size %llu instead of %llu\n",
			(unsigned long long)st.smb2_size,
			(unsigned long long)size);
		exit(1);
	}
}

static int count_entries(struct job *job)
{
	struct smb2dir *dir = smb2_opendir(job->smb2, DIR_NAME);
	struct smb2dirent *entry;
	int count = 0;

	if (!dir) {
		fail(job, "opendir");
	}
	while ((entry = smb2_readdir(job->smb2, dir))) {
		if (strcmp(entry->name, ".") && strcmp(entry->name, "..")) {
			count++;
		}
	}
	smb2_closedir(job->smb2, dir);
	return count;
}

static void names(struct job *job)
{
	struct smb2_statvfs vfs;

	check_size(job, FILE_NAME, job->size);
	if (smb2_rename(job->smb2, FILE_NAME, OTHER_NAME)) {
		fail(job, "rename");
	}
	if (smb2_truncate(job->smb2, OTHER_NAME, 1000)) {
		fail(job, "truncate");
	}
	check_size(job, OTHER_NAME, 1000);
	if (count_entries(job) != 1) {
		printf("listing: %d entries\n", count_entries(job));
		exit(1);
	}
	if (smb2_statvfs(job->smb2, DIR_NAME, &vfs) || vfs.f_blocks == 0) {
		fail(job, "statvfs");
	}
	/*
	 * The library opens for deletion on close, so success says nothing;
	 * what is in the directory must still be there.
	 */
	smb2_rmdir(job->smb2, DIR_NAME);
	check_size(job, OTHER_NAME, 1000);
	if (smb2_unlink(job->smb2, OTHER_NAME) ||
		smb2_rmdir(job->smb2, DIR_NAME)) {
		fail(job, "remove");
	}
}

/* What an earlier run may have left behind. */
static void clear(struct job *job)
{
	smb2_unlink(job->smb2, FILE_NAME);
	smb2_unlink(job->smb2, OTHER_NAME);
	smb2_rmdir(job->smb2, DIR_NAME);
}

int main(int argc, char **argv)
{
	struct job job = {0};
	size_t i;

	if (argc != 8) {
		fprintf(stderr, "usage: libsmb2_roundtrip HOST:PORT SHARE USER "
				"PASSWORD DIALECT plain|sign|seal MIB\n");
		return 2;
	}
	job.server = argv[1];
	job.share = argv[2];
	job.user = argv[3];
	job.password = argv[4];
	job.dialect = strtoul(argv[5], NULL, 16);
	job.sign = strcmp(argv[6], "sign") == 0;
	job.seal = strcmp(argv[6], "seal") == 0;
	job.size = strtoul(argv[7], NULL, 10) << 20;
	job.data = malloc(job.size);
	if (!job.data) {
		fail(&job, "memory");
	}
	srandom(time(NULL));
	for (i = 0; i < job.size; i++) {
		job.data[i] = random() >> 7;
	}

	attach(&job);
	clear(&job);
	if (smb2_mkdir(job.smb2, DIR_NAME)) {
		fail(&job, "mkdir");
	}
	put(&job);
	detach(&job);
	attach(&job);
	get(&job);
	names(&job);
	detach(&job);
	free(job.data);
	return 0;
}
