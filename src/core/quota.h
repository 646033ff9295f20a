/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link may carry in a month, a week or a day: how much it was, how much it will be. Pure; time is passed in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/loads.h"

/* How a place's clocks differ from UTC, which changes with the season: seconds to be added at that time, in seconds since 1970. */
struct quota_calendar {
	int32_t (*offset_s)(int64_t at, void *data);
	void *data;
};

/* Whose counters they are. They begin at 0 with each device and each boot. */
struct quota_source {
	char device[16];
	uint32_t index;  /* the kernel's, of the device; 0: there is none now */
	char boot[40];   /* another text for each boot */
};

struct quota_span {
	int64_t begin, end; /* seconds since 1970, begin included; both 0: none */
	uint64_t used[DIRECTIONS];
};

/*
 * The count of one link. Plain data, so that it can be kept: all zero is one that has counted nothing. What was counted
 * belongs to now.begin to now.end; a clock that goes back does not begin a period anew, and one that was ahead for a while
 * gets back the period that it left too early (before).
 */
struct quota {
	struct quota_span now, before;
	int64_t since;              /* counted since then; in the first period later than its begin */
	enum quota_period period;   /* of now */
	uint8_t reset_day;
	bool counted;               /* seen is what source had at seen_at */
	struct quota_source source;
	uint64_t seen[DIRECTIONS];
	int64_t seen_at;
};

/* How far it has come. */
enum quota_stage {
	QUOTA_FREE,
	QUOTA_WARNED,
	QUOTA_TAPERED,
	QUOTA_SPENT,
};

/*
 * Time has passed: bytes are those of the source's counters, nothing is counted where it has no device. Counters that go
 * on add what is new; those of a device that was made anew, or of another boot, add all they have, for both began at 0 since;
 * those that fell are taken for begun anew, or for 32 bits that ran over where that is nearer. Another device by name is not charged with
 * what it had before. What passed over the end of a period is parted by time. True where a period has begun, or come back.
 */
bool quota_pass(struct quota *quota, const struct quota_settings *settings, const struct quota_source *source,
	const uint64_t bytes[DIRECTIONS], int64_t now, const struct quota_calendar *calendar);

/* Bytes of this period that count. */
uint64_t quota_used(const struct quota *quota, const struct quota_settings *settings);

/* What it will be at the end if it goes on as since the beginning; 0: not known in the first hundredth of the period. */
uint64_t quota_forecast(const struct quota *quota, const struct quota_settings *settings, int64_t now);

enum quota_stage quota_stage(const struct quota *quota, const struct quota_settings *settings);

/*
 * How much less the link takes, in sixteenths: 0 up to taper, then in proportion, 15 right before the cut-off, or the
 * whole volume where there is none. 0 where it does not taper.
 */
unsigned int quota_taper(const struct quota *quota, const struct quota_settings *settings);

/* "free", "warned", "tapered", "spent" */
const char *quota_stage_name(enum quota_stage stage);
