/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that the kernel tracks: finds and lists those with certain marks. */

#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include "kernel/conntrack_parts.h"

struct listing {
	uint32_t mask;
	bool (*callback)(const struct connection *connection, void *data);
	void *data;
};

struct nlmsghdr *conntrack_request(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	return request;
}

void conntrack_put_mark(struct nlmsghdr *request, uint32_t value, uint32_t mask)
{
	mnl_attr_put_u32(request, CTA_MARK, htonl(value));
	mnl_attr_put_u32(request, CTA_MARK_MASK, htonl(mask));
}

static struct address read_address(const struct nf_conntrack *entry, enum family family,
	enum nf_conntrack_attr attribute)
{
	struct address address = { .family = family };
	const void *bytes = nfct_get_attr(entry, attribute);

	if (bytes != NULL)
		memcpy(address.bytes, bytes, family_size(family));
	return address;
}

static void read_ports(const struct nf_conntrack *entry, struct flow *flow)
{
	if (nfct_attr_is_set(entry, ATTR_ICMP_TYPE) > 0) {
		flow->from_port = (uint16_t)(nfct_get_attr_u8(entry, ATTR_ICMP_TYPE) << 8 |
					     nfct_get_attr_u8(entry, ATTR_ICMP_CODE));
		flow->to_port = ntohs(nfct_get_attr_u16(entry, ATTR_ICMP_ID));
	} else if (nfct_attr_is_set(entry, ATTR_ORIG_PORT_SRC) > 0) {
		flow->ports = true;
		flow->from_port = ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_SRC));
		flow->to_port = ntohs(nfct_get_attr_u16(entry, ATTR_ORIG_PORT_DST));
	}
}

static const char *read_state(const struct nf_conntrack *entry, bool answered)
{
	static const char *const names[] = {
		[TCP_CONNTRACK_SYN_SENT] = "syn-sent", [TCP_CONNTRACK_SYN_RECV] = "syn-received",
		[TCP_CONNTRACK_ESTABLISHED] = "established", [TCP_CONNTRACK_FIN_WAIT] = "fin-wait",
		[TCP_CONNTRACK_CLOSE_WAIT] = "close-wait", [TCP_CONNTRACK_LAST_ACK] = "last-ack",
		[TCP_CONNTRACK_TIME_WAIT] = "time-wait", [TCP_CONNTRACK_CLOSE] = "closed",
		[TCP_CONNTRACK_SYN_SENT2] = "syn-sent",
	};
	uint8_t state = nfct_get_attr_u8(entry, ATTR_TCP_STATE);

	if (nfct_attr_is_set(entry, ATTR_TCP_STATE) > 0 && state < sizeof(names) / sizeof(names[0]) && names[state] != NULL)
		return names[state];
	return answered ? "answered" : "unanswered";
}

/* Who answers is where it went, and whom they answer is who it seems to come from. */
static struct flow read_outside(const struct nf_conntrack *entry, const struct flow *flow)
{
	bool ipv4 = flow->family == IPV4;
	struct flow outside = *flow;

	outside.from = read_address(entry, flow->family, ipv4 ? ATTR_REPL_IPV4_DST : ATTR_REPL_IPV6_DST);
	outside.to = read_address(entry, flow->family, ipv4 ? ATTR_REPL_IPV4_SRC : ATTR_REPL_IPV6_SRC);
	if (flow->ports) {
		outside.from_port = ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_DST));
		outside.to_port = ntohs(nfct_get_attr_u16(entry, ATTR_REPL_PORT_SRC));
	}
	return outside;
}

static struct connection read_connection(const struct nf_conntrack *entry)
{
	struct connection connection = { 0 };
	enum family family = nfct_get_attr_u8(entry, ATTR_ORIG_L3PROTO) == AF_INET6 ? IPV6 : IPV4;
	struct flow *flow = &connection.flow;

	flow->family = family;
	flow->protocol = nfct_get_attr_u8(entry, ATTR_ORIG_L4PROTO);
	flow->from = read_address(entry, family, family == IPV4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC);
	flow->to = read_address(entry, family, family == IPV4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST);
	read_ports(entry, flow);
	connection.mark = nfct_get_attr_u32(entry, ATTR_MARK);
	/* What is not set reads as 0. */
	connection.bytes = nfct_get_attr_u64(entry, ATTR_ORIG_COUNTER_BYTES) +
			   nfct_get_attr_u64(entry, ATTR_REPL_COUNTER_BYTES);
	connection.id = nfct_get_attr_u32(entry, ATTR_ID);
	connection.expires_in_s = nfct_get_attr_u32(entry, ATTR_TIMEOUT);
	connection.established = (nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_SEEN_REPLY) != 0;
	connection.assured = (nfct_get_attr_u32(entry, ATTR_STATUS) & IPS_ASSURED) != 0;
	connection.state = read_state(entry, connection.established);
	connection.outside = read_outside(entry, flow);
	return connection;
}

bool conntrack_is_entry(const struct nlmsghdr *message, struct attributes *ret_attributes,
	uint32_t *ret_mark)
{
	if (message->nlmsg_type != CONNTRACK_NEW)
		return false;
	attributes_read(message, sizeof(struct nfgenmsg), ret_attributes);
	*ret_mark = ntohl(attributes_u32(ret_attributes, CTA_MARK, 0));
	return true;
}

int conntrack_parse(const struct nlmsghdr *message, struct connection *connection)
{
	struct nf_conntrack *entry = nfct_new();
	bool parsed;

	if (entry == NULL) {
		errno = ENOMEM;
		return -ENOMEM;
	}
	parsed = nfct_nlmsg_parse(message, entry) >= 0;
	if (parsed)
		*connection = read_connection(entry);
	nfct_destroy(entry);
	return parsed ? 1 : 0;
}

static int list_entry(const struct nlmsghdr *message, void *data)
{
	const struct listing *listing = data;
	struct attributes attributes;
	struct connection connection;
	uint32_t mark;
	int parsed;

	if (!conntrack_is_entry(message, &attributes, &mark) || (mark & listing->mask) == 0)
		return MNL_CB_OK;
	parsed = conntrack_parse(message, &connection);
	if (parsed <= 0)
		return parsed < 0 ? MNL_CB_ERROR : MNL_CB_OK;
	return listing->callback(&connection, listing->data) ? MNL_CB_OK : MNL_CB_STOP;
}

int conntrack_list(struct netlink *netlink, uint32_t mask,
	bool (*callback)(const struct connection *connection, void *data), void *data)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct listing listing = { .mask = mask, .callback = callback, .data = data };

	return netlink_ask(netlink, conntrack_request(buffer, CONNTRACK_GET, NLM_F_DUMP), list_entry, &listing);
}

static void set_tuple(struct nf_conntrack *entry, const struct flow *flow)
{
	bool ipv4 = flow->family == IPV4;

	nfct_set_attr_u8(entry, ATTR_ORIG_L3PROTO, ipv4 ? AF_INET : AF_INET6);
	nfct_set_attr_u8(entry, ATTR_ORIG_L4PROTO, flow->protocol);
	nfct_set_attr(entry, ipv4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, flow->from.bytes);
	nfct_set_attr(entry, ipv4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, flow->to.bytes);
	if (flow->protocol == (ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		nfct_set_attr_u8(entry, ATTR_ICMP_TYPE, (uint8_t)(flow->from_port >> 8));
		nfct_set_attr_u8(entry, ATTR_ICMP_CODE, (uint8_t)flow->from_port);
		nfct_set_attr_u16(entry, ATTR_ICMP_ID, htons(flow->to_port));
		return;
	}
	nfct_set_attr_u16(entry, ATTR_ORIG_PORT_SRC, htons(flow->from_port));
	nfct_set_attr_u16(entry, ATTR_ORIG_PORT_DST, htons(flow->to_port));
}

struct search {
	struct connection *connection;
	bool found;
};

static int found_entry(const struct nlmsghdr *message, void *data)
{
	struct search *search = data;
	struct nf_conntrack *entry = nfct_new();

	if (entry == NULL) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	if (message->nlmsg_type == CONNTRACK_NEW && nfct_nlmsg_parse(message, entry) >= 0) {
		*search->connection = read_connection(entry);
		search->found = true;
	}
	nfct_destroy(entry);
	return MNL_CB_OK;
}

int conntrack_find(struct netlink *netlink, const struct flow *flow, struct connection *ret_connection)
{
	uint8_t buffer[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct search search = { .connection = ret_connection };
	struct nf_conntrack *entry = nfct_new();
	struct nlmsghdr *header;
	int error = -ENOMEM;

	if (entry == NULL)
		return -ENOMEM;
	header = conntrack_request(buffer, CONNTRACK_GET, NLM_F_ACK);
	((struct nfgenmsg *)mnl_nlmsg_get_payload(header))->nfgen_family = flow->family == IPV4 ? AF_INET : AF_INET6;
	set_tuple(entry, flow);
	if (nfct_nlmsg_build(header, entry) >= 0)
		error = netlink_ask(netlink, header, found_entry, &search);
	nfct_destroy(entry);
	if (error < 0)
		return error;
	return search.found ? 0 : -ENOENT;
}
