/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of an address or of another trait of a flow, each fact once. */

#include "core/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A network of a set adds the same fact to the same surroundings as its neighbours. */
#define UNIONS_KEPT 4096

int facts_open(struct facts *facts, struct bit_vectors *vectors)
{
	static const struct fact_numbers nothing;

	*facts = (struct facts){ .vectors = vectors };
	intern_open(&facts->intern, sizeof(struct fact_numbers));
	facts->unions = calloc(UNIONS_KEPT, sizeof(*facts->unions));
	facts_put(facts, &nothing);
	return facts->unions == NULL || facts->intern.failed ? -ENOMEM : 0;
}

void facts_close(struct facts *facts)
{
	intern_close(&facts->intern);
	free(facts->unions);
}

uint32_t facts_put(struct facts *facts, const struct fact_numbers *fact)
{
	return intern_put(&facts->intern, fact);
}

static uint32_t unite(struct facts *facts, uint32_t number_a, uint32_t number_b)
{
	struct fact_numbers a, b;

	memcpy(&a, intern_get(&facts->intern, number_a), sizeof(a));
	memcpy(&b, intern_get(&facts->intern, number_b), sizeof(b));
	a.named = bit_vectors_union(facts->vectors, a.named, b.named);
	a.excluded = bit_vectors_union(facts->vectors, a.excluded, b.excluded);
	a.forwarding = bit_vectors_union(facts->vectors, a.forwarding, b.forwarding);
	a.zones |= b.zones;
	a.flags |= b.flags;
	return facts_put(facts, &a);
}

uint32_t facts_union(struct facts *facts, uint32_t a, uint32_t b)
{
	struct fact_union *known = &facts->unions[(a * 0x9e3779b1u ^ b * 0x85ebca6bu) >> 8 & (UNIONS_KEPT - 1)];

	if (a == b || b == 0)
		return a;
	if (a == 0)
		return b;
	if (known->a != a || known->b != b)
		*known = (struct fact_union){ a, b, unite(facts, a, b) };
	return known->both;
}
