/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits of a policy in words. */

#include "core/explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LIMITS_TEXT_MAX 256

struct words {
	char text[LIMITS_TEXT_MAX];
	size_t length;
};

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What has no room is cut. */
static void add(struct words *words, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(words->text + words->length, sizeof(words->text) - words->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		words->length += (size_t)length;
	if (words->length >= sizeof(words->text))
		words->length = sizeof(words->text) - 1;
}

/* The beginning, or a comma. */
static const char *next(const struct words *words)
{
	return words->length == 0 ? "at most " : ", ";
}

static void add_rate(struct words *words, const struct rate *rate, uint32_t burst)
{
	if (rate->count == 0)
		return;
	if (rate->per_ms == 1000)
		add(words, "%s%u new/s", next(words), rate->count);
	else if (rate->per_ms == 60000)
		add(words, "%s%u new/m", next(words), rate->count);
	else if (rate->per_ms == 3600000)
		add(words, "%s%u new/h", next(words), rate->count);
	else
		add(words, "%s%u new in %u ms", next(words), rate->count, rate->per_ms);
	if (burst > 0)
		add(words, " (burst %u)", burst);
}

/* With the largest unit that leaves a whole number, as the configuration writes it. */
static void add_bandwidth(struct words *words, uint64_t bps)
{
	static const struct {
		const char *name;
		uint64_t size;
	} units[] = { { "gbit", 1000000000 }, { "mbit", 1000000 }, { "kbit", 1000 }, { "bit", 1 } };
	size_t unit = 0;

	if (bps == 0)
		return;
	while (bps % units[unit].size != 0)
		unit++;
	add(words, "%s%" PRIu64 " %s", next(words), bps / units[unit].size, units[unit].name);
}

static void add_per(struct words *words, enum limit_per per)
{
	switch (per) {
	case PER_SOURCE:
		add(words, " per source");
		break;
	case PER_DESTINATION:
		add(words, " per destination");
		break;
	case PER_ALL:
		add(words, " in all");
		break;
	}
}

static void add_over(struct words *words, const struct config *config, const struct limits *limits)
{
	switch (limits->over) {
	case OVER_DROP:
		add(words, "; over it: drop");
		break;
	case OVER_REJECT:
		add(words, "; over it: reject");
		break;
	case OVER_CLASS:
		add(words, "; over it: class %s",
			limits->over_class < config->qos.count ? config->qos.classes[limits->over_class].name : "-");
		break;
	}
	if (limits->block_for_s > 0)
		add(words, ", blocked for %u s", limits->block_for_s);
}

const char *explain_limits(struct arena *arena, const struct config *config, const struct limits *limits)
{
	struct words words = { .length = 0 };

	if (limits->connections > 0)
		add(&words, "%s%u connections", next(&words), limits->connections);
	add_rate(&words, &limits->new_connections, limits->burst);
	add_bandwidth(&words, limits->bandwidth_bps);
	if (words.length == 0)
		return NULL;
	add_per(&words, limits->per);
	add_over(&words, config, limits);
	return arena_text(arena, words.text, words.length);
}
