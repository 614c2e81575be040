/* SPDX-License-Identifier: MIT */
/*
 * The whole engine under libFuzzer: one input is a script of messages, time
 * and lost connections, played by the bench of the unit tests over memory
 * files, with an authentication that lets everybody in.
 *
 * Script, repeated to the end of the input: one byte of operation, one byte of
 * link and flags, two bytes of length (where the operation has data), data.
 *	0	a new connection
 *	1	the connection is lost
 *	2	time goes on by the length's number of milliseconds
 *	3	a message, as it is
 *	4	a message; header and ids are made right, the body is the data
 *	5	likewise, continued by the next operation in one compound
 *	6	NEGOTIATE, SESSION_SETUP, TREE_CONNECT as they should be
 *	7	the server drains
 */
#include <stdlib.h>
#include <string.h>

#include "engine/test/rig.h"
#include "ports/blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig rig;
static struct rig_message message;

struct script {
	const uint8_t *p;
	size_t n;
};

static uint8_t byte(struct script *script)
{
	if (!script->n) {
		return 0;
	}
	script->n--;
	return *script->p++;
}

static struct wire_view bytes(struct script *script)
{
	size_t n = byte(script) | byte(script) << 8;
	struct wire_view view;

	if (n > script->n) {
		n = script->n;
	}
	view = wire_view_of(script->p, n);
	script->p += n;
	script->n -= n;
	return view;
}

/* The answers of one link are thrown away; ids are learnt from them. */
static void drop(unsigned int i)
{
	struct rig_link *link = &rig.links[i];

	while (link->first != link->last) {
		struct blob *blob = link->sent[link->first++ % 64];

		blob_release(blob);
	}
}

static void add_body(
	struct rig_link *link, struct wire_view data, uint8_t flags)
{
	uint16_t command = data.n ? data.p[0] % 20 : SMB2_ECHO;
	size_t at;

	if (message.n + data.n + 200 > sizeof(message.bytes)) {
		message.n = message.element = 0;
	}
	rig_add(link, &message, command,
		flags & 0x40 ? SMB2_FLAGS_RELATED_OPERATIONS : 0, NULL, NULL);
	at = message.n;
	if (data.n > 1) {
		memcpy(message.bytes + at, data.p + 1, data.n - 1);
		message.n += data.n - 1;
	}
	if (flags & 0x80) {
		link->seal = link->keys.client_to_server.size;
	}
}

static void log_in(unsigned int i, uint8_t flags)
{
	static const uint16_t dialects[] = {
		0x0202, 0x0210, 0x0300, 0x0302, 0x0311};
	struct rig_link *link = &rig.links[i];

	if (link->keys.signing.size) {
		return; /* the keys belong to what was negotiated first */
	}
	drop(i);
	if (rig_negotiate(
		    &rig, i, dialects[flags % 5], 1 + flags % 4, flags % 3)) {
		return;
	}
	if (rig_session(&rig, i, "user alice", 0, 0)) {
		return;
	}
	link->sign = true;
	rig_tree(&rig, i, "\\\\srv\\data");
}

static void play(struct script *script)
{
	uint8_t operation = byte(script) % 8, flags = byte(script);
	unsigned int i = flags % 3;
	struct rig_link *link = &rig.links[i];
	struct wire_view data;

	if (operation == 0) {
		rig_gone(&rig, i);
		rig_accept(&rig, i);
		return;
	}
	if (operation == 2) {
		data = bytes(script);
		rig_advance(&rig, data.n);
		return;
	}
	if (operation == 7) {
		engine_drain(rig.engine);
		return;
	}
	if (!link->conn) {
		return;
	}
	drop(i);
	switch (operation) {
	case 1:
		rig_gone(&rig, i);
		break;
	case 3:
		data = bytes(script);
		rig_input(&rig, i, data.p, data.n);
		break;
	case 4:
		add_body(link, bytes(script), flags);
		rig_send(&rig, i, &message);
		message.n = message.element = 0;
		break;
	case 5:
		add_body(link, bytes(script), flags);
		break;
	default:
		log_in(i, flags / 8);
		break;
	}
	drop(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {data, size};

	rig_init(&rig);
	rig.offer_posix = true;
	for (unsigned int i = 0; i < 3; i++) {
		rig.shares[i].posix = POSIX_ON;
		rig.shares[i].create_mask = 07777;
		rig.shares[i].directory_mask = 07777;
	}
	rig_start(&rig);
	message.n = message.element = 0;
	for (unsigned int i = 0; i < 64 && script.n; i++) {
		play(&script);
	}
	for (unsigned int i = 0; i < RIG_LINKS; i++) {
		drop(i);
	}
	rig_finish(&rig);
	return 0;
}
