/* SPDX-License-Identifier: MIT */
/*
 * Endpoints under libFuzzer: a client and a server that have shaken hands, on
 * a link in memory, and a script of what else arrives.
 *
 * Script, repeated to the end of the input: one byte of operation, one byte of
 * length, data.
 *	0	a datagram arrives at the server
 *	1	a datagram arrives at the client
 *	2	bytes on the client's stream
 *	3	likewise, as a frame
 *	4	the server sends a message
 *	5	time goes on by the length's number of milliseconds
 *	6	packets of the client are damaged from now on, by chance
 *	7	the stream is reset, stopped or ended, or keys are updated
 */
#include <stdlib.h>
#include <string.h>

#include "transport/quic_limits.h"
#include "transport/test/quic_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig rig;

static void inject(enum rig_side side, const uint8_t *p, size_t n)
{
	struct quic_ep *ep = rig.users[side].ep;
	struct quic_path path;

	if (ep == NULL || n == 0) {
		return;
	}
	rig_path(&rig, side, &path);
	quic_ep_input(ep, &path, 0, p, n, rig.now);
	rig_flush(&rig, side);
}

static void write_stream(const uint8_t *p, size_t n, bool framed)
{
	struct quic_ep *ep = rig.users[RIG_CLIENT].ep;
	uint8_t bytes[260] = {0};

	bytes[3] = (uint8_t)n;
	memcpy(bytes + 4, p, n);
	(void)quic_ep_write(ep, quic_ep_stream(ep), framed ? bytes : p,
		framed ? n + 4 : n, false);
	rig_flush(&rig, RIG_CLIENT);
}

static void send_message(const uint8_t *p, size_t n)
{
	struct blob *blob = blob_create(n + 1);

	if (blob != NULL) {
		memcpy(blob->data, p, n);
		blob->n = n;
		(void)quic_ep_send(rig.users[RIG_SERVER].ep, blob);
		rig_flush(&rig, RIG_SERVER);
	}
}

static void misuse(uint8_t how)
{
	struct quic_ep *ep = rig.users[how & 1].ep;

	if (quic_ep_end(ep)->kind != QUIC_END_NOT_YET) {
		return;
	}
	switch (how >> 1 & 3) {
	case 0:
		(void)quic_ep_reset(ep, 0, how);
		break;
	case 1:
		(void)quic_ep_stop(ep, 0, how);
		break;
	case 2:
		(void)quic_ep_write(ep, 0, &how, 1, true);
		break;
	default:
		(void)quic_ep_update_keys(ep, rig.now);
	}
	rig_flush(&rig, (enum rig_side)(how & 1));
}

static void operate(uint8_t op, uint8_t length, const uint8_t *p, size_t n)
{
	switch (op & 7) {
	case 0:
	case 1:
		inject((op & 1) ? RIG_CLIENT : RIG_SERVER, p, n);
		break;
	case 2:
	case 3:
		write_stream(p, n, (op & 1) != 0);
		break;
	case 4:
		send_message(p, n);
		break;
	case 5:
		rig_run(&rig, rig.now + length * RIG_MS);
		break;
	case 6:
		rig.impair[RIG_CLIENT].config.corrupt = 4000u * length;
		break;
	default:
		misuse(length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct impair_config network = {
		.delay_min = RIG_MS, .delay_max = RIG_MS};
	static bool made;

	if (!made) {
		rig_init(&rig, &network);
		made = true;
	}
	rig.impair[RIG_CLIENT].config.corrupt = 0;
	rig.users[RIG_SERVER].echo = true;
	rig_connect(&rig);
	if (!rig_until(&rig, rig_is_ready, rig.now + QUIC_SECOND)) {
		abort();
	}
	while (size >= 2) {
		uint8_t op = data[0], length = data[1];
		size_t n = length < size - 2 ? length : size - 2;

		n = (op & 7) < 5 ? n : 0;
		operate(op, length, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	rig_run(&rig, rig.now + 10 * RIG_MS);
	rig_again(&rig);
	return 0;
}
