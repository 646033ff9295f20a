/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions on their way from a verdict thread, which must not wait, to the log. */

#include "daemon/decision_log.h"

void decision_log_add(struct decision_log *log, const struct flow *flow, uint32_t mark)
{
	uint32_t place;

	if (!ring_add(&log->ring, DECISION_LOG_ROOM, &place))
		return;
	log->entries[place] = (struct logged_decision){ *flow, mark };
	ring_added(&log->ring);
}

bool decision_log_take(struct decision_log *log, struct logged_decision *ret_decision)
{
	uint32_t place;

	if (!ring_take(&log->ring, DECISION_LOG_ROOM, &place))
		return false;
	*ret_decision = log->entries[place];
	ring_taken(&log->ring);
	return true;
}
