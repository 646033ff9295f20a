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
	MATCH_SOURCE_KIND,      /* values: as MATCH_DESTINATION_KIND, of the source */
	MATCH_ICMP_TYPE,        /* icmp_types of ICMP, or of ICMPv6 where family is IPV6; matches the protocol itself */
	MATCH_DSCP,             /* values: any of these code points; together with MATCH_FAMILY before it */
	MATCH_IN_SET,           /* keys are in the set called name */
	MATCH_ORIGINAL,         /* the packet goes in the direction of its connection's first one */
	MATCH_STATUS,           /* values: any of enum connection_status, of the connection */
	MATCH_ORIGINAL_PACKETS, /* value: the connection's count of packets in the original direction, this one included */
	MATCH_TCP_FLAGS,        /* (flags & mask) == value; matches the protocol itself */
	MATCH_REPLY_PACKETS,    /* as MATCH_ORIGINAL_PACKETS, of the other direction */
	/* Actions that go on with the next statement. */
	SET_MARK,               /* packet mark = packet mark & ~mask | value */
	RESTORE_MARK,           /* packet mark = packet mark & ~mask | connection mark & mask */
	SAVE_MARK,              /* connection mark = connection mark & ~mask | packet mark & mask */
	COUNT,                  /* packets and bytes, in the rule itself */
	COUNT_NAMED,            /* name of a counter in the ruleset */
	ADD_TO_SET,             /* keys into the set called name, for timeout_ms (0: the set's). The last of its
	                           rule: what is to follow also where the set is full stands in the next one */
	REFRESH_IN_SET,         /* the same, and what is there already gets the time anew */
	KEEP_MARK,              /* the packet's mark into the set called name, which has marks, under keys, for
	                           timeout_ms. The last of its rule, as ADD_TO_SET */
	FIND_MARK,              /* a match: keys are in the set called name, which has marks: packet mark = the kept one */
	COUNT_BY_MARK,          /* counts the packet in the element (packet mark & mask) of the set called name, whose keys
	                           are PACKET_MARK and which counts. The last of its rule, as ADD_TO_SET */
	OVER_LIMIT,             /* a match: holds while more than limit comes by, all keys together */
	OVER_LIMIT_EACH,        /* the same for each value of keys, kept in the set called name; never holds for
	                           keys that the full set has no room for */
	SET_CLASS_PRIORITY,     /* packet priority = major << 16 | (mark >> shift & mask): the class for the shaper;
	                           major is value, shift is queue */
	SET_PRIORITY,           /* packet priority = value */
	CLAMP_MSS,              /* TCP's option for the largest segment becomes value, where it is there and larger */
	LOG_COPY,               /* the first value bytes of the packet, and its mark, to who listens to group queue: at
	                           once, and nothing waits for it */
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
	SOURCE_NAT,             /* to address, or to one of address .. last_address, always the same for one source;
	                           together with MATCH_FAMILY before it */
	DESTINATION_NAT,        /* to address, and to port where it is not 0; together with MATCH_FAMILY before it */
	SOURCE_PREFIX,          /* the source's network becomes network, its other bits stay; as above */
	DESTINATION_PREFIX,
	NOTRACK,                /* the packet begins and belongs to no connection; before connection tracking only */
	SYNPROXY,               /* answers SYNs without memory of them, in input and forward; synproxy says with what */
	DISPATCH,               /* (packet mark & mask) is looked up in the map called name: goes to that chain. The
	                           last of its rule: the next one follows after that chain, and where there is none */
	SPREAD,                 /* spread: goes to one of several chains in proportion to weights */
};

enum connection_state {
	CONNECTION_INVALID = 1,
	CONNECTION_ESTABLISHED = 2,
	CONNECTION_RELATED = 4,
	CONNECTION_NEW = 8,
	CONNECTION_UNTRACKED = 64,
};

/* As linux/netfilter/nf_conntrack_common.h has them. */
enum connection_status {
	STATUS_ANSWERED = 2,
	STATUS_SOURCE_NAT = 16,
	STATUS_DESTINATION_NAT = 32,
};

/* Parts of a packet that sets are keyed by, also together. Addresses need MATCH_FAMILY before them. */
enum packet_key {
	PACKET_SOURCE,
	PACKET_DESTINATION,
	PACKET_SOURCE_SITE,          /* IPv6: the /64 of it; IPv4: the address */
	PACKET_DESTINATION_SITE,
	CONNECTION_SOURCE_SITE,      /* of the connection's original direction, before translation */
	CONNECTION_DESTINATION_SITE,
	PACKET_PROTOCOL,
	PACKET_FROM_PORT,
	PACKET_TO_PORT,
	PACKET_DEVICE_IN,            /* index of the device */
	PACKET_DEVICE_NAME,          /* of the same; empty where there is none */
	PACKET_MARK,                 /* alone, and only for COUNT_BY_MARK */
};
#define PACKET_KEYS_MAX 5

struct packet_keys {
	enum packet_key items[PACKET_KEYS_MAX];
	size_t count;
};

enum limit_kind {
	LIMIT_PACKETS,
	LIMIT_BYTES,
	LIMIT_CONNECTIONS, /* that live; count, the rest is not used */
};

/*
 * More than count in per_ms, with burst on top. per_ms is 1000, 60000 or 3600000. In a time t exactly
 * burst + count * t / per_ms packets are not over it, where t begins after a rest; burst 0 is one packet.
 * Of bytes it is count + burst + count * t / per_ms.
 */
struct limit {
	enum limit_kind kind;
	uint64_t count;
	uint32_t per_ms;
	uint32_t burst;
};

struct synproxy {
	uint16_t mss;
	uint8_t window_scale;
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
	uint16_t port;
	struct address address, last_address; /* last_address equal to address, or all zero: only that one */
	struct network network;
	struct icmp_types icmp_types;
	struct packet_keys keys;
	uint32_t timeout_ms;
	struct limit limit;
	struct synproxy synproxy;
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

/* What a set holds and how it is looked up. */
enum set_kind {
	SET_NETWORKS, /* networks, of one family */
	SET_DEVICES,  /* names, for PACKET_DEVICE_NAME */
	SET_PROTOCOLS, /* values, for PACKET_PROTOCOL */
	SET_PORTS,    /* ports, for PACKET_FROM_PORT and PACKET_TO_PORT; the rule has matched protocols with ports before */
	SET_DYNAMIC,  /* filled by rules and by the daemon: its elements stay when a ruleset replaces another */
	SET_CHAINS,   /* a map from marks to chains, for DISPATCH */
};

struct mark_chain {
	uint32_t mark;
	const char *chain;
};

struct ruleset_set {
	const char *name;
	enum set_kind kind;
	enum family family;       /* of the addresses in it */
	struct networks networks; /* SET_NETWORKS: sorted, none inside another */
	struct names names;       /* SET_DEVICES */
	struct values values;     /* SET_PROTOCOLS */
	struct port_ranges ports; /* SET_PORTS: sorted, apart from each other */
	struct packet_keys keys;  /* SET_DYNAMIC */
	uint32_t timeout_ms;      /* SET_DYNAMIC: of elements that are given none; 0: they stay */
	uint32_t size;            /* SET_DYNAMIC: elements at most */
	bool limits;              /* SET_DYNAMIC: each element has a limit of its own: OVER_LIMIT_EACH */
	bool counts;              /* SET_DYNAMIC: each element counts packets and bytes that were found in the set */
	bool marks;               /* SET_DYNAMIC: each element has a mark with it: KEEP_MARK, FIND_MARK */
	struct mark_chain *chains; /* SET_CHAINS */
	size_t chain_count;
	bool refill;              /* SET_DYNAMIC: what it holds goes when a ruleset replaces another */
};

/* One table of family inet. Counters keep their values when a ruleset replaces another. */
struct ruleset {
	const char *table;
	struct chain *chains; /* a chain stands before those that jump to it is not required */
	size_t chain_count;
	struct ruleset_set *sets;
	size_t set_count;
	struct names counters;
};
