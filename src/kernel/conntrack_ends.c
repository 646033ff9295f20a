/* SPDX-License-Identifier: GPL-2.0-or-later */
/* News of connections that the kernel forgets, on a socket of its own. */

#include "kernel/conntrack_ends.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/attributes.h"
#include "kernel/hearing.h"

/* One event is some 300 bytes; each takes about 1 KB of the socket's buffer. */
#define EVENT_MAX    2048
#define BATCH        64
#define BUFFER_BYTES (32 * 1024 * 1024)

#define DELETE_TYPE (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE)

struct conntrack_ends {
	struct mnl_socket *socket;
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_nl senders[BATCH];
	struct event {
		uint8_t bytes[EVENT_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	} events[BATCH];
};

int conntrack_ends_fd(const struct conntrack_ends *ends)
{
	return mnl_socket_get_fd(ends->socket);
}

int conntrack_ends_open(struct conntrack_ends **ret_ends)
{
	struct conntrack_ends *ends = calloc(1, sizeof(*ends));
	int error;

	if (ends == NULL)
		return -ENOMEM;
	hearing_lay_out(ends->messages, ends->vectors, ends->senders, ends->events[0].bytes, sizeof(ends->events[0]), BATCH);
	ends->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (ends->socket == NULL || mnl_socket_bind(ends->socket, NF_NETLINK_CONNTRACK_DESTROY, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		conntrack_ends_close(ends);
		return error;
	}
	hearing_size_buffer(conntrack_ends_fd(ends), BUFFER_BYTES);
	*ret_ends = ends;
	return 0;
}

void conntrack_ends_close(struct conntrack_ends *ends)
{
	if (ends == NULL)
		return;
	if (ends->socket != NULL)
		mnl_socket_close(ends->socket);
	free(ends);
}

static uint16_t port_of(const struct attributes *attributes, unsigned int type)
{
	const struct nlattr *attribute = attributes->items[type];
	uint16_t port = 0;

	if (attribute != NULL && mnl_attr_get_payload_len(attribute) >= sizeof(port))
		memcpy(&port, mnl_attr_get_payload(attribute), sizeof(port));
	return ntohs(port);
}

static uint64_t bytes_of(const struct attributes *attributes, unsigned int type)
{
	struct attributes counters;
	const struct nlattr *attribute;
	uint64_t bytes = 0;

	attributes_read_nested(attributes, type, &counters);
	attribute = counters.items[CTA_COUNTERS_BYTES];
	if (attribute != NULL && mnl_attr_get_payload_len(attribute) >= sizeof(bytes))
		memcpy(&bytes, mnl_attr_get_payload(attribute), sizeof(bytes));
	return be64toh(bytes);
}

static bool read_addresses(const struct attributes *tuple, struct flow *flow)
{
	struct attributes ip;

	attributes_read_nested(tuple, CTA_TUPLE_IP, &ip);
	if (attributes_address(&ip, CTA_IP_V4_SRC, IPV4, &flow->from) && attributes_address(&ip, CTA_IP_V4_DST, IPV4, &flow->to)) {
		flow->family = IPV4;
		return true;
	}
	flow->family = IPV6;
	return attributes_address(&ip, CTA_IP_V6_SRC, IPV6, &flow->from)
	       && attributes_address(&ip, CTA_IP_V6_DST, IPV6, &flow->to);
}

/* As packet_parse() fills them. */
static void read_ports(const struct attributes *protocol, struct flow *flow)
{
	bool four = flow->family == IPV4;

	flow->protocol = attributes_u8(protocol, CTA_PROTO_NUM, 0);
	if (protocol->items[CTA_PROTO_SRC_PORT] != NULL) {
		flow->ports = true;
		flow->from_port = port_of(protocol, CTA_PROTO_SRC_PORT);
		flow->to_port = port_of(protocol, CTA_PROTO_DST_PORT);
	} else if (protocol->items[four ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE] != NULL) {
		flow->from_port = (uint16_t)(attributes_u8(protocol, four ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, 0) << 8
			| attributes_u8(protocol, four ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, 0));
		flow->to_port = port_of(protocol, four ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID);
	}
}

static bool read_tuple(const struct attributes *attributes, unsigned int type, struct flow *flow)
{
	struct attributes tuple, protocol;

	attributes_read_nested(attributes, type, &tuple);
	attributes_read_nested(&tuple, CTA_TUPLE_PROTO, &protocol);
	if (!read_addresses(&tuple, flow))
		return false;
	read_ports(&protocol, flow);
	return true;
}

bool conntrack_ends_parse(const uint8_t *bytes, size_t length, uint32_t mask, struct connection_end *ret_end)
{
	const struct nlmsghdr *message = (const void *)bytes;
	struct attributes attributes;
	struct connection_end end = { 0 };

	if (length > INT32_MAX || !mnl_nlmsg_ok(message, (int)length) || message->nlmsg_type != DELETE_TYPE)
		return false;
	attributes_read(message, sizeof(struct nfgenmsg), &attributes);
	end.mark = ntohl(attributes_u32(&attributes, CTA_MARK, 0));
	if ((end.mark & mask) == 0)
		return false;
	if (!read_tuple(&attributes, CTA_TUPLE_ORIG, &end.flow) || !read_tuple(&attributes, CTA_TUPLE_REPLY, &end.back))
		return false;
	end.bytes = bytes_of(&attributes, CTA_COUNTERS_ORIG);
	end.back_bytes = bytes_of(&attributes, CTA_COUNTERS_REPLY);
	*ret_end = end;
	return true;
}

/* Each datagram holds one event. */
int conntrack_ends_receive(struct conntrack_ends *ends, uint32_t mask,
	void (*callback)(const struct connection_end *end, void *data), void *data)
{
	struct connection_end end;
	int count;

	do
		count = recvmmsg(conntrack_ends_fd(ends), ends->messages, BATCH, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		if (hearing_is_from_kernel(&ends->messages[i].msg_hdr)
		    && conntrack_ends_parse(ends->events[i].bytes, ends->messages[i].msg_len, mask, &end))
			callback(&end, data);
	}
	return count == BATCH;
}
