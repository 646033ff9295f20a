/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is taken piece by piece and given back at once. */

#include "core/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a block holds at least: most configurations fit into a few. */
#define BLOCK_SIZE 8192

#define ALIGNMENT _Alignof(max_align_t)

struct block {
	struct block *next;
	size_t size, taken; /* of bytes */
	_Alignas(max_align_t) unsigned char bytes[];
};

/* The first block is the one that pieces are taken from; the others are full or were made to measure. */
struct arena {
	struct block *blocks;
	size_t size;
};

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena != NULL)
		arena->size = sizeof(*arena);
	return arena;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (struct block *block = arena->blocks, *next; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

static struct block *block_new(struct arena *arena, size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + size);

	if (block == NULL)
		return NULL;
	block->size = size;
	arena->size += sizeof(*block) + size;
	return block;
}

/* A piece that is large for a block gets its own, behind the first, so that the first is used up. */
static struct block *block_for(struct arena *arena, size_t size)
{
	struct block *first = arena->blocks, *block;

	if (first != NULL && size <= first->size - first->taken)
		return first;

	block = block_new(arena, size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE);
	if (block == NULL)
		return NULL;
	if (first != NULL && block->size == size) {
		block->next = first->next;
		first->next = block;
	} else {
		block->next = first;
		arena->blocks = block;
	}
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block;
	void *piece;

	if (size > PTRDIFF_MAX - sizeof(struct block) - ALIGNMENT)
		return NULL;
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size == 0)
		size = ALIGNMENT;

	block = block_for(arena, size);
	if (block == NULL)
		return NULL;
	piece = block->bytes + block->taken;
	block->taken += size;
	return piece;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = length < SIZE_MAX ? arena_alloc(arena, length + 1) : NULL;

	if (copy != NULL && length > 0)
		memcpy(copy, text, length);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;

	text = arena_alloc(arena, (size_t)length + 1);
	if (text == NULL)
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}
