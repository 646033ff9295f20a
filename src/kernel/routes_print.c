/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan's rules and routes as text, the way ip(8) shows them. */

#include <linux/rtnetlink.h>

#include "kernel/routes.h"

static const char *family_option(enum family family)
{
	return family == IPV4 ? "-4" : "-6";
}

static void print_table(FILE *out, uint32_t table)
{
	if (table == RT_TABLE_MAIN)
		fputs(" lookup main", out);
	else
		fprintf(out, " lookup %u", table);
}

static void print_verdict(FILE *out, const struct plan_rule *rule)
{
	switch (rule->verdict) {
	case RULE_LOOKUP:
		print_table(out, rule->table);
		break;
	case RULE_LOOKUP_SPECIFIC:
		print_table(out, rule->table);
		fputs(" suppress_prefixlength 0", out);
		break;
	case RULE_UNREACHABLE:
		fputs(" unreachable", out);
		break;
	}
}

/* ip(8) leaves out a length that is the whole address. */
static void print_source(FILE *out, const struct network *source)
{
	char text[ADDRESS_TEXT_MAX];

	if (source->length == 8 * family_size(source->address.family))
		fputs(address_format(&source->address, text, sizeof(text)), out);
	else
		fputs(network_format(source, text, sizeof(text)), out);
}

static void print_rule(FILE *out, const struct plan_rule *rule)
{
	fprintf(out, "%u:\tfrom ", rule->priority);
	if (rule->has_source)
		print_source(out, &rule->source);
	else
		fputs("all", out);
	if (rule->mask != 0)
		fprintf(out, " fwmark 0x%x/0x%x", rule->mark, rule->mask);
	if (rule->local_only)
		fputs(" iif lo", out);
	if (rule->device_out != NULL)
		fprintf(out, " oif %s", rule->device_out);
	print_verdict(out, rule);
	fprintf(out, " proto %d", PLAN_ROUTE_PROTOCOL);
	if (rule->comment != NULL)
		fprintf(out, " # %s", rule->comment);
	fputc('\n', out);
}

/* The link stands for its device, which need not exist where this is printed. */
static void print_route(FILE *out, const struct plan_route *route)
{
	char gateway[ADDRESS_TEXT_MAX];

	if (route->unreachable)
		fputs("unreachable ", out);
	if (route->to.length > 0)
		print_source(out, &route->to);
	else
		fputs("default", out);
	if (route->via)
		fprintf(out, " via %s", address_format(&route->gateway, gateway, sizeof(gateway)));
	fprintf(out, " table %u proto %d", route->table, PLAN_ROUTE_PROTOCOL);
	if (!address_is_zero(&route->source))
		fprintf(out, " src %s", address_format(&route->source, gateway, sizeof(gateway)));
	if (route->via)
		fputs(" onlink", out);
	if (route->mtu != 0)
		fprintf(out, " mtu %u", route->mtu);
	fprintf(out, " # link %s\n", route->link);
}

static void print_family(FILE *out, const struct plan *plan, enum family family)
{
	fprintf(out, "# ip %s rule\n", family_option(family));
	for (size_t i = 0; i < plan->rule_count; i++) {
		if (plan->rules[i].family == family)
			print_rule(out, &plan->rules[i]);
	}
	fprintf(out, "# ip %s route show table all\n", family_option(family));
	for (size_t i = 0; i < plan->route_count; i++) {
		if (plan->routes[i].family == family)
			print_route(out, &plan->routes[i]);
	}
}

void routes_print(FILE *out, const struct plan *plan)
{
	print_family(out, plan, IPV4);
	print_family(out, plan, IPV6);
}
