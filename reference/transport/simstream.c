/* SPDX-License-Identifier: MIT */
/* Streams in memory; see simstream.h. */
#include "transport/simstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_NUMBER 0x40000000 /* of ends: beyond every descriptor */

/* Bytes that were sent together. */
struct piece {
	struct piece *next;
	uint64_t at; /* arrival */
	size_t n, taken;
	uint8_t bytes[];
};

/* One direction: the receiver's side of it. */
struct pipe {
	struct simstream *net;
	unsigned int number;
	struct piece *first, **last;
	struct io_timer arrival; /* of the first piece not here yet, or end */
	size_t waiting;          /* bytes not taken */
	uint64_t newest;         /* arrival of what was sent last */
	bool ended;              /* nothing follows */
	bool deaf;               /* the receiver has closed */
	struct io_op *reader, *writer;
	void *room;
	size_t cap;
	const struct iovec *vec; /* of the writer */
	unsigned int vec_count;
};

/* An end reads from pipes[side] and writes to pipes[!side]. */
struct stream {
	struct pipe pipes[2];
	bool open[2];
};

struct simstream {
	struct io_port io;
	const struct io_port *clock;
	struct simstream_config config;
	uint64_t random, digest;
	struct stream **streams;
	unsigned int count;
	struct io_op *ended, **ended_last;
	struct io_timer soon; /* calls done() of what has ended */
};

static uint64_t now_of(const struct simstream *net)
{
	return net->clock->now(net->clock->ctx);
}

/* splitmix64 */
static uint64_t chance(struct simstream *net, uint64_t below)
{
	uint64_t z = net->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return below > 0 ? (z ^ z >> 31) % below : 0;
}

static void note(struct simstream *net, uint64_t value)
{
	net->digest = (net->digest ^ value) * 0x100000001b3ull;
	net->digest ^= net->digest >> 29;
}

static struct pipe *input_of(const struct simstream *net, int end)
{
	unsigned int i = (unsigned int)(end - FIRST_NUMBER);

	return &net->streams[i / 2]->pipes[i % 2];
}

static struct pipe *output_of(const struct simstream *net, int end)
{
	unsigned int i = (unsigned int)(end - FIRST_NUMBER);

	return &net->streams[i / 2]->pipes[!(i % 2)];
}

/* --- operations of the transport that are over ----------------------- */

static void end_op(struct simstream *net, struct io_op *op, int result)
{
	op->result = result;
	op->next = NULL;
	*net->ended_last = op;
	net->ended_last = &op->next;
	net->clock->timer_set(net->clock->ctx, &net->soon, now_of(net));
}

static void run_ended(struct io_timer *timer)
{
	struct simstream *net =
		(struct simstream *)((char *)timer -
				     offsetof(struct simstream, soon));
	struct io_op *op = net->ended, *next;

	net->ended = NULL;
	net->ended_last = &net->ended;
	for (; op != NULL; op = next) {
		next = op->next;
		op->pending = false;
		op->done(op, op->result);
	}
}

/* --- bytes on their way ---------------------------------------------- */

static uint64_t arrival(struct pipe *pipe)
{
	struct simstream *net = pipe->net;
	const struct simstream_config *c = &net->config;
	uint64_t at = now_of(net) + c->delay_min +
		      chance(net, c->delay_max - c->delay_min + 1);

	if (at <= pipe->newest) {
		at = pipe->newest + 1;
	}
	pipe->newest = at;
	return at;
}

static bool there(const struct pipe *pipe)
{
	const struct piece *p = pipe->first;

	return p != NULL && p->at <= now_of(pipe->net);
}

static bool over(const struct pipe *pipe)
{
	return pipe->first == NULL && pipe->ended &&
	       pipe->newest <= now_of(pipe->net);
}

/* The timer stands at the next arrival that somebody may wait for. */
static void wake(struct pipe *pipe)
{
	const struct io_port *clock = pipe->net->clock;

	if (pipe->first != NULL && pipe->first->at > now_of(pipe->net)) {
		clock->timer_set(clock->ctx, &pipe->arrival, pipe->first->at);
	} else if (pipe->first == NULL && pipe->ended && !over(pipe)) {
		clock->timer_set(clock->ctx, &pipe->arrival, pipe->newest);
	}
}

static size_t room_in(const struct pipe *pipe)
{
	size_t window = pipe->net->config.window;

	return pipe->waiting < window ? window - pipe->waiting : 0;
}

/* As much of the bytes as there is room for; 0 without memory too. */
static size_t put(
	struct pipe *pipe, const struct iovec *vec, unsigned int count)
{
	size_t room = room_in(pipe), n = 0, at = 0;
	struct piece *piece;

	for (unsigned int i = 0; i < count; i++) {
		n += vec[i].iov_len;
	}
	if (pipe->deaf || pipe->ended) {
		return n;
	}
	n = n < room ? n : room;
	piece = n > 0 ? malloc(sizeof(*piece) + n) : NULL;
	if (piece == NULL) {
		return 0;
	}
	for (unsigned int i = 0; at < n; i++) {
		size_t part = vec[i].iov_len < n - at ? vec[i].iov_len : n - at;

		memcpy(piece->bytes + at, vec[i].iov_base, part);
		at += part;
	}
	piece->next = NULL;
	piece->at = arrival(pipe);
	piece->n = n;
	piece->taken = 0;
	*pipe->last = piece;
	pipe->last = &piece->next;
	pipe->waiting += n;
	wake(pipe);
	return n;
}

/* A writer that waits for room goes on. */
static void go_on_writing(struct pipe *pipe)
{
	struct io_op *op = pipe->writer;
	size_t n;

	if (op == NULL) {
		return;
	}
	n = put(pipe, pipe->vec, pipe->vec_count);
	if (n > 0) {
		pipe->writer = NULL;
		end_op(pipe->net, op, (int)n);
	}
}

static size_t take(struct pipe *pipe, void *ret_p, size_t n)
{
	uint8_t *p = ret_p;
	size_t got = 0;

	while (got < n && there(pipe)) {
		struct piece *piece = pipe->first;
		size_t part = piece->n - piece->taken;

		part = part < n - got ? part : n - got;
		memcpy(p + got, piece->bytes + piece->taken, part);
		piece->taken += part;
		got += part;
		if (piece->taken == piece->n) {
			pipe->first = piece->next;
			if (pipe->first == NULL) {
				pipe->last = &pipe->first;
			}
			free(piece);
		}
	}
	pipe->waiting -= got;
	if (got > 0) {
		note(pipe->net, now_of(pipe->net));
		note(pipe->net, (uint64_t)pipe->number << 32 | got);
		wake(pipe);
		go_on_writing(pipe);
	}
	return got;
}

/* A reader of the transport gets what is there. */
static void match(struct pipe *pipe)
{
	struct io_op *op = pipe->reader;

	if (op != NULL && (there(pipe) || over(pipe))) {
		pipe->reader = NULL;
		end_op(pipe->net, op, (int)take(pipe, pipe->room, pipe->cap));
	}
}

static void arrived(struct io_timer *timer)
{
	struct pipe *pipe =
		(struct pipe *)((char *)timer - offsetof(struct pipe, arrival));

	match(pipe);
	wake(pipe);
}

static void end_pipe(struct pipe *pipe)
{
	if (!pipe->ended) {
		pipe->ended = true;
		arrival(pipe);
		wake(pipe);
	}
}

static void forget(struct pipe *pipe)
{
	struct piece *piece;

	while ((piece = pipe->first) != NULL) {
		pipe->first = piece->next;
		free(piece);
	}
	pipe->last = &pipe->first;
	pipe->waiting = 0;
	pipe->net->clock->timer_clear(pipe->net->clock->ctx, &pipe->arrival);
}

/* --- the io port ------------------------------------------------------ */

static void begin(struct io_op *op, int fd)
{
	op->fd = fd;
	op->pending = true;
	op->cancelled = false;
}

static void io_recv(void *ctx, struct io_op *op, int fd, void *p, size_t n)
{
	struct pipe *pipe = input_of(ctx, fd);

	begin(op, fd);
	pipe->reader = op;
	pipe->room = p;
	pipe->cap = n;
	match(pipe);
}

static void io_send(void *ctx, struct io_op *op, int fd,
	const struct iovec *vec, unsigned int count)
{
	struct pipe *pipe = output_of(ctx, fd);

	begin(op, fd);
	if (pipe->deaf) {
		end_op(ctx, op, -EPIPE);
		return;
	}
	pipe->writer = op;
	pipe->vec = vec;
	pipe->vec_count = count;
	go_on_writing(pipe);
}

static void io_shutdown(void *ctx, int fd)
{
	end_pipe(output_of(ctx, fd));
}

static void io_cancel(void *ctx, struct io_op *op)
{
	struct simstream *net = ctx;

	if (!op->pending || op->cancelled) {
		return;
	}
	op->cancelled = true;
	if (input_of(net, op->fd)->reader == op) {
		input_of(net, op->fd)->reader = NULL;
		end_op(net, op, -ECANCELED);
	} else if (output_of(net, op->fd)->writer == op) {
		output_of(net, op->fd)->writer = NULL;
		end_op(net, op, -ECANCELED);
	}
}

static void io_close(void *ctx, int fd)
{
	simstream_close(ctx, fd);
}

static uint64_t io_now(void *ctx)
{
	return now_of(ctx);
}

static void io_timer_set(void *ctx, struct io_timer *timer, uint64_t at)
{
	const struct io_port *clock = ((struct simstream *)ctx)->clock;

	clock->timer_set(clock->ctx, timer, at);
}

static void io_timer_clear(void *ctx, struct io_timer *timer)
{
	const struct io_port *clock = ((struct simstream *)ctx)->clock;

	clock->timer_clear(clock->ctx, timer);
}

struct simstream *simstream_create(
	const struct io_port *clock, const struct simstream_config *config)
{
	struct simstream *net = calloc(1, sizeof(*net));

	if (net == NULL) {
		return NULL;
	}
	net->clock = clock;
	net->config = *config;
	net->random = config->seed;
	net->digest = 0xcbf29ce484222325ull;
	net->ended_last = &net->ended;
	net->soon.due = run_ended;
	net->io = (struct io_port){.ctx = net,
		.recv = io_recv,
		.send = io_send,
		.shutdown = io_shutdown,
		.cancel = io_cancel,
		.close = io_close,
		.now = io_now,
		.timer_set = io_timer_set,
		.timer_clear = io_timer_clear};
	return net;
}

void simstream_destroy(struct simstream *net)
{
	if (net == NULL) {
		return;
	}
	for (unsigned int i = 0; i < net->count; i++) {
		forget(&net->streams[i]->pipes[0]);
		forget(&net->streams[i]->pipes[1]);
		free(net->streams[i]);
	}
	net->clock->timer_clear(net->clock->ctx, &net->soon);
	free(net->streams);
	free(net);
}

const struct io_port *simstream_io(struct simstream *net)
{
	return &net->io;
}

int simstream_open(struct simstream *net, int *ret_near, int *ret_far)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct stream **grown = reallocarray(
		net->streams, net->count + 1, sizeof(struct stream *));

	net->streams = grown != NULL ? grown : net->streams;
	if (stream == NULL || grown == NULL) {
		free(stream);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct pipe *pipe = &stream->pipes[i];

		pipe->net = net;
		pipe->number = 2 * net->count + i;
		pipe->last = &pipe->first;
		pipe->arrival.due = arrived;
		stream->open[i] = true;
	}
	*ret_near = FIRST_NUMBER + (int)(2 * net->count);
	*ret_far = *ret_near + 1;
	net->streams[net->count++] = stream;
	return 0;
}

ssize_t simstream_put(
	struct simstream *net, int end, const void *bytes, size_t n)
{
	struct pipe *pipe = output_of(net, end);
	const struct iovec vec = {(void *)bytes, n};

	if (pipe->deaf) {
		return -EPIPE;
	}
	n = put(pipe, &vec, 1);
	return n > 0 ? (ssize_t)n : -EAGAIN;
}

ssize_t simstream_take(struct simstream *net, int end, void *ret_p, size_t n)
{
	struct pipe *pipe = input_of(net, end);
	size_t got = take(pipe, ret_p, n);

	return got > 0 || over(pipe) ? (ssize_t)got : -EAGAIN;
}

bool simstream_readable(const struct simstream *net, int end)
{
	const struct pipe *pipe = input_of(net, end);

	return there(pipe) || over(pipe);
}

bool simstream_writable(const struct simstream *net, int end)
{
	const struct pipe *pipe = output_of(net, end);

	return pipe->deaf || room_in(pipe) > 0;
}

void simstream_close(struct simstream *net, int end)
{
	unsigned int i = (unsigned int)(end - FIRST_NUMBER);
	struct stream *stream = net->streams[i / 2];

	if (!stream->open[i % 2]) {
		return;
	}
	stream->open[i % 2] = false;
	end_pipe(output_of(net, end));
	input_of(net, end)->deaf = true;
	forget(input_of(net, end));
	go_on_writing(input_of(net, end));
}

uint64_t simstream_digest(const struct simstream *net)
{
	return net->digest;
}
