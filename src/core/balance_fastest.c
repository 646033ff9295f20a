/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link by which connections to that destination were answered soonest. */

#include <math.h>
#include <stdio.h>

#include "core/balance_algorithm.h"
#include "core/paths.h"

#define HYSTERESIS 0.85 /* the cost of the current one counts so much: another has to be clearly better */

enum way {
	BY_TURN,   /* not enough is known */
	BY_TIME,
	TO_EXPLORE,
};

/* The destination by each usable link, in their order. */
struct outlook {
	struct destination *destination; /* NULL: nothing is known */
	bool popular;
	struct path paths[CONFIG_LINKS_MAX];
};

struct verdict {
	enum way way;
	size_t index;     /* in usable */
};

#define NONE SIZE_MAX

static void look(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	struct outlook *outlook)
{
	outlook->destination = context->paths == NULL ? NULL : paths_find(context->paths, &flow->to, context->now_ms);
	if (outlook->destination == NULL)
		return;
	outlook->popular = destination_popular(outlook->destination, context->now_ms);
	for (size_t i = 0; i < balancer->usable_count; i++)
		destination_path(outlook->destination, balancer->usable[i].id, context->now_ms, &outlook->paths[i]);
}

static bool barred(const struct path *path)
{
	return path->excluded_s > 0 || path->doubtful || path->silent;
}

/* Milliseconds with what failures and habit make of them; INFINITY where it is not to be taken by its time. */
static double cost(const struct path *path)
{
	if (path->us == 0 || barred(path))
		return INFINITY;
	return path->us / 1000.0 * (1 + path->failures) * (path->current ? HYSTERESIS : 1);
}

static size_t fastest(const struct balancer *balancer, const struct outlook *outlook)
{
	double least = INFINITY;
	size_t best = NONE;

	for (size_t i = 0; i < balancer->usable_count; i++) {
		double its = cost(&outlook->paths[i]);

		if (its < least) {
			least = its;
			best = i;
		}
	}
	return best;
}

static bool any_untried(const struct balancer *balancer, const struct outlook *outlook)
{
	for (size_t i = 0; i < balancer->usable_count; i++) {
		if (outlook->paths[i].us == 0 && outlook->paths[i].failures == 0)
			return true;
	}
	return false;
}

/* Whose turn it is by weight; where that one is barred, the next that is not. */
static size_t by_turn(const struct balancer *balancer, const struct outlook *outlook, const struct flow *flow,
	const struct pick_context *context)
{
	size_t turn = round_robin_algorithm.pick(balancer, flow, context), count = balancer->usable_count;

	for (size_t i = 0; outlook->destination != NULL && i < count; i++) {
		if (!barred(&outlook->paths[(turn + i) % count]))
			return (turn + i) % count;
	}
	return turn;
}

/* The one that has not been measured, or was measured longest ago; NONE: there is nothing to explore. */
static size_t stalest(const struct balancer *balancer, const struct outlook *outlook, size_t best,
	const struct pick_context *context)
{
	size_t found = NONE;

	for (size_t i = 0; i < balancer->usable_count; i++) {
		const struct path *path = &outlook->paths[i], *other = found == NONE ? NULL : &outlook->paths[found];
		const struct link_load *load = loads_of(context->loads, balancer->usable[i].id);

		if (i == best || !path->stale || path->asked || path->excluded_s > 0 || path->silent
		    || atomic_load_explicit(&load->congested, memory_order_relaxed))
			continue;
		if (other == NULL || (other->us > 0 && (path->us == 0 || path->age_s > other->age_s)))
			found = i;
	}
	return found;
}

/* Only what will be measured is worth it, and only where the budget allows. */
static bool explores(const struct balancer *balancer, const struct outlook *outlook, size_t candidate,
	const struct flow *flow, const struct pick_context *context)
{
	if (candidate == NONE || !outlook->popular || !paths_learns(flow->protocol, flow->to_port)
	    || !paths_affordable(context->paths, context->now_ms))
		return false;
	return context->peek
	       || paths_explore(context->paths, outlook->destination, balancer->usable[candidate].id, context->now_ms);
}

static struct verdict choose(const struct balancer *balancer, const struct outlook *outlook, const struct flow *flow,
	const struct pick_context *context)
{
	size_t best = outlook->destination == NULL ? NONE : fastest(balancer, outlook), candidate;

	if (best == NONE || (!outlook->popular && any_untried(balancer, outlook)))
		return (struct verdict){ BY_TURN, by_turn(balancer, outlook, flow, context) };
	candidate = stalest(balancer, outlook, best, context);
	if (explores(balancer, outlook, candidate, flow, context))
		return (struct verdict){ TO_EXPLORE, candidate };
	return (struct verdict){ BY_TIME, best };
}

static int fastest_prepare(struct balancer *balancer, const struct balancer *previous, const struct balancer *alike)
{
	return round_robin_algorithm.prepare(balancer, previous, alike);
}

static size_t fastest_pick(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context)
{
	struct outlook outlook;
	struct verdict verdict;

	look(balancer, flow, context, &outlook);
	verdict = choose(balancer, &outlook, flow, context);
	if (context->peek || context->paths == NULL)
		return verdict.index;
	paths_count(context->paths);
	if (outlook.destination != NULL && paths_learns(flow->protocol, flow->to_port))
		destination_sent(outlook.destination, balancer->usable[verdict.index].id, context->now_ms);
	return verdict.index;
}

/* Of a second, how many answers would fit; what is explored is above the best; by turns it is the share. */
static double score_of(const struct balancer *balancer, const struct outlook *outlook, const struct verdict *verdict,
	size_t index)
{
	double least = INFINITY;

	if (verdict->way == BY_TURN)
		return (double)balancer->usable[index].weight / balancer->total_weight;
	if (verdict->way == BY_TIME || index != verdict->index)
		return isinf(cost(&outlook->paths[index])) ? 0 : 1000 / cost(&outlook->paths[index]);
	for (size_t i = 0; i < balancer->usable_count; i++) {
		if (cost(&outlook->paths[i]) < least)
			least = cost(&outlook->paths[i]);
	}
	return 2 * 1000 / least;
}

static void fastest_scores(const struct balancer *balancer, const struct flow *flow, const struct pick_context *context,
	double *ret_scores)
{
	struct pick_context peek = *context;
	struct outlook outlook;
	struct verdict verdict;
	size_t index = 0;

	peek.peek = true;
	look(balancer, flow, &peek, &outlook);
	verdict = choose(balancer, &outlook, flow, &peek);
	for (size_t i = 0; i < balancer->count; i++) {
		if (balancer->candidates[i].usable)
			ret_scores[i] = score_of(balancer, &outlook, &verdict, index++);
	}
}

/* Position in usable; the candidate is one of them. */
static size_t usable_index(const struct balancer *balancer, const struct candidate *candidate)
{
	size_t index = 0;

	while (balancer->usable[index].id != candidate->id)
		index++;
	return index;
}

static double fastest_score(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context)
{
	struct pick_context peek = *context;
	struct outlook outlook;
	struct verdict verdict;

	peek.peek = true;
	look(balancer, flow, &peek, &outlook);
	verdict = choose(balancer, &outlook, flow, &peek);
	return score_of(balancer, &outlook, &verdict, usable_index(balancer, candidate));
}

static void tell_path(const struct path *path, char *text, size_t size)
{
	if (path->excluded_s > 0)
		snprintf(text, size, "excluded after %u failures, for %u s yet", path->failures, path->excluded_s);
	else if (path->doubtful)
		snprintf(text, size, "was excluded after %u failures, not seen to work since", path->failures);
	else if (path->us == 0 && path->failures == 0)
		snprintf(text, size, "not measured");
	else if (path->us == 0)
		snprintf(text, size, "not measured, %u failure%s", path->failures, path->failures == 1 ? "" : "s");
	else if (path->silent)
		snprintf(text, size, "%.1f ms, %u s ago, but silent now", path->us / 1000.0, path->age_s);
	else if (path->failures > 0)
		snprintf(text, size, "%.1f ms, %u s ago, %u failure%s since", path->us / 1000.0, path->age_s,
			path->failures, path->failures == 1 ? "" : "s");
	else
		snprintf(text, size, "%.1f ms, %u s ago%s", path->us / 1000.0, path->age_s,
			path->current ? ", the best so far" : "");
}

static void fastest_remark(const struct balancer *balancer, const struct candidate *candidate, const struct flow *flow,
	const struct pick_context *context, char *text, size_t size)
{
	struct pick_context peek = *context;
	size_t index = usable_index(balancer, candidate), length;
	struct outlook outlook;
	struct verdict verdict;

	peek.peek = true;
	look(balancer, flow, &peek, &outlook);
	if (outlook.destination == NULL) {
		snprintf(text, size, "not measured");
		return;
	}
	verdict = choose(balancer, &outlook, flow, &peek);
	length = (size_t)snprintf(text, size, "%s",
		verdict.way == TO_EXPLORE && verdict.index == index ? "explored: " : "");
	tell_path(&outlook.paths[index], text + length, size - length);
}

const struct algorithm_row fastest_algorithm = {
	.prepare = fastest_prepare,
	.pick = fastest_pick,
	.score = fastest_score,
	.scores = fastest_scores,
	.remark = fastest_remark,
};
