/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks whether a table is still there, for who knows the ruleset in outline only. */
#pragma once

#include <stdint.h>

#include "core/ruleset.h"
#include "kernel/netlink.h"

/* As ruleset_intact(), without a look at rules and elements; uses as of uses_of_chains(). */
int intact_with_uses(struct netlink *netlink, const struct ruleset *ruleset, const uint32_t *uses);
