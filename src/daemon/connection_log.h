/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of connections that are over: one JSON object in each line, written by worker threads. */
#pragma once

#include "core/living.h"

struct daemon;
struct connection_log;

/* 0 or -ENOMEM. */
int connection_log_start(struct daemon *daemon);

/* Once the watching thread has ended: writes what is left. Accepts that it was never started. */
void connection_log_stop(struct daemon *daemon);

/* The watching thread's side; log may be NULL. What finds no room is counted and lost. */
void connection_log_add(struct connection_log *log, const struct finished *finished);

/* Now and then, in the main thread: what is over becomes lines, which a worker writes. */
void connection_log_poll(struct daemon *daemon);

/* Its file may have been put aside. */
void connection_log_reopen(struct daemon *daemon);
