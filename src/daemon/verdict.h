/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdict threads: one for each queue, from held packet to verdict, with nothing slow in between. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "core/living.h"
#include "core/mark.h"
#include "daemon/decision_log.h"
#include "daemon/decision_record.h"
#include "daemon/publish.h"

/* Decisions of one policy by link field of the mark. */
struct verdict_row {
	_Atomic uint64_t links[1 << MARK_LINK_BITS];
};

struct verdicts;

/*
 * Binds the queues of settings and starts a thread for each; they decide by snapshot, which is taken
 * over in any case, until the publisher has a newer one. free_owner is the publisher's. The threads
 * together keep about the last records decisions, or none where that is 0.
 * 0, -EBUSY where another program has one of the queues, or -errno.
 */
int verdicts_start(const struct kernel_settings *settings, size_t records, struct snapshot *snapshot,
	void (*free_owner)(void *owner), struct verdicts **ret_verdicts);

/* Where to publish snapshots. */
struct publisher *verdicts_publisher(struct verdicts *verdicts);

/* Ends the threads, closes the queues, frees the snapshots; the kernel then decides alone. Accepts NULL. */
void verdicts_stop(struct verdicts *verdicts);

/*
 * Calls back for each decision that a policy with `log: true` took since the last call. Returns how
 * many more were lost since the start, because nobody read them in time.
 */
uint64_t verdicts_logged(struct verdicts *verdicts,
	void (*callback)(const struct logged_decision *decision, void *data), void *data);

/*
 * Calls back for each connection that was decided to go by a link since the last call; for one thread alone, the one
 * that watches. Returns how many more were lost since the start, which count on no link.
 */
uint64_t verdicts_begun(struct verdicts *verdicts, void (*callback)(const struct begun *begun, void *data), void *data);

/*
 * Calls back for each decision that is still on record, thread by thread, the newest of each first; one that
 * returns false ends that thread's. True where older ones have given way, or none are kept.
 */
bool verdicts_records(const struct verdicts *verdicts,
	bool (*callback)(const struct decision_record *record, void *data), void *data);

/* Packets answered so far, by all threads. */
uint64_t verdicts_decisions(const struct verdicts *verdicts);

/* Decisions for a policy (its number in marks) with that link field, by all threads. */
uint64_t verdicts_count(const struct verdicts *verdicts, unsigned int policy, unsigned int link);

/* Milliseconds since the slowest thread gave a sign of life. */
uint64_t verdicts_silence_ms(const struct verdicts *verdicts, uint64_t now_ms);

/* The clock that decisions go by: monotonic, in us and in ms. */
uint64_t verdicts_now_us(void);
uint64_t verdicts_now_ms(void);
