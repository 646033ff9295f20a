/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that the sticky table stays fair when it is full, and true when many threads write it. */

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "sample_sticky.h"

static void stays_in_its_bounds(void **state)
{
	struct sticky *sticky = sticky_new(1024);
	unsigned int kept = 0;

	(void)state;
	for (uint32_t i = 1; i <= 100000; i++) {
		struct sticky_key key = source_key(i);

		sticky_put(sticky, &key, 1 + i % 5, 0, 1000, 600);
	}
	assert_in_range(sticky_count(sticky, 1000), 1000, 1024);
	for (uint32_t i = 1; i <= 100000; i++) {
		struct sticky_key key = source_key(i);
		uint8_t link = sticky_get(sticky, &key, 1000);

		kept += link != 0;
		if (link != 0)
			assert_int_equal(link, 1 + i % 5);
	}
	assert_in_range(kept, 1000, 1024);
	sticky_free(sticky);
}

/* Others, of one kind of key: number i. */
struct crowd {
	enum flow_key by;
	const char *from, *to; /* the first of them */
	uint32_t step;         /* between the sources of two of them */
};

static struct sticky_key key_in_crowd(const struct crowd *crowd, uint32_t number)
{
	return key_by(crowd->by, address_plus(crowd->from, number * crowd->step), address_plus(crowd->to, number % 5000), 443);
}

static unsigned int alive_in_crowd(const struct sticky *sticky, const struct crowd *crowd, uint32_t count)
{
	unsigned int alive = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct sticky_key key = key_in_crowd(crowd, i);
		uint8_t link = sticky_get(sticky, &key, 1010);

		alive += link != 0;
		assert_true(link == 0 || link == 1 + i % 7);
	}
	return alive;
}

/* Before, and after a flood of 1,000,000 keys; how many of the crowd are alive, and whether newcomers find room. */
static void withstand(const struct crowd *crowd, uint32_t people, const struct crowd *flood, const char *what)
{
	struct sticky *sticky = sticky_new(65536);
	size_t memory = mallinfo2().uordblks, full;
	unsigned int before, after, later = 0;

	for (uint32_t i = 0; i < people; i++) {
		struct sticky_key key = key_in_crowd(crowd, i);

		sticky_put(sticky, &key, 1 + i % 7, 0, 1000, 600);
	}
	before = alive_in_crowd(sticky, crowd, people);
	full = sticky_count(sticky, 1010);
	/* The worst there is: its entries end later than all others. */
	for (uint32_t i = 0; i < 1000000; i++) {
		struct sticky_key key = key_by(flood->by, address_plus(flood->from, i * flood->step), address_plus(flood->to, i), 443);

		sticky_put(sticky, &key, 9, 0, 1010, 86400);
	}
	after = alive_in_crowd(sticky, crowd, people);
	print_message("%s: %zu entries, of %u others %u stay: %.2f %%; the flood has %zu\n", what, full, before, after,
		100.0 * after / before, sticky_count(sticky, 1010) - after);
	assert_true(after >= 0.95 * before);
	assert_true(sticky_count(sticky, 1010) - after <= (flood->by == KEY_DESTINATION ? 65536 / 2 : 65536 / 4));
	assert_int_equal(mallinfo2().uordblks, memory);
	for (uint32_t i = 0; i < 1000; i++) {
		struct sticky_key key = key_by(KEY_SOURCE, address_plus("172.16.0.0", i), address_of("192.0.2.1"), 443);

		sticky_put(sticky, &key, 5, 0, 1010, 600);
		later += sticky_get(sticky, &key, 1010) == 5;
	}
	assert_int_equal(later, 1000);
	sticky_free(sticky);
}

static void a_flood_of_keys_takes_little_from_others(void **state)
{
	static const struct crowd pairs = { KEY_SOURCE_DESTINATION, "10.0.0.0", "192.0.2.0", 1 };
	static const struct crowd sources = { KEY_SOURCE, "10.0.0.0", "192.0.2.0", 1 };
	static const struct crowd neighbours = { KEY_SOURCE_DESTINATION, "2001:db8:1::", "2001:db8:2::", 1 };
	static const struct crowd destinations = { KEY_DESTINATION, "10.0.0.0", "192.0.2.0", 1 };
	static const struct crowd scan = { KEY_SOURCE_DESTINATION, "10.255.0.1", "198.18.0.0", 0 };
	static const struct crowd ports = { KEY_SOURCE_DESTINATION_PORT, "10.255.0.1", "198.18.0.0", 0 };
	static const struct crowd scan6 = { KEY_SOURCE_DESTINATION, "2001:db8:1::ffff:1", "2001:db8:f::", 0 };
	static const struct crowd forged6 = { KEY_SOURCE, "2001:db8:9::", "2001:db8:f::", 1 };
	static const struct crowd scan_by_destination = { KEY_DESTINATION, "10.255.0.1", "198.18.0.0", 0 };

	(void)state;
	withstand(&pairs, 20000, &scan, "a third full, by source+destination");
	withstand(&pairs, 200000, &scan, "full, by source+destination");
	withstand(&pairs, 200000, &ports, "full, by source+destination+port");
	withstand(&sources, 200000, &scan, "full, by source");
	withstand(&neighbours, 12000, &scan6, "IPv6, a neighbour in the same /64");
	withstand(&sources, 200000, &forged6, "full, 1000000 addresses of one /64");
	withstand(&destinations, 5000, &scan_by_destination, "by destination");
}

/* One that nobody floods may have its quarter. */
static void one_source_has_a_quarter(void **state)
{
	struct sticky *sticky = sticky_new(65536);
	unsigned int kept = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		struct sticky_key key = key_by(KEY_SOURCE_DESTINATION, address_of("10.0.0.1"), address_plus("198.18.0.0", i), 443);

		sticky_put(sticky, &key, 3, 0, 1000, 600);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		struct sticky_key key = key_by(KEY_SOURCE_DESTINATION, address_of("10.0.0.1"), address_plus("198.18.0.0", i), 443);

		kept += sticky_get(sticky, &key, 1000) == 3;
	}
	assert_in_range(kept, 9700, 10000); /* groups of eight are filled unevenly */
	sticky_free(sticky);
}

static uint64_t next_random(uint64_t *random)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * 2685821657736338717ULL;
}

#define MODEL_KEYS 3000

/* What is remembered is what was put last, for its time and not longer; only what has no room is missing. */
static void run_model(size_t entries, bool must_keep, unsigned int seed)
{
	static struct { uint8_t link; uint32_t ends; } model[MODEL_KEYS];
	struct sticky *sticky = sticky_new(entries);
	uint64_t random = seed | 1;
	uint32_t now = 1000;
	unsigned int asked = 0, missing = 0;

	print_message("seed %u\n", seed);
	memset(model, 0, sizeof(model));
	for (int step = 0; step < 200000; step++) {
		uint32_t number = (uint32_t)(next_random(&random) % MODEL_KEYS);
		struct sticky_key key = mixed_key(number);
		uint8_t found = sticky_get(sticky, &key, now), link = (uint8_t)(1 + next_random(&random) % 60);
		uint32_t time = (uint32_t)(1 + next_random(&random) % 300);
		bool alive = model[number].link != 0 && model[number].ends > now;

		asked += alive;
		missing += alive && found == 0;
		assert_true(found == 0 || (alive && found == model[number].link));
		if (next_random(&random) % 2 == 0) {
			assert_int_equal(sticky_put(sticky, &key, link, found, now, time), link);
			model[number].link = link;
			model[number].ends = now + time;
		}
		now += next_random(&random) % 100 == 0;
		assert_true(step % 1000 != 0 || sticky_count(sticky, now) <= entries);
	}
	print_message("%zu entries: %u of %u that live are missing\n", entries, missing, asked);
	if (must_keep)
		assert_true(missing < asked / 500);
	sticky_free(sticky);
}

static void keeps_what_a_model_keeps(void **state)
{
	(void)state;
	run_model(65536, true, 4711);
	run_model(65536, true, (unsigned int)time(NULL));
	run_model(1024, false, (unsigned int)time(NULL));
	run_model(8, false, (unsigned int)time(NULL));
}

#define THREADS 4
#define ROUNDS  2000

struct crew {
	struct sticky *sticky;
	pthread_barrier_t barrier;
	_Atomic unsigned int number;
	uint8_t kept[THREADS][ROUNDS];
};

/* All threads want another link for the same key at the same time. */
static void *agree(void *data)
{
	struct crew *crew = data;
	unsigned int self = atomic_fetch_add(&crew->number, 1);

	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sticky_key key = source_key(i);
		uint8_t before;

		pthread_barrier_wait(&crew->barrier);
		before = sticky_get(crew->sticky, &key, 1000);
		crew->kept[self][i] = before != 0 ? before : sticky_put(crew->sticky, &key, (uint8_t)(self + 1), 0, 1000, 600);
	}
	return NULL;
}

static void run_crew(struct crew *crew, void *(*work)(void *data))
{
	pthread_t threads[THREADS];

	atomic_store(&crew->number, 0);
	assert_int_equal(pthread_barrier_init(&crew->barrier, NULL, THREADS), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, crew), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&crew->barrier);
}

static void threads_agree_on_a_new_key(void **state)
{
	static struct crew crew;

	(void)state;
	crew.sticky = sticky_new(65536);
	run_crew(&crew, agree);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sticky_key key = source_key(i);

		for (size_t j = 0; j < THREADS; j++)
			assert_int_equal(crew.kept[j][i], sticky_get(crew.sticky, &key, 1000));
	}
	sticky_free(crew.sticky);
}

/* Link and port of a key follow from its destination, so a mixed entry would show. */
static bool check_listed(const struct sticky_entry *entry, void *data)
{
	unsigned int *count = data, number = (unsigned int)entry->key.to.bytes[2] << 8 | entry->key.to.bytes[3];

	assert_int_equal(entry->link, 1 + number % 50);
	assert_int_equal(entry->key.to_port, number);
	(*count)++;
	return true;
}

/* Writes, looks up, lists and forgets at once, in a table that is far too small. */
static void *scramble(void *data)
{
	struct crew *crew = data;
	unsigned int self = atomic_fetch_add(&crew->number, 1), listed = 0;
	uint64_t random = self + 1;

	for (int i = 0; i < 100000; i++) {
		uint16_t number = (uint16_t)(next_random(&random) % 5000);
		struct sticky_key key = key_by(KEY_SOURCE_DESTINATION_PORT, address_plus("10.0.0.0", number % 7),
			address_plus("198.18.0.0", number), number);
		uint8_t link = (uint8_t)(1 + number % 50), found = sticky_get(crew->sticky, &key, 1000);
		struct network forget = { address_plus("10.0.0.0", number % 7), 32 };

		assert_true(found == 0 || found == link);
		assert_int_equal(sticky_put(crew->sticky, &key, link, found, 1000, 600), link);
		if (i % 500 == 0)
			sticky_each(crew->sticky, &hash_key, 1000, check_listed, &listed);
		if (i % 5000 == 0)
			sticky_forget(crew->sticky, &hash_key, &forget, 1000);
	}
	assert_true(listed > 0);
	return NULL;
}

static void threads_never_see_a_mixed_entry(void **state)
{
	static struct crew crew;

	(void)state;
	crew.sticky = sticky_new(256);
	run_crew(&crew, scramble);
	assert_in_range(sticky_count(crew.sticky, 1000), 1, 256);
	sticky_free(crew.sticky);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_in_its_bounds),
		cmocka_unit_test(a_flood_of_keys_takes_little_from_others),
		cmocka_unit_test(one_source_has_a_quarter),
		cmocka_unit_test(keeps_what_a_model_keeps),
		cmocka_unit_test(threads_agree_on_a_new_key),
		cmocka_unit_test(threads_never_see_a_mixed_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
