/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks policies that spread packets: an address must be the same by every link, and nothing else keeps to one. */

#include "config/forms.h"
#include "core/nat.h"

static bool translates(const struct nat *nat, enum family family)
{
	return nat->kind[family] != NAT_NONE;
}

/* What the link does to sources of that family, in words. */
static const char *how(const struct nat *nat, enum family family)
{
	return family == IPV6 && nat->kind[family] == NAT_AUTO ? "masquerades unique-local sources of IPv6"
	                                                       : "translates sources";
}

static void refuse_link(struct loader *loader, const struct link *link, enum family family, const struct node *algorithm)
{
	problem_add(&loader->problems, algorithm->at, "`by-packet' needs links without address translation, but link `%s' %s",
		link->name, how(&link->nat, family));
	problem_hint(&loader->problems,
		"other ends would see one connection from several addresses: say `nat: none' in the policy or the link");
}

/* The first of the policy's links that would translate. */
static void check_its_links(struct loader *loader, const struct policy *policy, const struct node *algorithm)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		for (size_t i = 0; i < policy->balance.count; i++) {
			const struct link *link = &loader->config->links[policy->balance.choices[i].link];

			if (policy->nat.kind[family] != NAT_AUTO || match_never_sees(&policy->match, family)
			    || !translates(&link->nat, family))
				continue;
			refuse_link(loader, link, family, algorithm);
			return;
		}
	}
}

static void check_own_nat(struct loader *loader, const struct policy *policy, const struct node *nat)
{
	for (enum family family = IPV4; family <= IPV6 && nat != NULL; family++) {
		if (policy->nat.kind[family] == NAT_AUTO || policy->nat.kind[family] == NAT_NONE)
			continue;
		problem_add(&loader->problems, nat->at, "`nat' translates sources, which `algorithm: by-packet' cannot have");
		problem_hint(&loader->problems, "a translated connection belongs to one link: say `nat: none', or take another algorithm");
		return;
	}
}

static void check_keeping(struct loader *loader, const struct node *map)
{
	static const char *const keys[] = { "sticky", "together" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct node *key = node_key(map, keys[i]);

		if (key == NULL)
			continue;
		problem_add(&loader->problems, key->at, "`%s' has no effect with `algorithm: by-packet'", keys[i]);
		problem_hint(&loader->problems, "every packet takes a link of its own: take one of the two out");
	}
}

/* No connection has a link that it could leave. */
static void check_recovery(struct loader *loader, const struct policy *policy, const struct node *map)
{
	const struct node *key = node_key(map, "on-recovery");

	if (key == NULL || policy->balance.on_recovery == ON_RECOVERY_KEEP)
		return;
	problem_add(&loader->problems, key->at, "`on-recovery: %s' has no effect with `algorithm: by-packet'",
		config_on_recovery_name(policy->balance.on_recovery));
	problem_hint(&loader->problems, "packets take a link that is back by themselves: take it out");
}

void check_by_packet(struct loader *loader, const struct policy *policy, const struct node *map)
{
	const struct node *balance = node_get(map, "balance"), *algorithm = node_get(balance, "algorithm");

	if (algorithm == NULL || policy->action != ACTION_ALLOW || policy->balance.algorithm != ALGORITHM_BY_PACKET)
		return;
	check_keeping(loader, balance);
	check_recovery(loader, policy, balance);
	check_own_nat(loader, policy, node_key(map, "nat"));
	check_its_links(loader, policy, algorithm);
}
