/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that a plan stands floods on those links that have one, with what the kernel has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plan.h"
#include "sample_gateway.h"

#define GATEWAY \
	"zones: { lan: { devices: [lan0] } }\n" \
	"links: { fiber: { device: wan1 }, lte: { device: wwan0 } }\n" \
	"dos: { syn-flood: {} , connections: {} }\n" \
	"policies:\n" \
	"  - { name: web, match: { from: internet, to: router, protocol: tcp, to-port: [80, 443, 444] } }\n" \
	"  - { name: inside-only, match: { from: lan, protocol: tcp, to-port: 22 } }\n" \
	"  - { name: refused, match: { from: internet, protocol: tcp, to-port: 23 }, action: drop }\n" \
	"  - { name: rest, limits: { connections: 5 } }\n"

static const struct chain *find_chain(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->ruleset.chain_count; i++) {
		if (strcmp(plan->ruleset.chains[i].name, name) == 0)
			return &plan->ruleset.chains[i];
	}
	fail_msg("no chain %s", name);
	return NULL;
}

static const struct statement *find_statement(const struct ruleset_rule *rule, enum statement_kind kind)
{
	for (size_t i = 0; i < rule->count; i++) {
		if (rule->statements[i].kind == kind)
			return &rule->statements[i];
	}
	return NULL;
}

/* How many rules of the chain have a statement of that kind. */
static size_t count(const struct plan *plan, const char *name, enum statement_kind kind)
{
	const struct chain *chain = find_chain(plan, name);
	size_t found = 0;

	for (size_t i = 0; i < chain->count; i++)
		found += find_statement(&chain->rules[i], kind) != NULL;
	return found;
}

static struct plan *make_plan(const struct sample_gateway *gateway)
{
	struct plan *plan = plan_new(gateway->config, &gateway->ids, &gateway->view);

	assert_non_null(plan);
	return plan;
}

static void in_peace_handshakes_are_only_counted(void **state)
{
	struct sample_gateway *gateway = gateway_new(GATEWAY);
	struct plan *plan = make_plan(gateway);

	(void)state;
	assert_int_equal(find_chain(plan, "raw")->count, 0);
	assert_int_equal(find_chain(plan, "cookies")->count, 0);
	assert_int_equal(count(plan, "siege", COUNT_NAMED), 2);
	assert_int_equal(count(plan, "siege", DROP), 0);
	plan_free(plan);
	gateway_free(gateway);
}

static void a_flooded_link_answers_with_cookies_and_limits_the_rest(void **state)
{
	struct sample_gateway *gateway = gateway_new(GATEWAY);
	const struct statement *device, *ports;
	struct plan *plan;

	(void)state;
	gateway_link(gateway, "lte")->flooded = true;
	plan = make_plan(gateway);
	assert_int_equal(count(plan, "raw", NOTRACK), 1);
	device = find_statement(&find_chain(plan, "raw")->rules[0], MATCH_DEVICE_IN);
	assert_string_equal(device->names.items[0], "wwan0");
	/* What policies let in from links, and nothing else. */
	ports = find_statement(&find_chain(plan, "raw")->rules[0], MATCH_TO_PORT);
	assert_int_equal(ports->ports.count, 2);
	assert_int_equal(ports->ports.items[0].first, 80);
	assert_int_equal(ports->ports.items[1].last, 444);
	assert_int_equal(count(plan, "cookies", SYNPROXY), 2);
	assert_int_equal(count(plan, "siege", OVER_LIMIT), 1);
	plan_free(plan);
	gateway_free(gateway);
}

static void without_synproxy_all_is_limited(void **state)
{
	struct sample_gateway *gateway = gateway_new(GATEWAY);
	struct plan *plan;

	(void)state;
	gateway_link(gateway, "lte")->flooded = true;
	gateway->view.lacks_synproxy = true;
	plan = make_plan(gateway);
	assert_int_equal(find_chain(plan, "raw")->count, 0);
	assert_int_equal(find_chain(plan, "cookies")->count, 0);
	assert_int_equal(count(plan, "siege", OVER_LIMIT), 1);
	plan_free(plan);
	gateway_free(gateway);
}

static void without_connection_limits_none_is_planned(void **state)
{
	struct sample_gateway *gateway = gateway_new(GATEWAY);
	size_t found[2] = { 0 };

	(void)state;
	for (int lacks = 0; lacks < 2; lacks++) {
		struct plan *plan;

		gateway->view.lacks_connection_limit = lacks != 0;
		plan = make_plan(gateway);
		for (size_t i = 0; i < plan->ruleset.chain_count; i++) {
			const struct chain *chain = &plan->ruleset.chains[i];

			for (size_t j = 0; j < chain->count; j++) {
				const struct statement *limit = find_statement(&chain->rules[j], OVER_LIMIT_EACH);

				found[lacks] += limit != NULL && limit->limit.kind == LIMIT_CONNECTIONS;
			}
		}
		plan_free(plan);
	}
	assert_int_equal(found[0], 4); /* the detector and the policy, in both families */
	assert_int_equal(found[1], 0);
	gateway_free(gateway);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_peace_handshakes_are_only_counted),
		cmocka_unit_test(a_flooded_link_answers_with_cookies_and_limits_the_rest),
		cmocka_unit_test(without_synproxy_all_is_limited),
		cmocka_unit_test(without_connection_limits_none_is_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
