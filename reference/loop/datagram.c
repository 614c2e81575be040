/* SPDX-License-Identifier: MIT */
/*
 * Datagrams and what the kernel says beside them: addresses on a socket that
 * has several, ECN marks, and the size of the pieces when it takes or gives
 * many at once (UDP_SEGMENT, UDP_GRO).
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "loop/internal.h"

static void prepare(struct io_op *op, struct io_datagram *datagram)
{
	memset(&op->message, 0, sizeof(op->message));
	op->message.msg_iov = &datagram->data;
	op->message.msg_iovlen = 1;
	op->message.msg_name = &datagram->remote;
	op->message.msg_control = datagram->control;
}

void datagram_prepare_recv(struct io_op *op, struct io_datagram *datagram)
{
	prepare(op, datagram);
	op->message.msg_namelen = sizeof(datagram->remote);
	op->message.msg_controllen = sizeof(datagram->control);
	/* Found again by datagram_received(). */
	op->buffer.iov_base = datagram;
}

static void add(
	struct msghdr *message, int level, int type, const void *p, size_t n)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)message->msg_control +
					       message->msg_controllen);

	memset(c, 0, CMSG_SPACE(n));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), p, n);
	message->msg_controllen += CMSG_SPACE(n);
}

void datagram_prepare_send(struct io_op *op, struct io_datagram *datagram)
{
	const int ecn = datagram->ecn;
	bool is6 = datagram->remote.ss_family == AF_INET6;

	prepare(op, datagram);
	op->message.msg_namelen = datagram->remote_size;
	if (datagram->remote_size == 0) {
		op->message.msg_name = NULL;
	}
	op->message.msg_controllen = 0;
	if (datagram->local.ss_family == AF_INET) {
		struct in_pktinfo info = {
			.ipi_spec_dst = ((struct sockaddr_in *)&datagram->local)
						->sin_addr};

		add(&op->message, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else if (datagram->local.ss_family == AF_INET6) {
		struct in6_pktinfo info = {
			.ipi6_addr = ((struct sockaddr_in6 *)&datagram->local)
					     ->sin6_addr};

		add(&op->message, IPPROTO_IPV6, IPV6_PKTINFO, &info,
			sizeof(info));
	}
	if (ecn != 0) {
		add(&op->message, is6 ? IPPROTO_IPV6 : IPPROTO_IP,
			is6 ? IPV6_TCLASS : IP_TOS, &ecn, sizeof(ecn));
	}
	if (datagram->segment != 0 &&
		datagram->data.iov_len > datagram->segment) {
		add(&op->message, SOL_UDP, UDP_SEGMENT, &datagram->segment,
			sizeof(datagram->segment));
	}
	if (op->message.msg_controllen == 0) {
		op->message.msg_control = NULL;
	}
}

static void take(struct io_datagram *datagram, const struct cmsghdr *c)
{
	struct in_pktinfo info;
	struct in6_pktinfo info6;
	int n = 0;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct sockaddr_in *in = (struct sockaddr_in *)&datagram->local;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		in->sin_family = AF_INET;
		in->sin_addr = info.ipi_addr;
	} else if (c->cmsg_level == IPPROTO_IPV6 &&
		   c->cmsg_type == IPV6_PKTINFO) {
		struct sockaddr_in6 *in =
			(struct sockaddr_in6 *)&datagram->local;

		memcpy(&info6, CMSG_DATA(c), sizeof(info6));
		in->sin6_family = AF_INET6;
		in->sin6_addr = info6.ipi6_addr;
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		datagram->ecn = *(const uint8_t *)CMSG_DATA(c) & 3;
	} else if (c->cmsg_level == IPPROTO_IPV6 &&
		   c->cmsg_type == IPV6_TCLASS) {
		memcpy(&n, CMSG_DATA(c), sizeof(n));
		datagram->ecn = (uint8_t)(n & 3);
	} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
		memcpy(&n, CMSG_DATA(c), sizeof(n));
		datagram->segment = (uint16_t)n;
	}
}

void datagram_received(struct io_op *op)
{
	struct io_datagram *datagram = op->buffer.iov_base;
	struct msghdr *message = &op->message;

	datagram->remote_size = message->msg_namelen;
	datagram->segment = 0;
	datagram->ecn = 0;
	memset(&datagram->local, 0, sizeof(datagram->local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
		c = CMSG_NXTHDR(message, c)) {
		take(datagram, c);
	}
}
