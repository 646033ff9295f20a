/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway for tests: a configuration as YAML, and a world in which all that it names exists. */

#include "sample_gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/config.h"
#include "core/networks.h"

const struct hash_key gateway_key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static struct address address_of(const char *text)
{
	struct address address;

	if (!address_parse(text, &address))
		fail_msg("no address: %s", text);
	return address;
}

static void *take(const struct sample_gateway *gateway, size_t count, size_t size)
{
	void *items = arena_array(gateway->arena, count, size);

	assert_non_null(items);
	return items;
}

/* Of both families; the parts are before and behind the number. */
static void number_address(struct address *address, enum family family, const char *before, size_t number,
	const char *behind)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%zu%s", before, number, behind);
	*address = address_of(text);
	assert_int_equal(address->family, family);
}

static void make_link(struct sample_gateway *gateway, size_t index)
{
	const struct link *link = &gateway->config->links[index];
	struct link_view *view = &gateway->view.links[index];
	size_t number = index + 1;

	view->device_index = 10 + (uint32_t)number;
	view->usable = true;
	for (enum family family = IPV4; family <= IPV6; family++) {
		view->mtu[family] = link->mtu;
		view->gateway[family] = link->gateway.address[family];
		view->gateway[family].family = family;
		view->gateway_known[family] = link->gateway.kind != GATEWAY_ADDRESS || link->gateway.given[family];
	}
	if (link->gateway.kind == GATEWAY_AUTO) {
		number_address(&view->gateway[IPV4], IPV4, "198.51.", number, ".254");
		number_address(&view->gateway[IPV6], IPV6, "2001:db8:", number, "::fe");
	}
	view->addresses = (struct networks){ take(gateway, 2, sizeof(struct network)), 2 };
	number_address(&view->addresses.items[0].address, IPV4, "198.51.", number, ".1");
	number_address(&view->addresses.items[1].address, IPV6, "2001:db8:", number, "::1");
	view->addresses.items[0].length = 24;
	view->addresses.items[1].length = 64;
}

static void add_local(struct sample_gateway *gateway, const struct networks *addresses)
{
	struct networks *local = &gateway->view.local;

	for (size_t i = 0; i < addresses->count; i++)
		local->items[local->count++] = addresses->items[i];
}

/* The addresses of that inside device. */
static void make_device(struct sample_gateway *gateway, size_t number, struct zone_view *view, bool behind)
{
	struct network items[2];
	struct networks addresses = { items, 2 };

	number_address(&items[0].address, IPV4, "10.0.", number, ".1");
	number_address(&items[1].address, IPV6, "fd00:", number, "::1");
	items[0].length = 24;
	items[1].length = 64;
	add_local(gateway, &addresses);
	for (size_t i = 0; i < 2 && behind; i++)
		view->behind.items[view->behind.count++] = network_around(&items[i].address, items[i].length);
}

static void make_zone(struct sample_gateway *gateway, size_t index, size_t *number)
{
	const struct zone *zone = &gateway->config->zones[index];
	struct zone_view *view = &gateway->view.zones[index];

	view->device_indexes = take(gateway, zone->devices.count, sizeof(uint32_t));
	view->behind.items = take(gateway, zone->networks.count + 2 * zone->devices.count, sizeof(struct network));
	for (size_t i = 0; i < zone->networks.count; i++)
		view->behind.items[view->behind.count++] = zone->networks.items[i];
	for (size_t i = 0; i < zone->devices.count; i++) {
		view->device_indexes[view->device_count++] = 100 + (uint32_t)++*number;
		make_device(gateway, *number, view, zone->networks.count == 0);
	}
}

/* What the configuration itself has: files are not read. */
static void make_set(struct sample_gateway *gateway, size_t index)
{
	static const struct networks none = { NULL, 0 };

	assert_true(networks_join(gateway->arena, &gateway->config->sets[index].networks, &none,
		&gateway->view.sets[index]));
}

static struct sample_gateway *make_world(struct config *config)
{
	struct sample_gateway *gateway = calloc(1, sizeof(*gateway));
	size_t number = 0;

	assert_non_null(gateway);
	gateway->config = config;
	gateway->arena = arena_new();
	assert_non_null(gateway->arena);
	assert_int_equal(ids_assign(gateway->arena, config, NULL, 0, NULL, 0, &gateway->ids), 0);
	gateway->view.links = take(gateway, config->link_count, sizeof(struct link_view));
	gateway->view.zones = take(gateway, config->zone_count, sizeof(struct zone_view));
	gateway->view.sets = take(gateway, config->set_count, sizeof(struct networks));
	for (size_t i = 0; i < config->set_count; i++)
		make_set(gateway, i);
	gateway->view.local.items = take(gateway, 1024, sizeof(struct network));
	for (size_t i = 0; i < config->link_count; i++) {
		make_link(gateway, i);
		add_local(gateway, &gateway->view.links[i].addresses);
	}
	for (size_t i = 0; i < config->zone_count; i++)
		make_zone(gateway, i, &number);
	return gateway;
}

static struct sample_gateway *make_checked(int result, struct config *config, struct config_errors *errors)
{
	config_errors_print(stderr, errors, 0);
	config_errors_free(errors);
	assert_int_equal(result, 0);
	return make_world(config);
}

struct sample_gateway *gateway_new(const char *yaml)
{
	struct config_errors errors;
	struct config *config;
	char text[8192];
	int length = snprintf(text, sizeof(text), "version: 1\n%s", yaml), result;

	assert_in_range(length, 1, sizeof(text) - 1);
	result = config_parse("test.yaml", text, (size_t)length, &config, &errors);
	return make_checked(result, config, &errors);
}

struct sample_gateway *gateway_of_file(const char *path)
{
	struct config_errors errors;
	struct config *config;
	int result = config_load(path, &config, &errors);

	return make_checked(result, config, &errors);
}

void gateway_free(struct sample_gateway *gateway)
{
	config_free(gateway->config);
	arena_free(gateway->arena);
	free(gateway);
}

struct link_view *gateway_link(const struct sample_gateway *gateway, const char *name)
{
	int index = config_link(gateway->config, name);

	if (index < 0)
		fail_msg("no link %s", name);
	return &gateway->view.links[index];
}

void gateway_down(const struct sample_gateway *gateway, const char *link)
{
	gateway_link(gateway, link)->usable = false;
	gateway_link(gateway, link)->dead = true;
}

void gateway_up(const struct sample_gateway *gateway, const char *link)
{
	gateway_link(gateway, link)->usable = true;
	gateway_link(gateway, link)->dead = false;
}

void gateway_unplug(const struct sample_gateway *gateway, const char *link)
{
	*gateway_link(gateway, link) = (struct link_view){ .dead = true };
}

struct snapshot *gateway_snapshot(const struct sample_gateway *gateway, struct sticky *sticky, const struct snapshot *previous)
{
	struct snapshot_parts parts = { .config = gateway->config, .ids = &gateway->ids, .view = &gateway->view,
		.sticky = sticky, .key = gateway_key, .generation = previous == NULL ? 1 : previous->generation + 1,
		.previous = previous };
	struct snapshot *snapshot = snapshot_new(&parts);

	assert_non_null(snapshot);
	return snapshot;
}

uint32_t gateway_device(const struct sample_gateway *gateway, const char *name)
{
	const struct config *config = gateway->config;

	if (name[0] == '\0')
		return 0;
	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].device, name) == 0)
			return gateway->view.links[i].device_index;
	}
	for (size_t i = 0; i < config->zone_count; i++) {
		for (size_t j = 0; j < config->zones[i].devices.count; j++) {
			if (strcmp(config->zones[i].devices.items[j], name) == 0)
				return gateway->view.zones[i].device_indexes[j];
		}
	}
	return 99; /* one that the configuration does not name */
}

static bool is_among(const struct networks *networks, const struct address *address, bool exactly)
{
	for (size_t i = 0; i < networks->count; i++) {
		const struct network *item = &networks->items[i];
		struct network network = network_around(&item->address, exactly ? 128 : item->length);

		if (network_contains(&network, address))
			return true;
	}
	return false;
}

bool gateway_is_direct(const struct sample_gateway *gateway, const struct address *to)
{
	for (size_t i = 0; i < gateway->config->zone_count; i++) {
		if (is_among(&gateway->view.zones[i].behind, to, false))
			return true;
	}
	return is_among(&gateway->view.local, to, true);
}

struct flow gateway_flow(const struct sample_gateway *gateway, const char *device, uint8_t protocol, const char *from,
	uint16_t from_port, const char *to, uint16_t to_port)
{
	struct flow flow = { .protocol = protocol, .from = address_of(from), .to = address_of(to),
		.from_port = from_port, .to_port = to_port, .device = gateway_device(gateway, device),
		.ports = protocol == 6 || protocol == 17 || protocol == 132 };

	flow.family = flow.from.family;
	for (size_t i = 0; i < gateway->config->link_count && flow.device != 0; i++) {
		if (gateway->view.links[i].device_index == flow.device)
			flow.came_by = gateway->ids.links[i];
	}
	flow.direct = flow.came_by == 0 && gateway_is_direct(gateway, &flow.to);
	return flow;
}

const char *gateway_link_name(const struct sample_gateway *gateway, unsigned int link)
{
	static const char *const words[] = { [MARK_LINK_UNDECIDED] = "undecided", [MARK_LINK_DROP] = "drop",
		[MARK_LINK_REJECT] = "reject", [MARK_LINK_DIRECT] = "direct" };

	for (size_t i = 0; i < gateway->config->link_count; i++) {
		if (gateway->ids.links[i] == link)
			return gateway->config->links[i].name;
	}
	return link < sizeof(words) / sizeof(*words) && words[link] != NULL ? words[link] : "a link that is not there";
}

const char *gateway_policy_name(const struct sample_gateway *gateway, size_t policy)
{
	return policy == NO_POLICY ? "none" : gateway->config->policies[policy].name;
}
