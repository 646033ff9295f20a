/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shaping as it runs: brings the plan to the devices, watches what classes let pass. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "core/plan_shaper.h"
#include "kernel/shaper.h"

struct daemon;

/* What a leaf had when it was last looked at, and how fast it was over the last second. */
struct shape_sample {
	char device[16];
	uint16_t minor;
	uint64_t bytes, packets, dropped, rate_bps;
	uint32_t waiting;
	bool seen; /* in the round that goes on */
};

struct shaping {
	struct shaper_features features;
	bool present;            /* something of ours may be on devices */
	bool queue_told, split_told;
	char complaint[256];     /* what failed last: told once */
	uint64_t sampled_at_ms;
	struct shape_sample *samples;
	size_t sample_count, sample_room;
};

/* Makes devices what plan says; expected: that something changes is no news. */
void shape_apply(struct daemon *daemon, const struct shaper_plan *plan, bool expected);

/* Each second: counters and rates. */
void shape_watch(struct daemon *daemon);

/* Tells of links and devices that cannot be shaped as the classes would have it. */
void shape_advise(struct daemon *daemon);

/* Every leaf of the plan in force, as `uplinkctl classes' shows them. */
json_t *shape_report(struct daemon *daemon);

void shape_free(struct shaping *shaping);
