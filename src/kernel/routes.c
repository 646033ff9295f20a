/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the kernel's policy routing what the plan says: the difference only, ours only. */

#include "kernel/routes.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/routes_read.h"

/* A change can uncover another one (one of several next hops at once); more rounds mean a dispute. */
#define ROUNDS     3
#define OBJECT_MAX 160

struct work {
	struct netlink *netlink;
	const struct plan *plan;
	struct present present;
	struct routes_changes changes;
	int error; /* the first */
	char *message;
	size_t size;
};

static void put_address(struct nlmsghdr *request, uint16_t type, const struct address *address)
{
	mnl_attr_put(request, type, family_size(address->family), address->bytes);
}

/* Appended, not exclusive: while the gateway changes, the old route stands until the new one does. */
static struct nlmsghdr *build_route(void *buffer, const struct plan_route *route)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	struct nlattr *metrics;

	request->nlmsg_type = RTM_NEWROUTE;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_APPEND;
	header->rtm_family = (uint8_t)family_native(route->family);
	header->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC;
	header->rtm_protocol = PLAN_ROUTE_PROTOCOL;
	header->rtm_type = route->unreachable ? RTN_UNREACHABLE : RTN_UNICAST;
	header->rtm_dst_len = route->to.length;
	header->rtm_scope = route->via || route->unreachable || route->family == IPV6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	/* No other table needs to know a way to the gateway. */
	header->rtm_flags = route->via ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(request, RTA_TABLE, route->table);
	if (!route->unreachable)
		mnl_attr_put_u32(request, RTA_OIF, route->device_index);
	if (route->to.length > 0)
		put_address(request, RTA_DST, &route->to.address);
	if (!address_is_zero(&route->source))
		put_address(request, RTA_PREFSRC, &route->source);
	if (route->via)
		put_address(request, RTA_GATEWAY, &route->gateway);
	if (route->mtu != 0) {
		metrics = mnl_attr_nest_start(request, RTA_METRICS);
		mnl_attr_put_u32(request, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(request, metrics);
	}
	return request;
}

static struct nlmsghdr *build_rule(void *buffer, const struct plan_rule *rule)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	bool lookup = rule->verdict != RULE_UNREACHABLE;

	request->nlmsg_type = RTM_NEWRULE;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	header->family = (uint8_t)family_native(rule->family);
	header->action = lookup ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE;
	mnl_attr_put_u8(request, FRA_PROTOCOL, PLAN_ROUTE_PROTOCOL);
	mnl_attr_put_u32(request, FRA_PRIORITY, rule->priority);
	if (lookup)
		mnl_attr_put_u32(request, FRA_TABLE, rule->table);
	if (rule->verdict == RULE_LOOKUP_SPECIFIC)
		mnl_attr_put_u32(request, FRA_SUPPRESS_PREFIXLEN, 0);
	if (rule->mask != 0) {
		mnl_attr_put_u32(request, FRA_FWMARK, rule->mark);
		mnl_attr_put_u32(request, FRA_FWMASK, rule->mask);
	}
	if (rule->has_source) {
		header->src_len = rule->source.length;
		put_address(request, FRA_SRC, &rule->source.address);
	}
	if (rule->local_only)
		mnl_attr_put_strz(request, FRA_IIFNAME, "lo");
	if (rule->device_out != NULL)
		mnl_attr_put_strz(request, FRA_OIFNAME, rule->device_out);
	return request;
}

static void describe_route(char *text, size_t size, const struct plan_route *route)
{
	char gateway[ADDRESS_TEXT_MAX] = "its device";

	if (route->unreachable)
		snprintf(gateway, sizeof(gateway), "no way");
	else if (route->via)
		address_format(&route->gateway, gateway, sizeof(gateway));
	snprintf(text, size, "route of link %s by %s in table %u", route->link != NULL ? route->link : "?",
		gateway, route->table);
}

static void describe_rule(char *text, size_t size, const struct plan_rule *rule)
{
	snprintf(text, size, "rule %u (%s) of IPv%c", rule->priority,
		rule->comment != NULL ? rule->comment : "no longer wanted", rule->family == IPV4 ? '4' : '6');
}

/* Keeps the first failure and its words. */
static void fail(struct work *work, int error, const char *object)
{
	const char *reason = netlink_reason(work->netlink);

	if (work->error != 0)
		return;
	work->error = error;
	if (work->size > 0)
		snprintf(work->message, work->size, "%s: %s%s%s", object, strerror(-error),
			reason[0] != '\0' ? ": " : "", reason);
}

/* Of what cannot be now: the device is down, is gone or has no IPv6; there is no IPv6 at all. */
static bool is_not_possible_now(int error, enum family family)
{
	switch (-error) {
	case ENETDOWN:
	case ENODEV:
		return true;
	case EACCES:
	case EAFNOSUPPORT:
	case EOPNOTSUPP:
		return family == IPV6;
	default:
		return false;
	}
}

static void add_route(struct work *work, const struct plan_route *route)
{
	uint8_t buffer[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	char object[OBJECT_MAX];
	int error = netlink_ask(work->netlink, build_route(buffer, route), NULL, NULL);

	if (error == 0)
		work->changes.routes_added++;
	/* EEXIST: it is there in another's name, which does as well, or a dump in busy times missed it. */
	if (error == 0 || error == -EEXIST || is_not_possible_now(error, route->family))
		return;
	/* The source is no address of ours any more, or its device is down. */
	if (error == -EINVAL && !address_is_zero(&route->source))
		return;
	describe_route(object, sizeof(object), route);
	fail(work, error, object);
}

static void add_rule(struct work *work, const struct plan_rule *rule)
{
	uint8_t buffer[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	char object[OBJECT_MAX];
	int error = netlink_ask(work->netlink, build_rule(buffer, rule), NULL, NULL);

	if (error == 0)
		work->changes.rules_added++;
	if (error == 0 || error == -EEXIST || is_not_possible_now(error, rule->family))
		return;
	describe_rule(object, sizeof(object), rule);
	fail(work, error, object);
}

static int delete(struct work *work, struct nlmsghdr *message, uint16_t type, unsigned int *count)
{
	int error;

	message->nlmsg_type = type;
	message->nlmsg_flags = 0;
	error = netlink_ask(work->netlink, message, NULL, NULL);
	if (error == 0)
		(*count)++;
	return error == -ENOENT || error == -ESRCH || error == -ENODEV ? 0 : error;
}

static void delete_route(struct work *work, const struct present_route *item)
{
	char object[OBJECT_MAX];
	int error = delete(work, item->message, RTM_DELROUTE, &work->changes.routes_removed);

	if (error == 0)
		return;
	snprintf(object, sizeof(object), "old route in table %u", item->route.table);
	fail(work, error, object);
}

static void delete_rule(struct work *work, const struct present_rule *item)
{
	char object[OBJECT_MAX];
	int error = delete(work, item->message, RTM_DELRULE, &work->changes.rules_removed);

	if (error == 0)
		return;
	describe_rule(object, sizeof(object), &item->rule);
	fail(work, error, object);
}

static bool is_route_present(const struct present *present, const struct plan_route *route)
{
	for (const struct present_route *item = present->routes; item != NULL; item = item->next) {
		if (present_is_route(item, route))
			return true;
	}
	return false;
}

static bool is_rule_present(const struct present *present, const struct plan_rule *rule)
{
	for (const struct present_rule *item = present->rules; item != NULL; item = item->next) {
		if (present_is_rule(item, rule))
			return true;
	}
	return false;
}

static bool is_route_wanted(const struct plan *plan, const struct present_route *item)
{
	for (size_t i = 0; i < plan->route_count; i++) {
		if (present_is_route(item, &plan->routes[i]))
			return true;
	}
	return false;
}

static bool is_rule_wanted(const struct plan *plan, const struct present_rule *item)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (present_is_rule(item, &plan->rules[i]))
			return true;
	}
	return false;
}

static void add_missing(struct work *work)
{
	const struct plan *plan = work->plan;

	for (size_t i = 0; i < plan->route_count; i++) {
		if (!is_route_present(&work->present, &plan->routes[i]))
			add_route(work, &plan->routes[i]);
	}
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (!is_rule_present(&work->present, &plan->rules[i]))
			add_rule(work, &plan->rules[i]);
	}
}

static void delete_unwanted(struct work *work)
{
	for (const struct present_rule *item = work->present.rules; item != NULL; item = item->next) {
		if (!is_rule_wanted(work->plan, item))
			delete_rule(work, item);
	}
	for (const struct present_route *item = work->present.routes; item != NULL; item = item->next) {
		if (!is_route_wanted(work->plan, item))
			delete_route(work, item);
	}
}

/* One round: read, add, delete. True where something was removed, so that another look pays. */
static bool round_once(struct work *work)
{
	const struct routes_changes *changes = &work->changes;
	unsigned int removed = changes->routes_removed + changes->rules_removed;
	int error = present_read(work->netlink, &work->present);

	if (error < 0) {
		fail(work, error, "rules and routes cannot be read");
	} else {
		add_missing(work);
		delete_unwanted(work);
	}
	present_free(&work->present);
	return work->error == 0 && changes->routes_removed + changes->rules_removed != removed;
}

int routes_apply(struct netlink *netlink, const struct plan *plan, struct routes_changes *ret_changes,
	char *message, size_t size)
{
	struct work work = { .netlink = netlink, .plan = plan, .message = message, .size = size };

	if (size > 0)
		message[0] = '\0';
	for (int i = 0; i < ROUNDS; i++) {
		if (!round_once(&work))
			break;
	}
	*ret_changes = work.changes;
	return work.error;
}

int routes_remove(struct netlink *netlink)
{
	static const struct plan nothing;
	struct routes_changes changes;

	return routes_apply(netlink, &nothing, &changes, NULL, 0);
}
