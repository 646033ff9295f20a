/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Weighted round robin for many threads: one cycle of picks, laid out ahead. */

#include "core/schedule.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct schedule {
	atomic_uint_fast64_t ticket;
	size_t cycle;
	uint16_t picks[];
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

static size_t richest(const int32_t *credit, size_t count)
{
	size_t best = 0;

	for (size_t i = 1; i < count; i++) {
		if (credit[i] > credit[best])
			best = i;
	}
	return best;
}

/* Fills the cycle; credit has count zeros and comes back as zeros, because a cycle ends where it began. */
static void lay_out(struct schedule *schedule, const uint16_t *weights, int32_t *credit, size_t count)
{
	int32_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += weights[i];

	for (size_t pick = 0; pick < schedule->cycle; pick++) {
		size_t winner;

		for (size_t i = 0; i < count; i++)
			credit[i] += weights[i];
		winner = richest(credit, count);
		credit[winner] -= total;
		schedule->picks[pick] = (uint16_t)winner;
	}
}

struct schedule *schedule_new(const uint16_t *weights, size_t count)
{
	size_t cycle = cycle_length(weights, count);
	struct schedule *schedule;
	int32_t *credit;

	if (cycle == 0)
		return NULL;

	credit = calloc(count, sizeof(*credit));
	schedule = malloc(sizeof(*schedule) + cycle * sizeof(schedule->picks[0]));
	if (credit == NULL || schedule == NULL)
		goto fail;

	atomic_init(&schedule->ticket, 0);
	schedule->cycle = cycle;
	lay_out(schedule, weights, credit, count);
	free(credit);
	return schedule;

fail:
	free(credit);
	free(schedule);
	errno = ENOMEM;
	return NULL;
}

void schedule_free(struct schedule *schedule)
{
	free(schedule);
}

size_t schedule_next(struct schedule *schedule)
{
	uint_fast64_t ticket = atomic_fetch_add_explicit(&schedule->ticket, 1, memory_order_relaxed);

	return schedule->picks[ticket % schedule->cycle];
}

size_t schedule_peek(const struct schedule *schedule)
{
	return schedule->picks[atomic_load_explicit(&schedule->ticket, memory_order_relaxed) % schedule->cycle];
}

void schedule_resume(struct schedule *schedule, const struct schedule *previous)
{
	atomic_store_explicit(&schedule->ticket, atomic_load_explicit(&previous->ticket, memory_order_relaxed),
		memory_order_relaxed);
}
