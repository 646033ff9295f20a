/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers with units, as people read them. A number that is not known (NAN) is "-". */
#pragma once

struct measure {
	char text[32];
};

struct measure measure_rate(double bits_per_second); /* 12.3 mbit/s */
struct measure measure_bytes(double bytes);          /* 1.25 GB */
struct measure measure_latency(double milliseconds); /* 4.1 ms */
struct measure measure_share(double fraction);       /* 2.5 % */
struct measure measure_count(double count);          /* 12,345 */
struct measure measure_number(double number);        /* 12.5, as short as it goes */

/* The two units that matter: 3 min, 2 h 5 min, 3 d 4 h. */
struct measure measure_duration(double seconds);
