/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a match means, bit by bit and key by key, sharing nothing with the classifier. */
#pragma once

#include "sample_gateway.h"

bool oracle_matches(const struct sample_gateway *g, const struct policy *policy, const struct flow *flow);
