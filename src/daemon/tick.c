/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells balancers, four times a second, that time has passed, and what their policies have carried. */

#include "core/health_delay.h"
#include "core/mark.h"
#include "daemon/daemon.h"
#include "daemon/measure.h"
#include "kernel/ruleset_elements.h"

#define TICK_MS 250
#define PACE_MS 100 /* between looks at what links carry */

/* Policies by their numbers in marks, for one reading. */
struct reading {
	const struct snapshot *snapshot;
	struct mark_layout layout;
	uint16_t *policies; /* by number: index + 1; 0: none that counts bytes */
};

static bool take(const struct ruleset_element *element, void *data)
{
	const struct reading *reading = data;
	unsigned int number = mark_policy(reading->layout, element->mark);
	unsigned int link = mark_link(reading->layout, element->mark);

	if (link <= MARK_LINK_MAX && reading->policies[number] != 0)
		balancer_count_bytes(reading->snapshot->balancers[reading->policies[number] - 1], (uint8_t)link, element->bytes);
	return true;
}

/* What cannot be read now is in the next reading. */
static void read_bytes(struct daemon *daemon, const struct snapshot *snapshot)
{
	uint16_t policies[1 << MARK_POLICY_BITS] = { 0 };
	struct reading reading = { snapshot, snapshot->layout, policies };

	for (size_t i = 0; i < snapshot->config->policy_count; i++) {
		if (snapshot->balancers[i] != NULL && balancer_wants_bytes(snapshot->balancers[i]))
			policies[snapshot->ids->policies[i]] = (uint16_t)(i + 1);
	}
	ruleset_elements_list_marks(daemon->nftables, daemon->plan->ruleset.table, PLAN_BYTES, take, &reading);
}

static void publish_delays(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = &daemon->links[i];

		atomic_store_explicit(&daemon->loads->links[run->id].delay_us, health_delay_us(&run->health), memory_order_relaxed);
	}
}

static void lead_paces(struct daemon *daemon, uint64_t now_ms)
{
	if (now_ms - daemon->paced_at_ms < PACE_MS)
		return;
	daemon->paced_at_ms = now_ms;
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		measure_pace(daemon, &daemon->links[i], now_ms);
}

void tick_watch(struct daemon *daemon)
{
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(daemon->verdicts)->newest);
	struct balancer_tick tick = { .now_ms = verdicts_now_ms(), .loads = daemon->loads };

	lead_paces(daemon, tick.now_ms);
	if (tick.now_ms - daemon->ticked_at_ms < TICK_MS)
		return;
	daemon->ticked_at_ms = tick.now_ms;
	publish_delays(daemon);
	if (plan_counts_bytes(snapshot->config))
		read_bytes(daemon, snapshot);
	for (size_t i = 0; i < snapshot->config->policy_count; i++) {
		if (snapshot->balancers[i] != NULL)
			balancer_tick(snapshot->balancers[i], &tick);
	}
}

json_t *tick_bytes(const struct daemon *daemon, size_t policy)
{
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(daemon->verdicts)->newest);
	const struct balancer *balancer;
	json_t *links;

	/* The newest one may not be made yet, for want of memory. */
	if (snapshot->config != daemon->generation->config)
		return NULL;
	balancer = snapshot->balancers[policy];
	if (balancer == NULL || !balancer_wants_bytes(balancer))
		return NULL;
	links = json_object();
	for (size_t i = 0; i < snapshot->config->link_count; i++)
		json_object_set_new(links, snapshot->config->links[i].name,
			json_integer((json_int_t)balancer_bytes(balancer, snapshot->ids->links[i])));
	return links;
}
