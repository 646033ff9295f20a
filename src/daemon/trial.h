/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configuration on trial: it undoes itself unless somebody confirms it, also over a crash. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct daemon;
struct generation;

struct trial {
	bool pending;
	bool undone;       /* the last one was: the file still has what was undone */
	char *path;        /* of the file that is, or was, tried */
	uint64_t until_ms; /* of the clock that decisions go by */
	uint32_t timeout_ms;
	char *before;      /* the configuration before the one in force, as text; NULL: there is none */
};

/*
 * Loads the file at path, and undoes that after timeout_ms. What must outlive a crash is on disk before it is in force.
 * 0; -EINVAL with errors told; -EBUSY or another -errno with the message set, and nothing has changed.
 */
int trial_begin(struct daemon *daemon, const char *path, uint32_t timeout_ms, struct config_errors *errors, char *message,
	size_t size);

/* False with the message set where none is pending. */
bool trial_confirm(struct daemon *daemon, char *message, size_t size);

/* Returns to the configuration before: of the trial, or of the last reload. 0, or -errno with the message set. */
int trial_rollback(struct daemon *daemon, char *message, size_t size);

/* True, with the message set, where nothing else may change the configuration now. */
bool trial_blocks(const struct daemon *daemon, char *message, size_t size);

/* The file was loaded in earnest: nothing is undone any more. before is the text of the configuration before, or NULL; taken over. */
void trial_settle(struct daemon *daemon, char *before);

/*
 * At the start: the configuration to use instead of config, which the file has, because that one was on trial when
 * the daemon ended, or was undone. NULL: none. The caller frees it.
 */
char *trial_resume(struct daemon *daemon, const struct config *config);

/* Once the state folder is ours alone: what trial_resume() found is noted, or forgotten. */
void trial_started(struct daemon *daemon);

/* Seconds until a pending trial ends. */
unsigned int trial_left_s(const struct daemon *daemon);

/* Takes down what it holds; what is on disk stays. */
void trial_end(struct trial *trial);
