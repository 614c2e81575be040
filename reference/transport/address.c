/* SPDX-License-Identifier: MIT */
/* Addresses as they are written in settings and logs. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "transport/address.h"

int transport_parse_address(const char *text,
	struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM};
	struct addrinfo *info;
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t n;

	if (colon == NULL || colon == text || colon[1] == '\0') {
		return -EINVAL;
	}
	n = (size_t)(colon - text);
	if (text[0] == '[' && n > 2 && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= sizeof(host)) {
		return -EINVAL;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &info) != 0) {
		return -EINVAL;
	}
	memcpy(ret_address, info->ai_addr, info->ai_addrlen);
	*ret_size = info->ai_addrlen;
	freeaddrinfo(info);
	return 0;
}

void transport_address_text(const struct sockaddr *address, char ret_text[64])
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(ret_text, 64, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(ret_text, 64, "%s:%u", host, ntohs(in->sin_port));
	}
}
