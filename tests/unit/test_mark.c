/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the fields of a mark keep apart in every layout that may be configured. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/mark.h"

typedef void layout_test(struct mark_layout layout);

/* All that fit into 32 bits. */
static void in_every_layout(layout_test *test)
{
	unsigned int layouts = 0;

	for (unsigned int bits = MARK_POLICY_BITS_LEAST; bits <= MARK_POLICY_BITS; bits++) {
		for (unsigned int shift = 0; shift <= MARK_SHIFT_MAX && shift + 11 + bits <= 32; shift++) {
			struct kernel_settings settings = { .mark_shift = (uint8_t)shift, .mark_policy_bits = (uint8_t)bits };

			test(mark_layout_of(&settings));
			layouts++;
		}
	}
	assert_int_equal(layouts, 9 + 8 + 7 + 6);
}

static void check_masks(struct mark_layout layout)
{
	uint32_t link = mark_link_mask(layout), class = mark_class_mask(layout), policy = mark_policy_mask(layout);

	assert_int_equal(link & class, 0);
	assert_int_equal(link & policy, 0);
	assert_int_equal(class & policy, 0);
	assert_int_equal(__builtin_popcount(mark_mask(layout)), 11 + layout.policy_bits);
	assert_int_equal(mark_mask(layout) >> layout.shift, ((uint64_t)1 << (11 + layout.policy_bits)) - 1);
}

static void fields_keep_apart(void **state)
{
	(void)state;
	in_every_layout(check_masks);
}

static void check_values(struct mark_layout layout)
{
	unsigned int most = mark_policy_max(layout);
	const unsigned int policies[] = { 0, 1, 4096, most - 1, most, MARK_POLICY_NONE };

	assert_int_equal(most, (1 << layout.policy_bits) - 2);
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		uint32_t mark = mark_make(layout, MARK_LINK_DIRECT, MARK_CLASS_CHECK, policies[i]);

		assert_int_equal(mark_policy(layout, mark), policies[i]);
		assert_int_equal(mark_link(layout, mark), MARK_LINK_DIRECT);
		assert_int_equal(mark_class(layout, mark), MARK_CLASS_CHECK);
		assert_int_equal(mark & ~mark_mask(layout), 0);
		mark = mark_make(layout, 0, 0, policies[i]);
		assert_int_equal(mark & ~mark_policy_mask(layout), 0);
		assert_int_equal(mark_link(layout, mark), 0);
	}
	assert_int_equal(mark_make(layout, 0, 0, MARK_POLICY_NONE), mark_policy_mask(layout));
}

static void what_is_put_in_comes_out(void **state)
{
	(void)state;
	in_every_layout(check_values);
}

static void check_merge(struct mark_layout layout)
{
	uint32_t foreign = ~mark_mask(layout), mark = mark_make(layout, 7, 3, 2);

	assert_int_equal(mark_merge(layout, UINT32_MAX, mark), foreign | mark);
	assert_int_equal(mark_merge(layout, foreign, mark), foreign | mark);
	assert_int_equal(mark_merge(layout, 0, UINT32_MAX), mark_mask(layout));
}

static void foreign_bits_stay(void **state)
{
	(void)state;
	in_every_layout(check_merge);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_keep_apart),
		cmocka_unit_test(what_is_put_in_comes_out),
		cmocka_unit_test(foreign_bits_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
