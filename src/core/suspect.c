/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Suspicion from real traffic: which link to accuse, and how long it stays suspect. */

#include "core/suspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"

#define ROW         64 /* a power of two, above SUSPECT_ROW_MOST */
#define SPANS       4
#define SPAN_US     500000ull
#define CHANCE      1e-6
#define OFTEN       0.95 /* no share of failures is taken for more than that */

/* So many answers of others, at least, and of what began there at least every second, say that they are answered. */
#define OTHERS_LEAST 3

/* Weights of a new figure: of the usual time, of the share of failures. */
#define USUAL_WEIGHT 8
#define FAILING_WEIGHT 64

struct attempt {
	struct flow flow;
	uint64_t at_us;
};

struct span {
	uint64_t number; /* of half seconds since the clock's start */
	uint32_t begun, answered;
};

struct suspect_link {
	struct attempt row[ROW]; /* since the last answer, the newest */
	size_t next, count;
	uint32_t usual_us;       /* 0: not known */
	double failing;          /* share of failures, as it has been for long */
	struct span spans[SPANS];
};

struct suspects {
	struct suspect_link links[MARK_LINK_MAX + 1];
};

struct suspects *suspects_new(void)
{
	return calloc(1, sizeof(struct suspects));
}

void suspects_free(struct suspects *suspects)
{
	free(suspects);
}

static struct span *span_at(struct suspect_link *link, uint64_t at_us)
{
	struct span *span = &link->spans[at_us / SPAN_US % SPANS];

	if (span->number != at_us / SPAN_US)
		*span = (struct span){ .number = at_us / SPAN_US };
	return span;
}

void suspects_begun(struct suspects *suspects, uint8_t link, const struct flow *flow, uint64_t at_us)
{
	struct suspect_link *at = &suspects->links[link];

	at->row[at->next] = (struct attempt){ *flow, at_us };
	at->next = (at->next + 1) % ROW;
	at->count += at->count < ROW;
	span_at(at, at_us)->begun++;
}

void suspects_answered(struct suspects *suspects, uint8_t link, uint32_t us, uint64_t at_us)
{
	struct suspect_link *at = &suspects->links[link];

	at->count = 0;
	at->failing -= at->failing / FAILING_WEIGHT;
	span_at(at, at_us)->answered++;
	if (us != 0)
		at->usual_us = at->usual_us == 0 ? us : (uint32_t)(((uint64_t)at->usual_us * (USUAL_WEIGHT - 1) + us) / USUAL_WEIGHT);
}

void suspects_failed(struct suspects *suspects, uint8_t link)
{
	struct suspect_link *at = &suspects->links[link];

	at->failing += (1 - at->failing) / FAILING_WEIGHT;
}

void suspects_forget(struct suspects *suspects, uint8_t link)
{
	for (unsigned int i = link == 0 ? 1 : link; i <= (link == 0 ? MARK_LINK_MAX : link); i++)
		suspects->links[i].count = 0;
}

static uint64_t patience_us(const struct suspect_link *link)
{
	uint64_t us = 4 * (uint64_t)link->usual_us;

	if (link->usual_us == 0 || us > SUSPECT_PATIENCE_MOST_MS * 1000ull)
		return SUSPECT_PATIENCE_MOST_MS * 1000ull;
	return us < SUSPECT_PATIENCE_LEAST_MS * 1000ull ? SUSPECT_PATIENCE_LEAST_MS * 1000ull : us;
}

/* Of the last two seconds. */
static struct span lately(const struct suspect_link *link, uint64_t now_us)
{
	struct span sum = { .number = now_us / SPAN_US };

	for (int i = 0; i < SPANS; i++) {
		if (sum.number - link->spans[i].number >= SPANS)
			continue;
		sum.begun += link->spans[i].begun;
		sum.answered += link->spans[i].answered;
	}
	return sum;
}

/* What of that link's connections fails lately: those that are too young for an answer count, too. */
static double share_failing(const struct span *span)
{
	return span->begun <= span->answered ? 0 : 1 - (double)span->answered / span->begun;
}

enum others {
	OTHERS_IDLE,
	OTHERS_SILENT,
	OTHERS_ANSWER,
};

/* What becomes of connections on the other links lately, and the least share that fails where they are answered. */
static enum others look_at_others(const struct suspects *suspects, unsigned int link, uint64_t now_us, double *ret_failing)
{
	enum others others = OTHERS_IDLE;

	*ret_failing = 0;
	for (unsigned int i = 1; i <= MARK_LINK_MAX; i++) {
		struct span span = lately(&suspects->links[i], now_us);
		bool answer = span.answered >= OTHERS_LEAST && span.answered * 2 >= span.begun;

		if (i == link || span.begun < OTHERS_LEAST || (!answer && others == OTHERS_ANSWER))
			continue;
		if (answer && (others != OTHERS_ANSWER || share_failing(&span) < *ret_failing))
			*ret_failing = share_failing(&span);
		others = answer ? OTHERS_ANSWER : OTHERS_SILENT;
	}
	return others;
}

/* The n for which failing ^ n < CHANCE: where every connection fails so often by itself, a row is chance so seldom. */
static size_t row_needed(double failing)
{
	double needed;

	if (failing > OFTEN)
		failing = OFTEN;
	if (failing < 1e-3)
		return SUSPECT_ROW_LEAST;
	needed = log(CHANCE) / log(failing);
	if (needed < SUSPECT_ROW_LEAST)
		return SUSPECT_ROW_LEAST;
	return needed > SUSPECT_ROW_MOST ? SUSPECT_ROW_MOST : (size_t)needed + 1;
}

static size_t site_bytes(enum family family)
{
	return family == IPV4 ? 3 : 6;
}

static bool same_site(const struct flow *a, const struct flow *b)
{
	return a->family == b->family && memcmp(a->to.bytes, b->to.bytes, site_bytes(a->family)) == 0;
}

static size_t count_sites(const struct accusation *accusation)
{
	size_t count = 0;

	for (size_t i = 0; i < accusation->flow_count; i++) {
		size_t j = 0;

		while (j < i && !same_site(&accusation->flows[i], &accusation->flows[j]))
			j++;
		count += j == i;
	}
	return count;
}

/* Those of the row that have waited long enough, the newest of them first. */
static void gather(const struct suspect_link *link, uint64_t now_us, struct accusation *accusation)
{
	uint64_t patience = patience_us(link);

	accusation->patience_ms = (uint32_t)(patience / 1000);
	for (size_t i = 1; i <= link->count; i++) {
		const struct attempt *attempt = &link->row[(link->next + ROW - i) % ROW];

		if (now_us - attempt->at_us < patience)
			continue;
		if (now_us - attempt->at_us > SUSPECT_MEMORY_MS * 1000ull)
			break;
		if (accusation->flow_count < SUSPECT_ROW_MOST)
			accusation->flows[accusation->flow_count++] = attempt->flow;
		accusation->count++;
	}
	accusation->sites = count_sites(accusation);
}

enum verdict suspects_judge(struct suspects *suspects, uint64_t now_us, struct accusation *ret_accusation)
{
	for (unsigned int i = 1; i <= MARK_LINK_MAX; i++) {
		const struct suspect_link *link = &suspects->links[i];
		enum others others;
		double failing;

		if (link->count < SUSPECT_ROW_LEAST)
			continue;
		*ret_accusation = (struct accusation){ .link = (uint8_t)i };
		gather(link, now_us, ret_accusation);
		others = look_at_others(suspects, i, now_us, &failing);
		if (failing < link->failing)
			failing = link->failing;
		if (ret_accusation->count < row_needed(failing) || ret_accusation->sites < SUSPECT_SITES)
			continue;
		ret_accusation->verdict = others == OTHERS_SILENT ? SUSPECT_PERHAPS : SUSPECT_LINK;
		return ret_accusation->verdict;
	}
	return SUSPECT_NONE;
}

bool suspicion_accuse(struct suspicion *suspicion, enum verdict verdict, uint32_t answered, uint64_t now_ms)
{
	if (verdict <= suspicion->verdict)
		return false;
	suspicion->good_rounds = 0;
	suspicion->answered_before = answered;
	suspicion->since_ms = now_ms;
	suspicion->verdict = verdict;
	suspicion->hold_ms = SUSPICION_HOLD_LEAST_MS;
	/* A look alone lengthens nothing. */
	if (verdict == SUSPECT_PERHAPS)
		return true;
	if (suspicion->last_hold_ms != 0 && now_ms - suspicion->ended_ms <= SUSPICION_CALM_MS)
		suspicion->hold_ms = suspicion->last_hold_ms > SUSPICION_HOLD_MOST_MS / 2 ? SUSPICION_HOLD_MOST_MS
											  : suspicion->last_hold_ms * 2;
	suspicion->last_hold_ms = suspicion->hold_ms;
	return true;
}

void suspicion_round(struct suspicion *suspicion, bool answered)
{
	suspicion->good_rounds = answered ? suspicion->good_rounds + 1 : 0;
}

bool suspicion_over(struct suspicion *suspicion, bool has_checks, uint32_t answered, uint64_t now_ms)
{
	bool answers = !has_checks || suspicion->good_rounds >= SUSPICION_ROUNDS
		       || answered - suspicion->answered_before >= SUSPICION_CONNECTIONS;

	if (suspicion->verdict == SUSPECT_NONE || !answers || now_ms - suspicion->since_ms < suspicion->hold_ms)
		return false;
	suspicion_drop(suspicion, now_ms);
	return true;
}

void suspicion_drop(struct suspicion *suspicion, uint64_t now_ms)
{
	if (suspicion->verdict == SUSPECT_NONE)
		return;
	if (suspicion->verdict == SUSPECT_LINK)
		suspicion->ended_ms = now_ms;
	suspicion->verdict = SUSPECT_NONE;
}
