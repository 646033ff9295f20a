/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies of a configuration, compiled into one look-up for each trait of a flow. */

#include "core/classifier_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/classifier_parts.h"

/* Adds what one policy says of one number. */
typedef void read_numbers(struct number_map_build *build, size_t policy, const struct match *match);

static void read_protocols(struct number_map_build *build, size_t policy, const struct match *match)
{
	for (size_t i = 0; i < match->protocols.count; i++)
		number_map_add(build, policy, match->protocols.items[i], match->protocols.items[i]);
}

static void read_ports(struct number_map_build *build, size_t policy, const struct port_ranges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++)
		number_map_add(build, policy, ranges->items[i].first, ranges->items[i].last);
}

static void read_from_ports(struct number_map_build *build, size_t policy, const struct match *match)
{
	read_ports(build, policy, &match->from_ports);
}

static void read_to_ports(struct number_map_build *build, size_t policy, const struct match *match)
{
	read_ports(build, policy, &match->to_ports);
}

/* By type << 8 | code, as the flow has it. */
static void read_icmp_types(struct number_map_build *build, size_t policy, const struct match *match)
{
	for (size_t i = 0; i < match->icmp_types.count; i++) {
		const struct icmp_type *type = &match->icmp_types.items[i];
		uint32_t first = (uint32_t)type->type << 8 | (type->any_code ? 0 : type->code);

		number_map_add(build, policy, first, type->any_code ? first | 0xff : first);
	}
}

static void read_dscps(struct number_map_build *build, size_t policy, const struct match *match)
{
	for (size_t i = 0; i < match->dscps.count; i++)
		number_map_add(build, policy, match->dscps.items[i], match->dscps.items[i]);
}

static int compile_numbers(struct compiler *compiler, uint32_t values, read_numbers *read, struct number_map *ret_map)
{
	const struct config *config = compiler->compiled->config;
	struct number_map_build build;
	int result = number_map_open(&build, &compiler->vectors, config->policy_count, values);

	for (size_t i = 0; result == 0 && i < config->policy_count; i++)
		read(&build, i, &config->policies[i].match);
	if (result == 0)
		result = number_map_make(&build, config->policy_count, compiler->compiled->arena, ret_map);
	number_map_close(&build);
	return result;
}

static int compile_all_numbers(struct compiler *compiler)
{
	struct compiled *compiled = compiler->compiled;

	if (compile_numbers(compiler, 1 << 8, read_protocols, &compiled->protocols) < 0
	    || compile_numbers(compiler, 1 << 16, read_from_ports, &compiled->from_ports) < 0
	    || compile_numbers(compiler, 1 << 16, read_to_ports, &compiled->to_ports) < 0
	    || compile_numbers(compiler, 1 << 16, read_icmp_types, &compiled->icmp_types) < 0
	    || compile_numbers(compiler, 1 << 6, read_dscps, &compiled->dscps) < 0)
		return -ENOMEM;
	return 0;
}

static int compile_times(struct compiled *compiled)
{
	const struct config *config = compiled->config;

	compiled->timed = arena_array(compiled->arena, config->policy_count, sizeof(*compiled->timed));
	if (compiled->timed == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->policy_count; i++) {
		if (config->policies[i].match.times.count > 0)
			compiled->timed[compiled->timed_count++] = (uint32_t)i;
	}
	return 0;
}

static void keep_zones(const struct compiled *compiled, const uint32_t *facts, struct end_facts *end)
{
	const struct bit_vector *empty = bit_vector(&compiled->vectors, VECTOR_EMPTY);

	for (size_t i = 0; i < CONFIG_ZONES_MAX; i++) {
		const struct fact *fact = &compiled->facts[facts[i]];

		end->zones[i] = (struct zone_fact){ fact->named, fact->excluded };
		end->zones_told |= (uint64_t)(fact->named != empty || fact->excluded != empty) << i;
	}
}

/* From numbers to what is read when flows come. */
static int keep_facts(struct compiler *compiler)
{
	struct compiled *compiled = compiler->compiled;
	const struct intern *numbers = &compiler->facts.intern;

	if (numbers->failed || bit_vectors_keep(&compiler->vectors, compiled->arena, &compiled->vectors) < 0)
		return -ENOMEM;
	compiled->facts = arena_array(compiled->arena, numbers->count, sizeof(*compiled->facts));
	if (compiled->facts == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < numbers->count; i++) {
		const struct fact_numbers *fact = intern_get(numbers, i);

		compiled->facts[i] = (struct fact){
			.named = bit_vector(&compiled->vectors, fact->named),
			.excluded = bit_vector(&compiled->vectors, fact->excluded),
			.forwarding = bit_vector(&compiled->vectors, fact->forwarding),
			.zones = fact->zones,
			.flags = fact->flags,
		};
	}
	keep_zones(compiled, compiler->from_zones, &compiled->from);
	keep_zones(compiled, compiler->to_zones, &compiled->to);
	return 0;
}

static int compile(struct compiled *compiled)
{
	struct compiler compiler = { .compiled = compiled };
	int result = -ENOMEM;

	if (bit_vectors_open(&compiler.vectors, compiled->policy_count) < 0
	    || facts_open(&compiler.facts, &compiler.vectors) < 0)
		goto cleanup;
	if (compile_all_numbers(&compiler) < 0 || compile_ends(&compiler) < 0 || compile_zone_devices(compiled) < 0
	    || compile_times(compiled) < 0)
		goto cleanup;
	result = keep_facts(&compiler);

cleanup:
	facts_close(&compiler.facts);
	bit_vectors_close(&compiler.vectors);
	return result;
}

struct compiled *compile_policies(const struct config *config, const struct ids *ids, const struct view *view)
{
	struct arena *arena = arena_new();
	struct compiled *compiled = arena == NULL ? NULL : arena_alloc(arena, sizeof(*compiled));

	if (compiled == NULL)
		goto fail;
	compiled->arena = arena;
	compiled->users = 1;
	compiled->config = config;
	compiled->ids = ids;
	compiled->policy_count = config->policy_count;
	if (view_copy(arena, config, view, &compiled->view) < 0 || compile(compiled) < 0)
		goto fail;
	return compiled;

fail:
	arena_free(arena);
	return NULL;
}

void compiled_free(struct compiled *compiled)
{
	if (compiled != NULL)
		arena_free(compiled->arena);
}

bool compiled_fits(const struct compiled *compiled, const struct config *config, const struct ids *ids,
	const struct view *view)
{
	return compiled->config == config && compiled->ids == ids && view_same(config, &compiled->view, view);
}
