/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of arena.h: zeroed, aligned, apart from each other, counted, and refused in good order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/arena.h"

static void is_empty_at_first(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_non_null(arena);
	assert_true(arena_size(arena) > 0);
	assert_true(arena_size(arena) < 100);
	arena_free(arena);
	arena_free(NULL);
}

static void gives_valid_pieces_of_no_size(void **state)
{
	struct arena *arena = arena_new();
	void *a = arena_alloc(arena, 0), *b = arena_array(arena, 0, 8), *c = arena_array(arena, 8, 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(b, c);
	arena_free(arena);
}

#define PIECES 3000

struct piece {
	unsigned char *bytes;
	size_t size;
};

/* Each piece is filled with its own pattern; whoever overlaps destroys one. */
static void keeps_pieces_apart(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct arena *arena = arena_new();
	struct piece *pieces = calloc(PIECES, sizeof(*pieces));
	size_t sum = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (size_t i = 0; i < PIECES; i++) {
		pieces[i].size = (size_t)(i % 50 == 0 ? rand() % 50000 : rand() % 200);
		pieces[i].bytes = arena_alloc(arena, pieces[i].size);
		assert_non_null(pieces[i].bytes);
		assert_int_equal((uintptr_t)pieces[i].bytes % _Alignof(max_align_t), 0);
		for (size_t at = 0; at < pieces[i].size; at++)
			assert_int_equal(pieces[i].bytes[at], 0);
		memset(pieces[i].bytes, (int)(i % 251 + 1), pieces[i].size);
		sum += pieces[i].size;
	}
	for (size_t i = 0; i < PIECES; i++) {
		for (size_t at = 0; at < pieces[i].size; at++)
			assert_int_equal(pieces[i].bytes[at], i % 251 + 1);
	}
	/* All is counted, and at most half is waste. */
	assert_true(arena_size(arena) >= sum);
	assert_true(arena_size(arena) <= 2 * sum);
	free(pieces);
	arena_free(arena);
}

/* A large piece does not close the block that small ones are taken from. */
static void goes_on_after_a_large_piece(void **state)
{
	struct arena *arena = arena_new();
	char *first = arena_alloc(arena, 16), *large, *second;
	size_t before;

	(void)state;
	large = arena_alloc(arena, 1 << 20);
	assert_non_null(large);
	before = arena_size(arena);
	second = arena_alloc(arena, 16);
	assert_int_equal(arena_size(arena), before);
	assert_ptr_equal(second, first + 16);
	arena_free(arena);
}

static void refuses_sizes_that_overflow(void **state)
{
	struct arena *arena = arena_new();
	size_t before = arena_size(arena);

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 15));
	assert_null(arena_alloc(arena, PTRDIFF_MAX));
	assert_null(arena_array(arena, SIZE_MAX / 2, 4));
	assert_null(arena_array(arena, SIZE_MAX, SIZE_MAX));
	assert_null(arena_text(arena, "", SIZE_MAX));
	assert_int_equal(arena_size(arena), before);
	assert_non_null(arena_array(arena, 3, 5));
	arena_free(arena);
}

static void copies_and_prints_text(void **state)
{
	struct arena *arena = arena_new();
	char part[] = { 'f', 'i', 'b', 'e', 'r' }, *text;

	(void)state;
	text = arena_text(arena, part, sizeof(part));
	part[0] = 'F';
	assert_string_equal(text, "fiber");
	assert_string_equal(arena_text(arena, part, 0), "");
	assert_string_equal(arena_text(arena, NULL, 0), "");
	assert_string_equal(arena_printf(arena, "%s-%d", "link", 7), "link-7");
	assert_string_equal(arena_printf(arena, "%s", ""), "");

	text = arena_printf(arena, "%*d", 40000, 5);
	assert_int_equal(strlen(text), 40000);
	assert_int_equal(text[39999], '5');
	arena_free(arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_empty_at_first),
		cmocka_unit_test(gives_valid_pieces_of_no_size),
		cmocka_unit_test(keeps_pieces_apart),
		cmocka_unit_test(goes_on_after_a_large_piece),
		cmocka_unit_test(refuses_sizes_that_overflow),
		cmocka_unit_test(copies_and_prints_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
