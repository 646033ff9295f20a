/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells a target that is dead from a link that is: nobody can be reached by any link who is not there. Pure; time is
 * passed in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/health.h"

/* What one link knows of one of its targets; all zero bytes: nothing yet. */
struct target_seen {
	uint64_t answered_ms; /* when last; 0: never */
	uint64_t asked_ms;    /* when a round last ended that asked it; 0: never */
};

/* One link, as its target's fate is judged. */
struct target_watcher {
	const struct check *check;
	const struct target_seen *seen; /* by target of the check */
	bool ready;                     /* the ground is: it can ask at all */
};

/* A round that was told, of the link that seen belongs to. */
void targets_note(struct target_seen *seen, const struct check *check, const struct round *round, uint64_t now_ms);

/*
 * Whether a target of the link with that index is heard on no link, although others ask it as well: each of them has
 * asked it without an answer since it was last heard here. Never true where no other link asks it: then there is
 * nothing to compare.
 */
bool target_dead(const struct target_watcher *links, size_t count, size_t self, size_t target);

/* Whether who did not answer in this round are dead targets alone. Returns the first of them in ret_target. */
bool targets_all_dead(const struct target_watcher *links, size_t count, size_t self, const struct round *round,
	size_t *ret_target);
