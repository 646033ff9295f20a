/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a ruleset is built whole, for the file that builds what differs. */
#pragma once

#include "kernel/ruleset.h"

/* As often as this another try: somebody who commits without a pause could keep us out for ever. */
#define APPLY_TRIES 20

/* Whether somebody else changed the ruleset between our look and our transaction. */
bool apply_was_overtaken(int error);

/*
 * The kernel's number after a transaction of ours that was made for generation. Where somebody else
 * came after us it is generation itself, so that what the kernel has is not taken for ours.
 */
uint32_t apply_generation_after(struct netlink *netlink, uint32_t generation);

/* One try of ruleset_apply(). ret_generation is the kernel's number after it; set on success only. */
int apply_whole(struct netlink *netlink, const struct ruleset *ruleset, const struct ruleset_features *features,
	uint32_t *ret_generation, char *message, size_t size);
