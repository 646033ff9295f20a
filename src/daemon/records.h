/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of connections for syslog: one when each begins, one with its bytes when it ends. */
#pragma once

#include "core/living.h"

struct daemon;
struct records;

/* 0 or -ENOMEM. */
int records_start(struct daemon *daemon);

/* Once the watching thread has ended, and before syslog does: what is left is handed over. Accepts that it was never started. */
void records_stop(struct daemon *daemon);

/* The watching thread's side; records may be NULL. What finds no room is counted and lost. */
void records_begun(struct records *records, const struct begun *begun);

/* back: the direction of the answers, which shows what addresses were translated to; NULL: not known. */
void records_finished(struct records *records, const struct finished *finished, const struct flow *back);

/* Now and then, in the main thread: what there is becomes lines of syslog. */
void records_poll(struct daemon *daemon);
