/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy matches besides where from and where to, as rules: protocols, ports, types of ICMP, code points. */

#include <string.h>

#include "core/plan_parts.h"

/* A policy has up to so many rules because of pairs of port ranges, which cost the kernel less than a set of its own. */
#define PORT_RULES_MAX 4

static void match_ports(struct planner *planner, enum statement_kind kind, const struct port_ranges *ports)
{
	enum packet_key key = kind == MATCH_FROM_PORT ? PACKET_FROM_PORT : PACKET_TO_PORT;

	if (ports->count == 1)
		build_statement(&planner->builder, (struct statement){ .kind = kind, .ports = *ports });
	if (ports->count > 1)
		plan_match_shared(planner, &(struct ruleset_set){ .kind = SET_PORTS, .ports = *ports }, key, false);
}

/* In order of number and each once, whatever names they were given by. */
static struct values values_of(struct planner *planner, const uint8_t *items, size_t count)
{
	struct values values = { .items = arena_array(planner->plan->arena, count, sizeof(*values.items)) };

	planner->builder.failed |= values.items == NULL;
	for (uint32_t number = 0; number < 256 && values.items != NULL && values.count < count; number++) {
		if (memchr(items, (int)number, count) != NULL)
			values.items[values.count++] = number;
	}
	return values;
}

static void match_protocols(struct planner *planner, const struct protocols *protocols)
{
	struct values values = values_of(planner, protocols->items, protocols->count);

	if (values.count == 1)
		build_statement(&planner->builder, (struct statement){ .kind = MATCH_PROTOCOL, .values = values });
	if (values.count > 1)
		plan_match_shared(planner, &(struct ruleset_set){ .kind = SET_PROTOCOLS, .values = values }, PACKET_PROTOCOL, false);
}

static void match_dscps(struct planner *planner, const struct dscps *dscps, enum family family)
{
	struct statement statement = { .kind = MATCH_DSCP, .family = family,
		.values = values_of(planner, dscps->items, dscps->count) };

	if (dscps->count > 0)
		build_statement(&planner->builder, statement);
}

static bool covers(const struct icmp_type *all, const struct icmp_type *one)
{
	return all->type == one->type && (all->any_code || (!one->any_code && all->code == one->code));
}

/* Each once: a code is not named beside all codes of its type. */
static void match_icmp_types(struct planner *planner, const struct icmp_types *types, enum family family)
{
	struct statement statement = { .kind = MATCH_ICMP_TYPE, .family = family };
	struct icmp_types *kept = &statement.icmp_types;

	kept->items = arena_array(planner->plan->arena, types->count, sizeof(*kept->items));
	planner->builder.failed |= kept->items == NULL;
	for (size_t i = 0; i < types->count && kept->items != NULL; i++) {
		bool covered = false;

		for (size_t j = 0; j < types->count; j++)
			covered |= j != i && covers(&types->items[j], &types->items[i]) &&
				   (j < i || !covers(&types->items[i], &types->items[j]));
		if (!covered)
			kept->items[kept->count++] = types->items[i];
	}
	build_statement(&planner->builder, statement);
}

struct plan_service plan_service_of(struct planner *planner, const struct match *match, size_t times)
{
	struct plan_service service = { .match = match };
	size_t pairs;

	if (match->from_ports.count > 0)
		service.from = plan_ports(planner, &match->from_ports);
	if (match->to_ports.count > 0)
		service.to = plan_ports(planner, &match->to_ports);
	pairs = (service.from.count + (service.from.count == 0)) * (service.to.count + (service.to.count == 0));
	service.apart = pairs * times <= PORT_RULES_MAX;
	return service;
}

static size_t rules_of(const struct plan_service *service, const struct port_ranges *ranges)
{
	return service->apart && ranges->count > 0 ? ranges->count : 1;
}

size_t plan_service_rules(const struct plan_service *service)
{
	return rules_of(service, &service->from) * rules_of(service, &service->to);
}

static struct port_ranges ports_of(const struct plan_service *service, const struct port_ranges *ranges, size_t index)
{
	return service->apart && ranges->count > 0 ? (struct port_ranges){ &ranges->items[index], 1 } : *ranges;
}

/* A type of ICMP says the protocol, too. */
void plan_match_service(struct planner *planner, const struct plan_service *service, size_t index, enum family family)
{
	const struct match *match = service->match;
	size_t tos = rules_of(service, &service->to);
	struct port_ranges from = ports_of(service, &service->from, index / tos);
	struct port_ranges to = ports_of(service, &service->to, index % tos);

	if (match->icmp_types.count > 0)
		match_icmp_types(planner, &match->icmp_types, family);
	else
		match_protocols(planner, &match->protocols);
	match_ports(planner, MATCH_FROM_PORT, &from);
	match_ports(planner, MATCH_TO_PORT, &to);
	match_dscps(planner, &match->dscps, family);
}
