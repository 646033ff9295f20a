/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random policies over every key, made without a file, and flows that come to their edges. */
#pragma once

#include "core/config.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/view.h"

/* The networks and ports that policies name and flows meet come from pools, so that they meet often. */
struct random_policies {
	struct arena *arena;
	struct config config;
	struct ids ids;
	struct view view;
	struct networks pool;
	uint16_t ports[24];
};

/* So many policies in a world with some zones, links and sets, at times with as many as there may be. */
struct random_policies *random_policies_new(size_t count);
void random_policies_free(struct random_policies *random);

struct flow random_policies_flow(const struct random_policies *random);
