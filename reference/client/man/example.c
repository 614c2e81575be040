/* SPDX-License-Identifier: MIT */
/* Lists a directory of a share with what a file manager shows of it, then
 * writes, links and removes a file there. */
#include <fcntl.h>
#include <inttypes.h>
#include <smb3x.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, smb3x_why());
	return 1;
}

static int list(struct smb3x *share, const char *path)
{
	struct smb3x_dir *dir;
	struct smb3x_entry entry;

	if (smb3x_opendir(share, path, &dir) < 0) {
		return fail(path);
	}
	while (smb3x_readdir(dir, &entry) > 0) {
		printf("%06o %3u %5u %5u %10" PRIu64 " %s\n", entry.stat.mode,
			entry.stat.nlink, entry.stat.uid, entry.stat.gid,
			entry.stat.size, entry.name);
	}
	smb3x_closedir(dir);
	return 0;
}

static int try_file(struct smb3x *share)
{
	static const char text[] = "made by the example";
	struct smb3x_file *file;
	char target[64];

	if (smb3x_open(share, "example", O_RDWR | O_CREAT | O_EXCL, 0640,
		    &file) < 0) {
		return fail("example");
	}
	ssize_t n = smb3x_pwrite(file, text, strlen(text), 0);
	if (smb3x_close(file) < 0 || n < 0) {
		return fail("write");
	}
	if (smb3x_symlink(share, "example", "example.link") < 0 ||
		smb3x_readlink(share, "example.link", target, 64) != 7) {
		return fail("example.link");
	}
	int result = list(share, "");
	if (smb3x_unlink(share, "example.link") < 0 ||
		smb3x_unlink(share, "example") < 0) {
		return fail("unlink");
	}
	return result;
}

int main(int argc, char **argv)
{
	struct smb3x_options options;
	struct smb3x *share = NULL;

	smb3x_options_init(&options);
	int result = 1;
	if (argc != 2 || smb3x_connect(argv[1], &options, &share) < 0) {
		fail(argc == 2 ? argv[1] : "usage: example URL");
	} else if (!smb3x_has_posix(share)) {
		fprintf(stderr, "the share has no POSIX extensions\n");
	} else {
		result = try_file(share);
	}
	smb3x_destroy(share);
	return result;
}
