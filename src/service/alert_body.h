/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text that a person reads in a mail about a link. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "service/alert.h"

/* The body in UTF-8, lines end with \n. The caller frees it. NULL: no memory. */
char *alert_body(const struct alert *alert);

/* "45 s", "4 min 12 s", "2 h 5 min", "3 d 4 h". Returns text. */
const char *alert_duration(uint64_t seconds, char *text, size_t size);

/* "DOWN", "UP", "DEGRADED", "RECOVERED", "TEST". */
const char *notice_title(enum notice kind);
