/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a packet beside addresses and ports a match can name: types of ICMP, and DSCP. */

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/forms.h"
#include "core/packet_names.h"

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

		if (icmp_type_parse(node_item(node, i)->text, match->protocols.items[0], &type))
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

const struct form form_icmp_types = { read_icmp_types, no_icmp_types, print_icmp_types,
	SCHEMA_LIST_OF("icmp-type") };

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

		if (dscp_parse(item->text, &dscp)) {
			if (memchr(dscps->items, dscp, dscps->count) == NULL)
				dscps->items[dscps->count++] = dscp;
			continue;
		}
		for (const struct dscp_name *name = dscp_names; name->name != NULL; name++)
			nearest_try(&nearest, name->name);
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
	for (const struct dscp_name *name = dscp_names; name->name != NULL; name++) {
		if (name->value != dscp)
			continue;
		fputs(name->name, printer->out);
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

const struct form form_dscps = { read_dscps, no_dscps, print_dscps, SCHEMA_LIST_OF("code-point") };
