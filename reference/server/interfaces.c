/* SPDX-License-Identifier: MIT */
/*
 * The network interfaces that a client is told of: [MS-SMB2] 2.2.32.5,
 * 3.3.5.15.11.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "server/server.h"

#define DEFAULT_SPEED 1000000000ull

/* Of virtual interfaces the kernel does not know it. */
static uint64_t speed_of(const char *name)
{
	char path[128];
	long long megabits = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/speed", name);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fscanf(file, "%lld", &megabits) != 1) {
			megabits = 0;
		}
		fclose(file);
	}
	return megabits > 0 ? (uint64_t)megabits * 1000000 : DEFAULT_SPEED;
}

static bool fill(const struct ifaddrs *from, struct engine_interface *interface)
{
	const struct sockaddr_in *in = (const void *)from->ifa_addr;
	const struct sockaddr_in6 *in6 = (const void *)from->ifa_addr;

	memset(interface, 0, sizeof(*interface));
	if (from->ifa_addr->sa_family == AF_INET) {
		memcpy(interface->address, &in->sin_addr, 4);
	} else if (from->ifa_addr->sa_family == AF_INET6 &&
		   !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
		memcpy(interface->address, &in6->sin6_addr, 16);
	} else {
		return false;
	}
	interface->family = (uint8_t)from->ifa_addr->sa_family;
	interface->index = if_nametoindex(from->ifa_name);
	interface->speed = speed_of(from->ifa_name);
	return true;
}

unsigned int interfaces_list(
	struct engine_interface *ret_list, unsigned int max, bool loopback)
{
	struct ifaddrs *all;
	unsigned int count = 0;

	if (getifaddrs(&all) < 0) {
		return 0;
	}
	for (struct ifaddrs *i = all; i != NULL && count < max;
		i = i->ifa_next) {
		bool is_loopback = i->ifa_flags & IFF_LOOPBACK;

		if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) &&
			is_loopback == loopback && fill(i, &ret_list[count])) {
			count++;
		}
	}
	freeifaddrs(all);
	return count;
}
