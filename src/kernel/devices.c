/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads devices, their addresses and the gateways that the main table knows for them. */

#include "kernel/devices.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core/plan.h"
#include "kernel/attributes.h"

#define DUMP_TRIES 10

/* What the dumps bring, before it is known how much of it there is. */
struct found_device {
	struct found_device *next;
	struct device device;
	uint32_t metric[FAMILIES];
	bool loopback;
};

struct found_address {
	struct found_address *next;
	uint32_t device;
	struct network network;
	bool deprecated; /* others are preferred */
	bool usable; /* neither tentative nor link-local */
};

struct reading {
	struct arena *arena;
	struct found_device *devices;
	struct found_address *addresses;
	size_t device_count;
	size_t address_count;
	enum family family; /* of the routes that are being read */
};

static int no_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static struct found_device *find_index(struct reading *reading, uint32_t index)
{
	struct found_device *found = reading->devices;

	while (found != NULL && found->device.index != index)
		found = found->next;
	return found;
}

/* Tunnels and the like never tell their state (UNKNOWN): IFF_LOWER_UP alone speaks for them. */
static bool has_carrier(uint32_t flags, uint8_t state)
{
	return flags & IFF_LOWER_UP && state != IF_OPER_DOWN && state != IF_OPER_LOWERLAYERDOWN &&
	       state != IF_OPER_NOTPRESENT;
}

static void take_counters(const struct attributes *attributes, struct device *device)
{
	const struct nlattr *counters = attributes->items[IFLA_STATS64];
	struct rtnl_link_stats64 figures;

	/* Kernels add fields at the end; those that we read are the first. */
	if (counters == NULL || mnl_attr_get_payload_len(counters) < offsetof(struct rtnl_link_stats64, rx_errors))
		return;
	memcpy(&figures, mnl_attr_get_payload(counters), offsetof(struct rtnl_link_stats64, rx_errors));
	device->received = figures.rx_bytes;
	device->sent = figures.tx_bytes;
}

/* Of IPv6 a router may have said less than the device can. */
static uint32_t read_mtu6(const struct attributes *attributes)
{
	struct attributes families, inet6;
	int32_t settings[DEVCONF_MTU6 + 1];
	const struct nlattr *list;

	attributes_read_nested(attributes, IFLA_AF_SPEC, &families);
	attributes_read_nested(&families, AF_INET6, &inet6);
	list = inet6.items[IFLA_INET6_CONF];
	if (list == NULL || mnl_attr_get_payload_len(list) < sizeof(settings))
		return 0;
	memcpy(settings, mnl_attr_get_payload(list), sizeof(settings));
	return settings[DEVCONF_MTU6] > 0 ? (uint32_t)settings[DEVCONF_MTU6] : 0;
}

static void take_mtu(const struct attributes *attributes, struct device *device)
{
	uint32_t mtu6 = read_mtu6(attributes);

	device->mtu[IPV4] = device->mtu[IPV6] = attributes_u32(attributes, IFLA_MTU, 0);
	if (mtu6 != 0 && mtu6 < device->mtu[IPV6])
		device->mtu[IPV6] = mtu6;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct reading *reading = data;
	struct attributes attributes;
	struct found_device *found;
	size_t length;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	attributes_read(message, sizeof(*header), &attributes);
	if (header->ifi_index <= 0 || attributes.items[IFLA_IFNAME] == NULL)
		return MNL_CB_OK;
	found = arena_alloc(reading->arena, sizeof(*found));
	if (found == NULL)
		return no_memory();

	found->device.index = (uint32_t)header->ifi_index;
	length = mnl_attr_get_payload_len(attributes.items[IFLA_IFNAME]);
	if (length >= sizeof(found->device.name))
		length = sizeof(found->device.name) - 1;
	memcpy(found->device.name, mnl_attr_get_payload(attributes.items[IFLA_IFNAME]), length);
	found->device.up = (header->ifi_flags & IFF_UP) != 0;
	found->device.carrier =
		has_carrier(header->ifi_flags, attributes_u8(&attributes, IFLA_OPERSTATE, IF_OPER_UNKNOWN));
	take_counters(&attributes, &found->device);
	take_mtu(&attributes, &found->device);
	found->loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
	found->next = reading->devices;
	reading->devices = found;
	reading->device_count++;
	return MNL_CB_OK;
}

static bool is_link_local(const struct address *address)
{
	switch (address->family) {
	case IPV4:
		return address->bytes[0] == 169 && address->bytes[1] == 254;
	case IPV6:
		return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
	}
	return false;
}

static bool is_settled(uint32_t flags)
{
	if (flags & IFA_F_DADFAILED)
		return false;
	return !(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC;
}

static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	enum family family;
	struct reading *reading = data;
	struct attributes attributes;
	struct found_address *found;
	struct address address;

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return MNL_CB_OK;
	family = header->ifa_family == AF_INET ? IPV4 : IPV6;
	attributes_read(message, sizeof(*header), &attributes);
	/* Point to point, IFA_ADDRESS is the other end. */
	if (!attributes_address(&attributes, IFA_LOCAL, family, &address) &&
		!attributes_address(&attributes, IFA_ADDRESS, family, &address))
		return MNL_CB_OK;
	found = arena_alloc(reading->arena, sizeof(*found));
	if (found == NULL)
		return no_memory();

	found->device = header->ifa_index;
	found->network = (struct network){ .address = address, .length = header->ifa_prefixlen };
	found->deprecated = (attributes_u32(&attributes, IFA_FLAGS, header->ifa_flags) & IFA_F_DEPRECATED) != 0;
	found->usable = !is_link_local(&address) &&
			is_settled(attributes_u32(&attributes, IFA_FLAGS, header->ifa_flags));
	found->next = reading->addresses;
	reading->addresses = found;
	reading->address_count++;
	return MNL_CB_OK;
}

/* gateway NULL: the device alone. */
static void offer_gateway(struct reading *reading, uint32_t index, uint32_t metric,
	const struct address *gateway)
{
	struct found_device *found = find_index(reading, index);
	enum family family = reading->family;

	if (found == NULL || (found->device.has_gateway[family] && found->metric[family] <= metric))
		return;
	found->device.has_gateway[family] = true;
	found->device.gateway[family] = (struct address){ .family = family };
	if (gateway != NULL)
		found->device.gateway[family] = *gateway;
	found->metric[family] = metric;
}

/* Of a next hop, or of a route that has one only: both say it in the same words. */
static void take_hop(struct reading *reading, uint32_t index, uint32_t metric,
	const struct attributes *attributes)
{
	struct address gateway;
	bool via = attributes_address(attributes, RTA_GATEWAY, reading->family, &gateway);

	/* An IPv4 route by an IPv6 gateway: nothing that can be said in one family. */
	if (attributes->items[RTA_VIA] != NULL)
		return;
	offer_gateway(reading, index, metric, via ? &gateway : NULL);
}

static void take_hops(struct reading *reading, const struct nlattr *attribute, uint32_t metric)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
	int left = mnl_attr_get_payload_len(attribute);

	while (left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		struct attributes attributes;

		attributes_read_bytes(hop + 1, hop->rtnh_len - sizeof(*hop), &attributes);
		take_hop(reading, (uint32_t)hop->rtnh_ifindex, metric, &attributes);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = (const void *)((const uint8_t *)hop + RTNH_ALIGN(hop->rtnh_len));
	}
}

static bool is_default_of_others(const struct reading *reading, const struct rtmsg *header,
	const struct attributes *attributes)
{
	return header->rtm_family == family_native(reading->family) && header->rtm_dst_len == 0 &&
	       header->rtm_type == RTN_UNICAST && !(header->rtm_flags & RTM_F_CLONED) &&
	       header->rtm_protocol != PLAN_ROUTE_PROTOCOL &&
	       attributes_u32(attributes, RTA_TABLE, header->rtm_table) == RT_TABLE_MAIN;
}

/* Of a default route that is only for sources of a prefix. */
static void take_prefix(struct reading *reading, const struct rtmsg *header, const struct attributes *attributes)
{
	struct found_device *found = find_index(reading, attributes_u32(attributes, RTA_OIF, 0));
	struct address source;

	if (found == NULL || header->rtm_src_len == 0 || !attributes_address(attributes, RTA_SRC, reading->family, &source))
		return;
	found->device.has_prefix = true;
	found->device.prefix = network_around(&source, header->rtm_src_len);
}

/* A router that advertised itself and was not heard again: the kernel takes its route away up to a minute later. */
static bool is_expired(const struct attributes *attributes)
{
	const struct nlattr *attribute = attributes->items[RTA_CACHEINFO];
	struct rta_cacheinfo info;

	if (attribute == NULL || mnl_attr_get_payload_len(attribute) < sizeof(info))
		return false;
	memcpy(&info, mnl_attr_get_payload(attribute), sizeof(info));
	return info.rta_expires < 0;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct reading *reading = data;
	struct attributes attributes;
	uint32_t metric;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	attributes_read(message, sizeof(*header), &attributes);
	if (!is_default_of_others(reading, header, &attributes))
		return MNL_CB_OK;
	if (is_expired(&attributes))
		return MNL_CB_OK;
	take_prefix(reading, header, &attributes);
	metric = attributes_u32(&attributes, RTA_PRIORITY, 0);
	if (attributes.items[RTA_MULTIPATH] != NULL)
		take_hops(reading, attributes.items[RTA_MULTIPATH], metric);
	else
		take_hop(reading, attributes_u32(&attributes, RTA_OIF, 0), metric, &attributes);
	return MNL_CB_OK;
}

/* All three requests are a fixed header whose first byte is the family. */
static int dump(struct netlink *netlink, uint16_t type, int native, size_t size, mnl_cb_t callback,
	struct reading *reading)
{
	uint8_t buffer[MNL_NLMSG_HDRLEN + 64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	uint8_t *header = mnl_nlmsg_put_extra_header(request, size);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header[0] = (uint8_t)native;
	return netlink_ask(netlink, request, callback, reading);
}

static int dump_routes(struct netlink *netlink, struct reading *reading, enum family family)
{
	int error;

	reading->family = family;
	error = dump(netlink, RTM_GETROUTE, family_native(family), sizeof(struct rtmsg), take_route, reading);
	if (family == IPV6 && (error == -EAFNOSUPPORT || error == -EOPNOTSUPP))
		return 0; /* a kernel without IPv6 */
	return error;
}

static int dump_all(struct netlink *netlink, struct reading *reading)
{
	int error = dump(netlink, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, reading);

	if (error == 0)
		error = dump(netlink, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), take_address, reading);
	if (error == 0)
		error = dump_routes(netlink, reading, IPV4);
	if (error == 0)
		error = dump_routes(netlink, reading, IPV6);
	return error;
}

/* The kernel owns the whole network of an IPv4 address of lo, not the address alone. */
static struct network local_network(struct reading *reading, const struct found_address *found)
{
	const struct found_device *device = find_index(reading, found->device);
	bool whole = device != NULL && device->loopback;

	return network_around(&found->network.address, whole ? found->network.length : UINT8_MAX);
}

static bool belongs(const struct found_address *found, const struct device *device)
{
	return found->usable && found->device == device->index;
}

/* Found last to first; the result is in the kernel's order, so the primary address comes first, and deprecated ones last. */
static int fill_addresses(struct reading *reading, struct device *device)
{
	size_t count = 0;

	for (struct found_address *found = reading->addresses; found != NULL; found = found->next)
		count += belongs(found, device);
	device->addresses.items = arena_array(reading->arena, count, sizeof(struct network));
	if (device->addresses.items == NULL)
		return -ENOMEM;
	device->addresses.count = count;
	for (int deprecated = 1; deprecated >= 0; deprecated--) {
		for (struct found_address *found = reading->addresses; found != NULL; found = found->next) {
			if (belongs(found, device) && found->deprecated == deprecated)
				device->addresses.items[--count] = found->network;
		}
	}
	return 0;
}

static int fill(struct reading *reading, struct devices *devices)
{
	size_t at = reading->device_count, address = reading->address_count;

	devices->items = arena_array(reading->arena, at, sizeof(*devices->items));
	devices->local.items = arena_array(reading->arena, address, sizeof(*devices->local.items));
	if (devices->items == NULL || devices->local.items == NULL)
		return -ENOMEM;
	for (struct found_device *found = reading->devices; found != NULL; found = found->next) {
		if (fill_addresses(reading, &found->device) < 0)
			return -ENOMEM;
		devices->items[--at] = found->device;
	}
	devices->count = reading->device_count;
	for (struct found_address *found = reading->addresses; found != NULL; found = found->next)
		devices->local.items[--address] = local_network(reading, found);
	devices->local.count = reading->address_count;
	return 0;
}

static int read_once(struct netlink *netlink, struct devices **ret_devices)
{
	struct reading reading = { .arena = arena_new() };
	struct devices *devices;
	int error = -ENOMEM;

	if (reading.arena == NULL)
		return -ENOMEM;
	devices = arena_alloc(reading.arena, sizeof(*devices));
	if (devices == NULL)
		goto fail;
	devices->arena = reading.arena;
	error = dump_all(netlink, &reading);
	if (error == 0)
		error = fill(&reading, devices);
	if (error < 0)
		goto fail;
	*ret_devices = devices;
	return 0;

fail:
	arena_free(reading.arena);
	return error;
}

int devices_read(struct netlink *netlink, struct devices **ret_devices)
{
	int error = -EINTR;

	for (int i = 0; error == -EINTR && i < DUMP_TRIES; i++)
		error = read_once(netlink, ret_devices);
	return error;
}

void devices_free(struct devices *devices)
{
	if (devices != NULL)
		arena_free(devices->arena);
}

const struct device *devices_find(const struct devices *devices, const char *name)
{
	for (size_t i = 0; i < devices->count; i++) {
		if (strcmp(devices->items[i].name, name) == 0)
			return &devices->items[i];
	}
	return NULL;
}

const struct device *devices_by_index(const struct devices *devices, uint32_t index)
{
	for (size_t i = 0; i < devices->count; i++) {
		if (devices->items[i].index == index)
			return &devices->items[i];
	}
	return NULL;
}

/* What one look at a device tells. */
struct glance {
	struct device device;
	bool seen;
};

static int take_glance(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct attributes attributes;
	struct glance *glance = data;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	attributes_read(message, sizeof(*header), &attributes);
	glance->seen = true;
	glance->device.carrier =
		has_carrier(header->ifi_flags, attributes_u8(&attributes, IFLA_OPERSTATE, IF_OPER_UNKNOWN));
	take_counters(&attributes, &glance->device);
	return MNL_CB_OK;
}

int devices_glance(struct netlink *netlink, uint32_t index, uint64_t *ret_received, uint64_t *ret_sent)
{
	uint8_t buffer[64] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct glance glance = { 0 };
	struct ifinfomsg *header;
	int error;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)index;
	error = netlink_ask(netlink, request, take_glance, &glance);
	if (error < 0)
		return error;
	if (glance.seen) {
		*ret_received = glance.device.received;
		*ret_sent = glance.device.sent;
	}
	return glance.device.carrier;
}
