/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Weighted round robin for many threads: one cycle of picks, laid out ahead. */

#include "core/schedule.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Shared by schedules that go on where another stands: while both are in use no place is given twice. */
struct turn {
	atomic_uint_fast64_t ticket;
	unsigned int users; /* only who makes and frees schedules counts them */
};

/* Shared by schedules of the same weights. */
struct cycle {
	unsigned int users; /* as above */
	size_t length;
	uint16_t picks[];
};

struct schedule {
	struct turn *turn;
	struct cycle *cycle;
};

static unsigned int gcd(unsigned int a, unsigned int b)
{
	while (b != 0) {
		unsigned int rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static unsigned int common_divisor(const uint16_t *weights, size_t count)
{
	unsigned int divisor = 0;

	for (size_t i = 0; i < count; i++)
		divisor = gcd(weights[i], divisor);
	return divisor;
}

/* Length of the cycle in picks, or 0 with errno set. */
static size_t cycle_length(const uint16_t *weights, size_t count)
{
	unsigned int divisor = common_divisor(weights, count);
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		if (weights[i] == 0) {
			errno = EINVAL;
			return 0;
		}
		length += weights[i] / divisor;
	}
	if (length > SCHEDULE_MAX_CYCLE) {
		errno = ERANGE;
		return 0;
	}
	if (length == 0)
		errno = EINVAL;
	return length;
}

/* What lay_out() knows of a link at one pick; all is scaled by the sum of the weights. */
struct claim {
	int64_t weight;
	int64_t due; /* what the link should have had by now, less what it has had */
};

/*
 * Tijdeman's rule ("The chairman assignment problem", 1980) for count >= 2 links: of those whose claim is
 * at least 1 / (2 count - 2) pick the one that would soonest be owed 1 - 1 / (2 count - 2).
 */
static bool is_sooner(const struct claim *a, const struct claim *b, int64_t total, int64_t scale)
{
	int64_t left_a = (scale - 1) * total - scale * a->due, left_b = (scale - 1) * total - scale * b->due;
	int64_t order = left_a * b->weight - left_b * a->weight;

	return order != 0 ? order < 0 : a->due > b->due;
}

static size_t most_urgent(const struct claim *claims, size_t count, int64_t total)
{
	int64_t scale = 2 * (int64_t)count - 2;
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		if (scale * claims[i].due < total && count > 1)
			continue;
		if (best == count || is_sooner(&claims[i], &claims[best], total, scale))
			best = i;
	}
	return best;
}

/* Fills the cycle; what is due comes back to zeros, because a cycle ends where it began. */
static void lay_out(struct cycle *cycle, struct claim *claims, size_t count)
{
	int64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += claims[i].weight;
	for (size_t pick = 0; pick < cycle->length; pick++) {
		size_t winner;

		for (size_t i = 0; i < count; i++)
			claims[i].due += claims[i].weight;
		winner = most_urgent(claims, count, total);
		claims[winner].due -= total;
		cycle->picks[pick] = (uint16_t)winner;
	}
}

static struct cycle *cycle_new(const uint16_t *weights, size_t count, size_t length)
{
	struct cycle *cycle = calloc(1, sizeof(*cycle) + length * sizeof(cycle->picks[0]));
	struct claim *claims = calloc(count, sizeof(*claims));

	if (cycle == NULL || claims == NULL) {
		free(cycle);
		free(claims);
		return NULL;
	}
	cycle->length = length;
	for (size_t i = 0; i < count; i++)
		claims[i].weight = weights[i];
	lay_out(cycle, claims, count);
	free(claims);
	return cycle;
}

/* With a counter of its own. */
static struct schedule *schedule_of(struct cycle *cycle)
{
	struct schedule *schedule = calloc(1, sizeof(*schedule));
	struct turn *turn = calloc(1, sizeof(*turn));

	if (schedule == NULL || turn == NULL) {
		free(schedule);
		free(turn);
		errno = ENOMEM;
		return NULL;
	}
	cycle->users++;
	turn->users = 1;
	schedule->cycle = cycle;
	schedule->turn = turn;
	return schedule;
}

struct schedule *schedule_new(const uint16_t *weights, size_t count)
{
	size_t length = cycle_length(weights, count);
	struct schedule *schedule;
	struct cycle *cycle;

	if (length == 0)
		return NULL;
	cycle = cycle_new(weights, count, length);
	if (cycle == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	schedule = schedule_of(cycle);
	if (schedule == NULL)
		free(cycle);
	return schedule;
}

struct schedule *schedule_alike(const struct schedule *other)
{
	return schedule_of(other->cycle);
}

static void leave(struct turn *turn)
{
	if (--turn->users == 0)
		free(turn);
}

void schedule_free(struct schedule *schedule)
{
	if (schedule == NULL)
		return;
	leave(schedule->turn);
	if (--schedule->cycle->users == 0)
		free(schedule->cycle);
	free(schedule);
}

size_t schedule_next(struct schedule *schedule)
{
	uint_fast64_t ticket = atomic_fetch_add_explicit(&schedule->turn->ticket, 1, memory_order_relaxed);

	return schedule->cycle->picks[ticket % schedule->cycle->length];
}

size_t schedule_peek(const struct schedule *schedule)
{
	uint_fast64_t ticket = atomic_load_explicit(&schedule->turn->ticket, memory_order_relaxed);

	return schedule->cycle->picks[ticket % schedule->cycle->length];
}

void schedule_resume(struct schedule *schedule, const struct schedule *previous)
{
	previous->turn->users++;
	leave(schedule->turn);
	schedule->turn = previous->turn;
}
