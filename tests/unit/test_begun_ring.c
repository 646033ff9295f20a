/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that connections come out of the ring whole and in order, and that what finds it full is told. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/begun_ring.h"

#define CONNECTIONS 500000

/* Every field follows from the number, so that one made of two is seen. */
static struct begun numbered(uint32_t number)
{
	struct begun begun = { .flow = { .family = IPV6, .protocol = (uint8_t)(number % 251), .from_port = (uint16_t)number },
		.mark = number, .link = (uint8_t)(number % 61), .at_us = (uint64_t)number << 20 };

	for (size_t i = 0; i < sizeof(begun.flow.from.bytes); i++)
		begun.flow.from.bytes[i] = begun.flow.to.bytes[i] = (uint8_t)(number + i);
	return begun;
}

static bool is_whole(const struct begun *begun)
{
	struct begun expected = numbered(begun->mark);

	return begun->link == expected.link && begun->at_us == expected.at_us && begun->flow.protocol == expected.flow.protocol
	       && begun->flow.from_port == expected.flow.from_port
	       && begun->flow.from.bytes[15] == expected.flow.from.bytes[15]
	       && begun->flow.to.bytes[7] == expected.flow.to.bytes[7];
}

static bool add(struct begun_ring *ring, uint32_t number)
{
	struct begun begun = numbered(number);

	return begun_ring_add(ring, &begun);
}

static int make_ring(void **state)
{
	*state = calloc(1, sizeof(struct begun_ring));
	return *state == NULL ? -1 : 0;
}

static int free_ring(void **state)
{
	free(*state);
	return 0;
}

static void takes_no_more_than_it_holds(void **state)
{
	struct begun_ring *ring = *state;
	struct begun begun;

	atomic_store(&ring->ring.written, UINT32_MAX - 5); /* numbers pass 2^32 one day */
	atomic_store(&ring->ring.read, UINT32_MAX - 5);
	for (uint32_t number = 0; number < BEGUN_RING_ROOM; number++)
		assert_true(add(ring, number));
	assert_false(add(ring, 4711));
	assert_int_equal(atomic_load(&ring->ring.lost), 1);
	for (uint32_t number = 0; number < BEGUN_RING_ROOM; number++) {
		assert_true(begun_ring_take(ring, &begun));
		assert_int_equal(begun.mark, number);
		assert_true(is_whole(&begun));
	}
	assert_false(begun_ring_take(ring, &begun));
	assert_true(add(ring, 1));
}

struct writer {
	struct begun_ring *ring;
	uint32_t refused;
	atomic_bool done;
};

static void *write_all(void *data)
{
	struct writer *writer = data;

	for (uint32_t number = 0; number < CONNECTIONS; number++) {
		writer->refused += !add(writer->ring, number);
		if (number % 1000 == 0)
			sched_yield();
	}
	atomic_store(&writer->done, true);
	return NULL;
}

static void loses_and_mixes_nothing_between_threads(void **state)
{
	struct writer writer = { .ring = *state };
	uint32_t taken = 0, torn = 0, next = 0;
	struct begun begun;
	pthread_t thread;
	bool done;

	assert_int_equal(pthread_create(&thread, NULL, write_all, &writer), 0);
	do {
		done = atomic_load(&writer.done);
		while (begun_ring_take(writer.ring, &begun)) {
			taken++;
			torn += !is_whole(&begun) || begun.mark < next;
			next = begun.mark + 1;
		}
	} while (!done);
	pthread_join(thread, NULL);
	print_message("%u taken, %u refused\n", taken, writer.refused);
	assert_int_equal(torn, 0);
	assert_int_equal(taken + writer.refused, CONNECTIONS);
	assert_int_equal(writer.refused, atomic_load(&writer.ring->ring.lost));
}

int main(void)
{
#define WITH_RING(test) cmocka_unit_test_setup_teardown(test, make_ring, free_ring)
	static const struct CMUnitTest tests[] = {
		WITH_RING(takes_no_more_than_it_holds),
		WITH_RING(loses_and_mixes_nothing_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
