/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of idle.h: who has had no packet for a while, whatever is rounded, and how much is remembered. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/idle.h"

#define LIFE_S 300 /* the kernel forgets a connection so long after its last packet */
#define ENTRIES 64

/* As recovery sees it at now_ms: the second, and what is left of the connection's time, each rounded down. */
static bool see(struct idle *idle, uint64_t hash, uint64_t now_ms, uint64_t packet_ms)
{
	uint64_t left_s = (packet_ms + LIFE_S * 1000 - now_ms) / 1000;

	return idle_see(idle, hash, (uint32_t)(now_ms / 1000 + left_s));
}

/* Looks every two seconds or so from the last packet on: when it was called idle first, in ms after that packet. */
static uint64_t called_idle_after(uint64_t packet_ms, uint64_t every_ms)
{
	struct idle *idle = idle_new(ENTRIES);
	uint64_t now_ms = packet_ms;

	do {
		now_ms += every_ms;
		idle_begin(idle, (uint32_t)(now_ms / 1000));
		assert_true(now_ms - packet_ms < 60000);
	} while (!see(idle, 7, now_ms, packet_ms));
	assert_true(idle_is(idle, 7));
	idle_free(idle);
	return now_ms - packet_ms;
}

static void idle_is_told_in_time(void **state)
{
	(void)state;
	for (uint64_t packet_ms = 100000; packet_ms < 102000; packet_ms += 37) {
		for (uint64_t every_ms = 900; every_ms < 5000; every_ms += 211) {
			uint64_t after = called_idle_after(packet_ms, every_ms);

			assert_in_range(after, (IDLE_S - 1) * 1000, (IDLE_S + 1) * 1000 + 2 * every_ms);
		}
	}
}

/* However regular its packets and the looks are. */
static void what_speaks_is_not_idle(void **state)
{
	(void)state;
	for (uint64_t every_ms = 20; every_ms < (IDLE_S - 2) * 1000; every_ms = every_ms * 3 / 2) {
		struct idle *idle = idle_new(ENTRIES);

		for (uint64_t now_ms = 100000; now_ms < 400000; now_ms += 2000) {
			idle_begin(idle, (uint32_t)(now_ms / 1000));
			assert_false(see(idle, 7, now_ms, now_ms / every_ms * every_ms));
			assert_false(idle_is(idle, 7));
		}
		idle_free(idle);
	}
}

/* A connection that ends is forgotten sooner: that took a packet. */
static void less_time_is_a_packet_too(void **state)
{
	struct idle *idle = idle_new(ENTRIES);

	(void)state;
	idle_begin(idle, 100);
	assert_false(idle_see(idle, 7, 1000));
	idle_begin(idle, 109);
	assert_false(idle_see(idle, 7, 500));
	idle_begin(idle, 118);
	assert_false(idle_see(idle, 7, 500));
	idle_begin(idle, 119);
	assert_true(idle_see(idle, 7, 500));
	idle_free(idle);
}

static void what_is_not_seen_is_forgotten(void **state)
{
	struct idle *idle = idle_new(ENTRIES);

	(void)state;
	idle_begin(idle, 100);
	idle_see(idle, 7, 1000);
	assert_false(idle_is(idle, 8));
	idle_begin(idle, 101);
	idle_begin(idle, 102);
	idle_begin(idle, 120);
	assert_false(idle_is(idle, 7));
	assert_false(idle_see(idle, 7, 1000));
	idle_free(idle);
}

/* Of more than there is room for, those that have it are told; others never are; and room comes back. */
static void what_has_no_room_is_not_idle(void **state)
{
	struct idle *idle = idle_new(ENTRIES);
	size_t told = 0;

	(void)state;
	for (uint32_t now_s = 100; now_s < 120; now_s += 4) {
		idle_begin(idle, now_s);
		told = 0;
		for (uint64_t hash = 1; hash <= 10 * ENTRIES; hash++)
			told += idle_see(idle, hash * 0x9e3779b97f4a7c15ULL, 1000);
	}
	assert_int_equal(told, ENTRIES);
	for (uint32_t now_s = 200; now_s < 220; now_s += 4) {
		idle_begin(idle, now_s);
		told = idle_see(idle, 8, 1000);
	}
	assert_int_equal(told, 1);
	idle_free(idle);
}

/* Strangers are taken for busy seldom, and not the same ones each time. */
static void keys_are_busy_for_one_look(void **state)
{
	struct idle *idle = idle_new(ENTRIES);
	size_t strangers = 0, twice = 0;

	(void)state;
	for (uint32_t look = 0; look < 2; look++) {
		idle_begin(idle, 100 + look);
		assert_false(idle_is_busy(idle, 1));
		for (uint64_t key = 1; key <= 1000; key++)
			idle_mark_busy(idle, key);
		for (uint64_t key = 1; key <= 1000; key++)
			assert_true(idle_is_busy(idle, key));
		for (uint64_t key = 1001; key <= 101000; key++)
			strangers += idle_is_busy(idle, key);
		for (uint64_t key = 1001; look == 1 && key <= 2000; key++)
			twice += idle_is_busy(idle, key);
	}
	assert_in_range(strangers, 1, 200000 / 100);
	assert_in_range(twice, 0, 50);
	idle_free(idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_is_told_in_time),
		cmocka_unit_test(what_speaks_is_not_idle),
		cmocka_unit_test(less_time_is_a_packet_too),
		cmocka_unit_test(what_is_not_seen_is_forgotten),
		cmocka_unit_test(what_has_no_room_is_not_idle),
		cmocka_unit_test(keys_are_busy_for_one_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
