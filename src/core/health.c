/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine of a link: what events and check rounds make of it. */

#include "core/health.h"

#include <stddef.h>
#include <string.h>

#define TIMEOUT_FLOOR_MS      100

/* As HEALTH_PATIENCE_MS, and some room for timers: three rounds of a second each are enough. */
#define NEVER_HEARD_MS        (HEALTH_PATIENCE_MS - 100)
#define TIMEOUT_UNMEASURED_MS 1000

/* Fewer samples than these are no rate, and a single lost round is none either. */
#define SAMPLES_MIN 5
#define LOST_MIN    2

/* Leaving the degraded state takes figures below this part of their thresholds. */
#define CALM_PERCENT 80

static bool enter(struct health *health, enum link_state state, enum link_cause cause, uint64_t now_ms)
{
	health->cause = cause;
	if (health->state == state)
		return false;
	health->state = state;
	health->since_ms = now_ms;
	health->calm_in_row = 0;
	return true;
}

static void forget_window(struct health *health)
{
	health->samples = 0;
	health->next = 0;
	health->jitter_us = 0;
}

static void forget_rows(struct health *health)
{
	health->good_in_row = 0;
	health->failed_in_row = 0;
}

void health_init(struct health *health, uint64_t now_ms)
{
	memset(health, 0, sizeof(*health));
	health->state = LINK_UP;
	health->ground = GROUND_READY;
	health->since_ms = now_ms;
	health->last_round_ms = now_ms;
	health->good_since_ms = now_ms;
	health->fresh_ms = now_ms;
}

static enum link_cause ground_cause(enum link_ground ground)
{
	switch (ground) {
	case GROUND_READY:
		return CAUSE_NONE;
	case GROUND_NO_DEVICE:
		return CAUSE_NO_DEVICE;
	case GROUND_NO_CARRIER:
		return CAUSE_NO_CARRIER;
	case GROUND_NO_ADDRESS:
		return CAUSE_NO_ADDRESS;
	case GROUND_NO_GATEWAY:
		return CAUSE_NO_GATEWAY;
	}
	return CAUSE_NONE;
}

/* The device is back, maybe on another path with another round trip: nothing of before holds. */
static void start_over(struct health *health, uint64_t now_ms)
{
	forget_window(health);
	forget_rows(health);
	health->smoothed_us = 0;
	health->deviation_us = 0;
	health->last_round_ms = now_ms;
	health->good_since_ms = now_ms;
	health->fresh_ms = now_ms;
	health->doubtful = false;
}

/* A link that was down must have been good for so long before it is up. */
static bool held_back(const struct health *health, const struct check *check, uint64_t now_ms)
{
	return check->hold_ms != 0 && now_ms < health->good_since_ms + check->hold_ms;
}

bool health_ground(struct health *health, const struct check *check, enum link_ground ground, uint64_t now_ms)
{
	enum link_ground before = health->ground;

	health->ground = ground;
	if (ground != GROUND_READY)
		return enter(health, LINK_DOWN, ground_cause(ground), now_ms);
	if (before != GROUND_READY)
		start_over(health, now_ms);
	/* Nobody else would bring it up; this also holds where a reload took the targets away. */
	if (check->count == 0 && (health->state != LINK_DOWN || !held_back(health, check, now_ms)))
		return enter(health, LINK_UP, CAUSE_NONE, now_ms);
	return false;
}

/* Age 1 is the newest sample, health.samples the oldest. */
static const struct sample *sample_at(const struct health *health, unsigned int age)
{
	return &health->window[(health->next + HEALTH_WINDOW - age) % HEALTH_WINDOW];
}

static uint32_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

/* RFC 3550 section 6.4.1: J += (|D| - J) / 16, D between an answer and the last one before it. */
static void measure_jitter(struct health *health, uint32_t latency_us)
{
	for (unsigned int age = 1; age <= health->samples; age++) {
		const struct sample *last = sample_at(health, age);

		if (last->lost)
			continue;
		health->jitter_us = (uint32_t)((int64_t)health->jitter_us +
			((int64_t)distance(latency_us, last->latency_us) - (int64_t)health->jitter_us) / 16);
		return;
	}
}

/* RFC 6298 section 2, with alpha 1/8 and beta 1/4. */
static void measure_round_trip(struct health *health, uint32_t latency_us)
{
	uint64_t deviation = health->deviation_us, smoothed = health->smoothed_us;

	if (smoothed == 0) {
		health->smoothed_us = latency_us;
		health->deviation_us = latency_us / 2;
		return;
	}
	health->deviation_us = (uint32_t)((3 * deviation + distance(health->smoothed_us, latency_us)) / 4);
	health->smoothed_us = (uint32_t)((7 * smoothed + latency_us) / 8);
}

static void note_sample(struct health *health, const struct round *round, bool good)
{
	struct sample *sample = &health->window[health->next];

	if (round->answered > 0 && round->latency_us > 0)
		measure_round_trip(health, round->enough_us > 0 ? round->enough_us : round->latency_us);
	if (good)
		measure_jitter(health, round->latency_us);

	sample->lost = !good;
	sample->latency_us = good ? round->latency_us : 0;
	health->next = (health->next + 1) % HEALTH_WINDOW;
	if (health->samples < HEALTH_WINDOW)
		health->samples++;
}

static unsigned int lost_samples(const struct health *health)
{
	unsigned int lost = 0;

	for (unsigned int age = 1; age <= health->samples; age++)
		lost += sample_at(health, age)->lost;
	return lost;
}

uint32_t health_latency_us(const struct health *health)
{
	uint64_t sum = 0;
	unsigned int answered = 0;

	for (unsigned int age = 1; age <= health->samples; age++) {
		const struct sample *sample = sample_at(health, age);

		if (sample->lost)
			continue;
		sum += sample->latency_us;
		answered++;
	}
	return answered == 0 ? 0 : (uint32_t)(sum / answered);
}

uint32_t health_loss_permille(const struct health *health)
{
	return health->samples == 0 ? 0 : lost_samples(health) * 1000 / health->samples;
}

/* figure beyond percent of threshold; a threshold of 0 is none. */
static bool beyond(uint64_t figure, uint64_t threshold, unsigned int percent)
{
	return threshold != 0 && figure * 100 > threshold * percent;
}

/* The first figure that is beyond percent of its threshold, or CAUSE_NONE. */
static enum link_cause worst(const struct health *health, const struct check *check, unsigned int percent)
{
	if (health->samples < SAMPLES_MIN)
		return CAUSE_NONE;
	if (beyond(health_latency_us(health), check->degraded_latency_ms * UINT64_C(1000), percent))
		return CAUSE_LATENCY;
	if (lost_samples(health) >= LOST_MIN &&
		beyond(health_loss_permille(health), check->degraded_loss_permille, percent))
		return CAUSE_LOSS;
	if (beyond(health->jitter_us, check->degraded_jitter_ms * UINT64_C(1000), percent))
		return CAUSE_JITTER;
	return CAUSE_NONE;
}

/* Of a link that works: whether it does so well enough. */
static bool assess(struct health *health, const struct check *check, uint64_t now_ms)
{
	enum link_cause cause = worst(health, check, 100);

	if (cause != CAUSE_NONE) {
		health->calm_in_row = 0;
		return enter(health, LINK_DEGRADED, cause, now_ms);
	}
	if (health->state != LINK_DEGRADED)
		return false;
	if (worst(health, check, CALM_PERCENT) != CAUSE_NONE) {
		health->calm_in_row = 0;
		return false;
	}
	health->calm_in_row++;
	return health->calm_in_row >= check->up_after && enter(health, LINK_UP, CAUSE_NONE, now_ms);
}

static bool round_good(struct health *health, const struct check *check, uint64_t now_ms)
{
	health->failed_in_row = 0;
	health->good_in_row++;
	if (health->good_in_row == 1)
		health->good_since_ms = now_ms;
	if (health->state != LINK_DOWN)
		return assess(health, check, now_ms);
	if (health->good_in_row < check->up_after || held_back(health, check, now_ms))
		return false;
	/* What was lost while it was down says nothing of how it is now. */
	forget_window(health);
	return enter(health, LINK_UP, CAUSE_NONE, now_ms);
}

/* The first answer may take as long as by satellite, and nobody knows yet how long that is. */
static bool may_be_far(const struct health *health, const struct check *check, uint64_t now_ms)
{
	return health->smoothed_us == 0 && check->timeout_ms == 0 && now_ms < health->fresh_ms + NEVER_HEARD_MS &&
	       (uint64_t)health->failed_in_row * check->interval_ms < NEVER_HEARD_MS;
}

static bool round_failed(struct health *health, const struct check *check, uint64_t now_ms)
{
	health->good_in_row = 0;
	health->failed_in_row++;
	if (health->failed_in_row >= check->down_after && !may_be_far(health, check, now_ms))
		return enter(health, LINK_DOWN, CAUSE_CHECKS, now_ms);
	/* Of one that was never heard nobody knows whether anything is lost. */
	return health->state != LINK_DOWN && health->smoothed_us != 0 && assess(health, check, now_ms);
}

static bool machine_paused(const struct health *health, const struct check *check, uint64_t now_ms)
{
	uint64_t most = 2 * (uint64_t)check->interval_ms + health_timeout(health, check);

	return now_ms > health->last_round_ms && now_ms - health->last_round_ms > most;
}

/* The shortest round trip of the window, or before there is one the mean: how far away the targets are, whatever waits on the way. */
static uint64_t least_trip_ms(const struct health *health)
{
	uint32_t least_us = UINT32_MAX;

	for (unsigned int i = 0; i < health->samples; i++) {
		if (!health->window[i].lost && health->window[i].latency_us < least_us)
			least_us = health->window[i].latency_us;
	}
	return (least_us == UINT32_MAX ? health->smoothed_us : least_us) / 1000;
}

/* What was told as lost was not, and the link is not silent. A link that is down is still to prove itself in time. */
static void take_back(struct health *health, const struct check *check, const struct round *round)
{
	bool first = health->smoothed_us == 0;
	struct sample *sample;

	/* Of a link that is near, a late answer tells how long it stalled, not how far it is. */
	if (first || least_trip_ms(health) >= check->interval_ms)
		measure_round_trip(health, round->enough_us > 0 ? round->enough_us : round->latency_us);
	health->failed_in_row = 0;
	/* Nothing was lost before it: nobody had waited for long enough. */
	if (first)
		forget_window(health);
	if (round->late > health->samples)
		return;
	sample = &health->window[(health->next + HEALTH_WINDOW - round->late) % HEALTH_WINDOW];
	if (sample->lost)
		*sample = (struct sample){ .lost = false, .latency_us = round->latency_us };
}

bool health_round(struct health *health, const struct check *check, const struct round *round, uint64_t now_ms)
{
	bool good = round->answered >= check->need;

	if (round->late > 0) {
		if (good && health->ground == GROUND_READY)
			take_back(health, check, round);
		return false;
	}
	health->doubtful = round->slept || machine_paused(health, check, now_ms);
	health->last_round_ms = now_ms;
	if (round->asked == 0 || health->ground != GROUND_READY)
		return false;
	/* Rounds before the pause and after it are no row. */
	if (health->doubtful)
		forget_rows(health);
	if ((health->doubtful || round->excused) && !good)
		return false;

	note_sample(health, round, good);
	return good ? round_good(health, check, now_ms) : round_failed(health, check, now_ms);
}

bool health_prove(struct health *health, uint64_t now_ms)
{
	health->failed_in_row = 0;
	if (health->state != LINK_DOWN || health->cause != CAUSE_CHECKS)
		return false;
	forget_window(health);
	return enter(health, LINK_UP, CAUSE_NONE, now_ms);
}

static uint32_t clamp(uint64_t value, uint32_t floor, uint32_t ceiling)
{
	if (value < floor)
		value = floor;
	return value > ceiling ? ceiling : (uint32_t)value;
}

/*
 * What a round waits at most: the interval, or where targets are farther away than that, one and a half times as long as
 * their answers take. A link that stalls and then answers late is not far away, and its next silence not to be waited for.
 */
static uint32_t longest(const struct health *health, const struct check *check)
{
	uint64_t trip_ms = health->smoothed_us / 1000, deviation_ms = health->deviation_us / 1000;
	uint64_t needed = trip_ms + (4 * deviation_ms > trip_ms / 2 ? 4 * deviation_ms : trip_ms / 2);

	if (least_trip_ms(health) < check->interval_ms && (health->state != LINK_DOWN || needed < check->interval_ms))
		return check->interval_ms;
	return clamp(needed, check->interval_ms, HEALTH_PATIENCE_MS > check->interval_ms ? HEALTH_PATIENCE_MS : check->interval_ms);
}

/*
 * A round that may take the link down must be short, or a dead link is found late; one before it costs
 * no time however long it waits, because the next starts at its own time. So after a failed round, until
 * up_after good ones in a row, rounds wait for the whole interval, which finds a link whose round trip
 * only grew; and the deciding one waits for a quarter of an interval more than the round trip. A link of
 * down_after 3 is thus down 3.25 intervals after its last answer. Where an answer takes longer than the
 * interval, rounds last as long as they must.
 */
uint32_t health_timeout(const struct health *health, const struct check *check)
{
	uint64_t smoothed = health->smoothed_us, margin = 4 * (uint64_t)health->deviation_us;
	uint32_t interval = longest(health, check);
	bool decides = health->state != LINK_DOWN && health->failed_in_row + 1 >= check->down_after;
	bool begun = smoothed != 0 || health->failed_in_row > 0;

	if (check->timeout_ms != 0)
		return check->timeout_ms < check->interval_ms ? check->timeout_ms : check->interval_ms;
	if (begun && !decides && health->good_in_row < check->up_after)
		return interval;
	if (smoothed == 0)
		return clamp(TIMEOUT_UNMEASURED_MS, 0, check->interval_ms);
	if (health->failed_in_row > 0)
		return clamp(smoothed / 1000 + check->interval_ms / 4, TIMEOUT_FLOOR_MS, interval);
	/* A steady link has next to no deviation, yet its next answer may be late a little. */
	if (margin < smoothed / 2)
		margin = smoothed / 2;
	return clamp((smoothed + margin) / 1000, TIMEOUT_FLOOR_MS, interval);
}

bool health_usable(const struct health *health)
{
	return health->state != LINK_DOWN;
}

const char *link_state_name(enum link_state state)
{
	switch (state) {
	case LINK_UP:
		return "up";
	case LINK_DEGRADED:
		return "degraded";
	case LINK_DOWN:
		return "down";
	}
	return "";
}

const char *link_duty_name(enum link_duty duty)
{
	switch (duty) {
	case DUTY_SERVES:
		return "in service";
	case DUTY_DRAINS:
		return "draining";
	case DUTY_DISABLED:
		return "disabled";
	}
	return "";
}

const char *link_cause_text(enum link_cause cause)
{
	switch (cause) {
	case CAUSE_NONE:
		return "";
	case CAUSE_NO_DEVICE:
		return "no device";
	case CAUSE_NO_CARRIER:
		return "no carrier";
	case CAUSE_NO_ADDRESS:
		return "no address";
	case CAUSE_NO_GATEWAY:
		return "no gateway";
	case CAUSE_CHECKS:
		return "checks failed";
	case CAUSE_LATENCY:
		return "latency too high";
	case CAUSE_LOSS:
		return "loss too high";
	case CAUSE_JITTER:
		return "jitter too high";
	}
	return "";
}
