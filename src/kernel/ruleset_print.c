/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ruleset as text, in the language of nft. */

#include "kernel/ruleset_print.h"

#include <inttypes.h>

#include "kernel/ruleset_message.h"

static void print_set_mark(FILE *out, const struct statement *statement, const char *word)
{
	uint32_t value = statement->value & statement->mask;

	fprintf(out, "%s set ", word);
	if (statement->mask != UINT32_MAX)
		fprintf(out, "%s & 0x%08" PRIx32 " | ", word, ~statement->mask);
	fprintf(out, "0x%08" PRIx32, value);
}

static void print_copy(FILE *out, uint32_t mask, const char *to, const char *from)
{
	fprintf(out, "%s set %s & 0x%08" PRIx32 " | %s & 0x%08" PRIx32, to, to, ~mask, from, mask);
}

static void print_restore(FILE *out, const struct statement *statement, const char *word)
{
	print_copy(out, statement->mask, word, "ct mark");
}

static void print_save(FILE *out, const struct statement *statement, const char *word)
{
	print_copy(out, statement->mask, word, "meta mark");
}

static void print_queue(FILE *out, const struct statement *statement, const char *word)
{
	unsigned int first = statement->queue, count = statement->queues;

	fprintf(out, "%s %u", word, first);
	if (count > 1)
		fprintf(out, "-%u", first + count - 1);
}

static void print_hash(FILE *out, const struct statement *statement, const char *sides, unsigned int modulus)
{
	fprintf(out, "jhash ");
	for (; *sides != '\0'; sides++)
		fprintf(out, "%s %caddr %s", family_text(statement->family), *sides,
			sides[1] != '\0' ? ". " : "");
	fprintf(out, "mod %u seed 0x%08" PRIx32, modulus, statement->spread.seed);
}

static void print_pick(FILE *out, const struct statement *statement, unsigned int modulus)
{
	switch (statement->spread.by) {
	case SPREAD_IN_TURN:
		fprintf(out, "numgen inc mod %u", modulus);
		return;
	case SPREAD_RANDOM:
		fprintf(out, "numgen random mod %u", modulus);
		return;
	case SPREAD_BY_SOURCE:
		print_hash(out, statement, "s", modulus);
		return;
	case SPREAD_BY_DESTINATION:
		print_hash(out, statement, "d", modulus);
		return;
	case SPREAD_BY_BOTH:
		print_hash(out, statement, "sd", modulus);
		return;
	}
}

static void print_share(FILE *out, unsigned int first, unsigned int weight, const char *chain)
{
	fprintf(out, "%s%u", first == 0 ? "" : ", ", first);
	if (weight > 1)
		fprintf(out, "-%u", first + weight - 1);
	fprintf(out, " : goto %s", chain);
}

static void print_spread(FILE *out, const struct statement *statement, const char *word)
{
	const struct spread *spread = &statement->spread;
	unsigned int first = 0, sum = 0;

	for (size_t i = 0; i < spread->count; i++)
		sum += spread->weights[i];
	print_pick(out, statement, sum);
	fprintf(out, " %s { ", word);
	for (size_t i = 0; i < spread->count; i++) {
		if (spread->weights[i] == 0)
			continue;
		print_share(out, first, spread->weights[i], spread->chains[i]);
		first += spread->weights[i];
	}
	fputs(" }", out);
}

static void print_class_priority(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s set meta mark", word);
	if (statement->queue > 0)
		fprintf(out, " >> %u", (unsigned int)statement->queue);
	fprintf(out, " & 0x%08" PRIx32 " | %" PRIx32 ":0", statement->mask, statement->value);
}

static void print_priority(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s set %" PRIx32 ":%" PRIx32, word, statement->value >> 16, statement->value & 0xffff);
}

static void print_log(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s group %u snaplen %" PRIu32 " queue-threshold 1", word, (unsigned int)statement->queue,
		statement->value);
}

static void print_word(FILE *out, const struct statement *statement, const char *word)
{
	(void)statement;
	fputs(word, out);
}

static void print_clamp(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %u", word, statement->value);
}

static void print_named(FILE *out, const struct statement *statement, const char *word)
{
	fprintf(out, "%s %s", word, statement->name);
}

static const struct {
	statement_printer *print;
	const char *word;
} forms[] = {
	[MATCH_FAMILY] = { print_family, "meta nfproto" },
	[MATCH_DEVICE_IN] = { print_name_list, "iifname" },
	[MATCH_DEVICE_OUT] = { print_name_list, "oifname" },
	[MATCH_PROTOCOL] = { print_protocols, "meta l4proto" },
	[MATCH_SOURCE] = { print_networks, "saddr" },
	[MATCH_DESTINATION] = { print_networks, "daddr" },
	[MATCH_FROM_PORT] = { print_ports, "th sport" },
	[MATCH_TO_PORT] = { print_ports, "th dport" },
	[MATCH_ICMP6_TYPE] = { print_numbers, "icmpv6 type" },
	[MATCH_TCP_SYN] = { print_syn, "tcp flags" },
	[MATCH_CONNECTION_STATE] = { print_states, "ct state" },
	[MATCH_MARK] = { print_marks, "meta mark" },
	[MATCH_CONNECTION_MARK] = { print_marks, "ct mark" },
	[MATCH_DESTINATION_KIND] = { print_address_kinds, "fib daddr type" },
	[MATCH_ROUTED_OUT] = { print_name_list, "fib daddr oifname" },
	[MATCH_ROUTED] = { print_routed, "fib daddr . mark oif" },
	[MATCH_SOURCE_KIND] = { print_address_kinds, "fib saddr type" },
	[MATCH_ICMP_TYPE] = { print_icmp_types, "" },
	[MATCH_DSCP] = { print_dscps, "dscp" },
	[MATCH_IN_SET] = { print_in_set, "@" },
	[MATCH_ORIGINAL] = { print_direction, "ct direction" },
	[MATCH_STATUS] = { print_status, "ct status" },
	[MATCH_ORIGINAL_PACKETS] = { print_original_packets, "ct original packets" },
	[MATCH_REPLY_PACKETS] = { print_original_packets, "ct reply packets" },
	[MATCH_TCP_FLAGS] = { print_tcp_flags, "tcp flags" },
	[SET_MARK] = { print_set_mark, "meta mark" },
	[RESTORE_MARK] = { print_restore, "meta mark" },
	[SAVE_MARK] = { print_save, "ct mark" },
	[COUNT] = { print_word, "counter" },
	[COUNT_NAMED] = { print_named, "counter name" },
	[ADD_TO_SET] = { print_update_set, "add" },
	[REFRESH_IN_SET] = { print_update_set, "update" },
	[KEEP_MARK] = { print_keep_mark, "update" },
	[FIND_MARK] = { print_find_mark, "meta mark set" },
	[COUNT_BY_MARK] = { print_count_by_mark, "update" },
	[OVER_LIMIT] = { print_over_limit, "" },
	[OVER_LIMIT_EACH] = { print_over_limit_each, "update" },
	[SET_CLASS_PRIORITY] = { print_class_priority, "meta priority" },
	[SET_PRIORITY] = { print_priority, "meta priority" },
	[CLAMP_MSS] = { print_clamp, "tcp option maxseg size set" },
	[LOG_COPY] = { print_log, "log" },
	[ACCEPT] = { print_word, "accept" },
	[DROP] = { print_word, "drop" },
	[RETURN] = { print_word, "return" },
	[JUMP] = { print_named, "jump" },
	[GOTO] = { print_named, "goto" },
	[REJECT_RESET] = { print_word, "reject with tcp reset" },
	[REJECT_PROHIBITED] = { print_word, "reject with icmpx admin-prohibited" },
	[QUEUE] = { print_queue, "queue flags bypass to" },
	[MASQUERADE] = { print_word, "masquerade" },
	[SOURCE_NAT] = { print_source_nat, "snat" },
	[DESTINATION_NAT] = { print_destination_nat, "dnat" },
	[SOURCE_PREFIX] = { print_prefix, "snat" },
	[DESTINATION_PREFIX] = { print_prefix, "dnat" },
	[NOTRACK] = { print_word, "notrack" },
	[SYNPROXY] = { print_synproxy, "synproxy" },
	[DISPATCH] = { print_dispatch, "vmap" },
	[SPREAD] = { print_spread, "vmap" },
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) == SPREAD + 1, "one form for each kind");

static void print_statement(FILE *out, const struct statement *statement)
{
	forms[statement->kind].print(out, statement, forms[statement->kind].word);
}

static void print_rule(FILE *out, const struct ruleset_rule *rule)
{
	fputs("\t\t", out);
	for (size_t i = 0; i < rule->count; i++) {
		print_statement(out, &rule->statements[i]);
		fputc(' ', out);
	}
	fputs("comment ", out);
	print_quoted(out, rule->comment);
	fputc('\n', out);
}

static const char *hook_text(enum chain_hook hook)
{
	switch (hook) {
	case HOOK_PREROUTING:
		return "prerouting";
	case HOOK_INPUT:
		return "input";
	case HOOK_FORWARD:
		return "forward";
	case HOOK_OUTPUT:
		return "output";
	case HOOK_POSTROUTING:
		return "postrouting";
	}
	return "";
}

static void print_chain(FILE *out, const struct chain *chain)
{
	fprintf(out, "\n\tchain %s {\n", chain->name);
	if (chain->kind != CHAIN_REGULAR)
		fprintf(out, "\t\ttype %s hook %s priority %d; policy accept;\n", chain_type_name(chain->kind),
			hook_text(chain->hook), chain->priority);
	for (size_t i = 0; i < chain->count; i++)
		print_rule(out, &chain->rules[i]);
	fputs("\t}\n", out);
}

void ruleset_print(FILE *out, const struct ruleset *ruleset, const struct ruleset_features *features)
{
	fprintf(out, "table inet %s {%s\n", ruleset->table,
		features->native_queue ? "" : " # queue: by the NFQUEUE target");
	if (features->owner)
		fputs("\tflags owner, persist\n", out);
	for (size_t i = 0; i < ruleset->counters.count; i++)
		fprintf(out, "\tcounter %s {\n\t}\n", ruleset->counters.items[i]);
	for (size_t i = 0; i < ruleset->set_count; i++)
		print_set(out, &ruleset->sets[i]);
	for (size_t i = 0; i < ruleset->chain_count; i++)
		print_chain(out, &ruleset->chains[i]);
	fputs("}\n", out);
}
