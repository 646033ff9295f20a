/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions on their way from a verdict thread, which must not wait, to the log. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/flow.h"
#include "daemon/ring.h"

#define DECISION_LOG_ROOM 256

struct logged_decision {
	struct flow flow;
	uint32_t mark;
};

/* One writer, one reader. What finds it full is counted and lost. */
struct decision_log {
	struct logged_decision entries[DECISION_LOG_ROOM];
	struct ring ring;
};

/* The verdict thread's side. */
void decision_log_add(struct decision_log *log, const struct flow *flow, uint32_t mark);

/* The main thread's side: the oldest, or false. */
bool decision_log_take(struct decision_log *log, struct logged_decision *ret_decision);
