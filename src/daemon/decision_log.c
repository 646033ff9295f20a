/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions on their way from a verdict thread, which must not wait, to the log. */

#include "daemon/decision_log.h"

void decision_log_add(struct decision_log *log, const struct flow *flow, uint32_t mark)
{
	uint32_t written = atomic_load_explicit(&log->written, memory_order_relaxed);

	if (written - atomic_load_explicit(&log->read, memory_order_acquire) == DECISION_LOG_ROOM) {
		atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
		return;
	}
	log->entries[written % DECISION_LOG_ROOM] = (struct logged_decision){ *flow, mark };
	atomic_store_explicit(&log->written, written + 1, memory_order_release);
}

bool decision_log_take(struct decision_log *log, struct logged_decision *ret_decision)
{
	uint32_t read = atomic_load_explicit(&log->read, memory_order_relaxed);

	if (read == atomic_load_explicit(&log->written, memory_order_acquire))
		return false;
	*ret_decision = log->entries[read % DECISION_LOG_ROOM];
	atomic_store_explicit(&log->read, read + 1, memory_order_release);
	return true;
}
