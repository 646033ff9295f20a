/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a configuration and the look-up of its parts by name. */

#include "core/config.h"

#include <stdlib.h>
#include <string.h>

void config_free(struct config *config)
{
	if (config != NULL)
		arena_free(config->arena);
}

int config_link(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int config_zone(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->zone_count; i++) {
		if (strcmp(config->zones[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int config_set(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->set_count; i++) {
		if (strcmp(config->sets[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int config_policy(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		if (strcmp(config->policies[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static bool text_equal(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool target_equal(const struct target *a, const struct target *b)
{
	return a->kind == b->kind && a->port == b->port && address_equal(&a->address, &b->address)
	       && text_equal(a->url, b->url) && text_equal(a->at, b->at) && text_equal(a->text, b->text)
	       && a->status == b->status && a->verify == b->verify && text_equal(a->name, b->name)
	       && a->record == b->record && a->gateway == b->gateway;
}

bool limits_connections(const struct limits *limits)
{
	return limits->connections != 0 || limits->new_connections.count != 0;
}

bool limits_any(const struct limits *limits)
{
	return limits_connections(limits) || limits->bandwidth_bps != 0;
}

const char *detector_name(enum detector detector)
{
	static const char *const names[] = {
		[DETECT_SYN_FLOOD] = "syn-flood",
		[DETECT_PING_FLOOD] = "ping-flood",
		[DETECT_UDP_FLOOD] = "udp-flood",
		[DETECT_CONNECTIONS] = "connections",
		[DETECT_PORT_SCAN] = "port-scan",
		[DETECT_ADDRESS_SCAN] = "address-scan",
	};

	return names[detector];
}

static int compare_names(const void *left, const void *right)
{
	const struct policy_name *a = left, *b = right;

	return strcmp(a->name, b->name);
}

struct policy_name *config_policy_names(const struct config *config)
{
	struct policy_name *names = calloc(config->policy_count + 1, sizeof(*names));

	if (names == NULL)
		return NULL;
	for (size_t i = 0; i < config->policy_count; i++)
		names[i] = (struct policy_name){ config->policies[i].name, i };
	qsort(names, config->policy_count, sizeof(*names), compare_names);
	return names;
}

int config_policy_named(const struct policy_name *names, size_t count, const char *name)
{
	const struct policy_name wanted = { .name = name };
	const struct policy_name *found = bsearch(&wanted, names, count, sizeof(*names), compare_names);

	return found == NULL ? -1 : (int)found->index;
}

int config_class(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->qos.count; i++) {
		if (strcmp(config->qos.classes[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

uint64_t config_share(const struct bandwidth *bandwidth, uint64_t whole_bps)
{
	uint64_t bps = bandwidth->bps;

	/* Divided first: a bandwidth times 1000 may not fit. */
	if (bps == 0)
		bps = whole_bps / 1000 * bandwidth->permille + whole_bps % 1000 * bandwidth->permille / 1000;
	return bps < whole_bps ? bps : whole_bps;
}
