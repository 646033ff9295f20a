/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays hours of connections to many destinations in fake time, and holds `fastest' to its figures. */

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/balance.h"
#include "core/key.h"
#include "core/paths.h"

#define LINKS        3
#define DESTINATIONS 1000
#define RATE         100 /* connections in a second */
#define MINUTE_MS    60000ull
#define WARM_UP_MS   (10 * MINUTE_MS)
#define END_MS       (40 * MINUTE_MS)
#define FLIP_MS      (10 * MINUTE_MS)
#define GIVE_UP_MS   3000
#define DARK_US      UINT32_MAX

static const struct hash_key key = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };

static uint64_t random_state;

/* xorshift64* (Vigna 2016). */
static uint64_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static double uniform(void)
{
	return ((double)(next_random() >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller. */
static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* A handshake under way. */
struct pending_answer {
	uint64_t due_ms;
	struct handshake handshake;
};

struct world {
	double base_us[DESTINATIONS][LINKS]; /* median time to there */
	double cumulated[DESTINATIONS];      /* Zipf(1) */
	bool dark[DESTINATIONS][LINKS];
	uint64_t now_ms, next_flip_ms;
	struct pending_answer *heap;         /* the first due is at the top */
	size_t heap_count, heap_room;
	struct paths *paths;
	struct balancer *balancer;
	struct candidate candidates[LINKS];
};

static void swap(struct pending_answer *a, struct pending_answer *b)
{
	struct pending_answer other = *a;

	*a = *b;
	*b = other;
}

static void heap_add(struct world *world, const struct pending_answer *item)
{
	size_t i = world->heap_count++;

	if (world->heap_count > world->heap_room) {
		world->heap_room = 2 * world->heap_room + 64;
		world->heap = realloc(world->heap, world->heap_room * sizeof(*world->heap));
		assert_non_null(world->heap);
	}
	world->heap[i] = *item;
	for (; i > 0 && world->heap[i].due_ms < world->heap[(i - 1) / 2].due_ms; i = (i - 1) / 2)
		swap(&world->heap[i], &world->heap[(i - 1) / 2]);
}

static struct pending_answer heap_take(struct world *world)
{
	struct pending_answer top = world->heap[0];
	size_t i = 0, child;

	world->heap[0] = world->heap[--world->heap_count];
	while ((child = 2 * i + 1) < world->heap_count) {
		if (child + 1 < world->heap_count && world->heap[child + 1].due_ms < world->heap[child].due_ms)
			child++;
		if (world->heap[i].due_ms <= world->heap[child].due_ms)
			break;
		swap(&world->heap[i], &world->heap[child]);
		i = child;
	}
	return top;
}

static struct address address_of(size_t destination)
{
	return (struct address){ IPV4, { 198, (uint8_t)(destination >> 8), (uint8_t)destination, 7 } };
}

static struct flow flow_to(size_t destination)
{
	struct flow flow = { .family = IPV4, .protocol = 6, .ports = true, .to_port = 443,
		.from_port = (uint16_t)next_random() };

	flow.to = address_of(destination);
	flow.from = (struct address){ IPV4, { 10, 0, (uint8_t)next_random(), (uint8_t)next_random() } };
	return flow;
}

static void world_begin(struct world *world, unsigned int seed, size_t entries, double spread)
{
	static const char *const names[LINKS] = { "fiber", "cable", "lte" };
	struct balance balance = { .algorithm = ALGORITHM_FASTEST };
	double sum = 0;

	*world = (struct world){ .now_ms = 1000000, .next_flip_ms = 1000000 + FLIP_MS };
	random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
	for (size_t i = 0; i < DESTINATIONS; i++) {
		for (size_t link = 0; link < LINKS; link++)
			world->base_us[i][link] = 40000 * exp(spread * normal());
		world->cumulated[i] = sum += 1.0 / (double)(i + 1);
	}
	for (size_t i = 0; i < LINKS; i++)
		world->candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = true, .weight = 1,
			.hash = name_hash(&key, names[i]) };
	world->paths = paths_new(entries, &key);
	world->balancer = balancer_new(&balance, world->candidates, LINKS, NULL);
	assert_non_null(world->paths);
	assert_non_null(world->balancer);
}

static void world_end(struct world *world)
{
	paths_free(world->paths);
	balancer_free(world->balancer);
	free(world->heap);
}

static size_t some_destination(const struct world *world)
{
	double wanted = uniform() * world->cumulated[DESTINATIONS - 1];
	size_t low = 0, high = DESTINATIONS - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (world->cumulated[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t best_link(const struct world *world, size_t destination)
{
	size_t best = 0;

	for (size_t i = 1; i < LINKS; i++) {
		if (world->base_us[destination][i] < world->base_us[destination][best])
			best = i;
	}
	return best;
}

/* Of one in ten the best link becomes another. */
static void flip(struct world *world)
{
	for (size_t i = 0; i < DESTINATIONS; i++) {
		size_t best = best_link(world, i), other = (best + 1 + next_random() % (LINKS - 1)) % LINKS;
		double us = world->base_us[i][best];

		if (next_random() % 10 != 0)
			continue;
		world->base_us[i][best] = world->base_us[i][other];
		world->base_us[i][other] = us;
	}
}

/* Time goes on; what is due until then is learnt. */
static void go_on(struct world *world, uint64_t to_ms)
{
	while (world->heap_count > 0 && world->heap[0].due_ms <= to_ms) {
		struct pending_answer answer = heap_take(world);

		paths_sample(world->paths, &answer.handshake, NULL);
	}
	world->now_ms = to_ms;
}

static void send_by(struct world *world, size_t destination, size_t link, double us)
{
	bool dark = world->dark[destination][link];
	struct pending_answer answer = { .due_ms = world->now_ms + (dark ? GIVE_UP_MS : (uint64_t)(us / 1000) + 1) };

	answer.handshake = (struct handshake){ .to = address_of(destination), .to_port = 443, .protocol = 6,
		.link = world->candidates[link].id, .answered = !dark, .us = dark ? GIVE_UP_MS * 1000 : (uint32_t)us,
		.at_ms = answer.due_ms };
	heap_add(world, &answer);
}

static struct pick_context context_of(const struct world *world)
{
	return (struct pick_context){ .key = &key, .random = next_random(), .now_ms = world->now_ms, .paths = world->paths };
}

/* Picks for a connection to there, and sends it. The link's index. */
static size_t connect_to(struct world *world, size_t destination, double jitter)
{
	struct flow flow = flow_to(destination);
	struct pick_context context = context_of(world);
	size_t link = balancer_pick(world->balancer, &flow, &context)->link;

	send_by(world, destination, link, world->base_us[destination][link] * jitter);
	return link;
}

enum rival { FASTEST, ORACLE, RANDOM, ROUND_ROBIN, HASH, SINGLE, RIVALS = SINGLE + LINKS };

struct tally {
	double us[RIVALS];
	unsigned int count;
};

/* What the others would have taken for the same connection. */
static void add_rivals(const struct world *world, struct tally *tally, struct balancer *const others[3],
	size_t destination, double jitter)
{
	const double *base = world->base_us[destination];
	struct flow flow = flow_to(destination);
	struct pick_context context = context_of(world);

	tally->us[ORACLE] += base[best_link(world, destination)] * jitter;
	for (size_t i = 0; i < 3; i++)
		tally->us[RANDOM + i] += base[balancer_pick(others[i], &flow, &context)->link] * jitter;
	for (size_t i = 0; i < LINKS; i++)
		tally->us[SINGLE + i] += base[i] * jitter;
	tally->count++;
}

static void tell(const struct tally *tally, uint64_t connections, uint64_t explored)
{
	static const char *const names[RIVALS] = { "fastest", "oracle", "random", "round-robin", "hash by source",
		"fiber alone", "cable alone", "lte alone" };

	for (size_t i = 0; i < RIVALS; i++)
		print_message("  %-16s %7.2f ms  %5.3f of the oracle\n", names[i], tally->us[i] / tally->count / 1000,
			tally->us[i] / tally->us[ORACLE]);
	print_message("  explored: %.2f %% of %llu connections\n", 100.0 * (double)explored / (double)connections,
		(unsigned long long)connections);
}

static void play(struct world *world, struct tally *tally, double noise)
{
	static const enum algorithm kinds[3] = { ALGORITHM_RANDOM, ALGORITHM_ROUND_ROBIN, ALGORITHM_HASH };
	uint64_t start_ms = world->now_ms;
	struct balancer *others[3];
	double at_ms = (double)start_ms;

	for (size_t i = 0; i < 3; i++) {
		struct balance balance = { .algorithm = kinds[i], .hash_by = KEY_SOURCE };

		others[i] = balancer_new(&balance, world->candidates, LINKS, NULL);
	}
	while (world->now_ms < start_ms + END_MS) {
		size_t destination = some_destination(world), link;
		double jitter = exp(noise * normal());

		at_ms += -log(uniform()) * 1000 / RATE;
		go_on(world, (uint64_t)at_ms);
		if (world->now_ms >= world->next_flip_ms) {
			flip(world);
			world->next_flip_ms += FLIP_MS;
		}
		link = connect_to(world, destination, jitter);
		if (world->now_ms < start_ms + WARM_UP_MS)
			continue;
		tally->us[FASTEST] += world->base_us[destination][link] * jitter;
		add_rivals(world, tally, others, destination, jitter);
	}
	for (size_t i = 0; i < 3; i++)
		balancer_free(others[i]);
}

static double least_single(const struct tally *tally)
{
	double least = tally->us[SINGLE];

	for (size_t i = 1; i < LINKS; i++)
		least = tally->us[SINGLE + i] < least ? tally->us[SINGLE + i] : least;
	return least;
}

static void comes_near_to_the_oracle(void **state)
{
	static const struct {
		double spread, noise;
	} cases[] = { { 0.5, 0.05 }, { 0.5, 0.2 }, { 1.0, 0.1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t connections, explored;
		struct tally tally = { 0 };
		struct world world;

		world_begin(&world, 1 + (unsigned int)i, 4096, cases[i].spread);
		play(&world, &tally, cases[i].noise);
		paths_spent(world.paths, &connections, &explored);
		print_message("spread %.1f, noise %.2f:\n", cases[i].spread, cases[i].noise);
		tell(&tally, connections, explored);
		assert_true(tally.us[FASTEST] <= 1.10 * tally.us[ORACLE]);
		assert_true(tally.us[FASTEST] < 0.95 * least_single(&tally));
		assert_true(explored * 20 <= connections);
		assert_true(explored <= 2 * END_MS / 1000 + 2);
		assert_true(explored > 0);
		world_end(&world);
	}
}

#define DARKENED 100u

/* A way that went dark: when connections were sent into it. */
struct darkness {
	size_t link;
	double usual_us;
	unsigned int failed, late; /* late: after the third, when it could have been known */
	uint64_t first_ms;
};

static void darken(struct world *world, struct darkness *dark)
{
	for (size_t i = 0; i < DARKENED; i++) {
		struct flow flow = flow_to(i);
		struct pick_context context = context_of(world);

		context.peek = true;
		dark[i].link = balancer_pick(world->balancer, &flow, &context)->link;
		dark[i].usual_us = world->base_us[i][dark[i].link];
		world->dark[i][dark[i].link] = true;
	}
}

static void note_failure(const struct world *world, struct darkness *dark)
{
	double patience_ms = dark->usual_us * 1.5 * 3 / 1000;

	if (dark->failed++ == 0)
		dark->first_ms = world->now_ms;
	if (dark->failed > 3)
		dark->late += (double)(world->now_ms - dark->first_ms) > (patience_ms < 100 ? 100 : patience_ms);
}

static void run_for(struct world *world, uint64_t ms, struct darkness *dark)
{
	uint64_t end_ms = world->now_ms + ms;
	double at_ms = (double)world->now_ms;

	while (world->now_ms < end_ms) {
		size_t destination = some_destination(world), link;

		at_ms += -log(uniform()) * 1000 / RATE;
		go_on(world, (uint64_t)at_ms);
		link = connect_to(world, destination, exp(0.05 * normal()));
		if (dark != NULL && destination < DARKENED && link == dark[destination].link)
			note_failure(world, &dark[destination]);
	}
}

/* The first three may fail, and what was sent before their answers were due; then, while it is left alone, nothing. */
static void leaves_a_dark_way(void **state)
{
	struct darkness dark[DARKENED] = { 0 };
	unsigned int most = 0, beyond = 0;
	struct world world;

	(void)state;
	world_begin(&world, 7, 4096, 0.5);
	run_for(&world, WARM_UP_MS, NULL);
	darken(&world, dark);
	run_for(&world, 29000, dark);
	for (size_t i = 0; i < DARKENED; i++) {
		most = dark[i].failed > most ? dark[i].failed : most;
		beyond += dark[i].failed > 3;
		assert_int_equal(dark[i].late, 0);
		/* So rare that three are there before the next: none more. */
		if (i >= 10)
			assert_true(dark[i].failed <= 3);
	}
	print_message("  %u ways went dark: at most %u connections failed by one of them, more than 3 by %u\n", DARKENED, most,
		beyond);
	/* Later now and then one tries whether it is back: after 30 s, 60, 120, ... */
	run_for(&world, 10 * MINUTE_MS, dark);
	for (size_t i = 0; i < DARKENED; i++)
		assert_true(dark[i].failed <= 3 + 5);
	world_end(&world);
}

/* Where it works again, it is used again. */
static void returns_when_it_is_light_again(void **state)
{
	struct darkness dark[DARKENED] = { 0 };
	unsigned int back = 0;
	struct world world;

	(void)state;
	world_begin(&world, 8, 4096, 0.5);
	run_for(&world, WARM_UP_MS, NULL);
	darken(&world, dark);
	run_for(&world, MINUTE_MS, NULL);
	memset(world.dark, 0, sizeof(world.dark));
	run_for(&world, 15 * MINUTE_MS, NULL);
	darken(&world, dark);
	for (size_t i = 0; i < DARKENED; i++)
		back += dark[i].link == best_link(&world, i) || dark[i].usual_us < 1.3 * world.base_us[i][best_link(&world, i)];
	print_message("  %u of %u are back at the best link, or near it\n", back, DARKENED);
	assert_true(back >= DARKENED * 9 / 10);
	world_end(&world);
}

static void scan(struct world *world, uint32_t number)
{
	struct handshake handshake = { .to_port = 80, .protocol = 6, .link = 1, .answered = number % 4 == 0, .us = 30000,
		.at_ms = world->now_ms };

	/* Each is another /24. */
	handshake.to = (struct address){ IPV4, { (uint8_t)(20 + (number >> 16)), (uint8_t)(number >> 8), (uint8_t)number } };
	paths_sample(world->paths, &handshake, NULL);
}

/* A million others pass by; whom many ask for are still known, and nothing has grown. */
static void survives_a_million_destinations(void **state)
{
	size_t known_popular = 0, popular = 0, used;
	struct world world;

	(void)state;
	world_begin(&world, 9, 65536, 0.5);
	run_for(&world, WARM_UP_MS, NULL);
	used = mallinfo2().uordblks;
	for (uint32_t i = 0; i < 1000000; i++) {
		scan(&world, i);
		if (i % 1000 == 0)
			run_for(&world, 100, NULL);
	}
	assert_true(mallinfo2().uordblks <= used + world.heap_room * sizeof(*world.heap));
	for (size_t i = 0; i < DESTINATIONS; i++) {
		struct address address = address_of(i);
		double expected = RATE * 600 / (double)(i + 1) / world.cumulated[DESTINATIONS - 1];

		popular += expected >= 10;
		known_popular += expected >= 10 && paths_find(world.paths, &address, world.now_ms) != NULL;
	}
	print_message("  %zu destinations known, of %zu popular ones %zu\n", paths_count_known(world.paths, world.now_ms), popular,
		known_popular);
	assert_true(paths_count_known(world.paths, world.now_ms) <= 65536);
	assert_true(known_popular * 1000 >= popular * 999);
	world_end(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_near_to_the_oracle),
		cmocka_unit_test(leaves_a_dark_way),
		cmocka_unit_test(returns_when_it_is_light_again),
		cmocka_unit_test(survives_a_million_destinations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
