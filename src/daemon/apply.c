/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes kernel and verdict threads what links and configuration ask for. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "daemon/daemon.h"
#include "daemon/recovery.h"
#include "kernel/conntrack.h"
#include "kernel/routes.h"
#include "kernel/ruleset_elements.h"

#define FLUSH_AGAIN_MS    150
#define FLUSH_EVERY_MS    1000
#define FLUSH_AGAIN_TIMES 12

static struct mark_layout layout_of(const struct daemon *daemon)
{
	return mark_layout_of(&daemon->generation->config->kernel);
}

struct snapshot *apply_snapshot(struct daemon *daemon, struct generation *generation, const struct snapshot *previous)
{
	struct link_view links[CONFIG_LINKS_MAX];
	struct view view = world_view(daemon, links);
	struct snapshot_parts parts = {
		.config = generation->config,
		.ids = &generation->ids,
		.view = &view,
		.sticky = daemon->sticky,
		.loads = daemon->loads,
		.paths = daemon->paths,
		.key = daemon->state.key,
		.generation = ++daemon->snapshot_generation,
		.previous = previous,
	};

	return snapshot_new(&parts);
}

static void apply_ruleset(struct daemon *daemon, const struct plan *plan)
{
	char message[512] = "";
	int error = ruleset_update(daemon->nftables, daemon->ruleset_memory, &plan->ruleset, &daemon->features, message,
		sizeof(message));

	if (error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "the ruleset stays as it was: %s", message);
	else
		ruleset_generation(daemon->nftables, &daemon->ruleset_generation);
}

/* True where something had to be changed. */
static bool apply_routes(struct daemon *daemon, const struct plan *plan, struct routes_changes *changes)
{
	char message[512] = "";
	int error;

	*changes = (struct routes_changes){ 0 };
	error = routes_apply(daemon->routing, plan, changes, message, sizeof(message));
	if (error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "routing: %s", message);
	return changes->routes_added + changes->routes_removed + changes->rules_added + changes->rules_removed > 0;
}

/* A link is dead for its connections only while there is another way. */
static void mark_dead(struct daemon *daemon)
{
	bool another = links_any_usable(daemon);

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		daemon->links[i].view.dead = another && links_fails(&daemon->links[i]);
}

static struct plan *make_plan(struct daemon *daemon)
{
	struct link_view links[CONFIG_LINKS_MAX];
	struct view view;

	mark_dead(daemon);
	view = world_view(daemon, links);
	return plan_new(daemon->generation->config, &daemon->generation->ids, &view);
}

/* The kernel first, so that every link that a decision may name has its routes. */
int apply_all(struct daemon *daemon, void *retire)
{
	struct publisher *publisher = daemon->verdicts == NULL ? NULL : verdicts_publisher(daemon->verdicts);
	struct plan *plan = make_plan(daemon);
	struct routes_changes changes;
	struct snapshot *snapshot;

	if (plan == NULL)
		return -ENOMEM;
	apply_routes(daemon, plan, &changes);
	/* Classes are there before packets are led to them. */
	shape_apply(daemon, &plan->shaper, true);
	apply_ruleset(daemon, plan);
	plan_free(daemon->plan);
	daemon->plan = plan;
	if (publisher == NULL)
		return 0;
	snapshot = apply_snapshot(daemon, daemon->generation, atomic_load(&publisher->newest));
	if (snapshot == NULL)
		return -ENOMEM;
	if (publish_replace(publisher, snapshot, retire) < 0) {
		snapshot_free(snapshot);
		return -ENOMEM;
	}
	daemon->forget_answers = true;
	recovery_follow(daemon);
	return 0;
}

/* The new rules came with empty sets, but decisions by the old snapshot may have come after them. */
void apply_forget_answers(struct daemon *daemon)
{
	static const char *const sets[] = { PLAN_ANSWERS "-4", PLAN_ANSWERS "-6" };

	if (!daemon->forget_answers)
		return;
	daemon->forget_answers = false;
	for (size_t i = 0; i < 2 && plan_keeps_answers(daemon->generation->config); i++)
		ruleset_elements_flush(daemon->nftables, daemon->plan->ruleset.table, sets[i]);
}

/* Somebody else changed nf_tables: was it our table? */
static void reconcile_ruleset(struct daemon *daemon)
{
	uint32_t generation;

	if (ruleset_generation(daemon->nftables, &generation) < 0 || generation == daemon->ruleset_generation)
		return;
	daemon->ruleset_generation = generation;
	if (ruleset_intact(daemon->nftables, &daemon->plan->ruleset) != 0)
		return;
	apply_ruleset(daemon, daemon->plan);
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
		"another program changed or removed our table: restored");
	tell_trouble(daemon, TROUBLE_KERNEL, "another program changed or removed our table: restored");
}

static bool is_ours_gone(const struct routes_changes *changes)
{
	return changes->routes_added + changes->rules_added > 0;
}

static void reconcile_routing(struct daemon *daemon, bool expected)
{
	struct routes_changes changes;

	if (!apply_routes(daemon, daemon->plan, &changes) || expected || !is_ours_gone(&changes))
		return;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
		"another program removed our routing: restored %u routes and %u rules", changes.routes_added,
		changes.rules_added);
	tell_trouble(daemon, TROUBLE_KERNEL, "another program removed our routing: restored %u routes and %u rules",
		changes.routes_added, changes.rules_added);
}

static uint64_t mix(struct daemon *daemon, uint64_t sum, const void *data, size_t size)
{
	return (sum ^ siphash(&daemon->state.key, data, size)) * 0x9e3779b97f4a7c15ULL;
}

static uint64_t mix_networks(struct daemon *daemon, uint64_t sum, const struct networks *networks)
{
	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->items[i];

		sum = mix(daemon, sum, network->address.bytes, sizeof(network->address.bytes));
		sum = mix(daemon, sum, &network->length, sizeof(network->length));
	}
	return sum;
}

static uint64_t mix_link(struct daemon *daemon, uint64_t sum, const struct link_view *view)
{
	sum = mix(daemon, sum, &view->device_index, sizeof(view->device_index));
	sum = mix(daemon, sum, view->mtu, sizeof(view->mtu));
	sum = mix(daemon, sum, view->gateway_known, sizeof(view->gateway_known));
	for (enum family family = IPV4; family <= IPV6; family++)
		sum = mix(daemon, sum, view->gateway[family].bytes, sizeof(view->gateway[family].bytes));
	return mix_networks(daemon, sum, &view->addresses);
}

/* Of what plan and snapshot depend on beside link states: device indexes, addresses, gateways, our own source. */
static uint64_t fingerprint(struct daemon *daemon)
{
	struct networks servers = { daemon->servers.items, daemon->servers.count };
	uint64_t sum = mix_networks(daemon, mix_networks(daemon, 0, &daemon->devices->local), &servers);

	for (enum family family = IPV4; family <= IPV6; family++)
		sum = mix(daemon, sum, daemon->own_source[family].bytes, sizeof(daemon->own_source[family].bytes));
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		sum = mix_link(daemon, sum, &daemon->links[i].view);
	for (size_t i = 0; i < daemon->generation->config->zone_count; i++) {
		const struct zone_view *zone = &daemon->zones[i];

		sum = mix(daemon, sum, zone->device_indexes, zone->device_count * sizeof(uint32_t));
		for (size_t j = 0; j < zone->carriers.count; j++)
			sum = mix(daemon, sum, zone->carriers.items[j], strlen(zone->carriers.items[j]));
		sum = mix_networks(daemon, sum, &zone->behind);
	}
	return sum;
}

void apply_reconcile(struct daemon *daemon)
{
	uint64_t before = fingerprint(daemon);
	int error = world_read(daemon);
	bool changed;

	if (error < 0) {
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "devices cannot be read: %s", strerror(-error));
		return;
	}
	changed = fingerprint(daemon) != before;
	if (changed)
		apply_all(daemon, NULL);
	links_ground(daemon);
	reconcile_ruleset(daemon);
	reconcile_routing(daemon, changed);
	shape_apply(daemon, &daemon->plan->shaper, changed);
}

static void flush(struct daemon *daemon, uint32_t value, uint32_t mask, bool keep_living_tcp)
{
	int error = conntrack_flush(daemon->conntrack, value, mask, keep_living_tcp);

	if (error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "connections of a dead link cannot be deleted: %s",
			strerror(-error));
}

/* One policy's connections on that link: reset keeps living TCP, which the ruleset tells at its next packet. */
static void flush_policy(struct daemon *daemon, const struct link_run *run, size_t policy)
{
	struct mark_layout layout = layout_of(daemon);
	uint32_t value = mark_make(layout, run->id, 0, daemon->generation->ids.policies[policy]);
	uint32_t mask = mark_link_mask(layout) | mark_policy_mask(layout);

	switch (daemon->generation->config->policies[policy].balance.on_failure) {
	case ON_FAILURE_KEEP:
		break;
	case ON_FAILURE_RESET:
		flush(daemon, value, mask, true);
		break;
	case ON_FAILURE_FLUSH:
		flush(daemon, value, mask, false);
		break;
	}
}

/* Whether all policies want the same on a failure, and all have another way: then one message does. */
static bool all_alike(const struct config *config, const struct plan_ways *ways)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].balance.on_failure != config->policies[0].balance.on_failure
		    || !plan_has_way(ways, &config->policies[i]))
			return false;
	}
	return config->policy_count > 0 && config->policies[0].balance.on_failure != ON_FAILURE_KEEP;
}

static void flush_link(struct daemon *daemon, const struct link_run *run)
{
	const struct config *config = daemon->generation->config;
	struct mark_layout layout = layout_of(daemon);
	struct link_view links[CONFIG_LINKS_MAX];
	struct plan_ways ways;

	world_view(daemon, links);
	ways = plan_ways(config, links);
	if (all_alike(config, &ways)) {
		flush(daemon, mark_make(layout, run->id, 0, 0), mark_link_mask(layout),
			config->policies[0].balance.on_failure == ON_FAILURE_RESET);
		return;
	}
	for (size_t i = 0; i < config->policy_count; i++) {
		if (plan_has_way(&ways, &config->policies[i]))
			flush_policy(daemon, run, i);
	}
}

static void on_flush_timer(uv_timer_t *timer)
{
	apply_flush_again(timer->data);
}

void apply_dead_link(struct daemon *daemon, struct link_run *run)
{
	if (!run->view.dead)
		return;
	flush_link(daemon, run);
	/*
	 * Once more soon: a packet that was held meanwhile may still have got the old decision. And some
	 * seconds long for TCP that was reset: the kernel would keep its entry for a SYN with the same ports.
	 */
	daemon->flush_again |= 1ull << run->id;
	daemon->flushes_left = FLUSH_AGAIN_TIMES;
	uv_timer_start(&daemon->flush_timer, on_flush_timer, FLUSH_AGAIN_MS, FLUSH_EVERY_MS);
}

void apply_flush_again(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = &daemon->links[i];

		if ((daemon->flush_again >> run->id & 1) != 0 && run->view.dead)
			flush_link(daemon, run);
	}
	if (--daemon->flushes_left > 0)
		return;
	daemon->flush_again = 0;
	uv_timer_stop(&daemon->flush_timer);
}
