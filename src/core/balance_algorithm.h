/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an algorithm has to provide, and the balancer as algorithms see it. */
#pragma once

#include "core/balance.h"
#include "core/byte_shares.h"
#include "core/schedule.h"

struct algorithm_row {
	/*
	 * Called once, also where no candidate is usable: takes over from previous (NULL, or maybe of another algorithm)
	 * what outlives a balancer, or begins it; NULL: nothing does. 0 or -errno.
	 */
	int (*carry)(struct balancer *balancer, const struct balancer *previous);
	/* Called once, after the usable candidates are known; NULL: nothing to prepare. 0 or -errno. */
	int (*prepare)(struct balancer *balancer, const struct balancer *previous, const struct balancer *alike);
	/* Position in usable; there is at least one. */
	size_t (*pick)(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context);
	double (*score)(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
		const struct pick_context *context);
	/* Of all candidates; NULL: score() is asked for each. What is not usable may get any. */
	void (*scores)(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
		double *ret_scores);
	/* See balancer_remark(): text is empty before. NULL: it never says anything. */
	void (*remark)(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
		const struct pick_context *context, char *text, size_t size);
	/* See balancer_tick(); NULL: time is nothing to it. */
	void (*tick)(const struct balancer *balancer, const struct balancer_tick *tick);
};

struct balancer {
	const struct algorithm_row *algorithm;
	enum flow_key hash_by;
	struct candidate *candidates; /* all, in the order of the policy */
	size_t count;
	struct candidate *usable;     /* the usable ones, in the same order */
	size_t usable_count;
	size_t kept_count;            /* of usable: behind the usable ones come reserves, for keys that went by them */
	unsigned int total_weight;    /* of the usable ones */
	struct schedule *schedule;    /* round robin's */
	struct byte_shares *shares;   /* round robin's by bytes */
	struct latency_choice *latency; /* lowest-latency's */
};

/* Accepts NULL; the last user frees it. */
void latency_choice_leave(struct latency_choice *choice);

extern const struct algorithm_row round_robin_algorithm;
extern const struct algorithm_row round_robin_bytes_algorithm;
extern const struct algorithm_row random_algorithm;
extern const struct algorithm_row hash_algorithm;
extern const struct algorithm_row priority_algorithm;
extern const struct algorithm_row least_connections_algorithm;
extern const struct algorithm_row least_load_algorithm;
extern const struct algorithm_row spillover_algorithm;
extern const struct algorithm_row fastest_algorithm;
extern const struct algorithm_row lowest_latency_algorithm;
extern const struct algorithm_row by_packet_algorithm;
