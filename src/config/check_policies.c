/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks policies against each other and against themselves, and fills in what depends on other keys. */

#include <stdlib.h>
#include <string.h>

#include "config/forms.h"
#include "core/protocol.h"
#include "core/schedule.h"
#include "core/week.h"

struct named {
	const char *name;
	const struct node *node;
};

static int by_name(const void *left, const void *right)
{
	const struct named *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	const struct position *at = &a->node->at, *other = &b->node->at;

	if (order != 0)
		return order;
	if (at->source->order != other->source->order)
		return at->source->order < other->source->order ? -1 : 1;
	return at->line < other->line ? -1 : at->line > other->line;
}

static void check_unique(struct loader *loader)
{
	const struct config *config = loader->config;
	struct named *names = arena_array(loader->scratch, config->policy_count, sizeof(*names));
	size_t count = 0;

	if (names == NULL) {
		loader->problems.no_memory = true;
		return;
	}
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].name != NULL)
			names[count++] = (struct named){ config->policies[i].name, loader->policies[i].name };
	}
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 1; i < count; i++) {
		const struct position *first = &names[i - 1].node->at;

		if (strcmp(names[i].name, names[i - 1].name) != 0 || names[i].node == names[i - 1].node)
			continue;
		problem_add(&loader->problems, names[i].node->at, "there is a policy `%s' in %s:%zu already", names[i].name,
			first->source->name, first->line);
		problem_hint(&loader->problems, "each policy has a name of its own, over all files");
	}
}

static const char *protocol_text(uint8_t number, char *text, size_t size)
{
	const char *name = protocol_name(number);

	if (name != NULL)
		return name;
	snprintf(text, size, "protocol %u", (unsigned int)number);
	return text;
}

static void check_ports(struct loader *loader, const struct match *match, const struct node *map)
{
	const struct node *to = node_key(map, "to-port"), *from = node_key(map, "from-port");
	const struct node *key = to != NULL ? to : from, *protocol = node_get(map, "protocol");
	char name[16];

	if (key == NULL)
		return;
	if (protocol == NULL) {
		problem_add(&loader->problems, key->at, "`%s' without a protocol that has ports", key->text);
		problem_hint(&loader->problems, "add `protocol: tcp', `udp' or `[tcp, udp]'");
		return;
	}
	for (size_t i = 0; i < match->protocols.count; i++) {
		uint8_t number = match->protocols.items[i];

		if (protocol_has_ports(number))
			continue;
		problem_add(&loader->problems, protocol->at, "`%s' is given, but %s has no ports", key->text,
			protocol_text(number, name, sizeof(name)));
		problem_hint(&loader->problems, "take it out of `protocol', or make a policy of its own for it");
	}
}

static void check_icmp(struct loader *loader, const struct match *match, const struct node *map)
{
	const struct node *key = node_key(map, "icmp-type"), *protocol = node_key(map, "protocol");

	if (key == NULL || icmp_alone(&match->protocols) || (protocol != NULL && match->protocols.count == 0))
		return;
	problem_add(&loader->problems, key->at, "`icmp-type' needs icmp or icmpv6 as the only `protocol'");
	problem_hint(&loader->problems, "%s", protocol == NULL ? "add `protocol: icmp' or `protocol: icmpv6'" :
		"make a policy for each protocol: they number their types differently");
}

static void fill_times(struct loader *loader, struct match *match, const struct node *map)
{
	const struct node *time = node_get(map, "time");

	if (!week_spans(loader->config->arena, &match->timetable, &match->times))
		loader->problems.no_memory = true;
	if (time == NULL || time->kind != NODE_MAP || time->count > 0)
		return;
	problem_add(&loader->problems, time->at, "`time' is empty");
	problem_hint(&loader->problems, "it has `days', `hours' or both, as `{ days: mon-fri, hours: \"08:00-18:00\" }'");
}

static void check_together(struct loader *loader, const struct balance *balance, const struct node *map)
{
	const struct node *together = node_key(map, "together");

	if (together == NULL || balance->sticky_by == KEY_NONE)
		return;
	problem_add(&loader->problems, together->at, "`together' and `sticky' say different things of the same connections");
	problem_hint(&loader->problems, "`together' is for all policies that say so, `sticky' for this one: take one out");
}

/* What is together is moved together: one that says otherwise would take the key, but not the connections of the others, along. */
static void check_recovery(struct loader *loader)
{
	const struct config *config = loader->config;
	const struct policy *first[KEY_SOURCE_DESTINATION_PORT + 1] = { NULL };

	for (size_t i = 0; i < config->policy_count; i++) {
		const struct policy *policy = &config->policies[i];
		enum flow_key by = policy->balance.together_by;
		const struct node *balance = node_get(loader->policies[i].value, "balance");

		if (policy->action != ACTION_ALLOW || by == KEY_NONE || policy->name == NULL)
			continue;
		if (first[by] == NULL)
			first[by] = policy;
		if (policy->balance.on_recovery == first[by]->balance.on_recovery)
			continue;
		problem_add(&loader->problems, place_of_key(balance, "on-recovery", loader->policies[i].name),
			"policy `%s' says `on-recovery: %s', but `%s' says `%s', and both are together by %s", policy->name,
			config_on_recovery_name(policy->balance.on_recovery), first[by]->name,
			config_on_recovery_name(first[by]->balance.on_recovery), config_flow_key_name(by));
		problem_hint(&loader->problems, "what is together moves together: say the same in all of them");
	}
}

static void check_balance(struct loader *loader, const struct policy *policy, const struct node *value)
{
	const struct node *key = node_key(value, "balance"), *map = node_get(value, "balance");
	const struct node *by = node_key(map, "by"), *algorithm = node_get(map, "algorithm"), *share = node_key(map, "share");
	const char *name = config_algorithm_name(policy->balance.algorithm);

	if (policy->action != ACTION_ALLOW && key != NULL) {
		problem_add(&loader->problems, key->at, "`balance' has no effect with `action: %s'",
			config_action_name(policy->action));
		problem_hint(&loader->problems, "take one of the two out");
	}
	check_together(loader, &policy->balance, map);
	if (algorithm != NULL && (algorithm->kind != NODE_WORD || strcmp(algorithm->text, name) != 0))
		return;
	if (by != NULL && policy->balance.algorithm != ALGORITHM_HASH) {
		problem_add(&loader->problems, by->at, "`by' has no effect with `algorithm: %s'", name);
		problem_hint(&loader->problems, "it is for `hash'; what stays on one link is said by `sticky: { by: ... }'");
	}
	if (share != NULL && policy->balance.algorithm != ALGORITHM_ROUND_ROBIN) {
		problem_add(&loader->problems, share->at, "`share' has no effect with `algorithm: %s'", name);
		problem_hint(&loader->problems, "it is for `round-robin'");
	}
}

static void fill_balance(const struct config *config, struct balance *balance)
{
	if (balance->algorithm == ALGORITHM_HASH && balance->hash_by == KEY_NONE)
		balance->hash_by = KEY_SOURCE;
	for (size_t i = 0; i < balance->count; i++) {
		struct choice *choice = &balance->choices[i];

		if (choice->weight != 0)
			continue;
		choice->weight = config->links[choice->link].weight;
		balance->follows |= (uint64_t)config->links[choice->link].weight_follows << i;
	}
}

/* The weights of the links themselves were checked: a part of them never has a longer cycle than all. */
static void check_cycle(struct loader *loader, const struct balance *balance, const struct node *map)
{
	const struct node *key = node_key(map, "weights");
	unsigned int weights[CONFIG_LINKS_MAX];
	size_t cycle;

	if (key == NULL || (balance->algorithm != ALGORITHM_ROUND_ROBIN && balance->algorithm != ALGORITHM_FASTEST)
	    || balance->share != SHARE_CONNECTIONS)
		return;
	for (size_t i = 0; i < balance->count; i++)
		weights[i] = balance->choices[i].weight;
	cycle = weights_cycle(weights, balance->count);
	if (cycle <= SCHEDULE_MAX_CYCLE)
		return;
	problem_add(&loader->problems, key->at, "these weights repeat after %zu connections only, more than %d", cycle,
		SCHEDULE_MAX_CYCLE);
	problem_hint(&loader->problems, "use smaller weights, or some with a common divisor");
}

void check_policies(struct loader *loader)
{
	struct config *config = loader->config;

	check_unique(loader);
	check_recovery(loader);
	for (size_t i = 0; i < config->policy_count; i++) {
		struct policy *policy = &config->policies[i];
		const struct node *value = loader->policies[i].value;

		fill_balance(config, &policy->balance);
		check_ports(loader, &policy->match, node_get(value, "match"));
		check_icmp(loader, &policy->match, node_get(value, "match"));
		fill_times(loader, &policy->match, node_get(value, "match"));
		check_balance(loader, policy, value);
		check_policy_nat(loader, policy, value);
		check_by_packet(loader, policy, value);
		check_cycle(loader, &policy->balance, node_get(value, "balance"));
	}
}
