/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which policies can never be met: because one before them takes all that they match, or because they match nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

/*
 * What holds here holds whatever devices, addresses and routes there are, and at every minute. Where that cannot be
 * told (a device's networks against an address) the answer is no: what is hidden may be missed, never the other way
 * round. effort is counted down with each look at two ends; at 0 every answer is no.
 */

/* Whether a matches each connection that b matches. */
bool shadow_covers(const struct config *config, const struct policy *a, const struct policy *b, size_t *effort);

/* Whether it matches every connection there is. */
bool shadow_catches_all(const struct config *config, const struct policy *policy, size_t *effort);

/* The first policy from start on, and before index, that matches all that policy index does; or config.policy_count. */
size_t shadow_find(const struct config *config, size_t index, size_t start, size_t *effort);

/* Why a match can hold for no connection at all. */
enum shadow_fault {
	SHADOW_FINE,
	SHADOW_NOT_FROM, /* not-from has all that from has */
	SHADOW_NOT_TO,
	SHADOW_FAMILIES, /* from IPv4 to IPv6, or the other way round */
	SHADOW_OUTSIDE,  /* from a link to the internet: what comes by a link goes to the inside or to this machine */
};

enum shadow_fault shadow_fault(const struct config *config, const struct policy *policy, size_t *effort);
