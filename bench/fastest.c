/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures decisions by `fastest' with eight links and a full table: to any known destination, to the popular ones, and to
 * unknown ones. Judges by a bound: exit status 1 where it is not kept.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/decide.h"

#define LINKS    8
#define ENTRIES  65536
#define POPULAR  1000
#define FLOWS    50000
#define ROUNDS   20
#define START_MS 10000000ull

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
	struct paths *paths;
	struct snapshot *snapshot;
};

static struct address destination(uint32_t number)
{
	return (struct address){ IPV4, { (uint8_t)(20 + (number >> 16)), (uint8_t)(number >> 8), (uint8_t)number, 1 } };
}

/* More than there is room for, so that each group is full; the popular ones often. */
static void fill_paths(struct paths *paths)
{
	for (uint32_t i = 0; i < 2 * ENTRIES; i++) {
		for (uint8_t link = 1; link <= LINKS; link++) {
			struct handshake handshake = { .to = destination(i), .to_port = 443, .protocol = 6, .link = link,
				.answered = true, .us = 5000 + (uint32_t)(random_next() % 100000), .at_ms = START_MS };

			for (int times = i < POPULAR ? 20 : 1; times > 0; times--)
				paths_sample(paths, &handshake, NULL);
		}
	}
}

static void fill_world(struct world *world)
{
	static const char *const names[LINKS] = { "l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8" };
	struct hash_key key = { { random_next(), random_next() } };
	struct snapshot_parts parts = { .config = &world->config, .ids = &world->ids, .view = &world->view, .key = key,
		.generation = 1 };

	for (uint16_t i = 0; i < LINKS; i++) {
		world->links[i] = (struct link){ .name = names[i], .device = names[i], .weight = i + 1u };
		world->link_views[i] = (struct link_view){ .usable = true, .device_index = i + 10u };
		world->choices[i] = (struct choice){ .link = i, .weight = i + 1u };
		world->link_ids[i] = (uint8_t)(i + 1);
	}
	world->policy = (struct policy){ .name = "all",
		.balance = { .algorithm = ALGORITHM_FASTEST, .choices = world->choices, .count = LINKS } };
	world->policy_id = 1;
	world->ids = (struct ids){ .links = world->link_ids, .policies = &world->policy_id };
	world->view = (struct view){ .links = world->link_views };
	world->config = (struct config){ .links = world->links, .link_count = LINKS, .policies = &world->policy,
		.policy_count = 1, .kernel.mark_policy_bits = MARK_POLICY_BITS_LEAST };
	parts.paths = world->paths = paths_new(ENTRIES, &key);
	world->snapshot = snapshot_new(&parts);
	if (world->paths == NULL || world->snapshot == NULL) {
		fputs("fastest: no memory\n", stderr);
		exit(2);
	}
	fill_paths(world->paths);
}

static int by_size(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* The best median of some rounds, as the machine may be shared. Time goes on, so that some explore. */
static bool measure(const struct world *world, const char *what, uint32_t first, uint32_t count)
{
	static uint32_t times[FLOWS];
	unsigned int best = UINT32_MAX, high = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct decide_context context = { .now_ms = START_MS + 60000 + 100 * round + i / 500 };
			struct flow flow = { .protocol = 6, .ports = true, .to_port = 443, .from_port = (uint16_t)i,
				.to = destination(first + (uint32_t)(random_next() % count)) };
			struct decision decision;
			uint64_t start = now_ns();

			decide(world->snapshot, &flow, &context, &decision, NULL);
			times[i] = (uint32_t)(now_ns() - start);
		}
		qsort(times, FLOWS, sizeof(times[0]), by_size);
		if (times[FLOWS / 2] >= best)
			continue;
		best = times[FLOWS / 2];
		high = times[FLOWS - FLOWS / 100 - 1];
	}
	printf("%-22s %6u %6u\n", what, best, high);
	return best < MEDIAN_MAX_NS;
}

int main(void)
{
	static struct world world;
	bool kept = true;

	fill_world(&world);
	printf("%d links, %zu destinations known; ns for a decision, the clock's own time included\n", LINKS,
		paths_count_known(world.paths, START_MS));
	printf("%-22s median    p99\n", "destination");
	kept &= measure(&world, "popular", 0, POPULAR);
	kept &= measure(&world, "any known, half unknown", 0, 2 * ENTRIES);
	kept &= measure(&world, "unknown", 4 * ENTRIES, ENTRIES);
	printf("bound: median < %d ns: %s\n", MEDIAN_MAX_NS, kept ? "kept" : "NOT KEPT");
	snapshot_free(world.snapshot);
	paths_free(world.paths);
	return kept ? EXIT_SUCCESS : EXIT_FAILURE;
}
