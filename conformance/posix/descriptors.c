/* SPDX-License-Identifier: MIT */
/*
 * The words of tests of the UNIX extensions: SIDs, security descriptors that
 * set a mode, reparse points and their errors. [MS-DTYP] 2.4, [MS-FSCC] 2.1.2
 */
#include <string.h>

#include "posix/posix.h"

/* --- SIDs and security descriptors ------------------------------------- */

struct wire_view sid_of(struct test *t, uint8_t authority,
	const uint32_t *sub_authorities, unsigned int count)
{
	uint8_t *sid = test_alloc(t, 8 + 4 * count);
	unsigned int i;

	sid[0] = 1;
	sid[1] = (uint8_t)count;
	sid[7] = authority;
	for (i = 0; i < count; i++) {
		wire_put32(sid + 8 + 4 * i, sub_authorities[i]);
	}
	return wire_view_of(sid, 8 + 4 * count);
}

struct wire_view sid_of_mode(struct test *t, uint32_t mode)
{
	const uint32_t sub[] = {88, 3, mode};

	return sid_of(t, 5, sub, 3);
}

/* An ACL with these entries. */
static struct wire_view acl_of(
	struct test *t, const struct posix_ace *aces, unsigned int count)
{
	struct acl acl = {
		.acl_revision = ACL_REVISION, .ace_count = (uint16_t)count};
	uint8_t *bytes;
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		n += 8 + aces[i].sid.n;
	}
	bytes = test_alloc(t, n);
	acl.acl_size = (uint16_t)(8 + n);
	acl.aces = wire_view_of(bytes, n);
	for (i = 0; i < count; i++) {
		bytes[0] = aces[i].type;
		bytes[1] = aces[i].flags;
		wire_put16(bytes + 2, (uint16_t)(8 + aces[i].sid.n));
		wire_put32(bytes + 4, aces[i].mask);
		memcpy(bytes + 8, aces[i].sid.p, aces[i].sid.n);
		bytes += 8 + aces[i].sid.n;
	}
	return encoded(t, &acl_type, &acl);
}

struct wire_view descriptor_of(struct test *t, struct wire_view owner,
	struct wire_view group, const struct posix_ace *aces,
	unsigned int count)
{
	struct security_descriptor sd = {
		.revision = 1, .control = SE_SELF_RELATIVE};
	uint32_t at = 20;

	if (owner.n != 0) {
		sd.offset_owner = at;
		sd.owner_sid = owner;
		at += (uint32_t)owner.n;
	}
	if (group.n != 0) {
		sd.offset_group = at;
		sd.group_sid = group;
		at += (uint32_t)group.n;
	}
	if (count != 0) {
		sd.control |= SE_DACL_PRESENT;
		sd.offset_dacl = at;
		sd.dacl = acl_of(t, aces, count);
	}
	return encoded(t, &security_descriptor_type, &sd);
}

struct wire_view mode_descriptor(struct test *t, uint32_t mode)
{
	const struct wire_view none = {NULL, 0};
	const struct posix_ace ace = {
		.type = ACCESS_ALLOWED_ACE_TYPE, .sid = sid_of_mode(t, mode)};

	return descriptor_of(t, none, none, &ace, 1);
}

struct reply *posix_chmod(struct file *file, uint32_t mode)
{
	return file_set_security(file, DACL_SECURITY_INFORMATION,
		mode_descriptor(file->peer->t, mode));
}

/* --- reparse points ---------------------------------------------------- */

struct wire_view reparse_buffer(
	struct test *t, uint32_t tag, struct wire_view data)
{
	const struct reparse_data_buffer buffer = {.reparse_tag = tag,
		.reparse_data_length = (uint16_t)data.n,
		.data_buffer = data};

	return encoded(t, &reparse_data_buffer_type, &buffer);
}

struct wire_view symlink_buffer(
	struct test *t, const char *target, uint32_t flags)
{
	struct wire_view name = utf16(t, target);
	uint8_t *both = test_alloc(t, 2 * name.n);
	struct symbolic_link_reparse_data_buffer link = {
		.substitute_name_length = (uint16_t)name.n,
		.print_name_offset = (uint16_t)name.n,
		.print_name_length = (uint16_t)name.n,
		.flags = flags,
		.path_buffer = wire_view_of(both, 2 * name.n),
	};

	memcpy(both, name.p, name.n);
	memcpy(both + name.n, name.p, name.n);
	return reparse_buffer(t, IO_REPARSE_TAG_SYMLINK,
		encoded(t, &symbolic_link_reparse_data_buffer_type, &link));
}

struct wire_view nfs_buffer(
	struct test *t, uint64_t type, struct wire_view data)
{
	const struct nfs_reparse_data_buffer nfs = {
		.type = type, .data_buffer = data};

	return reparse_buffer(t, IO_REPARSE_TAG_NFS,
		encoded(t, &nfs_reparse_data_buffer_type, &nfs));
}

struct wire_view nfs_device_buffer(
	struct test *t, uint64_t type, uint32_t major, uint32_t minor)
{
	const struct nfs_device_number number = {
		.major = major, .minor = minor};

	return nfs_buffer(
		t, type, encoded(t, &nfs_device_number_type, &number));
}

struct reply *reparse_set(struct file *file, struct wire_view buffer)
{
	return file_fsctl(file, FSCTL_SET_REPARSE_POINT, buffer, 0);
}

struct reply *reparse_get(struct file *file)
{
	const struct wire_view none = {NULL, 0};

	return file_fsctl(file, FSCTL_GET_REPARSE_POINT, none, 65536);
}

struct file *posix_reparse(struct peer *peer, const char *path, uint32_t mode,
	struct wire_view buffer, struct reply **ret_set)
{
	struct test *t = peer->t;
	struct file *f = need_posix(peer, path, mode,
		&(struct create_options){
			.disposition = DISPOSITION(FILE_CREATE),
			.options = FILE_OPEN_REPARSE_POINT |
				   FILE_NON_DIRECTORY_FILE});
	struct reply *r = reparse_set(f, buffer);

	if (ret_set != NULL) {
		*ret_set = r;
	} else {
		need_capability(t, r, r->status == STATUS_SUCCESS,
			"reparse points that a client may set");
	}
	return f;
}

void posix_symlink(struct peer *peer, const char *path, const char *target)
{
	uint32_t flags = target[0] == '/' ? 0 : SYMLINK_FLAG_RELATIVE;
	struct file *f = posix_reparse(
		peer, path, 0777, symlink_buffer(peer->t, target, flags), NULL);

	need_ok(peer->t, file_close(f));
}

void check_no_data(struct peer *peer, const char *path, bool write)
{
	struct test *t = peer->t;
	struct reply *r =
		posix_open(peer, path, write ? FILE_WRITE_DATA : FILE_READ_DATA,
			FILE_OPEN_REPARSE_POINT);

	if (r->status != STATUS_SUCCESS) { /* refused already: as good */
		check_refused(t, r, PSX_LINK_0022);
		return;
	}
	struct file *f = file_of(r);
	r = write ? file_write(f, 0, "abc", 3) : file_read(f, 0, 3);
	check_refused(t, r, PSX_LINK_0022);
	check_status(t, r, STATUS_INVALID_DEVICE_REQUEST, PSX_LINK_0023);
}

bool symlink_error(
	const struct reply *reply, struct smb2_symlink_error_response *ret)
{
	const struct smb2_error_response *e = reply->body;
	struct wire_view data;

	if (e == NULL || reply->type != &smb2_error_response_type) {
		return false;
	}
	data = e->error_data;
	if (reply->peer->dialect == SMB2_DIALECT_311 && data.n > 8) {
		data = wire_view_sub(data, 8, data.n - 8);
	}
	return smb2_symlink_error_response_decode(data, ret) == 0;
}
