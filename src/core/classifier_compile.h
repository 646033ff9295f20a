/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies of a configuration, compiled into one look-up for each trait of a flow. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/address_map.h"
#include "core/bit_vectors.h"
#include "core/config.h"
#include "core/ids.h"
#include "core/mark.h"
#include "core/number_map.h"
#include "core/view.h"

/*
 * Each trait of a flow leads to a vector with one bit for each policy, and the first bit that all of
 * them allow is the policy: the cost depends on how many traits there are, not on how many policies.
 *
 *   protocol, ports, ICMP type, DSCP   a table by value: the policies that accept it
 *   from, to                           facts that hold of an end of the flow
 *
 * A fact has the policies that name it in `from' (`to') and those that name it in `not-from' (`not-to').
 * An end of a flow has a few facts at a time: one that its address gives, by way of an interval map in
 * which all networks, sets and links were resolved; one for the link that it came in by, or for the
 * router itself, or for `internet'; and one for each zone that it is in. A policy allows the end where one of
 * these facts names it and none excludes it. That is what the lists of the file say, whatever kinds of
 * ends they mix:
 *
 *   protocol & port & ... & (from1 | from2 | ...) & ~(not-from1 | ...) & (to1 | ...) & ~(not-to1 | ...)
 *
 * Who connects from inside to an address of a link meets the port forwards of that link as the internet does: the
 * address has the vector of those that its source is then named by.
 *
 * A zone with devices and networks asks for both: the address gives a set of zones, so does the device,
 * and the zones that are in both are facts. An empty list, and `any', is named by every address.
 *
 * Vectors are made of shared lines (core/bit_vectors.h), so that 10,000 policies with a network each
 * need a few hundred bytes each and a set of 100,000 networks needs its borders and one fact.
 * Policies that sleep at this hour are masked out by whoever searches: the compiled part outlives that.
 */
struct fact {
	const struct bit_vector *named, *excluded;
	const struct bit_vector *forwarding; /* of a link's address: port forwards from inside to it */
	uint64_t zones;                      /* of an address: those that do not speak against it */
	uint64_t flags;
};

enum fact_flag {
	FACT_LOCAL = 1, /* the address is one of this machine */
};

struct zone_fact {
	const struct bit_vector *named, *excluded;
};

/* Numbers are of facts. */
struct end_facts {
	struct address_map addresses[FAMILIES];
	uint32_t internet, router;
	struct zone_fact zones[CONFIG_ZONES_MAX];
	uint64_t zones_told; /* those that policies name or exclude */
};

struct zone_device {
	uint32_t device; /* index in the kernel */
	uint64_t zones;  /* that it belongs to */
};

/* Immutable, and shared by snapshots. */
struct compiled {
	struct arena *arena;
	unsigned int users;
	const struct config *config;
	const struct ids *ids;
	struct view view;                         /* a copy of what it was made from */
	size_t policy_count;
	struct bit_vector_table vectors;
	struct fact *facts;
	struct end_facts from, to;
	uint32_t from_links[MARK_LINK_MAX + 1];   /* by id; it tells of `internet' too */
	struct zone_device *zone_devices;         /* sorted */
	size_t zone_device_count;
	uint64_t zones_of_others;                 /* of a device that no zone names */
	struct number_map protocols, from_ports, to_ports, icmp_types, dscps;
	uint32_t *timed;                          /* policies with times */
	size_t timed_count;
};

/* config and ids must outlive it. The caller frees it. NULL: no memory. */
struct compiled *compile_policies(const struct config *config, const struct ids *ids, const struct view *view);

/* Accepts NULL. */
void compiled_free(struct compiled *compiled);

/* Whether compiling these would give the same: link states and the minute do not matter. */
bool compiled_fits(const struct compiled *compiled, const struct config *config, const struct ids *ids,
	const struct view *view);
