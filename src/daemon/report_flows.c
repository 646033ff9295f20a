/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections in words: the live ones for the control socket, decisions for the log. */

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "core/protocol.h"
#include "daemon/daemon.h"
#include "kernel/conntrack.h"
#include "service/log.h"

/* A list longer than this helps nobody and would hold up the main thread. */
#define FLOWS_MAX 10000

struct listing {
	struct daemon *daemon;
	struct mark_layout layout;
	json_t *list;
};

const char *report_policy_name(const struct generation *generation, unsigned int id)
{
	for (size_t i = 0; i < generation->config->policy_count; i++) {
		if (generation->ids.policies[i] == id)
			return generation->config->policies[i].name;
	}
	return NULL;
}

const char *report_link_name(const struct generation *generation, unsigned int id)
{
	for (size_t i = 0; i < generation->config->link_count; i++) {
		if (generation->ids.links[i] == id)
			return generation->config->links[i].name;
	}
	return NULL;
}

const char *report_class_name(const struct generation *generation, unsigned int id)
{
	const struct qos *qos = &generation->config->qos;

	/* None, or one that is no more: the default one. */
	for (size_t i = 0; i < qos->count; i++) {
		if (generation->ids.classes[i] == id)
			return qos->classes[i].name;
	}
	return qos->count == 0 ? NULL : qos->classes[qos->standard].name;
}

/* "tcp", or the number where it has no usual name. */
const char *report_protocol_name(uint8_t protocol, char *text, size_t size)
{
	const char *name = protocol_name(protocol);

	if (name != NULL)
		return name;
	snprintf(text, size, "%u", protocol);
	return text;
}

static bool add_flow(const struct connection *connection, void *data)
{
	struct listing *listing = data;
	const struct generation *generation = listing->daemon->generation;
	const struct flow *flow = &connection->flow;
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], number[8];

	if (mark_class(listing->layout, connection->mark) == MARK_CLASS_CHECK)
		return true;
	json_array_append_new(listing->list, json_pack("{s:s, s:s, s:i, s:s, s:i, s:s?, s:s?, s:b, s:s?, s:I}",
		"protocol", report_protocol_name(flow->protocol, number, sizeof(number)),
		"from", address_format(&flow->from, from, sizeof(from)),
		"from_port", flow->ports ? flow->from_port : 0,
		"to", address_format(&flow->to, to, sizeof(to)),
		"to_port", flow->ports ? flow->to_port : 0,
		"policy", report_policy_name(generation, mark_policy(listing->layout, connection->mark)),
		"link", report_link_name(generation, mark_link(listing->layout, connection->mark)),
		"by_packet", mark_link(listing->layout, connection->mark) == MARK_LINK_BY_PACKET,
		"class", report_class_name(generation, mark_class(listing->layout, connection->mark)),
		"bytes", (json_int_t)connection->bytes));
	return json_array_size(listing->list) < FLOWS_MAX;
}

static const char *outcome(const struct generation *generation, unsigned int link)
{
	const char *name = report_link_name(generation, link);

	if (name != NULL)
		return name;
	if (link == MARK_LINK_BY_PACKET)
		return "by packet";
	return link == MARK_LINK_DROP ? "dropped" : link == MARK_LINK_REJECT ? "rejected" : "no link";
}

static void log_decision(const struct logged_decision *decision, void *data)
{
	const struct daemon *daemon = data;
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], number[8];
	const char *policy = report_policy_name(daemon->generation, mark_policy(layout, decision->mark));

	log_info("decision policy=%s link=%s protocol=%s from=%s from-port=%u to=%s to-port=%u",
		policy == NULL ? "-" : policy, outcome(daemon->generation, mark_link(layout, decision->mark)),
		report_protocol_name(decision->flow.protocol, number, sizeof(number)),
		address_format(&decision->flow.from, from, sizeof(from)), decision->flow.from_port,
		address_format(&decision->flow.to, to, sizeof(to)), decision->flow.to_port);
}

void report_logged(struct daemon *daemon)
{
	uint64_t lost = verdicts_logged(daemon->verdicts, log_decision, daemon);

	if (lost > daemon->log_lost)
		log_warning("%llu decisions were too many to log", (unsigned long long)(lost - daemon->log_lost));
	daemon->log_lost = lost;
}

void report_flows(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	struct listing listing = { daemon, mark_layout_of(&daemon->generation->config->kernel), json_array() };

	(void)request;
	conntrack_list(daemon->conntrack, mark_policy_mask(listing.layout), add_flow, &listing);
	answer->status = 200;
	answer->document = listing.list;
}
