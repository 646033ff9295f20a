/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Groups of links of a policy, one a backup of the other: which of them takes connections, and what is better than what. */

#include "core/tiers.h"

/* Whether the link may be picked at all. */
static bool is_fit(const struct tiers *tiers, const struct choice *choice)
{
	const struct link_view *link = &tiers->links[choice->link];

	return link->usable && !(tiers->avoid && view_avoided(link, tiers->balance));
}

/* Choices stand in the order of their tiers. */
struct tiers tiers_now(const struct link_view *links, const struct balance *balance)
{
	struct tiers tiers = { .links = links, .balance = balance, .avoid = view_avoids_suspects(links, balance) };

	for (size_t i = 0; i < balance->count && !tiers.any; i++) {
		tiers.any = is_fit(&tiers, &balance->choices[i]);
		tiers.best = balance->choices[i].tier;
	}
	return tiers;
}

bool tiers_take(const struct tiers *tiers, const struct choice *choice)
{
	return is_fit(tiers, choice) && choice->tier == tiers->best;
}

bool tiers_reserve(const struct tiers *tiers, const struct choice *choice)
{
	return is_fit(tiers, choice) && choice->tier > tiers->best;
}

bool tiers_many(const struct balance *balance)
{
	return balance->count > 0 && balance->choices[balance->count - 1].tier > 0;
}

static uint64_t all_links(const struct config *config)
{
	return (1ull << config->link_count) - 1;
}

/* in_order: what stands behind the first that takes connections is worse, too. */
static uint64_t worse(const struct config *config, const struct balance *balance, const struct link_view *links, bool in_order)
{
	struct tiers tiers = tiers_now(links, balance);
	uint64_t others = all_links(config), found_worse = 0;
	bool found = false;

	if (!tiers.any)
		return 0;
	for (size_t i = 0; i < balance->count; i++) {
		const struct choice *choice = &balance->choices[i];

		others &= ~(1ull << choice->link);
		if (choice->tier > tiers.best || (found && in_order))
			found_worse |= 1ull << choice->link;
		found |= tiers_take(&tiers, choice);
	}
	return balance->if_none == IF_NONE_ANY ? found_worse | others : found_worse;
}

uint64_t tiers_worse(const struct config *config, const struct balance *balance, const struct link_view *links)
{
	return worse(config, balance, links, balance->algorithm == ALGORITHM_PRIORITY);
}

uint64_t tiers_leavable(const struct config *config, const struct balance *balance, const struct link_view *links)
{
	return worse(config, balance, links,
		balance->algorithm == ALGORITHM_PRIORITY || balance->algorithm == ALGORITHM_SPILLOVER);
}

/* Behind one that has come back, in the tier that takes connections. */
static uint64_t behind_returned(const struct balance *balance, const struct link_view *before, const struct link_view *links)
{
	struct tiers was = tiers_now(before, balance), tiers = tiers_now(links, balance);
	bool returned = false;
	uint64_t behind = 0;

	for (size_t i = 0; i < balance->count && balance->choices[i].tier <= tiers.best; i++) {
		const struct choice *choice = &balance->choices[i];

		if (returned)
			behind |= 1ull << choice->link;
		returned |= tiers_take(&tiers, choice) && !tiers_take(&was, choice);
	}
	return behind;
}

uint64_t tiers_surpassed(const struct config *config, const struct balance *balance, const struct link_view *before,
	const struct link_view *links)
{
	uint64_t surpassed = tiers_worse(config, balance, links) & ~tiers_worse(config, balance, before);

	if (balance->algorithm == ALGORITHM_SPILLOVER)
		surpassed |= behind_returned(balance, before, links);
	return surpassed;
}
