/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of the command for alerts: its pipes, its time, its end. */
#pragma once

#include "service/hook.h"

struct hook_run;

/* words and environment are ended by NULL; the program is words[0]. Nothing is kept of it. */
struct hook_order {
	const char *title;
	char **words;
	char **environment;
	const char *input;
	uint64_t timeout_ms;
};

/* Called once, when it has ended; run is not to be used any more then. */
typedef void (*hook_run_callback)(void *data, struct hook_run *run, const struct hook_result *result);

/*
 * Starts it in a session and process group of its own. When its time is over the group gets SIGTERM, and two seconds
 * later SIGKILL; what it leaves behind in the group when it ends gets SIGKILL, too. 0 or -errno.
 */
int hook_run_start(uv_loop_t *loop, const struct hook_order *order, hook_run_callback callback, void *data,
	struct hook_run **ret_run);

/* Accepts NULL. Its group gets SIGTERM, and nobody is called back any more. */
void hook_run_leave(struct hook_run *run);
