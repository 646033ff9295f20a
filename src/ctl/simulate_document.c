/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What came of a simulation, as a document. */

#include <inttypes.h>
#include <string.h>

#include "config/config.h"
#include "core/decide.h"
#include "core/protocol.h"
#include "ctl/output.h"
#include "ctl/simulate.h"

static const char *const fate_names[FATES] = {
	[FATE_LINK] = "allow",
	[FATE_DIRECT] = "allow",
	[FATE_DROPPED] = "drop",
	[FATE_REJECTED] = "reject",
	[FATE_CONNECTIONS] = "too many connections",
	[FATE_RATE] = "too many new connections",
};

static json_t *whole(uint64_t number)
{
	return output_need(json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number));
}

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, output_need(value));
}

static void set_whole(json_t *object, const char *key, uint64_t number)
{
	set(object, key, whole(number));
}

/* Names in a log are anybody's bytes, and JSON is UTF-8. */
static json_t *text_of(const char *text)
{
	char *escaped;
	json_t *value;

	if (text == NULL)
		return json_null();
	escaped = output_escape(text, "");
	value = json_string(escaped);
	free(escaped);
	return output_need(value);
}

static double share(uint64_t part, uint64_t whole_of)
{
	return whole_of == 0 ? 0 : (double)part / (double)whole_of;
}

/* keys: of download and upload. */
static void set_pair(json_t *object, const char *const keys[DIRECTIONS], const uint64_t numbers[DIRECTIONS])
{
	set_whole(object, keys[DOWNLOAD], numbers[DOWNLOAD]);
	set_whole(object, keys[UPLOAD], numbers[UPLOAD]);
}

static void set_mean(json_t *object, const uint64_t bytes[DIRECTIONS], double seconds)
{
	static const char *const keys[] = { "download_mean_bps", "upload_mean_bps" };
	uint64_t mean[DIRECTIONS] = { 0 };

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD && seconds > 0; direction++)
		mean[direction] = (uint64_t)((double)bytes[direction] * 8 / seconds);
	set_pair(object, keys, mean);
}

static const char *const byte_keys[] = { "download_bytes", "upload_bytes" };
static const char *const peak_keys[] = { "download_peak_bps", "upload_peak_bps" };

static json_t *link_document(const struct simulation *simulation, size_t index, double seconds)
{
	static const char *const capacity_keys[] = { "download_bps", "upload_bps" };
	static const char *const busy_keys[] = { "download_busy_s", "upload_busy_s" };
	const struct replay_totals *totals = replay_totals(simulation->replay);
	const struct replay_link *link = &replay_links(simulation->replay)[index];
	const struct link *given = &simulation->config->links[index];
	const uint64_t capacity[] = { given->download_bps, given->upload_bps };
	const uint64_t busy[] = { link->busy_s[DOWNLOAD], link->busy_s[UPLOAD] };
	json_t *object = output_need(json_object());

	set(object, "name", text_of(given->name));
	set_whole(object, "connections", link->connections);
	set(object, "share", json_real(share(link->connections, totals->fates[FATE_LINK])));
	set(object, "connections_then", totals->known == 0 ? json_null() : whole(link->then));
	set_pair(object, byte_keys, link->bytes);
	set_pair(object, capacity_keys, capacity);
	set_mean(object, link->moved, seconds);
	set_pair(object, peak_keys, link->peak_bps);
	set_pair(object, busy_keys, busy);
	set_whole(object, "most_connections", link->most);
	set_whole(object, "cut", link->cut);
	set(object, "slowdown", link->recorded_s > 0 ? json_real(link->taken_s / link->recorded_s) : json_null());
	return object;
}

static json_t *shares_document(const struct simulation *simulation, const uint64_t *counts)
{
	json_t *object = output_need(json_object());

	for (size_t i = 0; counts != NULL && i < simulation->config->link_count; i++) {
		if (counts[i] > 0)
			set_whole(object, simulation->config->links[i].name, counts[i]);
	}
	return object;
}

static json_t *policy_document(const struct simulation *simulation, size_t index, double seconds)
{
	const struct replay_policy *policy = &replay_policies(simulation->replay)[index];
	bool none = index == simulation->config->policy_count;
	const struct policy *given = none ? NULL : &simulation->config->policies[index];
	json_t *object = output_need(json_object());

	set(object, "name", none ? json_null() : text_of(given->name));
	set(object, "action", json_string(none ? "allow" : config_action_name(given->action)));
	set_whole(object, "connections", policy->connections);
	set(object, "connections_then",
		replay_totals(simulation->replay)->known == 0 ? json_null() : whole(policy->then));
	set_whole(object, "dropped", policy->fates[FATE_DROPPED]);
	set_whole(object, "rejected", policy->fates[FATE_REJECTED]);
	set_whole(object, "over_connections", policy->fates[FATE_CONNECTIONS]);
	set_whole(object, "over_new_connections", policy->fates[FATE_RATE]);
	set_whole(object, "over_bandwidth", policy->over_bandwidth);
	set_pair(object, byte_keys, policy->bytes);
	set_mean(object, policy->bytes, seconds);
	set_pair(object, peak_keys, policy->peak_bps);
	set(object, "links", shares_document(simulation, policy->link_connections));
	set(object, "link_bytes", shares_document(simulation, policy->link_bytes));
	return object;
}

static json_t *port_of(const struct flow *flow, uint16_t port)
{
	return flow->ports ? whole(port) : json_null();
}

static json_t *example_document(const struct simulation *simulation, const struct replay_example *example)
{
	const struct replay_connection *connection = &example->connection;
	const struct replay_outcome *outcome = &example->outcome;
	const struct config *config = simulation->config;
	const char *protocol = protocol_name(connection->flow.protocol);
	json_t *object = output_need(json_object());
	char text[ADDRESS_TEXT_MAX];

	set(object, "start", json_real(connection->start));
	set(object, "protocol", protocol == NULL ? whole(connection->flow.protocol) : json_string(protocol));
	set(object, "from", json_string(address_format(&connection->flow.from, text, sizeof(text))));
	set(object, "from_port", port_of(&connection->flow, connection->flow.from_port));
	set(object, "to", json_string(address_format(&connection->flow.to, text, sizeof(text))));
	set(object, "to_port", port_of(&connection->flow, connection->flow.to_port));
	set(object, "policy_then", text_of(connection->policy));
	set(object, "link_then", text_of(connection->link));
	set(object, "refused_then", json_boolean(connection->refused));
	set(object, "policy", text_of(outcome->policy == NO_POLICY ? NULL : config->policies[outcome->policy].name));
	set(object, "link", text_of(outcome->fate == FATE_LINK ? config->links[outcome->link].name : NULL));
	set(object, "action", json_string(fate_names[outcome->fate]));
	return object;
}

static json_t *changes_document(const struct simulation *simulation)
{
	const struct replay_totals *totals = replay_totals(simulation->replay);
	json_t *object = output_need(json_object()), *list = output_need(json_array());
	const struct replay_example *examples;
	size_t count;

	examples = replay_examples(simulation->replay, &count);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, example_document(simulation, &examples[i]));
	set(object, "against", simulation->compared == NULL ? json_null() : text_of(simulation->compared));
	set_whole(object, "known", totals->known);
	set_whole(object, "changed", totals->changed);
	set_whole(object, "other_link", totals->other_link);
	set_whole(object, "other_policy", totals->other_policy);
	set_whole(object, "refused", totals->refused);
	set_whole(object, "let_in", totals->let_in);
	set(object, "examples", list);
	return object;
}

json_t *simulate_document(const struct simulation *simulation)
{
	const struct replay_totals *totals = replay_totals(simulation->replay);
	json_t *object = output_need(json_object()), *links = output_need(json_array()), *policies = output_need(json_array());
	double seconds = totals->last - totals->first;

	for (size_t i = 0; i < simulation->config->link_count; i++)
		json_array_append_new(links, link_document(simulation, i, seconds));
	for (size_t i = 0; i <= simulation->config->policy_count; i++)
		json_array_append_new(policies, policy_document(simulation, i, seconds));
	set(object, "policies_file", text_of(simulation->policies));
	set(object, "log", text_of(simulation->log));
	set_whole(object, "connections", totals->connections);
	set_whole(object, "bad", simulation->bad);
	set(object, "first", totals->connections == 0 ? json_null() : json_real(totals->first));
	set(object, "seconds", json_real(seconds));
	set_whole(object, "direct", totals->fates[FATE_DIRECT]);
	set_whole(object, "refused", totals->connections - totals->fates[FATE_LINK] - totals->fates[FATE_DIRECT]);
	set_whole(object, "most_connections", totals->most);
	set_whole(object, "unfinished", totals->live);
	set_whole(object, "not_modelled", totals->not_modelled);
	set_whole(object, "not_limited", totals->not_limited);
	set(object, "links", links);
	set(object, "policies", policies);
	set(object, "changes", changes_document(simulation));
	return object;
}
