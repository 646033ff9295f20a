/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet filter ruleset as plain data, independent of how it reaches the kernel or a reader. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/config.h"

/* Base chains are built once and stay: deleting one drops every packet that a queue holds. */
enum chain_kind {
	CHAIN_REGULAR,
	CHAIN_FILTER,
	CHAIN_ROUTE, /* output only: the packet is routed anew where its mark changed */
	CHAIN_NAT,
};

enum chain_hook {
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
};

struct values {
	uint32_t *items;
	size_t count;
};

enum statement_kind {
	/* Matches: the rule goes on where they hold, or where they do not with negate. */
	MATCH_FAMILY,           /* family */
	MATCH_DEVICE_IN,        /* names: any of these interfaces, by name */
	MATCH_DEVICE_OUT,
	MATCH_PROTOCOL,         /* values: any of these protocol numbers */
	MATCH_SOURCE,           /* networks, all of family; together with MATCH_FAMILY before it */
	MATCH_DESTINATION,
	MATCH_FROM_PORT,        /* ports; the rule has matched protocols with ports before */
	MATCH_TO_PORT,
	MATCH_ICMP6_TYPE,       /* values: any of these types; matches the protocol itself */
	MATCH_TCP_SYN,          /* of SYN, ACK, RST and FIN only SYN is set */
	MATCH_CONNECTION_STATE, /* values: any of enum connection_state */
	MATCH_MARK,             /* (packet mark & mask) is any of values */
	MATCH_CONNECTION_MARK,  /* the same of the connection's mark */
	MATCH_DESTINATION_KIND, /* values: any of RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST, as routing says */
	MATCH_ROUTED_OUT,       /* names: the routing table, for mark 0, sends the destination out of any of these */
	MATCH_ROUTED,           /* routing knows a way to the destination for the packet's present mark */
	/* Actions that go on with the next statement. */
	SET_MARK,               /* packet mark = packet mark & ~mask | value */
	RESTORE_MARK,           /* packet mark = packet mark & ~mask | connection mark & mask */
	SAVE_MARK,              /* connection mark = connection mark & ~mask | packet mark & mask */
	COUNT,                  /* packets and bytes, in the rule itself */
	COUNT_NAMED,            /* name of a counter in the ruleset */
	/* Actions that end the rule. */
	ACCEPT,
	DROP,
	RETURN,
	JUMP,                   /* name of a chain */
	GOTO,
	REJECT_RESET,           /* TCP reset; the rule has matched TCP before */
	REJECT_PROHIBITED,      /* ICMP or ICMPv6 administratively prohibited, by family */
	QUEUE,                  /* queue, queues; passes on where nobody listens */
	MASQUERADE,             /* ports are kept where they are free: packets of a flow that were held together stay one */
	SOURCE_NAT,             /* to address; together with MATCH_FAMILY before it */
	SPREAD,                 /* spread: goes to one of several chains in proportion to weights */
};

enum connection_state {
	CONNECTION_INVALID = 1,
	CONNECTION_ESTABLISHED = 2,
	CONNECTION_RELATED = 4,
	CONNECTION_NEW = 8,
	CONNECTION_UNTRACKED = 64,
};

enum spread_by {
	SPREAD_IN_TURN,
	SPREAD_RANDOM,
	SPREAD_BY_SOURCE,      /* hash; together with MATCH_FAMILY before it, also the next */
	SPREAD_BY_DESTINATION,
	SPREAD_BY_BOTH,        /* source and destination address */
};

/* chains[i] gets weights[i] of the sum of the weights. */
struct spread {
	enum spread_by by;
	const char **chains;
	unsigned int *weights;
	size_t count;
	uint32_t seed;
};

/* Only the fields that the comment of the kind names are used. */
struct statement {
	enum statement_kind kind;
	bool negate;
	enum family family;
	const char *name;
	struct names names;
	struct values values;
	struct networks networks; /* sorted, none inside another; also the ports below */
	struct port_ranges ports;
	uint32_t mask, value;
	uint16_t queue, queues;
	struct address address;
	struct spread spread;
};

struct ruleset_rule {
	const char *comment; /* never NULL: what it is for, told to who lists the rules */
	struct statement *statements;
	size_t count;
};

struct chain {
	const char *name;
	enum chain_kind kind;
	enum chain_hook hook;
	int priority;
	struct ruleset_rule *rules;
	size_t count;
};

/* One table of family inet. Counters keep their values when a ruleset replaces another. */
struct ruleset {
	const char *table;
	struct chain *chains; /* a chain stands before those that jump to it is not required */
	size_t chain_count;
	struct names counters;
};
