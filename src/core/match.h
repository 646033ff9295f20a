/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a match means, key by key: the plain reading that everything faster is held to. */
#pragma once

#include "core/config.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/view.h"

/* The first key of the policy's match that does not hold ("from", "to-port", ...), or NULL: it matches. */
const char *match_mismatch(const struct policy *policy, const struct flow *flow, const struct config *config,
	const struct ids *ids, const struct view *view);
