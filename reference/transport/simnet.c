/* SPDX-License-Identifier: MIT */
/* A network in memory; see simnet.h. */
#include "transport/simnet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS 64
#define FIRST_PORT 20000
#define QUEUE_MAX 4096 /* packets that wait for a reader */

struct sim_packet {
	struct sim_packet *next;
	uint64_t at, order;
	struct sockaddr_in from, to;
	uint8_t ecn;
	size_t n;
	uint8_t bytes[];
};

struct sim_socket {
	bool open;
	uint16_t inside, outside; /* ports before and behind the NAT */
	struct impair impair;
	struct sim_packet *first, **last; /* arrived, not read */
	unsigned int waiting;
	struct io_op *reader;
	struct io_datagram *room;
};

struct simnet {
	struct io_port io;
	uint64_t now, order;
	struct sim_socket sockets[SOCKETS];
	uint16_t next_port;
	struct sim_packet *under_way; /* by time, then order */
	struct io_timer *timers;      /* by time */
	struct io_op *ended, **ended_last;
};

static void end(struct simnet *net, struct io_op *op, int result)
{
	op->result = result;
	op->next = NULL;
	*net->ended_last = op;
	net->ended_last = &op->next;
}

static struct sockaddr_in address_of(unsigned int fd, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_addr.s_addr = htonl(0x0a000001 + fd);
	in.sin_port = htons(port);
	return in;
}

static void start_packet(struct simnet *net, struct sim_packet *packet)
{
	struct sim_packet **p = &net->under_way;

	packet->order = net->order++;
	while (*p != NULL && (*p)->at <= packet->at) {
		p = &(*p)->next;
	}
	packet->next = *p;
	*p = packet;
}

static void send_one(struct simnet *net, unsigned int fd,
	const struct io_datagram *datagram, const uint8_t *p, size_t n)
{
	struct sim_socket *socket = &net->sockets[fd];
	struct impair_fate fate;

	impair_decide(&socket->impair, p, n, &fate);
	if (fate.rebind) {
		socket->outside = net->next_port++;
	}
	for (unsigned int i = 0; i < fate.copies; i++) {
		struct sim_packet *packet = malloc(sizeof(*packet) + n);

		if (packet == NULL) {
			return; /* lost */
		}
		packet->at = net->now + fate.delay[i];
		packet->from = address_of(fd, socket->outside);
		memcpy(&packet->to, &datagram->remote, sizeof(packet->to));
		packet->ecn = datagram->ecn;
		packet->n = n;
		memcpy(packet->bytes, p, n);
		if (fate.corrupt) {
			packet->bytes[fate.at] ^= fate.mask;
		}
		start_packet(net, packet);
	}
}

static void net_send(
	void *ctx, struct io_op *op, int fd, struct io_datagram *datagram)
{
	const uint8_t *p = datagram->data.iov_base;
	size_t n = datagram->data.iov_len, at, size;

	op->fd = fd;
	op->pending = true;
	op->cancelled = false;
	for (at = 0; at < n; at += size) {
		size = datagram->segment != 0 && datagram->segment < n - at
			       ? datagram->segment
			       : n - at;
		send_one(ctx, (unsigned int)fd, datagram, p + at, size);
	}
	end(ctx, op, (int)n);
}

/* A reader and a packet have met. */
static void match(struct simnet *net, struct sim_socket *socket)
{
	struct sim_packet *packet = socket->first;
	struct io_datagram *room = socket->room;
	struct io_op *reader = socket->reader;

	if (packet == NULL || reader == NULL) {
		return;
	}
	socket->first = packet->next;
	if (socket->first == NULL) {
		socket->last = &socket->first;
	}
	socket->waiting--;
	socket->reader = NULL;
	if (packet->n <= room->data.iov_len) {
		memcpy(room->data.iov_base, packet->bytes, packet->n);
	}
	memset(&room->remote, 0, sizeof(room->remote));
	memcpy(&room->remote, &packet->from, sizeof(packet->from));
	room->remote_size = sizeof(packet->from);
	memset(&room->local, 0, sizeof(room->local));
	room->segment = 0;
	room->ecn = packet->ecn;
	end(net, reader, (int)packet->n);
	free(packet);
}

static void net_recv(
	void *ctx, struct io_op *op, int fd, struct io_datagram *datagram)
{
	struct simnet *net = ctx;
	struct sim_socket *socket = &net->sockets[fd];

	op->fd = fd;
	op->pending = true;
	op->cancelled = false;
	socket->reader = op;
	socket->room = datagram;
	match(net, socket);
}

/* A NAT lets in what comes to the port that it uses now. */
static void arrive(struct simnet *net, struct sim_packet *packet)
{
	unsigned int fd = ntohl(packet->to.sin_addr.s_addr) - 0x0a000001;
	struct sim_socket *socket = &net->sockets[fd % SOCKETS];

	if (!socket->open || ntohs(packet->to.sin_port) != socket->outside ||
		socket->waiting == QUEUE_MAX) {
		free(packet);
		return;
	}
	packet->next = NULL;
	*socket->last = packet;
	socket->last = &packet->next;
	socket->waiting++;
	match(net, socket);
}

static void net_cancel(void *ctx, struct io_op *op)
{
	struct simnet *net = ctx;

	if (op->pending && !op->cancelled &&
		net->sockets[op->fd].reader == op) {
		op->cancelled = true;
		net->sockets[op->fd].reader = NULL;
		end(net, op, -ECANCELED);
	}
}

static void net_close(void *ctx, int fd)
{
	struct simnet *net = ctx;
	struct sim_socket *socket = &net->sockets[fd];
	struct sim_packet *packet;

	socket->open = false;
	while ((packet = socket->first) != NULL) {
		socket->first = packet->next;
		free(packet);
	}
}

static uint64_t net_now(void *ctx)
{
	return ((struct simnet *)ctx)->now;
}

static void net_timer_clear(void *ctx, struct io_timer *timer)
{
	struct simnet *net = ctx;
	struct io_timer **p = &net->timers;

	if (!timer->set) {
		return;
	}
	timer->set = false;
	while (*p != timer) {
		p = &(*p)->next;
	}
	*p = timer->next;
}

static void net_timer_set(void *ctx, struct io_timer *timer, uint64_t at)
{
	struct simnet *net = ctx;
	struct io_timer **p = &net->timers;

	net_timer_clear(net, timer);
	while (*p != NULL && (*p)->at <= at) {
		p = &(*p)->next;
	}
	timer->at = at;
	timer->set = true;
	timer->next = *p;
	*p = timer;
}

struct simnet *simnet_create(uint64_t start)
{
	struct simnet *net = calloc(1, sizeof(*net));

	if (net == NULL) {
		return NULL;
	}
	net->now = start;
	net->next_port = FIRST_PORT;
	net->ended_last = &net->ended;
	net->io = (struct io_port){.ctx = net,
		.cancel = net_cancel,
		.close = net_close,
		.now = net_now,
		.timer_set = net_timer_set,
		.timer_clear = net_timer_clear,
		.recv_datagram = net_recv,
		.send_datagram = net_send};
	return net;
}

void simnet_destroy(struct simnet *net)
{
	struct sim_packet *packet;

	if (net == NULL) {
		return;
	}
	for (int fd = 0; fd < SOCKETS; fd++) {
		net_close(net, fd);
	}
	while ((packet = net->under_way) != NULL) {
		net->under_way = packet->next;
		free(packet);
	}
	free(net);
}

const struct io_port *simnet_io(struct simnet *net)
{
	return &net->io;
}

int simnet_socket(struct simnet *net, const struct impair_config *network,
	struct sockaddr_storage *ret_local)
{
	for (unsigned int fd = 0; fd < SOCKETS; fd++) {
		struct sim_socket *socket = &net->sockets[fd];
		struct sockaddr_in in;

		if (socket->open) {
			continue;
		}
		memset(socket, 0, sizeof(*socket));
		socket->open = true;
		socket->inside = socket->outside = net->next_port++;
		socket->last = &socket->first;
		impair_init(&socket->impair, network);
		in = address_of(fd, socket->inside);
		memset(ret_local, 0, sizeof(*ret_local));
		memcpy(ret_local, &in, sizeof(in));
		return (int)fd;
	}
	return -EMFILE;
}

const struct impair *simnet_impair(const struct simnet *net, int fd)
{
	return &net->sockets[fd].impair;
}

void simnet_change(
	struct simnet *net, int fd, const struct impair_config *network)
{
	net->sockets[fd].impair.config = *network;
}

static void run_ended(struct simnet *net)
{
	struct io_op *op = net->ended;

	net->ended = op->next;
	if (net->ended == NULL) {
		net->ended_last = &net->ended;
	}
	op->pending = false;
	op->done(op, op->result);
}

bool simnet_step(struct simnet *net, uint64_t until)
{
	struct sim_packet *packet = net->under_way;
	struct io_timer *timer = net->timers;
	uint64_t at = packet != NULL ? packet->at : UINT64_MAX;
	bool timed = timer != NULL && timer->at <= at;

	if (net->ended != NULL) {
		run_ended(net);
		return true;
	}
	at = timed ? timer->at : at;
	if (at == UINT64_MAX || at > until) {
		net->now = until != UINT64_MAX && until > net->now ? until
								   : net->now;
		return false;
	}
	net->now = at > net->now ? at : net->now;
	if (timed) {
		net->timers = timer->next;
		timer->set = false;
		timer->due(timer);
	} else {
		net->under_way = packet->next;
		arrive(net, packet);
	}
	return true;
}
