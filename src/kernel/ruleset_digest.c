/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains and sets in short: equal digests, equal content. */

#include "kernel/ruleset_digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int digester_init(struct digester *digester)
{
	*digester = (struct digester){ 0 };
	if (getrandom(&digester->key, sizeof(digester->key), 0) != (ssize_t)sizeof(digester->key))
		return -EIO;
	return 0;
}

void digester_free(struct digester *digester)
{
	free(digester->bytes);
}

static void put(struct digester *digester, const void *bytes, size_t size)
{
	size_t needed = digester->used + size;

	if (needed > digester->room) {
		uint8_t *grown = realloc(digester->bytes, needed * 2);

		if (grown == NULL) {
			digester->failed = true;
			return;
		}
		digester->bytes = grown;
		digester->room = needed * 2;
	}
	if (size > 0)
		memcpy(digester->bytes + digester->used, bytes, size);
	digester->used = needed;
}

static uint64_t finish(struct digester *digester)
{
	uint64_t digest = siphash(&digester->key, digester->bytes, digester->used);

	digester->used = 0;
	return digest;
}

static void put_number(struct digester *digester, uint64_t number)
{
	put(digester, &number, sizeof(number));
}

/* With its end, so that two texts differ from one. */
static void put_text(struct digester *digester, const char *text)
{
	put_number(digester, text != NULL);
	if (text != NULL)
		put(digester, text, strlen(text) + 1);
}

static void put_address(struct digester *digester, const struct address *address)
{
	put_number(digester, address->family);
	put(digester, address->bytes, sizeof(address->bytes));
}

static void put_network(struct digester *digester, const struct network *network)
{
	put(digester, network->address.bytes, sizeof(network->address.bytes));
	put_number(digester, (uint64_t)network->address.family << 8 | network->length);
}

static void put_networks(struct digester *digester, const struct networks *networks)
{
	put_number(digester, networks->count);
	for (size_t i = 0; i < networks->count; i++)
		put_network(digester, &networks->items[i]);
}

static void put_keys(struct digester *digester, const struct packet_keys *keys)
{
	put_number(digester, keys->count);
	for (size_t i = 0; i < keys->count; i++)
		put_number(digester, keys->items[i]);
}

static void put_names(struct digester *digester, const struct names *names)
{
	put_number(digester, names->count);
	for (size_t i = 0; i < names->count; i++)
		put_text(digester, names->items[i]);
}

static void put_values(struct digester *digester, const struct values *values)
{
	put_number(digester, values->count);
	for (size_t i = 0; i < values->count; i++)
		put_number(digester, values->items[i]);
}

static void put_ports(struct digester *digester, const struct port_ranges *ports)
{
	put_number(digester, ports->count);
	for (size_t i = 0; i < ports->count; i++)
		put_number(digester, (uint64_t)ports->items[i].first << 16 | ports->items[i].last);
}

static void put_lists(struct digester *digester, const struct statement *statement)
{
	put_names(digester, &statement->names);
	put_values(digester, &statement->values);
	put_networks(digester, &statement->networks);
	put_ports(digester, &statement->ports);
	put_number(digester, statement->icmp_types.count);
	for (size_t i = 0; i < statement->icmp_types.count; i++) {
		const struct icmp_type *type = &statement->icmp_types.items[i];

		put_number(digester, (uint64_t)type->type << 16 | (uint64_t)type->any_code << 8 | type->code);
	}
	put_keys(digester, &statement->keys);
}

static void put_limits(struct digester *digester, const struct statement *statement)
{
	put_number(digester, statement->timeout_ms);
	put_number(digester, statement->limit.kind);
	put_number(digester, statement->limit.count);
	put_number(digester, (uint64_t)statement->limit.per_ms << 32 | statement->limit.burst);
	put_number(digester, (uint64_t)statement->synproxy.mss << 8 | statement->synproxy.window_scale);
}

static void put_spread(struct digester *digester, const struct spread *spread)
{
	put_number(digester, spread->by);
	put_number(digester, (uint64_t)spread->seed << 32 | spread->count);
	for (size_t i = 0; i < spread->count; i++) {
		put_text(digester, spread->chains[i]);
		put_number(digester, spread->weights[i]);
	}
}

/* Every field, also those that the kind has no use for: a new kind needs nothing here. */
static void put_statement(struct digester *digester, const struct statement *statement)
{
	put_number(digester, (uint64_t)statement->kind << 16 | (uint64_t)statement->negate << 8 | statement->family);
	put_text(digester, statement->name);
	put_lists(digester, statement);
	put_number(digester, (uint64_t)statement->mask << 32 | statement->value);
	put_number(digester, (uint64_t)statement->queue << 32 | (uint64_t)statement->queues << 16 | statement->port);
	put_address(digester, &statement->address);
	put_address(digester, &statement->last_address);
	put_network(digester, &statement->network);
	put_limits(digester, statement);
	put_spread(digester, &statement->spread);
}

uint64_t digest_chain(struct digester *digester, const struct chain *chain)
{
	put_number(digester, chain->count);
	for (size_t i = 0; i < chain->count; i++) {
		const struct ruleset_rule *rule = &chain->rules[i];

		put_text(digester, rule->comment);
		put_number(digester, rule->count);
		for (size_t j = 0; j < rule->count; j++)
			put_statement(digester, &rule->statements[j]);
	}
	return finish(digester);
}

uint64_t digest_set(struct digester *digester, const struct ruleset_set *set)
{
	put_networks(digester, &set->networks);
	put_names(digester, &set->names);
	put_values(digester, &set->values);
	put_ports(digester, &set->ports);
	put_number(digester, set->chain_count);
	for (size_t i = 0; i < set->chain_count; i++) {
		put_number(digester, set->chains[i].mark);
		put_text(digester, set->chains[i].chain);
	}
	return finish(digester);
}
