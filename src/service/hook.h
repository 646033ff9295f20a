/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the operator's own command for alerts: without rights, within its time, a few at once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "core/config.h"

#define HOOK_AT_ONCE     4
#define HOOK_WAITING_MAX 64
#define HOOK_TITLE_MAX   96
#define HOOK_SAID_MAX    200

/* How one run ended. */
struct hook_result {
	const char *title;    /* of the call */
	int error;            /* 0, or -errno: it could not be started */
	bool late;            /* its time was over: it was ended */
	int64_t status;       /* exit status */
	int signal;           /* 0: it ended by itself */
	uint64_t took_ms;
	const char *said;     /* the begin of its output: one clean line, "" where it said nothing */
};

typedef void (*hook_callback)(void *data, const struct hook_result *result);

struct hook;

/*
 * program is the path of uplinkd-hook, which gives up all rights and becomes the command. on_result is called from the
 * loop. The caller frees it with hook_free(). 0 or -ENOMEM.
 */
int hook_new(uv_loop_t *loop, const char *program, hook_callback on_result, void *data, struct hook **ret_hook);

/* What is run from now on, copied; what runs goes on. Without a command nothing is run, and what waits is let go. 0 or -ENOMEM. */
int hook_set(struct hook *hook, const struct command_settings *settings);

/*
 * Runs the command, as soon as fewer than HOOK_AT_ONCE run, with these variables ("NAME=value", ended by NULL) and no
 * others but PATH, and with input on its standard input. All of it is copied. Never waits. 0; -EAGAIN where
 * HOOK_WAITING_MAX wait already, and then it is not run; -ENOENT without a command; -ENOMEM.
 */
int hook_call(struct hook *hook, const char *title, const char *const *environment, const char *input);

/* Accepts NULL. What runs is told to end, and nothing more is heard of it. */
void hook_free(struct hook *hook);
