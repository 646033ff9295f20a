/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes what waits in the spool to the server, oldest first, and keeps what could not go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mail/settings.h"

struct outbox;

/*
 * folder and settings must outlive the outbox. stop_wanted is asked before each message.
 * The caller frees it with outbox_free(). 0 or -errno.
 */
int outbox_new(const char *folder, const struct settings *settings, bool (*stop_wanted)(void *data), void *data,
	struct outbox **ret_outbox);

/* Accepts NULL. */
void outbox_free(struct outbox *outbox);

/* Removes what a crash of the writer left half done. */
void outbox_tidy(struct outbox *outbox);

/* Tries every message once, or until the server is away. Returns how many still wait, or -errno. */
int outbox_pass(struct outbox *outbox);
