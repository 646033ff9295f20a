/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How good a link's way is, as one delay. */

#include "core/health_delay.h"

#define JITTERS              2
#define LOSS_US_PER_PERMILLE 10000
#define LOST_MIN             2

static unsigned int lost_rounds(const struct health *health)
{
	unsigned int lost = 0;

	for (unsigned int age = 1; age <= health->samples; age++)
		lost += health->window[(health->next + HEALTH_WINDOW - age) % HEALTH_WINDOW].lost;
	return lost;
}

uint32_t health_delay_us(const struct health *health)
{
	uint64_t delay = (uint64_t)health->smoothed_us + JITTERS * (uint64_t)health->jitter_us;

	if (health->smoothed_us == 0)
		return 0;
	if (lost_rounds(health) >= LOST_MIN)
		delay += (uint64_t)health_loss_permille(health) * LOSS_US_PER_PERMILLE;
	return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}
