/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of the UNIX extensions: opens, class 0x64, changes.
 */
#include <string.h>

#include "posix/posix.h"

#define ROOM 65536u

struct peer *posix_client_with(
	struct test *t, const struct client_options *options)
{
	struct client_options o =
		options != NULL ? *options : (struct client_options){0};
	struct peer *peer;

	o.posix = true;
	peer = client_with(t, &o);
	need_capability(t, peer->negotiate, peer->posix,
		"the UNIX extensions negotiated");
	return peer;
}

struct peer *posix_client(struct test *t)
{
	return posix_client_with(t, NULL);
}

/* --- opens ------------------------------------------------------------- */

static const struct wire_view nothing;

struct wire_view posix_path(struct peer *peer, const char *path)
{
	struct test *t = peer->t;
	const char *top;

	if (path[0] == '/') {
		return utf16(t, path + 1);
	}
	top = test_path(peer, "");
	return utf16(
		t, path[0] == '\0' ? top : test_text(t, "%s/%s", top, path));
}

struct wire_view posix_path_units(struct peer *peer, const char *directory,
	const uint16_t *units, unsigned int count)
{
	struct wire_view top = posix_path(peer, directory);
	uint8_t *name = test_alloc(peer->t, top.n + 2 + 2 * count);
	unsigned int i;

	memcpy(name, top.p, top.n);
	wire_put16(name + top.n, '/');
	for (i = 0; i < count; i++) {
		wire_put16(name + top.n + 2 + 2 * i, units[i]);
	}
	return wire_view_of(name, top.n + 2 + 2 * count);
}

struct reply *posix_create_name(struct peer *peer, struct wire_view name,
	uint32_t mode, const struct create_options *options)
{
	struct create_options o =
		options != NULL ? *options : (struct create_options){0};

	o.contexts = posix_contexts(peer->t, mode, o.contexts);
	return file_create_name(peer, name, &o);
}

struct reply *posix_create(struct peer *peer, const char *path, uint32_t mode,
	const struct create_options *options)
{
	return posix_create_name(peer, posix_path(peer, path), mode, options);
}

struct reply *posix_open(struct peer *peer, const char *path, uint32_t access,
	uint32_t create_options)
{
	return posix_create(peer, path, 0,
		&(struct create_options){.access = access,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = create_options});
}

static struct file *need_answer(struct peer *peer, struct reply *create)
{
	need_ok(peer->t, create);
	need(peer->t, posix_answered(create),
		"an open by the rules of POSIX (a context in the response)");
	return file_of(create);
}

struct file *need_posix(struct peer *peer, const char *path, uint32_t mode,
	const struct create_options *options)
{
	return need_answer(peer, posix_create(peer, path, mode, options));
}

struct file *need_posix_open(
	struct peer *peer, const char *path, uint32_t access)
{
	return need_answer(peer, posix_open(peer, path, access, 0));
}

struct file *need_posix_directory(
	struct peer *peer, const char *path, uint32_t mode)
{
	return need_posix(peer, path, mode,
		&(struct create_options){.options = FILE_DIRECTORY_FILE});
}

void posix_make_file(struct peer *peer, const char *path, uint32_t mode)
{
	need_ok(peer->t, file_close(need_posix(peer, path, mode, NULL)));
}

void posix_make_directory(struct peer *peer, const char *path, uint32_t mode)
{
	need_ok(peer->t, file_close(need_posix_directory(peer, path, mode)));
}

bool posix_answered(const struct reply *create)
{
	struct wire_view data;

	return created_context(create, POSIX_TAG, &data);
}

struct smb2_create_posix_response posix_answer(const struct reply *create)
{
	struct test *t = create->peer->t;
	struct smb2_create_posix_response answer = {0};
	struct wire_view data = nothing;

	need(t, created_context(create, POSIX_TAG, &data),
		"the POSIX context in the CREATE response");
	need(t, smb2_create_posix_response_decode(data, &answer) == 0,
		"a POSIX context that decodes");
	return answer;
}

/* --- class 0x64 -------------------------------------------------------- */

struct reply *posix_query(struct file *file)
{
	return file_query(file, SMB2_0_INFO_FILE, FilePosixInformation, 1024);
}

struct file_posix_information posix_info(struct file *file)
{
	struct test *t = file->peer->t;
	struct reply *r = posix_query(file);
	struct file_posix_information info = {0};

	need_ok(t, r);
	need(t, file_posix_information_decode(query_data(r), &info) == 0,
		"information of class 0x64 that decodes");
	return info;
}

uint32_t posix_mode(struct file *file)
{
	return posix_info(file).posix_mode & MODE_PERMISSIONS;
}

uint32_t posix_links(struct file *file)
{
	return posix_info(file).number_of_links;
}

struct reply *posix_query_fs(struct file *file)
{
	return file_query(
		file, SMB2_0_INFO_FILESYSTEM, FileFsPosixInformation, 1024);
}

struct file_fs_posix_information posix_fs_info(struct file *file)
{
	struct test *t = file->peer->t;
	struct reply *r = posix_query_fs(file);
	struct file_fs_posix_information info = {0};

	need_ok(t, r);
	need(t, file_fs_posix_information_decode(query_data(r), &info) == 0,
		"file system information of class 0x64 that decodes");
	return info;
}

struct reply *posix_list(
	struct file *directory, uint8_t flags, const char *pattern)
{
	return dir_query(directory, FilePosixInformation, flags, pattern, ROOM);
}

static struct wire_list entries_of(const struct reply *list)
{
	return wire_list_of(
		&file_posix_directory_information_type, dir_data(list));
}

bool posix_entry_units(const struct reply *list, struct wire_view name,
	struct file_posix_directory_information *ret)
{
	struct wire_list entries = entries_of(list);

	while (wire_list_next(&entries, ret, NULL) == 1) {
		if (wire_view_equal(ret->file_name, name)) {
			return true;
		}
	}
	return false;
}

bool posix_entry(struct test *t, const struct reply *list, const char *name,
	struct file_posix_directory_information *ret)
{
	return posix_entry_units(list, utf16(t, name), ret);
}

static bool find(struct file *directory, const char *name,
	struct file_posix_directory_information *ret)
{
	struct test *t = directory->peer->t;
	struct reply *r = posix_list(directory, SMB2_RESTART_SCANS, "*");

	while (r->status != STATUS_NO_MORE_FILES) {
		need_ok(t, r);
		if (posix_entry(t, r, name, ret)) {
			return true;
		}
		r = posix_list(directory, 0, "*");
	}
	return false;
}

struct file_posix_directory_information posix_find(
	struct file *directory, const char *name)
{
	struct file_posix_directory_information e = {0};

	need(directory->peer->t, find(directory, name, &e),
		"an entry \"%s\" in the directory", name);
	return e;
}

bool posix_has(struct file *directory, const char *name)
{
	struct file_posix_directory_information e;

	return find(directory, name, &e);
}

unsigned int posix_count(const struct reply *list)
{
	struct wire_list entries = entries_of(list);
	struct file_posix_directory_information e;
	unsigned int n = 0;

	while (wire_list_next(&entries, &e, NULL) == 1) {
		n++;
	}
	return n;
}

/* --- changing ---------------------------------------------------------- */

struct reply *posix_rename_name(
	struct file *file, struct wire_view name, bool replace)
{
	const struct file_rename_information rename = {
		.replace_if_exists = replace, .file_name = name};

	return file_set(file, SMB2_0_INFO_FILE, FileRenameInformation,
		encoded(file->peer->t, &file_rename_information_type, &rename));
}

struct reply *posix_rename(struct file *file, const char *path, bool replace)
{
	return posix_rename_name(file, posix_path(file->peer, path), replace);
}

struct reply *posix_link_name(
	struct file *file, struct wire_view name, bool replace)
{
	const struct file_link_information link = {
		.replace_if_exists = replace, .file_name = name};

	return file_set(file, SMB2_0_INFO_FILE, FileLinkInformation,
		encoded(file->peer->t, &file_link_information_type, &link));
}

struct reply *posix_link(struct file *file, const char *path, bool replace)
{
	return posix_link_name(file, posix_path(file->peer, path), replace);
}

struct reply *posix_mark(struct file *file, bool delete_it)
{
	const uint8_t byte = delete_it;

	return file_set(file, SMB2_0_INFO_FILE, FileDispositionInformation,
		bytes_of(file->peer->t, &byte, 1));
}

struct reply *posix_unlink(struct peer *peer, const char *path)
{
	struct reply *r = posix_open(peer, path, DELETE | FILE_READ_ATTRIBUTES,
		FILE_OPEN_REPARSE_POINT);
	struct file *f;

	if (r->status != STATUS_SUCCESS) {
		return r;
	}
	f = file_of(r);
	r = posix_mark(f, true);
	return r->status == STATUS_SUCCESS ? file_close(f) : r;
}
