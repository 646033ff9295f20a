/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way by which people and programs are told of something: mail, and whatever else is configured. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

struct daemon;

/*
 * What is told. Texts are of the caller, who may free them as soon as announce() is back; they may hold anything that
 * a name of a device or host may hold, so each way cleans them for itself. None of them is NULL but link and details.
 */
struct announcement {
	enum alert_kind kind;
	const char *link;      /* NULL: it is about no link */
	const char *state;     /* one word: "down", "up", "degraded", "recovered", "flapping", "settled", "blocked", ... */
	const char *cause;     /* "no carrier", "syn-flood from 198.51.100.7"; "" where there is none */
	const char *text;      /* a whole sentence for people, on one line, without a full stop */
	bool again;            /* a reminder: what was told is still so, since lasted_s */
	bool over;             /* it ends what an earlier one of that kind, or the outage, began */
	uint64_t lasted_s;     /* over: how long it was; again: how long it is; 0: not known */
	const char *const *details; /* further sentences: what was done about it, what else happened */
	size_t detail_count;
};

/* Main thread only. Never waits: whoever takes long does it in a process or thread of its own. */
void announce(struct daemon *daemon, const struct announcement *announcement);
