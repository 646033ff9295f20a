/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Syslog: the log to the local daemon, alerts and records of connections to it or to a server. Of the main thread. */
#pragma once

#include <stdbool.h>

#include "core/config.h"
#include "service/syslog_format.h"

struct daemon;
struct telling; /* what of it runs */

/* Whether the log goes to the local daemon: in the background always. */
bool syslog_is_local(const struct syslog_settings *settings, bool foreground);

/* At the start and after each reload: goes by the configuration in force. Where a thread cannot be started that is told. */
void syslog_follow(struct daemon *daemon);

/* What waits is still sent, for a moment. Accepts that it was never started. */
void syslog_stop(struct daemon *daemon);

/* Each second: tells once of lines that were lost, and of a server that is away. */
void syslog_second(struct daemon *daemon);

/* A link came up: a server that was away may be there again. */
void syslog_hurry(struct daemon *daemon);

/*
 * Sends message, completed by facility, host and process, to where alerts go; where they go nowhere, nothing happens.
 * many: see syslog_sender_add().
 */
void syslog_tell(struct daemon *daemon, struct syslog_message *message, bool many);
