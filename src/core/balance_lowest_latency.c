/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link with the shortest delay, which is kept until another one has been clearly better for a while. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/balance_algorithm.h"

/*
 * Each change moves new connections away from those that they belong to, and brings nothing where links differ by less
 * than what measuring them varies. So another link has to be better by 15 % and by 2 ms, for ten seconds: rounds of
 * checks are a second apart, and a link that jitters has one that is quicker by chance long before it has ten. A moment
 * in which it is not takes away twice its time, not all: one late answer of many is not the end of a proof. Where the delay
 * is more than twice that of the best, and by what people hear (10 ms), waiting costs more than a change.
 */
#define BETTER_PERCENT 85
#define BETTER_US      2000
#define BETTER_MS      10000
#define WORSE_TIMES    2
#define URGENT_TIMES   2
#define URGENT_US      10000

/* The links' first measurements come one after the other: so long the best is taken at once. */
#define WARM_UP_MS 10000

/* A longer time between two ticks proves no more: the machine was away. */
#define TICK_MAX_MS 1000

/* Balancers of one policy that follow each other share it. Who makes and ticks balancers writes, others read what is held. */
struct latency_choice {
	unsigned int users;
	_Atomic uint8_t held;     /* number of the link; 0: none yet */
	bool begun;
	uint64_t begun_ms, ticked_ms;
	uint64_t better_ms[MARK_LINK_MAX + 1]; /* so long it has been better than the held one */
};

static int latency_carry(struct balancer *balancer, const struct balancer *previous)
{
	if (previous != NULL && previous->latency != NULL)
		balancer->latency = previous->latency;
	else
		balancer->latency = calloc(1, sizeof(*balancer->latency));
	if (balancer->latency == NULL)
		return -ENOMEM;
	balancer->latency->users++;
	return 0;
}

void latency_choice_leave(struct latency_choice *choice)
{
	if (choice != NULL && --choice->users == 0)
		free(choice);
}

/* 0: not known. */
static uint32_t delay_us(const struct loads *loads, const struct candidate *candidate)
{
	return atomic_load_explicit(&loads_of(loads, candidate->id)->delay_us, memory_order_relaxed);
}

/* What is not known comes after what is. */
static bool is_shorter(uint32_t delay, uint32_t than)
{
	return delay != 0 && (than == 0 || delay < than);
}

/* The first in the order of the policy where several are alike, or none is known. */
static size_t best(const struct balancer *balancer, const struct loads *loads)
{
	uint32_t shortest = delay_us(loads, &balancer->usable[0]);
	size_t found = 0;

	for (size_t i = 1; i < balancer->usable_count; i++) {
		uint32_t delay = delay_us(loads, &balancer->usable[i]);

		if (!is_shorter(delay, shortest))
			continue;
		shortest = delay;
		found = i;
	}
	return found;
}

/* Position in usable; usable_count: it is not there. */
static size_t find_held(const struct balancer *balancer)
{
	uint8_t held = atomic_load_explicit(&balancer->latency->held, memory_order_relaxed);
	size_t i = 0;

	while (i < balancer->usable_count && balancer->usable[i].id != held)
		i++;
	return i;
}

static size_t latency_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	size_t held = find_held(balancer);

	(void)flow;
	return held < balancer->usable_count ? held : best(balancer, context->loads);
}

static void hold(const struct balancer *balancer, size_t position)
{
	struct latency_choice *choice = balancer->latency;
	uint8_t id = balancer->usable[position].id;

	if (atomic_load_explicit(&choice->held, memory_order_relaxed) == id)
		return;
	for (size_t i = 0; i <= MARK_LINK_MAX; i++)
		choice->better_ms[i] = 0;
	atomic_store_explicit(&choice->held, id, memory_order_relaxed);
}

static bool is_better(uint32_t delay, uint32_t than)
{
	if (delay == 0 || than == 0)
		return is_shorter(delay, than);
	return (uint64_t)delay * 100 <= (uint64_t)than * BETTER_PERCENT && (uint64_t)delay + BETTER_US <= than;
}

static bool is_urgent(uint32_t delay, uint32_t than)
{
	return delay != 0 && than / URGENT_TIMES > delay && than - delay >= URGENT_US;
}

/* Whether the link has been better than the held one for long enough. */
static bool has_proved(struct latency_choice *choice, const struct candidate *candidate, bool better, uint64_t past_ms)
{
	uint64_t *better_ms = &choice->better_ms[candidate->id], back_ms = WORSE_TIMES * past_ms;

	if (better)
		*better_ms += past_ms;
	else
		*better_ms -= *better_ms < back_ms ? *better_ms : back_ms;
	return better && *better_ms >= BETTER_MS;
}

/* The best of those that have proved it, or held. */
static size_t follow(const struct balancer *balancer, const struct balancer_tick *tick, size_t held, uint64_t past_ms)
{
	uint32_t held_delay = delay_us(tick->loads, &balancer->usable[held]), shortest = held_delay;
	size_t next = held;

	for (size_t i = 0; i < balancer->usable_count; i++) {
		uint32_t delay = delay_us(tick->loads, &balancer->usable[i]);

		if (!has_proved(balancer->latency, &balancer->usable[i], is_better(delay, held_delay), past_ms)
		    || !is_shorter(delay, shortest))
			continue;
		shortest = delay;
		next = i;
	}
	return next;
}

static void latency_tick(const struct balancer *balancer, const struct balancer_tick *tick)
{
	struct latency_choice *choice = balancer->latency;
	uint64_t past_ms = tick->now_ms - choice->ticked_ms;
	size_t held = find_held(balancer), first;

	if (!choice->begun) {
		choice->begun = true;
		choice->begun_ms = tick->now_ms;
	}
	choice->ticked_ms = tick->now_ms;
	if (balancer->usable_count == 0)
		return;
	first = best(balancer, tick->loads);
	if (held == balancer->usable_count || tick->now_ms - choice->begun_ms < WARM_UP_MS
	    || is_urgent(delay_us(tick->loads, &balancer->usable[first]), delay_us(tick->loads, &balancer->usable[held])))
		hold(balancer, first);
	else
		hold(balancer, follow(balancer, tick, held, past_ms < TICK_MAX_MS ? past_ms : TICK_MAX_MS));
}

/* 1000 by the delay in ms; of what is not known something small, less for each that stands before it. */
static double merit(const struct balancer *balancer, const struct candidate *candidate, const struct loads *loads)
{
	uint32_t delay = delay_us(loads, candidate);
	size_t place = 0;

	while (place < balancer->count && balancer->candidates[place].id != candidate->id)
		place++;
	return delay == 0 ? 0.0001 / (double)(place + 1) : 1e6 / delay;
}

/* The link that is kept is raised above those that have not yet been better for long enough. */
static double latency_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	const struct candidate *picked = &balancer->usable[latency_pick(balancer, flow, context)];
	const struct candidate *quickest = &balancer->usable[best(balancer, context->loads)];

	if (candidate->id != picked->id || picked == quickest)
		return merit(balancer, candidate, context->loads);
	return 1.001 * merit(balancer, quickest, context->loads);
}

/* "12.3 ms" */
static void latency_remark(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context, char *text, size_t size)
{
	size_t picked = latency_pick(balancer, flow, context), quickest = best(balancer, context->loads);
	bool kept = candidate->id == balancer->usable[picked].id && picked != quickest;
	uint32_t delay = delay_us(context->loads, candidate);

	if (delay == 0)
		snprintf(text, size, "delay not known%s", kept ? "; kept for now" : "");
	else
		snprintf(text, size, "%.1f ms%s", delay / 1000.0, kept ? "; kept for now" : "");
}

const struct algorithm_row lowest_latency_algorithm = {
	.carry = latency_carry,
	.pick = latency_pick,
	.score = latency_score,
	.tick = latency_tick,
	.remark = latency_remark,
};
