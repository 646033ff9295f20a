/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that compile policies share. */
#pragma once

#include "core/classifier_compile.h"

/* While policies are compiled. */
struct compiler {
	struct compiled *compiled;
	struct bit_vectors vectors;
	struct facts facts;
	uint32_t from_zones[CONFIG_ZONES_MAX], to_zones[CONFIG_ZONES_MAX]; /* facts */
};

/* Fills compiled->from, from_links and compiled->to, but for zones. 0 or -ENOMEM. */
int compile_ends(struct compiler *compiler);

/* Fills compiled->zone_devices and zones_of_others. 0 or -ENOMEM. */
int compile_zone_devices(struct compiled *compiled);
