/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How good a link's way is, as one delay. */

#include "core/health_delay.h"

#define ROUNDS               5
#define JITTERS              2
#define LOSS_US_PER_PERMILLE 10000
#define LOST_MIN             2

/* Age 1 is the newest. */
static const struct sample *sample_at(const struct health *health, unsigned int age)
{
	return &health->window[(health->next + HEALTH_WINDOW - age) % HEALTH_WINDOW];
}

static unsigned int lost_rounds(const struct health *health)
{
	unsigned int lost = 0;

	for (unsigned int age = 1; age <= health->samples; age++)
		lost += sample_at(health, age)->lost;
	return lost;
}

/* Of the last rounds that were answered; where the window was just forgotten, as it was before. */
static uint64_t latency_us(const struct health *health)
{
	unsigned int answered = 0;
	uint64_t sum = 0;

	for (unsigned int age = 1; age <= health->samples && answered < ROUNDS; age++) {
		if (sample_at(health, age)->lost)
			continue;
		sum += sample_at(health, age)->latency_us;
		answered++;
	}
	return answered == 0 ? health->smoothed_us : sum / answered;
}

uint32_t health_delay_us(const struct health *health)
{
	uint64_t delay = latency_us(health);

	if (delay == 0)
		return 0;
	delay += JITTERS * (uint64_t)health->jitter_us;
	if (lost_rounds(health) >= LOST_MIN)
		delay += (uint64_t)health_loss_permille(health) * LOSS_US_PER_PERMILLE;
	return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}
