/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation of links and policies: a word, addresses, or a map of keys. */

#include <stdlib.h>
#include <string.h>

#include "config/forms.h"
#include "core/nat.h"

#define POOL_MAX 64

static int family_number(enum family family)
{
	return family == IPV4 ? 4 : 6;
}

/* "192.0.2.9" or "192.0.2.9-192.0.2.20". */
static bool parse_range(const char *text, struct address_range *range)
{
	const char *dash = strchr(text, '-');
	size_t length = dash == NULL ? strlen(text) : (size_t)(dash - text);
	char first[ADDRESS_TEXT_MAX];

	if (length >= sizeof(first))
		return false;
	memcpy(first, text, length);
	first[length] = '\0';
	if (!address_parse(first, &range->first))
		return false;
	range->last = range->first;
	if (dash == NULL)
		return true;
	return address_parse(dash + 1, &range->last) && range->last.family == range->first.family
	       && memcmp(range->first.bytes, range->last.bytes, sizeof(range->first.bytes)) <= 0;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct address_range *a = left, *b = right;

	if (a->first.family != b->first.family)
		return (int)a->first.family - (int)b->first.family;
	return memcmp(a->first.bytes, b->first.bytes, sizeof(a->first.bytes));
}

/* Whether a range that begins at first overlaps the one before, or touches it. */
static bool goes_on(const struct address_range *before, const struct address *first)
{
	struct address next = before->last;

	if (before->last.family != first->family)
		return false;
	if (memcmp(first->bytes, before->last.bytes, sizeof(first->bytes)) <= 0)
		return true;
	for (size_t i = family_size(next.family); i-- > 0;) {
		if (++next.bytes[i] != 0)
			break;
	}
	return address_equal(&next, first);
}

/* Sorted and joined, so that the same addresses are the same pool however they are written. */
static void join_ranges(struct address_ranges *pool)
{
	size_t kept = 0;

	qsort(pool->items, pool->count, sizeof(*pool->items), compare_ranges);
	for (size_t i = 0; i < pool->count; i++) {
		struct address_range range = pool->items[i], *before = &pool->items[kept > 0 ? kept - 1 : 0];

		if (kept == 0 || !goes_on(before, &range.first))
			pool->items[kept++] = range;
		else if (memcmp(before->last.bytes, range.last.bytes, sizeof(range.last.bytes)) < 0)
			before->last = range.last;
	}
	pool->count = kept;
}

/* What another key said of this family already. */
static bool is_free(struct loader *loader, const struct field *field, const struct node *node, const struct nat *nat,
	enum family family)
{
	if (nat->kind[family] < NAT_SOURCE)
		return true;
	problem_add(&loader->problems, node->at, "`%s', but the source of IPv%d is said already", field->key,
		family_number(family));
	problem_hint(&loader->problems, "for each family one of `source', `prefix' and `ipv%d' is possible",
		family_number(family));
	return false;
}

static bool read_range(struct loader *loader, const struct field *field, const struct node *node,
	struct address_range *range)
{
	if (parse_range(node->text, range))
		return true;
	problem_add(&loader->problems, node->at, "`%s': `%.60s' is neither an address nor a range", field->key, node->text);
	problem_hint(&loader->problems, "write `192.0.2.9', `192.0.2.9-192.0.2.20' or a list of such, of either family");
	return false;
}

/* Adds the ranges of node to the pool, and remembers of which families they are. */
static void read_pool(struct loader *loader, const struct field *field, const struct node *node, struct nat *nat)
{
	size_t old = nat->pool.count, count = node_items(node);
	struct address_range *items = loader_array(loader, old + count, sizeof(*items));
	bool seen[FAMILIES] = { false };

	if (items == NULL)
		return;
	if (old > 0)
		memcpy(items, nat->pool.items, old * sizeof(*items));
	nat->pool.items = items;
	if (old + count > POOL_MAX) {
		problem_add(&loader->problems, node->at, "`%s' has more than %d items", field->key, POOL_MAX);
		problem_hint(&loader->problems, "ranges put several addresses into one");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct address_range range;

		if (!read_range(loader, field, node_item(node, i), &range))
			return;
		if (!seen[range.first.family] && !is_free(loader, field, node_item(node, i), nat, range.first.family))
			return;
		seen[range.first.family] = true;
		items[nat->pool.count++] = range;
	}
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (seen[family])
			nat->kind[family] = NAT_SOURCE;
	}
	join_ranges(&nat->pool);
}

static void read_source(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	if (read_words(loader, field->key, node, false))
		read_pool(loader, field, node, member);
}

/* A link's addresses: one of each family. */
static void read_own_addresses(struct loader *loader, const struct field *field, const struct node *node, struct nat *nat)
{
	struct address addresses[FAMILIES];
	bool given[FAMILIES] = { false };

	if (read_words(loader, field->key, node, false)
	    && read_addresses(loader, field, node, "masquerade, none", given, addresses))
		read_pool(loader, field, node, nat);
}

static bool read_kind(const struct field *field, const struct node *node, int *ret_kind)
{
	for (const struct word *word = field->words; word->word != NULL; word++) {
		if (is_word(node, word->word)) {
			*ret_kind = word->value;
			return true;
		}
	}
	return false;
}

/* The keys ipv4 and ipv6. */
static void read_family(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	enum family family = strcmp(field->key, "ipv4") == 0 ? IPV4 : IPV6;
	struct nat *nat = member;
	struct address address;
	int kind;

	if (read_kind(field, node, &kind)) {
		if (is_free(loader, field, node, nat, family))
			nat->kind[family] = (enum nat_kind)kind;
		return;
	}
	if (!read_word(loader, field->key, node))
		return;
	if (address_parse(node->text, &address) && address.family == family) {
		read_pool(loader, field, node, nat);
		return;
	}
	problem_add(&loader->problems, node->at, "`%s': `%.60s' is neither a known word nor an address of IPv%d", field->key,
		node->text, family_number(family));
	problem_hint(&loader->problems, "it is masquerade, none or an address of IPv%d", family_number(family));
}

const struct form form_nat_family = { read_family, NULL, NULL, "{ \"anyOf\": [<words>, " SCHEMA_OF("address") "] }" };
const struct form form_nat_source = { read_source, NULL, NULL, SCHEMA_LIST_OF("range") };

static void read_prefix(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct nat *nat = member;
	struct network prefix;

	if (!read_word(loader, field->key, node) || !read_network(loader, node, &prefix))
		return;
	if (prefix.address.family != IPV6 || prefix.length == 0 || prefix.length == 128) {
		problem_add(&loader->problems, node->at, "`%s': `%.60s' is not a network of IPv6", field->key, node->text);
		problem_hint(&loader->problems, "write `2001:db8:f::/48'; IPv4 has no prefixes to translate to");
		return;
	}
	if (!is_free(loader, field, node, nat, IPV6))
		return;
	nat->kind[IPV6] = NAT_PREFIX;
	nat->prefix = prefix;
}

const struct form form_nat_prefix = { read_prefix, NULL, NULL, SCHEMA_OF("network") };

/* "10.0.0.5", "10.0.0.5:8080", "fd00::5" or "[fd00::5]:8080". */
static bool parse_endpoint(const char *text, struct address *ret_address, uint16_t *ret_port)
{
	size_t brackets = text[0] == '[', length = brackets ? strcspn(text, "]") : strlen(text);
	const char *colon = strchr(text, ':'), *rest;
	char address[ADDRESS_TEXT_MAX];
	uint16_t last;

	*ret_port = 0;
	if (address_parse(text, ret_address))
		return true;
	if (!brackets && colon != NULL && strchr(colon + 1, ':') == NULL)
		length = (size_t)(colon - text);
	if (length >= sizeof(address) || (brackets && text[length] != ']'))
		return false;
	memcpy(address, text + brackets, length - brackets);
	address[length - brackets] = '\0';
	rest = text + length + brackets;
	if (!address_parse(address, ret_address) || ret_address->family != (brackets ? IPV6 : IPV4))
		return false;
	if (*rest == '\0')
		return true;
	return *rest == ':' && strchr(rest, '-') == NULL && value_ports(rest + 1, ret_port, &last);
}

static void read_destination(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct nat *nat = member;

	if (!read_words(loader, field->key, node, false))
		return;
	for (size_t i = 0; i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct address address;
		uint16_t port;

		if (!parse_endpoint(item->text, &address, &port)) {
			problem_add(&loader->problems, item->at, "`%s': `%.60s' is not an address, nor one with a port", field->key,
				item->text);
			problem_hint(&loader->problems, "write \"10.0.0.5\", \"10.0.0.5:8080\" or \"[fd00::5]:8080\"");
			return;
		}
		if (nat->forwards[address.family]) {
			problem_add(&loader->problems, item->at, "`%s' has two addresses of IPv%d", field->key,
				family_number(address.family));
			problem_hint(&loader->problems, "one for each family is possible");
			return;
		}
		nat->forwards[address.family] = true;
		nat->destination[address.family] = address;
		nat->port[address.family] = port;
	}
}

const struct form form_nat_destination = { read_destination, NULL, NULL, SCHEMA_LIST_OF("endpoint") };

static void unknown_word(struct loader *loader, const struct field *field, const struct node *node)
{
	struct nearest nearest = nearest_to(node->text);

	for (const struct word *word = field->words; word->word != NULL; word++)
		nearest_try(&nearest, word->word);
	problem_add(&loader->problems, node->at, "`%s: %.60s' is not known to this version", field->key, node->text);
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "it can be auto, none, masquerade or a map, as { source: 192.0.2.9 }");
}

static void read_policy_nat(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct nat *nat = member;
	int kind;

	if (node->kind == NODE_MAP)
		read_table(loader, field->table, node, node->at, nat);
	else if (read_kind(field, node, &kind))
		nat->kind[IPV4] = nat->kind[IPV6] = (enum nat_kind)kind;
	else if (read_word(loader, field->key, node))
		unknown_word(loader, field, node);
}

/* What a link says nothing of is masqueraded, in IPv6 where it must be. */
static void read_link_nat(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct nat *nat = member;

	nat->kind[IPV4] = NAT_MASQUERADE;
	if (node->kind == NODE_MAP)
		read_table(loader, field->table, node, node->at, nat);
	else if (is_word(node, "none"))
		nat->kind[IPV4] = nat->kind[IPV6] = NAT_NONE;
	else if (!is_word(node, "masquerade"))
		read_own_addresses(loader, field, node, nat);
}

static void print_pool(struct printer *printer, const struct address_ranges *pool)
{
	fputc('[', printer->out);
	for (size_t i = 0; i < pool->count; i++) {
		char text[RANGE_TEXT_MAX];

		fputs(i == 0 ? "" : ", ", printer->out);
		print_text(printer, range_format(&pool->items[i], text, sizeof(text)));
	}
	fputc(']', printer->out);
}

/* The key of a family; nothing where other keys, or the default, say it. */
static void print_family(struct printer *printer, const struct nat *nat, enum family family, enum nat_kind standard)
{
	if (nat->kind[family] == standard || nat->kind[family] >= NAT_SOURCE)
		return;
	print_key(printer, family == IPV4 ? "ipv4" : "ipv6");
	fprintf(printer->out, " %s", nat_kind_name(nat->kind[family]));
}

static void print_prefix(struct printer *printer, const struct nat *nat)
{
	char text[ADDRESS_TEXT_MAX];

	if (nat->kind[IPV6] != NAT_PREFIX)
		return;
	print_key(printer, "prefix");
	fputc(' ', printer->out);
	print_text(printer, network_format(&nat->prefix, text, sizeof(text)));
}

static void print_destinations(struct printer *printer, const struct nat *nat)
{
	const char *before = " [";

	if (!nat_has_destination(nat))
		return;
	print_key(printer, "destination");
	for (enum family family = IPV4; family <= IPV6; family++) {
		char text[ENDPOINT_TEXT_MAX];

		if (!nat->forwards[family])
			continue;
		fputs(before, printer->out);
		before = ", ";
		print_text(printer, nat_destination_format(nat, family, text, sizeof(text)));
	}
	fputc(']', printer->out);
}

static void open_braces(struct printer *printer)
{
	fputc('{', printer->out);
	printer->in_braces = true;
	printer->first = true;
}

static void close_braces(struct printer *printer)
{
	printer->in_braces = false;
	fputs(" }", printer->out);
}

static void print_policy_nat(struct printer *printer, const void *member)
{
	const struct nat *nat = member;

	if (nat->kind[IPV4] == nat->kind[IPV6] && nat->kind[IPV4] < NAT_SOURCE && !nat_has_destination(nat)) {
		fputs(nat_kind_name(nat->kind[IPV4]), printer->out);
		return;
	}
	open_braces(printer);
	if (nat->pool.count > 0) {
		print_key(printer, "source");
		fputc(' ', printer->out);
		print_pool(printer, &nat->pool);
	}
	print_prefix(printer, nat);
	print_destinations(printer, nat);
	print_family(printer, nat, IPV4, NAT_AUTO);
	print_family(printer, nat, IPV6, NAT_AUTO);
	close_braces(printer);
}

static void print_link_map(struct printer *printer, const struct nat *nat)
{
	open_braces(printer);
	print_prefix(printer, nat);
	for (size_t i = 0; i < nat->pool.count; i++) {
		char text[RANGE_TEXT_MAX];

		print_key(printer, nat->pool.items[i].first.family == IPV4 ? "ipv4" : "ipv6");
		fputc(' ', printer->out);
		print_text(printer, range_format(&nat->pool.items[i], text, sizeof(text)));
	}
	print_family(printer, nat, IPV4, NAT_MASQUERADE);
	print_family(printer, nat, IPV6, NAT_AUTO);
	close_braces(printer);
}

static void print_link_nat(struct printer *printer, const void *member)
{
	const struct nat *nat = member;
	bool usual4 = nat->kind[IPV4] == NAT_MASQUERADE, usual6 = nat->kind[IPV6] == NAT_AUTO;

	if (usual4 && usual6)
		fputs("masquerade", printer->out);
	else if (nat->kind[IPV4] == NAT_NONE && nat->kind[IPV6] == NAT_NONE)
		fputs("none", printer->out);
	else if ((usual4 || nat->kind[IPV4] == NAT_SOURCE) && (usual6 || nat->kind[IPV6] == NAT_SOURCE))
		print_pool(printer, &nat->pool);
	else
		print_link_map(printer, nat);
}

const struct form form_policy_nat = { read_policy_nat, NULL, print_policy_nat, "{ \"anyOf\": [<words>, <keys>] }" };
const struct form form_link_nat = { read_link_nat, NULL, print_link_nat,
	"{ \"anyOf\": [<words>, " SCHEMA_OF("addresses") ", <keys>] }" };
