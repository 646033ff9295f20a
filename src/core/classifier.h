/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the policy of a flow: the first whose match holds. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/view.h"

/*
 * Policies compiled for the search (core/classifier_compile.h): its time does not grow with their number.
 * They stay compiled while configuration, devices, addresses and sets are the same: then a classifier that
 * was made with previous shares that part with it. Only the thread that makes and frees them counts.
 */
struct classifier;

/* config and ids must outlive it; previous may be NULL. The caller frees it. NULL: no memory. */
struct classifier *classifier_new(const struct config *config, const struct ids *ids, const struct view *view,
	const struct classifier *previous);

/* Accepts NULL. No thread may search any more. */
void classifier_free(struct classifier *classifier);

/* Bytes that it takes, what it shares included. */
size_t classifier_size(const struct classifier *classifier);

/* Index of the first policy from start on that matches, or config.policy_count. Any thread. */
size_t classifier_match(const struct classifier *classifier, const struct flow *flow, size_t start);

/* Vectors of one end of a flow at hand: of its address; of the router; of a link or `internet'; of zones; of port forwards. */
#define END_VECTORS_MAX 8
#define END_ZONES_END   7 /* leaves room for the last */

/* Vectors that the numbers of a flow ask for: ports, ICMP type, protocol, DSCP. */
#define REQUIRED_MAX 5

/* All that is known of one flow, for who asks for one matching policy after the other. */
struct classifier_search {
	const struct classifier *classifier;
	const struct bit_vector *required[REQUIRED_MAX];
	unsigned int required_count;
	struct search_end {
		const struct bit_vector *named[END_VECTORS_MAX];    /* the policy is in one of these */
		const struct bit_vector *excluded[END_VECTORS_MAX]; /* and in none of these */
		unsigned int named_count, excluded_count;
		uint64_t more_zones;                                /* that the end is in, and that had no place above */
		const struct zone_fact *zone_facts;                 /* by zone */
	} from, to;
};

void classifier_search(struct classifier_search *search, const struct classifier *classifier, const struct flow *flow);

/* As classifier_match(). */
size_t classifier_next(const struct classifier_search *search, size_t start);

/* The first part of the policy's match that does not hold ("from", "to-port", ...), or NULL: for `explain`. */
const char *classifier_mismatch(const struct classifier *classifier, const struct flow *flow, size_t policy);
