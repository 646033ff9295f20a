/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link in fake time: rounds of checks and events, counted and checked at each step. */

#include "play.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

struct play play_new(uint32_t interval_ms)
{
	struct play play = {
		.check = { .count = 1, .need = 1, .interval_ms = interval_ms, .down_after = 3, .up_after = 5 },
		.start_ms = 1000000,
		.latency_us = 20000,
	};

	health_init(&play.health, play.start_ms);
	return play;
}

static void count(struct play *play, bool changed, enum link_state before)
{
	assert_int_equal(changed, play->health.state != before);
	if (!changed)
		return;
	assert_int_equal(play->health.since_ms, play->now_ms);
	play->ups += play->health.state == LINK_UP;
	play->downs += play->health.state == LINK_DOWN;
	play->degradations += play->health.state == LINK_DEGRADED;
}

void play_require_sound(const struct play *play)
{
	const struct health *health = &play->health;
	uint32_t longest = play->check.interval_ms > HEALTH_PATIENCE_MS ? play->check.interval_ms : HEALTH_PATIENCE_MS;

	assert_int_equal(health_usable(health), health->state != LINK_DOWN);
	assert_true((health->state == LINK_UP) == (health->cause == CAUSE_NONE));
	assert_true(health->good_in_row == 0 || health->failed_in_row == 0);
	assert_true(health_loss_permille(health) <= 1000);
	assert_in_range(health_timeout(health, &play->check), 1, longest);
}

void play_round(struct play *play)
{
	uint32_t timeout = health_timeout(&play->health, &play->check);
	bool answers = play->latency_us != DEAD && play->latency_us <= timeout * 1000;
	struct round round = { .asked = (unsigned int)play->check.count };
	enum link_state before = play->health.state;

	play->now_ms = play->start_ms + timeout;
	if (answers) {
		round.answered = play->answered > 0 ? play->answered : round.asked;
		round.latency_us = play->latency_us;
		play->now_ms = play->start_ms + (play->latency_us + 999) / 1000;
		play->answer_ms = play->now_ms;
	}
	play->start_ms += play->check.interval_ms;
	count(play, health_round(&play->health, &play->check, &round, play->now_ms), before);
	play_require_sound(play);
}

void play_rounds(struct play *play, unsigned int rounds)
{
	while (rounds-- > 0)
		play_round(play);
}

bool play_ground(struct play *play, enum link_ground ground)
{
	enum link_state before = play->health.state;
	bool changed;

	play->now_ms = play->start_ms;
	changed = health_ground(&play->health, &play->check, ground, play->now_ms);
	count(play, changed, before);
	play_require_sound(play);
	return changed;
}

void seed_random(void)
{
	const char *given = getenv("SEED");
	unsigned int seed = given != NULL ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time(NULL);

	print_message("seed %u\n", seed);
	srand(seed);
}

bool chance(unsigned int permille)
{
	return (unsigned int)rand() % 1000 < permille;
}
