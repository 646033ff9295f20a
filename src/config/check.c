/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relations that no single key can know: names, devices, links, settings. */

#include <string.h>

#include "config/loader.h"
#include "core/mark.h"
#include "core/schedule.h"

/* Tables of the kernel itself: default, main, local. */
#define FIRST_KERNEL_TABLE 253
#define LAST_KERNEL_TABLE  255

struct position place_of_key(const struct node *map, const char *key, const struct node *fallback)
{
	const struct node *value = node_get(map, key);

	return value != NULL ? value->at : fallback->at;
}

/* Zones, links, labels and sets share one space of names, because policies name them in the same places. */
static void taken(struct loader *loader, const struct node *node, const char *what, const struct place *other,
	const char *other_what)
{
	problem_add(&loader->problems, node->at, "%s `%.60s' has the name of the %s in %s:%zu", what, node->text,
		other_what, other->name->at.source->name, other->name->at.line);
	problem_hint(&loader->problems, "zones, links, labels and sets share their names: choose another one");
}

static void check_label(struct loader *loader, const struct node *label)
{
	int zone = config_zone(loader->config, label->text), link = config_link(loader->config, label->text);

	if (zone >= 0)
		taken(loader, label, "label", &loader->zones[zone], "zone");
	if (link >= 0)
		taken(loader, label, "label", &loader->links[link], "link");
}

static void check_device(struct loader *loader, size_t index)
{
	const struct config *config = loader->config;
	const char *device = config->links[index].device;
	const struct node *node = node_get(loader->links[index].value, "device");

	for (size_t i = 0; i < index; i++) {
		if (config->links[i].device == NULL || strcmp(config->links[i].device, device) != 0)
			continue;
		problem_add(&loader->problems, node->at, "`%s' is the device of link `%s' in line %zu", device,
			config->links[i].name, loader->links[i].name->at.line);
		problem_hint(&loader->problems, "each link has a device of its own");
		return;
	}
	for (size_t zone = 0; zone < config->zone_count; zone++) {
		const struct names *devices = &config->zones[zone].devices;

		for (size_t i = 0; i < devices->count; i++) {
			if (strcmp(devices->items[i], device) != 0)
				continue;
			problem_add(&loader->problems, node->at, "`%s' is a device of zone `%s' in line %zu", device,
				config->zones[zone].name, loader->zones[zone].name->at.line);
			problem_hint(&loader->problems, "a device is inside or outside");
		}
	}
}

/* Labels are named last, because they have no place of their own. */
static void check_set_name(struct loader *loader, size_t index)
{
	const struct config *config = loader->config;
	const struct node *name = loader->sets[index].name;
	int zone = config_zone(config, name->text), link = config_link(config, name->text);

	if (zone >= 0)
		taken(loader, name, "set", &loader->zones[zone], "zone");
	else if (link >= 0)
		taken(loader, name, "set", &loader->links[link], "link");
	for (size_t i = 0; i < config->link_count && zone < 0 && link < 0; i++) {
		if (!link_has_label(&config->links[i], name->text))
			continue;
		problem_add(&loader->problems, name->at, "set `%.60s' has the name of a label of link `%.60s'", name->text,
			config->links[i].name);
		problem_hint(&loader->problems, "zones, links, labels and sets share their names: choose another one");
		return;
	}
}

void check_names(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->zone_count; i++) {
		const struct node *value = loader->zones[i].value;

		if (value != NULL && value->kind == NODE_MAP && value->count == 0) {
			problem_add(&loader->problems, loader->zones[i].name->at, "zone `%.60s' is empty", config->zones[i].name);
			problem_hint(&loader->problems, "a zone has `devices', `networks' or both");
		}
	}
	for (size_t i = 0; i < config->set_count; i++)
		check_set_name(loader, i);
	for (size_t i = 0; i < config->link_count; i++) {
		const struct node *labels = node_get(loader->links[i].value, "labels");
		int zone = config_zone(config, config->links[i].name);

		if (zone >= 0)
			taken(loader, loader->links[i].name, "link", &loader->zones[zone], "zone");
		for (size_t label = 0; label < config->links[i].labels.count; label++)
			check_label(loader, node_item(labels, label));
		if (config->links[i].device != NULL)
			check_device(loader, i);
	}
}

static void check_addresses(struct loader *loader, const struct link *link, const struct place *place)
{
	if (link->gateway.kind != GATEWAY_ADDRESS)
		return;
	for (size_t family = 0; family < FAMILIES; family++) {
		if (link->nat.kind[family] < NAT_SOURCE || link->gateway.given[family])
			continue;
		problem_add(&loader->problems, place_of_key(place->value, "nat", place->name),
			"`nat' has %s of IPv%d, but `gateway' has none", link->nat.kind[family] == NAT_PREFIX ? "a prefix" : "an address",
			family == IPV4 ? 4 : 6);
		problem_hint(&loader->problems, "a link is not used for a family without a gateway: add one to `gateway'");
	}
}

static void check_rounds(struct loader *loader, const struct link *link, const struct place *place)
{
	const struct node *map = node_get(place->value, "check"), *targets = node_get(map, "targets");
	size_t count = targets == NULL ? 0 : targets->kind == NODE_LIST ? targets->count : 1;

	if (link->check.need > count && link->check.need > 1) {
		problem_add(&loader->problems, place_of_key(map, "need", place->name),
			"%u targets must answer, but there %s %zu", link->check.need, count == 1 ? "is" : "are", count);
		problem_hint(&loader->problems, "add targets, or lower `need'");
	}
	if (link->check.timeout_ms > link->check.interval_ms && link->check.interval_ms > 0) {
		problem_add(&loader->problems, place_of_key(map, "timeout", place->name),
			"`timeout' is longer than `interval' (%ums)", link->check.interval_ms);
		problem_hint(&loader->problems, "a round ends before the next: lower `timeout', or write `auto'");
	}
}

static void check_quota(struct loader *loader, const struct link *link, const struct place *place)
{
	const struct quota_settings *quota = &link->quota;
	const struct node *map = node_get(place->value, "quota");
	bool ends = quota->cut_off_permille != 0;

	if (quota->volume == 0)
		return;
	if (quota->taper_permille != 0 && quota->taper_permille >= (ends ? quota->cut_off_permille : 1000)) {
		problem_add(&loader->problems, place_of_key(map, "taper", place->name), "`taper' is not before %s",
			ends ? "`cut-off'" : "the whole volume");
		problem_hint(&loader->problems, "lower `taper', or write `none'");
	}
	if (quota->period == QUOTA_WEEKLY && quota->reset_day > 7) {
		problem_add(&loader->problems, place_of_key(map, "reset-day", place->name), "a week has no day %u", quota->reset_day);
		problem_hint(&loader->problems, "1 is Monday, 7 is Sunday");
	}
	if (quota->alone == QUOTA_STOP && !ends) {
		problem_add(&loader->problems, place_of_key(map, "alone", place->name), "`alone: stop' without a `cut-off'");
		problem_hint(&loader->problems, "say at what part of the volume the link stops");
	}
}

void check_links(struct loader *loader)
{
	const struct config *config = loader->config;
	const struct node *root = loader->documents[0].root;
	unsigned int weights[CONFIG_LINKS_MAX];
	size_t cycle;

	for (size_t i = 0; i < config->link_count; i++) {
		weights[i] = config->links[i].weight;
		check_addresses(loader, &config->links[i], &loader->links[i]);
		check_rounds(loader, &config->links[i], &loader->links[i]);
		check_targets(loader, i);
		check_quota(loader, &config->links[i], &loader->links[i]);
	}
	cycle = weights_cycle(weights, config->link_count);
	if (cycle <= SCHEDULE_MAX_CYCLE)
		return;
	problem_add(&loader->problems, node_key(root, "links")->at,
		"the weights of the links repeat after %zu connections only, more than %d", cycle, SCHEDULE_MAX_CYCLE);
	problem_hint(&loader->problems, "use smaller weights, or some with a common divisor: 100 and 30 are as good as 101 and 29");
}

static void check_kernel(struct loader *loader)
{
	const struct kernel_settings *kernel = &loader->config->kernel;
	const struct node *root = loader->documents[0].root, *map = node_get(root, "kernel");

	/* Links have the numbers 1 .. CONFIG_LINKS_MAX. */
	if (kernel->first_table <= LAST_KERNEL_TABLE && kernel->first_table + CONFIG_LINKS_MAX >= FIRST_KERNEL_TABLE) {
		problem_add(&loader->problems, place_of_key(map, "first-table", root),
			"the tables %u to %u include those of the kernel (253 to 255)", kernel->first_table,
			kernel->first_table + CONFIG_LINKS_MAX);
		problem_hint(&loader->problems, "the default is 7000");
	}
	if (kernel->mark_shift + MARK_LINK_BITS + MARK_CLASS_BITS + kernel->mark_policy_bits > 32) {
		problem_add(&loader->problems, place_of_key(map, "mark-policy-bits", root),
			"a mark has 32 bits: %u for policies and 11 others do not fit in when shifted by %u",
			kernel->mark_policy_bits, kernel->mark_shift);
		problem_hint(&loader->problems, "lower `mark-shift' to %u at most",
			32u - MARK_LINK_BITS - MARK_CLASS_BITS - kernel->mark_policy_bits);
	}
	if (kernel->first_queue + 2u * kernel->queues > 65536) {
		problem_add(&loader->problems, place_of_key(map, "first-queue", root),
			"%u queues from %u on end after 65535", 2u * kernel->queues, kernel->first_queue);
		problem_hint(&loader->problems, "the default is 200");
	}
}

void check_settings(struct loader *loader)
{
	check_kernel(loader);
	check_mail(loader);
}
