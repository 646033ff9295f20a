/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named sets of a ruleset as messages. */
#pragma once

#include "core/ruleset.h"
#include "kernel/ruleset_fill.h"

/* What the kernel is told of the set, its elements aside. 0, or -EINVAL where the set makes no sense. */
int named_set_head(const struct ruleset_set *set, struct set_head *ret_head);

/* Head only. */
void message_named_set_add(struct batch *batch, const struct ruleset_set *set);

/* What the ruleset says that is in it; nothing for a dynamic one. Chains must be there before. */
void message_named_set_fill(struct batch *batch, const struct ruleset_set *set);
