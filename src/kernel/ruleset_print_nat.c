/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements that translate addresses, in the language of nft. */

#include "kernel/ruleset_print.h"

#include "kernel/ruleset_rule.h"

static void print_address(FILE *out, const struct address *address, bool bracketed)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(address, text, sizeof(text));
	fprintf(out, bracketed ? "[%s]" : "%s", text);
}

void print_source_nat(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s to ", word, family_text(statement->address.family));
	print_address(out, &statement->address, false);
	if (!nat_is_range(statement))
		return;
	fputc('-', out);
	print_address(out, &statement->last_address, false);
	fputs(" persistent", out);
}

void print_destination_nat(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s to ", word, family_text(statement->address.family));
	print_address(out, &statement->address, statement->port != 0 && statement->address.family == IPV6);
	if (statement->port != 0)
		fprintf(out, ":%u", (unsigned int)statement->port);
}

void print_prefix(FILE *out, const struct statement *statement, const char *word)
{
	char text[ADDRESS_TEXT_MAX];

	fprintf(out, "%s %s prefix to %s", word, family_text(statement->network.address.family),
		network_format(&statement->network, text, sizeof(text)));
}

void print_synproxy(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s mss %u wscale %u timestamp sack-perm", word, (unsigned int)statement->synproxy.mss,
		(unsigned int)statement->synproxy.window_scale);
}
