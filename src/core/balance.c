/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Picks a link for a new connection: one table row and one file for each algorithm. */

#include "core/balance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/balance_algorithm.h"

static const struct algorithm_row *const algorithms[ALGORITHMS] = {
	[ALGORITHM_ROUND_ROBIN] = &round_robin_algorithm,
	[ALGORITHM_RANDOM] = &random_algorithm,
	[ALGORITHM_HASH] = &hash_algorithm,
	[ALGORITHM_PRIORITY] = &priority_algorithm,
	[ALGORITHM_LEAST_CONNECTIONS] = &least_connections_algorithm,
	[ALGORITHM_LEAST_LOAD] = &least_load_algorithm,
	[ALGORITHM_SPILLOVER] = &spillover_algorithm,
	[ALGORITHM_FASTEST] = &fastest_algorithm,
	[ALGORITHM_LOWEST_LATENCY] = &lowest_latency_algorithm,
	[ALGORITHM_BY_PACKET] = &by_packet_algorithm,
};

static void copy_candidates(struct balancer *balancer, const struct candidate *candidates, size_t count)
{
	memcpy(balancer->candidates, candidates, count * sizeof(*candidates));
	balancer->count = count;
	for (size_t i = 0; i < count; i++) {
		if (!candidates[i].usable)
			continue;
		balancer->usable[balancer->usable_count++] = candidates[i];
		balancer->total_weight += candidates[i].weight;
	}
	balancer->kept_count = balancer->usable_count;
}

/* Those that keys may still go by, behind those that are picked from. With `cut' nothing is kept where something is better. */
static void add_kept(struct balancer *balancer, const struct balance *balance)
{
	if (balance->on_recovery == ON_RECOVERY_CUT) {
		if (balance->algorithm == ALGORITHM_PRIORITY && balancer->kept_count > 1)
			balancer->kept_count = 1;
		return;
	}
	for (size_t i = 0; i < balancer->count; i++) {
		if (balancer->candidates[i].reserve)
			balancer->usable[balancer->kept_count++] = balancer->candidates[i];
	}
}

static const struct algorithm_row *row_of(const struct balance *balance)
{
	if (balance->algorithm == ALGORITHM_ROUND_ROBIN && balance->share == SHARE_BYTES)
		return &round_robin_bytes_algorithm;
	return algorithms[balance->algorithm];
}

struct balancer *balancer_new_alike(const struct balance *balance, const struct candidate *candidates, size_t count,
	const struct balancer *previous, const struct balancer *alike)
{
	struct balancer *balancer = calloc(1, sizeof(*balancer));

	if (balancer == NULL)
		return NULL;
	balancer->algorithm = row_of(balance);
	balancer->hash_by = balance->hash_by;
	balancer->candidates = calloc(count + 1, sizeof(*candidates));
	balancer->usable = calloc(count + 1, sizeof(*candidates));
	if (balancer->candidates == NULL || balancer->usable == NULL)
		goto fail;
	copy_candidates(balancer, candidates, count);
	add_kept(balancer, balance);
	if (balancer->algorithm->carry != NULL && balancer->algorithm->carry(balancer, previous) < 0)
		goto fail;
	if (balancer->usable_count > 0 && balancer->algorithm->prepare != NULL
	    && balancer->algorithm->prepare(balancer, previous, alike) < 0)
		goto fail;
	return balancer;

fail:
	balancer_free(balancer);
	return NULL;
}

struct balancer *balancer_new(const struct balance *balance, const struct candidate *candidates, size_t count,
	const struct balancer *previous)
{
	return balancer_new_alike(balance, candidates, count, previous, NULL);
}

void balancer_free(struct balancer *balancer)
{
	if (balancer == NULL)
		return;
	schedule_free(balancer->schedule);
	byte_shares_leave(balancer->shares);
	latency_choice_leave(balancer->latency);
	free(balancer->usable);
	free(balancer->candidates);
	free(balancer);
}

const struct candidate *balancer_pick(const struct balancer *balancer, const struct flow *flow,
	const struct pick_context *context)
{
	if (balancer->usable_count == 0)
		return NULL;
	if (balancer->usable_count == 1 && !balancer->schedule && !balancer->shares)
		return &balancer->usable[0];
	return &balancer->usable[balancer->algorithm->pick(balancer, flow, context)];
}

const struct candidate *balancer_candidate(const struct balancer *balancer, uint8_t id)
{
	for (size_t i = 0; i < balancer->kept_count; i++) {
		if (balancer->usable[i].id == id)
			return &balancer->usable[i];
	}
	return NULL;
}

double balancer_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	return candidate->usable ? balancer->algorithm->score(balancer, candidate, flow, context) : 0;
}

void balancer_scores(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	double *ret_scores)
{
	if (balancer->algorithm->scores != NULL && balancer->usable_count > 0)
		balancer->algorithm->scores(balancer, flow, context, ret_scores);
	for (size_t i = 0; i < balancer->count; i++) {
		if (balancer->algorithm->scores == NULL || !balancer->candidates[i].usable)
			ret_scores[i] = balancer_score(balancer, &balancer->candidates[i], flow, context);
	}
}

void balancer_remark(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context, char *text, size_t size)
{
	text[0] = '\0';
	if (candidate->usable && balancer->algorithm->remark != NULL)
		balancer->algorithm->remark(balancer, candidate, flow, context, text, size);
}

void balancer_tick(const struct balancer *balancer, const struct balancer_tick *tick)
{
	if (balancer->algorithm->tick != NULL)
		balancer->algorithm->tick(balancer, tick);
}

bool balancer_wants_bytes(const struct balancer *balancer)
{
	return balancer->shares != NULL;
}

void balancer_count_bytes(const struct balancer *balancer, uint8_t link, uint64_t bytes)
{
	if (balancer->shares != NULL)
		byte_shares_count(balancer->shares, link, bytes);
}

uint64_t balancer_bytes(const struct balancer *balancer, uint8_t link)
{
	return balancer->shares == NULL ? 0 : byte_shares_total(balancer->shares, link);
}

const struct candidate *balancer_candidates(const struct balancer *balancer, size_t *ret_count)
{
	*ret_count = balancer->count;
	return balancer->candidates;
}
