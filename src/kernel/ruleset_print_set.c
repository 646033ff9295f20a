/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named sets, and the statements that fill them or keep to limits, in the language of nft. */

#include "kernel/ruleset_print.h"

#include <inttypes.h>

#include "kernel/ruleset_key.h"

/* Of longer lists the number stands in place of the rest. */
#define NETWORKS_SHOWN 64

void print_keys(FILE *out, enum family family, const struct packet_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		fprintf(out, "%s%s", i > 0 ? " . " : "", key_text(family, keys->items[i]));
}

static void print_time(FILE *out, uint32_t ms)
{
	if (ms % 1000 == 0)
		fprintf(out, "timeout %" PRIu32 "s", ms / 1000);
	else
		fprintf(out, "timeout %" PRIu32 "ms", ms);
}

void print_update_set(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s @%s { ", word, statement->name);
	print_keys(out, statement->family, &statement->keys);
	if (statement->timeout_ms != 0) {
		fputc(' ', out);
		print_time(out, statement->timeout_ms);
	}
	fputs(" }", out);
}

void print_keep_mark(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s @%s { ", word, statement->name);
	print_keys(out, statement->family, &statement->keys);
	if (statement->timeout_ms != 0) {
		fputc(' ', out);
		print_time(out, statement->timeout_ms);
	}
	fputs(" : meta mark }", out);
}

void print_find_mark(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s ", word);
	print_keys(out, statement->family, &statement->keys);
	fprintf(out, " map @%s", statement->name);
}

void print_count_by_mark(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s @%s { meta mark & 0x%08" PRIx32 " }", word, statement->name, statement->mask);
}

static const char *unit_text(uint32_t per_ms)
{
	if (per_ms == 1000)
		return "second";
	return per_ms == 60000 ? "minute" : "hour";
}

static void print_limit(FILE *out, const struct limit *limit)
{
	switch (limit->kind) {
	case LIMIT_PACKETS:
		fprintf(out, "limit rate over %" PRIu64 "/%s burst %" PRIu32 " packets", limit->count,
			unit_text(limit->per_ms), limit->burst == 0 ? 1 : limit->burst);
		return;
	case LIMIT_BYTES:
		fprintf(out, "limit rate over %" PRIu64 " bytes/%s burst %" PRIu32 " bytes", limit->count,
			unit_text(limit->per_ms), limit->burst);
		return;
	case LIMIT_CONNECTIONS:
		fprintf(out, "ct count over %" PRIu64, limit->count);
		return;
	}
}

void print_over_limit(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_limit(out, &statement->limit);
}

void print_over_limit_each(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s @%s { ", word, statement->name);
	print_keys(out, statement->family, &statement->keys);
	if (statement->timeout_ms != 0 && statement->limit.kind != LIMIT_CONNECTIONS) {
		fputc(' ', out);
		print_time(out, statement->timeout_ms);
	}
	fputc(' ', out);
	print_limit(out, &statement->limit);
	fputs(" }", out);
}

void print_dispatch(FILE *out, const struct statement *statement, const char *word)
{
	fputs("meta mark", out);
	if (statement->mask != UINT32_MAX)
		fprintf(out, " & 0x%08" PRIx32, statement->mask);
	fprintf(out, " %s @%s", word, statement->name);
}

static const char *key_type_text(enum family family, enum packet_key key)
{
	switch (key) {
	case PACKET_SOURCE:
	case PACKET_DESTINATION:
	case PACKET_SOURCE_SITE:
	case PACKET_DESTINATION_SITE:
	case CONNECTION_SOURCE_SITE:
	case CONNECTION_DESTINATION_SITE:
		return family == IPV4 ? "ipv4_addr" : "ipv6_addr";
	case PACKET_PROTOCOL:
		return "inet_proto";
	case PACKET_FROM_PORT:
	case PACKET_TO_PORT:
		return "inet_service";
	case PACKET_DEVICE_IN:
		return "iface_index";
	case PACKET_DEVICE_NAME:
		return "ifname";
	case PACKET_MARK:
		return "mark";
	}
	return "";
}

static void print_network_set(FILE *out, const struct ruleset_set *set)
{
	const struct networks *networks = &set->networks;
	char text[ADDRESS_TEXT_MAX];

	fprintf(out, "\t\ttype %s\n\t\tflags interval\n", set->family == IPV4 ? "ipv4_addr" : "ipv6_addr");
	if (networks->count == 0)
		return;
	fputs("\t\telements = { ", out);
	for (size_t i = 0; i < networks->count && i < NETWORKS_SHOWN; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "", network_format(&networks->items[i], text, sizeof(text)));
	fputs(" }", out);
	if (networks->count > NETWORKS_SHOWN)
		fprintf(out, " # and %zu more", networks->count - NETWORKS_SHOWN);
	fputc('\n', out);
}

/* As the same list reads in a rule of its own. */
static void print_list(FILE *out, const char *type, const struct statement *list, statement_printer *print)
{
	fprintf(out, "\t\ttype %s\n%s", type, list->ports.count > 0 ? "\t\tflags interval\n" : "");
	print(out, list, "\t\telements =");
	fputc('\n', out);
}

static void print_dynamic_set(FILE *out, const struct ruleset_set *set)
{
	fputs("\t\ttype ", out);
	for (size_t i = 0; i < set->keys.count; i++)
		fprintf(out, "%s%s", i > 0 ? " . " : "", key_type_text(set->family, set->keys.items[i]));
	if (set->marks)
		fputs(" : mark", out);
	fprintf(out, "\n\t\tsize %" PRIu32 "\n\t\tflags dynamic%s\n", set->size,
		set->limits && set->timeout_ms == 0 ? "" : ",timeout");
	if (set->timeout_ms != 0) {
		fputs("\t\t", out);
		print_time(out, set->timeout_ms);
		fputc('\n', out);
	}
	if (set->counts)
		fputs("\t\tcounter\n", out);
}

static void print_chain_map(FILE *out, const struct ruleset_set *set)
{
	fputs("\t\ttype mark : verdict\n", out);
	if (set->chain_count == 0)
		return;
	fputs("\t\telements = { ", out);
	for (size_t i = 0; i < set->chain_count; i++)
		fprintf(out, "%s0x%08" PRIx32 " : jump %s", i > 0 ? ", " : "", set->chains[i].mark, set->chains[i].chain);
	fputs(" }\n", out);
}

void print_set(FILE *out, const struct ruleset_set *set)
{
	fprintf(out, "\n\t%s %s {\n", set->kind == SET_CHAINS || set->marks ? "map" : "set", set->name);
	switch (set->kind) {
	case SET_NETWORKS:
		print_network_set(out, set);
		break;
	case SET_DEVICES:
		print_list(out, "ifname", &(struct statement){ .names = set->names }, print_name_list);
		break;
	case SET_PROTOCOLS:
		print_list(out, "inet_proto", &(struct statement){ .values = set->values }, print_protocols);
		break;
	case SET_PORTS:
		print_list(out, "inet_service", &(struct statement){ .ports = set->ports }, print_ports);
		break;
	case SET_DYNAMIC:
		print_dynamic_set(out, set);
		break;
	case SET_CHAINS:
		print_chain_map(out, set);
		break;
	}
	fputs("\t}\n", out);
}
