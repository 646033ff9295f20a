/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the plan share. */
#pragma once

#include "core/plan.h"
#include "core/ruleset_build.h"

#define PLAN_TABLE    "uplinkd"
#define CHAIN_TAKE    "take"      /* saves the decision on the connection and accepts */
#define CHAIN_REFUSE  "refuse"    /* rejects */
#define CHAIN_FALLBACK "fallback"
#define CHAIN_ASK     "ask"       /* puts the question to the daemon */
#define CHAIN_SIEGE   "siege"     /* what begins on links */
#define CHAIN_COOKIES "cookies"   /* answers in the name of servers */
#define CHAIN_HANDSHAKES "handshakes"
#define CHAIN_BY_PACKET "by-packet" /* gives a link to a packet of a connection that has none */

/* Kinds of destination, as RTN_* of linux/rtnetlink.h, which core does not need for three numbers. */
enum {
	TO_LOCAL = 2,
	TO_BROADCAST = 3,
	TO_MULTICAST = 5,
};

/* Sets by the number in their names: open addressing, half full at most. */
struct shared_sets {
	struct shared_set {
		uint32_t number;
		const struct ruleset_set *set; /* NULL: free */
	} *slots;
	size_t room, count;
};

struct planner {
	struct plan *plan;
	const struct config *config;
	const struct ids *ids;
	const struct view *view;
	struct plan_ways ways;
	struct mark_layout layout;
	struct names link_devices; /* of all links; no two share one */
	struct shared_sets shared;
	struct builder builder;
};

/* Chains that decide while the daemon does not: all policies in their order, by last known weights and states. */
void plan_fallback(struct planner *planner);

/* Chains that translate addresses, by the policy in the packet's mark and by the links' devices. */
void plan_nat(struct planner *planner);

/* Parts of plan_nat(): what links say, in the chain that is being built. */
void plan_link_prefixes(struct planner *planner);
void plan_link_sources(struct planner *planner);

/*
 * In output: leads connections of this machine to its own outside addresses to where policies are asked,
 * as far as one of them may forward them; the others never leave this machine.
 */
void plan_own_forwards(struct planner *planner);

/* Sorted, and joined where they overlap or touch: a set takes no port twice. Lives in the plan's arena. */
struct port_ranges plan_ports(struct planner *planner, const struct port_ranges *all);

#define NO_LINK SIZE_MAX

/* The default route of the link's device into that table, where one can be; and a rule. */
void plan_add_route(struct planner *planner, size_t link, enum family family, uint32_t table);
void plan_add_rule(struct planner *planner, const struct plan_rule *rule);

/* Rules and routes of this machine's own connections, and how many routes that may be. */
void plan_own_routing(struct planner *planner, enum family family);
size_t plan_own_routes_needed(const struct config *config);

/* In output, of new connections to links: those that have a link already get it into their mark, with MARK_CLASS_OWN. */
void plan_own_bound(struct planner *planner);

/* In output, before what tells connections of a dead link: who was started to use that link has been told. */
void plan_own_insist(struct planner *planner);

/* A rule that gives this machine's own connections an address of the link, where nothing else is translated. */
void plan_own_source(struct planner *planner, size_t link, enum family family);

/* The addresses of that family that the link's device has, or where link is NO_LINK those of all links. */
struct networks plan_outside_addresses(struct planner *planner, size_t link, enum family family);

/* Floods of half-open connections: calls from prerouting, rules of output, and the chains. */
void plan_siege(struct planner *planner);
void plan_siege_calls(struct planner *planner);
void plan_siege_proxied(struct planner *planner);

/* The networks of one family, sorted, none inside another, each with its host bits cleared. */
struct networks plan_networks(struct planner *planner, const struct networks *all, enum family family);

/* Refusals of a moment ago, which need not be asked for again: where they are kept, found, and given anew. */
void plan_answers(struct planner *planner);
void plan_answers_keep(struct planner *planner);
void plan_answers_find(struct planner *planner);

/* Before all policies: who is shut out, and what is too much of anything. The calls stand where the rules do. */
void plan_shield(struct planner *planner);
void plan_shield_calls(struct planner *planner);

/* Copies of how connections begin and end, for who watches: what first bears the original addresses, and the rest. */
void plan_watch(struct planner *planner);
void plan_watch_calls(struct planner *planner);

/* Limits of policies: of connections where they begin, of what flows where it is forwarded. */
void plan_limits(struct planner *planner);
void plan_limits_calls(struct planner *planner);

/* The largest segment that TCP may announce, by what links carry: a call from where all packets come by; the chain. */
void plan_clamp(struct planner *planner);
void plan_clamp_call(struct planner *planner);

/* What policies carry by each link: calls from where every packet comes by once, behind limits; and the chain. */
void plan_bytes(struct planner *planner);
void plan_bytes_calls(struct planner *planner);

/* What shield and limits share: a limit by source, by destination or of all together, in a set for each family. */
struct plan_limit {
	const char *what;       /* the start of the set's name */
	enum limit_per per;
	bool of_connection;     /* by the addresses of its first packet, not by those of this one */
	struct limit limit;
};

/* Rules that go to chain where the limit is exceeded. comment is for all of them. */
void plan_over_limit(struct planner *planner, const struct plan_limit *limit, const char *comment, const char *chain);

/* An empty map from policies to chains, with room for so many; and one more in it, whose chain the plan's arena has. */
struct ruleset_set plan_policy_map(struct planner *planner, const char *name, size_t room);
void plan_policy_chain(struct planner *planner, struct ruleset_set *map, unsigned int id, const char *chain);

/* "NAME-4" or "NAME-6". Returns text. */
const char *plan_family_name(char *text, size_t size, const char *name, enum family family);

/* Rules that find what must never wait or move: broadcast, neighbour discovery, ... action is RETURN, or GOTO chain. */
void plan_bystanders(struct planner *planner, enum statement_kind action, const char *chain);

/* Rules that put the packet's source into the set called NAME-4 or NAME-6, which is made here. */
void plan_remember_source(struct planner *planner, const char *name);

/*
 * The key is in the list, or with negate it is not. The set is made where there is none with that list: what many rules
 * look into is there once, and its name, which need not be given, is the same in every plan. It keeps what the set
 * points to.
 */
void plan_match_shared(struct planner *planner, const struct ruleset_set *set, enum packet_key key, bool negate);

/* A match without its addresses takes one rule for each pair of port ranges, or with many of them one for all. */
struct plan_service {
	const struct match *match;
	struct port_ranges from, to; /* sorted; count 0: any */
	bool apart;                  /* one rule for each pair */
};

/* All its rules are there so many times. */
struct plan_service plan_service_of(struct planner *planner, const struct match *match, size_t times);
size_t plan_service_rules(const struct plan_service *service);

/* For the rule of that index; of code points and types of ICMP those of the family, which was matched before. */
void plan_match_service(struct planner *planner, const struct plan_service *service, size_t index, enum family family);

/* What is done with a connection that a policy matches. */
struct plan_end {
	uint32_t mask, mark;        /* to set before; mask 0: nothing */
	enum statement_kind action; /* DROP, JUMP or GOTO */
	const char *chain;
};

/* plan_match.c: rules of the present chain that end so where the match of a policy holds, its time left aside. */
void plan_match(struct planner *planner, const struct policy *policy, const struct plan_end *end);

/* Whether the policy's rules want a chain of their own, which RETURN leaves. */
bool plan_match_excludes(const struct policy *policy);

/* The sets that policies name, for their rules to look into. */
void plan_match_sets(struct planner *planner);

/* The link field of the mark has that value, or has not. */
void plan_match_link(struct planner *planner, unsigned int id, bool negate);

/* Policies that spread packets: the chains, and the rule that leads there what has a policy but no link; false: none. */
void plan_by_packet(struct planner *planner);
bool plan_by_packet_call(struct planner *planner);

/* Leads packets to the classes of plan.shaper, which must be there. */
void plan_classify(struct planner *planner);

/* The chains that are always there, and what they jump to. */
void plan_ruleset(struct planner *planner);
