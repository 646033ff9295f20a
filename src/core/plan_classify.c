/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's part of shaping: leads every packet that leaves by a shaped device to its class. */

#include "core/plan_parts.h"

/* Before source NAT; the mark is as routing saw it. */
enum {
	PRIORITY_CLASSIFY = -150,
};

#define CHAIN_CLASSIFY "classify"

static uint32_t link_and_class_mask(const struct planner *planner)
{
	return mark_link_mask(planner->layout) | mark_class_mask(planner->layout);
}

/* The numbers that leaves have: those of the classes, and that of our own checks. */
static struct values known_classes(struct planner *planner)
{
	const struct qos *qos = &planner->config->qos;
	struct values values = { .items = arena_array(planner->plan->arena, qos->count + 1, sizeof(uint32_t)) };

	planner->builder.failed |= values.items == NULL;
	for (size_t i = 0; i < qos->count && values.items != NULL; i++)
		values.items[values.count++] = mark_make(planner->layout, 0, planner->ids->classes[i], 0);
	if (values.items != NULL)
		values.items[values.count++] = mark_make(planner->layout, 0, MARK_CLASS_CHECK, 0);
	return values;
}

static uint32_t standard_class(const struct planner *planner)
{
	return mark_make(planner->layout, 0, planner->ids->classes[planner->config->qos.standard], 0);
}

/* Neighbours are found whatever the classes do: a link without them is dead. */
static void plan_neighbours(struct planner *planner, const struct names *device, unsigned int link)
{
	static const uint32_t neighbours[] = { 133, 134, 135, 136, 137 };
	struct builder *b = &planner->builder;

	build_rule(b, "neighbour discovery waits for nobody");
	build_devices(b, MATCH_DEVICE_OUT, device, false);
	build_values(b, MATCH_ICMP6_TYPE, neighbours, sizeof(neighbours) / sizeof(*neighbours), false);
	build_statement(b, (struct statement){ .kind = SET_PRIORITY,
		.value = SHAPER_MAJOR << 16 | link | MARK_CLASS_CHECK << MARK_LINK_BITS });
	build_action(b, ACCEPT);
}

/* What leaves by a link without its mark: as the main table says, or from the kernel itself. */
static void plan_strangers(struct planner *planner, const struct names *device, unsigned int link)
{
	struct builder *b = &planner->builder;

	build_rule(b, "it leaves by a link that was not chosen for it: the default class there");
	build_devices(b, MATCH_DEVICE_OUT, device, false);
	build_mark_is(b, MATCH_MARK, mark_link_mask(planner->layout), mark_make(planner->layout, link, 0, 0), true);
	build_set_mark(b, link_and_class_mask(planner),
		mark_make(planner->layout, link, 0, 0) | standard_class(planner));
}

static struct names shaped_devices(struct planner *planner)
{
	const struct shaper_plan *shaper = &planner->plan->shaper;
	struct names names = { .items = arena_array(planner->plan->arena, shaper->count, sizeof(char *)) };

	planner->builder.failed |= names.items == NULL;
	for (size_t i = 0; i < shaper->count && names.items != NULL; i++)
		names.items[names.count++] = shaper->devices[i].device;
	return names;
}

static void plan_links(struct planner *planner)
{
	const struct config *config = planner->config;

	for (size_t i = 0; i < config->link_count; i++) {
		struct names device = { &config->links[i].device, 1 };

		if (view_upload_bps(planner->view, config, i) == 0)
			continue;
		plan_neighbours(planner, &device, planner->ids->links[i]);
		plan_strangers(planner, &device, planner->ids->links[i]);
	}
}

/* The chain is there also without rules: a base chain that goes would drop what queues hold. */
void plan_classify(struct planner *planner)
{
	struct values known = { 0 };
	struct names devices = { 0 };
	struct builder *b = &planner->builder;

	build_base_chain(b, CHAIN_CLASSIFY, CHAIN_FILTER, HOOK_POSTROUTING, PRIORITY_CLASSIFY);
	if (planner->plan->shaper.count == 0)
		return;
	known = known_classes(planner);
	devices = shaped_devices(planner);
	if (b->failed)
		return;
	plan_links(planner);
	build_rule(b, "no class, or one that is no more: the default one");
	build_devices(b, MATCH_DEVICE_OUT, &devices, false);
	build_statement(b, (struct statement){ .kind = MATCH_MARK, .negate = true,
		.mask = mark_class_mask(planner->layout), .values = known });
	build_set_mark(b, mark_class_mask(planner->layout), standard_class(planner));
	build_rule(b, "to its class by link and class of the mark");
	build_devices(b, MATCH_DEVICE_OUT, &devices, false);
	build_statement(b, (struct statement){ .kind = SET_CLASS_PRIORITY, .value = SHAPER_MAJOR,
		.queue = planner->layout.shift, .mask = SHAPER_MINOR_MASK });
}
