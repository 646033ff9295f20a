/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explanations in an imagined world: where a connection comes from and goes to, candidates, steps, limits, hints. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/imagine.h"

static const char gateway[] =
	"version: 1\n"
	"zones:\n"
	"  lan: { devices: [lan0, lan1] }\n"
	"  guest: { devices: [vlan20], networks: [10.0.1.0/24, \"fd00:1::/64\"] }\n"
	"  far: { networks: [172.16.0.0/12] }\n"
	"links:\n"
	"  fiber: { device: wan1, gateway: 192.0.2.1 }\n"
	"  lte: { device: wwan0 }\n"
	"policies:\n"
	"  - { name: ssh-in, match: { from: fiber, to: router, protocol: tcp, to-port: 22 } }\n"
	"  - { name: no-more-in, match: { from: internet }, action: reject }\n"
	"  - { name: own, match: { from: router, to: internet }, balance: { algorithm: priority, links: [lte, fiber] } }\n"
	"  - { name: guests, match: { from: guest, to: internet }, balance: { links: lte, if-none: any } }\n"
	"  - { name: inside, match: { from: lan, to: [guest, far] }, action: drop }\n";

struct world {
	struct config *config;
	struct imagined *imagined;
};

static struct world open_world(const char *text)
{
	struct config_errors errors;
	struct world world;

	config_parse("test.yaml", text, strlen(text), &world.config, &errors);
	config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	assert_non_null(world.config);
	world.imagined = imagine(world.config);
	assert_non_null(world.imagined);
	return world;
}

static void close_world(struct world *world)
{
	imagined_free(world->imagined);
	config_free(world->config);
}

static struct explanation ask(const struct world *world, const char *from, const char *to, const char *port, const char *in)
{
	struct question question = { .from = from, .to = to, .protocol = "tcp", .to_port = port, .in = in };
	struct question_problem problem;
	struct explanation explanation;

	if (imagine_explain(world->imagined, &question, &explanation, &problem) != 0)
		fail_msg("%s", problem.text);
	return explanation;
}

static void decides(const struct explanation *explanation, const char *policy, enum action action, const char *link)
{
	assert_non_null(explanation->policy);
	assert_string_equal(explanation->policy, policy);
	assert_int_equal(explanation->action, action);
	if (link == NULL)
		assert_null(explanation->link);
	else
		assert_string_equal(explanation->link, link);
}

static void test_from_outside(void **state)
{
	struct world world = open_world(gateway);
	struct explanation explanation = ask(&world, "198.51.100.7", "router", "22", "wan1");

	(void)state;
	decides(&explanation, "ssh-in", ACTION_ALLOW, "fiber");
	assert_string_equal(explanation.reason, "answers leave by the link that it came in by");
	assert_string_equal(explanation.steps[0], "comes in by link fiber, to a network that needs no link");
	assert_int_equal(explanation.link_count, 0);
	explanation = ask(&world, "198.51.100.7", "router", "22", "wwan0");
	decides(&explanation, "no-more-in", ACTION_REJECT, NULL);
	assert_string_equal(explanation.reason, "the policy says so");
	close_world(&world);
}

static void test_from_the_router(void **state)
{
	struct world world = open_world(gateway);
	struct explanation explanation = ask(&world, "router", "2001:db8:9::1", "443", NULL);

	(void)state;
	decides(&explanation, "own", ACTION_ALLOW, "lte");
	assert_string_equal(explanation.steps[0], "from this machine");
	assert_int_equal(explanation.link_count, 2);
	assert_string_equal(explanation.links[0].name, "lte");
	assert_string_equal(explanation.links[0].reason, "chosen");
	assert_true(explanation.links[0].score > explanation.links[1].score);
	close_world(&world);
}

static void test_from_inside(void **state)
{
	struct world world = open_world(gateway);
	/* 10.0.1.0/24 is the guests' own, so that lan0 has 10.0.2.0/24 and lan1 10.0.3.0/24. */
	struct explanation explanation = ask(&world, "10.0.3.5", "10.0.1.9", "80", NULL);

	(void)state;
	decides(&explanation, "inside", ACTION_DROP, NULL);
	explanation = ask(&world, "10.0.2.5", "172.20.0.1", "80", NULL);
	decides(&explanation, "inside", ACTION_DROP, NULL);
	explanation = ask(&world, "10.0.2.5", "198.51.100.7", "80", NULL);
	assert_null(explanation.policy);
	assert_string_equal(explanation.reason, "no policy matches");
	explanation = ask(&world, "10.0.1.5", "198.51.100.7", "80", NULL);
	decides(&explanation, "guests", ACTION_ALLOW, "lte");
	assert_int_equal(explanation.hint_count, 0);
	close_world(&world);
}

static void test_links_that_are_down(void **state)
{
	struct world world = open_world(gateway);
	struct explanation explanation;

	(void)state;
	assert_true(imagine_link(world.imagined, "lte", false));
	assert_false(imagine_link(world.imagined, "nosuch", false));
	explanation = ask(&world, "10.0.1.5", "198.51.100.7", "80", NULL);
	decides(&explanation, "guests", ACTION_ALLOW, "fiber");
	assert_string_equal(explanation.reason, "none of its links is usable: any other link (if-none)");
	assert_string_equal(explanation.links[0].reason, "down");
	assert_false(explanation.links[0].eligible);
	assert_true(imagine_link(world.imagined, "lte", true));
	explanation = ask(&world, "10.0.1.5", "198.51.100.7", "80", NULL);
	decides(&explanation, "guests", ACTION_ALLOW, "lte");
	close_world(&world);
}

static void test_what_does_not_fit(void **state)
{
	static const struct {
		struct question question;
		const char *text;
	} rows[] = {
		{ { .from = "198.51.100.7", .to = "192.0.2.2", .protocol = "tcp" }, "from: 198.51.100.7 is in no zone" },
		{ { .from = "10.0.2.5", .to = "192.0.2.2", .protocol = "tcp", .in = "lan7" },
			"in: the configuration has no device `lan7'" },
		{ { .from = "router", .to = "192.0.2.2", .protocol = "tcp", .in = "lan0" },
			"in: what this machine sends comes in by no device" },
	};
	struct world world = open_world(gateway);
	struct explanation explanation = ask(&world, "10.0.1.5", "198.51.100.7", "80", "lan0");

	(void)state;
	assert_int_equal(explanation.hint_count, 1);
	assert_string_equal(explanation.hints[0], "10.0.1.5 is in zone guest, and lan0 is not a device of it");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct question_problem problem;

		assert_int_equal(imagine_explain(world.imagined, &rows[i].question, &explanation, &problem), -EINVAL);
		assert_string_equal(problem.text, rows[i].text);
	}
	close_world(&world);
}

/* Very many policies that do not match: the first and the last are told, the others counted. */
static void test_many_policies(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct explanation explanation;
	struct world world;

	(void)state;
	fputs("version: 1\nzones: { lan: { devices: [lan0] } }\nlinks: { a: { device: wan1 } }\npolicies:\n", out);
	for (int i = 1; i <= 3000; i++)
		fprintf(out, "  - { name: p%d, match: { protocol: tcp, to-port: %d } }\n", i, i);
	fclose(out);
	world = open_world(text);
	explanation = ask(&world, "10.0.1.5", "198.51.100.7", "2999", NULL);
	decides(&explanation, "p2999", ACTION_ALLOW, "a");
	assert_int_equal(explanation.step_count, 1 + 60 + 1 + 20 + 1);
	assert_string_equal(explanation.steps[60], "p60: no, to-port does not match");
	assert_string_equal(explanation.steps[61], "... and 2918 more policies: no");
	assert_string_equal(explanation.steps[62], "p2979: no, to-port does not match");
	assert_string_equal(explanation.steps[82], "p2999: matches");
	close_world(&world);
	free(text);
}

static void test_limits(void **state)
{
	struct qos_class class = { .name = "penalty" };
	struct config config = { .qos = { .classes = &class, .count = 1 } };
	struct limits limits = { .connections = 200, .new_connections = { 50, 1000 }, .burst = 100,
		.bandwidth_bps = 20000000, .per = PER_SOURCE, .over = OVER_DROP, .block_for_s = 600 };
	struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(explain_limits(arena, &config, &limits), "at most 200 connections, 50 new/s (burst 100), "
		"20 mbit per source; over it: drop, blocked for 600 s");
	limits = (struct limits){ .bandwidth_bps = 1500, .per = PER_ALL, .over = OVER_CLASS };
	assert_string_equal(explain_limits(arena, &config, &limits), "at most 1500 bit in all; over it: class penalty");
	limits = (struct limits){ .new_connections = { 300, 60000 }, .per = PER_DESTINATION, .over = OVER_REJECT };
	assert_string_equal(explain_limits(arena, &config, &limits), "at most 300 new/m per destination; over it: reject");
	limits = (struct limits){ .block_for_s = 5 };
	assert_null(explain_limits(arena, &config, &limits));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_outside),
		cmocka_unit_test(test_from_the_router),
		cmocka_unit_test(test_from_inside),
		cmocka_unit_test(test_links_that_are_down),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_many_policies),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
