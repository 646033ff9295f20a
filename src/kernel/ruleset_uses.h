/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often the kernel counts a chain as used: its rules, and what leads to it. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"

/*
 * Index as in ruleset.chains; what leads to a chain that is not there counts nowhere. The kernel tells
 * this number with each chain: to compare it takes no list of all rules. NULL: no memory.
 */
uint32_t *uses_of_chains(struct arena *arena, const struct ruleset *ruleset);
