/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets whose packets leave by the device of one link, whatever the routing tables prefer. */

#include "service/probe_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

int probe_socket(const struct checker_path *path, enum family family, int type, int protocol)
{
	int fd = socket(family_native(family), type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	socklen_t length = (socklen_t)strlen(path->device);
	int error;

	if (fd < 0)
		return -errno;
	/* The mark goes first: a kernel before 5.7 wants a capability for the device as well. */
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &path->mark, sizeof(path->mark)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, path->device, length) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Asked of the socket: the name may belong to another device by now, and libc would need a socket. */
uint32_t probe_device_index(int fd)
{
	uint32_t index = 0;
	socklen_t size = sizeof(index);

	return getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &index, &size) == 0 ? index : 0;
}

void probe_count(const struct checker_path *path, uint64_t bytes)
{
	if (path->bytes != NULL)
		*path->bytes += bytes;
}

static socklen_t native_ipv4(const struct address *address, uint16_t port,
	struct sockaddr_storage *ret_native)
{
	struct sockaddr_in native = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&native.sin_addr, address->bytes, sizeof(native.sin_addr));
	memcpy(ret_native, &native, sizeof(native));
	return sizeof(native);
}

static socklen_t native_ipv6(const struct address *address, uint16_t port, uint32_t device_index,
	struct sockaddr_storage *ret_native)
{
	struct sockaddr_in6 native = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&native.sin6_addr, address->bytes, sizeof(native.sin6_addr));
	if (IN6_IS_ADDR_LINKLOCAL(&native.sin6_addr))
		native.sin6_scope_id = device_index;
	memcpy(ret_native, &native, sizeof(native));
	return sizeof(native);
}

socklen_t probe_native(const struct address *address, uint16_t port, uint32_t device_index,
	struct sockaddr_storage *ret_native)
{
	memset(ret_native, 0, sizeof(*ret_native));
	return address->family == IPV4 ? native_ipv4(address, port, ret_native)
				       : native_ipv6(address, port, device_index, ret_native);
}
