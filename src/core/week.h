/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which policies hold when: minutes of the local week, from Monday 00:00. */
#pragma once

#include "core/config.h"

/*
 * The spans of a timetable, sorted and joined, in the arena; none where it says nothing. Hours over midnight belong
 * to the day that they begin, and those of Sunday go on on Monday. False: no memory.
 */
bool week_spans(struct arena *arena, const struct timetable *timetable, struct time_spans *ret_spans);

/* Whether the minute is in one of the spans; in no spans at all is every minute. */
bool week_holds(const struct time_spans *spans, uint16_t minute);

/* Whether some policy of config holds at the one minute and not at the other. */
bool week_differs(const struct config *config, uint16_t minute, uint16_t other);

/* The minute of a local time: weekday as struct tm has it, 0 for Sunday. */
uint16_t week_minute(int weekday, int hour, int minute);
