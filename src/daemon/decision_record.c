/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict thread decided last: a ring that it overwrites and others read, for `uplinkctl why'. */

#include "daemon/decision_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/explain.h"

#define WORDS (sizeof(struct decision_record) / sizeof(uint64_t))

_Static_assert(sizeof(struct decision_record) % sizeof(uint64_t) == 0, "a record is whole words");

/* sequence is 2 * ticket + 2 where the slot holds that ticket's record, odd while it is written. */
struct slot {
	_Atomic uint64_t sequence;
	_Atomic uint64_t words[WORDS];
};

_Static_assert(sizeof(struct slot) == 128, "two lines of the cache");

struct decision_ring {
	struct slot *slots; /* mapped: pages that were never written take no memory */
	size_t room;
	_Atomic uint64_t written;
};

struct decision_ring *decision_ring_new(size_t room)
{
	struct decision_ring *ring = calloc(1, sizeof(*ring));
	void *pages;

	if (ring == NULL)
		return NULL;
	pages = mmap(NULL, room * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		free(ring);
		return NULL;
	}
	ring->slots = pages;
	ring->room = room;
	return ring;
}

void decision_ring_free(struct decision_ring *ring)
{
	if (ring == NULL)
		return;
	munmap(ring->slots, ring->room * sizeof(struct slot));
	free(ring);
}

/* A sequence lock with atomic words, after Boehm, "Can seqlocks get along with programming language memory models?" (2012). */
void decision_ring_add(struct decision_ring *ring, const struct decision_record *record)
{
	uint64_t ticket = atomic_load_explicit(&ring->written, memory_order_relaxed), words[WORDS];
	struct slot *slot = &ring->slots[ticket & (ring->room - 1)];

	memcpy(words, record, sizeof(words));
	atomic_store_explicit(&slot->sequence, 2 * ticket + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < WORDS; i++)
		atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&slot->sequence, 2 * ticket + 2, memory_order_release);
	atomic_store_explicit(&ring->written, ticket + 1, memory_order_release);
}

static bool read_slot(const struct slot *slot, uint64_t ticket, struct decision_record *ret_record)
{
	uint64_t words[WORDS];

	if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != 2 * ticket + 2)
		return false;
	for (size_t i = 0; i < WORDS; i++)
		words[i] = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&slot->sequence, memory_order_relaxed) != 2 * ticket + 2)
		return false;
	memcpy(ret_record, words, sizeof(words));
	return true;
}

bool decision_ring_read(const struct decision_ring *ring,
	bool (*callback)(const struct decision_record *record, void *data), void *data)
{
	uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
	uint64_t first = written > ring->room ? written - ring->room : 0;
	struct decision_record record;

	for (uint64_t ticket = written; ticket > first; ticket--) {
		if (!read_slot(&ring->slots[(ticket - 1) & (ring->room - 1)], ticket - 1, &record))
			continue;
		if (!callback(&record, data))
			break;
	}
	return first > 0;
}

/* Puts a score among the best, which stand in the order in which they came; a full list gives up its lowest. */
static void keep_score(struct decision_record *record, uint8_t link, float score)
{
	uint8_t lowest = 0;

	if (record->score_count < RECORD_SCORES) {
		record->score_links[record->score_count] = link;
		record->scores[record->score_count++] = score;
		return;
	}
	for (uint8_t i = 1; i < RECORD_SCORES; i++) {
		if (record->scores[i] < record->scores[lowest])
			lowest = i;
	}
	if (score <= record->scores[lowest])
		return;
	record->score_links[lowest] = link;
	record->scores[lowest] = score;
}

static void fill_candidates(struct decision_record *record, const struct snapshot *snapshot, const struct flow *flow,
	const struct balancer *balancer)
{
	struct decide_context moment = { .now_ms = record->at_ms, .peek = true };
	struct pick_context context = snapshot_context(snapshot, &moment);
	const struct candidate *candidates;
	double scores[CONFIG_LINKS_MAX];
	size_t count;

	if ((record->flags & (RECORD_STICKY | RECORD_NONE_USABLE)) == 0)
		context.picked = (uint8_t)mark_link(snapshot->layout, record->mark);
	record->flags |= RECORD_BALANCED;
	candidates = balancer_candidates(balancer, &count);
	balancer_scores(balancer, flow, &context, scores);
	for (size_t i = 0; i < count; i++) {
		record->candidates |= (uint64_t)!candidates[i].reserve << candidates[i].id;
		record->eligible |= (uint64_t)candidates[i].reserve << candidates[i].id;
		if (!candidates[i].usable)
			continue;
		record->eligible |= 1ull << candidates[i].id;
		record->tier = (candidates[i].tier + 1u) & 0x3f;
		keep_score(record, candidates[i].id, (float)scores[i]);
	}
}

static uint8_t flags_of(const struct flow *flow, const struct decision *decision)
{
	return (uint8_t)((flow->family == IPV6 ? RECORD_IPV6 : 0) | (flow->ports ? RECORD_PORTS : 0)
			 | (flow->direct ? RECORD_DIRECT : 0) | (decision->sticky ? RECORD_STICKY : 0)
			 | (decision->none_usable ? RECORD_NONE_USABLE : 0));
}

static void fill_nat(struct decision_record *record, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision)
{
	struct nat nat = explain_nat(snapshot, flow, decision);

	record->nat = (uint8_t)nat.kind[flow->family];
	if (nat.forwards[flow->family])
		record->flags |= RECORD_FORWARDS;
}

static void fill_policy(struct decision_record *record, const struct snapshot *snapshot, const struct flow *flow,
	size_t index)
{
	const struct policy *policy = &snapshot->config->policies[index];

	record->algorithm = (uint8_t)policy->balance.algorithm;
	if (policy->action != ACTION_ALLOW)
		record->flags |= RECORD_POLICY_REFUSES;
	else if (flow->came_by == 0 && flow->bound == 0 && !flow->direct)
		fill_candidates(record, snapshot, flow, snapshot_balancer(snapshot, index, flow->family));
}

void decision_record_fill(struct decision_record *record, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision, uint32_t mark, uint64_t now_ms)
{
	*record = (struct decision_record){
		.at_ms = now_ms,
		.generation = snapshot->generation,
		.mark = mark,
		.device = flow->device,
		.from_port = flow->from_port,
		.to_port = flow->to_port,
		.protocol = flow->protocol,
		.dscp = flow->dscp,
		.came_by = (uint8_t)(flow->bound != 0 ? RECORD_BOUND | flow->bound : flow->came_by),
		.flags = flags_of(flow, decision),
		.action = (uint8_t)decision->action,
	};
	memcpy(record->from, flow->from.bytes, sizeof(record->from));
	memcpy(record->to, flow->to.bytes, sizeof(record->to));
	fill_nat(record, snapshot, flow, decision);
	if (decision->policy != NO_POLICY)
		fill_policy(record, snapshot, flow, decision->policy);
}

struct flow decision_record_flow(const struct decision_record *record)
{
	enum family family = (record->flags & RECORD_IPV6) != 0 ? IPV6 : IPV4;
	bool bound = (record->came_by & RECORD_BOUND) != 0;
	struct flow flow = {
		.family = family,
		.protocol = record->protocol,
		.ports = (record->flags & RECORD_PORTS) != 0,
		.from = { .family = family },
		.to = { .family = family },
		.from_port = record->from_port,
		.to_port = record->to_port,
		.dscp = record->dscp,
		.device = record->device,
		.came_by = bound ? 0 : record->came_by,
		.bound = bound ? record->came_by & ~RECORD_BOUND & 0xffu : 0,
		.direct = (record->flags & RECORD_DIRECT) != 0,
	};

	memcpy(flow.from.bytes, record->from, sizeof(record->from));
	memcpy(flow.to.bytes, record->to, sizeof(record->to));
	return flow;
}
