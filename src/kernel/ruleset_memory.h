/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of a ruleset once it is applied: names and digests, enough to tell what another one changes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/ruleset_digest.h"

struct outline_chain {
	const struct chain *chain; /* in outline.ruleset, or in the ruleset itself */
	uint64_t digest;
};

struct outline_set {
	const struct ruleset_set *set;
	uint64_t digest;
};

/* Lists are sorted by name. */
struct outline {
	struct arena *arena;
	struct ruleset ruleset; /* without what is in chains and sets */
	uint32_t *uses;         /* of its chains, in the ruleset's order */
	struct outline_chain *chains;
	struct outline_set *sets;
};

/* NULL: no memory. The outline needs nothing of the ruleset afterwards. */
struct outline *outline_new(struct digester *digester, const struct ruleset *ruleset);

/* Accepts NULL. */
void outline_free(struct outline *outline);

/* NULL: there is none of that name. */
const struct outline_chain *outline_chain(const struct outline *outline, const char *name);
const struct outline_set *outline_set(const struct outline *outline, const char *name);
bool outline_counter(const struct outline *outline, const char *name);

/* Whether the kernel can turn one into the other without making it anew. */
bool chain_is_alike(const struct chain *a, const struct chain *b);
bool set_is_alike(const struct ruleset_set *a, const struct ruleset_set *b);
