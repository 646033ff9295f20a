/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Algorithms in a model whose figures are known: queues of jobs over links of unequal capacity. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/balance.h"
#include "tests/unit/chance.h"
#include "tests/unit/twister.h"

#define LINKS 4
#define MBIT  1000000u

struct world {
	struct balancer *balancer;
	struct twister *published; /* the chance of the published figures; NULL: our own */
	struct loads *loads;
	const unsigned int *weights;
	uint64_t random;
};

static struct world world_new(enum algorithm algorithm, const unsigned int *weights, size_t count)
{
	struct balance balance = { .algorithm = algorithm };
	struct world world = { .loads = loads_new(), .weights = weights, .random = 1 };
	struct candidate candidates[LINKS];

	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){ .link = (uint16_t)i, .id = (uint8_t)(i + 1), .usable = true, .weight = weights[i],
			.hash = i };
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

static size_t ask_balancer(struct world *world)
{
	struct pick_context context = { .random = chance_next(&world->random), .loads = world->loads };
	struct flow flow = { .family = IPV4 };

	return balancer_pick(world->balancer, &flow, &context)->link;
}

/* Of mean 1. */
static double exponential(struct world *world)
{
	return world->published == NULL ? -log(chance_part(&world->random)) : -log(1 - twister_random(world->published));
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

/* How a job of that size, which comes now, is given to a link. */
typedef size_t (*chooser)(struct world *world, const struct queue *queues, double size, double now);

static size_t by_algorithm(struct world *world, const struct queue *queues, double size, double now)
{
	(void)queues, (void)size, (void)now;
	return ask_balancer(world);
}

/* When the job would be done there: what no gateway knows, for it cannot see how much connections will carry. */
static double done_at(const struct world *world, const struct queue *queues, size_t link, double size, double now)
{
	double waits = queues[link].busy_until > now ? queues[link].busy_until - now : 0;

	return waits + size / world->weights[link];
}

static size_t by_work(struct world *world, const struct queue *queues, double size, double now)
{
	size_t best = 0;

	for (size_t i = 1; i < LINKS; i++) {
		if (done_at(world, queues, i, size, now) < done_at(world, queues, best, size, now))
			best = i;
	}
	return best;
}

/* By weight. */
static size_t by_chance(struct world *world, const struct queue *queues, double size, double now)
{
	double whole = 0, place;
	size_t link = 0;

	(void)queues, (void)size, (void)now;
	for (size_t i = 0; i < LINKS; i++)
		whole += world->weights[i];
	place = twister_random(world->published) * whole;
	while (link + 1 < LINKS && place >= world->weights[link])
		place -= world->weights[link++];
	return link;
}

static size_t by_work_of_two(struct world *world, const struct queue *queues, double size, double now)
{
	size_t one = by_chance(world, queues, size, now), other = by_chance(world, queues, size, now);

	return done_at(world, queues, other, size, now) < done_at(world, queues, one, size, now) ? other : one;
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
static double mean_delay(struct world *world, chooser choose, double load, unsigned int jobs)
{
	struct queue *queues = calloc(LINKS, sizeof(*queues));
	const unsigned int *weights = world->weights;
	double now = 0, sum = 0, whole = 0;

	assert_non_null(queues);
	for (size_t i = 0; i < LINKS; i++)
		whole += weights[i];
	for (unsigned int job = 0; job < jobs; job++) {
		struct queue *queue;
		double before = now, size;
		size_t link;

		now += exponential(world) / (load * whole);
		for (size_t i = 0; i < LINKS; i++)
			serve(&queues[i], &world->loads->links[i + 1], now);
		for (double second = floor(before) + 1; second <= now; second++)
			measure(queues, world->loads, weights, second);
		size = exponential(world);
		link = choose(world, queues, size, now);
		world->loads->links[link + 1].connections++;
		queue = &queues[link];
		assert_true(queue->count < 4096);
		note_idle(queue, floor(now), now);
		queue->busy_until = (queue->busy_until > now ? queue->busy_until : now) + size / weights[link];
		queue->done[(queue->first + queue->count++) % 4096] = queue->busy_until;
		sum += queue->busy_until - now;
	}
	free(queues);
	return sum / jobs;
}

static const unsigned int four_two_one_one[LINKS] = { 4, 2, 1, 1 };
static const double model_loads[] = { 0.5, 0.8, 0.95 };

/* In the long run. */
static double model_delay(enum algorithm algorithm, chooser choose, size_t i)
{
	struct world world = world_new(algorithm, four_two_one_one, LINKS);
	double delay = mean_delay(&world, choose, model_loads[i], 2000000);

	print_message("algorithm %u%s at %.0f%%: %.2f\n", algorithm, choose == by_work ? " with known work" : "",
		model_loads[i] * 100, delay);
	world_free(&world);
	return delay;
}

/* The published figures are means of 40,000 jobs from one draw. */
static void as_published(chooser choose, double half, double most, double nearly_all)
{
	const double expected[] = { half, most, nearly_all };

	for (size_t i = 0; i < 3; i++) {
		struct world world = world_new(ALGORITHM_RANDOM, four_two_one_one, LINKS);
		struct twister twister;

		twister_seed(&twister, 1);
		world.published = &twister;
		assert_true(fabs(mean_delay(&world, choose, model_loads[i], 40000) - expected[i]) <= 0.005);
		world_free(&world);
	}
}

/* So the model is theirs. */
static void repeats_what_was_published(void **state)
{
	(void)state;
	as_published(by_chance, 1.02, 2.60, 9.64);
	as_published(by_work_of_two, 0.60, 1.23, 3.43);
	as_published(by_work, 0.45, 0.82, 2.05);
}

/* Queueing theory: of K links, K / (sum of capacities * (1 - load)): 1, 2.5 and 10. */
static void random_choice_waits_as_theory_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double expected = LINKS / (8 * (1 - model_loads[i]));

		assert_true(fabs(model_delay(ALGORITHM_RANDOM, by_algorithm, i) - expected) < 0.1 * expected);
	}
}

/* It counts jobs, and cannot see how large they are. */
static void least_connections_waits_little_longer_than_who_knows_all(void **state)
{
	const double most[] = { 1.3, 1.3, 1.15 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double known = model_delay(ALGORITHM_RANDOM, by_work, i);
		double delay = model_delay(ALGORITHM_LEAST_CONNECTIONS, by_algorithm, i);

		assert_true(delay > known);
		assert_true(delay < most[i] * known);
	}
}

/* Its leaning to larger links is for what shares them, which jobs in a queue do not: as the better of two, about. */
static void least_load_waits_as_the_better_of_two(void **state)
{
	const double two_choices[] = { 0.60, 1.23, 3.43 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(model_delay(ALGORITHM_LEAST_LOAD, by_algorithm, i) < 1.1 * two_choices[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_choice_waits_as_theory_says),
		cmocka_unit_test(repeats_what_was_published),
		cmocka_unit_test(least_connections_waits_little_longer_than_who_knows_all),
		cmocka_unit_test(least_load_waits_as_the_better_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
