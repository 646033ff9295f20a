/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that a person reads in a mail about a link. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "service/alert.h"

/* The body in UTF-8, lines end with \n. The caller frees it. NULL: no memory. */
char *alert_body(const struct alert *alert);

/* "45 s", "4 min 12 s", "2 h 5 min", "3 d 4 h". Returns text. */
const char *alert_duration(uint64_t seconds, char *text, size_t size);

/* "DOWN", "UP", "DEGRADED". */
const char *notice_title(enum notice notice);

/* Each returns text: "2026-05-04 14:05:01 CEST (+0200)", the same in UTC, "12.5 ms" or "-", "1.5 %". */
const char *alert_local_time(time_t when, char *text, size_t size);
const char *alert_utc(time_t when, char *text, size_t size);
const char *alert_latency(uint32_t latency_us, char *text, size_t size);
const char *alert_loss(uint32_t loss_permille, char *text, size_t size);

/* The table of all links, a line for each. 0, or -1: no memory. */
int alert_table(FILE *out, const struct alert *alert);
