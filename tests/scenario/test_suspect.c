/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays connections over links in fake time: who is suspected when, who never is, and how often it may change. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/suspect.h"
#include "play.h"

#define LINKS     3
#define FLIGHTS   4096
#define LOOK_MS   50 /* between two judgements */
#define SECOND_US 1000000ull

/* One link and who uses it. */
struct lane {
	unsigned int per_second;
	uint32_t rtt_us, jitter_us;
	unsigned int failing; /* permille of connections that nobody answers, by themselves */
	unsigned int sites;   /* 0: any of 200 */
	bool drops;
	unsigned int carry;
};

struct flight {
	uint64_t due_us, begun_us;
	uint8_t lane;
	bool lost;
};

struct world {
	struct suspects *suspects;
	struct lane lanes[LINKS + 1]; /* from 1 */
	struct suspicion suspicions[LINKS + 1];
	uint32_t answered[LINKS + 1];
	struct flight flights[FLIGHTS];
	size_t count;
	uint64_t now_us;
	unsigned int accusations, lookings; /* of a link; of "perhaps" */
	uint64_t accused_us;                /* the last accusation */
	uint8_t accused;
};

static struct world *world;

static int make_world(void **state)
{
	(void)state;
	world = calloc(1, sizeof(*world));
	if (world == NULL)
		return -1;
	world->suspects = suspects_new();
	world->now_us = 1000 * SECOND_US;
	for (int i = 1; i <= LINKS; i++)
		world->lanes[i] = (struct lane){ .rtt_us = 20000, .jitter_us = 5000 };
	seed_random();
	return world->suspects == NULL ? -1 : 0;
}

static int free_world(void **state)
{
	(void)state;
	suspects_free(world->suspects);
	free(world);
	return 0;
}

/* Somewhere in that many networks. */
static struct flow flow_to(unsigned int sites)
{
	struct flow flow = { .family = rand() % 2 == 0 ? IPV4 : IPV6, .protocol = IPPROTO_TCP, .ports = true, .to_port = 443 };
	unsigned int site = (unsigned int)rand() % (sites == 0 ? 200 : sites);

	if (sites != 0)
		flow.family = IPV4;
	flow.from.family = flow.to.family = flow.family;
	flow.from_port = (uint16_t)rand();
	flow.to.bytes[0] = 198;
	flow.to.bytes[flow.family == IPV4 ? 2 : 5] = (uint8_t)site;
	flow.to.bytes[flow.family == IPV4 ? 3 : 15] = (uint8_t)rand();
	return flow;
}

static void begin(uint8_t lane)
{
	const struct lane *at = &world->lanes[lane];
	struct flow flow = flow_to(at->sites);
	bool lost = at->drops || chance(at->failing);
	uint64_t takes_us = lost ? 3 * SECOND_US : at->rtt_us + (at->jitter_us == 0 ? 0 : (uint32_t)rand() % at->jitter_us);

	suspects_begun(world->suspects, lane, &flow, world->now_us);
	assert_true(world->count < FLIGHTS);
	world->flights[world->count++] = (struct flight){ world->now_us + takes_us, world->now_us, lane, lost };
}

static void land(const struct flight *flight)
{
	if (flight->lost) {
		suspects_failed(world->suspects, flight->lane);
		return;
	}
	if (world->lanes[flight->lane].drops) /* the answer is lost, too */
		return;
	suspects_answered(world->suspects, flight->lane, (uint32_t)(world->now_us - flight->begun_us), world->now_us);
	world->answered[flight->lane]++;
}

static void judge(void)
{
	struct accusation accusation;
	enum verdict verdict = suspects_judge(world->suspects, world->now_us, &accusation);

	if (verdict == SUSPECT_NONE)
		return;
	suspects_forget(world->suspects, accusation.link);
	if (!suspicion_accuse(&world->suspicions[accusation.link], verdict, world->answered[accusation.link],
		    world->now_us / 1000))
		return;
	world->accusations += verdict == SUSPECT_LINK;
	world->lookings += verdict == SUSPECT_PERHAPS;
	world->accused_us = world->now_us;
	world->accused = accusation.link;
}

/* Lets time pass; new connections leave suspect links alone where another is there and avoid is said. */
static void play(uint64_t ms, bool avoid, bool checks_answer)
{
	for (uint64_t end = world->now_us + ms * 1000; world->now_us < end; world->now_us += 1000) {
		uint64_t now_ms = world->now_us / 1000;

		for (uint8_t i = 1; i <= LINKS; i++) {
			struct lane *lane = &world->lanes[i];

			lane->carry += avoid && world->suspicions[i].verdict == SUSPECT_LINK ? 0 : lane->per_second;
			for (; lane->carry >= 1000; lane->carry -= 1000)
				begin(i);
			if (now_ms % 200 == 0)
				suspicion_round(&world->suspicions[i], checks_answer);
			if (now_ms % 1000 == 0)
				suspicion_over(&world->suspicions[i], true, world->answered[i], now_ms);
		}
		for (size_t i = 0; i < world->count; i++) {
			if (world->flights[i].due_us > world->now_us)
				continue;
			land(&world->flights[i]);
			world->flights[i--] = world->flights[--world->count];
		}
		if (now_ms % LOOK_MS == 0)
			judge();
	}
}

static void silence_is_suspect_within_a_second(void **state)
{
	uint64_t worst_us = 0;

	(void)state;
	for (int i = 0; i < 50; i++) {
		uint64_t dropped_us;

		world->lanes[1].drops = false;
		world->lanes[1].per_second = world->lanes[2].per_second = 25; /* 50 over two links */
		play(3000 + (uint64_t)rand() % 1000, false, true);
		memset(world->suspicions, 0, sizeof(world->suspicions));
		world->accusations = 0;
		world->lanes[1].drops = true;
		dropped_us = world->now_us;
		play(1500, false, true);
		assert_int_equal(world->accusations, 1);
		assert_int_equal(world->accused, 1);
		if (world->accused_us - dropped_us > worst_us)
			worst_us = world->accused_us - dropped_us;
	}
	print_message("at worst after %u ms\n", (unsigned int)(worst_us / 1000));
	assert_true(worst_us < SECOND_US);
}

/* A backup that nobody uses answers nobody, and that is no excuse for the link that was answered until now. */
static void idle_others_excuse_nobody(void **state)
{
	(void)state;
	world->lanes[1].per_second = 50;
	play(5000, false, true);
	world->lanes[1].drops = true;
	play(1000, false, true);
	assert_int_equal(world->accusations, 1);
	assert_int_equal(world->accused, 1);
}

static void who_is_answered_nowhere_accuses_nobody(void **state)
{
	(void)state;
	world->lanes[1].per_second = world->lanes[2].per_second = 25;
	play(5000, false, true);
	world->lanes[1].drops = world->lanes[2].drops = true;
	play(300, false, true); /* answers of before still count as such for two seconds */
	assert_int_equal(world->accusations, 0);
	suspects_forget(world->suspects, 0);
	play(2500, false, true);
	suspects_forget(world->suspects, 0);
	world->accusations = 0;
	memset(world->suspicions, 0, sizeof(world->suspicions));
	play(4000, false, true);
	assert_int_equal(world->accusations, 0);
	assert_true(world->lookings > 0);
}

static void a_dead_server_accuses_nobody(void **state)
{
	(void)state;
	world->lanes[1].per_second = 40;
	world->lanes[1].sites = 2;
	world->lanes[1].failing = 1000;
	world->lanes[2].per_second = 40;
	play(600000, false, true);
	assert_int_equal(world->accusations + world->lookings, 0);
}

/* Also among others that live. */
static void many_failures_of_their_own_are_no_suspicion(void **state)
{
	static const unsigned int shares[] = { 100, 300, 500 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int j = 1; j <= LINKS; j++) {
			world->lanes[j].per_second = 30;
			world->lanes[j].failing = shares[i];
		}
		play(60000, false, true); /* until it is known how often they fail */
		memset(world->suspicions, 0, sizeof(world->suspicions));
		world->accusations = 0;
		play(600000, false, true);
		print_message("%u permille fail: accused %u times in 10 min\n", shares[i], world->accusations);
		assert_true(world->accusations <= (i < 2 ? 0u : 1u));
	}
}

static void a_satellite_is_no_suspect(void **state)
{
	(void)state;
	world->lanes[1].per_second = world->lanes[2].per_second = 50;
	world->lanes[1].rtt_us = 700000;
	world->lanes[1].jitter_us = 150000;
	play(600000, false, true);
	assert_int_equal(world->accusations + world->lookings, 0);
}

static void little_traffic_is_no_suspect(void **state)
{
	(void)state;
	for (int i = 0; i < 6 * 3600; i++) { /* one connection each second or so, one in ten to nowhere */
		uint8_t lane = (uint8_t)(1 + rand() % LINKS);

		world->lanes[lane].failing = 100;
		begin(lane);
		play(500 + (uint64_t)rand() % 1000, false, true);
	}
	assert_int_equal(world->accusations + world->lookings, 0);
}

static void it_gets_connections_again_when_it_answers(void **state)
{
	(void)state;
	world->lanes[1].per_second = world->lanes[2].per_second = 25;
	play(3000, true, true);
	world->lanes[1].drops = true;
	play(5000, true, false); /* its checks say the same */
	assert_int_equal(world->suspicions[1].verdict, SUSPECT_LINK);
	play(20000, true, false);
	assert_int_equal(world->suspicions[1].verdict, SUSPECT_LINK);
	world->lanes[1].drops = false;
	play(2500, true, true);
	assert_int_equal(world->suspicions[1].verdict, SUSPECT_NONE);
	play(60000, true, true);
	assert_int_equal(world->accusations, 1);
}

/* Checks say all is well, but no connection gets through. */
static void who_answers_checks_alone_changes_seldom(void **state)
{
	unsigned int first;

	(void)state;
	world->lanes[1].per_second = world->lanes[2].per_second = 25;
	play(3000, true, true);
	world->lanes[1].drops = true;
	play(600000, true, true);
	first = world->accusations;
	play(3600000, true, true);
	print_message("accused %u times in 10 min, %u times in the hour after\n", first, world->accusations - first);
	assert_in_range(first, 5, 10);
	assert_in_range(world->accusations - first, 10, 13);
	/* And all is forgotten after it was well for long. */
	world->lanes[1].drops = false;
	play(SUSPICION_HOLD_MOST_MS + SUSPICION_CALM_MS + 5000, true, true);
	world->lanes[1].drops = true;
	play(2000, true, true);
	assert_int_equal(world->suspicions[1].hold_ms, SUSPICION_HOLD_LEAST_MS);
}

int main(void)
{
#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, free_world)
	static const struct CMUnitTest tests[] = {
		WITH_WORLD(silence_is_suspect_within_a_second),
		WITH_WORLD(idle_others_excuse_nobody),
		WITH_WORLD(who_is_answered_nowhere_accuses_nobody),
		WITH_WORLD(a_dead_server_accuses_nobody),
		WITH_WORLD(many_failures_of_their_own_are_no_suspicion),
		WITH_WORLD(a_satellite_is_no_suspect),
		WITH_WORLD(little_traffic_is_no_suspect),
		WITH_WORLD(it_gets_connections_again_when_it_answers),
		WITH_WORLD(who_answers_checks_alone_changes_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
