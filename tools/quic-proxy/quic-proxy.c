/* SPDX-License-Identifier: MIT */
/*
 * A bad network in a box: relays UDP between clients and one server and loses,
 * doubles, delays, reorders, damages packets and changes clients' addresses on
 * the way (reference/transport/impair.h). It reads no more of QUIC than
 * anybody can, so it stands before any implementation.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "transport/address.h"
#include "transport/impair.h"

#define CLIENTS 64
#define PACKET 65536
#define BUFFER (4 * 1024 * 1024)
#define BURST 64 /* packets taken from one socket at a time */

struct packet {
	uint64_t at, order;
	struct client *client;
	bool up;
	size_t n;
	uint8_t bytes[];
};

struct client {
	struct proxy *proxy;
	struct sockaddr_storage address;
	socklen_t size;
	int fd; /* connected to the server */
};

struct proxy {
	int fd; /* where clients come to */
	struct sockaddr_storage server;
	socklen_t server_size;
	struct client clients[CLIENTS];
	unsigned int count;
	struct impair up, down;
	struct packet **heap; /* by time, then order */
	size_t heap_count, heap_cap;
	uint64_t order;
};

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool before(const struct packet *a, const struct packet *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static int heap_put(struct proxy *proxy, struct packet *packet)
{
	size_t i = proxy->heap_count;

	if (i == proxy->heap_cap) {
		size_t cap = i > 0 ? 2 * i : 256;
		struct packet **heap =
			realloc(proxy->heap, cap * sizeof(struct packet *));

		if (heap == NULL) {
			return -ENOMEM;
		}
		proxy->heap = heap;
		proxy->heap_cap = cap;
	}
	proxy->heap_count++;
	for (; i > 0 && before(packet, proxy->heap[(i - 1) / 2]);
		i = (i - 1) / 2) {
		proxy->heap[i] = proxy->heap[(i - 1) / 2];
	}
	proxy->heap[i] = packet;
	return 0;
}

static struct packet *heap_take(struct proxy *proxy)
{
	struct packet *first = proxy->heap[0];
	struct packet *last = proxy->heap[--proxy->heap_count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < proxy->heap_count) {
		if (child + 1 < proxy->heap_count &&
			before(proxy->heap[child + 1], proxy->heap[child])) {
			child++;
		}
		if (!before(proxy->heap[child], last)) {
			break;
		}
		proxy->heap[i] = proxy->heap[child];
		i = child;
	}
	proxy->heap[i] = last;
	return first;
}

/* A socket towards the server: another one is another address. */
static int dial(struct client *client)
{
	const struct proxy *proxy = client->proxy;
	const int size = BUFFER;
	int fd = socket(proxy->server.ss_family,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (connect(fd, (const struct sockaddr *)&proxy->server,
		    proxy->server_size) < 0) {
		close(fd);
		return -errno;
	}
	if (client->fd >= 0) {
		close(client->fd);
	}
	client->fd = fd;
	return 0;
}

static struct client *find_client(struct proxy *proxy,
	const struct sockaddr_storage *address, socklen_t size)
{
	struct client *client;

	for (unsigned int i = 0; i < proxy->count; i++) {
		client = &proxy->clients[i];
		if (client->size == size &&
			memcmp(&client->address, address, size) == 0) {
			return client;
		}
	}
	if (proxy->count < CLIENTS) {
		client = &proxy->clients[proxy->count++];
		client->fd = -1;
	} else {
		/* Somebody makes room; what is under way goes astray. */
		client = &proxy->clients[proxy->order % CLIENTS];
	}
	client->proxy = proxy;
	client->address = *address;
	client->size = size;
	return dial(client) < 0 ? NULL : client;
}

static void pass(struct client *client, bool up, const uint8_t *p, size_t n)
{
	struct proxy *proxy = client->proxy;
	struct impair_fate fate;

	impair_decide(up ? &proxy->up : &proxy->down, p, n, &fate);
	if (fate.rebind && up) {
		(void)dial(client);
	}
	for (unsigned int i = 0; i < fate.copies; i++) {
		struct packet *packet = malloc(sizeof(*packet) + n);

		if (packet == NULL) {
			return;
		}
		packet->at = now_ns() + fate.delay[i];
		packet->order = proxy->order++;
		packet->client = client;
		packet->up = up;
		packet->n = n;
		memcpy(packet->bytes, p, n);
		if (fate.corrupt) {
			packet->bytes[fate.at] ^= fate.mask;
		}
		if (heap_put(proxy, packet) < 0) {
			free(packet);
		}
	}
}

static void send_due(struct proxy *proxy)
{
	uint64_t now = now_ns();

	while (proxy->heap_count > 0 && proxy->heap[0]->at <= now) {
		struct packet *packet = heap_take(proxy);
		struct client *client = packet->client;

		if (packet->up) {
			(void)!send(client->fd, packet->bytes, packet->n,
				MSG_NOSIGNAL);
		} else {
			(void)!sendto(proxy->fd, packet->bytes, packet->n,
				MSG_NOSIGNAL,
				(struct sockaddr *)&client->address,
				client->size);
		}
		free(packet);
	}
}

static void read_clients(struct proxy *proxy)
{
	static uint8_t bytes[PACKET];

	for (unsigned int i = 0; i < BURST; i++) {
		struct sockaddr_storage address = {0};
		socklen_t size = sizeof(address);
		ssize_t n = recvfrom(proxy->fd, bytes, sizeof(bytes),
			MSG_DONTWAIT, (struct sockaddr *)&address, &size);
		struct client *client;

		if (n < 0) {
			return;
		}
		client = find_client(proxy, &address, size);
		if (client != NULL) {
			pass(client, true, bytes, (size_t)n);
		}
	}
}

static void read_server(struct client *client)
{
	static uint8_t bytes[PACKET];

	for (unsigned int i = 0; i < BURST; i++) {
		ssize_t n =
			recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0) {
			return;
		}
		pass(client, false, bytes, (size_t)n);
	}
}

/* Until the next packet is due: at most a second. */
static struct timespec time_left(const struct proxy *proxy)
{
	uint64_t now = now_ns(), left = 1000000000u;

	if (proxy->heap_count > 0) {
		uint64_t at = proxy->heap[0]->at;

		left = at <= now ? 0 : at - now;
		left = left < 1000000000u ? left : 1000000000u;
	}
	return (struct timespec){
		(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
}

static void run(struct proxy *proxy)
{
	struct pollfd polled[CLIENTS + 1];
	struct timespec left;

	while (!stopping) {
		polled[0] = (struct pollfd){proxy->fd, POLLIN, 0};
		for (unsigned int i = 0; i < proxy->count; i++) {
			polled[i + 1] = (struct pollfd){
				proxy->clients[i].fd, POLLIN, 0};
		}
		left = time_left(proxy);
		if (ppoll(polled, proxy->count + 1, &left, NULL) < 0 &&
			errno != EINTR) {
			return;
		}
		read_clients(proxy);
		for (unsigned int i = 0; i < proxy->count; i++) {
			read_server(&proxy->clients[i]);
		}
		send_due(proxy);
	}
}

static void report(const char *name, const struct impair *impair)
{
	printf("%s packets %llu lost %llu doubled %llu late %llu damaged %llu "
	       "rebound %llu\n",
		name, (unsigned long long)impair->packets,
		(unsigned long long)impair->lost,
		(unsigned long long)impair->doubled,
		(unsigned long long)impair->reordered,
		(unsigned long long)impair->corrupted,
		(unsigned long long)impair->rebound);
}

static int open_listener(struct proxy *proxy, const char *text)
{
	struct sockaddr_storage address;
	const int size_of_buffer = BUFFER;
	char bound[64];
	socklen_t size;

	if (transport_parse_address(text, &address, &size) < 0) {
		return -EINVAL;
	}
	proxy->fd = socket(address.ss_family,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (proxy->fd < 0 ||
		bind(proxy->fd, (struct sockaddr *)&address, size) < 0) {
		return -errno;
	}
	setsockopt(proxy->fd, SOL_SOCKET, SO_RCVBUF, &size_of_buffer,
		sizeof(size_of_buffer));
	getsockname(proxy->fd, (struct sockaddr *)&address, &size);
	transport_address_text((struct sockaddr *)&address, bound);
	printf("quic-proxy: listening on %s\n", bound);
	fflush(stdout);
	return 0;
}

static const char usage_text[] =
	"usage: quic-proxy --listen ADDR:PORT --to ADDR:PORT [options]\n"
	"  --both SETTINGS   of both directions\n"
	"  --up SETTINGS     of packets to the server\n"
	"  --down SETTINGS   of packets to clients\n"
	"SETTINGS is a list such as loss=1%,reorder=2%,delay=5ms-20ms,seed=7 "
	"of\n"
	"  loss, duplicate, reorder, corrupt, rebind   percent of the packets\n"
	"  delay=TIME[-TIME]    of every packet: 5ms, 200us, 1s\n"
	"  overtaken=TIME       further delay of a reordered packet (10ms)\n"
	"  pass-first=N         the first N packets are left alone\n"
	"  drop-first=N         then N packets are lost for certain,\n"
	"  drop-types=A+B       of these: initial zero-rtt handshake retry\n"
	"                       version short\n"
	"  mtu=BYTES            longer packets are lost\n"
	"  seed=N               everything follows from it\n"
	"SIGTERM ends it; it then prints what it did to how many packets.\n";

struct arguments {
	const char *listen, *to;
	struct impair_config up, down;
};

static bool take(struct arguments *a, int option, const char *value)
{
	switch (option) {
	case 'l':
		a->listen = value;
		return true;
	case 't':
		a->to = value;
		return true;
	case 'b':
		if (impair_parse(value, &a->up) < 0) {
			return false;
		}
		a->down = a->up;
		a->down.seed++;
		return true;
	case 'u':
		return impair_parse(value, &a->up) == 0;
	case 'd':
		return impair_parse(value, &a->down) == 0;
	default:
		return false;
	}
}

static bool parse(int argc, char **argv, struct arguments *ret_arguments)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"to", required_argument, NULL, 't'},
		{"both", required_argument, NULL, 'b'},
		{"up", required_argument, NULL, 'u'},
		{"down", required_argument, NULL, 'd'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (!take(ret_arguments, option, optarg)) {
			return false;
		}
	}
	return optind == argc && ret_arguments->listen != NULL &&
	       ret_arguments->to != NULL;
}

int main(int argc, char **argv)
{
	static struct proxy proxy;
	struct arguments arguments = {0};
	struct sigaction action = {.sa_handler = stop};
	int r;

	if (!parse(argc, argv, &arguments) ||
		transport_parse_address(
			arguments.to, &proxy.server, &proxy.server_size) < 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	impair_init(&proxy.up, &arguments.up);
	impair_init(&proxy.down, &arguments.down);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	r = open_listener(&proxy, arguments.listen);
	if (r < 0) {
		fprintf(stderr, "quic-proxy: %s\n", strerror(-r));
		return 1;
	}
	run(&proxy);
	report("up  ", &proxy.up);
	report("down", &proxy.down);
	while (proxy.heap_count > 0) {
		free(heap_take(&proxy));
	}
	free(proxy.heap);
	return 0;
}
