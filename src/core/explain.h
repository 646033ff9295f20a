/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A decision with everything that led to it, as plain data: for `explain', for `why', and for tests of policies. */
#pragma once

#include "core/arena.h"
#include "core/decide.h"
#include "core/nat.h"

struct explained_link {
	const char *name;
	unsigned int tier;  /* from 1, the best; 0: the policy has but one, or it is not known */
	bool eligible;
	double score;       /* how the algorithm sees it; 0 where it is not eligible */
	const char *reason;
};

struct explanation {
	const char *policy;       /* NULL: none matched */
	enum action action;
	const char *link;         /* that it leaves by; NULL: by none of ours */
	bool balanced;            /* an algorithm was asked */
	enum algorithm algorithm;
	const char *reason;
	const char *nat;
	const char *qos;          /* class, or NULL where nothing is shaped */
	const char *limits;       /* in words, or NULL */
	struct explained_link *links;
	size_t link_count;
	const char **steps;
	size_t step_count;
	const char **hints;       /* about the question: what of it is odd */
	size_t hint_count;
};

/* Rows of steps and of hints that an explanation has room for. */
#define EXPLAIN_STEPS_MAX 128
#define EXPLAIN_HINTS_MAX 8

/*
 * Decides as a verdict thread would at now_ms, changes nothing, and says why. Texts live in the arena, in the
 * configuration, or for ever. Of very many policies that do not match only the first and the last are told. 0 or -ENOMEM.
 */
int explain(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow, uint64_t now_ms,
	struct explanation *ret_explanation);

/* An explanation with room for steps and hints, and nothing in it. 0 or -ENOMEM. */
int explanation_open(struct arena *arena, struct explanation *explanation);

/* Add a sentence; what has no room, or no memory, is left out. */
void explanation_step(struct arena *arena, struct explanation *explanation, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void explanation_hint(struct arena *arena, struct explanation *explanation, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The first step: where it comes from. link is the name of flow.came_by or flow.bound, or NULL. */
void explanation_origin(struct arena *arena, struct explanation *explanation, const struct flow *flow, const char *link);

/* What a decision was made of, as far as a reason needs it. */
struct explained_way {
	bool no_policy, from_link, bound, direct, sticky, by_packet;
	bool none_usable;    /* of the policy's own links */
	enum action action;  /* as decided */
	bool policy_refuses; /* the policy's own action is drop or reject */
};

const char *explain_reason(const struct explained_way *way);

/* best: tier of those that are eligible, from 1, for a candidate that is a reserve; 0: it is none. */
const char *explain_candidate(struct arena *arena, bool eligible, bool chosen, bool sticky, unsigned int best);

/* What becomes of the addresses, the link's part included where it leaves by one. Lists are shared, not copied. */
struct nat explain_nat(const struct snapshot *snapshot, const struct flow *flow, const struct decision *decision);

/* The same in words. NULL: no memory. */
const char *explain_nat_words(struct arena *arena, const struct snapshot *snapshot, const struct flow *flow,
	const struct decision *decision);

/* "at most 200 connections and 20 mbit per source; over it: drop"; NULL where nothing is limited. */
const char *explain_limits(struct arena *arena, const struct config *config, const struct limits *limits);
