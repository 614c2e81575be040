/* SPDX-License-Identifier: MIT */
/* Torture: renaming, unlinking, names, directories. */
#include "torture.h"

#include <dirent.h>
#include <sys/syscall.h>

static void rename_files(void)
{
	char text[16];
	int fd;

	put("a", "A");
	put("b", "B");
	say_result("rename", rename("a", "c"));
	say_lstat("the old name", "a");
	say_content("the new name", "c");
	fd = open("b", O_RDWR);
	say_result("rename over an open file", rename("c", "b"));
	say_content("the name has the new content", "b");
	get_at(fd, text, sizeof text, 0);
	say("the open file has the old content", "%s", text);
	say_number("write to the replaced file", pwrite(fd, "Z", 1, 0));
	say_fstat("the replaced file", fd);
	say_content("the name is not touched", "b");
	close(fd);
	fd = open("b", O_RDWR);
	say_result("rename of an open file", rename("b", "moved"));
	say_number("write after rename", pwrite(fd, "after", 5, 0));
	close(fd);
	say_content("arrives under the new name", "moved");
	say_result("rename of nothing", rename("none", "x"));
	say_result("rename into nothing", rename("moved", "none/x"));
	say_result("rename to itself", rename("moved", "moved"));
	put("lower", "l");
	say_result("rename to another case", rename("lower", "LOWER"));
	say_lstat("the lower one", "lower");
	say_lstat("the upper one", "LOWER");
	put("lower", "again");
	say_result("rename onto another case", rename("lower", "LOWER"));
	say_content("replaces it", "LOWER");
	put("x", "x");
	put("y", "y");
	say_result("RENAME_NOREPLACE onto a file",
		renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE));
	say_result("RENAME_NOREPLACE onto nothing",
		renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
	say_content("is there", "z");
	say_result("RENAME_EXCHANGE",
		renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE));
}

static void rename_directories(void)
{
	char text[16], cwd[512];
	int fd, dir;

	mkdir("d", 0755);
	mkdir("empty", 0755);
	mkdir("full", 0755);
	put("full/f", "inside");
	put("f", "f");
	say_result("a file over a directory", rename("f", "d"));
	say_result("a directory over a file", rename("d", "f"));
	say_result("over a full directory", rename("d", "full"));
	say_result("over an empty directory", rename("d", "empty"));
	say_lstat("the old directory", "d");
	say_lstat("the new directory", "empty");
	say_result("into itself", rename("full", "full/sub"));
	say_result("onto its parent", rename("full/f", "full"));
	say_result("rename of dot", rename(".", "x"));
	say_result("rename of dot dot", rename("..", "x"));
	say_result("a file with a slash", rename("f", "g/"));
	say_result("a directory with a slash", rename("empty/", "e/"));
	fd = open("full/f", O_RDWR);
	dir = open("full", O_RDONLY | O_DIRECTORY);
	say_result("rename of a directory with open files",
		rename("full", "moved-dir"));
	get_at(fd, text, sizeof text, 0);
	say("read below it", "%s", text);
	say_number("write below it", pwrite(fd, "INSIDE", 6, 0));
	close(fd);
	say_content("found at its new place", "moved-dir/f");
	fd = openat(dir, "f", O_RDONLY);
	say_result("openat its descriptor", fd);
	close(fd);
	fd = openat(dir, "new", O_WRONLY | O_CREAT, 0644);
	say_result("create at its descriptor", fd);
	close(fd);
	close(dir);
	say_lstat("found there too", "moved-dir/new");
	chdir("moved-dir");
	say_result("rename of the working directory",
		rename("../moved-dir", "../cwd"));
	say("getcwd then", "%s",
		getcwd(cwd, sizeof cwd) ? strrchr(cwd, '/') + 1
					: error_name(errno));
	say_content("a file in it", "f");
	chdir("..");
}

void torture_rename(void)
{
	enter("rename");
	rename_files();
	rename_directories();
	leave();
}

static void unlink_open(void)
{
	char text[32];
	int fd, again;

	put("f", "first");
	fd = open("f", O_RDWR);
	say_result("unlink of an open file", unlink("f"));
	say_lstat("its name", "f");
	say_fstat("the file", fd);
	get_at(fd, text, sizeof text, 0);
	say("read from it", "%s", text);
	say_number("write to it", pwrite(fd, " and more", 9, 5));
	get_at(fd, text, sizeof text, 0);
	say("read back", "%s", text);
	say_result("ftruncate of it", ftruncate(fd, 3));
	say_fstat("after ftruncate", fd);
	say_result("fchmod of it", fchmod(fd, 0600));
	say_fstat("after fchmod", fd);
	say_result("fsync of it", fsync(fd));
	say_result("a new file of its name", put("f", "second"));
	say_content("the new file", "f");
	get_at(fd, text, sizeof text, 0);
	say("the old file", "%s", text);
	again = open("f", O_RDONLY);
	say_result("unlink of the new one, open too", unlink("f"));
	say_result("mkdir of that name", mkdir("f", 0755));
	close(again);
	close(fd);
	say_lstat("after both closes", "f");
	say_result("rmdir of it", rmdir("f"));
	fd = open("temp", O_RDWR | O_CREAT | O_EXCL, 0600);
	unlink("temp");
	say_number("write to a temporary file", write(fd, "temp", 4));
	say_number("and read", get_at(fd, text, sizeof text, 0));
	close(fd);
}

static void unlink_directories(void)
{
	char cwd[512];
	int dir;

	mkdir("d", 0755);
	put("d/f", "");
	say_result("unlink of a directory", unlink("d"));
	say_result("rmdir of a file", rmdir("d/f"));
	say_result("rmdir of a full directory", rmdir("d"));
	say_result("rmdir of dot", rmdir("."));
	say_result("rmdir of dot dot", rmdir("d/.."));
	say_result("unlink of nothing", unlink("none"));
	say_result("unlink below a file", unlink("d/f/x"));
	say_result("unlink with a slash", unlink("d/f/"));
	say_result("rmdir of nothing", rmdir("none"));
	say_result("unlinkat", unlinkat(AT_FDCWD, "d/f", 0));
	dir = open("d", O_RDONLY | O_DIRECTORY);
	say_result("rmdir of an open directory", rmdir("d"));
	say_result("create in it", openat(dir, "x", O_WRONLY | O_CREAT, 0644));
	say_result("mkdir in it", mkdirat(dir, "x", 0755));
	say_result("open dot in it", openat(dir, ".", O_RDONLY));
	close(dir);
	mkdir("cwd", 0755);
	chdir("cwd");
	say_result("rmdir of the working directory", rmdir("../cwd"));
	say("getcwd then", "%s",
		getcwd(cwd, sizeof cwd) ? "somewhere" : error_name(errno));
	say_result(
		"create in what is gone", open("x", O_WRONLY | O_CREAT, 0644));
	chdir("..");
}

void torture_unlink(void)
{
	char *outside = getcwd(NULL, 0);

	enter("unlink");
	unlink_open();
	unlink_directories();
	chdir(outside);
	chdir("unlink");
	free(outside);
	leave();
}

/* Creates, finds and removes a name. */
static const char *name_works(const char *name)
{
	struct dirent *entry;
	const char *what = "not in the listing";
	DIR *dir;

	if (put(name, name) < 0) {
		return error_name(errno);
	}
	dir = opendir(".");
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, name) == 0) {
			what = "ok";
		}
	}
	if (dir) {
		closedir(dir);
	}
	if (access(name, F_OK) < 0) {
		what = error_name(errno);
	}
	return unlink(name) < 0 ? error_name(errno) : what;
}

static void names_bytes(void)
{
	static const char *const where[] = {"%c", "%cx", "x%cx", "x%c"};
	char title[64], name[8];
	size_t i;
	int c;

	for (c = 1; c < 128; c++) {
		const char *what = "ok";

		for (i = 0; i < 4 && c != '/' && !(c == '.' && i == 0); i++) {
			const char *now;

			snprintf(name, sizeof name, where[i], c);
			now = name_works(name);
			what = strcmp(now, "ok") == 0 ? what : now;
		}
		snprintf(title, sizeof title, "names with byte 0x%02x", c);
		if (c != '/') {
			say(title, "%s", what);
		}
	}
}

static void names_long(void)
{
	char name[300], title[64];
	int n;

	for (n = 240; n <= 256; n += n < 250 ? 5 : 1) {
		memset(name, 'n', sizeof name);
		name[n] = 0;
		snprintf(title, sizeof title, "a name of %d bytes", n);
		say(title, "%s", name_works(name));
	}
	for (n = 0; n + 2 <= 254; n += 2) {
		memcpy(name + n, "\xc3\xa4", 2);
	}
	name[n] = 0;
	say("a name of 127 umlauts", "%s", name_works(name));
	name[n] = 'x';
	name[n + 1] = 0;
	say("and 255 bytes", "%s", name_works(name));
	memcpy(name + n, "\xc3\xa4", 3);
	say("a name of 128 umlauts", "%s", name_works(name));
	for (n = 0; n + 4 <= 252; n += 4) {
		memcpy(name + n, "\xf0\x9f\x90\xa7", 4);
	}
	name[n] = 0;
	say("a name of 63 penguins", "%s", name_works(name));
}

void torture_names(void)
{
	static const char *const odd[] = {"con", "PRN", "nul.txt", "com1", "a.",
		"a..", "a ", " a", "...", "....", "a:b", "a::$DATA", ":a",
		"back\\slash", "\\", "a*", "?", "<>|\"", "~", "a~1",
		"LONGNA~1.TXT", ".hidden", "@GMT-2020.01.01-00.00.00", "%41",
		"-rf", "\xc3\xa4", "a\xcc\x88", "\xe2\x82\xac",
		"\xf0\x9f\x90\xa7", "\xef\xbf\xbd", "\xef\x80\xa0",
		"\xef\x80\xaa", ".smb3x-file", ".__smbx", "a\nb", "a\tb"};
	char title[64];
	size_t i;

	enter("names");
	names_bytes();
	for (i = 0; i < sizeof odd / sizeof *odd; i++) {
		snprintf(title, sizeof title, "odd name %zu", i);
		say(title, "%s", name_works(odd[i]));
	}
	names_long();
	put("case", "lower");
	say_result("O_EXCL in another case",
		open("CASE", O_WRONLY | O_CREAT | O_EXCL, 0644));
	say_lstat("the one", "case");
	say_lstat("the other", "CASE");
	say_lstat("a third", "Case");
	put("\xc3\xa4", "a");
	put("\xc3\x84", "A");
	say_content("a small umlaut", "\xc3\xa4");
	say_content("a capital umlaut", "\xc3\x84");
	mkdir("Dir", 0755);
	say_result("mkdir in another case", mkdir("dir", 0755));
	put("x\\y", "literal");
	mkdir("x", 0755);
	put("x/y", "below");
	say_content("a backslash in a name", "x\\y");
	say_content("a slash in a path", "x/y");
	leave();
}

#define MANY 3000

/* How often each entry is seen from here on; those that are not once. */
static int count_entries(DIR *dir, int *ret_total)
{
	static unsigned char seen[MANY];
	struct dirent *entry;
	int i, wrong = 0, total = 0;

	memset(seen, 0, sizeof seen);
	while ((entry = readdir(dir))) {
		int n = -1;

		total++;
		if (sscanf(entry->d_name, "entry-%d", &n) == 1 && n >= 0 &&
			n < MANY) {
			seen[n]++;
		}
	}
	for (i = 0; i < MANY; i++) {
		wrong += seen[i] != 1;
	}
	*ret_total = total;
	return wrong;
}

static void readdir_types(void)
{
	struct dirent *entry;
	char line[256];
	int file = 0, directory = 0, link = 0, fifo = 0, other = 0;
	DIR *dir;

	enter("types");
	put("file", "");
	mkdir("directory", 0755);
	symlink("none", "link");
	mkfifo("fifo", 0644);
	dir = opendir(".");
	while (dir && (entry = readdir(dir))) {
		unsigned char type = entry->d_type;

		if (type == DT_UNKNOWN) {
			struct stat st;

			lstat(entry->d_name, &st);
			type = IFTODT(st.st_mode);
		}
		file += type == DT_REG;
		directory += type == DT_DIR;
		link += type == DT_LNK;
		fifo += type == DT_FIFO;
		other += type != DT_REG && type != DT_DIR && type != DT_LNK &&
			 type != DT_FIFO;
	}
	if (dir) {
		closedir(dir);
	}
	snprintf(line, sizeof line, "%d %d %d %d %d", file, directory, link,
		fifo, other);
	say("types in a listing", "%s", line);
	leave();
}

static void readdir_change(void)
{
	struct dirent *entry;
	char name[32];
	int i, total, removed = 0;
	DIR *dir;

	enter("changing");
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "entry-%d", i);
		put(name, "");
	}
	dir = opendir(".");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == 'e' && unlink(entry->d_name) == 0) {
			removed++;
		}
	}
	closedir(dir);
	say("unlink while reading", "%d", removed);
	dir = opendir(".");
	count_entries(dir, &total);
	closedir(dir);
	say("left behind", "%d", total);
	leave();
	say_result("rmdir of the emptied directory", rmdir("changing"));
}

void torture_readdir(void)
{
	char name[32];
	int i, total = 0, wrong, failed = 0;
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	enter("readdir");
	enter("many");
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "entry-%d", i);
		failed += mknod(name, S_IFREG | 0600, 0) < 0;
	}
	say("create many files", "%d failed", failed);
	dir = opendir(".");
	wrong = count_entries(dir, &total);
	say("all of them once", "%d, %d wrong", total, wrong);
	rewinddir(dir);
	wrong = count_entries(dir, &total);
	say("and again after rewinddir", "%d, %d wrong", total, wrong);
	mknod("entry-added", S_IFREG | 0600, 0);
	rewinddir(dir);
	wrong = count_entries(dir, &total);
	say("one more", "%d, %d wrong", total, wrong);
	unlink("entry-added");
	rewinddir(dir);
	failed = 0;
	while ((entry = readdir(dir))) {
		failed += lstat(entry->d_name, &st) < 0;
		if (entry->d_name[0] == 'e') {
			failed += st.st_ino != entry->d_ino;
		}
	}
	say("inode numbers are those of lstat", "%d wrong", failed);
	closedir(dir);
	for (i = 0, failed = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "entry-%d", i);
		failed += unlink(name) < 0;
	}
	say("unlink all", "%d failed", failed);
	leave();
	say_result("rmdir then", rmdir("many"));
	readdir_types();
	readdir_change();
	leave();
}

static void deep(void)
{
	static const char name[] = "a-directory-of-some-length";
	char *before = getcwd(NULL, 0), path[2048];
	int i, made = 0;
	size_t n = 0;

	for (i = 0; i < 60; i++) {
		made += mkdir(name, 0755) == 0 && chdir(name) == 0;
		n += (size_t)snprintf(path + n, sizeof path - n, "%s/", name);
	}
	say("60 directories deep", "%d", made);
	say_result("a file down there", put("f", "deep down"));
	chdir(before);
	snprintf(path + n, sizeof path - n, "f");
	say_content("by its path of 1600 bytes", path);
	free(before);
}

void torture_directories(void)
{
	struct stat st, up;
	char cwd[512];
	int dir, fd;

	enter("directories");
	mkdir("d", 0755);
	mkdir("d/a", 0755);
	mkdir("d/b", 0755);
	put("d/f", "");
	say_lstat("links of a directory with two below", "d");
	rmdir("d/a");
	say_lstat("with one below", "d");
	say_result("mkdir of what is there", mkdir("d", 0755));
	say_result("mkdir of a file", mkdir("d/f", 0755));
	say_result("mkdir below a file", mkdir("d/f/x", 0755));
	say_result("mkdir below nothing", mkdir("none/x", 0755));
	say_result("mkdir with a slash", mkdir("slash/", 0755));
	say_result("mkdir of dot", mkdir(".", 0755));
	say_result("mkdir of dot dot", mkdir("..", 0755));
	say_result("mkdir of the empty path", mkdir("", 0755));
	chmod("d", 02755);
	mkdir("d/sub", 0755);
	say_lstat("a directory in a setgid one", "d/sub");
	put("d/file", "");
	say_lstat("a file in a setgid one", "d/file");
	mkdir("sticky", 01777);
	put("sticky/f", "");
	say_lstat("a sticky directory", "sticky");
	say_result("unlink of one's own in it", unlink("sticky/f"));
	chdir("d/sub");
	say("getcwd", "%s",
		getcwd(cwd, sizeof cwd) ? strrchr(cwd, '/') + 1
					: error_name(errno));
	stat("..", &up);
	chdir("..");
	stat(".", &st);
	say("dot dot is the parent", "%s",
		st.st_ino == up.st_ino && st.st_dev == up.st_dev ? "yes"
								 : "no");
	chdir("..");
	dir = open("d", O_PATH | O_DIRECTORY);
	fd = openat(dir, "f", O_RDONLY);
	say_result("openat an O_PATH descriptor", fd);
	close(fd);
	say_result("fchdir", fchdir(dir));
	say_lstat("a file there", "f");
	chdir("..");
	close(dir);
	say_result("chdir into a file", chdir("d/f"));
	say_result("chdir into nothing", chdir("none"));
	say_result("chdir below a file", chdir("d/f/x"));
	deep();
	leave();
}
