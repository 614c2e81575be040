/* SPDX-License-Identifier: MIT */
/* Addresses to listen on, as they are written in settings. */
#include <errno.h>
#include <netdb.h>
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
