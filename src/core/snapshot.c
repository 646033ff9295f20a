/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes and frees the immutable state that decisions read. */

#include <stdlib.h>

#include "core/decide.h"
#include "core/key.h"
#include "core/tiers.h"

/* Balancers of policies, of which many are alike: the last one with each of some choices. */
#define ALIKE 64

struct making {
	const struct snapshot *snapshot;
	const struct view *view;
	uint64_t link_hashes[CONFIG_LINKS_MAX]; /* of names */
	const struct balancer *alike[ALIKE];
};

static struct making start_making(const struct snapshot *snapshot, const struct view *view)
{
	struct making making = { .snapshot = snapshot, .view = view };

	for (size_t i = 0; i < snapshot->config->link_count; i++)
		making.link_hashes[i] = name_hash(&snapshot->key, snapshot->config->links[i].name);
	return making;
}

static struct candidate candidate_of(const struct making *making, const struct balance *balance, size_t index,
	const struct tiers *tiers)
{
	const struct choice *choice = &balance->choices[index];

	return (struct candidate){
		.link = choice->link,
		.id = making->snapshot->ids->links[choice->link],
		.usable = tiers_take(tiers, choice),
		.tier = choice->tier,
		.reserve = tiers_reserve(tiers, choice),
		.weight = view_weight(making->view, balance, index),
		.hash = making->link_hashes[choice->link],
	};
}

static struct balancer *make_balancer(struct making *making, const struct balance *balance,
	const struct balancer *previous)
{
	struct candidate candidates[CONFIG_LINKS_MAX];
	size_t count = balance->count < CONFIG_LINKS_MAX ? balance->count : CONFIG_LINKS_MAX;
	struct balancer *balancer;
	struct tiers tiers = tiers_now(making->view->links, balance);
	uint64_t sum = balance->algorithm;
	size_t place;

	for (size_t i = 0; i < count; i++) {
		candidates[i] = candidate_of(making, balance, i, &tiers);
		sum = (sum ^ ((uint64_t)candidates[i].weight << 8 | candidates[i].id)) * 0x9e3779b97f4a7c15ULL;
	}
	place = sum >> 32 & (ALIKE - 1);
	balancer = balancer_new_alike(balance, candidates, count, previous, making->alike[place]);
	making->alike[place] = balancer;
	return balancer;
}

/* The place of the policy of that name in the previous snapshot; -1: it has none. */
static int previous_index(const struct snapshot *snapshot, const struct snapshot *previous,
	const struct policy_name *names, size_t policy)
{
	int index = (int)policy;

	if (previous == NULL)
		return -1;
	if (previous->config != snapshot->config)
		index = config_policy_named(names, previous->config->policy_count, snapshot->config->policies[policy].name);
	return index;
}

/* Whether one of its links carries one family only. */
static bool is_split(const struct view *view, const struct balance *balance)
{
	for (size_t i = 0; i < balance->count; i++) {
		const struct link_view *link = &view->links[balance->choices[i].link];

		if (view_lacks(link, IPV4) || view_lacks(link, IPV6))
			return true;
	}
	return false;
}

/* The one of IPv6 goes on with what the policy learnt. */
static int make_both(struct snapshot *snapshot, struct making making[FAMILIES], size_t policy, const struct snapshot *previous,
	int index)
{
	const struct balance *balance = &snapshot->config->policies[policy].balance;
	const struct balancer *before = index < 0 ? NULL : previous->balancers[index];
	const struct balancer *before6 = index < 0 ? NULL : previous->balancers6[index];
	struct balancer *balancer = make_balancer(&making[IPV4], balance, before);

	snapshot->balancers[policy] = balancer;
	if (balancer == NULL)
		return -1;
	if (!is_split(making[IPV6].view, balance))
		return 0;
	snapshot->balancers6[policy] = make_balancer(&making[IPV6], balance, before6 != NULL ? before6 : balancer);
	return snapshot->balancers6[policy] == NULL ? -1 : 0;
}

static int make_balancers(struct snapshot *snapshot, const struct snapshot_parts *parts, const struct policy_name *names)
{
	const struct config *config = parts->config;
	struct link_view links[FAMILIES][CONFIG_LINKS_MAX];
	struct making making[FAMILIES];
	struct view views[FAMILIES];

	for (enum family family = IPV4; family <= IPV6; family++) {
		view_of_family(config, parts->view, family, links[family], &views[family]);
		making[family] = start_making(snapshot, &views[family]);
	}

	for (size_t i = 0; i < config->policy_count; i++) {
		const struct policy *policy = &config->policies[i];

		snapshot->name_hashes[i] = name_hash(&snapshot->key, policy->name);
		if (policy->action != ACTION_ALLOW)
			continue;
		if (make_both(snapshot, making, i, parts->previous, previous_index(snapshot, parts->previous, names, i)) < 0)
			return -1;
	}
	return 0;
}

static int make_policies(struct snapshot *snapshot, const struct snapshot_parts *parts)
{
	size_t count = parts->config->policy_count;
	struct policy_name *names = NULL;
	int result;

	snapshot->balancers = arena_array(snapshot->arena, count, sizeof(struct balancer *));
	snapshot->balancers6 = arena_array(snapshot->arena, count, sizeof(struct balancer *));
	snapshot->name_hashes = arena_array(snapshot->arena, count, sizeof(uint64_t));
	if (snapshot->balancers == NULL || snapshot->balancers6 == NULL || snapshot->name_hashes == NULL)
		return -1;
	if (parts->previous != NULL && parts->previous->config != parts->config) {
		names = config_policy_names(parts->previous->config);
		if (names == NULL)
			return -1;
	}
	result = make_balancers(snapshot, parts, names);
	free(names);
	return result;
}

static struct balancer *any_link_of(struct snapshot *snapshot, const struct view *view)
{
	struct choice choices[CONFIG_LINKS_MAX];
	struct making making = start_making(snapshot, view);
	struct balance balance = view_all_links(snapshot->config, choices);

	return make_balancer(&making, &balance, NULL);
}

static int make_any_link(struct snapshot *snapshot, const struct view *view)
{
	struct link_view links[CONFIG_LINKS_MAX];
	struct view of_family;
	bool lacking = view_of_family(snapshot->config, view, IPV4, links, &of_family);

	snapshot->any_link = any_link_of(snapshot, &of_family);
	lacking |= view_of_family(snapshot->config, view, IPV6, links, &of_family);
	if (lacking)
		snapshot->any_link6 = any_link_of(snapshot, &of_family);
	return snapshot->any_link == NULL || (lacking && snapshot->any_link6 == NULL) ? -1 : 0;
}

static int make_device_links(struct snapshot *snapshot, const struct view *view)
{
	size_t count = snapshot->config->link_count;

	snapshot->device_links = arena_array(snapshot->arena, count, sizeof(*snapshot->device_links));
	if (snapshot->device_links == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		snapshot->device_links[i].device_index = view->links[i].device_index;
		snapshot->device_links[i].link = snapshot->ids->links[i];
		for (enum family family = IPV4; family <= IPV6; family++) {
			if (view_lacks(&view->links[i], family))
				snapshot->lacking[family] |= 1ull << snapshot->ids->links[i];
		}
		if (view->links[i].withheld)
			snapshot->withheld |= 1ull << snapshot->ids->links[i];
		if (view->links[i].usable && view->links[i].suspect)
			snapshot->suspects |= 1ull << snapshot->ids->links[i];
		if (view->links[i].usable && view->links[i].flapping)
			snapshot->flapping |= 1ull << snapshot->ids->links[i];
		if ((view->links[i].usable && view->links[i].spent) || view->links[i].stopped)
			snapshot->spent |= 1ull << snapshot->ids->links[i];
		if (view->links[i].usable && view->links[i].taper != 0)
			snapshot->tapered |= 1ull << snapshot->ids->links[i];
	}
	snapshot->device_link_count = count;
	return 0;
}

struct snapshot *snapshot_new(const struct snapshot_parts *parts)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL)
		return NULL;
	snapshot->config = parts->config;
	snapshot->ids = parts->ids;
	snapshot->sticky = parts->sticky;
	snapshot->loads = parts->loads;
	snapshot->paths = parts->paths;
	snapshot->key = parts->key;
	snapshot->layout = mark_layout_of(&parts->config->kernel);
	snapshot->generation = parts->generation;
	snapshot->arena = arena_new();
	if (snapshot->arena == NULL)
		goto fail;
	snapshot->classifier = classifier_new(parts->config, parts->ids, parts->view,
		parts->previous == NULL ? NULL : parts->previous->classifier);
	if (snapshot->classifier == NULL || make_policies(snapshot, parts) < 0
	    || make_any_link(snapshot, parts->view) < 0 || make_device_links(snapshot, parts->view) < 0)
		goto fail;
	return snapshot;

fail:
	snapshot_free(snapshot);
	return NULL;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	for (size_t i = 0; snapshot->balancers != NULL && i < snapshot->config->policy_count; i++)
		balancer_free(snapshot->balancers[i]);
	for (size_t i = 0; snapshot->balancers6 != NULL && i < snapshot->config->policy_count; i++)
		balancer_free(snapshot->balancers6[i]);
	balancer_free(snapshot->any_link6);
	balancer_free(snapshot->any_link);
	classifier_free(snapshot->classifier);
	arena_free(snapshot->arena);
	free(snapshot);
}

const struct balancer *snapshot_balancer(const struct snapshot *snapshot, size_t policy, enum family family)
{
	const struct balancer *balancer6 = snapshot->balancers6[policy];

	return family == IPV6 && balancer6 != NULL ? balancer6 : snapshot->balancers[policy];
}

uint8_t snapshot_came_by(const struct snapshot *snapshot, uint32_t device_index)
{
	for (size_t i = 0; i < snapshot->device_link_count; i++) {
		if (snapshot->device_links[i].device_index == device_index && device_index != 0)
			return snapshot->device_links[i].link;
	}
	return 0;
}

uint32_t snapshot_device(const struct snapshot *snapshot, uint8_t link)
{
	for (size_t i = 0; i < snapshot->device_link_count; i++) {
		if (snapshot->device_links[i].link == link)
			return snapshot->device_links[i].device_index;
	}
	return 0;
}
