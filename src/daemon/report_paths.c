/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answer of the control socket: what was learnt of destinations, the most popular first. */

#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "daemon/daemon.h"
#include "daemon/learn.h"

#define LIMIT_USUAL 100
#define LIMIT_MOST  1000

struct listing {
	const char *names[MARK_LINK_MAX + 1];
	struct network within;
	bool narrowed;
	size_t limit;
	struct destination_facts *items; /* room for twice the limit */
	size_t count, matched;
	time_t now;
};

static int by_popularity(const void *left, const void *right)
{
	const struct destination_facts *a = left, *b = right;

	return (a->popularity < b->popularity) - (a->popularity > b->popularity);
}

static bool overlaps(const struct network *a, const struct network *b)
{
	return network_contains(a, &b->address) || network_contains(b, &a->address);
}

static void cut(struct listing *listing)
{
	qsort(listing->items, listing->count, sizeof(*listing->items), by_popularity);
	if (listing->count > listing->limit)
		listing->count = listing->limit;
}

static void take(const struct destination_facts *facts, void *data)
{
	struct listing *listing = data;

	if (listing->narrowed && !overlaps(&facts->network, &listing->within))
		return;
	listing->matched++;
	if (listing->count == 2 * listing->limit)
		cut(listing);
	listing->items[listing->count++] = *facts;
}

static const char *state_of(const struct path *path)
{
	if (path->excluded_s > 0)
		return "excluded";
	if (path->doubtful)
		return "doubtful";
	if (path->us == 0)
		return "not measured";
	return path->silent ? "silent" : "measured";
}

static json_t *describe_path(const struct listing *listing, const struct destination_facts *facts, size_t index)
{
	const struct path *path = &facts->links[index].path;

	return json_pack("{s:s, s:o, s:o, s:i, s:i, s:s, s:b}", "link", listing->names[facts->links[index].link],
		"ms", path->us == 0 ? json_null() : json_real(path->us / 1000.0),
		"age_s", path->us == 0 ? json_null() : json_integer(path->age_s),
		"failures", (int)path->failures, "excluded_s", (int)path->excluded_s, "state", state_of(path),
		"stale", path->stale);
}

static json_t *describe(const struct listing *listing, const struct destination_facts *facts)
{
	const char *best = facts->current > MARK_LINK_MAX ? NULL : listing->names[facts->current];
	char text[ADDRESS_TEXT_MAX];
	json_t *links = json_array();

	for (size_t i = 0; i < facts->link_count; i++) {
		if (facts->links[i].link <= MARK_LINK_MAX && listing->names[facts->links[i].link] != NULL)
			json_array_append_new(links, describe_path(listing, facts, i));
	}
	return json_pack("{s:s, s:o, s:f, s:s?, s:o, s:o}", "destination", network_format(&facts->network, text, sizeof(text)),
		"port", facts->port == 0 ? json_null() : json_integer(facts->port), "popularity", facts->popularity,
		"best", best, "best_since", best == NULL ? json_null() : json_integer(listing->now - facts->current_for_s),
		"links", links);
}

/* False: refused. */
static bool read_request(const struct control_request *request, struct listing *listing, struct control_answer *answer)
{
	const char *prefix = request->get(request, "prefix"), *limit = request->get(request, "limit");
	char *end;

	listing->limit = limit == NULL ? LIMIT_USUAL : strtoul(limit, &end, 10);
	if (limit != NULL && (*end != '\0' || limit[0] < '0' || limit[0] > '9' || listing->limit < 1
				     || listing->limit > LIMIT_MOST)) {
		report_problem(answer, 400, "`%.20s' is no number from 1 to %d", limit, LIMIT_MOST);
		return false;
	}
	listing->narrowed = prefix != NULL;
	if (prefix != NULL && !network_parse(prefix, &listing->within)) {
		report_problem(answer, 400, "`%.60s' is no address or network", prefix);
		return false;
	}
	return true;
}

static json_t *describe_all(struct daemon *daemon, const struct listing *listing)
{
	uint64_t connections, explored;
	json_t *list = json_array();

	for (size_t i = 0; i < listing->count; i++)
		json_array_append_new(list, describe(listing, &listing->items[i]));
	paths_spent(daemon->paths, &connections, &explored);
	return json_pack("{s:b, s:I, s:i, s:I, s:I, s:I, s:o}", "learning", learn_wanted(daemon),
		"known", (json_int_t)paths_count_known(daemon->paths, verdicts_now_ms()),
		"entries", (int)daemon->generation->config->path_entries, "matched", (json_int_t)listing->matched,
		"connections", (json_int_t)connections, "explored", (json_int_t)explored, "destinations", list);
}

void report_paths(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct listing listing = { .now = time(NULL) };

	if (!read_request(request, &listing, answer))
		return;
	listing.items = calloc(2 * listing.limit, sizeof(*listing.items));
	if (listing.items == NULL) {
		report_problem(answer, 500, "no memory");
		return;
	}
	learn_names(daemon->generation, listing.names);
	paths_each(daemon->paths, verdicts_now_ms(), take, &listing);
	cut(&listing);
	answer->status = 200;
	answer->document = describe_all(daemon, &listing);
	free(listing.items);
}
