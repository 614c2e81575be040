/* SPDX-License-Identifier: MIT */
/*
 * Files in few words: the requests that most tests need.
 */
#include <stdio.h>
#include <string.h>

#include "suite/file.h"

/* --- names ------------------------------------------------------------------
 */

static struct reply *create_at(struct peer *peer, const char *path,
	const struct create_options *options);

/* Makes the directory of the test, once, on the connection that asks first. */
static void make_workdir(struct peer *peer)
{
	struct test *t = peer->t;
	struct record_text made = {.head = {.kind = RECORD_DIRECTORY}};
	struct create_options options = {.options = FILE_DIRECTORY_FILE};
	const struct wire_view none = {NULL, 0};
	struct reply *reply;

	snprintf(t->workdir, sizeof(t->workdir), "conf-%s-%u", t->run,
		t->number);
	snprintf(made.text, sizeof(made.text), "%s", t->workdir);
	log_add(t->log, &made.head, sizeof(made));
	if (peer->posix) { /* everybody's, whatever mode others would get */
		options.contexts = posix_contexts(t, 0777, none);
	}
	reply = create_at(peer, t->workdir, &options);
	need_ok(t, reply);
	need_ok(t, file_close(file_of(reply)));
}

const char *test_path(struct peer *peer, const char *path)
{
	if (path[0] == '\\') {
		return path + 1;
	}
	if (peer->t->workdir[0] == '\0') {
		make_workdir(peer);
	}
	if (path[0] == '\0') {
		return peer->t->workdir;
	}
	return test_text(peer->t, "%s\\%s", peer->t->workdir, path);
}

/* --- create ------------------------------------------------------------------
 */

static struct smb2_create_request request_at(
	struct wire_view name, const struct create_options *options)
{
	static const struct create_options none;
	const struct create_options *o = options != NULL ? options : &none;

	return (struct smb2_create_request){
		.requested_oplock_level = o->oplock,
		.impersonation_level =
			o->impersonation != 0 ? o->impersonation - 1 : 2,
		.desired_access = o->access != 0 ? o->access : ACCESS_DEFAULT,
		.file_attributes = o->attributes,
		.share_access = o->share != 0 ? o->share & ~SHARE_EXACT : 7,
		.create_disposition =
			o->disposition != 0 ? o->disposition - 1 : FILE_OPEN_IF,
		.create_options = o->options,
		.name = name,
		.create_contexts = o->contexts,
	};
}

struct smb2_create_request create_request(struct peer *peer, const char *path,
	const struct create_options *options)
{
	return request_at(utf16(peer->t, test_path(peer, path)), options);
}

struct reply *file_create_name(struct peer *peer, struct wire_view name,
	const struct create_options *options)
{
	struct smb2_create_request r = request_at(name, options);

	return peer_call(peer, &smb2_create_request_type, &r);
}

static struct reply *create_at(struct peer *peer, const char *path,
	const struct create_options *options)
{
	return file_create_name(peer, utf16(peer->t, path), options);
}

struct reply *file_create(struct peer *peer, const char *path,
	const struct create_options *options)
{
	return create_at(peer, test_path(peer, path), options);
}

struct file *file_of(struct reply *create)
{
	const struct smb2_create_response *r =
		reply_as(create, smb2_create_response);
	struct file *file = test_alloc(create->peer->t, sizeof(*file));

	file->peer = create->peer;
	file->id = r->file_id;
	file->tree = create->peer->tree;
	file->create = create;
	return file;
}

struct file *need_file(struct peer *peer, const char *path,
	const struct create_options *options)
{
	struct reply *reply = file_create(peer, path, options);

	need_ok(peer->t, reply);
	return file_of(reply);
}

struct file *need_directory(struct peer *peer, const char *path)
{
	return need_file(peer, path,
		&(struct create_options){.options = FILE_DIRECTORY_FILE});
}

struct wire_view create_contexts(struct test *t,
	const struct create_context *contexts, unsigned int count)
{
	struct wire_buf out = {0};
	size_t size = 0, last = SIZE_MAX;
	unsigned int i;

	for (i = 0; i < count; i++) {
		size += contexts[i].name.n + contexts[i].data.n + 40;
	}
	out.p = test_alloc(t, size);
	out.cap = size;
	for (i = 0; i < count; i++) {
		const struct smb2_create_context c = {
			.name = contexts[i].name,
			.data = contexts[i].data,
		};

		if (wire_list_append(
			    &smb2_create_context_type, &c, &out, &last) != 0) {
			conf_broken(t, "cannot encode create contexts");
		}
	}
	return wire_view_of(out.p, out.n);
}

struct wire_view context_before(struct test *t,
	const struct create_context *context, struct wire_view others)
{
	struct wire_view one = create_contexts(t, context, 1);
	size_t behind = (one.n + 7) & ~(size_t)7;
	uint8_t *all;

	if (others.n == 0) {
		return one;
	}
	all = test_alloc(t, behind + others.n);
	memcpy(all, one.p, one.n);
	memcpy(all + behind, others.p, others.n);
	wire_put32(all, (uint32_t)behind);
	return wire_view_of(all, behind + others.n);
}

struct wire_view posix_contexts(
	struct test *t, uint32_t mode, struct wire_view others)
{
	const struct smb2_create_posix_request data = {.posix_mode = mode};
	const struct create_context c = {wire_view_of(POSIX_TAG, 16),
		encoded(t, &smb2_create_posix_request_type, &data)};

	return context_before(t, &c, others);
}

bool created_context(
	const struct reply *create, const char *name, struct wire_view *ret)
{
	const struct smb2_create_response *r = create->body;
	struct smb2_create_context c;
	struct wire_list list;

	if (r == NULL || create->type != &smb2_create_response_type) {
		return false;
	}
	list = wire_list_of(&smb2_create_context_type, r->create_contexts);
	while (wire_list_next(&list, &c, NULL) == 1) {
		if (wire_view_equal(c.name, text_bytes(name))) {
			*ret = c.data;
			return true;
		}
	}
	return false;
}

/* --- on an open file
 * ----------------------------------------------------------- */

struct reply *file_close(struct file *file)
{
	struct smb2_close_request r = {.file_id = file->id};

	return peer_call(file->peer, &smb2_close_request_type, &r);
}

struct reply *file_flush(struct file *file)
{
	struct smb2_flush_request r = {.file_id = file->id};

	return peer_call(file->peer, &smb2_flush_request_type, &r);
}

struct reply *file_read(struct file *file, uint64_t offset, uint32_t length)
{
	struct smb2_read_request r = {
		.length = length,
		.offset = offset,
		.file_id = file->id,
	};

	return peer_call(file->peer, &smb2_read_request_type, &r);
}

static const struct wire_view nothing;

struct wire_view read_data(const struct reply *read)
{
	const struct smb2_read_response *r = read->body;

	return r != NULL && read->type == &smb2_read_response_type ? r->buffer
								   : nothing;
}

struct reply *file_write(
	struct file *file, uint64_t offset, const void *bytes, size_t n)
{
	struct smb2_write_request r = {
		.offset = offset,
		.file_id = file->id,
		.buffer = wire_view_of(bytes, n),
	};

	return peer_call(file->peer, &smb2_write_request_type, &r);
}

static struct reply *query(struct file *file, uint8_t type, uint8_t info_class,
	uint32_t additional, uint32_t output_size)
{
	struct smb2_query_info_request r = {
		.info_type = type,
		.file_info_class = info_class,
		.output_buffer_length = output_size,
		.additional_information = additional,
		.file_id = file->id,
	};

	return peer_call(file->peer, &smb2_query_info_request_type, &r);
}

struct reply *file_query(struct file *file, uint8_t type, uint8_t info_class,
	uint32_t output_size)
{
	return query(file, type, info_class, 0, output_size);
}

struct reply *file_query_security(
	struct file *file, uint32_t information, uint32_t output_size)
{
	return query(file, SMB2_0_INFO_SECURITY, 0, information, output_size);
}

struct wire_view query_data(const struct reply *reply)
{
	const struct smb2_query_info_response *r = reply->body;

	return r != NULL && reply->type == &smb2_query_info_response_type
		       ? r->buffer
		       : nothing;
}

struct file_basic_information file_basic(struct file *file)
{
	struct reply *r =
		file_query(file, SMB2_0_INFO_FILE, FileBasicInformation, 40);
	struct file_basic_information info = {0};

	need_ok(file->peer->t, r);
	need(file->peer->t,
		file_basic_information_decode(query_data(r), &info) == 0,
		"FileBasicInformation");
	return info;
}

uint64_t file_size(struct file *file)
{
	struct reply *r =
		file_query(file, SMB2_0_INFO_FILE, FileStandardInformation, 24);
	struct file_standard_information info;

	need_ok(file->peer->t, r);
	need(file->peer->t,
		file_standard_information_decode(query_data(r), &info) == 0,
		"FileStandardInformation");
	return info.end_of_file;
}

int file_ea_length(struct file *file, const char *name)
{
	struct reply *r =
		file_query(file, SMB2_0_INFO_FILE, FileFullEaInformation, 4096);
	struct wire_list list =
		wire_list_of(&file_full_ea_information_type, query_data(r));
	struct file_full_ea_information ea;

	while (r->status == STATUS_SUCCESS &&
		wire_list_next(&list, &ea, NULL) > 0) {
		if (wire_view_equal(ea.ea_name, text_bytes(name))) {
			return ea.ea_value_length;
		}
	}
	return -1;
}

static struct reply *set(struct file *file, uint8_t type, uint8_t info_class,
	uint32_t additional, struct wire_view bytes)
{
	struct smb2_set_info_request r = {
		.info_type = type,
		.file_info_class = info_class,
		.additional_information = additional,
		.file_id = file->id,
		.buffer = bytes,
	};

	return peer_call(file->peer, &smb2_set_info_request_type, &r);
}

struct reply *file_set(struct file *file, uint8_t type, uint8_t info_class,
	struct wire_view bytes)
{
	return set(file, type, info_class, 0, bytes);
}

struct reply *file_set_security(
	struct file *file, uint32_t information, struct wire_view bytes)
{
	return set(file, SMB2_0_INFO_SECURITY, 0, information, bytes);
}

struct reply *file_delete(struct file *file)
{
	static const uint8_t yes = 1;

	return file_set(file, SMB2_0_INFO_FILE, FileDispositionInformation,
		wire_view_of(&yes, 1));
}

struct reply *file_rename(struct file *file, const char *path, bool replace)
{
	struct test *t = file->peer->t;
	struct file_rename_information rename = {
		.replace_if_exists = replace,
		.file_name = utf16(t, test_path(file->peer, path)),
	};

	return file_set(file, SMB2_0_INFO_FILE, FileRenameInformation,
		encoded(t, &file_rename_information_type, &rename));
}

struct reply *dir_query(struct file *directory, uint8_t info_class,
	uint8_t flags, const char *pattern, uint32_t output_size)
{
	struct smb2_query_directory_request r = {
		.file_information_class = info_class,
		.flags = flags,
		.file_id = directory->id,
		.output_buffer_length = output_size,
		.buffer = utf16(directory->peer->t, pattern),
	};

	return peer_call(
		directory->peer, &smb2_query_directory_request_type, &r);
}

struct wire_view dir_data(const struct reply *reply)
{
	const struct smb2_query_directory_response *r = reply->body;

	return r != NULL && reply->type == &smb2_query_directory_response_type
		       ? r->buffer
		       : nothing;
}

static struct reply *fsctl(struct peer *peer, struct smb2_fileid id,
	uint32_t code, struct wire_view input, uint32_t max_output)
{
	struct smb2_ioctl_request r = {
		.ctl_code = code,
		.file_id = id,
		.max_output_response = max_output,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input = input,
	};

	return peer_call(peer, &smb2_ioctl_request_type, &r);
}

struct reply *file_fsctl(struct file *file, uint32_t code,
	struct wire_view input, uint32_t max_output)
{
	return fsctl(file->peer, file->id, code, input, max_output);
}

struct reply *peer_fsctl(struct peer *peer, uint32_t code,
	struct wire_view input, uint32_t max_output)
{
	return fsctl(peer, RELATED_FILE, code, input, max_output);
}

struct wire_view fsctl_data(const struct reply *reply)
{
	const struct smb2_ioctl_response *r = reply->body;

	return r != NULL && reply->type == &smb2_ioctl_response_type ? r->output
								     : nothing;
}

struct request *file_lock_send(
	struct file *file, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct test *t = file->peer->t;
	const struct smb2_lock_element element = {
		.offset = offset,
		.length = length,
		.flags = flags,
	};
	struct smb2_lock_request r = {
		.lock_count = 1,
		.file_id = file->id,
		.locks = encoded(t, &smb2_lock_element_type, &element),
	};

	return peer_send(file->peer, &smb2_lock_request_type, &r);
}

struct reply *file_lock(
	struct file *file, uint64_t offset, uint64_t length, uint32_t flags)
{
	return peer_wait(file_lock_send(file, offset, length, flags));
}

struct request *dir_notify_send(struct file *directory, uint32_t filter,
	bool tree, uint32_t output_size)
{
	struct smb2_change_notify_request r = {
		.flags = tree ? SMB2_WATCH_TREE : 0,
		.output_buffer_length = output_size,
		.file_id = directory->id,
		.completion_filter = filter,
	};

	return peer_send(directory->peer, &smb2_change_notify_request_type, &r);
}

void dir_notify_settle(struct peer *peer)
{
	struct test *t = peer->t;
	uint64_t deadline = test_within(t, REPLY_TIMEOUT_MS);
	struct file *d = need_directory(peer, "settle");
	struct request *notify =
		dir_notify_send(d, FILE_NOTIFY_CHANGE_FILE_NAME, false, 1024);
	unsigned int i;

	for (i = 0; peer_wait_ms(notify, 20 * i)->outcome == REPLY_TIMEOUT &&
		    test_clock() < deadline;
		i++) {
		char *name = test_text(t, "settle\\%u-%u",
			(unsigned int)notify->message_id, i);

		need_ok(t, file_close(need_file(peer, name, NULL)));
	}
	need_ok(t, file_close(d));
}
