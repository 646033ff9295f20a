/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a handshake teaches of a destination. */

#include <string.h>

#include "core/paths_parts.h"

#define LONGEST_US      10000000u
#define FAILURES_S      600   /* since the last one: then it is no row any more */
#define EXCLUDED_S      30
#define EXCLUDED_MAX_S  600
#define INTERVAL_MOST   4     /* doublings of 30 s, where the longest of 300 s is reached */
#define HALF_MS         5000u /* between two samples, after which the old one has half the weight */
#define LEAST_WEIGHT    32    /* of a sample, in 256ths */
#define HYSTERESIS      85    /* percent: only who is below is better */
#define MOVED_PERCENT   30
#define ROUNDING_MS     5

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define QUIC_PORT    443

bool paths_learns(uint8_t protocol, uint16_t to_port)
{
	return protocol == PROTOCOL_TCP || (protocol == PROTOCOL_UDP && to_port == QUIC_PORT);
}

/* Of a burst a mean, for each alone is noise; of what is further apart nearly the last alone. */
static uint32_t smooth(uint32_t before, uint32_t now, uint32_t past_ms)
{
	uint32_t weight = (uint32_t)(256ull * past_ms / (past_ms + HALF_MS));

	weight = weight < LEAST_WEIGHT ? LEAST_WEIGHT : weight;
	return (uint32_t)(((uint64_t)before * (256 - weight) + (uint64_t)now * weight) / 256);
}

static uint32_t percent_off(uint32_t a, uint32_t b)
{
	uint32_t difference = a > b ? a - b : b - a;

	return (uint32_t)(100ull * difference / (b == 0 ? 1 : b));
}

/* The way to there has changed by one link: what is known by the others may be as old. */
static void others_moved(struct destination *destination, const struct path_slot *slot)
{
	for (size_t i = 0; i < PATHS_LINKS; i++) {
		put(destination->slots[i].interval, 0);
		if (&destination->slots[i] != slot && get(destination->slots[i].us) > 0)
			put(destination->slots[i].moved, true);
	}
}

static uint32_t interval_s(uint8_t doublings)
{
	return doublings >= INTERVAL_MOST ? 300 : 30u << doublings;
}

/* Where a link that is not used turns out as it was, it is asked half as often. */
static void stretch(struct path_slot *slot, uint32_t age_s)
{
	if (age_s > interval_s(get(slot->interval)) && get(slot->interval) < INTERVAL_MOST)
		put(slot->interval, (uint8_t)(get(slot->interval) + 1));
}

static void learn_time(struct destination *destination, struct path_slot *slot, uint32_t us, uint32_t now_s, bool used)
{
	uint32_t before = get(slot->us), age_s = seconds_since(get(slot->at_s), now_s);

	us = before == 0 ? us : smooth(before, us, age_s * 1000);
	put(slot->us, us);
	put(slot->at_s, now_s);
	if (get(slot->settled_us) == 0) {
		put(slot->settled_us, us);
	} else if (percent_off(us, get(slot->settled_us)) > MOVED_PERCENT) {
		put(slot->settled_us, us);
		if (used)
			others_moved(destination, slot);
	} else if (!used) {
		stretch(slot, age_s);
	}
	put(slot->moved, false);
}

/* An answer to what was sent before the first of those that wait says nothing about them. */
static bool answers_waiting(const struct path_slot *slot, const struct handshake *handshake)
{
	uint32_t sent_ms = (uint32_t)(handshake->at_ms - handshake->us / 1000);

	return (int32_t)(sent_ms + ROUNDING_MS - get(slot->sent_ms)) >= 0;
}

static void learn_answer(struct destination *destination, struct path_slot *slot, const struct handshake *handshake,
	bool congested)
{
	uint32_t now_s = (uint32_t)(handshake->at_ms / 1000);

	if (answers_waiting(slot, handshake))
		put(slot->waiting, 0);
	put(slot->failures, 0);
	put(slot->exclusions, 0);
	put(slot->excluded_until_s, 0);
	put(slot->asked_ms, 0);
	/* An answer without a time tells that the way is not dark, and no more. */
	if (handshake->us > 0 && (!congested || get(slot->us) == 0))
		learn_time(destination, slot, handshake->us, now_s, get(destination->current) == handshake->link);
}

/* Three in a row without an answer between, or one after it had been left alone. */
static void learn_failure(struct path_slot *slot, uint32_t now_s)
{
	uint32_t length = EXCLUDED_S;

	if (get(slot->waiting) > 0)
		atomic_fetch_sub_explicit(&slot->waiting, 1, memory_order_relaxed);
	if (now_s < get(slot->excluded_until_s))
		return;
	if (get(slot->exclusions) == 0 && seconds_since(get(slot->failed_at_s), now_s) > FAILURES_S)
		put(slot->failures, 0);
	put(slot->failed_at_s, now_s);
	if (get(slot->failures) < UINT8_MAX)
		put(slot->failures, (uint8_t)(get(slot->failures) + 1));
	if (get(slot->failures) < PATHS_FAILURES)
		return;
	for (uint8_t i = 0; i < get(slot->exclusions) && length < EXCLUDED_MAX_S; i++)
		length *= 2;
	put(slot->excluded_until_s, now_s + (length < EXCLUDED_MAX_S ? length : EXCLUDED_MAX_S));
	if (get(slot->exclusions) < UINT8_MAX)
		put(slot->exclusions, (uint8_t)(get(slot->exclusions) + 1));
	put(slot->waiting, 0);
}

/* Time with what failures add to it; 0: no way to go. */
static uint64_t cost(const struct path_slot *slot)
{
	uint8_t failures = get(slot->failures);

	return failures >= PATHS_FAILURES ? 0 : (uint64_t)get(slot->us) * (1 + failures);
}

void destination_settle(struct destination *destination, uint32_t now_s)
{
	uint64_t links = get(destination->links), best_cost = 0, current_cost = 0;
	uint8_t current = get(destination->current), best = 0;

	for (size_t i = 0; i < PATHS_LINKS; i++) {
		uint8_t link = (uint8_t)(links >> 8 * i);
		uint64_t its = link == 0 ? 0 : cost(&destination->slots[i]);

		if (link != 0 && link == current)
			current_cost = its;
		if (its > 0 && (best == 0 || its < best_cost)) {
			best = link;
			best_cost = its;
		}
	}
	if (best == current || (current_cost > 0 && best_cost * 100 >= current_cost * HYSTERESIS))
		return;
	put(destination->current, best);
	put(destination->current_since_s, now_s);
	for (size_t i = 0; i < PATHS_LINKS; i++)
		put(destination->slots[i].interval, 0);
}

/* The slot of a link for which there is no room: what was learnt longest ago gives way. */
static struct path_slot *slot_take(struct destination *destination, uint8_t link, uint32_t now_s)
{
	struct path_slot *slot = slot_claim(destination, link);
	size_t oldest = 0;

	if (slot != NULL)
		return slot;
	for (size_t i = 1; i < PATHS_LINKS; i++) {
		if (now_s - get(destination->slots[i].at_s) > now_s - get(destination->slots[oldest].at_s))
			oldest = i;
	}
	slot_clear(&destination->slots[oldest]);
	atomic_fetch_and_explicit(&destination->links, ~(0xffull << 8 * oldest), memory_order_relaxed);
	return slot_claim(destination, link);
}

static void learn(struct paths *paths, struct destination *destination, const struct handshake *handshake,
	const struct loads *loads)
{
	uint32_t now_s = (uint32_t)(handshake->at_ms / 1000);
	struct path_slot *slot = slot_take(destination, handshake->link, now_s);

	if (slot == NULL)
		return;
	if (handshake->answered)
		learn_answer(destination, slot, handshake, get(loads_of(loads, handshake->link)->congested));
	else
		learn_failure(slot, now_s);
	if (handshake->protocol == PROTOCOL_TCP && handshake->answered) {
		host_keep(destination, &handshake->to);
		put(destination->port, handshake->to_port);
	}
	destination_settle(destination, now_s);
	put(paths->learnt, get(paths->learnt) + 1);
}

static bool worth(const struct handshake *handshake)
{
	return paths_learns(handshake->protocol, handshake->to_port) && handshake->link > 0
	       && handshake->link <= MARK_LINK_MAX
	       && (!handshake->answered || handshake->us <= LONGEST_US);
}

void paths_sample(struct paths *paths, const struct handshake *handshake, const struct loads *loads)
{
	uint32_t now_s = (uint32_t)(handshake->at_ms / 1000);
	struct destination *destination;

	if (!worth(handshake))
		return;
	paths_lock(paths);
	destination = paths_place(paths, prefix_of(&handshake->to), now_s);
	popularity_add(destination, now_s);
	learn(paths, destination, handshake, loads);
	paths_unlock(paths);
}

void paths_probed(struct paths *paths, const struct handshake *handshake, const struct loads *loads)
{
	struct destination *destination;

	if (!worth(handshake))
		return;
	paths_lock(paths);
	destination = paths_find(paths, &handshake->to, handshake->at_ms);
	if (destination != NULL)
		learn(paths, destination, handshake, loads);
	paths_unlock(paths);
}

static void forget_in(struct destination *destination, uint8_t link)
{
	int index = slot_find(destination, link);

	if (index < 0)
		return;
	slot_clear(&destination->slots[index]);
	atomic_fetch_and_explicit(&destination->links, ~(0xffull << 8 * index), memory_order_relaxed);
	if (get(destination->current) == link) {
		put(destination->current, 0);
		destination_settle(destination, get(destination->popular_at_s));
	}
}

void paths_forget_link(struct paths *paths, uint8_t link)
{
	paths_lock(paths);
	for (size_t i = 0; i < paths->groups * WAYS; i++) {
		if (get(paths->tags[i]) != NO_TAG)
			forget_in(&paths->destinations[i], link);
	}
	paths_unlock(paths);
}
