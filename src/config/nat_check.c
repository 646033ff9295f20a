/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks the address translation of policies against what else they say. */

#include "config/forms.h"
#include "core/nat.h"

enum {
	TCP = 6,
	UDP = 17,
};

static void check_action(struct loader *loader, const struct policy *policy, const struct node *key)
{
	if (policy->action == ACTION_ALLOW)
		return;
	problem_add(&loader->problems, key->at, "`destination' has no effect with `action: %s'",
		config_action_name(policy->action));
	problem_hint(&loader->problems, "take one of the two out");
}

static void check_port(struct loader *loader, const struct policy *policy, const struct node *key)
{
	const struct protocols *protocols = &policy->match.protocols;
	bool right = protocols->count > 0;

	for (size_t i = 0; i < protocols->count; i++)
		right &= protocols->items[i] == TCP || protocols->items[i] == UDP;
	if (right || (policy->nat.port[IPV4] == 0 && policy->nat.port[IPV6] == 0))
		return;
	problem_add(&loader->problems, key->at, "`destination' has a port, but the policy is not of tcp or udp alone");
	problem_hint(&loader->problems, "add `protocol: tcp', `udp' or `[tcp, udp]' to `match', or take the port out");
}

/* Whether all items are networks of the other family. */
static bool never_sees(const struct ends *ends, enum family family)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind != END_NETWORK || ends->items[i].network.address.family == family)
			return false;
	}
	return ends->count > 0;
}

bool match_never_sees(const struct match *match, enum family family)
{
	return never_sees(&match->to, family) || never_sees(&match->from, family);
}

static void check_family(struct loader *loader, const struct policy *policy, enum family family, const char *what,
	const struct node *key)
{
	const struct match *match = &policy->match;
	const char *end = never_sees(&match->to, family) ? "to" : never_sees(&match->from, family) ? "from" : NULL;

	if (end == NULL)
		return;
	problem_add(&loader->problems, key->at, "`%s' is of IPv%d, but `%s' has no network of IPv%d", what,
		family == IPV4 ? 4 : 6, end, family == IPV4 ? 4 : 6);
	problem_hint(&loader->problems, "translation stays within a family: write an address of IPv%d, or widen `%s'",
		family == IPV4 ? 6 : 4, end);
}

void check_policy_nat(struct loader *loader, const struct policy *policy, const struct node *map)
{
	const struct node *value = node_get(map, "nat"), *destination = node_key(value, "destination");
	const struct node *source = node_key(value, "source"), *prefix = node_key(value, "prefix");

	if (destination != NULL) {
		check_action(loader, policy, destination);
		check_port(loader, policy, destination);
	}
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (destination != NULL && policy->nat.forwards[family])
			check_family(loader, policy, family, "destination", destination);
		if (source != NULL && policy->nat.kind[family] == NAT_SOURCE)
			check_family(loader, policy, family, "source", source);
	}
	if (prefix != NULL && policy->nat.kind[IPV6] == NAT_PREFIX)
		check_family(loader, policy, IPV6, "prefix", prefix);
}
