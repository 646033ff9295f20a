/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the configuration that is about quotas of links. */
#pragma once

#include <stdint.h>

enum quota_period {
	QUOTA_MONTHLY,
	QUOTA_WEEKLY,
	QUOTA_DAILY,
};

enum quota_count {
	QUOTA_BOTH,
	QUOTA_DOWNLOAD,
	QUOTA_UPLOAD,
};

/* Where a quota is spent, and no other link of the policy is usable. */
enum quota_alone {
	QUOTA_USE,
	QUOTA_STOP,
};

/* A link that tapers has so many parts of its weight, less those that it has to give up. */
#define QUOTA_TAPER_STEPS 16

/* What the link may carry. Parts of the volume in thousandths; 0: never. */
struct quota_settings {
	uint64_t volume;           /* bytes; 0: as much as it can */
	enum quota_period period;
	uint8_t reset_day;         /* QUOTA_MONTHLY: 1 to 31; QUOTA_WEEKLY: 1 for Monday to 7 */
	enum quota_count count;
	uint32_t warn_permille, taper_permille, cut_off_permille;
	enum quota_alone alone;
};
