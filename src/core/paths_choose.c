/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What those that decide read of a destination, and the few words that they write. */

#include "core/paths_parts.h"

#define SILENT_LEAST_MS 100u
#define SILENT_TIMES    3     /* the usual time */
#define SILENT_MOST_MS  8000u /* then the failures are known, or the answers were missed */
#define ASKED_MS        8000u
#define APART_MS        1000u
#define SHORTEST_S      30u
#define LONGEST_S       300u
#define PRICE           20u   /* connections for one sample, of a link that was as fast as the best */
#define SLOWER_MOST     4u

#define CREDIT_ONE      20u   /* five of a hundred */
#define CREDIT_MOST     (10 * CREDIT_ONE)
#define SPACING_MS      500u  /* two in a second */
#define BURST           2u

/* Threads go by moments that are a little apart; both wrap. */
static bool within(uint32_t then_ms, uint32_t now_ms, uint32_t length_ms)
{
	return now_ms - then_ms + APART_MS < length_ms + APART_MS;
}

static bool asked(const struct path_slot *slot, uint32_t now_ms)
{
	uint32_t asked_ms = get(slot->asked_ms);

	return asked_ms != 0 && within(asked_ms, now_ms, ASKED_MS);
}

/* As long as the first of those that wait may be without an answer, before anything is thought of it. */
static uint32_t patience_ms(const struct path_slot *slot)
{
	uint32_t usual_ms = get(slot->us) / 1000 * SILENT_TIMES;

	if (get(slot->failures) > 0)
		return 0;
	return usual_ms < SILENT_LEAST_MS ? SILENT_LEAST_MS : usual_ms;
}

/* Three have failed, or should have been answered long since. Failures are told only seconds later. */
static bool silent(const struct path_slot *slot, uint32_t now_ms)
{
	uint32_t past_ms = now_ms - get(slot->sent_ms), waiting = get(slot->waiting);

	return waiting > 0 && waiting + get(slot->failures) >= PATHS_FAILURES && past_ms >= patience_ms(slot)
	       && past_ms < SILENT_MOST_MS;
}

/* How many times slower it was than the best: the less does a sample promise. */
static uint32_t times_slower(const struct destination *destination, const struct path_slot *slot)
{
	int index = slot_find(destination, get(destination->current));
	uint32_t best_us = index < 0 ? 0 : get(destination->slots[index].us);
	uint32_t times = best_us == 0 ? 1 : get(slot->us) / best_us;

	return times < 1 ? 1 : times < SLOWER_MOST ? times : SLOWER_MOST;
}

static bool due(const struct path_slot *slot, uint32_t age_s)
{
	uint32_t interval_s = SHORTEST_S << get(slot->interval);

	return age_s > (interval_s < LONGEST_S ? interval_s : LONGEST_S);
}

/* Whether so many connections went there since the last sample that one of them is a cheap price for the next. */
static bool affordable(const struct destination *destination, const struct path_slot *slot, uint32_t age_s, uint32_t now_s)
{
	uint64_t since = (uint64_t)popularity_left(destination, now_s) * age_s / POPULARITY_S / POPULARITY_ONE;

	return since >= PRICE * times_slower(destination, slot);
}

void destination_path(const struct destination *destination, uint8_t link, uint64_t now_ms, struct path *ret_path)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000), until_s;
	int index = slot_find(destination, link);
	const struct path_slot *slot;

	*ret_path = (struct path){ .due = true, .stale = true };
	if (index < 0)
		return;
	slot = &destination->slots[index];
	until_s = get(slot->excluded_until_s);
	ret_path->us = get(slot->us);
	ret_path->age_s = seconds_since(get(slot->at_s), now_s);
	ret_path->excluded_s = until_s > now_s ? until_s - now_s : 0;
	ret_path->failures = get(slot->failures);
	ret_path->current = get(destination->current) == link;
	ret_path->doubtful = ret_path->failures >= PATHS_FAILURES && ret_path->excluded_s == 0;
	ret_path->silent = silent(slot, (uint32_t)now_ms);
	ret_path->stale = ret_path->doubtful || ret_path->us == 0 || get(slot->moved);
	ret_path->due = ret_path->stale || due(slot, ret_path->age_s);
	ret_path->stale |= ret_path->due && affordable(destination, slot, ret_path->age_s, now_s);
	ret_path->asked = asked(slot, (uint32_t)now_ms);
}

void destination_sent(struct destination *destination, uint8_t link, uint64_t now_ms)
{
	int index = slot_find(destination, link);
	struct path_slot *slot;
	uint16_t waiting;

	if (index < 0)
		return;
	slot = &destination->slots[index];
	waiting = get(slot->waiting);
	/* What waited so long ago has failed, or its answer was missed. Two threads at once: one counts less. */
	if (waiting == 0 || !within(get(slot->sent_ms), (uint32_t)now_ms, SILENT_MOST_MS)) {
		put(slot->sent_ms, (uint32_t)now_ms);
		put(slot->waiting, 1);
	} else if (waiting < UINT16_MAX / 2) {
		atomic_fetch_add_explicit(&slot->waiting, 1, memory_order_relaxed);
	}
}

void paths_count(struct paths *paths)
{
	atomic_fetch_add_explicit(&paths->connections, 1, memory_order_relaxed);
	if (get(paths->credit) < CREDIT_MOST)
		atomic_fetch_add_explicit(&paths->credit, 1, memory_order_relaxed);
}

/* A bucket of two that fills by two in a second, kept as the time when it is full (GCRA). */
static bool in_time(uint64_t next_ms, uint64_t now_ms)
{
	return next_ms <= now_ms + (BURST - 1) * SPACING_MS;
}

bool paths_affordable(const struct paths *paths, uint64_t now_ms)
{
	return get(paths->credit) >= CREDIT_ONE && in_time(get(paths->next_ms), now_ms);
}

static bool take_time(struct paths *paths, uint64_t now_ms)
{
	uint64_t next_ms = get(paths->next_ms);

	while (in_time(next_ms, now_ms)) {
		uint64_t from_ms = next_ms > now_ms ? next_ms : now_ms;

		if (atomic_compare_exchange_weak_explicit(&paths->next_ms, &next_ms, from_ms + SPACING_MS,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	}
	return false;
}

static bool take_credit(struct paths *paths)
{
	uint32_t credit = get(paths->credit);

	while (credit >= CREDIT_ONE) {
		if (atomic_compare_exchange_weak_explicit(&paths->credit, &credit, credit - CREDIT_ONE,
			    memory_order_relaxed, memory_order_relaxed))
			return true;
	}
	return false;
}

/* Of all that want to ask the slot at once one succeeds. */
static bool ask(struct path_slot *slot, uint32_t now_ms)
{
	uint32_t before = get(slot->asked_ms);

	return !asked(slot, now_ms)
	       && atomic_compare_exchange_strong_explicit(&slot->asked_ms, &before, now_ms == 0 ? 1 : now_ms,
		       memory_order_relaxed, memory_order_relaxed);
}

bool destination_ask(struct destination *destination, uint8_t link, uint64_t now_ms)
{
	struct path_slot *slot = slot_claim(destination, link);

	return slot != NULL && ask(slot, (uint32_t)now_ms);
}

bool paths_explore(struct paths *paths, struct destination *destination, uint8_t link, uint64_t now_ms)
{
	struct path_slot *slot = slot_claim(destination, link);

	if (slot == NULL || asked(slot, (uint32_t)now_ms) || !take_credit(paths))
		return false;
	if (!take_time(paths, now_ms) || !ask(slot, (uint32_t)now_ms)) {
		atomic_fetch_add_explicit(&paths->credit, CREDIT_ONE, memory_order_relaxed);
		return false;
	}
	atomic_fetch_add_explicit(&paths->explored, 1, memory_order_relaxed);
	return true;
}

void paths_spent(const struct paths *paths, uint64_t *ret_connections, uint64_t *ret_explored)
{
	*ret_connections = get(paths->connections);
	*ret_explored = get(paths->explored);
}
