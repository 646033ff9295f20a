/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers with units, as the configuration writes them. */

#include "config/value.h"

#include <stdio.h>
#include <string.h>

/* Values carry three decimals while they are read: 1.5 gbit is 1500 thousandths of 10^9 bit. */
#define THOUSAND   1000
#define DIGITS_MAX 12

struct suffix {
	const char *name;
	uint64_t factor;
};

/* Rising, and ended by an empty row. */
static const struct suffix time_suffixes[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct suffix rate_suffixes[] = {
	{ " bit", 1 }, { " kbit", 1000 }, { " mbit", 1000000 }, { " gbit", 1000000000 }, { NULL, 0 },
};
static const struct suffix size_suffixes[] = {
	{ " KB", 1000 }, { " MB", 1000000 }, { " GB", 1000000000 }, { " TB", 1000000000000 }, { NULL, 0 },
};
static const struct suffix percent_suffixes[] = { { "%", 10 }, { NULL, 0 } };
static const struct suffix no_suffixes[] = { { "", 1 }, { NULL, 0 } };

static const struct suffix *const suffixes[] = {
	[UNIT_NONE] = no_suffixes,
	[UNIT_TIME] = time_suffixes,
	[UNIT_RATE] = rate_suffixes,
	[UNIT_PERCENT] = percent_suffixes,
	[UNIT_SIZE] = size_suffixes,
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Digits, and after a dot up to three more. Returns what follows, or NULL where it is no such number. */
static const char *read_thousandths(const char *text, uint64_t *ret_value)
{
	size_t digits = 0, decimals = 0;
	uint64_t value = 0;

	for (; is_digit(*text); text++, digits++) {
		if (digits == DIGITS_MAX)
			return NULL;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	if (digits == 0 || (*text == '.' && !is_digit(text[1])))
		return NULL;
	if (*text == '.') {
		for (text++; is_digit(*text); text++, decimals++) {
			if (decimals == 3)
				return NULL;
			value = value * 10 + (uint64_t)(*text - '0');
		}
	}
	for (; decimals < 3; decimals++)
		value *= 10;
	*ret_value = value;
	return text;
}

static bool all_digits(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static enum value_error scale(uint64_t thousandths, uint64_t factor, uint64_t *ret_value)
{
	uint64_t product;

	if (__builtin_mul_overflow(thousandths, factor, &product))
		return VALUE_TOO_LARGE;
	if (product % THOUSAND != 0)
		return VALUE_TOO_FINE;
	*ret_value = product / THOUSAND;
	return VALUE_FINE;
}

enum value_error value_read(const char *text, enum unit unit, uint64_t *ret_value)
{
	const struct suffix *suffix = suffixes[unit];
	uint64_t thousandths;
	const char *rest;

	if (all_digits(text) && strlen(text) > DIGITS_MAX)
		return VALUE_TOO_LARGE;
	rest = read_thousandths(text, &thousandths);
	if (rest == NULL)
		return VALUE_NOT_A_NUMBER;
	if (text[0] == '0' && is_digit(text[1]))
		return VALUE_LEADING_ZERO;
	if (*rest == '\0' && unit != UNIT_NONE)
		return VALUE_NO_UNIT;
	if (*rest == ' ')
		rest++;
	for (; suffix->name != NULL; suffix++) {
		if (strcmp(rest, suffix->name + (suffix->name[0] == ' ')) == 0)
			return scale(thousandths, suffix->factor, ret_value);
	}
	return unit == UNIT_NONE ? VALUE_UNIT_NOT_WANTED : VALUE_UNIT_UNKNOWN;
}

const char *value_format(uint64_t value, enum unit unit, char *text)
{
	const struct suffix *best = suffixes[unit];

	if (unit == UNIT_PERCENT && value % 10 != 0) {
		snprintf(text, VALUE_TEXT_MAX, "%llu.%llu%%", (unsigned long long)(value / 10),
			(unsigned long long)(value % 10));
		return text;
	}
	for (const struct suffix *suffix = best; suffix->name != NULL; suffix++) {
		if (value % suffix->factor == 0 && value > 0)
			best = suffix;
	}
	snprintf(text, VALUE_TEXT_MAX, "%llu%s", (unsigned long long)(value / best->factor), best->name);
	return text;
}

const char *value_example(enum unit unit)
{
	static const char *const examples[] = {
		[UNIT_NONE] = "`5'",
		[UNIT_TIME] = "`200ms', `3s', `10m', `2h' or `7d'",
		[UNIT_RATE] = "`10 mbit', `1 gbit' or `500 kbit'",
		[UNIT_PERCENT] = "`5%'",
		[UNIT_SIZE] = "`100 MB' or `50 GB'",
	};

	return examples[unit];
}

void value_pattern(FILE *out, enum unit unit)
{
	fprintf(out, "(0|[1-9][0-9]{0,%d})([.][0-9]{1,3})?", DIGITS_MAX - 1);
	if (unit == UNIT_NONE)
		return;
	fputs(" ?(", out);
	for (const struct suffix *suffix = suffixes[unit]; suffix->name != NULL; suffix++)
		fprintf(out, "%s%s", suffix == suffixes[unit] ? "" : "|", suffix->name + (suffix->name[0] == ' '));
	fputc(')', out);
}

const char *value_kind(enum unit unit)
{
	static const char *const kinds[] = {
		[UNIT_NONE] = "a whole number",
		[UNIT_TIME] = "a time",
		[UNIT_RATE] = "a rate",
		[UNIT_PERCENT] = "a part in percent",
		[UNIT_SIZE] = "a size",
	};

	return kinds[unit];
}

/* Ended by an empty row. */
static const struct suffix event_suffixes[] = {
	{ "/s", 1000 }, { "/m", 60000 }, { "/h", 3600000 }, { NULL, 0 },
};

enum value_error value_events(const char *text, uint32_t *ret_count, uint32_t *ret_per_ms)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t count = 0;

	if (digits == 0)
		return VALUE_NOT_A_NUMBER;
	if (text[0] == '0' && digits > 1)
		return VALUE_LEADING_ZERO;
	if (digits > 9)
		return VALUE_TOO_LARGE;
	if (text[digits] == '\0')
		return VALUE_NO_UNIT;
	if (text[digits] == '.')
		return VALUE_TOO_FINE;
	for (size_t i = 0; i < digits; i++)
		count = count * 10 + (uint64_t)(text[i] - '0');
	for (const struct suffix *suffix = event_suffixes; suffix->name != NULL; suffix++) {
		if (strcmp(text + digits, suffix->name) != 0)
			continue;
		*ret_count = (uint32_t)count;
		*ret_per_ms = (uint32_t)suffix->factor;
		return VALUE_FINE;
	}
	return VALUE_UNIT_UNKNOWN;
}

const char *value_events_format(uint32_t count, uint32_t per_ms, char *text)
{
	const struct suffix *suffix = event_suffixes;

	while (suffix[1].name != NULL && suffix->factor < per_ms)
		suffix++;
	snprintf(text, VALUE_TEXT_MAX, "%u%s", count, suffix->name);
	return text;
}

/* Up to five digits; returns what follows, or NULL where it is no port. */
static const char *read_port(const char *text, uint16_t *ret_port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long port = 0;

	if (digits == 0 || digits > 5 || text[0] == '0')
		return NULL;
	for (size_t i = 0; i < digits; i++)
		port = port * 10 + (unsigned long)(text[i] - '0');
	if (port > UINT16_MAX)
		return NULL;
	*ret_port = (uint16_t)port;
	return text + digits;
}

bool value_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
	uint16_t first, last;
	const char *rest = read_port(text, &first);

	if (rest == NULL)
		return false;
	last = first;
	if (*rest == '-')
		rest = read_port(rest + 1, &last);
	if (rest == NULL || *rest != '\0' || last < first)
		return false;
	*ret_first = first;
	*ret_last = last;
	return true;
}
