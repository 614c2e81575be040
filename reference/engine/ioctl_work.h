/* SPDX-License-Identifier: MIT */
/* What the control codes of files share. */
#ifndef SMB3X_ENGINE_IOCTL_WORK_H
#define SMB3X_ENGINE_IOCTL_WORK_H

#include "engine/fileops.h"

struct ioctl_work {
	struct smb2_ioctl_request body; /* its views live as long as the PDU */
	struct wire_view input;
	/* COPYCHUNK */
	struct open *source; /* held */
	struct wire_list chunks;
	uint32_t chunk_count, done;
	uint32_t chunk_length; /* of the chunk that is copied */
	uint64_t total, source_size;
	/* QUERY_ALLOCATED_RANGES */
	uint64_t from, length;
	/* reparse points: what is to be stored; NULL: to be removed */
	const uint8_t *blob;
	size_t blob_size;
	uint32_t tag;
};

/* Ends a request without output; result as of a files_op. */
void ioctl_end(struct request *req, int result);
/* The same behind an operation that changed the file: those who watch it for
 * the filter are told. */
void ioctl_changed(struct files_op *op, uint32_t filter);

/* ioctl_copy.c */
void ioctl_resume_key(struct request *req);
void ioctl_copychunk(struct request *req);
void ioctl_duplicate(struct request *req);

/* ioctl_reparse.c */
void ioctl_reparse_get(struct request *req);
void ioctl_reparse_set(struct request *req);
void ioctl_reparse_delete(struct request *req);
void ioctl_object_id(struct request *req);

#endif
