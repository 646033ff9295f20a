/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of plan_shaper.h: who is guaranteed what, where it is shaped, and that it adds up. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/mark.h"
#include "core/plan_shaper.h"
#include "sample_gateway.h"

#define CLASSES \
	"qos:\n  classes:\n    voice: { min: 10%, max: 50%, priority: 0 }\n    normal: { min: 40% }\n" \
	"    penalty: { max: 1 mbit, priority: 7 }\n  default: normal\n"
#define ZONES "zones: { lan: { devices: [lan0, lan1] }, guest: { devices: [lan1] } }\n"

struct world {
	struct sample_gateway *gateway;
	struct arena *arena;
	struct shaper_plan plan;
};

static void open_world(struct world *world, const char *yaml)
{
	world->gateway = gateway_new(yaml);
	world->arena = arena_new();
	assert_non_null(world->arena);
	assert_true(plan_shaper(world->arena, world->gateway->config, &world->gateway->ids, &world->gateway->view, &world->plan));
}

static void close_world(struct world *world)
{
	arena_free(world->arena);
	gateway_free(world->gateway);
}

static const struct shaper_device *find_device(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->plan.count; i++) {
		if (strcmp(world->plan.devices[i].device, name) == 0)
			return &world->plan.devices[i];
	}
	return NULL;
}

static const struct shaper_class *find_class(const struct shaper_device *device, const char *link, const char *name)
{
	for (size_t i = 0; device != NULL && i < device->count; i++) {
		const struct shaper_class *class = &device->classes[i];

		if (class->link != NULL && strcmp(class->link, link) == 0
		    && (name == NULL ? !class->leaf : class->leaf && strcmp(class->qos_class, name) == 0))
			return class;
	}
	return NULL;
}

static void nothing_without_classes(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, ZONES "links: { fiber: { device: wan1, bandwidth: { download: 100 mbit, upload: 20 mbit } } }\n");
	assert_int_equal(world.plan.count, 0);
	close_world(&world);
}

static void nothing_without_bandwidth(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, ZONES "links: { fiber: { device: wan1 } }\n" CLASSES);
	assert_int_equal(world.plan.count, 0);
	assert_true(plan_shaper_lacks_upload(world.gateway->config, &world.gateway->config->links[0]));
	assert_true(plan_shaper_lacks_download(world.gateway->config, &world.gateway->config->links[0]));
	close_world(&world);
}

static void each_class_has_its_part(void **state)
{
	const struct shaper_class *class;
	struct world world;

	(void)state;
	open_world(&world, ZONES "links: { fiber: { device: wan1, bandwidth: { download: 100 mbit, upload: 20 mbit } } }\n" CLASSES);
	assert_int_equal(world.plan.count, 3);
	class = find_class(find_device(&world, "wan1"), "fiber", "voice");
	assert_int_equal(class->rate_bps, 2000000);
	assert_int_equal(class->ceil_bps, 10000000);
	assert_int_equal(class->priority, 0);
	class = find_class(find_device(&world, "wan1"), "fiber", "normal");
	assert_int_equal(class->rate_bps, 8000000);
	assert_int_equal(class->ceil_bps, 20000000);
	assert_int_equal(class->priority, 4);
	class = find_class(find_device(&world, "lan0"), "fiber", "penalty");
	assert_int_equal(class->ceil_bps, 1000000);
	assert_in_range(class->rate_bps, 1, 1000000);
	/* Our own checks go out only; what comes from elsewhere inside is free. */
	assert_non_null(find_class(find_device(&world, "wan1"), "fiber", SHAPER_CHECKS));
	assert_null(find_class(find_device(&world, "lan0"), "fiber", SHAPER_CHECKS));
	assert_int_equal(find_device(&world, "lan0")->standard, SHAPER_FREE_MINOR);
	close_world(&world);
}

/* By the same arithmetic as the rule: SHAPER_MINOR_MASK of the mark, moved down. */
static void minors_follow_marks(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, ZONES "kernel: { mark-shift: 5 }\nlinks:\n  fiber: { device: wan1, bandwidth: { upload: 20 mbit } }\n"
		"  lte: { device: wan2, bandwidth: { upload: 1 mbit } }\n" CLASSES);
	for (size_t link = 0; link < 2; link++) {
		const struct config *config = world.gateway->config;
		const struct shaper_device *device = find_device(&world, config->links[link].device);
		struct mark_layout layout = { 5, MARK_POLICY_BITS };

		for (size_t i = 0; i < config->qos.count; i++) {
			uint32_t mark = mark_make(layout, world.gateway->ids.links[link], world.gateway->ids.classes[i], 77);
			const struct shaper_class *class = find_class(device, config->links[link].name, config->qos.classes[i].name);

			assert_int_equal(class->minor, mark >> 5 & SHAPER_MINOR_MASK);
			assert_int_equal(class->parent, find_class(device, config->links[link].name, NULL)->minor);
		}
	}
	close_world(&world);
}

static uint64_t sum_of_leaves(const struct shaper_device *device)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < device->count; i++) {
		const struct shaper_class *class = &device->classes[i];

		assert_true(class->rate_bps >= 8 && class->rate_bps <= class->ceil_bps);
		sum += class->leaf && class->link != NULL ? class->rate_bps : 0;
	}
	return sum;
}

/* Whatever is asked for, parts are not more than the whole. */
static void parts_are_never_more_than_the_whole(void **state)
{
	static const char *const bandwidths[] = { "100 kbit", "1 mbit", "20 mbit", "10 gbit" };

	(void)state;
	for (size_t i = 0; i < sizeof(bandwidths) / sizeof(*bandwidths); i++) {
		for (unsigned int greedy = 1; greedy < 100; greedy += 7) {
			char yaml[1024];
			struct world world;

			snprintf(yaml, sizeof(yaml), "links: { l: { device: w, bandwidth: { upload: %s } } }\nqos:\n  classes:\n"
				"    a: { min: %u%% }\n    b: { min: %u%% }\n    c: { priority: 0 }\n    d: { max: 1%% }\n  default: c\n",
				bandwidths[i], greedy, 100 - greedy);
			open_world(&world, yaml);
			assert_int_equal(world.plan.count, 1);
			assert_in_range(sum_of_leaves(&world.plan.devices[0]), 1, world.plan.devices[0].classes[0].rate_bps);
			close_world(&world);
		}
	}
}

static void many_classes_on_a_slow_link(void **state)
{
	char yaml[4096] = "links: { l: { device: w, bandwidth: { upload: 64 kbit } } }\nqos:\n  default: c0\n  classes:\n";
	struct world world;

	(void)state;
	for (int i = 0; i < CONFIG_CLASSES_MAX; i++)
		snprintf(yaml + strlen(yaml), sizeof(yaml) - strlen(yaml), "    c%d: { priority: %d }\n", i, i % 8);
	open_world(&world, yaml);
	assert_int_equal(world.plan.devices[0].count, CONFIG_CLASSES_MAX + 2);
	assert_in_range(sum_of_leaves(&world.plan.devices[0]), 1, 64000);
	close_world(&world);
}

/* A device is shaped once, though two zones have it; zones without devices have those that lead there. */
static void inside_devices_are_found(void **state)
{
	static const char *carriers[] = { "eth7", "wan1" };
	struct world world;

	(void)state;
	open_world(&world, ZONES "links: { fiber: { device: wan1, bandwidth: { download: 100 mbit } } }\n" CLASSES);
	assert_int_equal(world.plan.count, 2);
	assert_non_null(find_device(&world, "lan0"));
	assert_non_null(find_device(&world, "lan1"));
	close_world(&world);

	open_world(&world, "zones: { lan: { networks: [10.0.0.0/8] } }\n"
		"links: { fiber: { device: wan1, bandwidth: { download: 100 mbit } } }\n" CLASSES);
	assert_int_equal(world.plan.count, 0);
	world.gateway->view.zones[0].carriers = (struct names){ carriers, 2 };
	assert_true(plan_shaper(world.arena, world.gateway->config, &world.gateway->ids, &world.gateway->view, &world.plan));
	assert_int_equal(world.plan.count, 1);
	assert_true(world.plan.devices[0].inside);
	assert_string_equal(world.plan.devices[0].device, "eth7");
	close_world(&world);
}

static void large_segments_are_split_on_slow_links_only(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, "links:\n  slow: { device: wan1, bandwidth: { upload: 20 mbit } }\n"
		"  fast: { device: wan2, bandwidth: { upload: 10 gbit } }\n" CLASSES);
	assert_true(find_class(find_device(&world, "wan1"), "slow", "voice")->split);
	assert_false(find_class(find_device(&world, "wan2"), "fast", "voice")->split);
	close_world(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_without_classes),
		cmocka_unit_test(nothing_without_bandwidth),
		cmocka_unit_test(each_class_has_its_part),
		cmocka_unit_test(minors_follow_marks),
		cmocka_unit_test(parts_are_never_more_than_the_whole),
		cmocka_unit_test(many_classes_on_a_slow_link),
		cmocka_unit_test(inside_devices_are_found),
		cmocka_unit_test(large_segments_are_split_on_slow_links_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
