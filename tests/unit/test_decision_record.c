/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of decisions: what is written down, what gives way, what a reader sees while it is overwritten; old names. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/decision_record.h"
#include "daemon/names.h"
#include "sample_gateway.h"

struct seen {
	uint64_t times[64];
	size_t count, most;
};

static bool see(const struct decision_record *record, void *data)
{
	struct seen *seen = data;

	seen->times[seen->count++] = record->at_ms;
	return seen->count < seen->most;
}

static void test_oldest_gives_way(void **state)
{
	struct decision_ring *ring = decision_ring_new(8);
	struct seen seen = { .most = 64 };

	(void)state;
	assert_non_null(ring);
	assert_false(decision_ring_read(ring, see, &seen));
	assert_int_equal(seen.count, 0);
	for (uint64_t i = 1; i <= 8; i++)
		decision_ring_add(ring, &(struct decision_record){ .at_ms = i });
	assert_false(decision_ring_read(ring, see, &seen));
	assert_int_equal(seen.count, 8);
	decision_ring_add(ring, &(struct decision_record){ .at_ms = 9 });
	seen = (struct seen){ .most = 64 };
	assert_true(decision_ring_read(ring, see, &seen));
	assert_int_equal(seen.count, 8);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(seen.times[i], 9 - i);
	seen = (struct seen){ .most = 3 };
	decision_ring_read(ring, see, &seen);
	assert_int_equal(seen.count, 3);
	decision_ring_free(ring);
}

#define WRITTEN 300000

/* Every part of a record tells its number. */
static void *write_many(void *data)
{
	for (uint64_t i = 1; i <= WRITTEN; i++) {
		struct decision_record record = { .at_ms = i, .candidates = i, .eligible = i, .generation = (uint32_t)i };

		memcpy(record.to + 8, &i, sizeof(i));
		record.scores[RECORD_SCORES - 1] = (float)i;
		decision_ring_add(data, &record);
	}
	return NULL;
}

struct watch {
	uint64_t before, whole;
};

static bool is_whole(const struct decision_record *record, void *data)
{
	struct watch *watch = data;
	uint64_t number;

	memcpy(&number, record->to + 8, sizeof(number));
	assert_int_equal(record->at_ms, number);
	assert_int_equal(record->candidates, number);
	assert_int_equal(record->eligible, number);
	assert_int_equal(record->generation, number);
	assert_int_equal((uint64_t)record->scores[RECORD_SCORES - 1], number);
	assert_true(number < watch->before);
	watch->before = number;
	watch->whole++;
	return true;
}

/* A reader that is overtaken skips; it never sees a mixture. */
static void test_read_while_written(void **state)
{
	struct decision_ring *ring = decision_ring_new(16);
	struct watch watch = { .before = 0 };
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_many, ring), 0);
	while (watch.before != WRITTEN - 15) {
		watch.before = UINT64_MAX;
		decision_ring_read(ring, is_whole, &watch);
	}
	pthread_join(writer, NULL);
	assert_true(watch.whole >= 16);
	decision_ring_free(ring);
}

static const char two_policies[] =
	"zones: { lan: { devices: [lan0] } }\n"
	"links: { a: { device: wan1, weight: 1 }, b: { device: wan2, weight: 3 } }\n"
	"policies:\n"
	"  - { name: refused, match: { to: 192.0.2.66 }, action: reject }\n"
	"  - { name: rest, nat: masquerade, balance: { algorithm: random, links: [b, a] } }\n";

static struct decision_record record_of(const struct snapshot *snapshot, const struct flow *flow)
{
	struct decide_context context = { .now_ms = 1000 };
	struct decision_record record;
	struct decision decision;

	decide(snapshot, flow, &context, &decision, NULL);
	decision_record_fill(&record, snapshot, flow, &decision, decision_mark(snapshot, &decision), 4711);
	return record;
}

static void test_what_is_written_down(void **state)
{
	struct sample_gateway *gateway = gateway_new(two_policies);
	struct snapshot *snapshot;
	struct sticky *sticky = sticky_new(8);
	struct flow flow = gateway_flow(gateway, "lan0", 17, "fd00:1::5", 1024, "2001:db8:99::1", 53), back;
	struct decision_record record;

	(void)state;
	gateway_down(gateway, "a");
	snapshot = gateway_snapshot(gateway, sticky, NULL);
	record = record_of(snapshot, &flow);
	assert_int_equal(record.at_ms, 4711);
	assert_int_equal(record.generation, snapshot->generation);
	assert_int_equal(record.candidates, 1u << gateway->ids.links[0] | 1u << gateway->ids.links[1]);
	assert_int_equal(record.eligible, 1u << gateway->ids.links[1]);
	assert_int_equal(record.score_count, 1);
	assert_int_equal(record.score_links[0], gateway->ids.links[1]);
	assert_true(record.scores[0] == 1.0f);
	assert_int_equal(record.nat, NAT_MASQUERADE);
	assert_int_equal(record.flags, RECORD_IPV6 | RECORD_PORTS | RECORD_BALANCED);
	back = decision_record_flow(&record);
	assert_memory_equal(&back.to, &flow.to, sizeof(flow.to));
	assert_int_equal(back.from_port, 1024);
	assert_int_equal(back.device, flow.device);
	flow = gateway_flow(gateway, "lan0", 6, "10.0.1.5", 1024, "192.0.2.66", 80);
	record = record_of(snapshot, &flow);
	assert_int_equal(record.action, ACTION_REJECT);
	assert_int_equal(record.flags, RECORD_PORTS | RECORD_POLICY_REFUSES);
	assert_int_equal(record.candidates, 0);
	snapshot_free(snapshot);
	sticky_free(sticky);
	gateway_free(gateway);
}

/* A reserve is told from a link that is down. */
static void test_tiers(void **state)
{
	static const char text[] = "links:\n  a: { device: wan1 }\n  b: { device: wan2 }\n  c: { device: wan3 }\n  d: { device: wan4 }\n"
		"policies: [ { name: all, balance: { links: [[a], [b, c], d] } } ]\n";
	struct sample_gateway *gateway = gateway_new(text);
	struct flow flow = gateway_flow(gateway, "", 17, "10.0.1.5", 1024, "198.51.100.1", 53);
	struct sticky *sticky = sticky_new(8);
	const uint8_t *ids = gateway->ids.links;
	struct decision_record record;
	struct snapshot *snapshot;

	(void)state;
	gateway_down(gateway, "a");
	snapshot = gateway_snapshot(gateway, sticky, NULL);
	record = record_of(snapshot, &flow);
	assert_int_equal(record.candidates, 1u << ids[0] | 1u << ids[1] | 1u << ids[2]);
	assert_int_equal(record.eligible, 1u << ids[1] | 1u << ids[2] | 1u << ids[3]);
	assert_int_equal(record.tier, 2);
	assert_int_equal(record.score_count, 2);
	snapshot_free(snapshot);
	sticky_free(sticky);
	gateway_free(gateway);
}

/* Of twelve links the eight with the best scores. */
static void test_best_scores(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct sample_gateway *gateway;
	struct sticky *sticky = sticky_new(8);
	struct decision_record record;
	struct snapshot *snapshot;
	struct flow flow;

	(void)state;
	fputs("links:\n", out);
	for (int i = 1; i <= 12; i++)
		fprintf(out, "  l%d: { device: wan%d, weight: %d }\n", i, i, i * 5 % 13);
	fputs("policies: [ { name: all, balance: { algorithm: random } } ]\n", out);
	fclose(out);
	gateway = gateway_new(text);
	snapshot = gateway_snapshot(gateway, sticky, NULL);
	flow = gateway_flow(gateway, "", 17, "10.0.1.5", 1024, "198.51.100.1", 53);
	record = record_of(snapshot, &flow);
	assert_int_equal(record.score_count, RECORD_SCORES);
	for (size_t i = 0; i < RECORD_SCORES; i++) {
		assert_true(record.scores[i] >= 4.9f / 78);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(record.score_links[i], record.score_links[j]);
	}
	snapshot_free(snapshot);
	sticky_free(sticky);
	gateway_free(gateway);
	free(text);
}

static struct config named(struct policy *policy, const char *name)
{
	policy->name = name;
	return (struct config){ .policies = policy, .policy_count = 1 };
}

/* The number 5 means a, then b, then nothing, then c. */
static void test_old_names(void **state)
{
	struct retired_names *names = calloc(1, sizeof(*names));
	uint16_t five = 5;
	struct ids ids = { .policies = &five };
	struct policy policies[3];
	struct config a = named(&policies[0], "a"), b = named(&policies[1], "b"), c = named(&policies[2], "c");
	struct config none = { .policy_count = 0 };

	(void)state;
	assert_non_null(names);
	assert_null(names_find(names, NAME_POLICY, 5, 1));
	names_retire(names, &a, &ids, &a, &ids, 5);
	assert_null(names_find(names, NAME_POLICY, 5, 1));
	names_retire(names, &a, &ids, &b, &ids, 10);
	names_retire(names, &b, &ids, &none, &ids, 20);
	names_retire(names, &none, &ids, &c, &ids, 30);
	assert_string_equal(names_find(names, NAME_POLICY, 5, 1), "a");
	assert_string_equal(names_find(names, NAME_POLICY, 5, 10), "a");
	assert_string_equal(names_find(names, NAME_POLICY, 5, 11), "b");
	assert_null(names_find(names, NAME_POLICY, 5, 21));
	assert_null(names_find(names, NAME_POLICY, 6, 1));
	assert_null(names_find(names, NAME_LINK, 5, 1));
	for (uint32_t i = 0; i < RETIRED_NAMES; i++)
		names_retire(names, &c, &ids, &none, &ids, 100 + i);
	assert_string_equal(names_find(names, NAME_POLICY, 5, 1), "c");
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oldest_gives_way),
		cmocka_unit_test(test_read_while_written),
		cmocka_unit_test(test_what_is_written_down),
		cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_best_scores),
		cmocka_unit_test(test_old_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
