/* SPDX-License-Identifier: MIT */
/* The parts of CREATE: what create.c, create_check.c, create_open.c and
 * create_contexts.c share. [MS-SMB2] 3.3.5.9 */
#ifndef SMB3X_ENGINE_CREATE_H
#define SMB3X_ENGINE_CREATE_H

#include "engine/caching.h"
#include "engine/durable.h"
#include "engine/fileops.h"

/* What the contexts of a request ask for. */
struct create_contexts {
	bool maximal_access, disk_id, allocation, timewarp;
	bool security, attributes; /* SecD, ExtA are there */
	bool access_since;         /* MxAc came with a time stamp */
	bool posix;                /* and the open is to be a POSIX open */
	uint32_t posix_mode;
	uint64_t access_timestamp, allocation_size;
	struct wire_view security_data, attribute_data;
	struct lease_wish lease;
	struct durable_wish durable;
};

/*
 * The phases in which contexts act, in this order, whatever the order in the
 * request:
 *	1. parse: the chain itself and each known context are checked
 *	2. before anything is opened (TWrp)
 *	3. a file was created: SecD, then ExtA, then AlSi
 *	4. the answer: MxAc, then QFid
 */
uint32_t create_contexts_parse(const struct request *req,
	const struct smb2_create_request *body,
	struct create_contexts *ret_contexts);
uint32_t create_contexts_before(const struct create_contexts *contexts);

struct create_work {
	struct smb2_create_request body;
	struct file_name name;
	struct create_contexts contexts;
	uint32_t desired; /* generic rights mapped, MAXIMUM_ALLOWED taken out */
	bool maximum;     /* MAXIMUM_ALLOWED was asked for */
	uint32_t maximal; /* every right that the user has to the file */
	uint32_t granted;
	uint32_t options; /* those that are not ignored */
	uint32_t action;
	unsigned int tries;
	bool broke_sharing; /* it waited because of share modes */
	bool posix;         /* a POSIX open */
	bool exact;         /* broken rules: the name is read as that of one */
	bool stream;        /* a named stream is opened */
	bool base_exists;
	bool created, truncate;
	bool reused;       /* the answer is that of an open that is there */
	uint16_t unparsed; /* bytes of the name behind a symbolic link */
	struct files_stat stat; /* of what is opened */
	struct files_stat parent_stat;
	char path[LIMIT_PATH]; /* as on disk */
	char parent_path[LIMIT_PATH];
	struct files_node *node;   /* until the open has it */
	struct files_node *parent; /* while it is asked for permission */
	uint8_t *inherited;        /* security descriptor for a new file */
	size_t inherited_size;
};

/* Phase 4 and the response. */
void create_reply(struct request *req);

/* create_check.c: form, options, access bits; STATUS_SUCCESS or not. */
uint32_t create_check(struct request *req);
/* What an existing object must be like, before its rights are asked for. */
uint32_t create_check_type(const struct request *req);
uint32_t create_check_existing(const struct create_work *work);

/* Ends the request; the node is closed and the open taken back. */
void create_fail(struct request *req, uint32_t status);

/* create_open.c: the object is there (op of the OPEN). */
void create_existing(struct request *req);
/* A symbolic link ends after n bytes of the path. */
void create_stop(struct request *req, size_t n);
/* The open is in the tables, on the file; STATUS_SUCCESS or what is wrong. */
uint32_t create_attach(struct request *req);

/* create_caching.c: breaks what others hold; true: the request waits, and
 * begins anew. */
bool create_waits(struct request *req);
/* What share modes judge: overwriting is writing, superseding deleting. */
struct share_claim create_claim(const struct create_work *work);
/* What it is granted, into the response and as context. */
void create_cache(struct request *req, struct smb2_create_response *response,
	struct wire_buf *out, size_t *last);
/* create_contexts.c: of the lease; STATUS_SUCCESS or not. */
uint32_t context_lease(const struct request *req,
	const struct smb2_create_request *body, struct wire_view data,
	struct lease_wish *ret_wish);
/* Appends a context; *last is where the one before it starts. */
void context_put(struct wire_buf *out, size_t *last, const char *name,
	const struct wire_type *type, const void *data);

/* create_new.c: the name is free. */
void create_new(struct request *req);
/* create.c: tries the OPEN of something that exists. */
void create_find(struct request *req);
/* Opens what the request has made, after those who were faster. */
void create_enter(struct request *req);

#endif
