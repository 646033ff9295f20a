/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measures a decision with 10 to 10,000 policies and sets of 100,000 networks, compiled policies beside the plain walk
 * over the list, and what compiling costs. Judges by bounds: exit status 1 where one is not kept.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/decide.h"
#include "core/networks.h"

#define SETS         4
#define SET_NETWORKS 100000
#define LINKS        3
#define ZONES        8
#define FLOWS        50000
#define ROUNDS       20
#define WALK_CHECKS  20000000 /* of one policy, that the plain walk may take */

#define MEDIAN_MAX_NS    1000
#define RATIO_MAX        3.0
#define COMPILE_MAX_MS   300.0
#define MEMORY_MAX_MB    100.0
#define SNAPSHOT_MAX_MS  20.0

static uint64_t random_state = 0x2545f4914f6cdd1dULL; /* the same policies and flows each time */

/* xorshift64* (Vigna 2016). */
static uint32_t random_below(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dULL >> 32) * below >> 32);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *take(struct arena *arena, size_t count, size_t size)
{
	void *items = arena_array(arena, count, size);

	if (items == NULL) {
		fputs("decide: no memory\n", stderr);
		exit(2);
	}
	return items;
}

static struct address address_of(enum family family, uint32_t high, uint32_t low)
{
	struct address address = { .family = family };

	for (size_t i = 0; i < 4; i++) {
		address.bytes[i] = (uint8_t)(high >> (24 - 8 * i));
		if (family == IPV6)
			address.bytes[4 + i] = (uint8_t)(low >> (24 - 8 * i));
	}
	return address;
}

struct world {
	struct arena *arena;
	struct config config;
	struct ids ids;
	struct view view;
};

/* As lists of countries and of bad neighbours are: mostly /24 and shorter ones, a third of it IPv6. */
static struct networks make_set(struct arena *arena)
{
	struct networks set = { take(arena, SET_NETWORKS + SET_NETWORKS / 4, sizeof(struct network)), 0 };

	while (set.count < SET_NETWORKS) {
		size_t room = SET_NETWORKS + SET_NETWORKS / 4;

		while (set.count < room) {
			enum family family = random_below(3) == 0 ? IPV6 : IPV4;
			struct address address = address_of(family,
				family == IPV4 ? 0x0b000000u + random_below(0xd0000000u) : 0x20000000u + random_below(0x0b000000u),
				random_below(UINT32_MAX));
			uint8_t length = (uint8_t)(family == IPV4 ? 20 + random_below(13) : 32 + random_below(17));

			set.items[set.count++] = network_around(&address, length);
		}
		networks_sort(&set);
	}
	/* Thinned evenly: what is cut off at the end would all be IPv6. */
	for (size_t i = 0, kept = set.count; i < SET_NETWORKS; i++)
		set.items[i] = set.items[i * kept / SET_NETWORKS];
	set.count = SET_NETWORKS;
	return set;
}

static void make_links(struct world *world)
{
	static const char *const names[LINKS] = { "fiber", "cable", "lte" };

	world->config.link_count = LINKS;
	world->config.links = take(world->arena, LINKS, sizeof(*world->config.links));
	world->view.links = take(world->arena, LINKS, sizeof(*world->view.links));
	world->ids.links = take(world->arena, LINKS, 1);
	world->view.local.items = take(world->arena, LINKS, sizeof(struct network));
	for (uint32_t i = 0; i < LINKS; i++) {
		struct network *address = take(world->arena, 1, sizeof(*address));

		*address = (struct network){ address_of(IPV4, 0xc6330001u + (i << 8), 0), 24 };
		world->config.links[i] = (struct link){ .name = names[i], .weight = 5 - i };
		world->view.links[i] = (struct link_view){ .device_index = 11 + i, .usable = true };
		world->view.links[i].addresses = (struct networks){ address, 1 };
		world->view.local.items[world->view.local.count++] = *address;
		world->ids.links[i] = (uint8_t)(i + 1);
	}
}

/* Inside: 10.0.0.0/16 and so on, behind a device each; every second zone is told by its network too. */
static void make_zones(struct world *world)
{
	static const char *const names[ZONES] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	static const char *device = "lan";

	world->config.zone_count = ZONES;
	world->config.zones = take(world->arena, ZONES, sizeof(*world->config.zones));
	world->view.zones = take(world->arena, ZONES, sizeof(*world->view.zones));
	for (uint32_t i = 0; i < ZONES; i++) {
		struct network *behind = take(world->arena, 1, sizeof(*behind));
		uint32_t *index = take(world->arena, 1, sizeof(*index));

		*behind = (struct network){ address_of(IPV4, 0x0a000000u + (i << 16), 0), 16 };
		*index = 100 + i;
		world->config.zones[i] = (struct zone){ .name = names[i], .devices = { &device, 1 } };
		if (i % 2 == 0)
			world->config.zones[i].networks = (struct networks){ behind, 1 };
		world->view.zones[i] = (struct zone_view){ .device_indexes = index, .device_count = 1, .behind = { behind, 1 } };
	}
}

static struct ends one_end(struct arena *arena, struct end end)
{
	struct ends ends = { take(arena, 1, sizeof(end)), 1 };

	ends.items[0] = end;
	return ends;
}

/* A host or a small network of the inside, or a zone. */
static struct ends some_source(struct arena *arena, uint32_t i)
{
	struct address address = address_of(IPV4, 0x0a000000u + (i % ZONES << 16) + ((i * 37 & 0xffff) & 0xfff0u), 0);

	if (i % 4 == 0)
		return one_end(arena, (struct end){ .kind = END_ZONE, .index = (uint16_t)(i / 4 % ZONES) });
	return one_end(arena, (struct end){ .kind = END_NETWORK, .network = network_around(&address, i % 4 == 1 ? 28 : 32) });
}

/* A set, a network of the outside, or anywhere but a set. */
static void put_destination(struct arena *arena, struct match *match, uint32_t i)
{
	struct end set = { .kind = END_SET, .index = (uint16_t)(i % SETS) };
	struct address address = address_of(IPV4, 0x0b000000u + i * 40503u % 0xd0000000u, 0);

	if (i % 3 == 0)
		match->to = one_end(arena, set);
	else if (i % 3 == 1)
		match->to = one_end(arena, (struct end){ .kind = END_NETWORK, .network = network_around(&address, 16) });
	else
		match->not_to = one_end(arena, set);
}

static void make_policy(struct world *world, struct policy *policy, uint32_t i)
{
	struct arena *arena = world->arena;
	uint8_t *protocol = take(arena, 1, 1);
	struct port_range *range = take(arena, 1, sizeof(*range));

	policy->match.from = some_source(arena, i);
	put_destination(arena, &policy->match, i);
	*protocol = i % 5 == 0 ? 17 : 6;
	policy->match.protocols = (struct protocols){ protocol, 1 };
	range->first = (uint16_t)(1 + i * 2654435761u % 40000);
	range->last = (uint16_t)(range->first + (i % 7 == 0 ? 1000 : 3));
	policy->match.to_ports = (struct port_ranges){ range, 1 };
}

/* The last one is for the rest. */
static void make_policies(struct world *world, size_t count)
{
	struct choice *choices = take(world->arena, LINKS, sizeof(*choices));

	for (uint16_t i = 0; i < LINKS; i++)
		choices[i] = (struct choice){ .link = i, .weight = world->config.links[i].weight };
	world->config.policy_count = count;
	world->config.policies = take(world->arena, count, sizeof(*world->config.policies));
	world->ids.policies = take(world->arena, count, sizeof(*world->ids.policies));
	for (uint32_t i = 0; i < count; i++) {
		struct policy *policy = &world->config.policies[i];

		policy->name = arena_printf(world->arena, "p%u", i);
		policy->balance = (struct balance){ .algorithm = ALGORITHM_ROUND_ROBIN, .choices = choices, .count = LINKS };
		world->ids.policies[i] = (uint16_t)(i + 1);
		if (i + 1 < count)
			make_policy(world, policy, i);
	}
}

static struct world make_world(size_t policies, const struct networks *sets)
{
	struct world world = { .arena = arena_new() };

	world.config.kernel.mark_policy_bits = 14;
	world.config.set_count = SETS;
	world.config.sets = take(world.arena, SETS, sizeof(*world.config.sets));
	world.view.sets = take(world.arena, SETS, sizeof(*world.view.sets));
	memcpy(world.view.sets, sets, SETS * sizeof(*sets));
	make_links(&world);
	make_zones(&world);
	make_policies(&world, policies);
	return world;
}

/* Every second one looks for a policy of its own, anywhere in the list; the others come as they come. */
static struct flow make_flow(const struct world *world)
{
	const struct networks *set = &world->view.sets[random_below(SETS)];
	const struct match *wanted = &world->config.policies[random_below((uint32_t)world->config.policy_count)].match;
	uint32_t zone = random_below(ZONES);
	struct flow flow = { .protocol = random_below(5) == 0 ? 17 : 6, .ports = true,
		.from_port = (uint16_t)(1024 + random_below(60000)), .to_port = (uint16_t)(1 + random_below(41000)) };

	flow.to = set->items[random_below((uint32_t)set->count)].address;
	if (random_below(2) == 0 && wanted->to_ports.count > 0) {
		flow.protocol = wanted->protocols.items[0];
		flow.to_port = wanted->to_ports.items[0].first;
		if (wanted->from.items[0].kind == END_NETWORK)
			zone = wanted->from.items[0].network.address.bytes[1];
		if (wanted->to.count > 0 && wanted->to.items[0].kind == END_NETWORK)
			flow.to = wanted->to.items[0].network.address;
	}
	flow.from = address_of(flow.to.family, 0x0a000000u + (zone << 16) + random_below(65536), 0);
	flow.family = flow.to.family;
	flow.device = 100 + zone;
	return flow;
}

static int by_size(const void *left, const void *right)
{
	const uint32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

struct timing {
	unsigned int median, high; /* ns; high: 99 of 100 are not above */
};

static struct timing timing_of(uint32_t *times, size_t count)
{
	qsort(times, count, sizeof(*times), by_size);
	return (struct timing){ times[count / 2], times[count - count / 100 - 1] };
}

/* The best of some rounds, as the machine may be shared; the first fills the caches as a busy gateway has them. */
static struct timing measure_decisions(const struct snapshot *snapshot, const struct flow *flows, uint32_t *times)
{
	struct decide_context context = { .now_ms = 1000 };
	struct timing best = { UINT32_MAX, UINT32_MAX };
	struct decision decision;

	for (int round = 0; round < ROUNDS; round++) {
		struct timing timing;

		for (size_t i = 0; i < FLOWS; i++) {
			uint64_t start = now_ns();

			decide(snapshot, &flows[i], &context, &decision, NULL);
			times[i] = (uint32_t)(now_ns() - start);
		}
		timing = timing_of(times, FLOWS);
		if (timing.median < best.median)
			best = timing;
	}
	return best;
}

/* The first that matches by the plain reading; both must find the same. */
static struct timing measure_walk(const struct snapshot *snapshot, const struct flow *flows, uint32_t *times)
{
	size_t policies = snapshot->config->policy_count, count = WALK_CHECKS / policies;

	count = count < FLOWS ? count : FLOWS;
	for (size_t i = 0; i < count; i++) {
		uint64_t start = now_ns();
		size_t found = 0;

		while (found < policies && classifier_mismatch(snapshot->classifier, &flows[i], found) != NULL)
			found++;
		times[i] = (uint32_t)(now_ns() - start);
		if (classifier_match(snapshot->classifier, &flows[i], 0) != found) {
			fprintf(stderr, "decide: compiled policies and the plain walk differ\n");
			exit(2);
		}
	}
	return timing_of(times, count);
}

static struct snapshot *make_snapshot(struct world *world, const struct snapshot *previous, double *ret_ms)
{
	struct snapshot_parts parts = { .config = &world->config, .ids = &world->ids, .view = &world->view,
		.generation = 1, .previous = previous };
	uint64_t start = now_ns();
	struct snapshot *snapshot = snapshot_new(&parts);

	if (snapshot == NULL) {
		fputs("decide: no snapshot\n", stderr);
		exit(2);
	}
	*ret_ms = (double)(now_ns() - start) / 1e6;
	return snapshot;
}

struct figures {
	size_t policies;
	struct timing compiled, walk;
	double compile_ms, link_ms, memory_mb;
};

static struct figures measure(size_t policies, const struct networks *sets)
{
	static struct flow flows[FLOWS];
	static uint32_t times[FLOWS];
	struct world world = make_world(policies, sets);
	struct figures figures = { .policies = policies };
	struct snapshot *snapshot = make_snapshot(&world, NULL, &figures.compile_ms), *next;

	figures.memory_mb = (double)classifier_size(snapshot->classifier) / (1 << 20);
	for (size_t i = 0; i < FLOWS; i++)
		flows[i] = make_flow(&world);
	figures.compiled = measure_decisions(snapshot, flows, times);
	figures.walk = measure_walk(snapshot, flows, times);
	world.view.links[1].usable = false;
	next = make_snapshot(&world, snapshot, &figures.link_ms);
	snapshot_free(snapshot);
	snapshot_free(next);
	arena_free(world.arena);
	return figures;
}

static int judge(const struct figures *few, const struct figures *many)
{
	double ratio = (double)many->compiled.median / few->compiled.median;
	bool kept = many->compiled.median < MEDIAN_MAX_NS && ratio < RATIO_MAX && many->compile_ms < COMPILE_MAX_MS
	            && many->memory_mb < MEMORY_MAX_MB && many->link_ms < SNAPSHOT_MAX_MS;

	printf("%zu against %zu policies: %.2f times the time of a decision\n", many->policies, few->policies, ratio);
	printf("bounds: decision < %d ns, ratio < %.0f, snapshot < %.0f ms, after a link's change < %.0f ms, memory < %.0f MB: %s\n",
		MEDIAN_MAX_NS, RATIO_MAX, COMPILE_MAX_MS, SNAPSHOT_MAX_MS, MEMORY_MAX_MB, kept ? "kept" : "NOT KEPT");
	return kept ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	static const size_t counts[] = { 10, 100, 1000, 10000 };
	struct arena *arena = arena_new();
	struct networks sets[SETS];
	struct figures figures[4];

	for (size_t i = 0; i < SETS; i++)
		sets[i] = make_set(arena);
	printf("%d sets of %d networks; ns for a decision, the clock's own time included\n", SETS, SET_NETWORKS);
	printf("policies  median  p99 | walk median      p99 | snapshot ms  link change ms  memory MB\n");
	for (size_t i = 0; i < 4; i++) {
		const struct figures *f = &figures[i];

		figures[i] = measure(counts[i], sets);
		printf("%8zu  %6u %5u | %11u %8u | %11.1f  %14.1f  %9.1f\n", f->policies, f->compiled.median, f->compiled.high,
			f->walk.median, f->walk.high, f->compile_ms, f->link_ms, f->memory_mb);
	}
	arena_free(arena);
	return judge(&figures[0], &figures[3]);
}
