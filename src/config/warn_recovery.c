/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells of policies that say what happens when a better link is back, where none is better than another. */

#include "config/config.h"
#include "config/loader.h"
#include "core/tiers.h"

static bool has_better(const struct balance *balance)
{
	bool in_order = balance->algorithm == ALGORITHM_PRIORITY || balance->algorithm == ALGORITHM_SPILLOVER;

	return tiers_many(balance) || balance->if_none == IF_NONE_ANY || (in_order && balance->count > 1);
}

void warn_recovery(struct loader *loader)
{
	for (size_t i = 0; i < loader->config->policy_count; i++) {
		const struct policy *policy = &loader->config->policies[i];
		const struct balance *balance = &policy->balance;

		if (policy->action != ACTION_ALLOW || balance->on_recovery == ON_RECOVERY_KEEP || has_better(balance))
			continue;
		problem_warn(&loader->problems, loader->policies[i].name->at,
			"policy `%s' says `on-recovery: %s', but none of its links is better than another", policy->name,
			config_on_recovery_name(balance->on_recovery));
		problem_hint(&loader->problems, "put links that are a backup behind a group, as `links: [[fiber, dsl], lte]'");
	}
}
