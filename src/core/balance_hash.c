/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Weighted rendezvous hashing: a key stays with its link while that link is usable. */

#include <math.h>

#include "core/balance_algorithm.h"
#include "core/key.h"

/*
 * score = -weight / ln(u) with u in (0, 1) from a hash of key and link (Thaler and Ravishankar 1998;
 * the weights as in Schindelhauer and Schomaker 2005). The highest score wins, so a link that goes
 * takes along only its own keys, and one whose weight grows draws evenly from all others.
 */
static double rendezvous(uint64_t key_hash, const struct candidate *candidate)
{
	uint64_t mixed = key_hash ^ candidate->hash;

	/* finalizer of SplitMix64: every bit of the two hashes reaches every bit of the score */
	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
	mixed ^= mixed >> 31;
	return -(double)candidate->weight / log(((double)(mixed >> 11) + 0.5) / 9007199254740992.0);
}

static double hash_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	return rendezvous(flow_key_hash(context->key, balancer->hash_by, flow, 0), candidate);
}

static size_t hash_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	uint64_t key_hash = flow_key_hash(context->key, balancer->hash_by, flow, 0);
	double best_score = 0;
	size_t best = 0;

	for (size_t i = 0; i < balancer->usable_count; i++) {
		double score = rendezvous(key_hash, &balancer->usable[i]);

		if (score > best_score) {
			best_score = score;
			best = i;
		}
	}
	return best;
}

static void hash_scores(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	double *ret_scores)
{
	uint64_t key_hash = flow_key_hash(context->key, balancer->hash_by, flow, 0);

	for (size_t i = 0; i < balancer->count; i++)
		ret_scores[i] = rendezvous(key_hash, &balancer->candidates[i]);
}

const struct algorithm_row hash_algorithm = {
	.pick = hash_pick,
	.score = hash_score,
	.scores = hash_scores,
};
