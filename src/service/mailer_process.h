/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run of the mail process: its pipes, what it reports, its end. */
#pragma once

#include <stdbool.h>

#include <uv.h>

#include "service/mailer_start.h"

struct mailer_process;

/* Called with data. A line has no line end and is as the process wrote it. */
struct mailer_process_events {
	void (*line)(void *data, const char *line);
	/* All that it said was handed over; the process is gone with that status or signal. */
	void (*ended)(void *data, int64_t status, int signal);
};

/*
 * Starts program with folder as its argument (which libuv takes as they are, but does not change) and
 * tells it the settings. events must outlive it. 0 or -errno.
 */
int mailer_process_start(uv_loop_t *loop, char *program, char *folder, const struct mailer_user *user,
	const char *settings_line, const struct mailer_process_events *events, void *data,
	struct mailer_process **ret_process);

/* Accepts NULL. Never blocks; a process that is so far behind that it cannot be told will look anyway. */
void mailer_process_wake(struct mailer_process *process);

/*
 * Accepts NULL. Tells the process to finish and hears no more of it. It is reaped when it ends; the loop
 * waits for that, but no longer than two seconds.
 */
void mailer_process_leave(struct mailer_process *process);
