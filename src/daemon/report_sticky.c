/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: which keys stay on which link, and making sources free again. */

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

/* A list longer than this helps nobody and would hold up the main thread. */
#define ENTRIES_MAX 10000

struct scope {
	uint64_t hash;
	const char *policy;
};

struct listing {
	struct daemon *daemon;
	json_t *list;
	struct scope *scopes; /* sorted by hash */
	size_t scope_count;
	const struct network *network; /* NULL: all */
};

static int compare_scopes(const void *left, const void *right)
{
	const struct scope *a = left, *b = right;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* Which policy has which scope. False: no memory. */
static bool find_scopes(struct listing *listing)
{
	/* Only this thread replaces snapshots, so the newest cannot go away under it. */
	const struct snapshot *snapshot = atomic_load(&verdicts_publisher(listing->daemon->verdicts)->newest);

	listing->scope_count = snapshot->config->policy_count;
	listing->scopes = calloc(listing->scope_count + 1, sizeof(*listing->scopes));
	if (listing->scopes == NULL)
		return false;
	for (size_t i = 0; i < listing->scope_count; i++)
		listing->scopes[i] = (struct scope){ snapshot->name_hashes[i], snapshot->config->policies[i].name };
	qsort(listing->scopes, listing->scope_count, sizeof(*listing->scopes), compare_scopes);
	return true;
}

/* NULL: of a policy that is no more. */
static const char *policy_of(const struct listing *listing, uint64_t hash)
{
	struct scope wanted = { .hash = hash };
	const struct scope *found = bsearch(&wanted, listing->scopes, listing->scope_count, sizeof(wanted), compare_scopes);

	return found == NULL ? NULL : found->policy;
}

/* What the key has not is null. */
static json_t *end_of(const struct address *address, bool part)
{
	char text[ADDRESS_TEXT_MAX];

	return part ? json_string(address_format(address, text, sizeof(text))) : json_null();
}

static bool add_entry(const struct sticky_entry *entry, void *data)
{
	const struct sticky_key *key = &entry->key;
	struct listing *listing = data;
	bool together = key->scope == STICKY_TOGETHER, port = key->by == KEY_SOURCE_DESTINATION_PORT;
	char number[8];

	if (listing->network != NULL && !sticky_concerns(key, listing->network))
		return true;
	json_array_append_new(listing->list, json_pack("{s:s?, s:b, s:s, s:o, s:o, s:s?, s:o, s:s?, s:I}",
		"policy", together ? NULL : policy_of(listing, key->scope),
		"together", together,
		"by", config_flow_key_name(key->by),
		"from", end_of(&key->from, key->by != KEY_DESTINATION),
		"to", end_of(&key->to, key->by != KEY_SOURCE),
		"protocol", port ? report_protocol_name(key->protocol, number, sizeof(number)) : NULL,
		"to_port", port ? json_integer(key->to_port) : json_null(),
		"link", report_link_name(listing->daemon->generation, entry->link),
		"left_s", (json_int_t)entry->left_s));
	return json_array_size(listing->list) < ENTRIES_MAX;
}

/* False, with the problem in answer, where there is an address that is none; ret_given tells whether there is one. */
static bool read_network(const struct control_request *request, struct network *network, bool *ret_given,
	struct control_answer *answer)
{
	const char *text = request->get(request, "address");

	*ret_given = text != NULL;
	if (text == NULL || network_parse(text, network))
		return true;
	report_problem(answer, 400, "`%.60s' is no address and no network", text);
	return false;
}

static uint32_t now_s(void)
{
	return (uint32_t)(verdicts_now_ms() / 1000);
}

void report_sticky(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct listing listing = { .daemon = daemon };
	struct network network;
	bool given;

	if (!read_network(request, &network, &given, answer))
		return;
	listing.network = given ? &network : NULL;
	if (!find_scopes(&listing)) {
		report_problem(answer, 500, "no memory");
		return;
	}
	listing.list = json_array();
	sticky_each(daemon->sticky, &daemon->state.key, now_s(), add_entry, &listing);
	free(listing.scopes);
	answer->status = 200;
	answer->document = json_pack("{s:I, s:I, s:o}", "total", (json_int_t)sticky_count(daemon->sticky, now_s()), "room",
		(json_int_t)sticky_room(daemon->sticky), "entries", listing.list);
}

void report_sticky_forget(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	char text[ADDRESS_TEXT_MAX];
	struct network network;
	size_t count;
	bool given;

	if (!read_network(request, &network, &given, answer))
		return;
	if (!given) {
		report_problem(answer, 400, "an address is missing");
		return;
	}
	network_format(&network, text, sizeof(text));
	count = sticky_forget(daemon->sticky, &daemon->state.key, &network, now_s());
	if (count == 0) {
		report_problem(answer, 404, "nothing is remembered of %s", request->get(request, "address"));
		return;
	}
	events_add(daemon->events, EVENT_DAEMON, EVENT_NOTICE, NULL, "%zu sticky entries of %s are forgotten", count, text);
	answer->status = 200;
	answer->document = json_pack("{s:s, s:I}", "address", request->get(request, "address"), "forgotten", (json_int_t)count);
}
