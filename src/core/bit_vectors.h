/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many bit vectors of one length that differ little: what is equal in them is kept once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "core/intern.h"

/*
 * A vector is a list of lines, a line of 512 bits has the size of a cache line, and equal lines are one:
 * a vector that differs from another in one bit costs one line and its list (104 bytes for 10,000 bits).
 * A summary has a bit for each word of a vector that is set where the word has bits: and-ed first, it says
 * which words of several vectors are worth and-ing (the aggregation of Baboescu and Varghese, "Scalable
 * packet classification", 2001).
 */
#define WORD_BITS  64
#define LINE_WORDS 8
#define LINE_BITS  (WORD_BITS * LINE_WORDS)

struct line {
	uint64_t words[LINE_WORDS];
};

struct bit_vector {
	uint64_t summary[1]; /* and as many more as needed; behind them the numbers of lines, line 0 is empty */
};

/* The vector without bits. */
#define VECTOR_EMPTY 0

/* While vectors are made: by number, and one draft at a time. */
struct bit_vectors {
	size_t line_count, summary_count; /* of a vector; the latter in words */
	struct intern lines, vectors;
	struct bit_vector *draft;
	struct line *draft_lines; /* by line; those that are dirty are not yet in lines */
	bool *dirty;
	uint32_t *dirty_lines;
	size_t dirty_count;
};

/* When they are made: in an arena, in as much memory as they need. Numbers of lines are told in words there. */
struct bit_vector_table {
	size_t line_count, summary_count, vector_size;
	const struct line *lines; /* each in a cache line of its own */
	const unsigned char *vectors;
};

/* Vectors of that many bits. 0 or -ENOMEM. Close it in any case. */
int bit_vectors_open(struct bit_vectors *vectors, size_t bits);
void bit_vectors_close(struct bit_vectors *vectors);

/* A draft begins as a copy of base, is changed bit by bit, and ends as a vector whose number is returned. */
void bit_vectors_begin(struct bit_vectors *vectors, uint32_t base);
void bit_vectors_put(struct bit_vectors *vectors, size_t bit, bool value);
uint32_t bit_vectors_end(struct bit_vectors *vectors);

/* Number of the vector with the bits of both. */
uint32_t bit_vectors_union(struct bit_vectors *vectors, uint32_t a, uint32_t b);

/* Moves everything made so far into the arena; numbers stay. 0, or -ENOMEM also where there was none before. */
int bit_vectors_keep(const struct bit_vectors *vectors, struct arena *arena, struct bit_vector_table *ret_table);

static inline const struct bit_vector *bit_vector(const struct bit_vector_table *table, uint32_t number)
{
	return (const struct bit_vector *)(const void *)(table->vectors + number * table->vector_size);
}

static inline uint32_t *bit_vector_lines(struct bit_vector *vector, size_t summary_count)
{
	return (uint32_t *)(vector->summary + summary_count);
}

/* The same word of every vector. */
struct word_place {
	size_t offset;         /* in a vector: of its line's number */
	const uint64_t *words; /* that word of line 0; from there on each line's is at its number */
};

static inline struct word_place word_place(const struct bit_vector_table *table, size_t word)
{
	return (struct word_place){ table->summary_count * sizeof(uint64_t) + word / LINE_WORDS * sizeof(uint32_t),
		&table->lines->words[word % LINE_WORDS] };
}

static inline uint64_t word_at(const struct bit_vector *vector, const struct word_place *place)
{
	uint32_t line;

	memcpy(&line, (const unsigned char *)vector + place->offset, sizeof(line));
	return place->words[line];
}

/* Asks for the memory of the vector's lines. */
static inline void bit_vector_fetch(const struct bit_vector_table *table, const struct bit_vector *vector)
{
	const uint32_t *lines = (const uint32_t *)(vector->summary + table->summary_count);

	for (size_t i = 0; i < table->line_count; i++)
		__builtin_prefetch(&table->lines->words[lines[i]]);
}
