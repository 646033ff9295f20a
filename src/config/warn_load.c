/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells of policies that go by load where no load can be known, and of links that cannot learn. */

#include "config/loader.h"

static bool learns(const struct link *link)
{
	return link->learn[0].on || link->learn[1].on;
}

static bool has_bandwidth(const struct link *link)
{
	return learns(link) || link->download_bps != 0 || link->upload_bps != 0;
}

/* What a link without bandwidth means there. NULL: nothing. */
static const char *meaning_of(enum algorithm algorithm)
{
	switch ((int)algorithm) {
	case ALGORITHM_LEAST_LOAD:
		return "only its weight says how much it can take";
	case ALGORITHM_SPILLOVER:
		return "it is full only while its checks take long";
	default:
		return NULL;
	}
}

/* One link of it is enough to say. */
static void warn_unknown(struct loader *loader, size_t index)
{
	const struct config *config = loader->config;
	const struct policy *policy = &config->policies[index];
	const char *meaning = meaning_of(policy->balance.algorithm);

	if (policy->action != ACTION_ALLOW || meaning == NULL)
		return;
	for (size_t i = 0; i < policy->balance.count; i++) {
		const struct link *link = &config->links[policy->balance.choices[i].link];

		if (has_bandwidth(link))
			continue;
		problem_warn(&loader->problems, loader->policies[index].name->at,
			"policy `%s' goes by load, and link `%s' has no bandwidth: %s", policy->name, link->name, meaning);
		problem_hint(&loader->problems, "write what the provider sold, or `bandwidth: learn', in link `%s'", link->name);
		return;
	}
}

static void warn_unchecked(struct loader *loader, size_t index)
{
	const struct link *link = &loader->config->links[index];

	if (!learns(link) || link->check.count > 0)
		return;
	problem_warn(&loader->problems, loader->links[index].name->at,
		"link `%s' has no check targets: it cannot learn its bandwidth", link->name);
	problem_hint(&loader->problems, "only round trips tell that a link is used whole: add `check: { targets: [{ ping: ADDRESS }] }'");
}

void warn_load(struct loader *loader)
{
	for (size_t i = 0; i < loader->config->link_count; i++)
		warn_unchecked(loader, i);
	for (size_t i = 0; i < loader->config->policy_count; i++)
		warn_unknown(loader, i);
}
