/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that match, in the language of nft. */

#include "kernel/ruleset_print.h"

#include <inttypes.h>
#include <netinet/in.h>

#include <linux/rtnetlink.h>

#include "kernel/ruleset_message.h"

typedef void item_printer(FILE *out, const struct statement *statement, size_t index);

/* " != { a, b }": one item stands without braces. */
static void print_items(FILE *out, const struct statement *statement, size_t count, item_printer *item)
{
	fputs(statement->negate ? " != " : " ", out);
	if (count != 1)
		fputs("{ ", out);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			fputs(", ", out);
		item(out, statement, i);
	}
	if (count != 1)
		fputs(" }", out);
}

void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
		fputc(comment_character(*text), out);
	fputc('"', out);
}

static void name_item(FILE *out, const struct statement *statement, size_t index)
{
	print_quoted(out, statement->names.items[index]);
}

static void mark_item(FILE *out, const struct statement *statement, size_t index)
{
	fprintf(out, "0x%08" PRIx32, statement->values.items[index]);
}

static void number_item(FILE *out, const struct statement *statement, size_t index)
{
	fprintf(out, "%" PRIu32, statement->values.items[index]);
}

static void network_item(FILE *out, const struct statement *statement, size_t index)
{
	const struct network *network = &statement->networks.items[index];
	char text[ADDRESS_TEXT_MAX];

	fputs(network_format(network, text, sizeof(text)), out);
}

static void port_item(FILE *out, const struct statement *statement, size_t index)
{
	const struct port_range *range = &statement->ports.items[index];

	fprintf(out, "%u", (unsigned int)range->first);
	if (range->last != range->first)
		fprintf(out, "-%u", (unsigned int)range->last);
}

static void protocol_item(FILE *out, const struct statement *statement, size_t index)
{
	switch (statement->values.items[index]) {
	case IPPROTO_ICMP:
		fputs("icmp", out);
		return;
	case IPPROTO_TCP:
		fputs("tcp", out);
		return;
	case IPPROTO_UDP:
		fputs("udp", out);
		return;
	case IPPROTO_ICMPV6:
		fputs("ipv6-icmp", out);
		return;
	case IPPROTO_SCTP:
		fputs("sctp", out);
		return;
	default:
		number_item(out, statement, index);
	}
}

static void address_kind_item(FILE *out, const struct statement *statement, size_t index)
{
	switch (statement->values.items[index]) {
	case RTN_LOCAL:
		fputs("local", out);
		return;
	case RTN_BROADCAST:
		fputs("broadcast", out);
		return;
	case RTN_MULTICAST:
		fputs("multicast", out);
		return;
	default:
		number_item(out, statement, index);
	}
}

const char *family_text(enum family family)
{
	return family == IPV4 ? "ip" : "ip6";
}

void print_networks(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", family_text(statement->family), word);
	print_items(out, statement, statement->networks.count, network_item);
}

void print_ports(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_items(out, statement, statement->ports.count, port_item);
}

void print_protocols(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_items(out, statement, statement->values.count, protocol_item);
}

void print_numbers(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_items(out, statement, statement->values.count, number_item);
}

void print_address_kinds(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_items(out, statement, statement->values.count, address_kind_item);
}

void print_name_list(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	print_items(out, statement, statement->names.count, name_item);
}

struct bit_name {
	uint32_t bit;
	const char *name;
};

/* " established,related": the names of those bits that any of the values has. */
static void print_bits(FILE *out, const struct statement *statement, const struct bit_name *names, size_t count)
{
	const char *before = statement->negate ? " ! " : " ";
	uint32_t wanted = 0;

	for (size_t i = 0; i < statement->values.count; i++)
		wanted |= statement->values.items[i];
	for (size_t i = 0; i < count; i++) {
		if ((wanted & names[i].bit) == 0)
			continue;
		fprintf(out, "%s%s", before, names[i].name);
		before = ",";
	}
}

void print_states(FILE *out, const struct statement *statement, const char *word)
{
	static const struct bit_name states[] = {
		{ CONNECTION_INVALID, "invalid" },
		{ CONNECTION_ESTABLISHED, "established" },
		{ CONNECTION_RELATED, "related" },
		{ CONNECTION_NEW, "new" },
		{ CONNECTION_UNTRACKED, "untracked" },
	};

	fputs(word, out);
	print_bits(out, statement, states, sizeof(states) / sizeof(*states));
}

void print_status(FILE *out, const struct statement *statement, const char *word)
{
	static const struct bit_name bits[] = {
		{ STATUS_ANSWERED, "seen-reply" },
		{ STATUS_SOURCE_NAT, "snat" },
		{ STATUS_DESTINATION_NAT, "dnat" },
	};

	fputs(word, out);
	print_bits(out, statement, bits, sizeof(bits) / sizeof(*bits));
}

void print_marks(FILE *out, const struct statement *statement, const char *word)
{
	fputs(word, out);
	if (statement->mask != UINT32_MAX)
		fprintf(out, " & 0x%08" PRIx32, statement->mask);
	if (statement->mask != UINT32_MAX && !statement->negate)
		fputs(" ==", out);
	print_items(out, statement, statement->values.count, mark_item);
}

void print_family(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s%s", word, statement->negate ? "!= " : "", statement->family == IPV4 ? "ipv4" : "ipv6");
}

void print_syn(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %ssyn / fin,syn,rst,ack", word, statement->negate ? "!= " : "");
}

void print_routed(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", word, statement->negate ? "missing" : "exists");
}

static void icmp_type_item(FILE *out, const struct statement *statement, size_t index)
{
	const struct icmp_type *type = &statement->icmp_types.items[index];

	fprintf(out, "%u", (unsigned int)type->type);
	if (type->any_code)
		return;
	fprintf(out, " . %u", (unsigned int)type->code);
}

/* "icmp type { 8, 3 . 4 }", where a code counts "icmp type . code": nft itself has no word for both. */
void print_icmp_types(FILE *out, const struct statement *statement, const char *word)
{
	bool codes = false;

	for (size_t i = 0; i < statement->icmp_types.count; i++)
		codes |= !statement->icmp_types.items[i].any_code;
	fprintf(out, "%s%s type%s", word, statement->family == IPV4 ? "icmp" : "icmpv6", codes ? " . code" : "");
	print_items(out, statement, statement->icmp_types.count, icmp_type_item);
}

void print_dscps(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", family_text(statement->family), word);
	print_items(out, statement, statement->values.count, number_item);
}

void print_in_set(FILE *out, const struct statement *statement, const char *word)
{
	print_keys(out, statement->family, &statement->keys);
	fprintf(out, " %s%s%s", statement->negate ? "!= " : "", word, statement->name);
}

void print_direction(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", word, statement->negate ? "reply" : "original");
}

void print_original_packets(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s%" PRIu32, word, statement->negate ? "!= " : "", statement->value);
}

static void print_flag_names(FILE *out, uint32_t flags)
{
	static const char *const names[] = { "fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr" };
	const char *before = "";

	if (flags == 0)
		fputs("0x0", out);
	for (unsigned int bit = 0; bit < 8; bit++) {
		if ((flags >> bit & 1) == 0)
			continue;
		fprintf(out, "%s%s", before, names[bit]);
		before = ",";
	}
}

void print_tcp_flags(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", word, statement->negate ? "!= " : "");
	print_flag_names(out, statement->value);
	fputs(" / ", out);
	print_flag_names(out, statement->mask);
}
