/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The minute of the local week that a time is in. */

#include "daemon/local_time.h"

#include "core/week.h"

uint16_t local_minute(time_t now)
{
	struct tm local = { .tm_wday = 1 };

	/* localtime_r() alone goes by the zone that it saw first. */
	tzset();
	localtime_r(&now, &local);
	return week_minute(local.tm_wday, local.tm_hour, local.tm_min);
}
