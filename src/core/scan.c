/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells who looks for open doors from who merely fails at times: one bounded random walk for each source. */

#include "core/scan.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

/*
 * A Bloom filter with two bits for each contact: one whose bits were both set by others does not count, so a walk
 * may be too slow, never too fast. It happens once in 4,000 walks of three contacts, and to one in 14 after forty.
 */
#define FILTER_BITS 256

struct filter {
	uint64_t words[FILTER_BITS / 64];
};

struct source {
	uint64_t tag;                  /* of the address; 0: free */
	struct filter machines, doors; /* that it has contacted */
	uint32_t since_s, seen_s, told_s;
	int8_t machine_steps, door_steps;
	bool told;
};

struct scans {
	struct hash_key key;
	struct scan_settings settings;
	size_t groups;
	struct source sources[];
};

struct scans *scans_new(size_t sources, struct hash_key key, struct scan_settings settings)
{
	size_t groups = sources / WAYS > 0 ? sources / WAYS : 1;
	struct scans *scans = calloc(1, sizeof(*scans) + groups * WAYS * sizeof(struct source));

	if (scans == NULL)
		return NULL;
	scans->key = key;
	scans->settings = settings;
	scans->groups = groups;
	return scans;
}

void scans_free(struct scans *scans)
{
	free(scans);
}

static uint64_t site_tag(const struct scans *scans, const struct address *address)
{
	struct network site = network_around(address, address->family == IPV6 ? 64 : 32);
	uint64_t tag = siphash(&scans->key, site.address.bytes, sizeof(site.address.bytes));

	return tag == 0 ? 1 : tag;
}

/* The source's entry; the one of its group that was quiet longest makes room for a new one. */
static struct source *find(struct scans *scans, uint64_t tag, uint32_t now_s)
{
	struct source *group = &scans->sources[tag % scans->groups * WAYS], *oldest = group;

	for (size_t i = 0; i < WAYS; i++) {
		if (group[i].tag == tag)
			return &group[i];
		if (group[i].tag == 0 || (oldest->tag != 0 && group[i].seen_s < oldest->seen_s))
			oldest = &group[i];
	}
	*oldest = (struct source){ .tag = tag, .since_s = now_s };
	return oldest;
}

/* True where it was not set. */
static bool set_bit(struct filter *filter, unsigned int number)
{
	uint64_t *word = &filter->words[number / 64], bit = 1ull << number % 64;
	bool was_set = (*word & bit) != 0;

	*word |= bit;
	return !was_set;
}

/* True where the filter has not had it yet. */
static bool is_first(struct filter *filter, uint64_t hash)
{
	bool one = set_bit(filter, hash % FILTER_BITS), other = set_bit(filter, hash / FILTER_BITS % FILTER_BITS);

	return one || other;
}

/* One step between the two thresholds; true where it reaches the upper one. */
static bool step(int8_t *steps, bool failed, unsigned int threshold)
{
	if (threshold == 0)
		return false;
	if (failed && *steps < (int)threshold)
		++*steps;
	if (!failed && *steps > -SCAN_STEPS)
		--*steps;
	return failed && *steps == (int)threshold;
}

static enum scan walk(struct scans *scans, struct source *source, const struct address *to, uint16_t to_port, bool failed)
{
	uint64_t machine = siphash(&scans->key, to->bytes, sizeof(to->bytes));
	uint64_t door = (machine ^ to_port) * 0x9e3779b97f4a7c15ULL >> 32;
	bool new_door = is_first(&source->doors, door);

	if (is_first(&source->machines, machine) && step(&source->machine_steps, failed, scans->settings.addresses))
		return SCAN_ADDRESSES;
	if (new_door && step(&source->door_steps, failed, scans->settings.ports))
		return SCAN_PORTS;
	return SCAN_NONE;
}

enum scan scans_contact(struct scans *scans, const struct address *from, const struct address *to, uint16_t to_port,
	bool failed, uint32_t now_s)
{
	struct source *source = find(scans, site_tag(scans, from), now_s);
	enum scan scan;

	source->seen_s = now_s;
	if (now_s - source->since_s >= SCAN_PAIR_S) {
		source->machines = source->doors = (struct filter){ 0 };
		source->since_s = now_s;
	}
	scan = walk(scans, source, to, to_port, failed);
	if (scan == SCAN_NONE)
		return SCAN_NONE;
	source->machine_steps = source->door_steps = 0;
	if (source->told && now_s - source->told_s < SCAN_TOLD_S)
		return SCAN_NONE;
	source->told = true;
	source->told_s = now_s;
	return scan;
}
