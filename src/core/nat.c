/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation of policies and links: what applies, whether two are the same, and in words. */

#include "core/nat.h"

#include <stdio.h>
#include <string.h>

const struct network nat_unique_local = { { IPV6, { 0xfc } }, 7 };

const char *nat_kind_name(enum nat_kind kind)
{
	switch (kind) {
	case NAT_AUTO:
		return "auto";
	case NAT_NONE:
		return "none";
	case NAT_MASQUERADE:
		return "masquerade";
	case NAT_SOURCE:
		return "source";
	case NAT_PREFIX:
		return "prefix";
	}
	return NULL;
}

struct nat nat_join(const struct nat *policy, const struct nat *link)
{
	struct nat joined = *policy;

	for (enum family family = IPV4; family <= IPV6 && link != NULL; family++) {
		if (policy->kind[family] != NAT_AUTO)
			continue;
		joined.kind[family] = link->kind[family];
		if (link->kind[family] == NAT_SOURCE)
			joined.pool = link->pool;
		if (link->kind[family] == NAT_PREFIX)
			joined.prefix = link->prefix;
	}
	return joined;
}

const char *range_format(const struct address_range *range, char *text, size_t size)
{
	char first[ADDRESS_TEXT_MAX], last[ADDRESS_TEXT_MAX];

	address_format(&range->first, first, sizeof(first));
	if (address_equal(&range->first, &range->last))
		snprintf(text, size, "%s", first);
	else
		snprintf(text, size, "%s-%s", first, address_format(&range->last, last, sizeof(last)));
	return text;
}

const char *nat_destination_format(const struct nat *nat, enum family family, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX];

	address_format(&nat->destination[family], address, sizeof(address));
	if (nat->port[family] == 0)
		snprintf(text, size, "%s", address);
	else
		snprintf(text, size, family == IPV6 ? "[%s]:%u" : "%s:%u", address, (unsigned int)nat->port[family]);
	return text;
}

/* Behind what text has already; cut where there is no room. */
static void append(char *text, size_t size, const char *before, const char *more)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s", before, more);
}

static void append_pool(const struct nat *nat, enum family family, char *text, size_t size)
{
	const char *before = "source ";

	for (size_t i = 0; i < nat->pool.count; i++) {
		char range[RANGE_TEXT_MAX];

		if (nat->pool.items[i].first.family != family)
			continue;
		append(text, size, before, range_format(&nat->pool.items[i], range, sizeof(range)));
		before = ", ";
	}
}

const char *nat_text(const struct nat *nat, enum family family, char *text, size_t size)
{
	char item[ENDPOINT_TEXT_MAX];

	text[0] = '\0';
	switch (nat->kind[family]) {
	case NAT_AUTO:
		append(text, size, "", nat->forwards[family] ? "" : "auto");
		break;
	case NAT_NONE:
		append(text, size, "", "none");
		break;
	case NAT_MASQUERADE:
		append(text, size, "", "masquerade");
		break;
	case NAT_SOURCE:
		append_pool(nat, family, text, size);
		break;
	case NAT_PREFIX:
		append(text, size, "prefix ", network_format(&nat->prefix, item, sizeof(item)));
		break;
	}
	if (nat->forwards[family])
		append(text, size, text[0] == '\0' ? "destination " : ", destination ",
			nat_destination_format(nat, family, item, sizeof(item)));
	return text;
}

static int compare_address(const struct address *a, const struct address *b)
{
	return a->family != b->family ? (int)a->family - (int)b->family : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int compare_pools(const struct address_ranges *a, const struct address_ranges *b)
{
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (size_t i = 0; i < a->count; i++) {
		int order = compare_address(&a->items[i].first, &b->items[i].first);

		if (order == 0)
			order = compare_address(&a->items[i].last, &b->items[i].last);
		if (order != 0)
			return order;
	}
	return 0;
}

int nat_compare_sources(const struct nat *a, const struct nat *b)
{
	int order;

	for (enum family family = IPV4; family <= IPV6; family++) {
		if (a->kind[family] != b->kind[family])
			return (int)a->kind[family] - (int)b->kind[family];
		if (a->forwards[family] != b->forwards[family])
			return (int)a->forwards[family] - (int)b->forwards[family];
	}
	order = compare_pools(&a->pool, &b->pool);
	if (order != 0 || a->kind[IPV6] != NAT_PREFIX)
		return order;
	order = compare_address(&a->prefix.address, &b->prefix.address);
	return order != 0 ? order : (int)a->prefix.length - (int)b->prefix.length;
}

int nat_compare_destinations(const struct nat *a, const struct nat *b)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		int order = (int)a->forwards[family] - (int)b->forwards[family];

		if (order == 0 && a->forwards[family])
			order = compare_address(&a->destination[family], &b->destination[family]);
		if (order == 0 && a->forwards[family])
			order = (int)a->port[family] - (int)b->port[family];
		if (order != 0)
			return order;
	}
	return 0;
}

bool nat_has_source(const struct nat *nat)
{
	return nat->kind[IPV4] != NAT_AUTO || nat->kind[IPV6] != NAT_AUTO || nat_has_destination(nat);
}

bool nat_has_destination(const struct nat *nat)
{
	return nat->forwards[IPV4] || nat->forwards[IPV6];
}
