/* SPDX-License-Identifier: MIT */
/* What the peer said, and what went wrong here, as an errno. */
#include "client/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	uint32_t status;
	int error;
} known[] = {
	{STATUS_ACCESS_DENIED, EACCES},
	{STATUS_ACCOUNT_DISABLED, EACCES},
	{STATUS_BAD_NETWORK_NAME, ENOENT},
	{STATUS_CANCELLED, ECANCELED},
	{STATUS_CANNOT_DELETE, EPERM},
	{STATUS_DELETE_PENDING, EBUSY},
	{STATUS_DIRECTORY_NOT_EMPTY, ENOTEMPTY},
	{STATUS_DISK_FULL, ENOSPC},
	{STATUS_END_OF_FILE, ENODATA},
	{STATUS_FILE_CLOSED, EBADF},
	{STATUS_FILE_IS_A_DIRECTORY, EISDIR},
	{STATUS_FILE_LOCK_CONFLICT, EAGAIN},
	{STATUS_INSUFFICIENT_RESOURCES, ENOMEM},
	{STATUS_INVALID_PARAMETER, EINVAL},
	{STATUS_LOCK_NOT_GRANTED, EAGAIN},
	{STATUS_LOGON_FAILURE, EACCES},
	{STATUS_MEDIA_WRITE_PROTECTED, EROFS},
	{STATUS_NETWORK_SESSION_EXPIRED, EKEYEXPIRED},
	{STATUS_NO_MORE_FILES, ENODATA},
	{STATUS_NO_SUCH_FILE, ENOENT},
	{STATUS_NOT_A_DIRECTORY, ENOTDIR},
	{STATUS_NOT_SUPPORTED, EOPNOTSUPP},
	{STATUS_OBJECT_NAME_COLLISION, EEXIST},
	{STATUS_OBJECT_NAME_INVALID, EINVAL},
	{STATUS_OBJECT_NAME_NOT_FOUND, ENOENT},
	{STATUS_OBJECT_PATH_NOT_FOUND, ENOENT},
	{STATUS_SHARING_VIOLATION, EBUSY},
	{STATUS_STOPPED_ON_SYMLINK, ELOOP},
};

int client_errno(uint32_t status)
{
	if (status >> 30 != 3) {
		return status == STATUS_NO_MORE_FILES ? -ENODATA : 0;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].status == status) {
			return -known[i].error;
		}
	}
	return -EIO;
}

int client_complain(struct client *client, int error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(client->complaint, sizeof(client->complaint), format,
		arguments);
	va_end(arguments);
	return error;
}

uint32_t client_status(const struct client *client)
{
	return client->status;
}

const char *client_complaint(const struct client *client)
{
	return client->complaint;
}
