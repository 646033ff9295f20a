/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that live in a replay: their bytes move, time goes on, links are measured. */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/replay_parts.h"

#define SHORTEST_S    0.001
#define IDLE_S        60 /* after so long without any connection nothing changes any more */
#define BUSY_PERCENT  90

/* What the checks of a link would see, where it has any: a queue stands where connections want more than there is. */
#define LATENCY_US    20000
#define QUEUE_US      100000

double replay_duration(const struct replay_connection *connection)
{
	if (!(connection->duration > SHORTEST_S))
		return SHORTEST_S;
	return connection->duration < REPLAY_SECONDS_MAX ? connection->duration : REPLAY_SECONDS_MAX;
}

static double whole(double seconds)
{
	return (double)(uint64_t)seconds;
}

/* Bytes so far, second by second: between two changes all whole seconds are alike. */
static void asked_until(struct replay_asked *asked, double now)
{
	double next = whole(asked->since) + 1;

	if (now >= next) {
		asked->this_second += asked->rate * (next - asked->since);
		if (asked->this_second > asked->peak)
			asked->peak = asked->this_second;
		if (now - next >= 1 && asked->rate > asked->peak)
			asked->peak = asked->rate;
		asked->this_second = 0;
		asked->since = whole(now);
	}
	asked->this_second += asked->rate * (now - asked->since);
	asked->since = now;
}

void replay_ask(struct replay *replay, uint32_t policy, enum direction direction, double change)
{
	struct replay_asked *asked = &replay->states[policy].asked[direction];

	asked_until(asked, replay->now);
	asked->rate += change;
	if (asked->rate < 0)
		asked->rate = 0;
}

static struct fluid *fluid_of(struct replay *replay, uint16_t link, enum part part)
{
	return part == PART_TIME ? &replay->time : &replay->pipes[link][part].fluid;
}

static int grow(struct replay *replay)
{
	uint32_t room = replay->live_room == 0 ? 256 : 2 * replay->live_room;
	struct replay_live *lives = reallocarray(replay->lives, room, sizeof(*lives));

	if (lives == NULL)
		return -ENOMEM;
	replay->lives = lives;
	for (enum part part = PART_DOWNLOAD; part < PARTS; part++) {
		struct fluid_flow *flows = reallocarray(replay->flows[part], room, sizeof(*flows));

		if (flows == NULL)
			return -ENOMEM;
		replay->flows[part] = flows;
	}
	for (uint32_t i = room; i > replay->live_room; i--) {
		lives[i - 1] = (struct replay_live){ .next = replay->live_free };
		replay->live_free = i;
	}
	replay->live_room = room;
	return 0;
}

static int begin_part(struct replay *replay, uint32_t number, enum part part, double bytes)
{
	struct replay_live *live = &replay->lives[number];
	struct fluid *fluid = fluid_of(replay, live->link, part);

	live->parts |= (uint8_t)(1 << part);
	fluid_advance(fluid, replay->now);
	return fluid_add(fluid, replay->flows[part], number, bytes, bytes / live->duration);
}

static int begin_parts(struct replay *replay, uint32_t number, const uint64_t bytes[DIRECTIONS])
{
	struct replay_live *live = &replay->lives[number];
	int error = begin_part(replay, number, PART_TIME, live->duration);

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD && error == 0; direction++) {
		live->own[direction] = (double)bytes[direction] / live->duration;
		replay_ask(replay, live->policy, direction, live->own[direction]);
		if (bytes[direction] > 0 && live->link != NO_LINK)
			error = begin_part(replay, number, (enum part)direction, (double)bytes[direction]);
	}
	return error;
}

static void count_live(struct replay *replay, uint16_t link)
{
	if (++replay->live_count > replay->totals.most)
		replay->totals.most = replay->live_count;
	if (link == NO_LINK)
		return;
	if (++replay->link_lives[link] > replay->links[link].most)
		replay->links[link].most = replay->link_lives[link];
	replay->loads->links[imagined_ids(replay->imagined)->links[link]].connections++;
}

int replay_live_add(struct replay *replay, const struct replay_connection *connection,
	const struct replay_outcome *outcome, uint32_t bucket)
{
	double duration = replay_duration(connection);
	struct replay_live *live;
	uint32_t number;

	if (replay->now + duration > replay->horizon)
		replay->horizon = replay->now + duration;
	if (replay->live_count >= REPLAY_LIVE_MAX) {
		replay->totals.not_modelled++;
		replay_limits_end(replay, bucket);
		return 0;
	}
	if (replay->live_free == 0 && grow(replay) < 0)
		return -ENOMEM;
	number = replay->live_free - 1;
	live = &replay->lives[number];
	replay->live_free = live->next;
	*live = (struct replay_live){
		.link = outcome->fate == FATE_LINK ? (uint16_t)outcome->link : NO_LINK,
		.policy = (uint32_t)(outcome->policy == NO_POLICY ? replay->config->policy_count : outcome->policy),
		.bucket = bucket, .start = replay->now, .duration = duration,
	};
	count_live(replay, live->link);
	return begin_parts(replay, number, connection->bytes);
}

static void end_connection(struct replay *replay, uint32_t number, bool cut)
{
	struct replay_live *live = &replay->lives[number];

	replay->live_count--;
	if (replay->live_count == 0)
		replay->idle_since = replay->now;
	replay_limits_end(replay, live->bucket);
	if (live->link != NO_LINK) {
		struct replay_link *link = &replay->links[live->link];

		replay->link_lives[live->link]--;
		replay->loads->links[imagined_ids(replay->imagined)->links[live->link]].connections--;
		link->cut += cut;
		link->recorded_s += cut ? 0 : live->duration;
		link->taken_s += cut ? 0 : replay->now - live->start;
	}
	live->next = replay->live_free;
	replay->live_free = number + 1;
}

/* What the record had of it is over, even where it has bytes left. */
static void end_time(struct replay *replay, struct replay_live *live)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		replay_ask(replay, live->policy, direction, -live->own[direction]);
	replay_limits_rest(replay, live->bucket, live->own[DOWNLOAD] + live->own[UPLOAD]);
}

static void end_part(struct replay *replay, uint32_t number, enum part part, bool cut)
{
	struct replay_live *live = &replay->lives[number];
	struct fluid *fluid = fluid_of(replay, live->link, part);

	fluid_advance(fluid, replay->now);
	fluid_remove(fluid, replay->flows[part], number);
	live->parts &= (uint8_t)~(1 << part);
	if (part == PART_TIME)
		end_time(replay, live);
	if (live->parts == 0)
		end_connection(replay, number, cut);
}

void replay_cut(struct replay *replay, uint16_t link)
{
	for (uint32_t i = 0; i < replay->live_room; i++) {
		struct replay_live *live = &replay->lives[i];

		if (live->parts == 0 || live->link != link)
			continue;
		for (enum part part = PART_DOWNLOAD; part < PARTS; part++) {
			if (live->parts & 1 << part)
				end_part(replay, i, part, true);
		}
	}
}

/* The part that ends first. */
struct ending {
	double at;
	uint32_t number;
	enum part part;
};

static void find_ending(const struct fluid *fluid, enum part part, struct ending *ending)
{
	uint32_t number = 0;
	double at = fluid_next(fluid, &number);

	if (at < ending->at)
		*ending = (struct ending){ at, number, part };
}

static struct ending next_ending(const struct replay *replay)
{
	struct ending ending = { .at = HUGE_VAL };

	find_ending(&replay->time, PART_TIME, &ending);
	for (size_t i = 0; i < replay->config->link_count; i++) {
		if (replay->link_lives[i] == 0)
			continue;
		find_ending(&replay->pipes[i][DOWNLOAD].fluid, PART_DOWNLOAD, &ending);
		find_ending(&replay->pipes[i][UPLOAD].fluid, PART_UPLOAD, &ending);
	}
	return ending;
}

/* When a link goes down or comes back next. */
static double next_change(const struct replay *replay)
{
	double next = HUGE_VAL;

	for (size_t i = 0; i < replay->outage_count; i++) {
		const struct replay_outage *outage = &replay->outages[i];

		if (outage->from > replay->changed && outage->from < next)
			next = outage->from;
		if (outage->to > replay->changed && outage->to < next)
			next = outage->to;
	}
	return next;
}

static void measure_pipe(struct replay *replay, size_t link, enum direction direction)
{
	struct replay_pipe *pipe = &replay->pipes[link][direction];
	struct replay_link *totals = &replay->links[link];
	uint64_t bps;

	fluid_advance(&pipe->fluid, replay->now);
	bps = (uint64_t)((pipe->fluid.moved - pipe->before) * 8);
	pipe->before = pipe->fluid.moved;
	if (bps > totals->peak_bps[direction])
		totals->peak_bps[direction] = bps;
	if (pipe->fluid.capacity > 0 && (double)bps > pipe->fluid.capacity * 8 * BUSY_PERCENT / 100)
		totals->busy_s[direction]++;
}

static bool has_queue(const struct replay_pipe pipes[DIRECTIONS])
{
	return pipes[DOWNLOAD].fluid.squeezed_ends.count > 0 || pipes[UPLOAD].fluid.squeezed_ends.count > 0;
}

/* The daemon's own measuring, of bytes that were computed. */
static void measure_link(struct replay *replay, size_t index)
{
	const struct link *link = &replay->config->links[index];
	const struct replay_pipe *pipes = replay->pipes[index];
	const uint64_t bytes[DIRECTIONS] = { (uint64_t)pipes[DOWNLOAD].fluid.moved, (uint64_t)pipes[UPLOAD].fluid.moved };
	const uint64_t held[DIRECTIONS] = { 0 };
	struct meter *meter = &replay->meters[index];
	uint64_t now_ms = replay_clock(replay);

	if (link->check.count > 0)
		meter_round(meter, link, LATENCY_US + (has_queue(pipes) ? QUEUE_US : 0), now_ms);
	meter_second(meter, link, bytes, held, now_ms);
	meter_publish(meter, link, &replay->loads->links[imagined_ids(replay->imagined)->links[index]]);
}

void replay_measure(struct replay *replay)
{
	for (size_t i = 0; i < replay->config->link_count; i++) {
		measure_pipe(replay, i, DOWNLOAD);
		measure_pipe(replay, i, UPLOAD);
		measure_link(replay, i);
	}
}

/* A second goes by; where nothing has lived for long, as many as there are until then. */
static void pass_second(struct replay *replay, double until)
{
	replay_measure(replay);
	replay->next_second += 1;
	if (replay->live_count == 0 && replay->now - replay->idle_since > IDLE_S && until > replay->next_second)
		replay->next_second += whole(until - replay->next_second);
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

int replay_advance(struct replay *replay, double until)
{
	for (;;) {
		struct ending ending = next_ending(replay);
		double change = next_change(replay), when = least(least(ending.at, replay->next_second), change);

		if (when > until)
			break;
		replay->now = when > replay->now ? when : replay->now;
		if (when >= ending.at)
			end_part(replay, ending.number, ending.part, false);
		else if (when >= replay->next_second)
			pass_second(replay, least(until, change));
		else if (replay_publish(replay) < 0)
			return -ENOMEM;
	}
	replay->now = until;
	return 0;
}
