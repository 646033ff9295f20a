/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who went over a limit, how often, and how long each is shut out for it. Pure; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/config.h"
#include "core/siphash.h"

/*
 * What an offence is against: a value of enum detector, or OFFENCE_POLICY and the number of a policy.
 * OFFENCE_BEFORE: found in the kernel, from a daemon that ran before.
 */
#define OFFENCE_BEFORE DETECTORS
#define OFFENCE_POLICY (DETECTORS + 1)

/* Who comes back is shut out twice as long as before, so long at most, or as long as at first. */
#define OFFENDER_BLOCK_MAX_S 3600

/*
 * More than so many sources that offend for the first time in a window: their addresses are forged, and
 * shutting them out would hit the innocent. Counted for each detector, and for all policies together.
 */
#define OFFENDERS_FORGED    4096
#define OFFENDERS_WINDOW_MS 10000

struct offender {
	struct address site;  /* IPv6: the first address of its /64 */
	uint16_t cause;
	uint16_t times;       /* that it was shut out; 0: it never was */
	uint64_t since_ms;    /* of the last time */
	uint64_t until_ms;
};

struct offenders;

/* Fixed size: who has been quiet for longest makes room. NULL: no memory. */
struct offenders *offenders_new(size_t count, struct hash_key key);

/* Accepts NULL. */
void offenders_free(struct offenders *offenders);

enum offence {
	OFFENCE_FIRST,  /* shut it out: it is new, or was forgotten */
	OFFENCE_AGAIN,  /* shut it out: it came back */
	OFFENCE_KNOWN,  /* it is shut out already */
	OFFENCE_FORGED, /* one of too many: let it be */
};

/*
 * A source went over a limit. Of those that are to be shut out ret_offender tells until when; of others it
 * is not set. block_for_s is of the first time. An offender is forgotten when it was quiet, after its
 * time, for as long again.
 */
enum offence offenders_add(struct offenders *offenders, const struct address *source, uint16_t cause,
	uint32_t block_for_s, uint64_t now_ms, struct offender *ret_offender);

/* One that is shut out already, until then, for a cause that nobody remembers. */
void offenders_adopt(struct offenders *offenders, const struct address *source, uint64_t now_ms, uint64_t until_ms);

/* Forgets a source, whatever it did. How often it was found. */
size_t offenders_forget(struct offenders *offenders, const struct address *source);

/* Calls callback with each that is shut out now. */
void offenders_each(const struct offenders *offenders, uint64_t now_ms,
	void (*callback)(const struct offender *offender, void *data), void *data);

/* The network that an address offends as: itself, or its /64. */
struct network offender_site(const struct address *address);

/* What people are told of a site: the address, or the /64; at most size bytes, ADDRESS_TEXT_MAX are enough. */
const char *offender_text(const struct address *site, char *text, size_t size);
