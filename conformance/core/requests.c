/* SPDX-License-Identifier: MIT */
/*
 * Well-formed requests. [MS-SMB2] 2.2.15 to 2.2.39
 */
#include "core/requests.h"

static struct pdu *transfer(
	struct peer *peer, uint16_t command, struct smb2_fileid id)
{
	static const uint8_t data[8] = "12345678";
	const struct smb2_read_request read = {.length = 8, .file_id = id};
	const struct smb2_write_request write = {
		.length = 8, .file_id = id, .buffer = wire_view_of(data, 8)};
	const struct smb2_lock_element range = {
		.length = 1, .flags = SMB2_LOCKFLAG_EXCLUSIVE_LOCK};
	const struct smb2_lock_request lock = {.lock_count = 1,
		.file_id = id,
		.locks = encoded(peer->t, &smb2_lock_element_type, &range)};

	switch (command) {
	case SMB2_READ:
		return pdu_build(peer, &smb2_read_request_type, &read);
	case SMB2_WRITE:
		return pdu_build(peer, &smb2_write_request_type, &write);
	default:
		return pdu_build(peer, &smb2_lock_request_type, &lock);
	}
}

static struct pdu *info(
	struct peer *peer, uint16_t command, struct smb2_fileid id)
{
	static const uint8_t position[8];
	const struct smb2_query_info_request query = {
		.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FileStandardInformation,
		.output_buffer_length = 24,
		.file_id = id};
	const struct smb2_set_info_request set = {.info_type = SMB2_0_INFO_FILE,
		.file_info_class = FilePositionInformation,
		.buffer_length = 8,
		.file_id = id,
		.buffer = wire_view_of(position, 8)};

	return command == SMB2_QUERY_INFO
		       ? pdu_build(peer, &smb2_query_info_request_type, &query)
		       : pdu_build(peer, &smb2_set_info_request_type, &set);
}

static struct pdu *directory(
	struct peer *peer, uint16_t command, struct smb2_fileid id)
{
	const struct smb2_query_directory_request query = {
		.file_information_class = FileNamesInformation,
		.output_buffer_length = 4096,
		.file_id = id,
		.buffer = utf16(peer->t, "*")};
	const struct smb2_change_notify_request notify = {
		.output_buffer_length = 1024,
		.file_id = id,
		.completion_filter = FILE_NOTIFY_CHANGE_FILE_NAME};

	return command == SMB2_QUERY_DIRECTORY
		       ? pdu_build(peer, &smb2_query_directory_request_type,
				 &query)
		       : pdu_build(peer, &smb2_change_notify_request_type,
				 &notify);
}

struct pdu *request_about(
	struct peer *peer, uint16_t command, struct smb2_fileid id)
{
	const struct smb2_close_request close = {.file_id = id};
	const struct smb2_flush_request flush = {.file_id = id};
	const struct smb2_ioctl_request ioctl = {
		.ctl_code = FSCTL_GET_COMPRESSION,
		.file_id = id,
		.max_output_response = 64,
		.flags = SMB2_0_IOCTL_IS_FSCTL};

	switch (command) {
	case SMB2_CLOSE:
		return pdu_build(peer, &smb2_close_request_type, &close);
	case SMB2_FLUSH:
		return pdu_build(peer, &smb2_flush_request_type, &flush);
	case SMB2_READ:
	case SMB2_WRITE:
	case SMB2_LOCK:
		return transfer(peer, command, id);
	case SMB2_IOCTL:
		return pdu_build(peer, &smb2_ioctl_request_type, &ioctl);
	case SMB2_QUERY_DIRECTORY:
	case SMB2_CHANGE_NOTIFY:
		return directory(peer, command, id);
	case SMB2_QUERY_INFO:
	case SMB2_SET_INFO:
		return info(peer, command, id);
	default:
		conf_broken(peer->t, "command %u is not about an open",
			(unsigned int)command);
	}
}

bool is_about_a_directory(uint16_t command)
{
	return command == SMB2_QUERY_DIRECTORY || command == SMB2_CHANGE_NOTIFY;
}
