/* SPDX-License-Identifier: MIT */
/* Information about the volume. [MS-SMB2] 3.3.5.20.2, [MS-FSCC] 2.5,
 * [MS-FSA] 2.1.5.12 */
#include <string.h>

#include "engine/fileops.h"
#include "engine/posix.h"

#define FS_SECTOR 512u
#define FS_NAME "NTFS"

struct fs_work {
	uint8_t info_class;
	uint32_t limit;
};

static uint32_t fs_attributes(const struct files_fs *fs)
{
	uint32_t attributes = FILE_CASE_PRESERVED_NAMES | FILE_UNICODE_ON_DISK |
			      FILE_PERSISTENT_ACLS | FILE_NAMED_STREAMS |
			      FILE_SUPPORTS_OBJECT_IDS |
			      FILE_SUPPORTS_HARD_LINKS |
			      FILE_SUPPORTS_EXTENDED_ATTRIBUTES;

	attributes |= FILE_CASE_SENSITIVE_SEARCH;
	attributes |= RULE(PSX_FS_0010) ? FILE_SUPPORTS_REPARSE_POINTS : 0;
	attributes |= fs->sparse ? FILE_SUPPORTS_SPARSE_FILES : 0;
	attributes |= fs->read_only ? FILE_READ_ONLY_VOLUME : 0;
	attributes |= fs->clone ? FILE_SUPPORTS_BLOCK_REFCOUNTING : 0;
	return attributes;
}

/* Units of whole sectors. */
static uint32_t fs_unit(const struct files_fs *fs)
{
	return fs->block_size >= FS_SECTOR ? fs->block_size / FS_SECTOR : 1;
}

static int fs_sizes(
	uint8_t info_class, const struct files_fs *fs, struct wire_buf *out)
{
	uint64_t unit = (uint64_t)fs_unit(fs) * FS_SECTOR;

	if (info_class == FileFsSizeInformation) {
		return file_fs_size_information_encode(
			&(struct file_fs_size_information){
				.total_allocation_units = fs->total / unit,
				.available_allocation_units =
					fs->available / unit,
				.sectors_per_allocation_unit = fs_unit(fs),
				.bytes_per_sector = FS_SECTOR,
			},
			out);
	}
	return file_fs_full_size_information_encode(
		&(struct file_fs_full_size_information){
			.total_allocation_units = fs->total / unit,
			.caller_available_allocation_units =
				fs->available / unit,
			.actual_available_allocation_units = fs->free / unit,
			.sectors_per_allocation_unit = fs_unit(fs),
			.bytes_per_sector = FS_SECTOR,
		},
		out);
}

static int fs_names(struct request *req, uint8_t info_class,
	const struct files_fs *fs, struct wire_buf *out)
{
	if (info_class == FileFsVolumeInformation) {
		return file_fs_volume_information_encode(
			&(struct file_fs_volume_information){
				.volume_serial_number =
					(uint32_t)(fs->serial ^
						   fs->serial >> 32),
				.volume_label = name_to_wire(
					req, req->tree->share->config.name),
			},
			out);
	}
	return file_fs_attribute_information_encode(
		&(struct file_fs_attribute_information){
			.file_system_attributes = fs_attributes(fs),
			.maximum_component_name_length =
				fs->name_max < 255 ? fs->name_max : 255,
			.file_system_name = name_to_wire(req, FS_NAME),
		},
		out);
}

static int fs_others(
	uint8_t info_class, const struct files_fs *fs, struct wire_buf *out)
{
	struct file_fs_object_id_information id = {0};

	switch (info_class) {
	case FileFsDeviceInformation:
		return file_fs_device_information_encode(
			&(struct file_fs_device_information){
				.device_type = FILE_DEVICE_DISK,
				.characteristics = FILE_DEVICE_IS_MOUNTED,
			},
			out);
	case FileFsSectorSizeInformation:
		return file_fs_sector_size_information_encode(
			&(struct file_fs_sector_size_information){FS_SECTOR,
				fs->block_size, fs->block_size, fs->block_size,
				SSINFO_FLAGS_ALIGNED_DEVICE, 0, 0},
			out);
	case FileFsObjectIdInformation:
		wire_put64(id.object_id.b, fs->serial);
		return file_fs_object_id_information_encode(&id, out);
	case FileFsControlInformation:
		return file_fs_control_information_encode(
			&(struct file_fs_control_information){
				.default_quota_threshold = UINT64_MAX,
				.default_quota_limit = UINT64_MAX},
			out);
	default:
		return -1;
	}
}

/* Bytes that must fit in any case. [MS-FSCC] 2.5; 0: no such class */
static size_t fs_fixed(uint8_t info_class)
{
	switch (info_class) {
	case FileFsVolumeInformation:
		return 24;
	case FileFsSizeInformation:
		return 24;
	case FileFsDeviceInformation:
		return 8;
	case FileFsAttributeInformation:
		return 16;
	case FileFsControlInformation:
		return 48;
	case FileFsFullSizeInformation:
		return 32;
	case FileFsObjectIdInformation:
		return 64;
	case FileFsSectorSizeInformation:
		return 28;
	case FileFsPosixInformation:
		return 56;
	default:
		return 0;
	}
}

static void fs_known(struct files_op *op)
{
	struct request *req = op->ctx;
	struct fs_work *work = req->work;
	struct wire_buf out = {.cap = 512};
	uint8_t class = work->info_class;
	int r;

	out.p = request_alloc(req, out.cap);
	if (op->result < 0 || !out.p) {
		request_fail(req, op->result < 0
					  ? status_of_errno(op->result)
					  : STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	if (class == FileFsSizeInformation ||
		class == FileFsFullSizeInformation) {
		r = fs_sizes(class, &op->fs, &out);
	} else if (class == FileFsVolumeInformation ||
		   class == FileFsAttributeInformation) {
		r = fs_names(req, class, &op->fs, &out);
	} else if (class == FileFsPosixInformation) {
		r = posix_fs_encode(req, &op->fs, &out);
	} else {
		r = fs_others(class, &op->fs, &out);
	}
	if (r < 0) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	query_info_reply(req, wire_view_of(out.p, out.n),
		class == FileFsPosixInformation ? 0 : fs_fixed(class),
		work->limit);
}

void info_fs(struct request *req, const struct smb2_query_info_request *body)
{
	struct fs_work *work = request_alloc(req, sizeof *work);

	if (!work) {
		request_fail(req, STATUS_INSUFFICIENT_RESOURCES);
		return;
	}
	work->info_class = body->file_info_class;
	work->limit = body->output_buffer_length;
	req->work = work;
	if (work->info_class == FileFsPosixInformation) {
		uint32_t status = posix_fs_check(req, work->limit);

		if (status) {
			request_fail(req, status);
			return;
		}
	}
	if (fs_fixed(work->info_class) == 0) {
		request_fail(req, RULE(CORE_QUERYINFO_0003)
					  ? STATUS_INVALID_INFO_CLASS
					  : STATUS_NOT_SUPPORTED);
		return;
	}
	if (RULE(CORE_QUERYINFO_0005) &&
		work->info_class != FileFsPosixInformation &&
		work->limit < fs_fixed(work->info_class)) {
		request_fail(req, STATUS_INFO_LENGTH_MISMATCH);
		return;
	}
	req->op.node = req->open->node;
	request_submit(req, FILES_STATFS, fs_known);
}
