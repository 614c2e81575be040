/* SPDX-License-Identifier: MIT */
/* What a CREATE request must be like. [MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1 */
#include "engine/create.h"
#include "engine/posix.h"

/* Attributes that a client may name in a request. */
#define CREATE_ATTRIBUTES 0x005effb7u
#define CREATE_OPTIONS_UNKNOWN 0xff000000u
#define CREATE_SHARES 7u

/* Options that a server does not look at. */
#define CREATE_OPTIONS_IGNORED \
	(FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT | \
		FILE_COMPLETE_IF_OPLOCKED | FILE_OPEN_REMOTE_INSTANCE | \
		FILE_OPEN_FOR_FREE_SPACE_QUERY | FILE_OPEN_REQUIRING_OPLOCK | \
		FILE_DISALLOW_EXCLUSIVE)

static uint32_t create_check_form(const struct smb2_create_request *body)
{
	if (RULE(CORE_CREATE_0003) &&
		body->create_disposition > FILE_OVERWRITE_IF) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_CREATE_0004) &&
		body->impersonation_level > SMB2_IMPERSONATION_DELEGATE) {
		return STATUS_BAD_IMPERSONATION_LEVEL;
	}
	if (RULE(CORE_CREATE_0005) &&
		((body->share_access & ~CREATE_SHARES) ||
			(body->file_attributes & ~CREATE_ATTRIBUTES) ||
			(body->create_options & CREATE_OPTIONS_UNKNOWN))) {
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

static uint32_t create_check_directory(uint32_t options, uint32_t disposition)
{
	if (!(options & FILE_DIRECTORY_FILE)) {
		return STATUS_SUCCESS;
	}
	if (RULE(CORE_CREATE_0020) && (options & FILE_NON_DIRECTORY_FILE)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_CREATE_0021) &&
		(disposition == FILE_SUPERSEDE ||
			disposition == FILE_OVERWRITE ||
			disposition == FILE_OVERWRITE_IF)) {
		return STATUS_INVALID_PARAMETER;
	}
	if (RULE(CORE_CREATE_0022) &&
		(options & (FILE_SEQUENTIAL_ONLY | FILE_RANDOM_ACCESS |
				   FILE_NO_INTERMEDIATE_BUFFERING))) {
		return STATUS_INVALID_PARAMETER;
	}
	return STATUS_SUCCESS;
}

static uint32_t create_check_options(const struct smb2_create_request *body)
{
	uint32_t options = body->create_options;
	uint32_t status =
		create_check_directory(options, body->create_disposition);

	if (status) {
		return status;
	}
	if (RULE(CORE_CREATE_0024) &&
		(options & (FILE_OPEN_BY_FILE_ID | FILE_RESERVE_OPFILTER))) {
		return STATUS_NOT_SUPPORTED;
	}
	if (RULE(CORE_CREATE_0023) && (options & FILE_DELETE_ON_CLOSE) &&
		!(body->desired_access &
			(DELETE | GENERIC_ALL | MAXIMUM_ALLOWED))) {
		return STATUS_INVALID_PARAMETER;
	}
	if (!RULE(CORE_CREATE_0025) && (options & CREATE_OPTIONS_IGNORED)) {
		return STATUS_NOT_SUPPORTED;
	}
	return STATUS_SUCCESS;
}

static uint32_t create_check_access(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t desired = work->body.desired_access;

	if (RULE(CORE_CREATE_0018) && desired == 0) {
		return STATUS_ACCESS_DENIED;
	}
	if (desired & ACCESS_UNKNOWN) {
		if (RULE(CORE_CREATE_0019)) {
			return STATUS_ACCESS_DENIED;
		}
		desired &= ~ACCESS_UNKNOWN;
	}
	if ((desired & ACCESS_SYSTEM_SECURITY) &&
		!req->session->identity.admin) {
		return STATUS_PRIVILEGE_NOT_HELD;
	}
	work->maximum = desired & MAXIMUM_ALLOWED;
	work->desired = access_map_generic(desired & ~MAXIMUM_ALLOWED);
	if ((work->body.create_options & FILE_NO_INTERMEDIATE_BUFFERING) &&
		RULE(CORE_CREATE_0068)) {
		work->desired &= ~FILE_APPEND_DATA;
	}
	if (work->desired &
		~(req->tree->maximal_access | ACCESS_SYSTEM_SECURITY)) {
		return STATUS_ACCESS_DENIED;
	}
	return STATUS_SUCCESS;
}

/* Broken: clients that know the extensions need no context for their names. */
static bool create_reads_exactly(const struct request *req, uint32_t status)
{
	const struct create_work *work = req->work;

	if (!req->conn->posix) {
		return false;
	}
	return status ? status == STATUS_OBJECT_NAME_INVALID &&
				!RULE(PSX_VIEW_0009)
		      : work->name.stream[0] && !RULE(PSX_VIEW_0004);
}

/* Name and options together. */
static uint32_t create_check_name(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t options = work->body.create_options, status;

	if (work->body.name_length % 2 != 0) {
		return RULE(CORE_CREATE_0001) ? STATUS_INVALID_PARAMETER
					      : STATUS_OBJECT_NAME_INVALID;
	}
	if (!RULE(CORE_CREATE_0006) && work->body.name_length == 0) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	if (work->posix) {
		return posix_name_parse(
			req, work->body.name, POSIX_NAME_OPEN, &work->name);
	}
	status = name_parse(work->body.name, &work->name);
	if (create_reads_exactly(req, status)) {
		work->exact = true;
		return posix_name_parse(
			req, work->body.name, POSIX_NAME_OPEN, &work->name);
	}
	if (status) {
		return status;
	}
	if (RULE(CORE_CREATE_0012) && work->name.directory &&
		(options & FILE_NON_DIRECTORY_FILE)) {
		return STATUS_OBJECT_NAME_INVALID;
	}
	work->stream = work->name.stream[0] != 0;
	if (!RULE(CORE_CREATE_0045)) {
		work->stream = false;
	}
	if (RULE(CORE_CREATE_0048) &&
		(work->name.stream[0] != 0 || work->name.data) &&
		(options & FILE_DIRECTORY_FILE)) {
		return STATUS_NOT_A_DIRECTORY;
	}
	return STATUS_SUCCESS;
}

uint32_t create_check(struct request *req)
{
	struct create_work *work = req->work;
	uint32_t status = create_check_form(&work->body);
	uint32_t contexts =
		create_contexts_parse(req, &work->body, &work->contexts);

	/* How the name is read depends on the contexts. */
	work->posix = work->contexts.posix ||
		      (req->conn->posix && !RULE(PSX_TREE_0005));
	if (!status) {
		status = create_check_name(req);
	}
	if (!status) {
		status = contexts;
	}
	if (!status) {
		status = create_check_options(&work->body);
	}
	if (!status) {
		status = create_check_access(req);
	}
	if (!status && RULE(CORE_CREATE_0026) && work->contexts.attributes &&
		(work->body.create_options & FILE_NO_EA_KNOWLEDGE)) {
		status = STATUS_ACCESS_DENIED;
	}
	if (!status) {
		status = create_contexts_before(&work->contexts);
	}
	work->options = work->body.create_options & ~CREATE_OPTIONS_IGNORED;
	return status;
}

static bool create_overwrites(const struct create_work *work)
{
	uint32_t disposition = work->body.create_disposition;

	return disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE ||
	       disposition == FILE_OVERWRITE_IF;
}

static uint32_t create_check_directory_type(const struct create_work *work)
{
	if (RULE(CORE_CREATE_0036) &&
		((work->options & FILE_NON_DIRECTORY_FILE) ||
			work->name.data)) {
		return STATUS_FILE_IS_A_DIRECTORY;
	}
	if (create_overwrites(work)) {
		return STATUS_OBJECT_NAME_COLLISION;
	}
	return STATUS_SUCCESS;
}

uint32_t create_check_type(const struct request *req)
{
	const struct create_work *work = req->work;
	bool wants_directory =
		(work->options & FILE_DIRECTORY_FILE) || work->name.directory;

	if (work->posix) {
		return posix_check_type(req, &work->stat,
			work->body.create_disposition, work->options);
	}
	if (work->body.create_disposition == FILE_CREATE) {
		bool file = wants_directory && !work->stat.directory;

		if (file ? RULE(CORE_CREATE_0038) : RULE(CORE_CREATE_0031)) {
			return STATUS_OBJECT_NAME_COLLISION;
		}
		return file ? STATUS_NOT_A_DIRECTORY : STATUS_SUCCESS;
	}
	if (work->stream) {
		return STATUS_SUCCESS;
	}
	if (work->stat.directory) {
		return create_check_directory_type(work);
	}
	if (RULE(CORE_CREATE_0037) && wants_directory) {
		return STATUS_NOT_A_DIRECTORY;
	}
	return STATUS_SUCCESS;
}

uint32_t create_check_existing(const struct create_work *work)
{
	uint32_t now = work->stat.dos_attributes;
	uint32_t kept = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM;
	bool readonly = now & FILE_ATTRIBUTE_READONLY;

	if (RULE(CORE_CREATE_0042) && readonly && !work->posix &&
		(work->options & FILE_DELETE_ON_CLOSE)) {
		return STATUS_CANNOT_DELETE;
	}
	if ((work->posix ? RULE(PSX_CREATE_0023) : RULE(CORE_CREATE_0041)) &&
		readonly && !work->stat.directory &&
		((work->desired & (FILE_WRITE_DATA | FILE_APPEND_DATA)) ||
			create_overwrites(work))) {
		return STATUS_ACCESS_DENIED;
	}
	if (RULE(CORE_CREATE_0035) && create_overwrites(work) &&
		!work->stream && !(work->posix && RULE(PSX_CREATE_0022)) &&
		(now & kept & ~work->body.file_attributes)) {
		return STATUS_ACCESS_DENIED;
	}
	return STATUS_SUCCESS;
}
