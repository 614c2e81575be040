/* SPDX-License-Identifier: MIT */
/*
 * Durable and resilient opens, replays and sequences in virtual time.
 * [MS-SMB2] 3.3.5.9.6 to 3.3.5.9.13, 3.3.7.1, 3.3.5.2.10, 3.3.5.14
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

#define BATCH SMB2_OPLOCK_LEVEL_BATCH
#define LEASE SMB2_OPLOCK_LEVEL_LEASE
#define ALL_SHARES 7
#define REPLAYED SMB2_FLAGS_REPLAY_OPERATION
#define ABSENT STATUS_OBJECT_NAME_NOT_FOUND
#define NOTHING UINT32_MAX

static struct rig rig;
static struct rig_message message;

/* ---- contexts ---- */

static uint8_t contexts[512];
static size_t contexts_size, last_context;

static void add_context(const void *name, size_t n, const void *data, size_t m)
{
	size_t at = (contexts_size + 7) & ~(size_t)7;
	size_t behind = (16 + n + 7) & ~(size_t)7;

	if (contexts_size) {
		wire_put32(
			contexts + last_context, (uint32_t)(at - last_context));
	} else {
		memset(contexts, 0, sizeof contexts);
	}
	last_context = at;
	wire_put16(contexts + at + 4, 16);
	wire_put16(contexts + at + 6, (uint16_t)n);
	wire_put16(contexts + at + 10, (uint16_t)behind);
	wire_put32(contexts + at + 12, (uint32_t)m);
	memcpy(contexts + at + 16, name, n);
	memcpy(contexts + at + behind, data, m);
	contexts_size = at + behind + m;
}

static void durable_v1(void)
{
	static const uint8_t zeros[16];

	add_context("DHnQ", 4, zeros, 16);
}

static void durable_v2(uint8_t guid, uint32_t ms)
{
	uint8_t data[32] = {0};

	wire_put32(data, ms);
	memset(data + 16, guid, 16);
	add_context("DH2Q", 4, data, 32);
}

static void again_v1(struct smb2_fileid id)
{
	uint8_t data[16] = {0};

	wire_put64(data, id.persistent);
	add_context("DHnC", 4, data, 16);
}

static void again_v2(struct smb2_fileid id, uint8_t guid)
{
	uint8_t data[36] = {0};

	wire_put64(data, id.persistent);
	memset(data + 16, guid, 16);
	add_context("DH2C", 4, data, 36);
}

static void lease(uint8_t key, uint32_t state)
{
	uint8_t data[32] = {0};

	memset(data, key, 16);
	wire_put32(data + 16, state);
	add_context("RqLs", 4, data, 32);
}

static void app(uint8_t id)
{
	static const uint8_t tag[16] = {0x45, 0xbc, 0xa6, 0x6a, 0xef, 0xa7,
		0xf7, 0x4a, 0x90, 0x08, 0xfa, 0x46, 0x2e, 0x14, 0x4d, 0x74};
	uint8_t data[20] = {20};

	memset(data + 4, id, 16);
	add_context(tag, 16, data, 20);
}

static void app_version(uint64_t high, uint64_t low)
{
	static const uint8_t tag[16] = {0xb9, 0x82, 0xd0, 0xb7, 0x3b, 0x56,
		0x07, 0x4f, 0xa0, 0x7b, 0x52, 0x4a, 0x81, 0x16, 0xa0, 0x10};
	uint8_t data[24] = {24};

	wire_put64(data + 8, high);
	wire_put64(data + 16, low);
	add_context(tag, 16, data, 24);
}

/* ---- words ---- */

static void enter(unsigned int i)
{
	rig_enter(&rig, i, 0x0300, "user alice");
}

static int setup_alone(void **state)
{
	(void)state;
	rig_init(&rig);
	rig_start(&rig);
	message.n = message.element = 0;
	contexts_size = 0;
	return 0;
}

static int setup_posix(void **state)
{
	(void)state;
	rig_init(&rig);
	rig.shares[0].posix = POSIX_ON;
	rig.offer_posix = true;
	rig_start(&rig);
	message.n = message.element = 0;
	contexts_size = 0;
	return 0;
}

static int setup(void **state)
{
	setup_alone(state);
	enter(0);
	enter(1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_finish(&rig);
	return 0;
}

static struct smb2_create_response created;
static bool tells_posix; /* it had a POSIX context */
static uint32_t options; /* CreateOptions */
static char name[2] = "x";

/* CREATE of "x" with the contexts that were added; the rest of what it asks
 * for does not matter to those who take up an open. */
static uint32_t create_with(unsigned int i, uint8_t level, uint32_t share,
	uint32_t flags, struct smb2_fileid *ret_id)
{
	struct smb2_create_request body = {
		.requested_oplock_level = level,
		.impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
		.desired_access = FILE_READ_DATA | FILE_WRITE_DATA |
				  (options ? DELETE : 0),
		.create_options = options,
		.share_access = share,
		.create_disposition = FILE_OPEN_IF,
		.name_length = 2,
		.name = wire_view_of(name, 2),
		.create_contexts = wire_view_of(contexts, contexts_size),
	};
	struct blob *blob;
	uint32_t status;

	rig_add(&rig.links[i], &message, SMB2_CREATE, flags,
		&smb2_create_request_type, &body);
	rig_send(&rig, i, &message);
	message.n = message.element = 0;
	contexts_size = 0;
	blob = rig_take(&rig, i);
	if (!blob) {
		return NOTHING;
	}
	status = rig_header(blob, 0).status;
	if (status == 0) {
		assert_int_equal(
			smb2_create_response_decode(
				wire_view_of(blob->data, blob->n), &created),
			0);
		*ret_id = created.file_id;
		tells_posix = created.create_contexts.n &&
			      memmem(created.create_contexts.p,
				      created.create_contexts.n, rig_posix_tag,
				      sizeof rig_posix_tag);
	}
	blob_release(blob);
	return status;
}

static uint32_t create(unsigned int i, uint8_t level, struct smb2_fileid *ret)
{
	return create_with(i, level, ALL_SHARES, 0, ret);
}

static uint32_t resume_v1(unsigned int i, struct smb2_fileid *id)
{
	again_v1(*id);
	return create(i, 0, id);
}

static uint32_t put(unsigned int i, struct smb2_fileid id)
{
	const struct smb2_write_request body = {
		.file_id = id, .buffer = wire_view_of("x", 1)};

	return rig_call(&rig, i, SMB2_WRITE, &smb2_write_request_type, &body,
		NULL, NULL);
}

static uint32_t lock(unsigned int i, struct smb2_fileid id, uint32_t sequence,
	uint32_t flags)
{
	uint8_t element[24] = {0};
	const struct smb2_lock_request body = {.lock_count = 1,
		.lock_sequence = sequence,
		.file_id = id,
		.locks = wire_view_of(element, sizeof element)};

	wire_put64(element + 8, 1);
	wire_put32(element + 16, flags);
	return rig_call(
		&rig, i, SMB2_LOCK, &smb2_lock_request_type, &body, NULL, NULL);
}

#define EXCLUSIVE \
	(SMB2_LOCKFLAG_EXCLUSIVE_LOCK | SMB2_LOCKFLAG_FAIL_IMMEDIATELY)

static uint32_t resiliency(
	unsigned int i, struct smb2_fileid id, uint32_t ms, size_t n)
{
	uint8_t data[8] = {0};
	const struct smb2_ioctl_request body = {
		.ctl_code = FSCTL_LMR_REQUEST_RESILIENCY,
		.file_id = id,
		.flags = SMB2_0_IOCTL_IS_FSCTL,
		.input_count = (uint32_t)n,
		.input_offset = 120,
		.input = wire_view_of(data, n)};

	wire_put32(data, ms);
	return rig_call(&rig, i, SMB2_IOCTL, &smb2_ioctl_request_type, &body,
		NULL, NULL);
}

/* ---- tests ---- */

static void test_batch(void **state)
{
	struct smb2_fileid id, first;

	(void)state;
	durable_v1();
	assert_int_equal(create(0, BATCH, &id), 0);
	assert_true(created.create_contexts.n > 0);
	assert_int_equal(put(0, id), 0);
	first = id;
	assert_int_equal(resume_v1(1, &id), ABSENT); /* it has its session */
	rig_gone(&rig, 0);
	enter(0);
	assert_int_equal(put(0, id), STATUS_FILE_CLOSED);
	assert_int_equal(resume_v1(0, &id), 0);
	assert_int_equal(created.oplock_level, BATCH);
	assert_true(id.persistent == first.persistent);
	assert_true(id.volatile_ != first.volatile_);
	assert_int_equal(put(0, id), 0);
	rig_gone(&rig, 0); /* and once more */
	enter(0);
	assert_int_equal(resume_v1(0, &id), 0);
}

static void test_not_durable(void **state)
{
	struct smb2_fileid id;

	(void)state;
	durable_v1();
	assert_int_equal(create_with(0, 0, 0, 0, &id), 0);
	assert_int_equal(created.create_contexts.n, 0);
	assert_int_equal(
		create_with(1, 0, 0, 0, &id), STATUS_SHARING_VIOLATION);
	rig_gone(&rig, 0);
	assert_int_equal(create_with(1, 0, 0, 0, &id), 0);
}

static void test_expires(void **state)
{
	struct smb2_fileid id;

	(void)state;
	durable_v2(1, 5000);
	assert_int_equal(create(0, BATCH, &id), 0);
	rig_gone(&rig, 0);
	enter(0);
	rig_advance(&rig, 4900);
	again_v2(id, 1);
	assert_int_equal(create(0, 0, &id), 0);
	rig_gone(&rig, 0); /* the time begins anew */
	enter(0);
	rig_advance(&rig, 4900);
	again_v2(id, 1);
	assert_int_equal(create(0, 0, &id), 0);
	rig_gone(&rig, 0);
	rig_advance(&rig, 5001);
	enter(0);
	again_v2(id, 1);
	assert_int_equal(create(0, 0, &id), ABSENT);
}

static void test_wrong(void **state)
{
	struct smb2_fileid id;

	(void)state;
	durable_v2(1, 0);
	lease(7, 7);
	assert_int_equal(create(0, LEASE, &id), 0);
	rig_gone(&rig, 0);
	again_v2(id, 1);
	assert_int_equal(create(1, 0, &id), ABSENT); /* no lease */
	again_v2(id, 1);
	lease(8, 7);
	assert_int_equal(create(1, LEASE, &id), ABSENT);
	again_v2(id, 2);
	lease(7, 7);
	assert_int_equal(create(1, LEASE, &id), ABSENT);
	rig_enter(&rig, 2, 0x0300, "user bob");
	again_v2(id, 1);
	lease(7, 7);
	assert_int_equal(create(2, LEASE, &id), STATUS_ACCESS_DENIED);
	rig.client = 1;
	rig_enter(&rig, 3, 0x0300, "user alice");
	rig.client = 0;
	again_v2(id, 1);
	lease(7, 7);
	assert_int_equal(create(3, LEASE, &id), ABSENT);
	again_v2(id, 1); /* it is there all the same */
	lease(7, 7);
	assert_int_equal(create(1, 0, &id), 0);
	assert_int_equal(created.oplock_level, LEASE);
}

static void test_yields(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	durable_v1();
	assert_int_equal(create_with(0, BATCH, 0, 0, &id), 0);
	rig_gone(&rig, 0);
	assert_int_equal(create(1, 0, &other), 0); /* at once */
	enter(0);
	assert_int_equal(resume_v1(0, &id), ABSENT);
}

/* What a parked open is to delete is gone when the newcomer opens. */
static void test_yields_and_deletes(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	durable_v1();
	options = FILE_DELETE_ON_CLOSE;
	assert_int_equal(create(0, BATCH, &id), 0);
	options = 0;
	rig_gone(&rig, 0);
	assert_int_equal(create(1, 0, &other), 0);
	assert_int_equal(created.create_action, FILE_CREATED);
}

/* A break is under way: nobody waits any longer. */
/* One open of a lease is in the way, and gone; the lease stays, and breaks. */
static void test_yields_and_breaks(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	durable_v1();
	lease(7, 7);
	assert_int_equal(create_with(0, LEASE, ALL_SHARES, 0, &id), 0);
	durable_v1();
	lease(7, 7);
	assert_int_equal(create_with(0, LEASE,
				 FILE_SHARE_READ | FILE_SHARE_WRITE, 0, &other),
		0);
	rig_gone(&rig, 0);
	enter(0);
	again_v1(id);
	lease(7, 7);
	assert_int_equal(create_with(0, LEASE, 0, 0, &id), 0);
	rig.client = 5;
	rig_enter(&rig, 2, 0x0300, "user alice");
	rig.client = 0;
	options = FILE_NON_DIRECTORY_FILE;
	assert_int_equal(
		create_with(2, 0, ALL_SHARES, 0, &other), STATUS_PENDING);
	options = 0;
}

static void test_lost_in_break(void **state)
{
	struct smb2_fileid id, other;
	struct blob *blob;

	(void)state;
	durable_v1();
	assert_int_equal(create(0, BATCH, &id), 0);
	assert_int_equal(create(1, 0, &other), STATUS_PENDING);
	rig_gone(&rig, 0);
	blob = rig_take(&rig, 1);
	assert_non_null(blob);
	assert_int_equal(rig_header(blob, 0).status, 0);
	blob_release(blob);
	enter(0);
	assert_int_equal(resume_v1(0, &id), ABSENT);
}

static void test_logoff_and_tree(void **state)
{
	const struct smb2_logoff_request logoff = {0};
	const struct smb2_tree_disconnect_request tree = {0};
	struct smb2_fileid id;

	(void)state;
	durable_v1();
	assert_int_equal(create(0, BATCH, &id), 0);
	assert_int_equal(
		rig_call(&rig, 0, SMB2_LOGOFF, &smb2_logoff_request_type,
			&logoff, NULL, NULL),
		0);
	assert_int_equal(resume_v1(1, &id), 0);
	assert_int_equal(
		rig_call(&rig, 1, SMB2_TREE_DISCONNECT,
			&smb2_tree_disconnect_request_type, &tree, NULL, NULL),
		0);
	enter(0);
	assert_int_equal(resume_v1(0, &id), ABSENT);
}

static void test_locks_stay(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	durable_v1();
	lease(1, 3);
	assert_int_equal(create(0, LEASE, &id), 0);
	assert_int_equal(lock(0, id, 0, EXCLUSIVE), 0);
	rig_gone(&rig, 0);
	enter(0);
	again_v1(id);
	lease(1, 3);
	assert_int_equal(create(0, 0, &id), 0);
	rig.client = 2;
	rig_enter(&rig, 2, 0x0300, "user alice");
	assert_int_equal(create(2, 0, &other), 0);
	assert_int_equal(lock(2, other, 0, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED);
	assert_int_equal(lock(0, id, 0, SMB2_LOCKFLAG_UNLOCK), 0);
}

/* The client comes again in a new session, and repeats what it has asked. */
static void test_replay_parked(void **state)
{
	struct smb2_fileid id, again;

	(void)state;
	durable_v2(1, 0);
	lease(7, 7);
	assert_int_equal(create(0, LEASE, &id), 0);
	assert_int_equal(created.create_action, FILE_CREATED);
	rig_gone(&rig, 0);
	for (unsigned int i = 0; i < 2; i++) {
		durable_v2(1, 0);
		lease(7, 7);
		assert_int_equal(
			create_with(1, LEASE, ALL_SHARES, REPLAYED, &again), 0);
		assert_int_equal(created.create_action, FILE_CREATED);
		assert_int_equal(again.persistent, id.persistent);
	}
	assert_int_equal(put(1, again), 0);
	durable_v2(1, 0);
	lease(7, 7);
	assert_int_equal(
		create_with(1, LEASE, ALL_SHARES, REPLAYED, &again), 0);
	assert_int_equal(created.create_action, FILE_OPENED);
}

/* Nobody else gets it in this way. */
static void test_replay_of_others(void **state)
{
	struct smb2_fileid id;

	(void)state;
	durable_v2(1, 0);
	assert_int_equal(create(0, BATCH, &id), 0);
	rig_gone(&rig, 0);
	rig_enter(&rig, 2, 0x0300, "user bob");
	durable_v2(1, 0);
	assert_int_equal(create_with(2, BATCH, ALL_SHARES, REPLAYED, &id),
		STATUS_ACCESS_DENIED);
	durable_v2(1, 0);
	lease(7, 3);
	assert_int_equal(create_with(1, LEASE, ALL_SHARES, REPLAYED, &id),
		STATUS_ACCESS_DENIED);
	durable_v2(1, 0);
	assert_int_equal(create_with(1, BATCH, ALL_SHARES, 0, &id), 0xc000022a);
}

/* An acknowledgment with the key is a use of the open. */
static void test_replay_acknowledged(void **state)
{
	const struct smb2_lease_break_acknowledgment body = {
		.lease_key = {
			{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}}};
	struct smb2_fileid id, again;

	(void)state;
	durable_v2(1, 0);
	lease(7, 7);
	assert_int_equal(create(0, LEASE, &id), 0);
	assert_int_equal(rig_call(&rig, 0, SMB2_OPLOCK_BREAK,
				 &smb2_lease_break_acknowledgment_type, &body,
				 NULL, NULL),
		STATUS_UNSUCCESSFUL);
	durable_v2(1, 0);
	lease(7, 7);
	assert_int_equal(
		create_with(0, LEASE, ALL_SHARES, REPLAYED, &again), 0);
	assert_true(again.persistent != id.persistent);
}

/* ---- two faults at once ---- */

enum fault { BESIDE, OPEN, CLIENT, GUID, NAME, NO_LEASE, KEY, FLAG, USER };

static const struct {
	bool v1;
	enum fault a, b;
	uint32_t status;
} faults[] = {
	/* 3.3.5.9.7 */
	{true, BESIDE, OPEN, STATUS_INVALID_PARAMETER},
	{true, BESIDE, CLIENT, STATUS_INVALID_PARAMETER},
	{true, BESIDE, USER, STATUS_INVALID_PARAMETER},
	{true, OPEN, NAME, ABSENT},
	{true, OPEN, USER, ABSENT},
	{true, CLIENT, NAME, ABSENT},
	{true, NAME, NO_LEASE, STATUS_INVALID_PARAMETER},
	{true, NAME, KEY, STATUS_INVALID_PARAMETER},
	{true, NAME, USER, STATUS_INVALID_PARAMETER},
	{true, NO_LEASE, USER, ABSENT},
	{true, KEY, USER, ABSENT},
	/* 3.3.5.9.12 */
	{false, OPEN, BESIDE, ABSENT},
	{false, OPEN, NAME, ABSENT},
	{false, CLIENT, BESIDE, ABSENT},
	{false, CLIENT, NAME, ABSENT},
	{false, GUID, BESIDE, ABSENT},
	{false, GUID, NAME, ABSENT},
	{false, NO_LEASE, BESIDE, ABSENT},
	{false, NO_LEASE, NAME, ABSENT},
	{false, KEY, BESIDE, ABSENT},
	{false, KEY, FLAG, ABSENT},
	{false, KEY, USER, ABSENT},
	{false, BESIDE, USER, STATUS_INVALID_PARAMETER},
	{false, NAME, USER, STATUS_INVALID_PARAMETER},
	{false, FLAG, USER, STATUS_INVALID_PARAMETER},
	{false, GUID, USER, ABSENT},
};

static bool among(size_t i, enum fault fault)
{
	return faults[i].a == fault || faults[i].b == fault;
}

static void add_reconnect(size_t i, struct smb2_fileid id)
{
	uint8_t data[36] = {0};
	bool v1 = faults[i].v1;

	if (among(i, BESIDE)) {
		durable_v2(9, 0);
	}
	wire_put64(data, id.persistent ^ (among(i, OPEN) ? 0x5a5a : 0));
	memset(data + 16, among(i, GUID) ? 2 : 1, 16);
	wire_put32(
		data + 32, among(i, FLAG) ? SMB2_DHANDLE_FLAG_PERSISTENT : 0);
	add_context(v1 ? "DHnC" : "DH2C", 4, data, v1 ? 16 : 36);
	if (v1) {
		memset(contexts + contexts_size - 8, 0, 8);
	}
	if (!among(i, NO_LEASE)) {
		lease(among(i, KEY) ? 8 : 7, 7);
	}
}

static void test_two_faults(void **state)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		struct smb2_fileid id;

		if (faults[i].v1) {
			durable_v1();
		} else {
			durable_v2(1, 0);
		}
		lease(7, 7);
		assert_int_equal(create(0, LEASE, &id), 0);
		rig_gone(&rig, 0);
		rig.client = among(i, CLIENT) ? 2 : 0;
		rig_enter(&rig, 2, 0x0300,
			among(i, USER) ? "user bob" : "user alice");
		rig.client = 0;
		add_reconnect(i, id);
		name[0] = among(i, NAME) ? 'y' : 'x';
		assert_int_equal(create(2, LEASE, &id), faults[i].status);
		name[0] = 'x';
		teardown(state);
		setup(state);
	}
}

static void test_drained(void **state)
{
	struct smb2_fileid id;

	(void)state;
	durable_v1();
	assert_int_equal(create(0, BATCH, &id), 0);
	rig_gone(&rig, 0);
	engine_drain(rig.engine);
	rig_gone(&rig, 1);
	assert_true(engine_idle(rig.engine));
}

static uint32_t replay(
	unsigned int i, uint8_t key, uint32_t flags, struct smb2_fileid *ret_id)
{
	durable_v2(1, 0);
	lease(key, 7);
	return create_with(i, LEASE, ALL_SHARES, flags, ret_id);
}

static void test_replay(void **state)
{
	struct smb2_fileid id, same;

	(void)state;
	assert_int_equal(replay(0, 1, REPLAYED, &id), 0); /* a new one */
	assert_int_equal(created.create_action, FILE_CREATED);
	assert_int_equal(replay(0, 1, 0, &same), STATUS_DUPLICATE_OBJECTID);
	assert_int_equal(
		replay(1, 1, REPLAYED, &same), STATUS_DUPLICATE_OBJECTID);
	assert_int_equal(replay(0, 2, REPLAYED, &same), STATUS_ACCESS_DENIED);
	assert_int_equal(replay(0, 1, REPLAYED, &same), 0);
	assert_int_equal(created.create_action, FILE_CREATED);
	assert_memory_equal(&same, &id, sizeof id);
	assert_int_equal(put(0, id), 0); /* used: no replay any more */
	assert_int_equal(replay(0, 1, REPLAYED, &same), 0);
	assert_int_equal(created.create_action, FILE_OPENED);
	assert_true(same.volatile_ != id.volatile_);
}

static void posix_context(void)
{
	static const uint8_t mode[4] = {0xa4, 1};

	add_context(rig_posix_tag, sizeof rig_posix_tag, mode, sizeof mode);
}

/* The answer says what kind of open is there. */
static void posix_again(bool posix)
{
	struct smb2_fileid id, same;

	rig_enter(&rig, 0, 0x0311, "user alice");
	durable_v2(1, 0);
	if (posix) {
		posix_context();
	}
	assert_int_equal(create(0, BATCH, &id), 0);
	assert_int_equal(tells_posix, posix);
	durable_v2(1, 0);
	posix_context();
	assert_int_equal(create_with(0, BATCH, ALL_SHARES, REPLAYED, &same), 0);
	assert_memory_equal(&same, &id, sizeof id);
	assert_int_equal(tells_posix, posix);
	rig_gone(&rig, 0);
	rig_enter(&rig, 1, 0x0311, "user alice");
	again_v2(id, 1);
	posix_context();
	assert_int_equal(create(1, 0, &same), 0);
	assert_int_equal(tells_posix, posix);
	rig_gone(&rig, 1);
	rig_enter(&rig, 0, 0x0311, "user alice");
	again_v2(id, 1);
	assert_int_equal(create(0, 0, &same), 0);
	assert_false(tells_posix);
}

static void test_posix(void **state)
{
	(void)state;
	posix_again(true);
}

static void test_not_posix(void **state)
{
	(void)state;
	posix_again(false);
}

static uint32_t put_at(struct smb2_fileid id, uint16_t sequence, uint32_t flags)
{
	const struct smb2_write_request body = {
		.file_id = id, .buffer = wire_view_of("x", 1)};
	struct blob *blob;
	uint32_t status;

	rig.links[0].sign = false; /* rig_add() knows no sequence */
	rig_add(&rig.links[0], &message, SMB2_WRITE, flags,
		&smb2_write_request_type, &body);
	wire_put16(message.bytes + message.element + 8, sequence);
	rig_send(&rig, 0, &message);
	message.n = message.element = 0;
	blob = rig_take(&rig, 0);
	assert_non_null(blob);
	status = rig_header(blob, 0).status;
	blob_release(blob);
	return status;
}

static void test_channel_sequence(void **state)
{
	static const struct {
		uint16_t sequence;
		bool fits;
	} steps[] = {{0, true}, {0x8001, false}, {0xffff, false},
		{0x7fff, true}, {0x7ffe, false}, {0, false}, {0x8000, true},
		{0xffff, true}, {0, true}, {1, true}, {0, false}, {1, true},
		{0xffff, false}};
	struct smb2_fileid id;

	(void)state;
	assert_int_equal(create(0, 0, &id), 0);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		uint32_t status = steps[i].fits ? 0 : STATUS_FILE_NOT_AVAILABLE;

		assert_int_equal(put_at(id, steps[i].sequence, 0), status);
		assert_int_equal(
			put_at(id, steps[i].sequence, REPLAYED), status);
	}
}

static void test_lock_sequence(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	durable_v1();
	lease(1, 3);
	assert_int_equal(create(0, LEASE, &id), 0);
	assert_int_equal(lock(0, id, 1 << 4 | 5, EXCLUSIVE), 0);
	assert_int_equal(lock(0, id, 1 << 4 | 5, EXCLUSIVE), 0);
	assert_int_equal(
		lock(0, id, 1 << 4 | 6, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED);
	/* What failed has made the entry void. */
	assert_int_equal(
		lock(0, id, 1 << 4 | 5, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED);
	assert_int_equal(
		lock(0, id, 65 << 4 | 5, EXCLUSIVE), STATUS_LOCK_NOT_GRANTED);
	assert_int_equal(lock(0, id, 64 << 4, SMB2_LOCKFLAG_UNLOCK), 0);
	assert_int_equal(lock(0, id, 64 << 4, SMB2_LOCKFLAG_UNLOCK), 0);
	assert_int_equal(create(1, 0, &other), 0);
	assert_int_equal(lock(1, other, 0, EXCLUSIVE), 0);
}

static void test_resilient(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	assert_int_equal(create_with(0, 0, 0, 0, &id), 0);
	assert_int_equal(resiliency(0, id, 1000, 7), STATUS_INVALID_PARAMETER);
	assert_int_equal(
		resiliency(0, id, 300001, 8), STATUS_INVALID_PARAMETER);
	assert_int_equal(resiliency(0, id, 10000, 8), 0);
	rig_gone(&rig, 0);
	enter(0);
	assert_int_equal(
		create_with(1, 0, 0, 0, &other), STATUS_SHARING_VIOLATION);
	assert_int_equal(resume_v1(0, &id), 0);
	assert_int_equal(put(0, id), 0);
	rig_gone(&rig, 0);
	rig_advance(&rig, 10001);
	assert_int_equal(create_with(1, 0, 0, 0, &other), 0);
}

static uint32_t create_app(unsigned int i, uint8_t id, uint64_t version,
	struct smb2_fileid *ret_id)
{
	app(id);
	if (version) {
		app_version(1, version);
	}
	return create_with(i, 0, 0, 0, ret_id);
}

static void test_app_instance(void **state)
{
	struct smb2_fileid id, other;

	(void)state;
	rig_enter(&rig, 0, 0x0311, "user alice");
	rig_enter(&rig, 1, 0x0311, "user alice");
	rig.client = 1;
	rig_enter(&rig, 2, 0x0311, "user alice");
	rig.client = 0;
	assert_int_equal(create_app(0, 9, 5, &id), 0);
	assert_int_equal(create_app(1, 9, 6, &other), STATUS_SHARING_VIOLATION);
	assert_int_equal(create_app(2, 8, 6, &other), STATUS_SHARING_VIOLATION);
	assert_int_equal(
		create_app(2, 9, 5, &other), STATUS_FILE_FORCED_CLOSED);
	assert_int_equal(
		create_app(2, 9, 0, &other), STATUS_FILE_FORCED_CLOSED);
	assert_int_equal(put(0, id), 0);
	assert_int_equal(create_app(2, 9, 6, &other), 0);
	assert_int_equal(put(0, id), STATUS_FILE_CLOSED);
	assert_int_equal(put(2, other), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_POSIX(name) \
	cmocka_unit_test_setup_teardown(name, setup_posix, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_batch),
		TEST(test_not_durable),
		TEST(test_expires),
		TEST(test_wrong),
		TEST(test_yields),
		TEST(test_yields_and_deletes),
		TEST(test_yields_and_breaks),
		TEST(test_lost_in_break),
		TEST(test_logoff_and_tree),
		TEST(test_locks_stay),
		TEST(test_replay_parked),
		TEST_POSIX(test_posix),
		TEST_POSIX(test_not_posix),
		TEST(test_replay_of_others),
		TEST(test_replay_acknowledged),
		TEST(test_two_faults),
		TEST(test_drained),
		TEST(test_replay),
		TEST(test_channel_sequence),
		TEST(test_lock_sequence),
		TEST(test_resilient),
		cmocka_unit_test_setup_teardown(
			test_app_instance, setup_alone, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
