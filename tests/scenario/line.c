/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link and its checks in fake time, as service/checker.c does them. */

#include "line.h"

#include <string.h>

#define LOST UINT64_MAX

/* xorshift64* (Vigna 2016). */
uint64_t line_random(uint64_t *state, uint64_t bound)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1dull >> 11) % bound;
}

struct line line_new(uint32_t interval_ms, uint32_t trip_us, uint64_t seed)
{
	struct line line = {
		.check = { .count = 1, .need = 1, .interval_ms = interval_ms, .down_after = 3, .up_after = 5, .damping = true },
		.targets = 1,
		.trip_us = trip_us,
		.cut_us = LINE_NEVER,
		.mended_us = LINE_NEVER,
		.random = seed * 0x9e3779b97f4a7c15ull + 1,
		.start_us = 1000000000,
	};

	line.now_us = line.start_us;
	health_init(&line.health, line.start_us / 1000);
	return line;
}

/* When the answer to what is sent then comes. */
static uint64_t ask_once(struct line *line, uint64_t sent_us)
{
	uint64_t arrives = sent_us + line->trip_us + (line->spread_us > 0 ? line_random(&line->random, line->spread_us) : 0);

	if (line_random(&line->random, 1000) < line->loss_permille)
		return LOST;
	/* Under way at some time of the cut, or sent in it. */
	return arrives > line->cut_us && sent_us < line->mended_us ? LOST : arrives;
}

static uint64_t ask(struct line *line, uint64_t sent_us)
{
	bool twice = line->failed_in_row > 0 && line->failed_in_row < line->check.down_after;
	uint64_t first = LOST;

	for (unsigned int i = 0; i < line->targets * (twice ? 2 : 1); i++) {
		uint64_t arrives = ask_once(line, sent_us);

		first = arrives < first ? arrives : first;
	}
	return first;
}

static void count(struct line *line, enum link_state before)
{
	if (line->health.state == before)
		return;
	line->ups += line->health.state == LINK_UP;
	line->downs += line->health.state == LINK_DOWN;
	line->degradations += line->health.state == LINK_DEGRADED;
	if (line->health.state == LINK_DOWN)
		line->down_us = line->now_us;
	if (before == LINK_DOWN)
		line->up_us = line->now_us;
}

static void tell(struct line *line, struct round round, uint64_t at_us)
{
	enum link_state before = line->health.state;

	line->now_us = at_us;
	round.asked = line->targets;
	health_round(&line->health, &line->check, &round, at_us / 1000);
	count(line, before);
}

/* What came after its time, up to now. */
static void hear_late(struct line *line, uint64_t now_us)
{
	if (!line->late.listened || line->late.arrives_us > now_us)
		return;
	line->late.listened = false;
	line->failed_in_row = 0;
	line->late_rounds++;
	tell(line, (struct round){ .answered = 1, .targets = 1, .late = line->number - line->late.number + 1,
		.latency_us = (uint32_t)(line->late.arrives_us - line->late.sent_us) }, line->late.arrives_us);
}

static void listen_on(struct line *line, uint64_t sent_us, uint64_t arrives_us, uint64_t now_us)
{
	const uint64_t patience_us = HEALTH_PATIENCE_MS * UINT64_C(1000);

	if (line->late.listened && now_us - line->late.sent_us > patience_us)
		line->late.listened = false;
	if (line->late.listened || line->check.timeout_ms != 0)
		return;
	line->late.sent_us = sent_us;
	line->late.arrives_us = arrives_us <= sent_us + patience_us ? arrives_us : LOST;
	line->late.number = line->number;
	line->late.listened = true;
}

/* As advance() of the checker. */
static void next_start(struct line *line, uint64_t sent_us, uint64_t now_us)
{
	uint64_t interval = line->check.interval_ms * UINT64_C(1000), due = sent_us - sent_us % interval + interval;

	if (now_us > due + interval / 2)
		due += ((now_us - due) / interval + 1) * interval;
	line->start_us = due > now_us ? due : now_us;
}

static void play_round(struct line *line)
{
	uint64_t sent_us = line->start_us, arrives, end_us;
	struct round round = { 0 };

	hear_late(line, sent_us);
	end_us = sent_us + health_timeout(&line->health, &line->check) * UINT64_C(1000);
	arrives = ask(line, sent_us);
	if (arrives <= end_us) {
		round = (struct round){ .answered = 1, .targets = 1, .latency_us = (uint32_t)(arrives - sent_us) };
		end_us = arrives;
	}
	hear_late(line, end_us);
	line->number++;
	line->rounds++;
	if (round.answered == 0)
		listen_on(line, sent_us, arrives, end_us);
	line->failed_in_row = round.answered > 0 ? 0 : line->failed_in_row + 1;
	next_start(line, sent_us, end_us);
	tell(line, round, end_us);
}

void line_run(struct line *line, uint64_t until_us)
{
	while (line->start_us < until_us)
		play_round(line);
}

uint64_t line_until(struct line *line, enum link_state state, uint64_t until_us)
{
	while (line->health.state != state && line->start_us < until_us)
		play_round(line);
	return line->health.state == state ? line->now_us : LINE_NEVER;
}

void line_pause(struct line *line, uint64_t us)
{
	line->start_us += us;
}
