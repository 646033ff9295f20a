/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What algorithms that look at load have in common: how the usable links stand now. */

#include "core/balance_standing.h"

/* Each figure may be of another second: that is good enough, and nobody waits. */
#define READ(member) atomic_load_explicit(&(member), memory_order_relaxed)

static uint64_t capacity_of(const struct link_load *load)
{
	uint64_t download = READ(load->capacity_bps[DOWNLOAD]);

	return download != 0 ? download : READ(load->capacity_bps[UPLOAD]);
}

static uint64_t pace_of(const struct link_load *load)
{
	uint64_t download = READ(load->pace_bps[DOWNLOAD]);

	return download != 0 ? download : READ(load->pace_bps[UPLOAD]);
}

/* What one of weight stands for, by the links whose capacity is known. */
static double weight_bps(const struct balancer *balancer, const struct loads *loads)
{
	double known = 0, weights = 0;

	for (size_t i = 0; i < balancer->usable_count; i++) {
		uint64_t capacity = capacity_of(loads_of(loads, balancer->usable[i].id));

		known += (double)capacity;
		weights += capacity == 0 ? 0 : balancer->usable[i].weight;
	}
	return weights > 0 ? known / weights : FLOW_BPS;
}

static double taken(const struct link_load *load, enum direction direction)
{
	return (double)READ(load->rate_bps[direction]) + (double)READ(load->placed_bps[direction]);
}

/* A direction of which nothing is known is not looked at, unless it is all that there is. */
static double used_part(const struct link_load *load, double capacity_bps)
{
	double most = -1;

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		double capacity = (double)READ(load->capacity_bps[direction]), used;

		used = capacity > 0 ? taken(load, direction) / capacity : -1;
		most = used > most ? used : most;
	}
	return most >= 0 ? most : taken(load, DOWNLOAD) / capacity_bps;
}

/* A twentieth of the link. */
static bool carries(const struct link_load *load, double capacity_bps)
{
	return ((double)READ(load->rate_bps[DOWNLOAD]) + (double)READ(load->rate_bps[UPLOAD])) * 20 > capacity_bps;
}

static struct standing make_standing(const struct candidate *candidate, const struct loads *loads, double unit_bps)
{
	const struct link_load *load = loads_of(loads, candidate->id);
	uint64_t capacity = capacity_of(load);
	struct standing standing = { .connections = READ(load->connections) };

	standing.capacity_bps = capacity != 0 ? (double)capacity : unit_bps * candidate->weight;
	standing.pace_bps = pace_of(load) != 0 ? (double)pace_of(load) : standing.capacity_bps;
	standing.used = used_part(load, standing.capacity_bps);
	standing.carries = carries(load, standing.capacity_bps);
	/* Whatever its capacity is said to be: its queue grows. */
	if (standing.used < 1 && READ(load->congested))
		standing.used = 1;
	return standing;
}

struct standing standing_of(const struct balancer *balancer, size_t place, const struct pick_context *context)
{
	return make_standing(&balancer->usable[place], context->loads, weight_bps(balancer, context->loads));
}

void standings_of(const struct balancer *balancer, const struct pick_context *context, struct standing *ret_standings)
{
	double unit_bps = weight_bps(balancer, context->loads);

	for (size_t i = 0; i < balancer->usable_count; i++)
		ret_standings[i] = make_standing(&balancer->usable[i], context->loads, unit_bps);
}

/* Its upload is as much smaller as that of the link. */
void standing_place(const struct balancer *balancer, size_t place, const struct pick_context *context)
{
	struct link_load *load;
	double whole;

	if (context->peek || context->loads == NULL)
		return;
	load = &context->loads->links[balancer->usable[place].id];
	whole = (double)capacity_of(load);
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		double part = whole > 0 ? (double)READ(load->capacity_bps[direction]) / whole : 1;

		atomic_fetch_add_explicit(&load->placed_bps[direction], (uint64_t)(FLOW_BPS * part), memory_order_relaxed);
	}
}

size_t standing_best(const struct balancer *balancer, const double *scores, const struct pick_context *context)
{
	unsigned int weights = 0;
	uint64_t left;
	size_t best = 0, i;

	for (i = 0; i < balancer->usable_count; i++)
		best = scores[i] > scores[best] ? i : best;
	for (i = 0; i < balancer->usable_count; i++)
		weights += scores[i] == scores[best] ? balancer->usable[i].weight : 0;
	left = context->random % weights;
	for (i = best; scores[i] != scores[best] || left >= balancer->usable[i].weight; i++)
		left -= scores[i] == scores[best] ? balancer->usable[i].weight : 0;
	return i;
}

size_t standing_place_of(const struct balancer *balancer, const struct candidate *candidate)
{
	size_t place = 0;

	while (place < balancer->usable_count && balancer->usable[place].id != candidate->id)
		place++;
	return place;
}
