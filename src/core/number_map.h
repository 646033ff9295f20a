/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a small number, as a port or a protocol, to the vector of those who accept it. */
#pragma once

#include <stdint.h>

#include "core/bit_vectors.h"

/* Where nobody is choosy there are no vectors by value, and the field need not be looked at. */
struct number_map {
	uint32_t *vectors; /* by value; in the arena, or NULL */
	uint32_t easy;     /* those who accept every value, also where a flow has none */
};

/* While one is made. */
struct number_map_build {
	struct bit_vectors *vectors;
	uint32_t values;      /* 0 to values - 1 */
	struct range_end {
		uint32_t value;   /* first of the range, or the one behind its last */
		uint32_t bit;
		bool ends;
	} *ends;
	size_t count, room;
	uint32_t *depths;     /* by bit: ranges that are open */
	bool *choosy;         /* by bit */
	bool failed;
};

/* Of bits bits. 0 or -ENOMEM. Close it in any case. */
int number_map_open(struct number_map_build *build, struct bit_vectors *vectors, size_t bits, uint32_t values);
void number_map_close(struct number_map_build *build);

/* The bit accepts the values first to last, and no others but those of further calls. Ranges may overlap. */
void number_map_add(struct number_map_build *build, size_t bit, uint32_t first, uint32_t last);

/* 0, or -ENOMEM also where there was none before. */
int number_map_make(struct number_map_build *build, size_t bits, struct arena *arena, struct number_map *ret_map);
