/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a verdict thread decided last: a ring that it overwrites and others read, for `uplinkctl why'. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/decide.h"

/* So many candidates have their score kept: the best. */
#define RECORD_SCORES 8

enum record_flag {
	RECORD_IPV6 = 1,
	RECORD_PORTS = 2,
	RECORD_DIRECT = 4,
	RECORD_STICKY = 8,
	RECORD_NONE_USABLE = 16,    /* of the policy's own links */
	RECORD_POLICY_REFUSES = 32, /* its action is drop or reject */
	RECORD_BALANCED = 64,       /* its balancer was asked: candidates tells whom */
	RECORD_FORWARDS = 128,      /* the destination becomes another */
};

/* In came_by: it did not come in by that link, but is of this machine and bound to it. */
#define RECORD_BOUND 128

/* Policies, links and classes are told by their numbers in marks, whose names depend on the generation. */
struct decision_record {
	uint64_t at_ms;                /* of the clock that decisions go by */
	/*
	 * Bit n: the link with id n. In both: it may be picked. Only a candidate: it is not usable. Only eligible: it is a
	 * reserve, for a better tier has one that may be picked.
	 */
	uint64_t candidates, eligible;
	uint8_t from[16], to[16];
	uint32_t generation;           /* of the snapshot that decided */
	uint32_t mark, device;
	uint16_t from_port, to_port;
	uint8_t protocol, dscp, came_by, flags; /* came_by with RECORD_BOUND: its socket had that link */
	uint8_t action : 2, tier : 6;  /* tier: of those that are eligible, from 1 */
	uint8_t algorithm;
	uint8_t nat;                   /* what becomes of the source: enum nat_kind */
	uint8_t score_count;
	uint8_t score_links[RECORD_SCORES]; /* ids */
	float scores[RECORD_SCORES];
};

/* Writes down what decide() said. */
void decision_record_fill(struct decision_record *record, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision, uint32_t mark, uint64_t now_ms);

/* The flow that it was about. */
struct flow decision_record_flow(const struct decision_record *record);

/* One writer, any readers; nobody waits. */
struct decision_ring;

/* room is a power of two. The caller frees it with decision_ring_free(). NULL: no memory. */
struct decision_ring *decision_ring_new(size_t room);

/* Accepts NULL. */
void decision_ring_free(struct decision_ring *ring);

/* The writer's side: the oldest gives way. */
void decision_ring_add(struct decision_ring *ring, const struct decision_record *record);

/*
 * Calls back for each record, the newest first, until the callback returns false. What is overwritten
 * meanwhile is left out. True where older ones have given way.
 */
bool decision_ring_read(const struct decision_ring *ring,
	bool (*callback)(const struct decision_record *record, void *data), void *data);
