/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures a decision with each algorithm over eight links, all of them usable and loaded. Judges by a bound: exit
 * status 1 where it is not kept.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "core/decide.h"

#define LINKS  8
#define FLOWS  50000
#define ROUNDS 20

#define MEDIAN_MAX_NS 1500

/* One policy for everything. */
struct world {
	struct config config;
	struct link links[LINKS];
	struct choice choices[LINKS];
	struct policy policy;
	struct link_view link_views[LINKS];
	uint8_t link_ids[LINKS];
	uint16_t policy_ids[1];
	struct ids ids;
	struct view view;
	struct loads *loads;
	char names[LINKS][8];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *need(void *memory)
{
	if (memory == NULL) {
		fputs("algorithms: no memory\n", stderr);
		exit(2);
	}
	return memory;
}

static void make_link(struct world *world, uint16_t i)
{
	struct link_load *load = &world->loads->links[i + 1];

	snprintf(world->names[i], sizeof(world->names[i]), "link%u", i);
	world->links[i] = (struct link){ .name = world->names[i], .device = world->names[i], .weight = i + 1u };
	world->choices[i] = (struct choice){ i, i + 1u };
	world->link_ids[i] = (uint8_t)(i + 1);
	world->link_views[i].usable = true;
	load->capacity_bps[DOWNLOAD] = (i + 1u) * UINT64_C(10000000);
	load->capacity_bps[UPLOAD] = (i + 1u) * UINT64_C(2000000);
	load->rate_bps[DOWNLOAD] = (i + 1u) * UINT64_C(7000000);
	load->connections = 100u * i + 3;
	load->delay_us = 20000u + 1000u * i;
	load->full = true;
}

static void make_world(struct world *world, enum algorithm algorithm)
{
	*world = (struct world){ .loads = need(loads_new()) };
	for (uint16_t i = 0; i < LINKS; i++)
		make_link(world, i);
	world->policy = (struct policy){ .name = "all", .qos_class = NO_CLASS, .balance = { .algorithm = algorithm,
		.choices = world->choices, .count = LINKS, .hash_by = KEY_SOURCE } };
	world->policy_ids[0] = 1;
	world->config = (struct config){ .links = world->links, .link_count = LINKS, .policies = &world->policy,
		.policy_count = 1, .kernel = { .mark_policy_bits = 13 } };
	world->ids = (struct ids){ .links = world->link_ids, .policies = world->policy_ids };
	world->view = (struct view){ .links = world->link_views };
}

static int by_size(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return *a < *b ? -1 : *a > *b;
}

/* Median and last hundredth of the best of some rounds, as the machine may be shared. */
static void measure(const struct snapshot *snapshot, struct loads *loads, uint32_t *ret_median, uint32_t *ret_late)
{
	static uint32_t times[FLOWS];

	*ret_median = UINT32_MAX;
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct flow flow = { .family = IPV4, .from.family = IPV4, .to.family = IPV4, .protocol = 6, .ports = true,
				.from_port = (uint16_t)i, .to_port = 443 };
			struct decide_context context = { .now_ms = 1000, .random = i * 0x9e3779b97f4a7c15ULL };
			struct decision decision;
			uint64_t start;

			memcpy(flow.from.bytes, &i, sizeof(i));
			memcpy(flow.to.bytes, &(uint32_t){ i * 2654435761u }, sizeof(i));
			start = now_ns();
			decide(snapshot, &flow, &context, &decision, NULL);
			times[i] = (uint32_t)(now_ns() - start);
			loads->links[decision.link].connections++;
		}
		qsort(times, FLOWS, sizeof(*times), by_size);
		if (times[FLOWS / 2] >= *ret_median)
			continue;
		*ret_median = times[FLOWS / 2];
		*ret_late = times[FLOWS - FLOWS / 100];
	}
}

static bool show(enum algorithm algorithm)
{
	struct world world;
	struct snapshot_parts parts = { .config = &world.config, .ids = &world.ids, .view = &world.view, .generation = 1 };
	struct snapshot *snapshot;
	uint32_t median, late = 0;

	make_world(&world, algorithm);
	parts.loads = world.loads;
	snapshot = need(snapshot_new(&parts));
	measure(snapshot, world.loads, &median, &late);
	printf("%-20s %6u %6u\n", config_algorithm_name(algorithm), median, late);
	snapshot_free(snapshot);
	free(world.loads);
	return median <= MEDIAN_MAX_NS;
}

int main(void)
{
	bool good = true;

	printf("%-20s %6s %6s  ns, over %d links\n", "algorithm", "median", "99%", LINKS);
	for (enum algorithm algorithm = 0; algorithm < ALGORITHMS; algorithm++)
		good &= show(algorithm);
	return good ? 0 : 1;
}
