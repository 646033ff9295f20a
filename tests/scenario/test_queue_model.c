/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Algorithms in a model whose figures are known: queues of jobs over links of unequal capacity. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/balance.h"

/* Steele, Vigna: splitmix64. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* Above 0, below 1. */
static double next_part(uint64_t *state)
{
	return ((double)(next_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

#define LINKS 4
#define MBIT  1000000u

struct world {
	struct balancer *balancer;
	struct loads *loads;
	uint64_t random;
};

static struct world world_new(enum algorithm algorithm, const unsigned int *weights, size_t count)
{
	struct balance balance = { .algorithm = algorithm };
	struct world world = { .loads = loads_new(), .random = 1 };
	struct candidate candidates[LINKS];

	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){ (uint16_t)i, (uint8_t)(i + 1), true, weights[i], i };
	world.balancer = balancer_new(&balance, candidates, count, NULL);
	assert_non_null(world.balancer);
	assert_non_null(world.loads);
	return world;
}

static void world_free(struct world *world)
{
	balancer_free(world->balancer);
	free(world->loads);
}

static size_t pick(struct world *world)
{
	struct pick_context context = { .random = next_random(&world->random), .loads = world->loads };
	struct flow flow = { .family = IPV4 };
	size_t link = balancer_pick(world->balancer, &flow, &context)->link;

	world->loads->links[link + 1].connections++;
	return link;
}

/* Jobs of one link, served one after the other: when each will be done. */
struct queue {
	double done[4096];
	size_t first, count;
	double busy_until;
	double idle; /* since the second began */
};

static void serve(struct queue *queue, struct link_load *load, double now)
{
	while (queue->count > 0 && queue->done[queue->first % 4096] <= now) {
		queue->first++;
		queue->count--;
		load->connections--;
	}
}

static void note_idle(struct queue *queue, double from, double now)
{
	double since = queue->busy_until > from ? queue->busy_until : from;

	queue->idle += now > since ? now - since : 0;
}

/* At a second's end: how much of it each link was busy; a capacity of 1 is a megabit here. */
static void measure(struct queue *queues, struct loads *loads, const unsigned int *weights, double second)
{
	for (size_t i = 0; i < LINKS; i++) {
		struct link_load *load = &loads->links[i + 1];

		note_idle(&queues[i], second - 1, second);
		load->capacity_bps[DOWNLOAD] = weights[i] * MBIT;
		load->rate_bps[DOWNLOAD] = (uint64_t)((1 - queues[i].idle) * weights[i] * MBIT);
		load->placed_bps[DOWNLOAD] = 0;
		queues[i].idle = 0;
	}
}

/* Mean time from arrival to end, of exponential jobs of mean 1 that come at random; capacities as weights. */
static double mean_delay(enum algorithm algorithm, const unsigned int *weights, double load)
{
	struct world world = world_new(algorithm, weights, LINKS);
	struct queue *queues = calloc(LINKS, sizeof(*queues));
	const unsigned int jobs = 2000000;
	double now = 0, sum = 0, whole = 0;

	assert_non_null(queues);
	for (size_t i = 0; i < LINKS; i++)
		whole += weights[i];
	for (unsigned int job = 0; job < jobs; job++) {
		struct queue *queue;
		double before = now;
		size_t link;

		now += -log(next_part(&world.random)) / (load * whole);
		for (size_t i = 0; i < LINKS; i++)
			serve(&queues[i], &world.loads->links[i + 1], now);
		for (double second = floor(before) + 1; second <= now; second++)
			measure(queues, world.loads, weights, second);
		link = pick(&world);
		queue = &queues[link];
		assert_true(queue->count < 4096);
		note_idle(queue, floor(now), now);
		queue->busy_until = (queue->busy_until > now ? queue->busy_until : now)
			- log(next_part(&world.random)) / weights[link];
		queue->done[(queue->first + queue->count++) % 4096] = queue->busy_until;
		sum += queue->busy_until - now;
	}
	free(queues);
	world_free(&world);
	return sum / jobs;
}

static const unsigned int four_two_one_one[LINKS] = { 4, 2, 1, 1 };
static const double model_loads[] = { 0.5, 0.8, 0.95 };

static double model_delay(enum algorithm algorithm, size_t i)
{
	double delay = mean_delay(algorithm, four_two_one_one, model_loads[i]);

	print_message("algorithm %u at %.0f%%: %.2f\n", algorithm, model_loads[i] * 100, delay);
	return delay;
}

/* Queueing theory: of K links, K / (sum of capacities * (1 - load)): 1, 2.5 and 10. */
static void random_choice_waits_as_theory_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double expected = LINKS / (8 * (1 - model_loads[i]));

		assert_true(fabs(model_delay(ALGORITHM_RANDOM, i) - expected) < 0.1 * expected);
	}
}

static const double with_knowledge[] = { 0.45, 0.82, 2.05 }, two_choices[] = { 0.60, 1.23, 3.43 };

/* Who knows the work of each queue waits .45, .82 and 2.05; who picks the better of two .60, 1.23 and 3.43. */
static void least_connections_waits_a_fraction_of_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double delay = model_delay(ALGORITHM_LEAST_CONNECTIONS, i);

		assert_true(delay > 0.9 * with_knowledge[i]);
		assert_true(delay < two_choices[i]);
	}
}

/* Its leaning to larger links is for what shares them, which jobs in a queue do not: as the better of two, about. */
static void least_load_waits_as_the_better_of_two(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(model_delay(ALGORITHM_LEAST_LOAD, i) < 1.1 * two_choices[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_choice_waits_as_theory_says),
		cmocka_unit_test(least_connections_waits_a_fraction_of_it),
		cmocka_unit_test(least_load_waits_as_the_better_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
