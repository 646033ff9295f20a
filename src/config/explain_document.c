/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An explanation as JSON: the shape that daemon and uplinkctl promise alike. */

#include "config/explain_document.h"

#include "config/config.h"

static json_t *texts(const char *const *items, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(items[i]));
	return list;
}

static json_t *candidates(const struct explanation *explanation)
{
	json_t *list = json_array();

	for (size_t i = 0; i < explanation->link_count; i++) {
		const struct explained_link *link = &explanation->links[i];
		json_t *candidate = json_pack("{s:s?, s:b, s:f, s:s}", "link", link->name,
			"eligible", link->eligible, "score", link->score, "reason", link->reason);

		if (link->tier > 0)
			json_object_set_new(candidate, "tier", json_integer((json_int_t)link->tier));
		json_array_append_new(list, candidate);
	}
	return list;
}

json_t *explain_document(const struct explanation *explanation)
{
	const char *algorithm = explanation->balanced ? config_algorithm_name(explanation->algorithm) : NULL;

	return json_pack("{s:s?, s:s, s:s?, s:s?, s:s, s:s?, s:s?, s:s?, s:o, s:o, s:o}",
		"policy", explanation->policy,
		"action", config_action_name(explanation->action),
		"link", explanation->link,
		"algorithm", algorithm,
		"reason", explanation->reason,
		"nat", explanation->nat,
		"qos", explanation->qos,
		"limits", explanation->limits,
		"candidates", candidates(explanation),
		"steps", texts(explanation->steps, explanation->step_count),
		"hints", texts(explanation->hints, explanation->hint_count));
}
