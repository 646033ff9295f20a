/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets of a link's check. */

#include <string.h>

#include "config/forms.h"

#define TARGETS_MAX 16

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

static bool read_ping(struct loader *loader, const struct node *node, struct target *target)
{
	target->kind = TARGET_PING;
	if (address_parse(node->text, &target->address))
		return true;
	problem_add(&loader->problems, node->at, "`ping': `%.60s' is not an address", node->text);
	problem_hint(&loader->problems, "names cannot be looked up while a link is tested: write `{ ping: 192.0.2.1 }'");
	return false;
}

static bool read_tcp(struct loader *loader, const struct node *node, struct target *target)
{
	target->kind = TARGET_TCP;
	if (parse_endpoint(node->text, target))
		return true;
	problem_add(&loader->problems, node->at, "`tcp': `%.60s' is not an address with a port", node->text);
	problem_hint(&loader->problems, "write `{ tcp: \"192.0.2.1:443\" }' or `{ tcp: \"[2001:db8::1]:443\" }'");
	return false;
}

static bool read_target(struct loader *loader, const struct node *node, struct target *target)
{
	const struct node *key;

	if (node->kind != NODE_MAP || node->count != 1) {
		problem_add(&loader->problems, node->at, "a target has one key: its kind");
		problem_hint(&loader->problems, "write `{ ping: 192.0.2.1 }' or `{ tcp: \"192.0.2.1:443\" }'");
		return false;
	}
	key = node->items[0];
	if (strcmp(key->text, "ping") != 0 && strcmp(key->text, "tcp") != 0) {
		problem_add(&loader->problems, key->at, "`%.60s' is not known to this version", key->text);
		problem_hint(&loader->problems, "a target is `ping' or `tcp'");
		return false;
	}
	if (!read_word(loader, key->text, node->items[1]))
		return false;
	return key->text[0] == 'p' ? read_ping(loader, node->items[1], target) : read_tcp(loader, node->items[1], target);
}

static bool is_known(const struct check *check, const struct target *target)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct target *other = &check->targets[i];

		if (other->kind == target->kind && other->port == target->port &&
			address_equal(&other->address, &target->address))
			return true;
	}
	return false;
}

static void read_targets(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	struct check *check = (struct check *)((char *)member - offsetof(struct check, targets));
	size_t count = node->kind == NODE_LIST ? node->count : 1;

	if (count > TARGETS_MAX) {
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

static void print_target(struct printer *printer, const struct target *target)
{
	char address[ADDRESS_TEXT_MAX], endpoint[ADDRESS_TEXT_MAX + 10];

	address_format(&target->address, address, sizeof(address));
	switch (target->kind) {
	case TARGET_PING:
		fputs("{ ping: ", printer->out);
		print_text(printer, address);
		break;
	case TARGET_TCP:
		snprintf(endpoint, sizeof(endpoint), target->address.family == IPV6 ? "[%s]:%u" : "%s:%u", address,
			(unsigned int)target->port);
		fputs("{ tcp: ", printer->out);
		print_text(printer, endpoint);
		break;
	}
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

const struct form form_targets = { read_targets, NULL, print_targets,
	"{ \"anyOf\": [" SCHEMA_OF("target") ", { \"type\": \"array\", \"maxItems\": 16, \"items\": " SCHEMA_OF("target") " }] }" };
