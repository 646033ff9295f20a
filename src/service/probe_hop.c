/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that are to be turned back on their way, and who turned them back: the kernel reads the ICMP errors. */

#include "service/probe_hop.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

#include "service/probe_socket.h"

/* As traceroute has them. */
#define FIRST_PORT 33434

#define READS_MAX 16

static int set_hops(int fd, enum family family, int ttl)
{
	int on = 1;
	bool set = family == IPV4 ? setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)) == 0 &&
	                                    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0
	                          : setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl)) == 0 &&
	                                    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) == 0;

	return set ? 0 : -errno;
}

int probe_hop_send(const struct checker_path *path, const struct address *target, unsigned int ttl)
{
	static const char text[] = "uplinkd: which way does this go?";
	struct sockaddr_storage to;
	socklen_t length;
	int fd = probe_socket(path, target->family, SOCK_DGRAM, IPPROTO_UDP), result;

	if (fd < 0)
		return fd;
	length = probe_native(target, (uint16_t)(FIRST_PORT + ttl), probe_device_index(fd), &to);
	result = set_hops(fd, target->family, (int)ttl);
	if (result == 0 && (connect(fd, (struct sockaddr *)&to, length) < 0 || send(fd, text, sizeof(text), MSG_NOSIGNAL) < 0))
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static bool read_native(const void *bytes, size_t length, struct address *ret_address)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;

	memset(ret_address, 0, sizeof(*ret_address));
	if (length >= sizeof(ipv4)) {
		memcpy(&ipv4, bytes, sizeof(ipv4));
		if (ipv4.sin_family == AF_INET) {
			ret_address->family = IPV4;
			memcpy(ret_address->bytes, &ipv4.sin_addr, sizeof(ipv4.sin_addr));
			return true;
		}
	}
	if (length < sizeof(ipv6))
		return false;
	memcpy(&ipv6, bytes, sizeof(ipv6));
	if (ipv6.sin6_family != AF_INET6)
		return false;
	ret_address->family = IPV6;
	memcpy(ret_address->bytes, &ipv6.sin6_addr, sizeof(ipv6.sin6_addr));
	return true;
}

static bool is_own(int fd, const struct address *address)
{
	struct sockaddr_storage native = { 0 };
	socklen_t length = sizeof(native);
	struct address own;

	return getsockname(fd, (struct sockaddr *)&native, &length) == 0 && read_native(&native, length, &own)
	       && address_equal(&own, address);
}

static bool read_item(int fd, const struct cmsghdr *item, struct complaint *complaint)
{
	size_t length = item->cmsg_len - CMSG_LEN(0);
	struct sock_extended_err error;
	const uint8_t *bytes = CMSG_DATA(item);

	if (length < sizeof(error))
		return false;
	memcpy(&error, bytes, sizeof(error));
	if (error.ee_origin != SO_EE_ORIGIN_ICMP && error.ee_origin != SO_EE_ORIGIN_ICMP6)
		return false;
	if (!read_native(bytes + sizeof(error), length - sizeof(error), &complaint->from) || is_own(fd, &complaint->from))
		return false;
	complaint->mtu = error.ee_errno == EMSGSIZE ? error.ee_info : 0;
	complaint->arrived = error.ee_origin == SO_EE_ORIGIN_ICMP
	                             ? error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_PORT_UNREACH
	                             : error.ee_type == ICMP6_DST_UNREACH && error.ee_code == ICMP6_DST_UNREACH_NOPORT;
	return true;
}

bool probe_complaint_read(int fd, struct complaint *ret_complaint)
{
	for (int i = 0; i < READS_MAX; i++) {
		uint8_t control[512] __attribute__((aligned(_Alignof(struct cmsghdr))));
		uint8_t bytes[64];
		struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			.msg_controllen = sizeof(control) };

		if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0)
			return false;
		for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
			bool is_error = (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR)
			                || (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_RECVERR);

			if (is_error && read_item(fd, item, ret_complaint))
				return true;
		}
	}
	return false;
}
