/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What status and links have in common: states of links, and the table of them. */
#pragma once

#include "ctl/commands.h"
#include "ctl/output.h"

enum colour link_colour(const json_t *link);

/* Up, if degraded. */
bool link_is_up(const json_t *link);

void links_print(const struct invocation *invocation, const json_t *links);
