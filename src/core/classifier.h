/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the policy of a flow: the first whose match holds. */
#pragma once

#include <stddef.h>

#include "core/config.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/view.h"

struct classifier;

/* Lives in the arena; config and ids must outlive it. NULL: no memory. */
struct classifier *classifier_new(struct arena *arena, const struct config *config, const struct ids *ids,
	const struct view *view);

/* Index of the first policy from start on that matches, or config.policy_count. Any thread. */
size_t classifier_match(const struct classifier *classifier, const struct flow *flow, size_t start);

/* The first part of the policy's match that does not hold ("from", "to-port", ...), or NULL: for `explain`. */
const char *classifier_mismatch(const struct classifier *classifier, const struct flow *flow, size_t policy);
