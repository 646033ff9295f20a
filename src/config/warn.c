/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells of policies that can never be met, and of links that nobody uses or that are not there. */

#include "config/loader.h"
#include "core/plan_shaper.h"
#include "core/shadow.h"

/* Looks at two ends, over all policies: about a second. */
#define EFFORT_MAX 100000000

static struct position place_of_policy(const struct loader *loader, size_t index)
{
	return loader->policies[index].name->at;
}

static bool has_choice(const struct balance *balance, uint16_t link)
{
	for (size_t i = 0; i < balance->count; i++) {
		if (balance->choices[i].link == link)
			return true;
	}
	return false;
}

/* Whether the second policy has a link to offer while those of the first are not usable. */
static bool helps_out(const struct config *config, const struct policy *first, const struct policy *second)
{
	const struct balance *balance = &second->balance;

	if (second->action != ACTION_ALLOW)
		return false;
	for (size_t i = 0; i < balance->count; i++) {
		if (!has_choice(&first->balance, balance->choices[i].link))
			return true;
	}
	return balance->if_none == IF_NONE_ANY && first->balance.count < config->link_count;
}

static bool passes_on(const struct policy *policy)
{
	return policy->action == ACTION_ALLOW && policy->balance.if_none == IF_NONE_NEXT;
}

/* False where it takes every connection and all policies after it were told of. */
static bool warn_hidden(struct loader *loader, size_t index, size_t by, size_t *effort)
{
	const struct config *config = loader->config;
	const struct policy *policy = &config->policies[index], *before = &config->policies[by];
	struct position at = place_of_policy(loader, index), other = place_of_policy(loader, by);
	size_t after = config->policy_count - index - 1;

	if (passes_on(before)) {
		problem_warn(&loader->problems, at,
			"policy `%s' is met only while none of the links of `%s' (%s:%zu) is usable", policy->name, before->name,
			other.source->name, other.line);
		problem_hint(&loader->problems, "`%s' takes all that it matches: move it up if it shall hold always", before->name);
		return true;
	}
	if (after > 0 && shadow_catches_all(config, before, effort)) {
		problem_warn(&loader->problems, at,
			"policy `%s' can never match, nor can the %zu after it: `%s' (%s:%zu) takes every connection", policy->name, after,
			before->name, other.source->name, other.line);
		problem_hint(&loader->problems, "move `%s' to the end, or give it a `match'", before->name);
		return false;
	}
	problem_warn(&loader->problems, at, "policy `%s' can never match: `%s' (%s:%zu) takes all that it would",
		policy->name, before->name, other.source->name, other.line);
	problem_hint(&loader->problems, "move it before `%s', or take it out", before->name);
	return true;
}

/* The policy that hides this one in earnest, or else the one that leaves it what it cannot do itself. */
static size_t find_hider(const struct config *config, size_t index, size_t *effort)
{
	const struct policy *policies = config->policies;
	size_t found = config->policy_count, i = 0;

	while ((i = shadow_find(config, index, i, effort)) < config->policy_count) {
		if (!passes_on(&policies[i]))
			return i;
		if (found == config->policy_count && !helps_out(config, &policies[i], &policies[index]))
			found = i;
		i++;
	}
	return found;
}

static bool warn_fault(struct loader *loader, size_t index, size_t *effort)
{
	const struct policy *policy = &loader->config->policies[index];
	const char *why = NULL, *way = NULL;

	switch (shadow_fault(loader->config, policy, effort)) {
	case SHADOW_FINE:
		return false;
	case SHADOW_NOT_FROM:
		why = "`not-from' excludes all that `from' has";
		way = "take something out of `not-from'";
		break;
	case SHADOW_NOT_TO:
		why = "`not-to' excludes all that `to' has";
		way = "take something out of `not-to'";
		break;
	case SHADOW_FAMILIES:
		why = "`from' and `to' are of different families";
		way = "IPv4 and IPv6 each need both ends of their own";
		break;
	case SHADOW_OUTSIDE:
		why = "what comes by a link does not leave by one";
		way = "as `to' write `router' or a zone, or leave it out";
		break;
	}
	problem_warn(&loader->problems, place_of_policy(loader, index), "policy `%s' can never match: %s", policy->name, why);
	problem_hint(&loader->problems, "%s", way);
	return true;
}

void warn_policies(struct loader *loader)
{
	const struct config *config = loader->config;
	size_t effort = EFFORT_MAX;

	for (size_t i = 0; i < config->policy_count; i++) {
		size_t by;

		if (warn_fault(loader, i, &effort))
			continue;
		by = find_hider(config, i, &effort);
		if (by < config->policy_count && !warn_hidden(loader, i, by, &effort))
			return;
		if (effort > 0)
			continue;
		problem_warn(&loader->problems, place_of_policy(loader, i),
			"from `%s' on, policies were not compared with those before them", config->policies[i].name);
		problem_hint(&loader->problems, "there are too many: sets and lists in `match' put several into one");
		return;
	}
}

static bool names_link(const struct ends *ends, uint16_t link)
{
	for (size_t i = 0; i < ends->count; i++) {
		if (ends->items[i].kind == END_LINK && ends->items[i].index == link)
			return true;
	}
	return false;
}

static bool uses_link(const struct policy *policy, uint16_t link)
{
	const struct balance *balance = &policy->balance;

	if (names_link(&policy->match.from, link) || names_link(&policy->match.to, link))
		return true;
	return policy->action == ACTION_ALLOW && (balance->if_none == IF_NONE_ANY || has_choice(balance, link));
}

static void warn_unused_link(struct loader *loader, size_t link)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->policy_count; i++) {
		if (uses_link(&config->policies[i], (uint16_t)link))
			return;
	}
	problem_warn(&loader->problems, loader->links[link].name->at, "link `%s' is used by no policy", config->links[link].name);
	problem_hint(&loader->problems, "name it in `links' of a policy; where `links' is left out, all are used");
}

static void warn_device(struct loader *loader, const struct node *device)
{
	if (loader->device_exists == NULL || loader->device_exists(device->text))
		return;
	problem_warn(&loader->problems, device->at, "this machine has no device `%.60s'", device->text);
	problem_hint(&loader->problems, "`ip link' shows what there is; a device that appears later is taken up then");
}

static void warn_devices(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->link_count; i++)
		warn_device(loader, node_get(loader->links[i].value, "device"));
	for (size_t i = 0; i < config->zone_count; i++) {
		const struct node *devices = node_get(loader->zones[i].value, "devices");

		for (size_t k = 0; devices != NULL && k < node_items(devices); k++)
			warn_device(loader, node_item(devices, k));
	}
}

/* Classes need to know how much there is to share. */
static void warn_unshaped(struct loader *loader, size_t index)
{
	const struct config *config = loader->config;
	const struct link *link = &config->links[index];
	bool upload = plan_shaper_lacks_upload(config, link), download = plan_shaper_lacks_download(config, link);

	if (!upload && !download)
		return;
	problem_warn(&loader->problems, loader->links[index].name->at,
		"link `%s' has no bandwidth for %s: classes have no effect there", link->name,
		upload && download ? "upload and download" : upload ? "upload" : "download");
	problem_hint(&loader->problems, "write what the provider sold: `bandwidth: { download: 100 mbit, upload: 20 mbit }'");
}

/* Told once for each policy. */
static void warn_unmeasured(struct loader *loader, size_t index)
{
	const struct config *config = loader->config;
	const struct policy *policy = &config->policies[index];

	if (policy->action != ACTION_ALLOW || policy->balance.algorithm != ALGORITHM_LOWEST_LATENCY || policy->balance.count < 2)
		return;
	for (size_t i = 0; i < policy->balance.count; i++) {
		const struct link *link = &config->links[policy->balance.choices[i].link];

		if (link->check.count > 0)
			continue;
		problem_warn(&loader->problems, place_of_policy(loader, index),
			"policy `%s' goes by latency, but nothing measures that of link `%s'", policy->name, link->name);
		problem_hint(&loader->problems, "write `check: { targets: [{ ping: ADDRESS }] }' there; it comes after all that are measured");
		return;
	}
}

void warn_links(struct loader *loader)
{
	const struct config *config = loader->config;

	warn_devices(loader);
	for (size_t i = 0; i < config->link_count; i++)
		warn_unshaped(loader, i);
	for (size_t i = 0; i < config->policy_count; i++)
		warn_unmeasured(loader, i);
	if (config->policy_count == 0) {
		problem_warn(&loader->problems, node_key(loader->documents[0].root, "links")->at,
			"there are no policies: every connection leaves as the main routing table says");
		problem_hint(&loader->problems, "write `policies: [{ name: everything }]' to use all links in proportion");
		return;
	}
	for (size_t i = 0; i < config->link_count; i++)
		warn_unused_link(loader, i);
}
