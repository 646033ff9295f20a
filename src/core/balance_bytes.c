/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Round robin by bytes: to the link that is furthest behind its share of what the policy carries. */

#include <errno.h>
#include <stdio.h>

#include "core/balance_algorithm.h"

/* Below it a deficit is not worth a word. */
#define WORTH_A_WORD 1000.0

static int bytes_carry(struct balancer *balancer, const struct balancer *previous)
{
	if (previous != NULL && previous->shares != NULL)
		balancer->shares = byte_shares_join(previous->shares);
	else
		balancer->shares = byte_shares_new();
	return balancer->shares == NULL ? -ENOMEM : 0;
}

/* What the link is charged with, but for the pick that scores are to leave out. */
static double charged(const struct balancer *balancer, uint8_t id, const struct pick_context *context)
{
	double bytes = (double)byte_shares_charged(balancer->shares, id);

	return context->picked == id ? bytes - (double)byte_shares_expected(balancer->shares) : bytes;
}

static double all_charged(const struct balancer *balancer, const struct pick_context *context)
{
	double sum = 0;

	for (size_t i = 0; i < balancer->usable_count; i++)
		sum += charged(balancer, balancer->usable[i].id, context);
	return sum;
}

/* The next connection's bytes on top, which are dealt out by weight: who is alike goes in turn. */
static double all_to_come(const struct balancer *balancer, const struct pick_context *context)
{
	return all_charged(balancer, context) + (double)byte_shares_expected(balancer->shares);
}

/* How far the link is behind, where all that is to come has gone by. */
static double claim(const struct balancer *balancer, const struct candidate *candidate, double to_come,
	const struct pick_context *context)
{
	return (double)byte_shares_deficit(balancer->shares, candidate->id) - charged(balancer, candidate->id, context)
	       + to_come * candidate->weight / balancer->total_weight;
}

static size_t bytes_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	double to_come = all_to_come(balancer, context), most = claim(balancer, &balancer->usable[0], to_come, context);
	size_t best = 0;

	(void)flow;
	for (size_t i = 1; i < balancer->usable_count; i++) {
		double behind = claim(balancer, &balancer->usable[i], to_come, context);

		if (behind > most) {
			most = behind;
			best = i;
		}
	}
	if (!context->peek)
		byte_shares_charge(balancer->shares, balancer->usable[best].id);
	return best;
}

static double bytes_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	(void)flow;
	return claim(balancer, candidate, all_to_come(balancer, context), context);
}

static void bytes_scores(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	double *ret_scores)
{
	double to_come = all_to_come(balancer, context);

	(void)flow;
	for (size_t i = 0; i < balancer->count; i++)
		ret_scores[i] = claim(balancer, &balancer->candidates[i], to_come, context);
}

static void bytes_tick(const struct balancer *balancer, const struct balancer_tick *tick)
{
	struct share_link links[CONFIG_LINKS_MAX];

	for (size_t i = 0; i < balancer->usable_count; i++)
		links[i] = (struct share_link){ balancer->usable[i].id, balancer->usable[i].weight };
	byte_shares_tick(balancer->shares, links, balancer->usable_count, tick->now_ms, tick->loads);
}

/* "2.1 MB behind its share", without the next connection. */
static void bytes_remark(const struct balancer *balancer, const struct candidate *candidate,
	const struct flow *flow, const struct pick_context *context, char *text, size_t size)
{
	static const char *const units[] = { "KB", "MB", "GB", "TB" };
	double behind = claim(balancer, candidate, all_charged(balancer, context), context), much = behind < 0 ? -behind : behind;
	size_t unit = 0;

	(void)flow;
	snprintf(text, size, "at its share");
	if (much < WORTH_A_WORD)
		return;
	for (much /= 1000; much >= 999.95 && unit < 3; unit++)
		much /= 1000;
	snprintf(text, size, "%.1f %s %s its share", much, units[unit], behind < 0 ? "ahead of" : "behind");
}

const struct algorithm_row round_robin_bytes_algorithm = {
	.carry = bytes_carry,
	.pick = bytes_pick,
	.score = bytes_score,
	.scores = bytes_scores,
	.tick = bytes_tick,
	.remark = bytes_remark,
};
