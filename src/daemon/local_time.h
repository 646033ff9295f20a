/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The minute of the local week that a time is in. */
#pragma once

#include <stdint.h>
#include <time.h>

/* From Monday 00:00, by the time zone as it is now: a changed zone file is noticed. */
uint16_t local_minute(time_t now);
