/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the policy of a flow: the first whose match holds. */

#include "core/classifier.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "core/classifier_compile.h"
#include "core/match.h"
#include "core/week.h"

/* Values of DSCP. */
#define DSCPS 64

struct classifier {
	struct compiled *compiled;
	uint16_t minute;
	uint64_t *asleep; /* bits of the policies that the minute rules out, or NULL */
};

static uint64_t *find_asleep(const struct compiled *compiled, uint16_t minute)
{
	uint64_t *asleep = calloc(compiled->vectors.line_count, sizeof(struct line));

	for (size_t i = 0; asleep != NULL && i < compiled->timed_count; i++) {
		size_t policy = compiled->timed[i];

		if (!week_holds(&compiled->config->policies[policy].match.times, minute))
			asleep[policy / WORD_BITS] |= 1ull << policy % WORD_BITS;
	}
	return asleep;
}

struct classifier *classifier_new(const struct config *config, const struct ids *ids, const struct view *view,
	const struct classifier *previous)
{
	struct classifier *classifier = calloc(1, sizeof(*classifier));

	if (classifier == NULL)
		return NULL;
	if (previous != NULL && compiled_fits(previous->compiled, config, ids, view)) {
		classifier->compiled = previous->compiled;
		classifier->compiled->users++;
	} else {
		classifier->compiled = compile_policies(config, ids, view);
		if (classifier->compiled == NULL)
			goto fail;
	}
	classifier->minute = view->minute;
	if (classifier->compiled->timed_count > 0) {
		classifier->asleep = find_asleep(classifier->compiled, view->minute);
		if (classifier->asleep == NULL)
			goto fail;
	}
	return classifier;

fail:
	classifier_free(classifier);
	return NULL;
}

void classifier_free(struct classifier *classifier)
{
	if (classifier == NULL)
		return;
	if (classifier->compiled != NULL && --classifier->compiled->users == 0)
		compiled_free(classifier->compiled);
	free(classifier->asleep);
	free(classifier);
}

size_t classifier_size(const struct classifier *classifier)
{
	const struct compiled *compiled = classifier->compiled;

	return sizeof(*classifier) + arena_size(compiled->arena)
	       + (classifier->asleep == NULL ? 0 : compiled->vectors.line_count * sizeof(struct line));
}

static void require(struct classifier_search *search, const struct number_map *map, bool given, unsigned int number)
{
	if (map->vectors != NULL)
		search->required[search->required_count++] =
			bit_vector(&search->classifier->compiled->vectors, given ? map->vectors[number] : map->easy);
}

static void require_numbers(struct classifier_search *search, const struct compiled *compiled, const struct flow *flow)
{
	bool icmp = flow->protocol == (flow->family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	require(search, &compiled->to_ports, flow->ports, flow->to_port);
	require(search, &compiled->from_ports, flow->ports, flow->from_port);
	require(search, &compiled->icmp_types, icmp, flow->from_port);
	require(search, &compiled->dscps, flow->dscp < DSCPS, flow->dscp);
	require(search, &compiled->protocols, true, flow->protocol);
}

static void add_vectors(const struct compiled *compiled, struct search_end *end, const struct bit_vector *named,
	const struct bit_vector *excluded)
{
	const struct bit_vector *empty = bit_vector(&compiled->vectors, VECTOR_EMPTY);

	if (named != empty)
		end->named[end->named_count++] = named;
	if (excluded != empty)
		end->excluded[end->excluded_count++] = excluded;
}

static void add_fact(const struct compiled *compiled, struct search_end *end, uint32_t number)
{
	add_vectors(compiled, end, compiled->facts[number].named, compiled->facts[number].excluded);
}

static void add_zones(const struct compiled *compiled, const struct end_facts *facts, struct search_end *end,
	uint64_t zones)
{
	for (zones &= facts->zones_told; zones != 0; zones &= zones - 1) {
		const struct zone_fact *fact = &facts->zones[__builtin_ctzll(zones)];

		if (end->named_count == END_ZONES_END || end->excluded_count == END_ZONES_END)
			break;
		add_vectors(compiled, end, fact->named, fact->excluded);
	}
	end->more_zones = zones;
}

static void start_end(struct search_end *end, const struct end_facts *facts)
{
	end->named_count = end->excluded_count = 0;
	end->more_zones = 0;
	end->zone_facts = facts->zones;
}

static uint64_t zones_of_device(const struct compiled *compiled, uint32_t device)
{
	size_t low = 0, high = compiled->zone_device_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compiled->zone_devices[middle].device == device)
			return compiled->zone_devices[middle].zones;
		if (compiled->zone_devices[middle].device < device)
			low = middle + 1;
		else
			high = middle;
	}
	return compiled->zones_of_others;
}

/* Facts of where the flow comes from. */
static void find_source(struct search_end *from, const struct compiled *compiled, const struct flow *flow)
{
	uint32_t address = address_map_find(&compiled->from.addresses[flow->from.family], &flow->from);
	unsigned int link = flow->came_by;

	start_end(from, &compiled->from);
	add_fact(compiled, from, address);
	if (flow->device == 0)
		add_fact(compiled, from, compiled->from.router);
	if (link != 0)
		add_fact(compiled, from, link <= MARK_LINK_MAX ? compiled->from_links[link] : compiled->from.internet);
	if (flow->device != 0 && link == 0)
		add_zones(compiled, &compiled->from, from,
			compiled->facts[address].zones & zones_of_device(compiled, flow->device));
}

/* A port forward adds to the facts of the source. */
static void find_destination(struct search_end *to, struct search_end *from, const struct compiled *compiled,
	const struct flow *flow)
{
	uint32_t address = address_map_find(&compiled->to.addresses[flow->to.family], &flow->to);

	start_end(to, &compiled->to);
	add_fact(compiled, to, address);
	if (flow->came_by == 0)
		add_vectors(compiled, from, compiled->facts[address].forwarding, bit_vector(&compiled->vectors, VECTOR_EMPTY));
	if ((compiled->facts[address].flags & FACT_LOCAL) != 0)
		add_fact(compiled, to, compiled->to.router);
	if (!flow->direct && flow->came_by == 0)
		add_fact(compiled, to, compiled->to.internet);
	if ((compiled->facts[address].flags & FACT_LOCAL) == 0)
		add_zones(compiled, &compiled->to, to, compiled->facts[address].zones);
}

void classifier_search(struct classifier_search *search, const struct classifier *classifier, const struct flow *flow)
{
	const struct compiled *compiled = classifier->compiled;

	search->classifier = classifier;
	search->required_count = 0;
	/* The memory that is asked for comes while other things are looked up. */
	address_map_fetch(&compiled->from.addresses[flow->from.family], &flow->from);
	address_map_fetch(&compiled->to.addresses[flow->to.family], &flow->to);
	require_numbers(search, compiled, flow);
	find_source(&search->from, compiled, flow);
	if (search->required_count > 0)
		bit_vector_fetch(&compiled->vectors, search->required[0]);
	find_destination(&search->to, &search->from, compiled, flow);
}

/* Words in which a policy names this end, 64 of them. */
static inline uint64_t end_summary(const struct search_end *end, size_t part)
{
	uint64_t summary = 0;

	for (unsigned int i = 0; i < end->named_count; i++)
		summary |= end->named[i]->summary[part];
	for (uint64_t zones = end->more_zones; zones != 0; zones &= zones - 1)
		summary |= end->zone_facts[__builtin_ctzll(zones)].named->summary[part];
	return summary;
}

/* Words in which a policy may be found. */
static inline uint64_t worth_reading(const struct classifier_search *search, size_t part)
{
	uint64_t summary = end_summary(&search->from, part) & end_summary(&search->to, part);

	for (unsigned int i = 0; i < search->required_count; i++)
		summary &= search->required[i]->summary[part];
	return summary;
}

static inline uint64_t named_at(const struct search_end *end, const struct word_place *place)
{
	uint64_t word = 0;

	for (unsigned int i = 0; i < end->named_count; i++)
		word |= word_at(end->named[i], place);
	for (uint64_t zones = end->more_zones; zones != 0; zones &= zones - 1)
		word |= word_at(end->zone_facts[__builtin_ctzll(zones)].named, place);
	return word;
}

static inline uint64_t excluded_at(const struct search_end *end, const struct word_place *place)
{
	uint64_t word = 0;

	for (unsigned int i = 0; i < end->excluded_count; i++)
		word |= word_at(end->excluded[i], place);
	for (uint64_t zones = end->more_zones; zones != 0; zones &= zones - 1)
		word |= word_at(end->zone_facts[__builtin_ctzll(zones)].excluded, place);
	return word;
}

/* The policies of that word which match. Mostly none is left after numbers and source, so that the branch is foreseen. */
static inline uint64_t matching(const struct classifier_search *search, const struct bit_vector_table *vectors,
	size_t word)
{
	struct word_place place = word_place(vectors, word);
	uint64_t left = named_at(&search->from, &place);

	for (unsigned int i = 0; i < search->required_count; i++)
		left &= word_at(search->required[i], &place);
	if (left == 0)
		return 0;
	left &= named_at(&search->to, &place) & ~excluded_at(&search->from, &place) & ~excluded_at(&search->to, &place);
	return search->classifier->asleep == NULL ? left : left & ~search->classifier->asleep[word];
}

size_t classifier_next(const struct classifier_search *search, size_t start)
{
	const struct compiled *compiled = search->classifier->compiled;
	const struct bit_vector_table *vectors = &compiled->vectors;
	size_t word = start / WORD_BITS, part = word / WORD_BITS;
	uint64_t parts = UINT64_MAX << word % WORD_BITS, bits = UINT64_MAX << start % WORD_BITS;

	for (; start < compiled->policy_count && part < vectors->summary_count; part++) {
		for (uint64_t words = worth_reading(search, part) & parts; words != 0; words &= words - 1) {
			size_t next = part * WORD_BITS + (size_t)__builtin_ctzll(words);
			uint64_t found = matching(search, vectors, next) & (next == word ? bits : UINT64_MAX);

			if (found != 0)
				return next * WORD_BITS + (size_t)__builtin_ctzll(found);
		}
		parts = UINT64_MAX;
	}
	return compiled->policy_count;
}

size_t classifier_match(const struct classifier *classifier, const struct flow *flow, size_t start)
{
	struct classifier_search search;

	classifier_search(&search, classifier, flow);
	return classifier_next(&search, start);
}

const char *classifier_mismatch(const struct classifier *classifier, const struct flow *flow, size_t policy)
{
	const struct compiled *compiled = classifier->compiled;
	struct view view = compiled->view;

	view.minute = classifier->minute;
	return match_mismatch(&compiled->config->policies[policy], flow, compiled->config, compiled->ids, &view);
}
