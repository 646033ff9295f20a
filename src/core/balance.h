/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Picks a link for a new connection: one table row and one file for each algorithm. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/loads.h"
#include "core/paths.h"
#include "core/siphash.h"

/* A link that a policy may use, as it is now. */
struct candidate {
	uint16_t link; /* index into config.links */
	uint8_t id;    /* in marks */
	bool usable;
	unsigned int weight;
	uint64_t hash; /* of its name */
	uint8_t tier;  /* of the policy's links; 0: the best */
	bool reserve;  /* not usable here only because a better tier has a usable link */
};

/* One policy's links and what its algorithm keeps between picks. Immutable but for atomic counters. */
struct balancer;

/* What a pick may depend on beside the balancer. */
struct pick_context {
	const struct hash_key *key;
	uint64_t random; /* evenly distributed; for the algorithms that need chance */
	bool peek;       /* only ask what would be picked: no counter moves */
	uint64_t now_ms; /* of a clock that never goes back */
	struct loads *loads; /* NULL: nothing is known of the links' load */
	struct paths *paths; /* NULL: nothing is known of destinations; now_ms is of its clock */
	uint8_t picked;  /* for scores: as they were before a pick a moment ago, of the link with that id; 0: as they are */
};

/* What balancers are told again and again. */
struct balancer_tick {
	uint64_t now_ms;           /* of the clock that picks go by */
	const struct loads *loads; /* NULL: nothing is known */
};

/*
 * Copies the candidates; previous may be NULL, else the balancer that the same policy had before: where
 * weights and usable links are the same, its counters go on. The caller frees it with balancer_free().
 * NULL: no memory, or weights whose cycle is longer than SCHEDULE_MAX_CYCLE.
 */
struct balancer *balancer_new(const struct balance *balance, const struct candidate *candidates, size_t count,
	const struct balancer *previous);

/* As above; alike may be NULL, else another policy's: what does not depend on the policy is shared where it is the same. */
struct balancer *balancer_new_alike(const struct balance *balance, const struct candidate *candidates, size_t count,
	const struct balancer *previous, const struct balancer *alike);

/* Accepts NULL. No thread may be in balancer_pick() any more. */
void balancer_free(struct balancer *balancer);

/* The chosen candidate, or NULL where none is usable. Any thread; neither blocks nor allocates. */
const struct candidate *balancer_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context);

/*
 * The candidate with that id if a key that went by it may go on so: it is one of the policy's and usable, or a reserve;
 * with `on-recovery: cut' only where no better one is usable. Else NULL.
 */
const struct candidate *balancer_candidate(const struct balancer *balancer, uint8_t id);

/* How an algorithm sees a candidate for this flow: the highest score of the usable ones is picked. */
double balancer_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context);

/* The same for all candidates at once, in their order: ret_scores has room for them. */
void balancer_scores(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	double *ret_scores);

/*
 * A word of the algorithm on a usable candidate, such as "full" or "12.3 ms, 40 s ago": in text, "" where there is nothing
 * to say; size is 1 at least.
 */
void balancer_remark(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context, char *text, size_t size);

/*
 * Time has passed: a quarter of a second or so. Only the thread that makes and frees balancers, and only the newest
 * of a policy; others may pick meanwhile.
 */
void balancer_tick(const struct balancer *balancer, const struct balancer_tick *tick);

/* Whether it balances by the bytes that its policy carries: whoever ticks it tells them before. */
bool balancer_wants_bytes(const struct balancer *balancer);

/* Its policy has carried so many bytes by that link in all, both directions. As byte_shares_count(). */
void balancer_count_bytes(const struct balancer *balancer, uint8_t link, uint64_t bytes);

/* The sum of them, also over balancers that the policy had before. */
uint64_t balancer_bytes(const struct balancer *balancer, uint8_t link);

const struct candidate *balancer_candidates(const struct balancer *balancer, size_t *ret_count);
