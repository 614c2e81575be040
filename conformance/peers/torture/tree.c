/* SPDX-License-Identifier: MIT */
/* Torture: making things, modes, links, special files. */
#include "torture.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static const mode_t modes[] = {0, 0001, 0044, 0400, 0600, 0644, 0666, 0711,
	0755, 0777, 01644, 01777, 02755, 04755, 06711, 07777};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void create_under(mode_t mask)
{
	mode_t before = umask(mask);
	char name[64];
	int fd;

	fd = open("masked", O_WRONLY | O_CREAT | O_EXCL, 0666);
	snprintf(name, sizeof name, "create under umask %04o", mask);
	say_lstat(name, "masked");
	close(fd);
	unlink("masked");
	mkdir("masked", 0777);
	snprintf(name, sizeof name, "mkdir under umask %04o", mask);
	say_lstat(name, "masked");
	snprintf(name, sizeof name, "rmdir of mode %04o", 0777 & ~mask);
	say_result(name, rmdir("masked"));
	umask(before);
}

void torture_create(void)
{
	char name[64], path[16];
	size_t i;
	int fd;

	enter("create");
	for (i = 0; i < COUNT(modes); i++) {
		snprintf(path, sizeof path, "f%zu", i);
		snprintf(name, sizeof name, "create %04o", modes[i]);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, modes[i]);
		say_result(name, fd);
		snprintf(name, sizeof name, "write through creator of %04o",
			modes[i]);
		say_number(name, write(fd, "xy", 2));
		close(fd);
		snprintf(name, sizeof name, "lstat of %04o", modes[i]);
		say_lstat(name, path);
	}
	for (i = 0; i < COUNT(modes); i++) {
		snprintf(path, sizeof path, "d%zu", i);
		snprintf(name, sizeof name, "mkdir %04o", modes[i]);
		say_result(name, mkdir(path, modes[i]));
		say_lstat(name, path);
	}
	create_under(0022);
	create_under(0027);
	create_under(0077);
	create_under(0777);
	leave();
}

static void chmod_others(void)
{
	int fd = open("f", O_RDONLY);

	say_result("fchmod of a read-only descriptor", fchmod(fd, 0604));
	say_fstat("fstat after fchmod", fd);
	close(fd);
	symlink("f", "link");
	say_mode("mode of a link", "link");
	say_result("chmod through a link", chmod("link", 0640));
	say_lstat("its target", "f");
	say_lstat("the link itself", "link");
	chmod("f", 0);
	say_result("open of mode 0 to read", open("f", O_RDONLY));
	say_result("open of mode 0 to write", open("f", O_WRONLY));
	say_result("access R_OK of mode 0", access("f", R_OK));
	say_result("access F_OK of mode 0", access("f", F_OK));
	chmod("f", 0200);
	say_result("open of mode 0200 to read", open("f", O_RDONLY));
	fd = open("f", O_WRONLY);
	say_result("open of mode 0200 to write", fd);
	close(fd);
	chmod("f", 0400);
	say_result("open of mode 0400 to write", open("f", O_WRONLY));
	say_result("truncate of mode 0400", truncate("f", 0));
	say_result("chmod of what is missing", chmod("none", 0644));
	say_result("chmod below a file", chmod("f/x", 0644));
	mkdir("closed", 0755);
	put("closed/f", "x");
	chmod("closed", 0600);
	say_result("open below mode 0600", open("closed/f", O_RDONLY));
	chmod("closed", 0500);
	say_result("create below mode 0500", put("closed/g", ""));
	say_result("unlink below mode 0500", unlink("closed/f"));
	chmod("closed", 0700);
	say_result("unlink below mode 0700", unlink("closed/f"));
}

void torture_chmod(void)
{
	static const mode_t more[] = {01000, 02000, 04000, 03000, 05000, 06000,
		07000, 01001, 02010, 04100, 00111, 00222, 00444};
	char name[64];
	size_t i;
	int fd;

	enter("chmod");
	put("f", "text");
	mkdir("d", 0755);
	for (i = 0; i < COUNT(modes) + COUNT(more); i++) {
		mode_t mode =
			i < COUNT(modes) ? modes[i] : more[i - COUNT(modes)];

		snprintf(name, sizeof name, "chmod %04o", mode);
		say_result(name, chmod("f", mode));
		say_lstat(name, "f");
		snprintf(name, sizeof name, "chmod %04o of a directory", mode);
		say_result(name, chmod("d", mode));
		say_lstat(name, "d");
	}
	chmod("d", 0755);
	chmod("f", 06755);
	fd = open("f", O_WRONLY);
	say_number("write to setuid and setgid", write(fd, "y", 1));
	fsync(fd);
	say_fstat("the write takes them away", fd);
	close(fd);
	chmod("f", 06755);
	say_result("truncate of setuid and setgid", truncate("f", 2));
	say_lstat("truncate takes them away", "f");
	chmod("f", 06755);
	say_result("chown to oneself", chown("f", geteuid(), getegid()));
	say_lstat("chown takes them away", "f");
	chmod_others();
	leave();
}

static void open_try(const char *name, const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	say_result(name, fd);
	if (fd >= 0) {
		close(fd);
	}
}

void torture_open(void)
{
	char text[16], longest[300], path[4200];
	int fd;

	enter("open");
	put("f", "content");
	mkdir("d", 0755);
	open_try("O_EXCL on a file", "f", O_RDWR | O_CREAT | O_EXCL);
	open_try("O_EXCL on a directory", "d", O_RDWR | O_CREAT | O_EXCL);
	open_try("O_CREAT on a directory", "d", O_RDWR | O_CREAT);
	open_try("O_CREAT on a file", "f", O_RDWR | O_CREAT);
	say_content("O_CREAT keeps the content", "f");
	open_try("O_DIRECTORY on a file", "f", O_RDONLY | O_DIRECTORY);
	open_try("O_DIRECTORY on a directory", "d", O_RDONLY | O_DIRECTORY);
	open_try("O_WRONLY on a directory", "d", O_WRONLY);
	open_try("O_RDWR on a directory", "d", O_RDWR);
	open_try("O_RDONLY on a directory", "d", O_RDONLY);
	open_try("O_PATH on a file", "f", O_PATH);
	open_try("missing", "none", O_RDONLY);
	open_try("below what is missing", "none/x", O_RDONLY | O_CREAT);
	open_try("below a file", "f/x", O_RDONLY);
	open_try("create below a file", "f/x", O_RDWR | O_CREAT);
	open_try("a file with a slash behind", "f/", O_RDONLY);
	open_try("create with a slash behind", "new/", O_RDWR | O_CREAT);
	open_try("the empty path", "", O_RDONLY);
	open_try("a directory as dot", "d/.", O_RDONLY);
	open_try("a file by way of ..", "d/../f", O_RDONLY);
	open_try("two slashes", "d//..//f", O_RDONLY);
	memset(longest, 'n', sizeof longest);
	longest[256] = 0;
	open_try("a name of 256 bytes", longest, O_RDWR | O_CREAT);
	open_try("a name of 256 bytes to read", longest, O_RDONLY);
	memset(path, '/', sizeof path);
	path[sizeof path - 1] = 0;
	open_try("a path of 4199 bytes", path, O_RDONLY);
	fd = open("f", O_RDONLY);
	say_number("write to O_RDONLY", write(fd, "x", 1));
	say_result("ftruncate of O_RDONLY", ftruncate(fd, 0));
	close(fd);
	fd = open("f", O_WRONLY);
	say_number("read from O_WRONLY", read(fd, text, 1));
	close(fd);
	fd = open("d", O_RDONLY);
	say_number("read from a directory", read(fd, text, 1));
	close(fd);
	chmod("f", 0604);
	open_try("O_TRUNC", "f", O_RDWR | O_TRUNC);
	say_lstat("O_TRUNC keeps the mode", "f");
	fd = open("f", O_RDWR | O_SYNC);
	say_number("write with O_SYNC", write(fd, "sync", 4));
	close(fd);
	fd = open("f", O_RDWR | O_DSYNC);
	say_number("read with O_DSYNC", get_at(fd, text, sizeof text, 0));
	say_result("fsync", fsync(fd));
	say_result("fdatasync", fdatasync(fd));
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	say_result("O_TMPFILE", fd);
	close(fd);
	leave();
}

static void symlink_target(const char *name, const char *target)
{
	char text[4200];
	ssize_t n;

	if (symlink(target, "l") < 0) {
		say(name, "%s", error_name(errno));
	} else {
		n = readlink("l", text, sizeof text - 1);
		text[n > 0 ? n : 0] = 0;
		say(name, "%s",
			n < 0                       ? error_name(errno)
			: strcmp(text, target) == 0 ? "as made"
						    : text);
	}
	say_lstat(name, "l");
	unlink("l");
}

static void symlink_targets(void)
{
	char target[4200];

	symlink_target("link to a name", "f");
	symlink_target("link to a path", "../x/y");
	symlink_target("absolute link", "/etc/passwd");
	symlink_target("link to dot", ".");
	symlink_target("link with slashes", "//a//b/");
	symlink_target("link with backslashes", "a\\b\\..\\c");
	symlink_target("link with a colon", "c:x::y");
	symlink_target("link with a blank", " a b ");
	symlink_target(
		"link with UTF-8", "\xc3\xa4/\xe2\x82\xac/\xf0\x9f\x90\xa7");
	symlink_target("link like one of Windows", "\\??\\C:\\Windows");
	memset(target, 't', sizeof target);
	target[255] = 0;
	symlink_target("link of 255 bytes", target);
	target[255] = 't';
	target[1000] = 0;
	symlink_target("link of 1000 bytes", target);
	target[1000] = 't';
	target[4095] = 0;
	symlink_target("link of 4095 bytes", target);
	target[4095] = 't';
	target[4096] = 0;
	symlink_target("link of 4096 bytes", target);
	symlink_target("link of nothing", "");
}

static void symlink_walks(void)
{
	char text[64];

	mkdir("d", 0755);
	mkdir("d/e", 0755);
	put("d/e/f", "deep");
	symlink("d/e", "dir");
	symlink("../e/f", "d/e/rel");
	symlink("dir/rel", "chain");
	say_content("through a link to a directory", "dir/f");
	say_content("a relative link in a directory", "dir/rel");
	say_content("a chain of links", "chain");
	say_content("up from behind a link", "dir/../e/f");
	say_lstat("lstat behind a link", "dir/f");
	say_lstat("lstat of a link with a slash", "dir/");
	say_result("create behind a link", put("dir/new", "new"));
	say_content("and found", "d/e/new");
	say_result("mkdir behind a link", mkdir("dir/sub", 0755));
	say_result("rename behind a link", rename("dir/new", "dir/sub/n"));
	say_result("unlink behind a link", unlink("dir/sub/n"));
	say_result("rmdir behind a link", rmdir("dir/sub"));
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	open_try("a loop", "loop1", O_RDONLY);
	open_try("through a loop", "loop1/x", O_RDONLY);
	say_result("stat of a loop", stat("loop1", &(struct stat){0}));
	say_lstat("lstat of a loop", "loop1");
	say_number("readlink of a file", readlink("d/e/f", text, 64));
	say_number("readlink of a directory", readlink("d", text, 64));
	say_number("readlink of nothing", readlink("none", text, 64));
	say_number("readlink into 2 bytes", readlink("chain", text, 2));
}

static void symlink_dangling(void)
{
	symlink("target", "dangling");
	open_try("a dangling link", "dangling", O_RDONLY);
	open_try("O_NOFOLLOW", "dangling", O_RDONLY | O_NOFOLLOW);
	open_try("O_PATH and O_NOFOLLOW", "dangling", O_PATH | O_NOFOLLOW);
	open_try("O_EXCL on a dangling link", "dangling",
		O_RDWR | O_CREAT | O_EXCL);
	say_result("mkdir on a dangling link", mkdir("dangling", 0755));
	say_result("mkfifo on a dangling link", mkfifo("dangling", 0644));
	say_result("symlink on a dangling link", symlink("x", "dangling"));
	say_result("link on a dangling link", link("d/e/f", "dangling"));
	open_try("O_CREAT through a dangling link", "dangling",
		O_RDWR | O_CREAT);
	say_lstat("makes its target", "target");
	say_lstat("and leaves the link", "dangling");
	say_result("truncate through a link", truncate("dangling", 5));
	say_lstat("its target then", "target");
	say_result("lchown of a link", lchown("dangling", geteuid(), -1));
	say_result("rmdir of a link", rmdir("dir"));
	say_result("rename of a link", rename("dangling", "renamed"));
	say_lstat("is still a link", "renamed");
	say_result("rename over a link", rename("d/e/rel", "renamed"));
	say_lstat("is another link", "renamed");
	say_result("rename of a file over a link", rename("target", "dir"));
	say_lstat("is a file then", "dir");
	say_result("unlink of a link", unlink("renamed"));
	say_lstat("and nothing else", "d/e/f");
	symlink("d", "up");
	symlink("d/e", "deeper");
	say_result(
		"a link to a directory over another", rename("deeper", "up"));
	say_result("a link to a directory over a directory", rename("up", "d"));
	say_result("a directory over a link to one", rename("d/e", "up"));
	say_result("link of a link to a directory",
		linkat(AT_FDCWD, "up", AT_FDCWD, "two", 0));
	say_result("a link to a directory over a file", rename("up", "target"));
	say_lstat("is that link", "target");
	say_result("unlink of a link to a directory", unlink("target"));
}

void torture_symlink(void)
{
	enter("symlink");
	symlink_targets();
	symlink_walks();
	symlink_dangling();
	leave();
}

void torture_hardlink(void)
{
	struct stat a, b;
	int fd;

	enter("hardlink");
	mkdir("d", 0755);
	put("f", "one");
	say_result("link", link("f", "d/g"));
	say_lstat("the first name", "f");
	say_lstat("the second name", "d/g");
	lstat("f", &a);
	lstat("d/g", &b);
	say("both are one file", "%s", a.st_ino == b.st_ino ? "yes" : "no");
	fd = open("d/g", O_WRONLY | O_APPEND);
	say_number("append by the second", write(fd, " two", 4));
	close(fd);
	say_content("read by the first", "f");
	chmod("f", 0600);
	say_lstat("chmod by the first", "d/g");
	put("other", "other");
	say_result("link over a file", link("f", "other"));
	say_result("link over itself", link("f", "f"));
	say_result("link of a directory", link("d", "e"));
	say_result("link of nothing", link("none", "e"));
	say_result("link into nothing", link("f", "none/e"));
	say_result("link below a file", link("f", "other/e"));
	say_result("rename onto the other name", rename("f", "d/g"));
	say_lstat("leaves the first", "f");
	say_lstat("leaves the second", "d/g");
	say_result("rename of a name", rename("f", "h"));
	say_lstat("still two", "h");
	symlink("h", "l");
	say_result("link of a link", linkat(AT_FDCWD, "l", AT_FDCWD, "l2", 0));
	say_lstat("is a link", "l2");
	say_result("link of its target",
		linkat(AT_FDCWD, "l", AT_FDCWD, "i", AT_SYMLINK_FOLLOW));
	say_lstat("is a file", "i");
	fd = open("h", O_RDONLY);
	unlink("h");
	say_fstat("one name less", fd);
	unlink("d/g");
	unlink("i");
	say_fstat("no name", fd);
	close(fd);
	leave();
}

static int fifo_writer(const char *path)
{
	int fd = open(path, O_WRONLY);

	return fd >= 0 && write(fd, "through", 7) == 7 ? 0 : 1;
}

static void special_fifo(void)
{
	char text[16] = "";
	pid_t pid;
	int fd, status = -1;

	say_result("mkfifo", mkfifo("p", 0640));
	say_lstat("a FIFO", "p");
	say_mode("mode of a FIFO", "p");
	say_result("mkfifo again", mkfifo("p", 0640));
	say_result(
		"O_NONBLOCK to write a FIFO", open("p", O_WRONLY | O_NONBLOCK));
	fd = open("p", O_RDONLY | O_NONBLOCK);
	say_result("O_NONBLOCK to read a FIFO", fd);
	say_fstat("an open FIFO", fd);
	close(fd);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		_exit(fifo_writer("p"));
	}
	fd = open("p", O_RDONLY);
	say_number("read from a FIFO", read(fd, text, sizeof text - 1));
	close(fd);
	waitpid(pid, &status, 0);
	say("through a FIFO", "%s %d", text, WEXITSTATUS(status));
	say_result("chmod of a FIFO", chmod("p", 0604));
	say_mode("mode of a FIFO after chmod", "p");
	say_result("truncate of a FIFO", truncate("p", 0));
	say_result("link of a FIFO", link("p", "q"));
	say_lstat("a FIFO with two names", "q");
	say_result("rename of a FIFO", rename("p", "r"));
	say_lstat("a renamed FIFO", "r");
	say_result("unlink of a FIFO", unlink("r"));
	say_lstat("the name that is left", "q");
}

void torture_special(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "s"};
	const struct sockaddr *where = (struct sockaddr *)&address;
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[16];

	enter("special");
	special_fifo();
	say_result("bind", bind(server, where, sizeof address));
	say_lstat("a socket", "s");
	say_mode("mode of a socket", "s");
	say_result("bind again", bind(client, where, sizeof address));
	say_result("listen", listen(server, 1));
	say_result("connect", connect(client, where, sizeof address));
	say_number("write to a socket", write(client, "hi", 2));
	close(client);
	client = accept(server, NULL, NULL);
	say_number("read from a socket", read(client, text, sizeof text));
	close(client);
	close(server);
	open_try("open of a socket", "s", O_RDONLY);
	say_result("unlink of a socket", unlink("s"));
	say_result("mknod of a file", mknod("m", S_IFREG | 0640, 0));
	say_lstat("a file by mknod", "m");
	say_result("mknod of a FIFO", mknod("n", S_IFIFO | 0600, 0));
	say_lstat("a FIFO by mknod", "n");
	say_result("mknod of a socket", mknod("o", S_IFSOCK | 0600, 0));
	say_lstat("a socket by mknod", "o");
	say_result(
		"mknod of a device", mknod("c", S_IFCHR | 0666, makedev(1, 3)));
	say_lstat("a device", "c");
	leave();
}
