/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configurations of tests/golden/plan, each with the state of links that its comments tell. */
#pragma once

#include "core/plan.h"
#include "sample_gateway.h"

/* Calls test with each, in the order of their names; path has no extension. Returns how many. */
size_t plan_goldens(void (*test)(const char *path, const struct sample_gateway *gateway, void *data), void *data);
