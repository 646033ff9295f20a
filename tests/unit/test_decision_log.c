/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that decisions come out of the log's ring whole and in order, and that what finds it full is counted. */

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/decision_log.h"

#define DECISIONS 500000

/* Every field follows from the number, so that one made of two decisions is seen. */
static struct flow numbered_flow(uint32_t number)
{
	struct flow flow = {
		.family = IPV6,
		.protocol = (uint8_t)(number % 251),
		.ports = true,
		.from_port = (uint16_t)(number & 0xffff),
		.to_port = (uint16_t)(number >> 16),
		.device = number ^ 0xffffffffu,
		.came_by = number % 61,
	};

	for (size_t i = 0; i < sizeof(flow.from.bytes); i++)
		flow.from.bytes[i] = flow.to.bytes[i] = (uint8_t)(number + i);
	return flow;
}

static bool is_whole(const struct logged_decision *decision)
{
	struct flow expected = numbered_flow(decision->mark);
	const struct flow *flow = &decision->flow;

	for (size_t i = 0; i < sizeof(expected.from.bytes); i++) {
		if (flow->from.bytes[i] != expected.from.bytes[i] || flow->to.bytes[i] != expected.to.bytes[i])
			return false;
	}
	return flow->protocol == expected.protocol && flow->from_port == expected.from_port &&
	       flow->to_port == expected.to_port && flow->device == expected.device && flow->came_by == expected.came_by;
}

static void add(struct decision_log *log, uint32_t number)
{
	struct flow flow = numbered_flow(number);

	decision_log_add(log, &flow, number);
}

static void take_in_order(struct decision_log *log, uint32_t from, uint32_t until)
{
	struct logged_decision decision;

	for (uint32_t number = from; number < until; number++) {
		assert_true(decision_log_take(log, &decision));
		assert_int_equal(decision.mark, number);
		assert_true(is_whole(&decision));
	}
}

static int make_log(void **state)
{
	*state = calloc(1, sizeof(struct decision_log));
	return *state == NULL ? -1 : 0;
}

static int free_log(void **state)
{
	free(*state);
	return 0;
}

static void gives_the_oldest_first(void **state)
{
	struct decision_log *log = *state;
	struct logged_decision decision = { .mark = 77 };

	assert_false(decision_log_take(log, &decision));
	assert_int_equal(decision.mark, 77);
	for (uint32_t number = 0; number < 3; number++)
		add(log, number);
	take_in_order(log, 0, 3);
	assert_false(decision_log_take(log, &decision));
	assert_int_equal(atomic_load(&log->ring.lost), 0);
}

/* Many rounds of another length than the ring's, so that its end falls everywhere. */
static void goes_round(void **state)
{
	struct decision_log *log = *state;
	uint32_t written = 0;

	for (unsigned int round = 0; round < 50; round++) {
		uint32_t read = written;

		for (unsigned int i = 0; i < 100; i++)
			add(log, written++);
		take_in_order(log, read, written);
	}
	assert_int_equal(atomic_load(&log->ring.lost), 0);
}

static void counts_what_finds_it_full(void **state)
{
	struct decision_log *log = *state;
	struct logged_decision decision;

	for (uint32_t number = 0; number < DECISION_LOG_ROOM + 10; number++)
		add(log, number);
	assert_int_equal(atomic_load(&log->ring.lost), 10);
	/* Room for one: the next is taken, the one after it is lost. */
	take_in_order(log, 0, 1);
	add(log, DECISION_LOG_ROOM);
	add(log, 4711);
	assert_int_equal(atomic_load(&log->ring.lost), 11);
	take_in_order(log, 1, DECISION_LOG_ROOM + 1);
	assert_false(decision_log_take(log, &decision));
}

/* The numbers of writes and reads pass 2^32 one day. */
static void counts_on_past_the_end_of_numbers(void **state)
{
	struct decision_log *log = *state;

	atomic_store(&log->ring.written, UINT32_MAX - 5);
	atomic_store(&log->ring.read, UINT32_MAX - 5);
	for (uint32_t number = 0; number < DECISION_LOG_ROOM + 3; number++)
		add(log, number);
	assert_int_equal(atomic_load(&log->ring.lost), 3);
	take_in_order(log, 0, DECISION_LOG_ROOM);
}

struct writer {
	struct decision_log *log;
	atomic_bool done;
};

/* Stands aside now and then, so that the ring runs both full and empty. */
static void *write_all(void *data)
{
	struct writer *writer = data;

	for (uint32_t number = 0; number < DECISIONS; number++) {
		add(writer->log, number);
		if (number % 1000 == 0)
			sched_yield();
	}
	atomic_store(&writer->done, true);
	return NULL;
}

struct sum {
	uint32_t taken, torn, backwards, next;
};

static void take_all(struct decision_log *log, struct sum *sum)
{
	struct logged_decision decision;

	while (decision_log_take(log, &decision)) {
		sum->taken++;
		sum->torn += !is_whole(&decision);
		sum->backwards += decision.mark < sum->next;
		sum->next = decision.mark + 1;
	}
}

static void loses_and_mixes_nothing_between_threads(void **state)
{
	struct writer writer = { .log = *state };
	struct sum sum = { 0 };
	pthread_t thread;
	bool done;

	assert_int_equal(pthread_create(&thread, NULL, write_all, &writer), 0);
	do {
		done = atomic_load(&writer.done);
		take_all(writer.log, &sum);
	} while (!done);
	pthread_join(thread, NULL);
	print_message("%u taken, %llu lost\n", sum.taken, (unsigned long long)atomic_load(&writer.log->ring.lost));
	assert_int_equal(sum.torn, 0);
	assert_int_equal(sum.backwards, 0);
	assert_int_equal(sum.taken + atomic_load(&writer.log->ring.lost), DECISIONS);
	assert_true(sum.taken >= DECISION_LOG_ROOM);
}

int main(void)
{
#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, make_log, free_log)
	static const struct CMUnitTest tests[] = {
		WITH_LOG(gives_the_oldest_first),
		WITH_LOG(goes_round),
		WITH_LOG(counts_what_finds_it_full),
		WITH_LOG(counts_on_past_the_end_of_numbers),
		WITH_LOG(loses_and_mixes_nothing_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
