/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers with units, as the configuration writes them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum unit {
	UNIT_NONE,
	UNIT_TIME,    /* in milliseconds: 200ms, 3s, 10m, 2h, 7d */
	UNIT_RATE,    /* in bits per second: 10 mbit */
	UNIT_PERCENT, /* in permille: 5%, 0.5% */
	UNIT_SIZE,    /* in bytes: 100 MB is 10^8 */
};

#define VALUE_TEXT_MAX 32

enum value_error {
	VALUE_FINE,
	VALUE_NOT_A_NUMBER,
	VALUE_NO_UNIT,
	VALUE_UNIT_UNKNOWN,
	VALUE_UNIT_NOT_WANTED,
	VALUE_LEADING_ZERO,
	VALUE_TOO_FINE, /* below the smallest step */
	VALUE_TOO_LARGE,
};

/* ret_value is set on VALUE_FINE only. */
enum value_error value_read(const char *text, enum unit unit, uint64_t *ret_value);

/* With the largest unit that leaves a whole number. Returns text, which has room for VALUE_TEXT_MAX bytes. */
const char *value_format(uint64_t value, enum unit unit, char *text);

/* The right form: "`10 mbit' or `500 kbit'". */
const char *value_example(enum unit unit);

/* Writes a regular expression of such numbers, without anchors. */
void value_pattern(FILE *out, enum unit unit);

/* "a time", "a rate", ... */
const char *value_kind(enum unit unit);

/* So many in a time, as 50/s, 300/m or 10/h: 50 in 1000 ms. VALUE_FINE sets both. */
enum value_error value_events(const char *text, uint32_t *ret_count, uint32_t *ret_per_ms);

/* Returns text, which has room for VALUE_TEXT_MAX bytes. */
const char *value_events_format(uint32_t count, uint32_t per_ms, char *text);

/* A port, or first-last. */
bool value_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last);
