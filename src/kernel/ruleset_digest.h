/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains and sets in short: equal digests, equal content. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"
#include "core/siphash.h"

/* Reused from one digest to the next; digester_free() in every case. */
struct digester {
	struct hash_key key;
	uint8_t *bytes;
	size_t used, room;
	bool failed; /* no memory: digests are worth nothing */
};

/* A random key: nobody can aim at equal digests. 0 or -errno. */
int digester_init(struct digester *digester);
void digester_free(struct digester *digester);

/* Its rules. */
uint64_t digest_chain(struct digester *digester, const struct chain *chain);

/* What the ruleset says that is in it. */
uint64_t digest_set(struct digester *digester, const struct ruleset_set *set);
