/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the wire of one device who has an address. */

#include "service/probe_neighbour.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "service/probe_socket.h"

/* Others' answers must not hold the loop: the rest waits for its next turn. */
#define READS_MAX 64

/* RFC 4861: nobody beyond the wire can have sent a packet that still has all of it. */
#define HOP_LIMIT 255

/* The address that the kernel would take on that device towards the target; nothing is sent. */
static int find_own(const struct checker_path *path, struct neighbour_probe *probe)
{
	const struct address *target = &probe->neighbour.target;
	int fd = probe_socket(path, target->family, SOCK_DGRAM, 0), error = 0;
	struct sockaddr_storage native;
	socklen_t length;

	if (fd < 0)
		return fd;
	probe->device_index = probe_device_index(fd);
	length = probe_native(target, 9, probe->device_index, &native);
	if (connect(fd, (struct sockaddr *)&native, length) < 0 || getsockname(fd, (struct sockaddr *)&native, &length) < 0)
		error = -errno;
	close(fd);
	probe->neighbour.own.family = target->family;
	if (target->family == IPV4)
		memcpy(probe->neighbour.own.bytes, &((struct sockaddr_in *)&native)->sin_addr, 4);
	else
		memcpy(probe->neighbour.own.bytes, &((struct sockaddr_in6 *)&native)->sin6_addr, 16);
	return error;
}

static int find_hardware(int fd, const struct checker_path *path, struct neighbour_probe *probe)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, path->device, strnlen(path->device, IF_NAMESIZE - 1));
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EOPNOTSUPP;
	memcpy(probe->neighbour.hardware, request.ifr_hwaddr.sa_data, HARDWARE_SIZE);
	return 0;
}

static struct sockaddr_ll wire_address(const struct neighbour_probe *probe)
{
	struct sockaddr_ll wire = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)probe->device_index, .sll_halen = HARDWARE_SIZE };

	memset(wire.sll_addr, 0xff, HARDWARE_SIZE);
	return wire;
}

/* The wire is full of questions and of answers to others: only replies of the target get into the socket's memory. */
static int filter_arp(int fd, const struct neighbour_probe *probe)
{
	const uint8_t *target = probe->neighbour.target.bytes;
	uint32_t sender = (uint32_t)target[0] << 24 | (uint32_t)target[1] << 16 | (uint32_t)target[2] << 8 | target[3];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sender, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ? 0 : -errno;
}

/* The protocol comes with the bind(): before it, the socket would hear every device. */
static int ask_arp(int fd, const struct checker_path *path, struct neighbour_probe *probe)
{
	struct sockaddr_ll wire = wire_address(probe);
	uint8_t packet[NEIGHBOUR_ARP_SIZE];
	int error = find_hardware(fd, path, probe);

	if (error == 0)
		error = filter_arp(fd, probe);
	if (error < 0)
		return error;
	neighbour_request(&probe->neighbour, packet);
	if (bind(fd, (struct sockaddr *)&wire, sizeof(wire)) < 0 ||
		sendto(fd, packet, sizeof(packet), MSG_NOSIGNAL, (struct sockaddr *)&wire, sizeof(wire)) < 0)
		return -errno;
	return 0;
}

static int set_solicitation(int fd, const struct neighbour_probe *probe)
{
	struct icmp6_filter filter;
	int hops = HOP_LIMIT, on = 1, index = (int)probe->device_index;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static int solicit(int fd, const struct checker_path *path, struct neighbour_probe *probe)
{
	struct address group = neighbour_group(&probe->neighbour.target);
	uint8_t packet[NEIGHBOUR_SOLICITATION_SIZE];
	struct sockaddr_storage to;
	socklen_t length = probe_native(&group, 0, probe->device_index, &to);
	struct sockaddr_in6 scoped;
	int error = find_hardware(fd, path, probe);

	if (error == 0)
		error = set_solicitation(fd, probe);
	if (error < 0)
		return error;
	memcpy(&scoped, &to, sizeof(scoped));
	scoped.sin6_scope_id = probe->device_index;
	neighbour_solicitation(&probe->neighbour, packet);
	if (sendto(fd, packet, sizeof(packet), MSG_NOSIGNAL, (struct sockaddr *)&scoped, length) < 0)
		return -errno;
	return 0;
}

int probe_neighbour_send(const struct checker_path *path, const struct address *target,
	struct neighbour_probe *ret_probe)
{
	int fd, error;

	*ret_probe = (struct neighbour_probe){ .neighbour.target = *target };
	error = find_own(path, ret_probe);
	if (error < 0)
		return error;
	if (target->family == IPV4)
		fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	else
		fd = probe_socket(path, IPV6, SOCK_RAW, IPPROTO_ICMPV6);
	if (fd < 0)
		return target->family == IPV4 ? -errno : fd;
	error = target->family == IPV4 ? ask_arp(fd, path, ret_probe) : solicit(fd, path, ret_probe);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

/* Whether all of its hop limit is left, and it came in by that device. */
static bool from_wire(struct msghdr *message, uint32_t device_index)
{
	int hops = 0;
	uint32_t index = 0;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
		struct in6_pktinfo info;

		if (item->cmsg_level != IPPROTO_IPV6)
			continue;
		if (item->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hops, CMSG_DATA(item), sizeof(hops));
		if (item->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(item), sizeof(info));
		index = info.ipi6_ifindex;
	}
	return hops == HOP_LIMIT && index == device_index;
}

static bool read_reply(const struct neighbour_probe *probe, const struct sockaddr_storage *from, const uint8_t *bytes,
	size_t length)
{
	struct sockaddr_ll wire;

	memcpy(&wire, from, sizeof(wire));
	return wire.sll_family == AF_PACKET && (uint32_t)wire.sll_ifindex == probe->device_index &&
	       wire.sll_pkttype == PACKET_HOST && neighbour_replies(&probe->neighbour, bytes, length);
}

bool probe_neighbour_read(int fd, const struct neighbour_probe *probe)
{
	bool arp = probe->neighbour.target.family == IPV4;

	for (int i = 0; i < READS_MAX; i++) {
		uint8_t bytes[128];
		uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))]
			__attribute__((aligned(_Alignof(struct cmsghdr))));
		struct sockaddr_storage from = { 0 };
		struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
		struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part,
			.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(fd, &message, 0);

		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (length < 0)
			continue;
		if (arp ? read_reply(probe, &from, bytes, (size_t)length)
			: from_wire(&message, probe->device_index) &&
			    neighbour_advertises(&probe->neighbour, bytes, (size_t)length))
			return true;
	}
	return false;
}
