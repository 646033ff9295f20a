/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays what speaks for and against a link beside its checks, in fake time: dead targets, real traffic, sparing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/dead_target.h"
#include "core/sparing.h"

/* ---- targets ---- */

#define LINKS 3

static struct target shared = { .kind = TARGET_PING, .address = { IPV4, { 192, 0, 2, 1 } } };
static struct target other = { .kind = TARGET_PING, .address = { IPV4, { 192, 0, 2, 2 } } };

/* Three links that ask the shared target, then another one, then their gateways. */
struct world {
	struct target targets[LINKS][3];
	struct check checks[LINKS];
	struct target_seen seen[LINKS][3];
	struct target_watcher links[LINKS];
	uint64_t now_ms;
};

static void make(struct world *world, unsigned int need)
{
	*world = (struct world){ .now_ms = 1000 };
	for (size_t i = 0; i < LINKS; i++) {
		world->targets[i][0] = shared;
		world->targets[i][1] = other;
		world->targets[i][2] = (struct target){ .kind = TARGET_NEIGHBOUR, .gateway = true };
		world->checks[i] = (struct check){ .targets = world->targets[i], .count = 3, .need = need };
		world->links[i] = (struct target_watcher){ &world->checks[i], world->seen[i], true };
	}
}

/* A round of that link; bits of the targets that answered. */
static struct round play(struct world *world, size_t link, uint32_t targets)
{
	struct round round = { .asked = 3, .targets = targets };

	for (unsigned int i = 0; i < 3; i++)
		round.answered += targets >> i & 1;
	world->now_ms += 10;
	targets_note(world->seen[link], &world->checks[link], &round, world->now_ms);
	return round;
}

static bool excused(struct world *world, size_t link, const struct round *round)
{
	size_t target = 99;
	bool all = targets_all_dead(world->links, LINKS, link, round, &target);

	assert_true(!all || target < 3);
	return all;
}

static void tells_a_dead_target_from_a_dead_link(void **state)
{
	struct world world;
	struct round round;

	(void)state;
	make(&world, 3);
	for (int i = 0; i < 5; i++) {
		for (size_t link = 0; link < LINKS; link++)
			play(&world, link, 7);
	}
	/* One link does not hear it, but the others were answered since. */
	round = play(&world, 0, 6);
	assert_false(excused(&world, 0, &round));
	play(&world, 1, 7);
	play(&world, 2, 7);
	round = play(&world, 0, 6);
	assert_false(excused(&world, 0, &round));
	/* Nor do two of three. */
	play(&world, 1, 6);
	round = play(&world, 0, 6);
	assert_false(excused(&world, 0, &round));
	/* Nobody does. */
	play(&world, 2, 6);
	round = play(&world, 0, 6);
	assert_true(excused(&world, 0, &round));
	/* One hears it again. */
	play(&world, 2, 7);
	round = play(&world, 0, 6);
	assert_false(excused(&world, 0, &round));
}

static void needs_every_missing_answer_to_be_dead(void **state)
{
	struct world world;
	struct round round;

	(void)state;
	make(&world, 3);
	for (size_t link = 0; link < LINKS; link++)
		play(&world, link, 7);
	play(&world, 1, 6);
	play(&world, 2, 6);
	/* The shared one is dead, but this link has lost another as well. */
	round = play(&world, 0, 4);
	assert_false(excused(&world, 0, &round));
	round = play(&world, 0, 6);
	assert_true(excused(&world, 0, &round));
	/* A gateway is each link's own, though they are written alike. */
	play(&world, 1, 3);
	play(&world, 2, 3);
	round = play(&world, 0, 3);
	assert_false(excused(&world, 0, &round));
}

static void a_link_that_cannot_ask_is_no_witness(void **state)
{
	struct world world;
	struct round round;

	(void)state;
	make(&world, 1);
	for (size_t link = 0; link < LINKS; link++) {
		world.checks[link].count = 2;
		play(&world, link, 1);
	}
	world.links[1].ready = world.links[2].ready = false;
	play(&world, 1, 0);
	play(&world, 2, 0);
	round = play(&world, 0, 0);
	assert_false(excused(&world, 0, &round));
	world.links[2].ready = true;
	assert_true(excused(&world, 0, &round));
	/* One that asks seldom has not asked since: it says nothing yet. */
	make(&world, 1);
	for (size_t link = LINKS; link-- > 0;) {
		world.checks[link].count = 2;
		play(&world, link, 1);
	}
	round = play(&world, 0, 0);
	assert_false(excused(&world, 0, &round));
	play(&world, 1, 0);
	play(&world, 2, 0);
	assert_true(excused(&world, 0, &round));
	/* Who is asked by one link alone cannot be compared. */
	world.checks[1].count = world.checks[2].count = 0;
	assert_false(excused(&world, 0, &round));
}

/* ---- traffic ---- */

static void proofs_are_answers_and_much_that_comes(void **state)
{
	struct traffic_seen seen = { 0 };
	struct traffic_figures now = { .answered = 7, .failed = 2, .received = 5000000, .sent = 5000000 };

	(void)state;
	assert_int_equal(traffic_look(&seen, &now, 1000), TRAFFIC_NONE); /* the first look */
	now.answered++;
	assert_int_equal(traffic_look(&seen, &now, 2000), TRAFFIC_ANSWERED);
	assert_int_equal(traffic_state(&seen, 6999), TRAFFIC_ANSWERED);
	assert_int_equal(traffic_state(&seen, 7000), TRAFFIC_NONE);
	assert_true(traffic_proven_since(&seen, 1999));
	assert_false(traffic_proven_since(&seen, 2000));
	now.received += TRAFFIC_PROOF_BYTES - 1;
	assert_int_equal(traffic_look(&seen, &now, 8000), TRAFFIC_NONE);
	now.received += TRAFFIC_PROOF_BYTES;
	assert_int_equal(traffic_look(&seen, &now, 9000), TRAFFIC_ANSWERED);
	/* The device came back and counts from zero. */
	now.received = now.sent = 100000;
	assert_int_equal(traffic_look(&seen, &now, 20000), TRAFFIC_NONE);
	/* A page that a check fetched is no traffic, also where it is over in the next second only. */
	for (uint64_t ms = 21000; ms < 30000; ms += 1000) {
		now.received += 66000;
		now.probe_bytes += ms % 2000 == 0 ? 134000 : 70000;
		assert_int_equal(traffic_look(&seen, &now, ms), TRAFFIC_NONE);
	}
}

static void silence_is_told_at_once(void **state)
{
	struct traffic_seen seen = { 0 };
	struct traffic_figures now = { .answered = 1 };

	(void)state;
	traffic_look(&seen, &now, 1000);
	now.answered++;
	traffic_look(&seen, &now, 2000);
	now.failed++;
	assert_int_equal(traffic_look(&seen, &now, 3000), TRAFFIC_UNANSWERED);
	assert_int_equal(traffic_state(&seen, 3500), TRAFFIC_UNANSWERED);
	now.answered++;
	assert_int_equal(traffic_look(&seen, &now, 4000), TRAFFIC_ANSWERED);
	assert_int_equal(traffic_state(&seen, 4500), TRAFFIC_ANSWERED);
	/* Packets go out and none comes: the second such second tells. */
	now.sent += 4000;
	assert_int_equal(traffic_look(&seen, &now, 5000), TRAFFIC_NONE);
	now.sent += 4000;
	assert_int_equal(traffic_look(&seen, &now, 6000), TRAFFIC_UNANSWERED);
	now.sent += 4000;
	now.received += 60;
	assert_int_equal(traffic_look(&seen, &now, 7000), TRAFFIC_NONE);
	/* Our own checks are no traffic. */
	for (uint64_t ms = 8000; ms < 20000; ms += 1000) {
		now.sent += 600;
		now.probe_bytes += 600;
		assert_int_equal(traffic_look(&seen, &now, ms), TRAFFIC_NONE);
	}
}

static void spares_only_what_nothing_speaks_against(void **state)
{
	struct check check = { .count = 1, .need = 1, .interval_ms = 1000, .down_after = 3, .up_after = 5 };
	struct round good = { .answered = 1, .asked = 1, .targets = 1, .latency_us = 20000 }, lost = { .asked = 1 };
	struct health health;
	uint64_t now = 1000;

	(void)state;
	health_init(&health, now);
	for (int i = 0; i < 4; i++)
		health_round(&health, &check, &good, now += 1000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_ANSWERED), 1000); /* not asked for */
	check.sparing.busy_ms = 30000;
	check.sparing.idle_ms = 10000;
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_ANSWERED), 1000); /* too few good ones */
	health_round(&health, &check, &good, now += 1000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_ANSWERED), 30000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_NONE), 10000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_UNANSWERED), 1000);
	health_round(&health, &check, &lost, now += 1000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_ANSWERED), 1000);
	check.sparing.busy_ms = 500; /* never more often than without */
	for (int i = 0; i < 5; i++)
		health_round(&health, &check, &good, now += 1000);
	assert_int_equal(sparing_interval(&check, &health, TRAFFIC_ANSWERED), 1000);
}

/* A link that is busy by day: what its checks cost, and how soon a black hole is found all the same. */
static void an_hour_of_sparing_costs_little(void **state)
{
	struct check check = { .count = 1, .need = 1, .interval_ms = 1000, .down_after = 3, .up_after = 5,
		.sparing = { 30000, 10000 } };
	struct round good = { .answered = 1, .asked = 1, .targets = 1, .latency_us = 20000 };
	struct health health;
	struct traffic_seen seen = { 0 };
	struct traffic_figures figures = { 0 };
	uint64_t now = 1000, next = 1000;
	struct check paced = check; /* who comes seldom by order was not held up */
	unsigned int rounds = 0;

	(void)state;
	health_init(&health, now);
	for (; now < 3601000; now += 1000) {
		figures.answered++;
		traffic_look(&seen, &figures, now);
		if (now < next)
			continue;
		health_round(&health, &paced, &good, now);
		paced.interval_ms = sparing_interval(&check, &health, traffic_state(&seen, now));
		next = now + paced.interval_ms;
		rounds++;
	}
	print_message("%u rounds in a busy hour instead of 3600\n", rounds);
	assert_in_range(rounds, 120, 126);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_dead_target_from_a_dead_link),
		cmocka_unit_test(needs_every_missing_answer_to_be_dead),
		cmocka_unit_test(a_link_that_cannot_ask_is_no_witness),
		cmocka_unit_test(proofs_are_answers_and_much_that_comes),
		cmocka_unit_test(silence_is_told_at_once),
		cmocka_unit_test(spares_only_what_nothing_speaks_against),
		cmocka_unit_test(an_hour_of_sparing_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
