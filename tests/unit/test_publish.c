/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that snapshots live as long as they are read, and that each owner is freed once, in order. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/publish.h"
#include "sample_gateway.h"

#define READERS      3
#define REPLACEMENTS 10000

static const char yaml[] =
	"zones: { lan: { devices: [lan0] } }\n"
	"links: { fiber: { device: wan1 }, lte: { device: wwan0 } }\n"
	"policies: [{ name: all, match: { to: internet } }]\n";

/* What snapshots refer to, as a configuration would be. */
struct owner {
	unsigned int number;
	unsigned int *freed; /* how many were, which is also the number of the next one */
};

static struct owner *owner_new(unsigned int number, unsigned int *freed)
{
	struct owner *owner = malloc(sizeof(*owner));

	assert_non_null(owner);
	*owner = (struct owner){ number, freed };
	return owner;
}

/* Without the framework's asserts where threads run: a wrong order is seen in the sum. */
static void free_owner(void *data)
{
	struct owner *owner = data;

	if (*owner->freed == owner->number)
		++*owner->freed;
	free(owner);
}

static void owners_go_in_order_once_nobody_reads(void **state)
{
	struct sample_gateway *gateway = gateway_new(yaml);
	struct publish_reader readers[2] = { { NULL } };
	const struct snapshot *old;
	struct publisher publisher;
	unsigned int freed = 0;

	(void)state;
	publish_init(&publisher, readers, 2, free_owner);
	assert_null(publish_acquire(&publisher, &readers[0]));
	publish_release(&readers[0]);
	assert_int_equal(publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), NULL), 0);
	assert_true(publish_reclaim(&publisher));

	old = publish_acquire(&publisher, &readers[0]);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(publish_replace(&publisher, gateway_snapshot(gateway, NULL, old), owner_new(i, &freed)), 0);
	assert_false(publish_reclaim(&publisher));
	assert_int_equal(freed, 0);
	assert_int_equal(old->generation, 1);
	assert_ptr_equal(publish_acquire(&publisher, &readers[1]), atomic_load(&publisher.newest));

	publish_release(&readers[0]);
	assert_true(publish_reclaim(&publisher)); /* the newest is read, which keeps nothing that was retired */
	assert_int_equal(freed, 20);
	assert_int_equal(publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), owner_new(20, &freed)), 0);
	assert_int_equal(freed, 20);
	assert_int_equal(publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), owner_new(21, &freed)), 0);
	assert_int_equal(freed, 20); /* what came after it waits too */
	publish_release(&readers[1]);
	assert_true(publish_reclaim(&publisher));
	assert_int_equal(freed, 22);
	publish_end(&publisher);
	gateway_free(gateway);
}

static void the_end_frees_what_is_left(void **state)
{
	struct sample_gateway *gateway = gateway_new(yaml);
	struct publish_reader reader = { NULL };
	struct publisher publisher;
	unsigned int freed = 0;

	(void)state;
	publish_init(&publisher, &reader, 1, free_owner);
	publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), NULL);
	publish_acquire(&publisher, &reader);
	publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), owner_new(0, &freed));
	publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), NULL);
	publish_release(&reader);
	publish_end(&publisher);
	assert_int_equal(freed, 1);
	gateway_free(gateway);
}

struct reading {
	struct publisher *publisher;
	struct publish_reader *reader;
	struct flow flow;
	_Atomic bool *over;
	_Atomic unsigned long reads;
	bool went_back; /* saw an older snapshot after a newer one */
	pthread_t thread;
};

static void *read_on(void *data)
{
	struct reading *reading = data;
	uint32_t last = 0;

	while (!atomic_load(reading->over)) {
		const struct snapshot *snapshot = publish_acquire(reading->publisher, reading->reader);
		struct decide_context context = { .now_ms = 1000 };
		struct decision decision;

		reading->went_back |= snapshot->generation < last;
		last = snapshot->generation;
		decide(snapshot, &reading->flow, &context, &decision, NULL);
		publish_release(reading->reader);
		atomic_fetch_add(&reading->reads, 1);
	}
	return NULL;
}

static void start(struct reading *reading, struct publisher *publisher, struct publish_reader *reader,
	const struct sample_gateway *gateway, _Atomic bool *over)
{
	*reading = (struct reading){ .publisher = publisher, .reader = reader, .over = over,
		.flow = gateway_flow(gateway, "lan0", 6, "10.0.1.5", 40000, "203.0.113.1", 443) };
	assert_int_equal(pthread_create(&reading->thread, NULL, read_on, reading), 0);
}

/* Until every reader has read once more than it had: all of them run while snapshots are replaced. */
static void wait_for_readers(struct reading *readings)
{
	unsigned long before[READERS];

	for (size_t i = 0; i < READERS; i++)
		before[i] = atomic_load(&readings[i].reads);
	for (size_t i = 0; i < READERS; i++) {
		while (atomic_load(&readings[i].reads) == before[i])
			sched_yield();
	}
}

static void readers_and_replacements_run_at_once(void **state)
{
	struct sample_gateway *gateway = gateway_new(yaml);
	struct publish_reader readers[READERS] = { { NULL } };
	struct reading readings[READERS];
	_Atomic bool over = false;
	struct publisher publisher;
	unsigned int freed = 0;

	(void)state;
	publish_init(&publisher, readers, READERS, free_owner);
	publish_replace(&publisher, gateway_snapshot(gateway, NULL, NULL), NULL);
	for (size_t i = 0; i < READERS; i++)
		start(&readings[i], &publisher, &readers[i], gateway, &over);
	for (unsigned int i = 0; i < REPLACEMENTS; i++) {
		const struct snapshot *before = atomic_load(&publisher.newest);

		assert_int_equal(publish_replace(&publisher, gateway_snapshot(gateway, NULL, before), owner_new(i, &freed)), 0);
		if (i % 500 == 0)
			wait_for_readers(readings);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(readings[i].thread, NULL), 0);
		assert_false(readings[i].went_back);
	}
	assert_true(publish_reclaim(&publisher));
	assert_int_equal(freed, REPLACEMENTS);
	assert_int_equal(atomic_load(&publisher.newest)->generation, REPLACEMENTS + 1);
	publish_end(&publisher);
	gateway_free(gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_go_in_order_once_nobody_reads),
		cmocka_unit_test(the_end_frees_what_is_left),
		cmocka_unit_test(readers_and_replacements_run_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
