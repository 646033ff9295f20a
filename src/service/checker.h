/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the targets of one link, round by round, through that link and no other. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "core/config.h"
#include "core/health.h"

struct checker;

/* Where the probes of a link leave. */
struct checker_path {
	const char *device; /* sockets are bound to it */
	uint32_t mark;      /* and carry this mark, so that routing and the ruleset leave them alone */
};

/* A finished round. The callback may free the checker. */
typedef void (*checker_round)(void *data, const struct round *round, uint64_t now_ms);

/*
 * Starts with a round at once, then one each interval; link_check must outlive the checker.
 * timeout_ms is asked before each round how long to wait for answers.
 * The caller frees it with checker_free(). 0 or -errno.
 */
int checker_new(uv_loop_t *loop, const struct check *link_check, const struct checker_path *path,
	uint32_t (*timeout_ms)(void *data), checker_round on_round, void *data, struct checker **ret_checker);

/* Accepts NULL; sockets are closed now, memory is returned when the loop has let go of its handles. */
void checker_free(struct checker *checker);

/*
 * Rounds come that often instead of each interval, the first at once; a round that takes longer is waited for, for
 * the time to answer stays as it is. 0, or more than the interval: as ever, from the next round on.
 */
void checker_hurry(struct checker *checker, uint32_t interval_ms);

/* Ends the round that runs without a result and begins one at once: the ground has changed. */
void checker_restart(struct checker *checker);
