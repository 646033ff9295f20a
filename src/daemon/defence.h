/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is shut out, and why: defence.c acts, tell_attack.c tells, report_blocked.c lists. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/offenders.h"

struct daemon;

/* After the first plan was applied. Who the daemon before had shut out stays it. 0 or -errno. */
int defence_start(struct daemon *daemon);

/* The loop must run once more. */
void defence_stop(struct daemon *daemon);

/* A source was found out by a detector that the daemon has itself: it is shut out, and told of. */
void defence_offence(struct daemon *daemon, const struct address *source, enum detector detector);

/* scanning.c: what came of connections that began on links is read from the record of decisions. */
void scanning_poll(struct daemon *daemon);
void scanning_stop(struct daemon *daemon);

/* Lets a source in again and forgets what it did: for how many causes it was shut out. */
size_t defence_forgive(struct daemon *daemon, const struct address *address);

/* Calls callback with each that is shut out. Times are those of verdicts_now_ms(). */
void defence_each(struct daemon *daemon, void (*callback)(const struct offender *offender, void *data), void *data);

/* Calls callback with each that the kernel shuts out, and how many of its packets were dropped. */
void defence_dropped(struct daemon *daemon, void (*callback)(const struct address *site, uint64_t packets, void *data),
	void *data);

/* "syn-flood", "policy web". Returns text. */
const char *defence_cause(const struct daemon *daemon, uint16_t cause, char *text, size_t size);

/*
 * An event for each source that was just shut out, and a mail for each that is new: the first at once, those
 * that follow within a minute gathered in one. rate: how many per second were too many; 0: not measured.
 */
void tell_attack(struct daemon *daemon, const struct offender *offender, uint32_t rate, bool is_new);

/*
 * Event and mail about a flood that no source can be blamed for: text says what and where, rate how many
 * handshakes begin each second.
 */
void tell_flood(struct daemon *daemon, const char *link, const char *text, uint32_t rate);

/* siege.c, once a second: recognises such floods, and changes what the kernel does about them. */
void siege_second(struct daemon *daemon);

/* Sends the mail that was gathered when its time has come. */
void tell_attacks(struct daemon *daemon);
