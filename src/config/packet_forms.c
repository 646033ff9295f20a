/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a packet beside addresses and ports a match can name: types of ICMP, and DSCP. */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/forms.h"

struct icmp_name {
	const char *name;
	uint8_t protocol;
	struct icmp_type type;
};

#define ICMP4(type)      IPPROTO_ICMP, { type, true, 0 }
#define ICMP6(type)      IPPROTO_ICMPV6, { type, true, 0 }
#define CODE4(type, code) IPPROTO_ICMP, { type, false, code }
#define CODE6(type, code) IPPROTO_ICMPV6, { type, false, code }

/* As IANA has them, in lower case. */
static const struct icmp_name icmp_names[] = {
	{ "echo-reply", ICMP4(0) },
	{ "destination-unreachable", ICMP4(3) },
	{ "network-unreachable", CODE4(3, 0) },
	{ "host-unreachable", CODE4(3, 1) },
	{ "protocol-unreachable", CODE4(3, 2) },
	{ "port-unreachable", CODE4(3, 3) },
	{ "fragmentation-needed", CODE4(3, 4) },
	{ "source-quench", ICMP4(4) },
	{ "redirect", ICMP4(5) },
	{ "echo-request", ICMP4(8) },
	{ "router-advertisement", ICMP4(9) },
	{ "router-solicitation", ICMP4(10) },
	{ "time-exceeded", ICMP4(11) },
	{ "parameter-problem", ICMP4(12) },
	{ "timestamp-request", ICMP4(13) },
	{ "timestamp-reply", ICMP4(14) },
	{ "address-mask-request", ICMP4(17) },
	{ "address-mask-reply", ICMP4(18) },
	{ "destination-unreachable", ICMP6(1) },
	{ "no-route", CODE6(1, 0) },
	{ "address-unreachable", CODE6(1, 3) },
	{ "port-unreachable", CODE6(1, 4) },
	{ "packet-too-big", ICMP6(2) },
	{ "time-exceeded", ICMP6(3) },
	{ "parameter-problem", ICMP6(4) },
	{ "echo-request", ICMP6(128) },
	{ "echo-reply", ICMP6(129) },
	{ "node-information-query", ICMP6(139) },
	{ "node-information-response", ICMP6(140) },
	{ NULL, 0, { 0, false, 0 } },
};

/* At most three digits. Returns what follows, or NULL. */
static const char *parse_number(const char *text, unsigned int most, uint8_t *ret_number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int number = 0;

	if (digits == 0 || digits > 3 || (digits > 1 && text[0] == '0'))
		return NULL;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (unsigned int)(text[i] - '0');
	if (number > most)
		return NULL;
	*ret_number = (uint8_t)number;
	return text + digits;
}

static bool parse_icmp_type(const char *text, uint8_t protocol, struct icmp_type *ret_type)
{
	const char *rest;

	for (const struct icmp_name *name = icmp_names; name->name != NULL; name++) {
		if (name->protocol != protocol || strcmp(name->name, text) != 0)
			continue;
		*ret_type = name->type;
		return true;
	}
	*ret_type = (struct icmp_type){ .any_code = true };
	rest = parse_number(text, UINT8_MAX, &ret_type->type);
	if (rest != NULL && *rest == '/') {
		ret_type->any_code = false;
		rest = parse_number(rest + 1, UINT8_MAX, &ret_type->code);
	}
	return rest != NULL && *rest == '\0';
}

static bool same_type(const struct icmp_type *a, const struct icmp_type *b)
{
	return a->type == b->type && a->any_code == b->any_code && a->code == b->code;
}

static void add_type(struct icmp_types *types, const struct icmp_type *type)
{
	for (size_t i = 0; i < types->count; i++) {
		if (same_type(&types->items[i], type))
			return;
	}
	types->items[types->count++] = *type;
}

static void unknown_type(struct loader *loader, const struct field *field, const struct node *node, uint8_t protocol)
{
	struct nearest nearest = nearest_to(node->text);

	for (const struct icmp_name *name = icmp_names; name->name != NULL; name++) {
		if (name->protocol == protocol)
			nearest_try(&nearest, name->name);
	}
	problem_add(&loader->problems, node->at, "`%s': `%.60s' is not a type of %s", field->key, node->text,
		protocol == IPPROTO_ICMP ? "icmp" : "icmpv6");
	if (!problem_hint_near(&loader->problems, &nearest))
		problem_hint(&loader->problems, "write a name as echo-request, a number as `3', or type and code as `3/1'");
}

bool icmp_alone(const struct protocols *protocols)
{
	return protocols->count == 1 && (protocols->items[0] == IPPROTO_ICMP || protocols->items[0] == IPPROTO_ICMPV6);
}

/* Which types there are depends on the protocol, whose row is before this; that it is alone is checked later. */
static void read_icmp_types(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	const struct match *match = (const struct match *)((char *)member - offsetof(struct match, icmp_types));
	struct icmp_types *types = member;

	if (!read_words(loader, field->key, node, false) || !icmp_alone(&match->protocols))
		return;
	types->items = loader_array(loader, node_items(node), sizeof(*types->items));
	for (size_t i = 0; types->items != NULL && i < node_items(node); i++) {
		struct icmp_type type;

		if (parse_icmp_type(node_item(node, i)->text, match->protocols.items[0], &type))
			add_type(types, &type);
		else
			unknown_type(loader, field, node_item(node, i), match->protocols.items[0]);
	}
}

static bool no_icmp_types(const void *member)
{
	const struct icmp_types *types = member;

	return types->count == 0;
}

static void print_icmp_type(struct printer *printer, const struct icmp_type *type, uint8_t protocol)
{
	for (const struct icmp_name *name = icmp_names; name->name != NULL; name++) {
		if (name->protocol != protocol || !same_type(&name->type, type))
			continue;
		fputs(name->name, printer->out);
		return;
	}
	fprintf(printer->out, "%u", (unsigned int)type->type);
	if (!type->any_code)
		fprintf(printer->out, "/%u", (unsigned int)type->code);
}

static void print_icmp_types(struct printer *printer, const void *member)
{
	const struct match *match = (const struct match *)((const char *)member - offsetof(struct match, icmp_types));
	const struct icmp_types *types = member;

	fputc('[', printer->out);
	for (size_t i = 0; i < types->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_icmp_type(printer, &types->items[i], match->protocols.items[0]);
	}
	fputc(']', printer->out);
}

const struct form form_icmp_types = { read_icmp_types, no_icmp_types, print_icmp_types };

/* RFC 2474, 2597, 3246, 5865, 8622. */
static const struct word dscp_names[] = {
	{ "cs0", 0 }, { "cs1", 8 }, { "cs2", 16 }, { "cs3", 24 }, { "cs4", 32 }, { "cs5", 40 }, { "cs6", 48 }, { "cs7", 56 },
	{ "af11", 10 }, { "af12", 12 }, { "af13", 14 }, { "af21", 18 }, { "af22", 20 }, { "af23", 22 },
	{ "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "af41", 34 }, { "af42", 36 }, { "af43", 38 },
	{ "ef", 46 }, { "va", 44 }, { "le", 1 },
	{ NULL, 0 },
};

static bool parse_dscp(const char *text, uint8_t *ret_dscp)
{
	const char *rest;

	for (const struct word *word = dscp_names; word->word != NULL; word++) {
		if (strcmp(word->word, text) != 0)
			continue;
		*ret_dscp = (uint8_t)word->value;
		return true;
	}
	rest = parse_number(text, 63, ret_dscp);
	return rest != NULL && *rest == '\0';
}

static void read_dscps(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct dscps *dscps = member;

	if (!read_words(loader, field->key, node, false))
		return;
	dscps->items = loader_array(loader, node_items(node), sizeof(*dscps->items));
	for (size_t i = 0; dscps->items != NULL && i < node_items(node); i++) {
		const struct node *item = node_item(node, i);
		struct nearest nearest = nearest_to(item->text);
		uint8_t dscp;

		if (parse_dscp(item->text, &dscp)) {
			if (memchr(dscps->items, dscp, dscps->count) == NULL)
				dscps->items[dscps->count++] = dscp;
			continue;
		}
		for (const struct word *word = dscp_names; word->word != NULL; word++)
			nearest_try(&nearest, word->word);
		problem_add(&loader->problems, item->at, "`%s': `%.60s' is not known", field->key, item->text);
		if (!problem_hint_near(&loader->problems, &nearest))
			problem_hint(&loader->problems, "write ef, af11 to af43, cs0 to cs7, va, le, or a number from 0 to 63");
	}
}

static bool no_dscps(const void *member)
{
	const struct dscps *dscps = member;

	return dscps->count == 0;
}

static void print_dscp(struct printer *printer, uint8_t dscp)
{
	for (const struct word *word = dscp_names; word->word != NULL; word++) {
		if (word->value != dscp)
			continue;
		fputs(word->word, printer->out);
		return;
	}
	fprintf(printer->out, "%u", (unsigned int)dscp);
}

static void print_dscps(struct printer *printer, const void *member)
{
	const struct dscps *dscps = member;

	fputc('[', printer->out);
	for (size_t i = 0; i < dscps->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_dscp(printer, dscps->items[i]);
	}
	fputc(']', printer->out);
}

const struct form form_dscps = { read_dscps, no_dscps, print_dscps };
