/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the look-ups by name of core/config.h and that a configuration has one free. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/config.h"

static struct config *small_config(void)
{
	struct arena *arena = arena_new();
	struct config *config = arena_alloc(arena, sizeof(*config));

	config->arena = arena;
	config->links = arena_array(arena, 2, sizeof(*config->links));
	config->link_count = 2;
	config->links[0].name = "fiber";
	config->links[1].name = "lte";
	config->zones = arena_array(arena, 1, sizeof(*config->zones));
	config->zone_count = 1;
	config->zones[0].name = "lan";
	config->policies = arena_array(arena, 2, sizeof(*config->policies));
	config->policy_count = 2;
	config->policies[0].name = "voice";
	config->policies[1].name = "lte";
	return config;
}

static void finds_by_name(void **state)
{
	struct config *config = small_config();

	(void)state;
	assert_int_equal(config_link(config, "fiber"), 0);
	assert_int_equal(config_link(config, "lte"), 1);
	assert_int_equal(config_zone(config, "lan"), 0);
	assert_int_equal(config_policy(config, "voice"), 0);
	assert_int_equal(config_policy(config, "lte"), 1);
	config_free(config);
}

static void finds_whole_names_of_its_kind_only(void **state)
{
	struct config *config = small_config();

	(void)state;
	assert_int_equal(config_link(config, "fib"), -1);
	assert_int_equal(config_link(config, "fibers"), -1);
	assert_int_equal(config_link(config, "Fiber"), -1);
	assert_int_equal(config_link(config, ""), -1);
	assert_int_equal(config_link(config, "lan"), -1);
	assert_int_equal(config_zone(config, "fiber"), -1);
	assert_int_equal(config_policy(config, "fiber"), -1);
	config_free(config);
}

static void finds_nothing_in_an_empty_configuration(void **state)
{
	struct config config = { .arena = NULL };

	(void)state;
	assert_int_equal(config_link(&config, "fiber"), -1);
	assert_int_equal(config_zone(&config, "lan"), -1);
	assert_int_equal(config_policy(&config, "voice"), -1);
	config_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_name),
		cmocka_unit_test(finds_whole_names_of_its_kind_only),
		cmocka_unit_test(finds_nothing_in_an_empty_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
