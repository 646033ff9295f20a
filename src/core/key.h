/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a flow is hashed, so that connections with the same key belong together. */
#pragma once

#include <stdint.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/siphash.h"

/* Keyed hash of that part of the flow; salt keeps uses of the same part apart. */
uint64_t flow_key_hash(const struct hash_key *key, enum flow_key part, const struct flow *flow, uint64_t salt);

/* Keyed hash of a name: the same over reload and restart, whatever its number. */
uint64_t name_hash(const struct hash_key *key, const char *name);
