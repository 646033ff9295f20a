/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of ids.h: names keep numbers, new names take the lowest, damage is survived. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/ids.h"
#include "core/mark.h"

/* With the narrowest field. */
#define POLICIES_MAX 8190

struct fixture {
	struct config config;
	struct ids ids;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->config.arena = arena_new();
	fixture->config.kernel.mark_policy_bits = MARK_POLICY_BITS_LEAST;
	*state = fixture;
	return fixture->config.arena == NULL;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_free(fixture->config.arena);
	free(fixture);
	return 0;
}

static void set_links(struct fixture *fixture, size_t count, const char *const *names)
{
	struct config *config = &fixture->config;

	config->links = arena_array(config->arena, count, sizeof(*config->links));
	config->link_count = count;
	for (size_t i = 0; i < count; i++)
		config->links[i].name = names[i];
}

static void set_policies(struct fixture *fixture, size_t count)
{
	struct config *config = &fixture->config;

	config->policies = arena_array(config->arena, count, sizeof(*config->policies));
	config->policy_count = count;
	for (size_t i = 0; i < count; i++)
		config->policies[i].name = arena_printf(config->arena, "policy-%zu", i);
}

static void assign(struct fixture *fixture, const struct id_record *links, size_t link_records,
	const struct id_record *policies, size_t policy_records)
{
	assert_int_equal(ids_assign(fixture->config.arena, &fixture->config, links, link_records, policies,
				 policy_records, &fixture->ids),
		0);
}

static void counts_from_one_without_records(void **state)
{
	static const char *const names[] = { "fiber", "lte", "dsl" };
	struct fixture *fixture = *state;

	set_links(fixture, 3, names);
	set_policies(fixture, 2);
	assign(fixture, NULL, 0, NULL, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(fixture->ids.links[i], i + 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fixture->ids.policies[i], i + 1);
}

static void takes_an_empty_configuration(void **state)
{
	struct fixture *fixture = *state;

	assign(fixture, NULL, 0, NULL, 0);
	assert_non_null(fixture->ids.links);
	assert_non_null(fixture->ids.policies);
}

/* The number of a name that is gone stays free for its return: connections may still carry it. */
static void keeps_numbers_and_takes_the_lowest_new_one(void **state)
{
	static const char *const names[] = { "new", "lte", "newer", "fiber" };
	static const struct id_record records[] = { { "gone", 2 }, { "fiber", 1 }, { "lte", 4 } };
	struct fixture *fixture = *state;

	set_links(fixture, 4, names);
	assign(fixture, records, 3, NULL, 0);
	assert_int_equal(fixture->ids.links[0], 3);
	assert_int_equal(fixture->ids.links[1], 4);
	assert_int_equal(fixture->ids.links[2], 5);
	assert_int_equal(fixture->ids.links[3], 1);
}

static void falls_back_to_numbers_of_names_that_are_gone(void **state)
{
	static const char *const names[] = { "b", "a", "kept" };
	struct fixture *fixture = *state;
	struct id_record records[MARK_LINK_MAX];
	char texts[MARK_LINK_MAX][16];

	for (unsigned int i = 0; i < MARK_LINK_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "old-%u", i);
		records[i] = (struct id_record){ texts[i], (uint16_t)(i + 1) };
	}
	records[0].name = "kept";
	set_links(fixture, 3, names);
	assign(fixture, records, MARK_LINK_MAX, NULL, 0);
	assert_int_equal(fixture->ids.links[0], 2);
	assert_int_equal(fixture->ids.links[1], 3);
	assert_int_equal(fixture->ids.links[2], 1);
}

static void survives_damaged_records(void **state)
{
	static const char *const names[] = { "zero", "large", "twice", "second", "first" };
	static const struct id_record records[] = {
		{ "zero", 0 }, { "large", MARK_LINK_MAX + 1 }, { "twice", 9 }, { "twice", 8 },
		{ "first", 7 }, { "second", 7 },
	};
	struct fixture *fixture = *state;

	set_links(fixture, 5, names);
	assign(fixture, records, 6, NULL, 0);
	assert_int_equal(fixture->ids.links[0], 1);
	assert_int_equal(fixture->ids.links[1], 2);
	assert_int_equal(fixture->ids.links[2], 9);
	/* Two names of one number: the first of the configuration keeps it. */
	assert_int_equal(fixture->ids.links[3], 7);
	assert_int_equal(fixture->ids.links[4], 3);
}

/* Reload after reload with names that come and go: unique, in range, and stable from one to the next. */
static void is_stable_over_many_reloads(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	struct fixture *fixture = *state;
	static char texts[MARK_LINK_MAX * 2][16];
	struct id_record records[MARK_LINK_MAX];
	size_t record_count = 0;

	print_message("seed %u\n", seed);
	srand(seed);
	for (size_t i = 0; i < MARK_LINK_MAX * 2; i++)
		snprintf(texts[i], sizeof(texts[i]), "link-%zu", i);
	for (int reload = 0; reload < 300; reload++) {
		const char *names[MARK_LINK_MAX];
		bool seen[MARK_LINK_MAX + 1] = { false };
		size_t count = 0;

		for (size_t i = 0; i < MARK_LINK_MAX * 2 && count < MARK_LINK_MAX; i++) {
			if (rand() % 3 != 0)
				names[count++] = texts[i];
		}
		set_links(fixture, count, names);
		assign(fixture, records, record_count, NULL, 0);
		for (size_t i = 0; i < count; i++) {
			uint8_t id = fixture->ids.links[i];

			assert_in_range(id, 1, MARK_LINK_MAX);
			assert_false(seen[id]);
			seen[id] = true;
			for (size_t k = 0; k < record_count; k++) {
				if (strcmp(records[k].name, names[i]) == 0)
					assert_int_equal(id, records[k].id);
			}
		}
		for (record_count = 0; record_count < count; record_count++)
			records[record_count] =
				(struct id_record){ names[record_count], fixture->ids.links[record_count] };
	}
}

static void numbers_as_many_policies_as_there_can_be(void **state)
{
	struct fixture *fixture = *state;
	struct id_record *records = calloc(POLICIES_MAX, sizeof(*records));

	set_policies(fixture, POLICIES_MAX);
	for (size_t i = 0; i < POLICIES_MAX; i++)
		records[i] = (struct id_record){ fixture->config.policies[i].name,
			(uint16_t)(POLICIES_MAX - i) };
	assign(fixture, NULL, 0, records, POLICIES_MAX);
	for (size_t i = 0; i < POLICIES_MAX; i++)
		assert_int_equal(fixture->ids.policies[i], POLICIES_MAX - i);
	free(records);
}

static void refuses_more_than_there_are_numbers(void **state)
{
	struct fixture *fixture = *state;

	set_policies(fixture, POLICIES_MAX + 1);
	assert_int_not_equal(
		ids_assign(fixture->config.arena, &fixture->config, NULL, 0, NULL, 0, &fixture->ids), 0);
	assert_null(fixture->ids.policies);
}

static void set_classes(struct fixture *fixture, size_t count, const char *const *names)
{
	struct qos *qos = &fixture->config.qos;

	qos->classes = arena_array(fixture->config.arena, count, sizeof(*qos->classes));
	qos->count = count;
	for (size_t i = 0; i < count; i++)
		qos->classes[i].name = names[i];
}

static void classes_keep_their_numbers(void **state)
{
	static const char *const before[] = { "voice", "normal" }, *const after[] = { "games", "normal", "voice" };
	struct fixture *fixture = *state;
	struct id_record records[2];

	set_classes(fixture, 2, before);
	assign(fixture, NULL, 0, NULL, 0);
	assert_int_equal(fixture->ids.classes[0], 1);
	assert_int_equal(fixture->ids.classes[1], 2);
	for (size_t i = 0; i < 2; i++)
		records[i] = (struct id_record){ before[i], fixture->ids.classes[i] };
	set_classes(fixture, 3, after);
	assign(fixture, NULL, 0, NULL, 0);
	assert_int_equal(ids_assign_classes(fixture->config.arena, &fixture->config, records, 2, &fixture->ids), 0);
	assert_int_equal(fixture->ids.classes[0], 3);
	assert_int_equal(fixture->ids.classes[1], 2);
	assert_int_equal(fixture->ids.classes[2], 1);
}

/* Number 31 is for our own checks, 0 for the default class. */
static void classes_stay_below_the_checks(void **state)
{
	static const struct id_record strange[] = { { "class-0", 31 }, { "class-1", 0 }, { "class-2", 30 } };
	const char *names[CONFIG_CLASSES_MAX];
	struct fixture *fixture = *state;
	uint32_t seen = 0;

	for (int i = 0; i < CONFIG_CLASSES_MAX; i++)
		names[i] = arena_printf(fixture->config.arena, "class-%d", i);
	set_classes(fixture, CONFIG_CLASSES_MAX, names);
	assign(fixture, NULL, 0, NULL, 0);
	assert_int_equal(ids_assign_classes(fixture->config.arena, &fixture->config, strange, 3, &fixture->ids), 0);
	assert_int_equal(fixture->ids.classes[2], 30);
	for (int i = 0; i < CONFIG_CLASSES_MAX; i++)
		seen |= 1u << fixture->ids.classes[i];
	assert_int_equal(seen, 0x7ffffffe);
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		test(counts_from_one_without_records),
		test(takes_an_empty_configuration),
		test(keeps_numbers_and_takes_the_lowest_new_one),
		test(falls_back_to_numbers_of_names_that_are_gone),
		test(survives_damaged_records),
		test(is_stable_over_many_reloads),
		test(numbers_as_many_policies_as_there_can_be),
		test(refuses_more_than_there_are_numbers),
		test(classes_keep_their_numbers),
		test(classes_stay_below_the_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
