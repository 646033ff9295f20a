/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the first packet of a flow through a ruleset as plain data, as the kernel would without the daemon. */

#include "ruleset_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Of TCP every packet here is the first: a SYN. */
#define SYN_FLAG 0x02

/* What a rule or a chain ends with. */
enum flow_of_control {
	GOES_ON,   /* with the next statement */
	NEXT_RULE,
	RETURNS,   /* to where the chain was called from */
	ENDED,     /* the packet has its verdict */
};

struct machine {
	const struct ruleset *ruleset;
	struct machine_packet *packet;
	enum machine_end end;
	unsigned int depth;
};

static enum flow_of_control run_chain(struct machine *machine, const char *name);

static bool holds_value(const struct values *values, uint32_t value)
{
	for (size_t i = 0; i < values->count; i++) {
		if (values->items[i] == value)
			return true;
	}
	return false;
}

static bool holds_name(const struct names *names, const char *name)
{
	assert_true(names->count > 0);
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return true;
	}
	return false;
}

/* The kernel's sets want their items in order and apart, and it reads an address where that family has it: a rule has to match the family first. */
static bool is_among(const struct networks *networks, enum family family, const struct address *address)
{
	bool found = false;

	for (size_t i = 0; i < networks->count; i++) {
		const struct network *network = &networks->items[i];

		assert_int_equal(network->address.family, family);
		if (i > 0)
			assert_true(memcmp(network[-1].address.bytes, network->address.bytes, 16) < 0
				&& !network_contains(&network[-1], &network->address));
		found |= network_contains(network, address);
	}
	return found;
}

static bool holds_address(const struct machine *machine, const struct statement *statement, const struct address *address)
{
	assert_int_equal(machine->packet->flow.family, statement->family);
	assert_true(statement->networks.count > 0);
	return is_among(&statement->networks, statement->family, address);
}

static const struct ruleset_set *find_set(const struct machine *machine, const char *name)
{
	for (size_t i = 0; i < machine->ruleset->set_count; i++) {
		if (strcmp(machine->ruleset->sets[i].name, name) == 0)
			return &machine->ruleset->sets[i];
	}
	fail_msg("no set %s", name);
	return NULL;
}

static bool holds_port(const struct machine *machine, const struct port_ranges *ports, uint16_t port)
{
	for (size_t i = 1; i < ports->count; i++)
		assert_true(ports->items[i].first > ports->items[i - 1].last);
	for (size_t i = 0; i < ports->count; i++) {
		if (machine->packet->flow.ports && port >= ports->items[i].first && port <= ports->items[i].last)
			return true;
	}
	return false;
}

static bool holds_list(const struct machine *machine, const struct ruleset_set *set, enum packet_key key)
{
	const struct machine_packet *packet = machine->packet;

	if (key == PACKET_DEVICE_NAME) {
		assert_int_equal(set->kind, SET_DEVICES);
		return holds_name(&set->names, packet->device_in);
	}
	if (key == PACKET_PROTOCOL) {
		assert_int_equal(set->kind, SET_PROTOCOLS);
		return holds_value(&set->values, packet->flow.protocol);
	}
	assert_int_equal(set->kind, SET_PORTS);
	assert_true(key == PACKET_FROM_PORT || key == PACKET_TO_PORT);
	return holds_port(machine, &set->ports, key == PACKET_TO_PORT ? packet->flow.to_port : packet->flow.from_port);
}

/* Dynamic sets are empty at the first packet. */
static bool holds_set(const struct machine *machine, const struct statement *statement)
{
	const struct flow *flow = &machine->packet->flow;
	const struct ruleset_set *set = find_set(machine, statement->name);

	assert_int_equal(set->family, statement->family);
	if (set->kind == SET_DYNAMIC)
		return false;
	assert_int_equal(statement->keys.count, 1);
	if (set->kind != SET_NETWORKS)
		return holds_list(machine, set, statement->keys.items[0]);
	assert_int_equal(flow->family, statement->family);
	if (statement->keys.items[0] == PACKET_SOURCE)
		return is_among(&set->networks, set->family, &flow->from);
	assert_int_equal(statement->keys.items[0], PACKET_DESTINATION);
	return is_among(&set->networks, set->family, &flow->to);
}

/* Of ICMP from_port is type and code. */
static bool holds_icmp(const struct flow *flow, const struct statement *statement)
{
	assert_true(statement->icmp_types.count > 0);
	for (size_t i = 0; i < statement->icmp_types.count; i++) {
		const struct icmp_type *type = &statement->icmp_types.items[i];

		if (type->type == flow->from_port >> 8 && (type->any_code || type->code == (flow->from_port & 0xff)))
			return true;
	}
	return false;
}

/* Whether a match holds, before negate. */
static bool holds(const struct machine *machine, const struct statement *s)
{
	const struct machine_packet *packet = machine->packet;

	switch (s->kind) {
	case MATCH_FAMILY:
		return packet->flow.family == s->family;
	case MATCH_DEVICE_IN:
		return holds_name(&s->names, packet->device_in);
	case MATCH_DEVICE_OUT:
		return holds_name(&s->names, packet->device_out);
	case MATCH_ROUTED_OUT:
		return holds_name(&s->names, packet->device_out);
	case MATCH_ROUTED:
		return true;
	case MATCH_PROTOCOL:
		return holds_value(&s->values, packet->flow.protocol);
	case MATCH_SOURCE:
		return holds_address(machine, s, &packet->flow.from);
	case MATCH_DESTINATION:
		return holds_address(machine, s, &packet->flow.to);
	case MATCH_FROM_PORT:
		return holds_port(machine, &s->ports, packet->flow.from_port);
	case MATCH_TO_PORT:
		return holds_port(machine, &s->ports, packet->flow.to_port);
	case MATCH_ICMP6_TYPE: /* of echo requests, which no rule of ours is about */
		return false;
	case MATCH_TCP_SYN: /* the first packet of a connection is one */
		return true;
	case MATCH_CONNECTION_STATE:
		return holds_value(&s->values, CONNECTION_NEW);
	case MATCH_MARK:
		return holds_value(&s->values, packet->mark & s->mask);
	case MATCH_CONNECTION_MARK:
		return holds_value(&s->values, packet->connection_mark & s->mask);
	case MATCH_DESTINATION_KIND:
		return holds_value(&s->values, packet->to_self ? 2 : 1);
	case MATCH_SOURCE_KIND:
		return holds_value(&s->values, packet->of_self ? 2 : 1);
	case MATCH_IN_SET:
		return holds_set(machine, s);
	case MATCH_DSCP:
		assert_int_equal(packet->flow.family, s->family);
		return holds_value(&s->values, packet->flow.dscp);
	case MATCH_ICMP_TYPE:
		return holds_icmp(&packet->flow, s);
	case MATCH_ORIGINAL: /* it is the first one */
		return true;
	case MATCH_TCP_FLAGS:
		return (SYN_FLAG & s->mask) == s->value;
	case SET_MARK: case RESTORE_MARK: case SAVE_MARK: case COUNT: case COUNT_NAMED: case ACCEPT: case DROP:
	case RETURN: case JUMP: case GOTO: case REJECT_RESET: case REJECT_PROHIBITED: case QUEUE: case MASQUERADE:
	case SOURCE_NAT: case SPREAD: case ADD_TO_SET: case REFRESH_IN_SET: case KEEP_MARK: case FIND_MARK:
	case OVER_LIMIT: case OVER_LIMIT_EACH: case LOG_COPY: case SET_CLASS_PRIORITY: case SET_PRIORITY: case CLAMP_MSS: case DESTINATION_NAT:
	case SOURCE_PREFIX: case DESTINATION_PREFIX: case NOTRACK: case SYNPROXY: case DISPATCH: case COUNT_BY_MARK:
	/* Of what only base chains ask. */
	case MATCH_STATUS: case MATCH_ORIGINAL_PACKETS: case MATCH_REPLY_PACKETS:
		break;
	}
	fail_msg("statement %d is no match", (int)s->kind);
	return false;
}

/* Types of ICMP and flags of TCP match their protocol, which negate leaves as it is. */
static bool passes(const struct machine *machine, const struct statement *statement)
{
	uint8_t protocol = statement->family == IPV4 ? 1 : 58;

	if (statement->kind == MATCH_ICMP_TYPE && machine->packet->flow.protocol != protocol)
		return false;
	if (statement->kind == MATCH_TCP_FLAGS && machine->packet->flow.protocol != 6)
		return false;
	return holds(machine, statement) != statement->negate;
}

static uint32_t masked(uint32_t into, uint32_t mask, uint32_t from)
{
	return (into & ~mask) | (from & mask);
}

static enum flow_of_control end_with(struct machine *machine, enum machine_end end)
{
	machine->end = end;
	return ENDED;
}

/* A goto: what the chain does not decide is left to whom the present chain was called by. */
static enum flow_of_control go_to(struct machine *machine, const char *chain)
{
	return run_chain(machine, chain) == ENDED ? ENDED : RETURNS;
}

static enum flow_of_control spread(struct machine *machine, const struct statement *statement)
{
	unsigned int sum = 0, drawn;
	size_t i = 0;

	if (statement->spread.by >= SPREAD_BY_SOURCE)
		assert_int_equal(machine->packet->flow.family, statement->family);
	for (size_t j = 0; j < statement->spread.count; j++)
		sum += statement->spread.weights[j];
	assert_true(sum > 0);
	for (drawn = (unsigned int)rand() % sum; drawn >= statement->spread.weights[i]; i++)
		drawn -= statement->spread.weights[i];
	return go_to(machine, statement->spread.chains[i]);
}

static enum flow_of_control dispatch(struct machine *machine, const struct statement *statement)
{
	const struct ruleset_set *map = find_set(machine, statement->name);
	uint32_t mark = machine->packet->mark & statement->mask;

	assert_int_equal(map->kind, SET_CHAINS);
	for (size_t i = 0; i < map->chain_count; i++) {
		if (map->chains[i].mark == mark)
			return run_chain(machine, map->chains[i].chain) == ENDED ? ENDED : GOES_ON;
	}
	return GOES_ON;
}

static enum flow_of_control act(struct machine *machine, const struct statement *s)
{
	struct machine_packet *packet = machine->packet;

	switch (s->kind) {
	case SET_MARK:
		packet->mark = (packet->mark & ~s->mask) | s->value;
		return GOES_ON;
	case RESTORE_MARK:
		packet->mark = masked(packet->mark, s->mask, packet->connection_mark);
		return GOES_ON;
	case SAVE_MARK:
		packet->connection_mark = masked(packet->connection_mark, s->mask, packet->mark);
		return GOES_ON;
	case COUNT:
	case COUNT_NAMED:
	case CLAMP_MSS:
	case LOG_COPY:
	case QUEUE:
		return GOES_ON;
	case ACCEPT:
		return end_with(machine, MACHINE_ACCEPTED);
	case DROP:
		return end_with(machine, MACHINE_DROPPED);
	case REJECT_RESET:
		assert_int_equal(packet->flow.protocol, 6);
		return end_with(machine, MACHINE_REJECTED);
	case REJECT_PROHIBITED:
		return end_with(machine, MACHINE_REJECTED);
	case RETURN:
		return RETURNS;
	case JUMP:
		return run_chain(machine, s->name) == ENDED ? ENDED : NEXT_RULE;
	case GOTO:
		return go_to(machine, s->name);
	case SPREAD:
		return spread(machine, s);
	case SOURCE_NAT: case DESTINATION_NAT: case SOURCE_PREFIX: case DESTINATION_PREFIX:
		assert_int_equal(packet->flow.family, s->family);
		packet->translation = s;
		return end_with(machine, MACHINE_ACCEPTED);
	case MASQUERADE:
		packet->translation = s;
		return end_with(machine, MACHINE_ACCEPTED);
	case DISPATCH:
		return dispatch(machine, s);
	case ADD_TO_SET: /* the last of its rule */
	case REFRESH_IN_SET:
	case COUNT_BY_MARK:
	case KEEP_MARK:
	case FIND_MARK: /* sets that rules fill are empty, and nothing is over its limit */
	case OVER_LIMIT:
	case OVER_LIMIT_EACH:
		return NEXT_RULE;
	case MATCH_FAMILY: case MATCH_DEVICE_IN: case MATCH_DEVICE_OUT: case MATCH_PROTOCOL: case MATCH_SOURCE:
	case MATCH_DESTINATION: case MATCH_FROM_PORT: case MATCH_TO_PORT: case MATCH_ICMP6_TYPE: case MATCH_TCP_SYN:
	case MATCH_CONNECTION_STATE: case MATCH_MARK: case MATCH_CONNECTION_MARK: case MATCH_DESTINATION_KIND:
	case MATCH_ROUTED_OUT: case MATCH_ROUTED: case SET_CLASS_PRIORITY: case SET_PRIORITY:
	case NOTRACK: case SYNPROXY: case MATCH_SOURCE_KIND:
	case MATCH_ICMP_TYPE: case MATCH_DSCP: case MATCH_IN_SET: case MATCH_ORIGINAL: case MATCH_STATUS:
	case MATCH_ORIGINAL_PACKETS: case MATCH_TCP_FLAGS: case MATCH_REPLY_PACKETS:
		break;
	}
	fail_msg("statement %d has no place here", (int)s->kind);
	return ENDED;
}

static enum flow_of_control run_rule(struct machine *machine, const struct ruleset_rule *rule)
{
	for (size_t i = 0; i < rule->count; i++) {
		const struct statement *statement = &rule->statements[i];
		enum flow_of_control control = GOES_ON;

		if (statement->kind < SET_MARK && !passes(machine, statement))
			return NEXT_RULE;
		if (statement->kind >= SET_MARK)
			control = act(machine, statement);
		if (control != GOES_ON)
			return control;
	}
	return NEXT_RULE;
}

static const struct chain *find_chain(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		if (strcmp(ruleset->chains[i].name, name) == 0)
			return &ruleset->chains[i];
	}
	fail_msg("no chain %s", name);
	return NULL;
}

static enum flow_of_control run_chain(struct machine *machine, const char *name)
{
	const struct chain *chain = find_chain(machine->ruleset, name);
	enum flow_of_control control = NEXT_RULE;

	assert_true(++machine->depth < 16); /* as many levels as nf_tables allows */
	for (size_t i = 0; i < chain->count && control == NEXT_RULE; i++)
		control = run_rule(machine, &chain->rules[i]);
	machine->depth--;
	return control;
}

enum machine_end machine_run(const struct ruleset *ruleset, const char *chain, struct machine_packet *packet)
{
	struct machine machine = { .ruleset = ruleset, .packet = packet, .end = MACHINE_ACCEPTED };

	run_chain(&machine, chain);
	return machine.end;
}
