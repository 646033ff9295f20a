/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks the classes against each other and against the bandwidth of each link. */

#include "config/forms.h"

enum direction {
	UPLOAD,
	DOWNLOAD,
};

static const char *const directions[] = { [UPLOAD] = "upload", [DOWNLOAD] = "download" };

static uint64_t bandwidth_of(const struct link *link, enum direction direction)
{
	return direction == UPLOAD ? link->upload_bps : link->download_bps;
}

static struct position place_of(const struct loader *loader, size_t class, const char *key)
{
	return place_of_key(loader->classes[class].value, key, loader->classes[class].name);
}

/* Without classes nothing is shaped, so that nobody needs a default. */
static void check_standard(struct loader *loader)
{
	const struct node *map = node_get(loader->documents[0].root, "qos"), *key = node_key(map, "classes");

	if (loader->config->qos.count == 0 || node_key(map, "default") != NULL)
		return;
	problem_add(&loader->problems, key->at, "`default' is missing");
	problem_hint(&loader->problems, "name the class of connections that no policy gives one: `default: %.40s'",
		loader->config->qos.classes[loader->config->qos.count - 1].name);
}

/* What can be said without a link. False where it was said. */
static bool check_percent(struct loader *loader)
{
	const struct qos *qos = &loader->config->qos;
	char text[VALUE_TEXT_MAX];
	uint64_t sum = 0;

	for (size_t i = 0; i < qos->count; i++) {
		sum += qos->classes[i].min.permille;
		if (sum <= 1000)
			continue;
		problem_add(&loader->problems, place_of(loader, i, "min"), "with this `min' the classes have %s of a link",
			value_format(sum, UNIT_PERCENT, text));
		problem_hint(&loader->problems, "no more than 100%% can be guaranteed: lower it or others");
		return false;
	}
	return true;
}

static bool check_range(struct loader *loader, size_t index)
{
	const struct qos_class *class = &loader->config->qos.classes[index];
	const struct bandwidth *min = &class->min, *max = &class->max;
	bool bad = (min->bps > 0 && max->bps > 0 && max->bps < min->bps)
	           || (min->permille > 0 && max->permille > 0 && max->permille < min->permille);

	if (!bad)
		return true;
	problem_add(&loader->problems, place_of(loader, index, "max"), "`max' of class `%s' is less than its `min'", class->name);
	problem_hint(&loader->problems, "what is guaranteed is a part of what it gets at most");
	return false;
}

/* One of the two a rate and the other in percent: it depends on the link. */
static bool check_range_on(struct loader *loader, size_t index, const struct link *link, enum direction direction)
{
	const struct qos_class *class = &loader->config->qos.classes[index];
	uint64_t whole = bandwidth_of(link, direction), max = config_share(&class->max, whole);

	if (max == 0 || max >= config_share(&class->min, whole))
		return true;
	problem_add(&loader->problems, place_of(loader, index, "max"),
		"`max' of class `%s' is less than its `min' for the %s of link `%s'", class->name, directions[direction], link->name);
	problem_hint(&loader->problems, "write both in percent, or both as rates");
	return false;
}

/* Of rates config_share() would hide what is more than all. */
static uint64_t guaranteed(const struct bandwidth *min, uint64_t whole)
{
	return min->bps > 0 ? min->bps : config_share(min, whole);
}

static bool check_sum(struct loader *loader, const struct link *link, enum direction direction)
{
	const struct qos *qos = &loader->config->qos;
	uint64_t whole = bandwidth_of(link, direction), sum = 0;
	char all[VALUE_TEXT_MAX], has[VALUE_TEXT_MAX];

	for (size_t i = 0; i < qos->count && whole > 0; i++) {
		sum += guaranteed(&qos->classes[i].min, whole);
		if (sum <= whole)
			continue;
		problem_add(&loader->problems, place_of(loader, i, "min"),
			"with this `min' the classes have %s guaranteed, but the %s of link `%s' is %s",
			value_format(sum, UNIT_RATE, all), directions[direction], link->name, value_format(whole, UNIT_RATE, has));
		problem_hint(&loader->problems, "lower it or others, or write `min' in percent");
		return false;
	}
	return true;
}

/* One problem of a kind is enough: what is wrong on one link is mostly wrong on the next. */
static void check_on_links(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->link_count; i++) {
		for (enum direction direction = UPLOAD; direction <= DOWNLOAD; direction++) {
			if (!check_sum(loader, &config->links[i], direction))
				return;
			for (size_t class = 0; class < config->qos.count; class++) {
				if (!check_range_on(loader, class, &config->links[i], direction))
					return;
			}
		}
	}
}

static void check_refused(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->policy_count; i++) {
		const struct node *key = node_key(loader->policies[i].value, "qos");

		if (config->policies[i].action == ACTION_ALLOW || key == NULL)
			continue;
		problem_add(&loader->problems, key->at, "`qos' has no effect with `action: %s'",
			config_action_name(config->policies[i].action));
		problem_hint(&loader->problems, "take one of the two out");
	}
}

void check_qos(struct loader *loader)
{
	bool fine = check_percent(loader);

	check_standard(loader);
	check_refused(loader);
	for (size_t i = 0; i < loader->config->qos.count; i++)
		fine = check_range(loader, i) && fine;
	if (fine)
		check_on_links(loader);
}
