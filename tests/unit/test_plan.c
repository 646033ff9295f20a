/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what kernel state a configuration asks for: routes and rules here, whole plans against golden files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/plan.h"
#include "kernel/routes.h"
#include "kernel/ruleset.h"
#include "kernel/shaper.h"
#include "plan_golden.h"

#define MAIN_TABLE 254

struct world {
	struct sample_gateway *gateway;
	struct plan *plan;
};

static void open_world(struct world *world)
{
	world->gateway = gateway_new(
		"zones: { lan: { devices: [lan0] } }\n"
		"links:\n"
		"  fiber: { device: wan1, gateway: 192.0.2.1 }\n"
		"  ppp: { device: ppp0, gateway: none }\n"
		"  lte: { device: wwan0 }\n"
		"kernel: { first-table: 700, rule-priority: 5000 }\n"
		"policies: [{ name: all }]\n");
	world->plan = plan_new(world->gateway->config, &world->gateway->ids, &world->gateway->view);
	assert_non_null(world->plan);
}

/* After links changed. */
static void renew(struct world *world)
{
	plan_free(world->plan);
	world->plan = plan_new(world->gateway->config, &world->gateway->ids, &world->gateway->view);
	assert_non_null(world->plan);
}

static void close_world(struct world *world)
{
	plan_free(world->plan);
	gateway_free(world->gateway);
}

static const struct plan_route *find_route(const struct world *world, enum family family, uint32_t table)
{
	const struct plan_route *found = NULL;

	for (size_t i = 0; i < world->plan->route_count; i++) {
		const struct plan_route *route = &world->plan->routes[i];

		if (route->family != family || route->table != table)
			continue;
		assert_null(found); /* each is the default route of its table */
		found = route;
	}
	return found;
}

static void assert_route(const struct world *world, enum family family, uint32_t table, const char *link,
	uint32_t device, const char *gateway)
{
	const struct plan_route *route = find_route(world, family, table);
	char text[ADDRESS_TEXT_MAX];

	assert_non_null(route);
	assert_string_equal(route->link, link);
	assert_int_equal(route->device_index, device);
	assert_int_equal(route->via, gateway != NULL);
	assert_int_equal(route->gateway.family, family);
	if (gateway != NULL)
		assert_string_equal(address_format(&route->gateway, text, sizeof(text)), gateway);
}

static void each_link_has_its_table(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	assert_route(&world, IPV4, 701, "fiber", 11, "192.0.2.1");
	assert_route(&world, IPV4, 702, "ppp", 12, NULL);
	assert_route(&world, IPV6, 702, "ppp", 12, NULL);
	assert_route(&world, IPV4, 703, "lte", 13, "198.51.3.254");
	assert_route(&world, IPV6, 703, "lte", 13, "2001:db8:3::fe");
	assert_null(find_route(&world, IPV6, 701)); /* no gateway in that family */
	close_world(&world);
}

static void routes_stay_while_the_link_is_down(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	gateway_down(world.gateway, "fiber");
	renew(&world);
	assert_route(&world, IPV4, 701, "fiber", 11, "192.0.2.1");
	gateway_unplug(world.gateway, "fiber");
	renew(&world);
	assert_null(find_route(&world, IPV4, 701));
	close_world(&world);
}

/* By the first link of the file that is usable and has a way in that family. */
static void the_last_resort_follows_the_usable_links(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	assert_route(&world, IPV4, 700, "fiber", 11, "192.0.2.1");
	assert_route(&world, IPV6, 700, "ppp", 12, NULL);
	gateway_down(world.gateway, "fiber");
	renew(&world);
	assert_route(&world, IPV4, 700, "ppp", 12, NULL);
	gateway_unplug(world.gateway, "ppp");
	renew(&world);
	assert_route(&world, IPV4, 700, "lte", 13, "198.51.3.254");
	assert_route(&world, IPV6, 700, "lte", 13, "2001:db8:3::fe");
	gateway_down(world.gateway, "lte");
	renew(&world);
	assert_null(find_route(&world, IPV4, 700));
	assert_null(find_route(&world, IPV6, 700));
	gateway_up(world.gateway, "fiber");
	renew(&world);
	assert_route(&world, IPV4, 700, "fiber", 11, "192.0.2.1");
	close_world(&world);
}

/* The only rule of that family and priority. */
static const struct plan_rule *rule_at(const struct world *world, enum family family, uint32_t priority)
{
	const struct plan_rule *found = NULL;

	for (size_t i = 0; i < world->plan->rule_count; i++) {
		const struct plan_rule *rule = &world->plan->rules[i];

		if (rule->family != family || rule->priority != priority)
			continue;
		assert_null(found);
		found = rule;
	}
	assert_non_null(found);
	assert_non_null(found->comment);
	return found;
}

static void rules_lead_marks_to_tables(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	for (enum family family = IPV4; family <= IPV6; family++) {
		const struct plan_rule *specific = rule_at(&world, family, 5000);

		assert_int_equal(specific->verdict, RULE_LOOKUP_SPECIFIC);
		assert_int_equal(specific->table, MAIN_TABLE);
		assert_int_equal(specific->mask, 0);
		for (uint32_t id = 1; id <= 3; id++) {
			const struct plan_rule *lookup = rule_at(&world, family, 5010 + id);
			const struct plan_rule *guard = rule_at(&world, family, 5080 + id);

			assert_int_equal(lookup->verdict, RULE_LOOKUP);
			assert_int_equal(lookup->table, 700 + id);
			assert_int_equal(lookup->mark, id);
			assert_int_equal(lookup->mask, 0x3f);
			assert_false(lookup->local_only);
			assert_int_equal(guard->verdict, RULE_UNREACHABLE);
			assert_int_equal(guard->mark, id);
			assert_int_equal(guard->mask, 0x3f);
		}
		assert_true(rule_at(&world, family, 32800)->local_only);
		assert_int_equal(rule_at(&world, family, 32800)->table, 700);
	}
	/* Asked by rp_filter, which IPv6 has not: without our mark, and not for this machine alone. */
	assert_false(rule_at(&world, IPV4, 32801)->local_only);
	assert_int_equal(rule_at(&world, IPV4, 32801)->table, 700);
	assert_int_equal(rule_at(&world, IPV4, 32801)->mark, 0);
	assert_int_equal(rule_at(&world, IPV4, 32801)->mask, 0x3f);
	close_world(&world);
}

/* Also while the link is down or gone: its marks must lead nowhere else. */
static void rules_stay_without_the_link(void **state)
{
	struct world world;

	(void)state;
	open_world(&world);
	gateway_unplug(world.gateway, "fiber");
	renew(&world);
	assert_int_equal(rule_at(&world, IPV4, 5011)->verdict, RULE_LOOKUP);
	assert_int_equal(rule_at(&world, IPV4, 5081)->verdict, RULE_UNREACHABLE);
	close_world(&world);
}

static void addresses_of_links_lead_to_their_tables(void **state)
{
	char text[ADDRESS_TEXT_MAX];
	struct world world;

	(void)state;
	open_world(&world);
	for (uint32_t id = 1; id <= 3; id++) {
		const struct plan_rule *four = rule_at(&world, IPV4, 5150 + id), *six = rule_at(&world, IPV6, 5150 + id);
		char expected[ADDRESS_TEXT_MAX];

		assert_true(four->has_source && six->has_source);
		assert_int_equal(four->table, 700 + id);
		assert_int_equal(four->mask, 0);
		assert_int_equal(four->source.length, 32);
		assert_int_equal(six->source.length, 128);
		snprintf(expected, sizeof(expected), "198.51.%u.1", id);
		assert_string_equal(address_format(&four->source.address, text, sizeof(text)), expected);
		snprintf(expected, sizeof(expected), "2001:db8:%x::1", id);
		assert_string_equal(address_format(&six->source.address, text, sizeof(text)), expected);
	}
	gateway_unplug(world.gateway, "lte");
	renew(&world);
	assert_int_equal(world.plan->rule_count, 2 * (3 + 3 * 3) + 1 + 2 * 2);
	close_world(&world);
}

static void a_policy_has_a_way_while_it_or_if_none_finds_a_link(void **state)
{
	struct sample_gateway *gateway = gateway_new(
		"links: { fiber: { device: wan1 }, cable: { device: wan2 }, lte: { device: wwan0 } }\n"
		"policies:\n"
		"  - { name: two, balance: { links: [fiber, cable], if-none: drop } }\n"
		"  - { name: fiber-or-any, balance: { links: [fiber], if-none: any } }\n"
		"  - { name: fiber-or-next, balance: { links: [fiber] } }\n"
		"  - { name: no, action: drop }\n"
		"  - { name: rest, balance: { links: [lte] } }\n"
		"  - { name: last, balance: { links: [fiber] } }\n");
	const struct config *config = gateway->config;
	static const bool expected[3][6] = {
		{ true, true, true, false, true, true },    /* all are usable */
		{ true, true, true, false, true, false },   /* fiber is down */
		{ false, true, true, false, true, false },  /* cable, too */
	};
	static const char *const lost[] = { NULL, "fiber", "cable" };
	struct plan_ways ways;

	(void)state;
	for (size_t step = 0; step < 3; step++) {
		if (lost[step] != NULL)
			gateway_down(gateway, lost[step]);
		ways = plan_ways(config, gateway->view.links);
		for (size_t i = 0; i < config->policy_count; i++)
			assert_int_equal(plan_has_way(&ways, &config->policies[i]), expected[step][i]);
	}
	gateway_down(gateway, "lte");
	ways = plan_ways(config, gateway->view.links);
	for (size_t i = 0; i < config->policy_count; i++)
		assert_false(plan_has_way(&ways, &config->policies[i]));
	gateway_free(gateway);
}

static char *print_plan(const struct plan *plan)
{
	const struct ruleset_features features = { .native_queue = true };
	struct shaper_features shaping = { QUEUE_FQ_CODEL, SPLIT_BY_TBF };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	routes_print(out, plan);
	ruleset_print(out, &plan->ruleset, &features);
	shaper_print(out, &plan->shaper, &shaping);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = calloc(1, 1 << 16);

	assert_non_null(text);
	if (in == NULL)
		return text;
	assert_in_range(fread(text, 1, (1 << 16) - 1, in), 0, (1 << 16) - 2);
	fclose(in);
	return text;
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

/* Shows the first line that differs, because a whole plan is too much to look through. */
static void compare(const char *path, const char *wanted, const char *seen)
{
	size_t same = 0, line = 1, start = 0;

	if (strcmp(wanted, seen) == 0)
		return;
	while (wanted[same] == seen[same]) {
		if (wanted[same++] != '\n')
			continue;
		start = same;
		line++;
	}
	fail_msg("%s:%zu: wanted: %.*s\nseen: %.*s\n(UPLINKD_GOLDEN=write accepts what is seen)", path, line,
		(int)strcspn(wanted + start, "\n"), wanted + start, (int)strcspn(seen + start, "\n"), seen + start);
}

static void check_golden(const char *path, const struct sample_gateway *gateway, void *data)
{
	struct plan *plan = plan_new(gateway->config, &gateway->ids, &gateway->view);
	const char *mode = getenv("UPLINKD_GOLDEN");
	char file[512], *seen, *wanted;

	(void)data;
	assert_non_null(plan);
	snprintf(file, sizeof(file), "%s.txt", path);
	seen = print_plan(plan);
	if (mode != NULL && strcmp(mode, "write") == 0)
		write_file(file, seen);
	wanted = read_file(file);
	compare(file, wanted, seen);
	free(wanted);
	free(seen);
	plan_free(plan);
}

static void whole_plans_are_as_they_were(void **state)
{
	(void)state;
	assert_in_range(plan_goldens(check_golden, NULL), 3, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_has_its_table),
		cmocka_unit_test(routes_stay_while_the_link_is_down),
		cmocka_unit_test(the_last_resort_follows_the_usable_links),
		cmocka_unit_test(rules_lead_marks_to_tables),
		cmocka_unit_test(rules_stay_without_the_link),
		cmocka_unit_test(addresses_of_links_lead_to_their_tables),
		cmocka_unit_test(a_policy_has_a_way_while_it_or_if_none_finds_a_link),
		cmocka_unit_test(whole_plans_are_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
