/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a small number, as a port or a protocol, to the vector of those who accept it. */

#include "core/number_map.h"

#include <errno.h>
#include <stdlib.h>

int number_map_open(struct number_map_build *build, struct bit_vectors *vectors, size_t bits, uint32_t values)
{
	*build = (struct number_map_build){ .vectors = vectors, .values = values };
	build->depths = calloc(bits + 1, sizeof(*build->depths));
	build->choosy = calloc(bits + 1, sizeof(*build->choosy));
	return build->depths == NULL || build->choosy == NULL ? -ENOMEM : 0;
}

void number_map_close(struct number_map_build *build)
{
	free(build->ends);
	free(build->depths);
	free(build->choosy);
}

static void add_end(struct number_map_build *build, struct range_end end)
{
	if (build->count == build->room) {
		size_t room = build->room == 0 ? 64 : 2 * build->room;
		struct range_end *ends = reallocarray(build->ends, room, sizeof(*ends));

		if (ends == NULL) {
			build->failed = true;
			return;
		}
		build->ends = ends;
		build->room = room;
	}
	build->ends[build->count++] = end;
}

void number_map_add(struct number_map_build *build, size_t bit, uint32_t first, uint32_t last)
{
	build->choosy[bit] = true;
	add_end(build, (struct range_end){ first, (uint32_t)bit, false });
	add_end(build, (struct range_end){ last + 1, (uint32_t)bit, true });
}

static int by_value(const void *left, const void *right)
{
	const struct range_end *a = left, *b = right;

	return (a->value > b->value) - (a->value < b->value);
}

static void pass_end(struct number_map_build *build, const struct range_end *end)
{
	uint32_t *depth = &build->depths[end->bit];

	*depth = end->ends ? *depth - 1 : *depth + 1;
	bit_vectors_put(build->vectors, end->bit, *depth > 0);
}

/* Walks over the ends of all ranges; between two of them the vector stays the same. */
static void fill(struct number_map_build *build, struct number_map *map)
{
	uint32_t vector = map->easy;
	size_t next = 0;

	qsort(build->ends, build->count, sizeof(*build->ends), by_value);
	for (uint32_t value = 0; value < build->values; value++) {
		if (next < build->count && build->ends[next].value == value) {
			bit_vectors_begin(build->vectors, vector);
			while (next < build->count && build->ends[next].value == value)
				pass_end(build, &build->ends[next++]);
			vector = bit_vectors_end(build->vectors);
		}
		map->vectors[value] = vector;
	}
}

static uint32_t easy_bits(struct number_map_build *build, size_t bits)
{
	bit_vectors_begin(build->vectors, VECTOR_EMPTY);
	for (size_t i = 0; i < bits; i++) {
		if (!build->choosy[i])
			bit_vectors_put(build->vectors, i, true);
	}
	return bit_vectors_end(build->vectors);
}

int number_map_make(struct number_map_build *build, size_t bits, struct arena *arena, struct number_map *ret_map)
{
	if (build->failed)
		return -ENOMEM;
	*ret_map = (struct number_map){ .easy = easy_bits(build, bits) };
	if (build->count == 0)
		return 0;
	ret_map->vectors = arena_array(arena, build->values, sizeof(*ret_map->vectors));
	if (ret_map->vectors == NULL)
		return -ENOMEM;
	fill(build, ret_map);
	return 0;
}
