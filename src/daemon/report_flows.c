/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: live connections. */

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "daemon/daemon.h"
#include "kernel/conntrack.h"

/* A list longer than this helps nobody and would hold up the main thread. */
#define FLOWS_MAX 10000

struct listing {
	struct daemon *daemon;
	struct mark_layout layout;
	json_t *list;
};

static const char *policy_name(const struct generation *generation, unsigned int id)
{
	for (size_t i = 0; i < generation->config->policy_count; i++) {
		if (generation->ids.policies[i] == id)
			return generation->config->policies[i].name;
	}
	return NULL;
}

static const char *link_name(const struct generation *generation, unsigned int id)
{
	for (size_t i = 0; i < generation->config->link_count; i++) {
		if (generation->ids.links[i] == id)
			return generation->config->links[i].name;
	}
	return NULL;
}

/* "tcp", or the number where it has no usual name. */
static const char *protocol_name(uint8_t protocol, char *text, size_t size)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = { { 1, "icmp" }, { 6, "tcp" }, { 17, "udp" }, { 47, "gre" }, { 50, "esp" }, { 58, "icmpv6" },
		{ 132, "sctp" }, { 136, "udplite" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].number == protocol)
			return names[i].name;
	}
	snprintf(text, size, "%u", protocol);
	return text;
}

static bool add_flow(const struct connection *connection, void *data)
{
	struct listing *listing = data;
	const struct generation *generation = listing->daemon->generation;
	const struct flow *flow = &connection->flow;
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], number[8];

	json_array_append_new(listing->list, json_pack("{s:s, s:s, s:i, s:s, s:i, s:s?, s:s?, s:n, s:I}",
		"protocol", protocol_name(flow->protocol, number, sizeof(number)),
		"from", address_format(&flow->from, from, sizeof(from)),
		"from_port", flow->from_port,
		"to", address_format(&flow->to, to, sizeof(to)),
		"to_port", flow->to_port,
		"policy", policy_name(generation, mark_policy(listing->layout, connection->mark)),
		"link", link_name(generation, mark_link(listing->layout, connection->mark)),
		"class",
		"bytes", (json_int_t)connection->bytes));
	return json_array_size(listing->list) < FLOWS_MAX;
}

void report_flows(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct listing listing = { daemon, { daemon->generation->config->kernel.mark_shift }, json_array() };

	(void)request;
	conntrack_list(daemon->conntrack, mark_policy_mask(listing.layout), add_flow, &listing);
	answer->status = 200;
	answer->document = listing.list;
}
