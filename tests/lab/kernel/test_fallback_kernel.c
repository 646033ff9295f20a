/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the kernel takes the rulesets that are planned, whatever the policies ask for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/ruleset.h"
#include "own_network.h"
#include "../../unit/plan_golden.h"

struct lab {
	struct netlink *netlink;
	struct ruleset_features features;
	struct ruleset_memory *memory;
};

static int open_lab(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	char message[512] = "";

	*state = lab;
	if (lab == NULL || netlink_open(NETLINK_NETFILTER, &lab->netlink) < 0 ||
		ruleset_memory_new(&lab->memory) < 0)
		return -1;
	if (ruleset_probe(lab->netlink, &lab->features, message, sizeof(message)) < 0) {
		print_error("%s\n", message);
		return -1;
	}
	return 0;
}

static int close_lab(void **state)
{
	struct lab *lab = *state;

	ruleset_memory_free(lab->memory);
	netlink_close(lab->netlink);
	free(lab);
	return 0;
}

static struct plan *plan_of(const struct sample_gateway *gateway)
{
	struct plan *plan = plan_new(gateway->config, &gateway->ids, &gateway->view);

	assert_non_null(plan);
	return plan;
}

static void apply(const char *path, struct lab *lab, const struct plan *plan)
{
	char message[512] = "";

	if (ruleset_apply(lab->netlink, &plan->ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s: %s", path, message);
	assert_int_equal(ruleset_intact(lab->netlink, &plan->ruleset), 1);
}

/* As the daemon does it: what differs from the plan before. */
static void update(const char *path, struct lab *lab, const struct plan *plan)
{
	char message[512] = "";

	if (ruleset_update(lab->netlink, lab->memory, &plan->ruleset, &lab->features, message, sizeof(message)) < 0)
		fail_msg("%s: %s", path, message);
	assert_int_equal(ruleset_intact(lab->netlink, &plan->ruleset), 1);
}

static void load(const char *path, const struct sample_gateway *gateway, void *data)
{
	struct plan *plan = plan_of(gateway);
	struct lab *lab = data;

	apply(path, lab, plan);
	apply(path, lab, plan);
	assert_int_equal(ruleset_remove(lab->netlink, plan->ruleset.table), 0);
	plan_free(plan);
}

static void planned_rulesets_load(void **state)
{
	assert_in_range(plan_goldens(load, *state), 3, 100);
}

/* With every link up, every link gone, and up again: the plan before it is still in the kernel. */
static void replace(const char *path, const struct sample_gateway *gateway, void *data)
{
	struct plan *plan;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < gateway->config->link_count; i++)
			gateway->view.links[i].usable = round != 1;
		plan = plan_of(gateway);
		update(path, data, plan);
		plan_free(plan);
	}
}

static void planned_rulesets_replace_one_another(void **state)
{
	assert_in_range(plan_goldens(replace, *state), 3, 100);
}

/* Sends a datagram and says what connection tracking keeps of it: its mark, or 0 where it was dropped. */
static unsigned int mark_after_sending(const char *to)
{
	char command[128], text[1024];
	const char *mark;

	run("bash -c 'echo > /dev/udp/%s/9' 2>/dev/null", to);
	snprintf(command, sizeof(command), "conntrack -L -p udp -d %s 2>/dev/null", to);
	mark = strstr(read_output(command, text, sizeof(text)), "mark=");
	return mark == NULL ? 0 : (unsigned int)strtoul(mark + strlen("mark="), NULL, 10);
}

/* A chain that was gone to and ends goes on behind the jump, so the next policy is asked. */
static void policies_without_a_usable_link_are_passed_over(void **state)
{
	struct sample_gateway *gateway = gateway_new(
		"links: { fiber: { device: wan1 }, cable: { device: wan2 }, lte: { device: wwan0 } }\n"
		"policies:\n"
		"  - { name: first, match: { to: internet }, balance: { links: fiber } }\n"
		"  - { name: second, match: { to: 203.0.113.2 }, action: drop }\n"
		"  - { name: third, match: { to: 203.0.113.3 }, balance: { links: fiber, if-none: drop } }\n"
		"  - { name: fourth, match: { to: 203.0.113.4 }, balance: { links: [fiber, lte], if-none: drop } }\n"
		"  - { name: fifth, match: { to: 203.0.113.5 }, balance: { links: fiber, if-none: any } }\n"
		"  - { name: sixth, match: { to: internet }, balance: { links: cable } }\n");
	struct plan *plan;

	gateway_down(gateway, "fiber");
	gateway_down(gateway, "lte");
	plan = plan_of(gateway);
	apply("policies", *state, plan);
	assert_true(run("ip link add wan1 type veth peer name far && ip link set far up && ip link set wan1 up"
			" && ip address add 198.51.1.1/24 dev wan1 && ip route add default dev wan1"));
	assert_int_equal(mark_after_sending("203.0.113.1"), 2 | 6 << 11);
	assert_int_equal(mark_after_sending("203.0.113.2"), 0);
	assert_int_equal(mark_after_sending("203.0.113.3"), 0);
	assert_int_equal(mark_after_sending("203.0.113.4"), 0);
	assert_int_equal(mark_after_sending("203.0.113.5"), 2 | 5 << 11);
	assert_int_equal(mark_after_sending("198.51.1.1"), 0x3f | 8191 << 11); /* itself */
	plan_free(plan);
	gateway_free(gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(planned_rulesets_load),
		cmocka_unit_test(planned_rulesets_replace_one_another),
		cmocka_unit_test(policies_without_a_usable_link_are_passed_over),
	};

	if (!own_network_enter())
		return TEST_SKIPPED;
	return cmocka_run_group_tests(tests, open_lab, close_lab);
}
