/* SPDX-License-Identifier: MIT */
/* Both kinds of opens of one file. */
#include <string.h>

#include "posix/kinds.h"

static const char *with_backslashes(struct test *t, const char *path)
{
	char *copy = test_text(t, "%s", path);

	for (char *c = strchr(copy, '/'); c != NULL; c = strchr(c, '/')) {
		*c = '\\';
	}
	return copy;
}

struct reply *kind_create(struct peer *peer, enum open_kind kind,
	const char *path, const struct create_options *options)
{
	return kind == P ? posix_create(peer, path, 0644, options)
			 : file_create(peer, with_backslashes(peer->t, path),
				   options);
}

struct file *need_kind(struct peer *peer, enum open_kind kind, const char *path,
	const struct create_options *options)
{
	return kind == P ? need_posix(peer, path, 0644, options)
			 : need_file(peer, with_backslashes(peer->t, path),
				   options);
}

struct reply *kind_look(
	struct peer *peer, enum open_kind kind, const char *path)
{
	struct reply *r = kind_create(peer, kind, path,
		&(struct create_options){.access = FILE_READ_ATTRIBUTES,
			.disposition = DISPOSITION(FILE_OPEN),
			.options = kind == P ? FILE_OPEN_REPARSE_POINT : 0});

	if (r->outcome == REPLY_ARRIVED && r->status == STATUS_SUCCESS) {
		file_close(file_of(r));
	}
	return r;
}

bool posix_exists(struct peer *peer, const char *path)
{
	struct reply *r = kind_look(peer, P, path);

	need(peer->t, r->outcome == REPLY_ARRIVED, "an answer to CREATE");
	return r->status != STATUS_OBJECT_NAME_NOT_FOUND &&
	       r->status != STATUS_OBJECT_PATH_NOT_FOUND;
}

bool a_moment_later(struct test *t, uint64_t since)
{
	peers_pump(t, test_within(t, 20));
	return test_clock() - since < 15000000000u;
}

struct reply *set_attributes(struct file *file, uint32_t attributes)
{
	const struct file_basic_information basic = {
		.file_attributes = attributes};

	return file_set(file, SMB2_0_INFO_FILE, FileBasicInformation,
		encoded(file->peer->t, &file_basic_information_type, &basic));
}
