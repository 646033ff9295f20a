/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets of a link's check. */

#include <string.h>

#include "config/forms.h"

/* "ADDRESS:PORT", an IPv6 address in brackets. */
static bool parse_endpoint(const char *text, struct target *target)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon == NULL ? 0 : (size_t)(colon - text);
	bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
	char address[ADDRESS_TEXT_MAX];
	uint16_t last;

	if (colon == NULL || length >= sizeof(address) || strchr(colon, '-') != NULL)
		return false;
	memcpy(address, text + brackets, length - 2 * (size_t)brackets);
	address[length - 2 * (size_t)brackets] = '\0';
	if (!address_parse(address, &target->address) || brackets != (target->address.family == IPV6))
		return false;
	return value_ports(colon + 1, &target->port, &last);
}

static struct target *target_of(void *member, const struct field *field)
{
	return (struct target *)((char *)member - field->offset);
}

static void read_ping(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct target *target = target_of(member, field);

	target->kind = TARGET_PING;
	if (!read_word(loader, field->key, node) || address_parse(node->text, &target->address))
		return;
	problem_add(&loader->problems, node->at, "`ping': `%.60s' is not an address", node->text);
	problem_hint(&loader->problems, "names cannot be looked up while a link is tested: write `{ ping: 192.0.2.1 }'");
}

static void read_tcp(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct target *target = target_of(member, field);

	target->kind = TARGET_TCP;
	if (!read_word(loader, field->key, node) || parse_endpoint(node->text, target))
		return;
	problem_add(&loader->problems, node->at, "`tcp': `%.60s' is not an address with a port", node->text);
	problem_hint(&loader->problems, "write `{ tcp: \"192.0.2.1:443\" }' or `{ tcp: \"[2001:db8::1]:443\" }'");
}

/* A URL alone, or the keys of schema_target_http. */
static void read_http(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct target *target = target_of(member, field);
	const char *hint, *wrong;

	target->kind = TARGET_HTTP;
	target->verify = true;
	if (node->kind == NODE_MAP) {
		read_table(loader, field->table, node, node->at, target);
		return;
	}
	if (!read_word(loader, field->key, node))
		return;
	wrong = check_url(node->text, &hint);
	if (wrong == NULL) {
		target->url = loader_text(loader, node->text);
		return;
	}
	problem_add(&loader->problems, node->at, "`http': `%.60s' %s", node->text, wrong);
	problem_hint(&loader->problems, "%s", hint);
}

static void read_dns(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct target *target = target_of(member, field);

	target->kind = TARGET_DNS;
	if (node->kind != NODE_MAP) {
		problem_add(&loader->problems, node->at, "`dns' needs a server and a name");
		problem_hint(&loader->problems, "write `{ dns: { server: 192.0.2.53, name: example.net } }'");
		return;
	}
	read_table(loader, field->table, node, node->at, target);
	if (target->at != NULL)
		address_parse(target->at, &target->address);
}

/* `gateway', or an address. */
static void read_neighbour(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct target *target = target_of(member, field);

	target->kind = TARGET_NEIGHBOUR;
	if (!read_word(loader, field->key, node))
		return;
	target->gateway = is_word(node, "gateway");
	if (target->gateway || address_parse(node->text, &target->address))
		return;
	problem_add(&loader->problems, node->at, "`neighbour': `%.60s' is neither `gateway' nor an address", node->text);
	problem_hint(&loader->problems, "write `{ neighbour: gateway }' or `{ neighbour: 192.0.2.1 }'");
}

static const struct field *find_kind(const char *word)
{
	for (const struct field *field = schema_target; field->key != NULL; field++) {
		if (strcmp(field->key, word) == 0)
			return field;
	}
	return NULL;
}

/* False, with a problem, where it is none. */
static bool read_target(struct loader *loader, const struct node *node, struct target *target)
{
	size_t before = loader->problems.count;
	const struct field *kind;

	if (node->kind != NODE_MAP || node->count != 1) {
		problem_add(&loader->problems, node->at, "a target has one key: its kind");
		problem_hint(&loader->problems, "write `{ ping: 192.0.2.1 }' or `{ tcp: \"192.0.2.1:443\" }'");
		return false;
	}
	kind = find_kind(node->items[0]->text);
	if (kind != NULL) {
		kind->form->read(loader, kind, node->items[1], (char *)target + kind->offset);
		return loader->problems.count == before;
	}
	problem_add(&loader->problems, node->items[0]->at, "`%.60s' is not known to this version", node->items[0]->text);
	problem_hint(&loader->problems, "a target is `ping', `tcp', `http', `dns' or `neighbour'");
	return false;
}

static bool is_known(const struct check *check, const struct target *target)
{
	for (size_t i = 0; i < check->count; i++) {
		if (target_equal(&check->targets[i], target))
			return true;
	}
	return false;
}

static void read_targets(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct check *check = (struct check *)((char *)member - offsetof(struct check, targets));
	size_t count = node->kind == NODE_LIST ? node->count : 1;

	if (count > CHECK_TARGETS_MAX) {
		problem_add(&loader->problems, node->at, "`%s' has more than 16 items", field->key);
		problem_hint(&loader->problems, "write `[{ ping: 192.0.2.1 }, { tcp: \"192.0.2.1:443\" }]'");
		return;
	}
	check->targets = loader_array(loader, count, sizeof(*check->targets));
	for (size_t i = 0; check->targets != NULL && i < count; i++) {
		const struct node *item = node->kind == NODE_LIST ? node->items[i] : node;
		struct target target = { .kind = TARGET_PING };

		if (!read_target(loader, item, &target))
			continue;
		if (!is_known(check, &target)) {
			check->targets[check->count++] = target;
			continue;
		}
		problem_add(&loader->problems, item->at, "the same target for the second time");
		problem_hint(&loader->problems, "it would count twice for `need': take one of the two out");
	}
}

static void print_ping(struct printer *printer, const void *member)
{
	char address[ADDRESS_TEXT_MAX];

	print_text(printer, address_format(member, address, sizeof(address)));
}

static void print_tcp(struct printer *printer, const void *member)
{
	const struct target *target = (const struct target *)((const char *)member - offsetof(struct target, address));
	char address[ADDRESS_TEXT_MAX], endpoint[ADDRESS_TEXT_MAX + 10];

	address_format(&target->address, address, sizeof(address));
	snprintf(endpoint, sizeof(endpoint), target->address.family == IPV6 ? "[%s]:%u" : "%s:%u", address,
		(unsigned int)target->port);
	print_text(printer, endpoint);
}

static bool is_url_alone(const struct target *target)
{
	return target->at == NULL && target->text == NULL && target->status == 0 && target->verify;
}

static void print_http(struct printer *printer, const void *member)
{
	const struct target *target = (const struct target *)((const char *)member - offsetof(struct target, url));

	if (is_url_alone(target))
		print_text(printer, target->url);
	else
		print_braces(printer, schema_target_http, target);
}

static void print_dns(struct printer *printer, const void *member)
{
	print_braces(printer, schema_target_dns, (const char *)member - offsetof(struct target, name));
}

static void print_neighbour(struct printer *printer, const void *member)
{
	const struct target *target = (const struct target *)((const char *)member - offsetof(struct target, gateway));

	if (target->gateway)
		fputs("gateway", printer->out);
	else
		print_ping(printer, &target->address);
}

/* schema_target has them in the order of enum target_kind. */
static void print_target(struct printer *printer, const struct target *target)
{
	const struct field *kind = &schema_target[target->kind];

	fprintf(printer->out, "{ %s: ", kind->key);
	kind->form->print(printer, (const char *)target + kind->offset);
	fputs(" }", printer->out);
}

static void print_targets(struct printer *printer, const void *member)
{
	const struct check *check = (const struct check *)((const char *)member - offsetof(struct check, targets));

	fputc('[', printer->out);
	for (size_t i = 0; i < check->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_target(printer, &check->targets[i]);
	}
	fputc(']', printer->out);
}

#define ONE_OF_THEM "{ \"allOf\": [<keys>, { \"minProperties\": 1, \"maxProperties\": 1 }] }"

const struct form form_targets = { read_targets, NULL, print_targets,
	"{ \"anyOf\": [" ONE_OF_THEM ", { \"type\": \"array\", \"maxItems\": 16, \"items\": " ONE_OF_THEM " }] }" };
const struct form form_ping = { read_ping, NULL, print_ping, SCHEMA_OF("address") };
const struct form form_tcp = { read_tcp, NULL, print_tcp, SCHEMA_OF("address-port") };
const struct form form_http = { read_http, NULL, print_http, "{ \"anyOf\": [" SCHEMA_OF("url") ", <keys>] }" };
const struct form form_dns = { read_dns, NULL, print_dns, "<keys>" };
const struct form form_neighbour = { read_neighbour, NULL, print_neighbour,
	"{ \"anyOf\": [{ \"const\": \"gateway\" }, " SCHEMA_OF("address") "] }" };
