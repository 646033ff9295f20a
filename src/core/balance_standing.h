/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What algorithms that look at load have in common: how the usable links stand now. */
#pragma once

#include "core/balance_algorithm.h"

/* What a connection is expected to take, of which nothing is known yet. */
#define FLOW_BPS 1000000

/* One usable link. */
struct standing {
	double capacity_bps;  /* download, or upload; where neither is known, by weight beside those that are known */
	double pace_bps;      /* what it carries at most in this moment; where that is not known the capacity */
	double used;          /* of the direction that is used most: 0 idle, 1 at its end or more; what was placed is in it */
	uint32_t connections; /* that live */
	bool carries;         /* more than next to nothing went through in the last second */
};

/* Of that place in usable. */
struct standing standing_of(const struct balancer *balancer, size_t place, const struct pick_context *context);

/* The same of all of them: ret_standings has room for usable_count. */
void standings_of(const struct balancer *balancer, const struct pick_context *context, struct standing *ret_standings);

/* Until the next second's rates tell of it, the connection that goes there is part of the link's load. */
void standing_place(const struct balancer *balancer, size_t place, const struct pick_context *context);

/* The place with the highest score; of several by chance, in proportion to weight. */
size_t standing_best(const struct balancer *balancer, const double *scores, const struct pick_context *context);

/* Of the candidate in usable; usable_count where it is not there. */
size_t standing_place_of(const struct balancer *balancer, const struct candidate *candidate);
