/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of an address or of another trait of a flow, each fact once. */
#pragma once

#include <stdint.h>

#include "core/bit_vectors.h"

/*
 * A fact is what is known of an address or of another trait of a flow: the bits that name it, the bits
 * that exclude it, and marks of the caller. Facts have numbers while maps are made; fact 0 says nothing.
 */
struct fact_numbers {
	uint32_t named, excluded; /* vectors */
	uint32_t forwarding;      /* vector: of a destination, those that then name its source too */
	uint32_t unused;          /* no padding, for equal facts are equal bytes */
	uint64_t zones;
	uint64_t flags;
};

struct facts {
	struct bit_vectors *vectors;
	struct intern intern; /* struct fact_numbers */
	struct fact_union {
		uint32_t a, b, both;
	} *unions;            /* what was united lately */
};

/* 0 or -ENOMEM. Close it in any case. */
int facts_open(struct facts *facts, struct bit_vectors *vectors);
void facts_close(struct facts *facts);
uint32_t facts_put(struct facts *facts, const struct fact_numbers *fact);

/* Number of the fact that says all that both say. */
uint32_t facts_union(struct facts *facts, uint32_t a, uint32_t b);
