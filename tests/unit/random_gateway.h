/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random policies and flows that meet often: both come from the same small pools. */
#pragma once

#include "sample_gateway.h"

/* Seeds rand() with UPLINKD_SEED or the time, and prints how to have the same again. */
void random_start(void);

/* 0 .. below - 1 */
unsigned int random_below(unsigned int below);

/* Three links, three zones of all kinds, sets, and some policies, at any minute; links are up, down or gone by chance. */
struct sample_gateway *random_gateway(void);

struct flow random_flow(const struct sample_gateway *gateway);

/* One line, for the message of a failure. */
const char *random_flow_text(const struct flow *flow);
