/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures a decision by each algorithm over eight links. Judges by a bound: exit status 1 where it is not kept. */

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
#define TICKS  20 /* of a quarter of a second, before anything is measured */

#define MEDIAN_MAX_NS 1500

/* xorshift64* (Vigna 2016). */
static uint64_t random_next(void)
{
	static uint64_t state = 0x2545f4914f6cdd1dULL;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One policy for everything. */
struct world {
	struct config config;
	struct ids ids;
	struct view view;
	struct link links[LINKS];
	struct link_view link_views[LINKS];
	struct choice choices[LINKS];
	struct policy policy;
	uint8_t link_ids[LINKS];
	uint16_t policy_id;
	struct sticky *sticky;
	struct loads *loads;
};

static void fill_loads(struct loads *loads)
{
	for (size_t i = 1; i <= LINKS; i++) {
		struct link_load *load = &loads->links[i];

		load->capacity_bps[DOWNLOAD] = load->capacity_bps[UPLOAD] = 1000000000;
		load->rate_bps[DOWNLOAD] = load->rate_bps[UPLOAD] = random_next() % 900000000;
		load->connections = (uint32_t)(random_next() % 10000);
		load->delay_us = 10000 + (uint32_t)(random_next() % 50000);
	}
}

static void fill_world(struct world *world, enum algorithm algorithm, enum share share)
{
	static const char *const names[LINKS] = { "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8" };

	memset(world, 0, sizeof(*world));
	for (uint16_t i = 0; i < LINKS; i++) {
		world->links[i] = (struct link){ .name = names[i], .device = names[i], .weight = i + 1u };
		world->link_views[i] = (struct link_view){ .usable = true, .device_index = i + 10u };
		world->choices[i] = (struct choice){ .link = i, .weight = i + 1u };
		world->link_ids[i] = (uint8_t)(i + 1);
	}
	world->policy = (struct policy){ .name = "all",
		.balance = { .algorithm = algorithm, .share = share, .choices = world->choices, .count = LINKS,
			.hash_by = KEY_SOURCE_DESTINATION } };
	world->policy_id = 1;
	world->ids = (struct ids){ .links = world->link_ids, .policies = &world->policy_id };
	world->view = (struct view){ .links = world->link_views };
	world->config = (struct config){ .links = world->links, .link_count = LINKS, .policies = &world->policy,
		.policy_count = 1, .kernel.mark_policy_bits = MARK_POLICY_BITS_LEAST };
	world->sticky = sticky_new(65536);
	world->loads = loads_new();
	if (world->sticky == NULL || world->loads == NULL)
		exit(2);
	fill_loads(world->loads);
}

static struct snapshot *make_snapshot(struct world *world)
{
	struct snapshot_parts parts = { .config = &world->config, .ids = &world->ids, .view = &world->view,
		.sticky = world->sticky, .loads = world->loads, .generation = 1 };
	struct snapshot *snapshot = snapshot_new(&parts);

	if (snapshot == NULL) {
		fputs("algorithms: no snapshot\n", stderr);
		exit(2);
	}
	for (uint64_t tick = 1; tick <= TICKS; tick++) {
		for (uint8_t link = 1; link <= LINKS; link++)
			balancer_count_bytes(snapshot->balancers[0], link, tick * (1000000 + random_next() % 1000000));
		balancer_tick(snapshot->balancers[0], &(struct balancer_tick){ tick * 250, world->loads });
	}
	return snapshot;
}

static struct flow some_flow(void)
{
	struct flow flow = { .protocol = 6, .ports = true, .from_port = (uint16_t)random_next(), .to_port = 443 };
	uint64_t addresses = random_next();

	memcpy(flow.from.bytes, &addresses, 4);
	memcpy(flow.to.bytes, (const char *)&addresses + 4, 4);
	return flow;
}

static int by_size(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* The best median of some rounds, as the machine may be shared. */
static unsigned int measure(enum algorithm algorithm, enum share share, unsigned int *ret_high)
{
	static struct flow flows[FLOWS];
	static uint32_t times[FLOWS];
	struct world world;
	struct snapshot *snapshot;
	unsigned int best = UINT32_MAX;

	fill_world(&world, algorithm, share);
	snapshot = make_snapshot(&world);
	for (size_t i = 0; i < FLOWS; i++)
		flows[i] = some_flow();
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < FLOWS; i++) {
			struct decide_context context = { .now_ms = 6000, .random = random_next() };
			struct decision decision;
			uint64_t start = now_ns();

			decide(snapshot, &flows[i], &context, &decision, NULL);
			times[i] = (uint32_t)(now_ns() - start);
		}
		qsort(times, FLOWS, sizeof(times[0]), by_size);
		if (times[FLOWS / 2] >= best)
			continue;
		best = times[FLOWS / 2];
		*ret_high = times[FLOWS - FLOWS / 100 - 1];
	}
	snapshot_free(snapshot);
	sticky_free(world.sticky);
	free(world.loads);
	return best;
}

static bool tell(enum algorithm algorithm, enum share share, const char *more)
{
	unsigned int high = 0, median = measure(algorithm, share, &high);

	printf("%-28s %6u %6u\n", *more == '\0' ? config_algorithm_name(algorithm) : more, median, high);
	return median < MEDIAN_MAX_NS;
}

int main(void)
{
	bool kept = true;

	printf("%d links; ns for a decision, the clock's own time included\nalgorithm                    median    p99\n", LINKS);
	for (unsigned int i = 0; i < ALGORITHMS; i++)
		kept &= tell((enum algorithm)i, SHARE_CONNECTIONS, "");
	kept &= tell(ALGORITHM_ROUND_ROBIN, SHARE_BYTES, "round-robin, share: bytes");
	printf("bound: median < %d ns: %s\n", MEDIAN_MAX_NS, kept ? "kept" : "NOT KEPT");
	return kept ? EXIT_SUCCESS : EXIT_FAILURE;
}
