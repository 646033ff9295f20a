/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps rules and routes, keeps ours, and compares them with the plan's by content. */

#include "kernel/routes_read.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/attributes.h"

#define DUMP_TRIES 10

/* The metric that the kernel gives to IPv6 routes that ask for none. */
#define IPV6_METRIC 1024

/* What no rule or route of ours has. Others are let be: newer kernels may tell more of every one. */
static const uint8_t foreign_rule_attributes[] = {
	FRA_DST, FRA_GOTO, FRA_FLOW, FRA_TUN_ID, FRA_SUPPRESS_IFGROUP, FRA_L3MDEV,
	FRA_UID_RANGE, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE,
};
static const uint8_t foreign_route_attributes[] = { RTA_MULTIPATH, RTA_VIA, RTA_ENCAP, RTA_SRC };

static bool has_any(const struct attributes *attributes, const uint8_t *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (attributes->items[types[i]] != NULL)
			return true;
	}
	return false;
}

static struct nlmsghdr *copy_message(struct present *present, const struct nlmsghdr *message)
{
	struct nlmsghdr *copy = arena_alloc(present->arena, message->nlmsg_len);

	if (copy != NULL)
		memcpy(copy, message, message->nlmsg_len);
	return copy;
}

static int no_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static void read_route(struct present_route *item, const struct rtmsg *header,
	const struct attributes *attributes)
{
	struct plan_route *route = &item->route;
	uint32_t metric = attributes_u32(attributes, RTA_PRIORITY, 0);
	struct attributes metrics;

	route->family = header->rtm_family == AF_INET ? IPV4 : IPV6;
	route->table = attributes_u32(attributes, RTA_TABLE, header->rtm_table);
	route->device_index = attributes_u32(attributes, RTA_OIF, 0);
	attributes_read_nested(attributes, RTA_METRICS, &metrics);
	route->mtu = attributes_u32(&metrics, RTAX_MTU, 0);
	route->via = attributes_address(attributes, RTA_GATEWAY, route->family, &route->gateway);
	route->unreachable = header->rtm_type == RTN_UNREACHABLE;
	route->to.length = header->rtm_dst_len;
	attributes_address(attributes, RTA_DST, route->family, &route->to.address);
	attributes_address(attributes, RTA_PREFSRC, route->family, &route->source);
	item->plain = (header->rtm_type == RTN_UNICAST || route->unreachable) &&
		      header->rtm_tos == 0 && metric == (route->family == IPV4 ? 0 : IPV6_METRIC) &&
		      route->via == ((header->rtm_flags & RTNH_F_ONLINK) != 0) &&
		      !has_any(attributes, foreign_route_attributes, sizeof(foreign_route_attributes));
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct present *present = data;
	struct attributes attributes;
	struct present_route *item;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	if (header->rtm_protocol != PLAN_ROUTE_PROTOCOL || header->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return MNL_CB_OK;
	item = arena_alloc(present->arena, sizeof(*item));
	if (item == NULL || (item->message = copy_message(present, message)) == NULL)
		return no_memory();

	attributes_read(message, sizeof(*header), &attributes);
	read_route(item, header, &attributes);
	item->next = present->routes;
	present->routes = item;
	return MNL_CB_OK;
}

static enum rule_verdict read_verdict(uint8_t action, uint32_t suppress)
{
	if (action == FR_ACT_UNREACHABLE)
		return RULE_UNREACHABLE;
	return suppress == UINT32_MAX ? RULE_LOOKUP : RULE_LOOKUP_SPECIFIC;
}

static void read_rule(struct present_rule *item, const struct fib_rule_hdr *header,
	const struct attributes *attributes)
{
	struct plan_rule *rule = &item->rule;
	uint32_t suppress = attributes_u32(attributes, FRA_SUPPRESS_PREFIXLEN, UINT32_MAX);

	rule->family = header->family == AF_INET ? IPV4 : IPV6;
	rule->priority = attributes_u32(attributes, FRA_PRIORITY, 0);
	rule->verdict = read_verdict(header->action, suppress);
	rule->table = attributes_u32(attributes, FRA_TABLE, header->table);
	rule->mark = attributes_u32(attributes, FRA_FWMARK, 0);
	rule->mask = attributes_u32(attributes, FRA_FWMASK, 0);
	rule->local_only = attributes->items[FRA_IIFNAME] != NULL;
	rule->has_source = attributes_address(attributes, FRA_SRC, rule->family, &rule->source.address);
	rule->source.length = header->src_len;
	item->plain = header->dst_len == 0 && header->tos == 0 && !(header->flags & FIB_RULE_INVERT) &&
		      (header->action == FR_ACT_TO_TBL || header->action == FR_ACT_UNREACHABLE) &&
		      (suppress == UINT32_MAX || suppress == 0) &&
		      (!rule->local_only || attributes_is_text(attributes, FRA_IIFNAME, "lo")) &&
		      !has_any(attributes, foreign_rule_attributes, sizeof(foreign_rule_attributes));
}

/* The message is read into the same place as the next one. */
static bool keep_device_out(struct present *present, struct present_rule *item, const struct nlattr *attribute)
{
	const char *name;

	if (attribute == NULL)
		return true;
	name = mnl_attr_get_payload(attribute);
	item->rule.device_out = arena_text(present->arena, name, strnlen(name, mnl_attr_get_payload_len(attribute)));
	return item->rule.device_out != NULL;
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	struct present *present = data;
	struct attributes attributes;
	struct present_rule *item;

	if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	if (header->family != AF_INET && header->family != AF_INET6)
		return MNL_CB_OK;
	attributes_read(message, sizeof(*header), &attributes);
	if (attributes_u8(&attributes, FRA_PROTOCOL, 0) != PLAN_ROUTE_PROTOCOL)
		return MNL_CB_OK;
	item = arena_alloc(present->arena, sizeof(*item));
	if (item == NULL || (item->message = copy_message(present, message)) == NULL)
		return no_memory();

	read_rule(item, header, &attributes);
	if (!keep_device_out(present, item, attributes.items[FRA_OIFNAME]))
		return no_memory();
	item->next = present->rules;
	present->rules = item;
	return MNL_CB_OK;
}

static int dump_routes(struct netlink *netlink, struct present *present, int native)
{
	uint8_t buffer[MNL_NLMSG_HDRLEN + sizeof(struct rtmsg)] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->rtm_family = (uint8_t)native;
	header->rtm_protocol = PLAN_ROUTE_PROTOCOL; /* kernels since 4.20 send no others then */
	return netlink_ask(netlink, request, take_route, present);
}

static int dump_rules(struct netlink *netlink, struct present *present, int native)
{
	uint8_t buffer[MNL_NLMSG_HDRLEN + sizeof(struct fib_rule_hdr)]
		__attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = RTM_GETRULE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->family = (uint8_t)native;
	return netlink_ask(netlink, request, take_rule, present);
}

static int dump_family(struct netlink *netlink, struct present *present, enum family family)
{
	int error = dump_rules(netlink, present, family_native(family));

	if (error == 0)
		error = dump_routes(netlink, present, family_native(family));
	if (family == IPV6 && (error == -EAFNOSUPPORT || error == -EOPNOTSUPP))
		return 0; /* a kernel without IPv6 */
	return error;
}

static int read_once(struct netlink *netlink, struct present *present)
{
	int error;

	*present = (struct present){ .arena = arena_new() };
	if (present->arena == NULL)
		return -ENOMEM;
	error = dump_family(netlink, present, IPV4);
	return error < 0 ? error : dump_family(netlink, present, IPV6);
}

int present_read(struct netlink *netlink, struct present *ret_present)
{
	int error = read_once(netlink, ret_present);

	for (int i = 1; error == -EINTR && i < DUMP_TRIES; i++) {
		present_free(ret_present);
		error = read_once(netlink, ret_present);
	}
	return error;
}

void present_free(struct present *present)
{
	arena_free(present->arena);
	*present = (struct present){ 0 };
}

/* All zero bytes are none, of whatever family. */
static bool same_address(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool present_is_route(const struct present_route *present, const struct plan_route *route)
{
	const struct plan_route *other = &present->route;

	return present->plain && other->family == route->family && other->table == route->table &&
	       other->unreachable == route->unreachable && (route->unreachable || other->device_index == route->device_index) &&
	       other->to.length == route->to.length && same_address(&other->to.address, &route->to.address) &&
	       same_address(&other->source, &route->source) && other->mtu == route->mtu && other->via == route->via &&
	       (!route->via || address_equal(&other->gateway, &route->gateway));
}

bool present_is_rule(const struct present_rule *present, const struct plan_rule *rule)
{
	const struct plan_rule *other = &present->rule;

	return present->plain && other->family == rule->family && other->priority == rule->priority &&
	       other->verdict == rule->verdict && other->mark == rule->mark && other->mask == rule->mask &&
	       (rule->verdict == RULE_UNREACHABLE || other->table == rule->table) &&
	       other->local_only == rule->local_only && same_name(other->device_out, rule->device_out) && other->has_source == rule->has_source &&
	       (!rule->has_source || network_equal(&other->source, &rule->source));
}
