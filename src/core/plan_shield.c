/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shield before all policies: who is shut out, and what is too much of anything. */

#include <stdio.h>
#include <string.h>

#include "core/plan_parts.h"

#define CHAIN_SHIELD "shield"
#define CHAIN_PINGS  "shield-pings"
#define SET_EXEMPT   "exempt"

#define NAME_ROOM    64
#define BLOCKED_MS   300000 /* of elements that are given no time; the daemon gives them one */
#define BLOCKED_SIZE 65536

enum {
	UDP_PROTOCOL = 17,
	ECHO_REQUEST = 8,
	ECHO_REQUEST_6 = 128,
};

bool plan_blocks(const struct config *config)
{
	for (enum detector detector = 0; detector < DETECTORS; detector++) {
		if (config->dos.detectors[detector].enabled)
			return true;
	}
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].limits.block_for_s != 0)
			return true;
	}
	return false;
}

/* Our gateways, name servers and targets of checks, and what the configuration spares. */
struct networks plan_spared(const struct config *config, const struct view *view, struct arena *arena)
{
	size_t room = config->dos.exempt.count + view->servers.count;
	struct networks spared = { 0 };

	for (size_t i = 0; i < config->link_count; i++)
		room += FAMILIES + config->links[i].check.count;
	spared.items = arena_array(arena, room + 1, sizeof(struct network));
	if (spared.items == NULL)
		return spared;
	for (size_t i = 0; i < config->dos.exempt.count; i++)
		spared.items[spared.count++] = config->dos.exempt.items[i];
	for (size_t i = 0; i < view->servers.count; i++)
		spared.items[spared.count++] = view->servers.items[i];
	for (size_t i = 0; i < config->link_count; i++) {
		const struct check *check = &config->links[i].check;

		for (enum family family = IPV4; family <= IPV6; family++) {
			if (view->links[i].gateway_known[family] && !address_is_zero(&view->links[i].gateway[family]))
				spared.items[spared.count++] = network_around(&view->links[i].gateway[family], 128);
		}
		for (size_t target = 0; target < check->count; target++)
			spared.items[spared.count++] = network_around(&check->targets[target].address, 128);
	}
	return spared;
}

static void match_in(struct planner *planner, const char *set, enum family family, enum packet_key key)
{
	const struct packet_keys keys = { { key }, 1 };
	char name[NAME_ROOM];

	build_family(&planner->builder, family);
	build_in_set(&planner->builder, plan_family_name(name, sizeof(name), set, family), family, keys, false);
}

static void plan_shield_sets(struct planner *planner)
{
	struct networks spared = plan_spared(planner->config, planner->view, planner->plan->arena);

	planner->builder.failed |= spared.items == NULL;
	for (enum family family = IPV4; family <= IPV6 && spared.items != NULL; family++) {
		struct ruleset_set exempt = { .kind = SET_NETWORKS, .family = family };
		struct ruleset_set blocked = { .kind = SET_DYNAMIC, .family = family, .keys = { { PACKET_SOURCE_SITE }, 1 },
			.timeout_ms = BLOCKED_MS, .size = BLOCKED_SIZE, .counts = true };
		char name[NAME_ROOM];

		exempt.networks = plan_networks(planner, &spared, family);
		exempt.name = plan_family_name(name, sizeof(name), SET_EXEMPT, family);
		build_set(&planner->builder, exempt);
		blocked.name = plan_family_name(name, sizeof(name), PLAN_BLOCKED, family);
		build_set(&planner->builder, blocked);
	}
	build_counter(&planner->builder, PLAN_BLOCKED);
}

/* Both chains begin so: who is spared goes on, who is shut out does not. */
static void plan_gate(struct planner *planner)
{
	static const char *loopback_name = "lo";
	struct names loopback = { &loopback_name, 1 };
	struct builder *b = &planner->builder;

	build_rule(b, "this machine with itself");
	build_devices(b, MATCH_DEVICE_IN, &loopback, false);
	build_action(b, RETURN);
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "never limited and never shut out");
		match_in(planner, SET_EXEMPT, family, PACKET_SOURCE);
		build_action(b, RETURN);
	}
	plan_bystanders(planner, RETURN, NULL);
	for (enum family family = IPV4; family <= IPV6; family++) {
		build_rule(b, "shut out");
		match_in(planner, PLAN_BLOCKED, family, PACKET_SOURCE_SITE);
		build_count(b, PLAN_BLOCKED);
		build_action(b, DROP);
	}
}

static void detector_chain(char *name, size_t size, const char *what, enum detector detector)
{
	snprintf(name, size, "%s-%s", what, detector_name(detector));
}

/* What is over: its source is told to the daemon, where it is to be shut out. */
static void plan_over(struct planner *planner, enum detector detector)
{
	const struct detector_settings *settings = &planner->config->dos.detectors[detector];
	struct builder *b = &planner->builder;
	char name[NAME_ROOM];

	detector_chain(name, sizeof(name), "over", detector);
	build_chain(b, name);
	if (settings->block_for_s != 0) {
		detector_chain(name, sizeof(name), PLAN_OFFENDERS, detector);
		plan_remember_source(planner, name);
	}
	build_counter(b, detector_name(detector));
	build_rule(b, "%s: too much", detector_name(detector));
	build_count(b, detector_name(detector));
	build_action(b, DROP);
}

static struct plan_limit limit_of(const struct detector_settings *settings, enum detector detector)
{
	struct plan_limit limit = { .what = detector_name(detector), .per = settings->per };

	if (detector == DETECT_CONNECTIONS)
		limit.limit = (struct limit){ .kind = LIMIT_CONNECTIONS, .count = settings->max };
	else
		limit.limit = (struct limit){ LIMIT_PACKETS, settings->rate.count, settings->rate.per_ms, settings->burst };
	return limit;
}

static void plan_detector(struct planner *planner, enum detector detector)
{
	struct plan_limit limit = limit_of(&planner->config->dos.detectors[detector], detector);
	char chain[NAME_ROOM], over[NAME_ROOM], comment[NAME_ROOM];

	detector_chain(chain, sizeof(chain), "detect", detector);
	detector_chain(over, sizeof(over), "over", detector);
	snprintf(comment, sizeof(comment), "%s?", detector_name(detector));
	build_chain(&planner->builder, chain);
	plan_over_limit(planner, &limit, comment, over);
}

/* A first packet, not one that is repeated because nobody answered. */
static void match_first(struct planner *planner)
{
	build_mark_is(&planner->builder, MATCH_CONNECTION_MARK, mark_policy_mask(planner->layout), 0, false);
}

/* Scans are found by the daemon. */
static bool is_planned(const struct planner *planner, enum detector detector)
{
	return detector < DETECT_PORT_SCAN && planner->config->dos.detectors[detector].enabled &&
	       (detector != DETECT_CONNECTIONS || !planner->view->lacks_connection_limit);
}

static void call_detector(struct planner *planner, enum detector detector)
{
	static const uint32_t udp = UDP_PROTOCOL;
	struct builder *b = &planner->builder;
	char chain[NAME_ROOM];

	if (!is_planned(planner, detector))
		return;
	detector_chain(chain, sizeof(chain), "detect", detector);
	build_rule(b, "%s?", detector_name(detector));
	switch (detector) {
	case DETECT_SYN_FLOOD:
		build_action(b, MATCH_TCP_SYN);
		break;
	case DETECT_UDP_FLOOD:
		match_first(planner);
		build_values(b, MATCH_PROTOCOL, &udp, 1, false);
		break;
	case DETECT_CONNECTIONS:
		match_first(planner);
		break;
	case DETECT_PING_FLOOD:
	case DETECT_PORT_SCAN:
	case DETECT_ADDRESS_SCAN:
		break;
	}
	build_jump(b, JUMP, chain);
}

static void match_echo(struct planner *planner, enum family family)
{
	struct icmp_type *type = arena_array(planner->plan->arena, 1, sizeof(*type));

	planner->builder.failed |= type == NULL;
	if (type == NULL)
		return;
	*type = (struct icmp_type){ .type = family == IPV4 ? ECHO_REQUEST : ECHO_REQUEST_6, .any_code = true };
	build_icmp_types(&planner->builder, family, &(struct icmp_types){ type, 1 }, false);
}

/*
 * Before what was decided goes on: a SYN that nobody answers is repeated as a packet of its connection,
 * and of all pings of one program only the first is new.
 */
void plan_shield_calls(struct planner *planner)
{
	static const uint32_t new = CONNECTION_NEW;
	struct builder *b = &planner->builder;

	if (!plan_blocks(planner->config))
		return;
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (!planner->config->dos.detectors[DETECT_PING_FLOOD].enabled)
			break;
		build_rule(b, "echo requests, each of them");
		match_echo(planner, family);
		build_jump(b, JUMP, CHAIN_PINGS);
	}
	build_rule(b, "connections that begin");
	build_values(b, MATCH_CONNECTION_STATE, &new, 1, false);
	build_jump(b, JUMP, CHAIN_SHIELD);
}

void plan_shield(struct planner *planner)
{
	const struct dos *dos = &planner->config->dos;
	struct builder *b = &planner->builder;

	if (!plan_blocks(planner->config))
		return;
	plan_shield_sets(planner);
	build_chain(b, CHAIN_SHIELD);
	plan_gate(planner);
	call_detector(planner, DETECT_SYN_FLOOD);
	call_detector(planner, DETECT_UDP_FLOOD);
	call_detector(planner, DETECT_CONNECTIONS);
	if (dos->detectors[DETECT_PING_FLOOD].enabled) {
		build_chain(b, CHAIN_PINGS);
		plan_gate(planner);
		call_detector(planner, DETECT_PING_FLOOD);
	}
	for (enum detector detector = 0; detector < DETECTORS; detector++) {
		if (!is_planned(planner, detector))
			continue;
		plan_detector(planner, detector);
		plan_over(planner, detector);
	}
}
