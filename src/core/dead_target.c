/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells a target that is dead from a link that is. */

#include "core/dead_target.h"

static bool answered(const struct round *round, size_t target)
{
	return (round->targets >> target & 1) != 0;
}

void targets_note(struct target_seen *seen, const struct check *check, const struct round *round, uint64_t now_ms)
{
	for (size_t i = 0; i < check->count; i++) {
		if (round->late == 0)
			seen[i].asked_ms = now_ms;
		if (answered(round, i))
			seen[i].answered_ms = now_ms;
	}
}

/* A gateway is each link's own, whatever its address. */
static bool same_target(const struct target *a, const struct target *b)
{
	return !a->gateway && target_equal(a, b);
}

bool target_dead(const struct target_watcher *links, size_t count, size_t self, size_t target)
{
	const struct target *asked = &links[self].check->targets[target];
	uint64_t heard_ms = links[self].seen[target].answered_ms;
	size_t others = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; i != self && links[i].ready && j < links[i].check->count; j++) {
			const struct target_seen *seen = &links[i].seen[j];

			if (!same_target(asked, &links[i].check->targets[j]))
				continue;
			if (seen->asked_ms <= heard_ms || seen->answered_ms >= seen->asked_ms)
				return false;
			others++;
		}
	}
	return others > 0;
}

bool targets_all_dead(const struct target_watcher *links, size_t count, size_t self, const struct round *round,
	size_t *ret_target)
{
	const struct check *check = links[self].check;
	size_t missing = 0;

	for (size_t i = 0; i < check->count; i++) {
		if (answered(round, i))
			continue;
		if (!target_dead(links, count, self, i))
			return false;
		if (missing++ == 0)
			*ret_target = i;
	}
	return missing > 0;
}
