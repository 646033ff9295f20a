/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many bit vectors of one length that differ little: what is equal in them is kept once. */

#include "core/bit_vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct line empty_line;

static const struct line *get_line(const struct bit_vectors *vectors, uint32_t number)
{
	return intern_get(&vectors->lines, number);
}

static const uint32_t *lines_of(const struct bit_vectors *vectors, uint32_t number)
{
	const struct bit_vector *vector = intern_get(&vectors->vectors, number);

	return (const uint32_t *)(vector->summary + vectors->summary_count);
}

static uint32_t *draft_lines(const struct bit_vectors *vectors)
{
	return bit_vector_lines(vectors->draft, vectors->summary_count);
}

/* With padding to whole words. */
static size_t vector_size(const struct bit_vectors *vectors)
{
	return vectors->summary_count * sizeof(uint64_t) + (vectors->line_count + 1) / 2 * 2 * sizeof(uint32_t);
}

int bit_vectors_open(struct bit_vectors *vectors, size_t bits)
{
	size_t lines = bits == 0 ? 1 : (bits + LINE_BITS - 1) / LINE_BITS;

	*vectors = (struct bit_vectors){ .line_count = lines,
		.summary_count = (lines * LINE_WORDS + WORD_BITS - 1) / WORD_BITS };
	intern_open(&vectors->lines, sizeof(struct line));
	intern_open(&vectors->vectors, vector_size(vectors));
	vectors->draft = calloc(1, vector_size(vectors));
	vectors->draft_lines = calloc(lines, sizeof(*vectors->draft_lines));
	vectors->dirty = calloc(lines, sizeof(*vectors->dirty));
	vectors->dirty_lines = calloc(lines, sizeof(*vectors->dirty_lines));
	if (vectors->draft == NULL || vectors->draft_lines == NULL || vectors->dirty == NULL
	    || vectors->dirty_lines == NULL)
		return -ENOMEM;
	intern_put(&vectors->lines, &empty_line);
	intern_put(&vectors->vectors, vectors->draft);
	return vectors->lines.failed || vectors->vectors.failed ? -ENOMEM : 0;
}

void bit_vectors_close(struct bit_vectors *vectors)
{
	intern_close(&vectors->lines);
	intern_close(&vectors->vectors);
	free(vectors->draft);
	free(vectors->draft_lines);
	free(vectors->dirty);
	free(vectors->dirty_lines);
}

void bit_vectors_begin(struct bit_vectors *vectors, uint32_t base)
{
	memcpy(vectors->draft, intern_get(&vectors->vectors, base), vector_size(vectors));
}

void bit_vectors_put(struct bit_vectors *vectors, size_t bit, bool value)
{
	size_t line = bit / LINE_BITS;
	uint64_t *word = &vectors->draft_lines[line].words[bit % LINE_BITS / 64], mask = 1ull << bit % 64;

	if (!vectors->dirty[line]) {
		vectors->draft_lines[line] = *get_line(vectors, draft_lines(vectors)[line]);
		vectors->dirty[line] = true;
		vectors->dirty_lines[vectors->dirty_count++] = (uint32_t)line;
	}
	*word = value ? *word | mask : *word & ~mask;
}

static uint64_t summary_of(const struct line *line)
{
	uint64_t summary = 0;

	for (size_t i = 0; i < LINE_WORDS; i++)
		summary |= (uint64_t)(line->words[i] != 0) << i;
	return summary;
}

/* The number of the draft, whose lines all have theirs. */
static uint32_t put_draft(struct bit_vectors *vectors)
{
	const uint32_t *lines = draft_lines(vectors);

	memset(vectors->draft->summary, 0, vectors->summary_count * sizeof(uint64_t));
	for (size_t i = 0; i < vectors->line_count; i++) {
		if (lines[i] != 0)
			vectors->draft->summary[i * LINE_WORDS / WORD_BITS] |=
				summary_of(get_line(vectors, lines[i])) << i * LINE_WORDS % WORD_BITS;
	}
	return intern_put(&vectors->vectors, vectors->draft);
}

uint32_t bit_vectors_end(struct bit_vectors *vectors)
{
	for (size_t i = 0; i < vectors->dirty_count; i++) {
		uint32_t line = vectors->dirty_lines[i];

		draft_lines(vectors)[line] = intern_put(&vectors->lines, &vectors->draft_lines[line]);
		vectors->dirty[line] = false;
	}
	vectors->dirty_count = 0;
	return put_draft(vectors);
}

static uint32_t unite_lines(struct bit_vectors *vectors, uint32_t a, uint32_t b)
{
	struct line both;

	if (a == b || b == 0)
		return a;
	if (a == 0)
		return b;
	both = *get_line(vectors, a);
	for (size_t i = 0; i < LINE_WORDS; i++)
		both.words[i] |= get_line(vectors, b)->words[i];
	return intern_put(&vectors->lines, &both);
}

uint32_t bit_vectors_union(struct bit_vectors *vectors, uint32_t a, uint32_t b)
{
	if (a == b || b == VECTOR_EMPTY)
		return a;
	if (a == VECTOR_EMPTY)
		return b;
	bit_vectors_begin(vectors, a);
	for (size_t i = 0; i < vectors->line_count; i++)
		draft_lines(vectors)[i] = unite_lines(vectors, draft_lines(vectors)[i], lines_of(vectors, b)[i]);
	return put_draft(vectors);
}

/* Finds a line without a multiplication. */
static void number_by_words(unsigned char *kept, const struct bit_vectors *vectors)
{
	size_t size = vector_size(vectors);

	for (uint32_t i = 0; kept != NULL && i < vectors->vectors.count; i++) {
		uint32_t *lines = bit_vector_lines((struct bit_vector *)(void *)(kept + i * size), vectors->summary_count);

		for (size_t line = 0; line < vectors->line_count; line++)
			lines[line] *= LINE_WORDS;
	}
}

/* A copy in the arena that starts at a cache line. */
static void *keep_aligned(struct arena *arena, const void *items, size_t size)
{
	unsigned char *room = arena_alloc(arena, size + sizeof(struct line));

	if (room == NULL)
		return NULL;
	room += sizeof(struct line) - (uintptr_t)room % sizeof(struct line);
	return memcpy(room, items, size);
}

int bit_vectors_keep(const struct bit_vectors *vectors, struct arena *arena, struct bit_vector_table *ret_table)
{
	size_t size = vector_size(vectors);
	unsigned char *kept;

	if (vectors->lines.failed || vectors->vectors.failed)
		return -ENOMEM;
	kept = keep_aligned(arena, vectors->vectors.items, vectors->vectors.count * size);
	number_by_words(kept, vectors);
	*ret_table = (struct bit_vector_table){
		.line_count = vectors->line_count,
		.vector_size = size,
		.summary_count = vectors->summary_count,
		.lines = keep_aligned(arena, vectors->lines.items, vectors->lines.count * sizeof(struct line)),
		.vectors = kept,
	};
	return ret_table->lines == NULL || ret_table->vectors == NULL ? -ENOMEM : 0;
}
