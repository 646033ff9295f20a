/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves that the compiled policies and the plain walk over the list find the same, for random policies and
 * flows. UPLINKD_FLOWS says how many flows at least, UPLINKD_SEED which.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/classifier.h"
#include "random_gateway.h"
#include "random_policies.h"

#define FLOWS        2000000
#define POLICIES_MAX 2000

/* What a round costs is about the same for few policies and for many. */
#define ROUND_COST 150000

struct tally {
	unsigned long flows, answers, matches, met; /* met: flows that met at least one policy */
};

static unsigned long wanted_flows(void)
{
	const char *given = getenv("UPLINKD_FLOWS");

	return given != NULL ? strtoul(given, NULL, 10) : FLOWS;
}

/* As many small lists as large ones. */
static size_t random_count(void)
{
	size_t most = 1;

	for (unsigned int doublings = random_below(11); doublings > 0; doublings--)
		most *= 2;
	return 1 + random_below((unsigned int)(2 * most < POLICIES_MAX ? 2 * most : POLICIES_MAX));
}

static void fail_at(const struct random_policies *random, const struct flow *flow, size_t start, size_t seen,
	size_t expected)
{
	fail_msg("%zu policies, from %zu on: compiled finds %zu, the walk %zu: %s", random->config.policy_count, start,
		seen, expected, random_flow_text(flow));
}

/* Every start: those between two policies that match have the same answer, so that three of them will do. */
static void compare(const struct random_policies *random, const struct classifier *classifier, const struct flow *flow,
	struct tally *tally)
{
	size_t count = random->config.policy_count, first = 0;
	struct classifier_search search;

	classifier_search(&search, classifier, flow);
	for (size_t i = 0; i <= count; i++) {
		size_t starts[3];

		if (i < count && classifier_mismatch(classifier, flow, i) != NULL)
			continue;
		starts[0] = first;
		starts[1] = i;
		starts[2] = first + random_below((unsigned int)(i - first) + 1);
		for (size_t j = 0; j < 3; j++) {
			size_t seen = classifier_next(&search, starts[j]);

			if (seen != i)
				fail_at(random, flow, starts[j], seen, i);
		}
		tally->answers += i - first + 1;
		tally->matches += i < count;
		first = i + 1;
	}
	tally->met += classifier_match(classifier, flow, 0) < count;
	tally->flows++;
}

static void play_round(size_t count, struct tally *tally)
{
	struct random_policies *random = random_policies_new(count);
	struct classifier *classifier = classifier_new(&random->config, &random->ids, &random->view, NULL), *later;
	size_t flows = ROUND_COST / (random->config.policy_count + 20) + 4;

	assert_non_null(classifier);
	for (size_t i = 0; i < flows; i++) {
		struct flow flow = random_policies_flow(random);

		compare(random, classifier, &flow, tally);
	}
	/* Another minute, with what was compiled. */
	random->view.minute = (uint16_t)random_below(MINUTES_OF_WEEK);
	later = classifier_new(&random->config, &random->ids, &random->view, classifier);
	assert_non_null(later);
	classifier_free(classifier);
	for (size_t i = 0; i < flows / 4; i++) {
		struct flow flow = random_policies_flow(random);

		compare(random, later, &flow, tally);
	}
	classifier_free(later);
	random_policies_free(random);
}

static void compiled_policies_match_as_the_walk_does(void **state)
{
	unsigned long wanted = wanted_flows(), rounds = 0;
	struct tally tally = { 0 };

	(void)state;
	while (tally.flows < wanted) {
		play_round(random_count(), &tally);
		rounds++;
	}
	printf("%lu flows over %lu lists of policies, %lu of them met some; %lu policies matched, %lu starts\n",
		tally.flows, rounds, tally.met, tally.matches, tally.answers);
	/* Neither never nor always, or nothing was proven. */
	assert_in_range(tally.met * 100 / tally.flows, 20, 90);
	assert_true(tally.matches > tally.flows);
}

static void as_many_policies_as_marks_tell_apart(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	play_round(65534, &tally);
	assert_in_range(tally.matches, 1, tally.answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiled_policies_match_as_the_walk_does),
		cmocka_unit_test(as_many_policies_as_marks_tell_apart),
	};

	random_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
