/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the targets of one link, round by round, through that link and no other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/config.h"
#include "core/health.h"

struct checker;

/* Where the probes of a link leave. */
struct checker_path {
	const char *device; /* sockets are bound to it */
	uint32_t mark;      /* and carry this mark, so that routing and the ruleset leave them alone */
	uint64_t *bytes;    /* what they cost is added there: see service/probe_bytes.h; NULL: nobody asks */
};

/*
 * A finished round, or the answers that one still got after it was told as failed (round.late). The callback may free
 * the checker.
 */
typedef void (*checker_round)(void *data, const struct round *round, uint64_t now_ms);

/*
 * Starts with a round at once, then one each interval; link_check and path.bytes must outlive the checker.
 * timeout_ms is asked before each round how long to wait for answers; where that is longer than the interval, the
 * next round comes later. Who did not answer in time is listened to for HEALTH_PATIENCE_MS, of one round at a time.
 * The caller frees it with checker_free(). 0 or -errno.
 */
int checker_new(uv_loop_t *loop, const struct check *link_check, const struct checker_path *path,
	uint32_t (*timeout_ms)(void *data), checker_round on_round, void *data, struct checker **ret_checker);

/* Accepts NULL; sockets are closed now, memory is returned when the loop has let go of its handles. */
void checker_free(struct checker *checker);

/* Who the gateway of a `neighbour: gateway' is: of IPv4 where that is known, else of IPv6; with neither nobody is asked. */
void checker_gateway(struct checker *checker, const bool known[FAMILIES], const struct address gateway[FAMILIES]);

/*
 * Rounds come that often instead of each interval, the first at once; a round that takes longer is waited for, for
 * the time to answer stays as it is. 0, or more than the interval: as ever, from the next round on.
 */
void checker_hurry(struct checker *checker, uint32_t interval_ms);

/* Rounds come as seldom as that, counted from the last one's beginning; 0: each interval. Hurry goes before. */
void checker_pace(struct checker *checker, uint32_t interval_ms);

/* Ends the round that runs without a result and begins one at once: the ground has changed. */
void checker_restart(struct checker *checker);
