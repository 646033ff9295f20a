/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An echo request, and the one packet that counts as its answer. */

#include "service/probe_ping.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <uv.h>

#include "service/probe_socket.h"

/* An echo message begins alike in both families: type, code, checksum, identifier, sequence. */
#define ECHO_HEADER_SIZE       8
#define ECHO_CHECKSUM_OFFSET   2
#define ECHO_IDENTIFIER_OFFSET 4
#define ECHO_SEQUENCE_OFFSET   6

/* Some paths do not answer to messages that carry next to nothing. */
#define ECHO_SIZE         PING_SIZE

#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40

/* A flood of answers must not hold the loop: the rest waits for its next turn. */
#define READS_MAX 64

static const uint8_t request_type[FAMILIES] = { ICMP_ECHO, ICMP6_ECHO_REQUEST };
static const uint8_t reply_type[FAMILIES] = { ICMP_ECHOREPLY, ICMP6_ECHO_REPLY };

static void put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* RFC 1071; size is even. */
static uint16_t checksum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i += 2)
		sum += get16(bytes + i);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)~(sum + (sum >> 16));
}

/*
 * Only replies whose cookie begins as ours does get into the socket's memory, so that a flood of
 * others cannot push the answer out. A raw socket of IPv4 sees the IP header first, one of IPv6 does not.
 */
static int attach_filter(int fd, const struct ping *ping)
{
	uint32_t cookie = (uint32_t)get16(ping->cookie) << 16 | get16(ping->cookie + 2);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_IMM, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, reply_type[ping->target.family], 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, ECHO_HEADER_SIZE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, cookie, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	if (ping->target.family == IPV4)
		code[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ? 0 : -errno;
}

static int ask_for_device(int fd, enum family family)
{
	int level = family == IPV4 ? IPPROTO_IP : IPPROTO_IPV6;
	int option = family == IPV4 ? IP_PKTINFO : IPV6_RECVPKTINFO;
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0 ? 0 : -errno;
}

/* Of ECHO_SIZE at least, of PING_SIZE_MAX at most; even. */
static int send_request(int fd, struct ping *ping, size_t size)
{
	uint8_t message[PING_SIZE_MAX] = { request_type[ping->target.family] };
	struct sockaddr_storage to;
	socklen_t length = probe_native(&ping->target, 0, ping->device_index, &to);

	put16(message + ECHO_IDENTIFIER_OFFSET, ping->identifier);
	put16(message + ECHO_SEQUENCE_OFFSET, ping->sequence);
	memcpy(message + ECHO_HEADER_SIZE, ping->cookie, PING_COOKIE_SIZE);
	if (ping->target.family == IPV4) /* of ICMPv6 the kernel does it */
		put16(message + ECHO_CHECKSUM_OFFSET, checksum(message, size));
	ping->sent_ns = uv_hrtime();
	if (sendto(fd, message, size, MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0)
		return -errno;
	return 0;
}

static int fill(struct ping *ping, const struct address *target, uint16_t sequence, uint32_t device_index)
{
	*ping = (struct ping){ .target = *target, .sequence = sequence, .device_index = device_index };
	if (getrandom(ping->cookie, sizeof(ping->cookie), 0) != sizeof(ping->cookie) ||
		getrandom(&ping->identifier, sizeof(ping->identifier), 0) != sizeof(ping->identifier))
		return -EAGAIN;
	return 0;
}

/* DF is set, and answers of routers that it was too big are kept for who asks for them. */
static int forbid_fragments(int fd, enum family family)
{
	int ipv4 = IP_PMTUDISC_PROBE, ipv6 = IPV6_PMTUDISC_PROBE, on = 1;
	bool set = family == IPV4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &ipv4, sizeof(ipv4)) == 0 &&
	                                    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0
	                          : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &ipv6, sizeof(ipv6)) == 0 &&
	                                    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on)) == 0;

	return set ? 0 : -errno;
}

static int send_by(const struct checker_path *path, const struct address *target, uint16_t sequence, size_t size,
	bool whole, struct ping *ret_ping)
{
	int protocol = target->family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int fd = probe_socket(path, target->family, SOCK_RAW, protocol), result;

	if (fd < 0)
		return fd;
	result = fill(ret_ping, target, sequence, probe_device_index(fd));
	if (result == 0)
		result = attach_filter(fd, ret_ping);
	if (result == 0)
		result = ask_for_device(fd, target->family);
	if (result == 0 && whole)
		result = forbid_fragments(fd, target->family);
	if (result == 0)
		result = send_request(fd, ret_ping, size);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

int probe_ping_send(const struct checker_path *path, const struct address *target, uint16_t sequence,
	struct ping *ret_ping)
{
	return send_by(path, target, sequence, ECHO_SIZE, false, ret_ping);
}

int probe_ping_send_sized(const struct checker_path *path, const struct address *target, uint16_t sequence,
	size_t size, struct ping *ret_ping)
{
	size_t header = target->family == IPV4 ? IPV4_HEADER_SIZE : IPV6_HEADER_SIZE;

	if (size < header + ECHO_SIZE || size > PING_SIZE_MAX || size % 2 != 0)
		return -EINVAL;
	return send_by(path, target, sequence, size - header, true, ret_ping);
}

/* Index of the device that a packet came in by, or 0. */
static uint32_t arrival(struct msghdr *message)
{
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
		if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(item), sizeof(info));
			return (uint32_t)info.ipi_ifindex;
		}
		if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(item), sizeof(info));
			return info.ipi6_ifindex;
		}
	}
	return 0;
}

static bool comes_from(const struct sockaddr_storage *native, const struct address *target)
{
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;

	if (native->ss_family != family_native(target->family))
		return false;
	memcpy(&ipv4, native, sizeof(ipv4));
	memcpy(&ipv6, native, sizeof(ipv6));
	return target->family == IPV4 ? memcmp(&ipv4.sin_addr, target->bytes, sizeof(ipv4.sin_addr)) == 0
				      : memcmp(&ipv6.sin6_addr, target->bytes, sizeof(ipv6.sin6_addr)) == 0;
}

bool probe_ping_matches(const struct ping *ping, const uint8_t *bytes, size_t length)
{
	size_t header = 0;

	if (ping->target.family == IPV4)
		header = length > 0 ? (size_t)(bytes[0] & 0x0f) * 4 : 0;
	if (length < header + ECHO_HEADER_SIZE + PING_COOKIE_SIZE)
		return false;
	bytes += header;
	return bytes[0] == reply_type[ping->target.family] && bytes[1] == 0 &&
	       get16(bytes + ECHO_IDENTIFIER_OFFSET) == ping->identifier &&
	       get16(bytes + ECHO_SEQUENCE_OFFSET) == ping->sequence &&
	       memcmp(bytes + ECHO_HEADER_SIZE, ping->cookie, PING_COOKIE_SIZE) == 0;
}

bool probe_ping_read(int fd, const struct ping *ping)
{
	for (int i = 0; i < READS_MAX; i++) {
		uint8_t bytes[256];
		uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))]
			__attribute__((aligned(_Alignof(struct cmsghdr))));
		struct sockaddr_storage from = { 0 };
		struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
		struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part,
			.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(fd, &message, 0);

		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (length < 0 || !comes_from(&from, &ping->target) || arrival(&message) != ping->device_index)
			continue;
		if (probe_ping_matches(ping, bytes, (size_t)length))
			return true;
	}
	return false;
}
