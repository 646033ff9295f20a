/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks limits of policies and detectors of attacks against themselves, and fills in what depends on other keys. */

#include <string.h>

#include "config/forms.h"

/* Keys that have no meaning beside others. */
static void useless(struct loader *loader, const struct node *map, const char *key, const char *why, const char *hint)
{
	const struct node *word = node_key(map, key);

	if (word == NULL)
		return;
	problem_add(&loader->problems, word->at, "`%s' %s", key, why);
	problem_hint(&loader->problems, "%s", hint);
}

static int find_class(const struct qos *qos, const char *name)
{
	for (size_t i = 0; i < qos->count; i++) {
		if (strcmp(qos->classes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void resolve_class(struct loader *loader, struct limits *limits, const struct node *map)
{
	const struct qos *qos = &loader->config->qos;
	const struct node *name = node_get(node_get(map, "over"), "class");
	struct nearest nearest;
	int found;

	if (name == NULL || name->kind != NODE_WORD)
		return;
	found = find_class(qos, name->text);
	if (found >= 0) {
		limits->over_class = (uint16_t)found;
		return;
	}
	problem_add(&loader->problems, name->at, "there is no class `%.60s'", name->text);
	nearest = nearest_to(name->text);
	for (size_t i = 0; i < qos->count; i++)
		nearest_try(&nearest, qos->classes[i].name);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "add it to `qos: { classes: ... }'");
}

/* Another class is for what flows; what is not let in has none. */
static void check_over(struct loader *loader, struct limits *limits, const struct node *map)
{
	static const char why[] = "has no effect with `over: { class: ... }'";

	if (limits->over == OVER_REJECT && limits->connections == 0 && limits->new_connections.count == 0)
		useless(loader, map, "over", "`reject' is for connections", "packets over `bandwidth' are dropped: write `over: drop'");
	if (limits->over != OVER_CLASS)
		return;
	resolve_class(loader, limits, map);
	if (limits->bandwidth_bps == 0)
		useless(loader, map, "over", "with a class, but without `bandwidth'", "add `bandwidth': over it, packets go in that class");
	useless(loader, map, "connections", why, "a limit of connections is for a policy with `over: drop' or `reject'");
	useless(loader, map, "new-connections", why, "a limit of connections is for a policy with `over: drop' or `reject'");
	if (limits->block_for_s != 0)
		useless(loader, map, "block-for", why, "take one of the two out");
}

static void check_blocking(struct loader *loader, const struct limits *limits, const struct node *map)
{
	if (limits->block_for_s == 0 || limits->over == OVER_CLASS)
		return;
	if (limits->per != PER_SOURCE)
		useless(loader, map, "block-for", "is for sources, but the limit is not `per: source'",
			"take `block-for' out, or count by source");
	else if (limits->connections == 0 && limits->new_connections.count == 0)
		useless(loader, map, "block-for", "without a limit of connections",
			"add `connections' or `new-connections': every download fills its bandwidth");
}

static void check_policy(struct loader *loader, struct policy *policy, const struct node *value)
{
	const struct node *key = node_key(value, "limits"), *map = node_get(value, "limits");
	struct limits *limits = &policy->limits;

	if (key == NULL || map->kind != NODE_MAP)
		return;
	if (policy->action != ACTION_ALLOW) {
		problem_add(&loader->problems, key->at, "`limits' has no effect with `action: %s'",
			config_action_name(policy->action));
		problem_hint(&loader->problems, "take one of the two out");
	}
	if (!limits_any(limits) && node_get(map, "connections") == NULL && node_get(map, "new-connections") == NULL &&
		node_get(map, "bandwidth") == NULL) {
		problem_add(&loader->problems, key->at, "`limits' without a limit");
		problem_hint(&loader->problems, "add `connections', `new-connections' or `bandwidth'");
	}
	if (limits->new_connections.count == 0 && node_get(map, "new-connections") == NULL)
		useless(loader, map, "burst", "without `new-connections'", "add `new-connections: 50/s'");
	check_over(loader, limits, map);
	check_blocking(loader, limits, map);
}

/* As many as one second brings, and never none. */
static void fill_burst(struct limits *limits)
{
	const struct rate *rate = &limits->new_connections;

	if (rate->count == 0 || limits->burst != 0)
		return;
	limits->burst = (uint32_t)((uint64_t)rate->count * 1000 / rate->per_ms);
	if (limits->burst == 0)
		limits->burst = 1;
}

static void check_detector(struct loader *loader, enum detector detector, const struct node *map)
{
	struct detector_settings *settings = &loader->config->dos.detectors[detector];

	if (settings->per == PER_SOURCE)
		return;
	if (settings->block_for_s != 0)
		useless(loader, map, "block-for", "is for sources, but this is not counted `per: source'",
			"write `block-for: none', or count by source");
	settings->block_for_s = 0;
}

void check_limits(struct loader *loader)
{
	struct config *config = loader->config;
	const struct node *dos = node_get(loader->documents[0].root, "dos");

	for (size_t i = 0; i < config->policy_count; i++) {
		check_policy(loader, &config->policies[i], loader->policies[i].value);
		fill_burst(&config->policies[i].limits);
	}
	for (enum detector detector = 0; detector < DETECTORS; detector++)
		check_detector(loader, detector, node_get(dos, detector_name(detector)));
}
