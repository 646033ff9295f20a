/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How good a link's way is, as one delay: what choosing by latency compares. */
#pragma once

#include "core/health.h"

/*
 * The mean of the last five answers, twice the jitter, and 10 ms for each permille of rounds lost: a buffer against
 * jitter holds packets back for about twice of it, and by the E-model (ITU-T G.107, simplified: R = 93.2 - delay / 40 ms
 * - 2.5 * loss in percent) a percent of loss harms a call as much as 100 ms of delay do. A single lost round of the
 * window is no loss yet. In microseconds; 0: not known, because nothing was measured.
 */
uint32_t health_delay_us(const struct health *health);
