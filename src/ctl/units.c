/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers with units, as people read them. */

#include "ctl/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define UNITS(list) list, sizeof(list) / sizeof(list[0])

static const struct measure unknown = { "-" };

/* Three digits say enough: 1.25, 12.3, 123. A whole number below ten stays short. */
static int decimals(double number)
{
	if (number == 0 || number >= 99.95)
		return 0;
	return number >= 9.995 ? 1 : 2;
}

static struct measure scaled(double number, const char *const *units, size_t count)
{
	struct measure measure;
	size_t unit = 0;

	if (!isfinite(number) || number < 0)
		return unknown;
	while (number >= 999.5 && unit + 1 < count) {
		number /= 1000;
		unit++;
	}
	snprintf(measure.text, sizeof(measure.text), "%.*f %s", unit == 0 ? 0 : decimals(number),
		number, units[unit]);
	return measure;
}

struct measure measure_rate(double bits_per_second)
{
	static const char *const units[] = { "bit/s", "kbit/s", "mbit/s", "gbit/s", "tbit/s" };

	return scaled(bits_per_second, UNITS(units));
}

struct measure measure_bytes(double bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };

	return scaled(bytes, UNITS(units));
}

struct measure measure_latency(double milliseconds)
{
	struct measure measure;

	if (!isfinite(milliseconds) || milliseconds < 0)
		return unknown;
	if (milliseconds >= 999.5)
		snprintf(measure.text, sizeof(measure.text), "%.1f s", milliseconds / 1000);
	else
		snprintf(measure.text, sizeof(measure.text), "%.*f ms",
			milliseconds < 1       ? 2
			: milliseconds < 99.95 ? 1
					       : 0,
			milliseconds);
	return measure;
}

struct measure measure_share(double fraction)
{
	struct measure measure;
	double percent = fraction * 100;

	if (!isfinite(fraction))
		return unknown;
	snprintf(measure.text, sizeof(measure.text), "%.*f %%",
		percent == 0 || percent >= 9.95 ? 0 : 1, percent);
	return measure;
}

struct measure measure_count(double count)
{
	struct measure measure;
	char digits[24];
	size_t length, at = 0;

	if (!isfinite(count) || count < 0 || count >= 1e15)
		return unknown;
	length = (size_t)snprintf(digits, sizeof(digits), "%.0f", count);
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			measure.text[at++] = ',';
		measure.text[at++] = digits[i];
	}
	measure.text[at] = '\0';
	return measure;
}

struct measure measure_number(double number)
{
	struct measure measure;

	if (!isfinite(number))
		return unknown;
	snprintf(measure.text, sizeof(measure.text), "%.6g", number);
	return measure;
}

struct measure measure_duration(double seconds)
{
	struct measure measure;
	unsigned long long total =
		isfinite(seconds) && seconds > 0 ? (unsigned long long)fmin(seconds, 1e12) : 0;
	unsigned long long minutes = total / 60, hours = minutes / 60, days = hours / 24;

	if (!isfinite(seconds))
		return unknown;
	if (minutes == 0)
		snprintf(measure.text, sizeof(measure.text), "%llu s", total);
	else if (hours == 0)
		snprintf(measure.text, sizeof(measure.text), "%llu min", minutes);
	else if (days == 0 && minutes % 60 != 0)
		snprintf(
			measure.text, sizeof(measure.text), "%llu h %llu min", hours, minutes % 60);
	else if (days == 0)
		snprintf(measure.text, sizeof(measure.text), "%llu h", hours);
	else if (hours % 24 != 0 && days < 100)
		snprintf(measure.text, sizeof(measure.text), "%llu d %llu h", days, hours % 24);
	else
		snprintf(measure.text, sizeof(measure.text), "%llu d", days);
	return measure;
}
