/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the table of all keys as a JSON Schema, by which editors complete, explain and check. */

#include <string.h>

#include "config/forms.h"
#include "core/protocol.h"

#define ADDRESS4  "[0-9]{1,3}([.][0-9]{1,3}){3}"
#define ADDRESS6  "[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
#define ADDRESS   "(" ADDRESS4 "|" ADDRESS6 ")"
#define PORT      "[1-9][0-9]{0,4}"
#define DAY       "(mon|tue|wed|thu|fri|sat|sun)"
#define HOUR      "[0-9]{1,2}:[0-9]{2}"
#define PATTERN(text) "{ \"type\": \"string\", \"pattern\": \"^" text "$\" }"

/* What several keys take. */
static const struct definition {
	const char *name, *schema;
} definitions[] = {
	{ "address", PATTERN(ADDRESS) },
	{ "address-port", PATTERN("(" ADDRESS4 "|\\\\[" ADDRESS6 "\\\\]):" PORT) },
	{ "addresses", SCHEMA_LIST_OF("address") },
	{ "argument", "{ \"type\": [\"string\", \"number\", \"boolean\"] }" },
	{ "code-point", "{ \"anyOf\": [{ \"type\": \"integer\", \"minimum\": 0, \"maximum\": 63 }, "
		PATTERN("(cs[0-7]|af[1-4][1-3]|ef|va|le|[0-9]{1,2})") "] }" },
	{ "days", PATTERN(DAY "(-" DAY ")?") },
	{ "device", PATTERN("[^/: ]{1,15}") },
	{ "end", PATTERN("[A-Za-z0-9._:/-]+") }, /* a name, or a network */
	{ "endpoint", PATTERN("(" ADDRESS4 "(:" PORT ")?|" ADDRESS6 "|\\\\[" ADDRESS6 "\\\\](:" PORT ")?)") },
	{ "events", PATTERN("[1-9][0-9]{0,8}/(s|m|h)") },
	{ "host", PATTERN("[A-Za-z0-9_][A-Za-z0-9._-]*") },
	{ "hours", PATTERN(HOUR "-" HOUR) },
	{ "icmp-type", "{ \"anyOf\": [{ \"type\": \"integer\", \"minimum\": 0, \"maximum\": 255 }, "
		PATTERN("([a-z][a-z-]*|[0-9]{1,3}(/[0-9]{1,3})?)") "] }" },
	{ "mail-address", PATTERN("[^@ <>,;]+@[^@ <>,;]+") },
	{ "name", "{ \"type\": \"string\", \"pattern\": \"^[A-Za-z0-9._-]{1,32}$\", "
		"\"not\": { \"enum\": [\"any\", \"internet\", \"router\"] } }" },
	{ "network", PATTERN(ADDRESS "(/[0-9]{1,3})?") },
	{ "networks", PATTERN(ADDRESS "(/[0-9]{1,3}|-" ADDRESS ")?") }, /* or a range */
	{ "path", PATTERN("/.*") },
	{ "phrase", "{ \"type\": \"string\", \"minLength\": 1, \"maxLength\": 200 }" },
	{ "ports", "{ \"anyOf\": [{ \"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535 }, "
		PATTERN(PORT "(-" PORT ")?") "] }" },
	{ "rate", PATTERN("(0|[1-9][0-9]{0,11})([.][0-9]{1,3})? ?(bit|kbit|mbit|gbit)") },
	{ "range", PATTERN(ADDRESS "(-" ADDRESS ")?") },
	{ "share", PATTERN("(0|[1-9][0-9]{0,11})([.][0-9]{1,3})? ?(%|bit|kbit|mbit|gbit)") },
	{ "url", PATTERN("https?://([A-Za-z0-9_][A-Za-z0-9._-]*|\\\\[" ADDRESS6 "\\\\])(:" PORT ")?([/?].*)?") },
	{ "user", PATTERN("[A-Za-z0-9._$][A-Za-z0-9._$-]{0,31}") },
};

static const struct checked {
	text_check *check;
	const char *schema;
} checks[] = {
	{ check_name, SCHEMA_OF("name") },
	{ check_device, SCHEMA_OF("device") },
	{ check_path, SCHEMA_OF("path") },
	{ check_user, SCHEMA_OF("user") },
	{ check_address, SCHEMA_OF("address") },
	{ check_host, SCHEMA_OF("host") },
	{ check_phrase, SCHEMA_OF("phrase") },
	{ check_url, SCHEMA_OF("url") },
	{ check_socket, SCHEMA_OF("path") },
	{ check_mail_address, SCHEMA_OF("mail-address") },
	{ check_syslog_server, PATTERN("(udp|tcp|tls)://([A-Za-z0-9_][A-Za-z0-9._-]*|\\\\[" ADDRESS6 "\\\\]):" PORT) },
	{ check_mail_server, PATTERN("smtps?://([A-Za-z0-9_][A-Za-z0-9._-]*|\\\\[" ADDRESS6 "\\\\])(:" PORT ")?") },
};

struct writer {
	FILE *out;
	unsigned int indent;
};

static void write_table(struct writer *writer, const struct field *table);

static void write_text(struct writer *writer, const char *text)
{
	fputc('"', writer->out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', writer->out);
		fputc(*text, writer->out);
	}
	fputc('"', writer->out);
}

static void new_line(struct writer *writer)
{
	fprintf(writer->out, "\n%*s", (int)writer->indent, "");
}

/* What belongs to any text that has no check of its own here: it must have something in it. */
static const char *schema_of_check(text_check *check)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].check == check)
			return checks[i].schema;
	}
	return "{ \"type\": \"string\", \"minLength\": 1 }";
}

static void write_words(struct writer *writer, const struct word *words)
{
	fputs("{ \"enum\": [", writer->out);
	for (const struct word *word = words; word->word != NULL; word++) {
		fputs(word == words ? "" : ", ", writer->out);
		write_text(writer, word->word);
	}
	fputs("] }", writer->out);
}

/* Returns what follows the placeholder, or NULL where text begins with none. */
static const char *write_placeholder(struct writer *writer, const struct field *field, const char *text)
{
	if (strncmp(text, "<keys>", 6) == 0)
		write_table(writer, field->table);
	else if (strncmp(text, "<words>", 7) == 0)
		write_words(writer, field->words);
	else if (strncmp(text, "<check>", 7) == 0)
		fputs(schema_of_check(field->check), writer->out);
	else
		return NULL;
	return strchr(text, '>') + 1;
}

static void write_form(struct writer *writer, const struct field *field)
{
	for (const char *text = field->form->schema; text != NULL && *text != '\0';) {
		const char *rest = *text == '<' ? write_placeholder(writer, field, text) : NULL;

		if (rest == NULL)
			fputc(*text++, writer->out);
		else
			text = rest;
	}
}

static void write_number(struct writer *writer, const struct field *field)
{
	if (field->unit == UNIT_NONE && field->zero != NULL)
		fprintf(writer->out, "{ \"anyOf\": [{ \"const\": \"%s\" }, ", field->zero);
	if (field->unit == UNIT_NONE) {
		fprintf(writer->out, "{ \"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu }",
			(unsigned long long)field->min, (unsigned long long)field->max);
		fputs(field->zero != NULL ? "] }" : "", writer->out);
		return;
	}
	fputs("{ \"type\": \"string\", \"pattern\": \"^(", writer->out);
	if (field->zero != NULL)
		fprintf(writer->out, "%s|", field->zero);
	value_pattern(writer->out, field->unit);
	fputs(")$\" }", writer->out);
}

static void write_value(struct writer *writer, const struct field *field)
{
	switch (field->type) {
	case FIELD_WORD:
		write_words(writer, field->words);
		break;
	case FIELD_BOOL:
		fputs("{ \"type\": \"boolean\" }", writer->out);
		break;
	case FIELD_NUMBER:
		write_number(writer, field);
		break;
	case FIELD_TEXT:
		fputs(schema_of_check(field->check), writer->out);
		break;
	case FIELD_MAP:
		write_table(writer, field->table);
		break;
	case FIELD_FORM:
		write_form(writer, field);
		break;
	case FIELD_LATER:
		break;
	}
}

/* Bounds of a number with a unit are no matter of a pattern: they are told. */
static void write_description(struct writer *writer, const struct field *field)
{
	char text[1024], low[VALUE_TEXT_MAX], high[VALUE_TEXT_MAX];

	snprintf(text, sizeof(text), "%s", field->meaning == NULL ? "" : field->meaning);
	if (field->type == FIELD_NUMBER && field->unit != UNIT_NONE) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, " (%s to %s)", value_format(field->min, field->unit, low),
			value_format(field->max, field->unit, high));
	}
	fputs("\"description\": ", writer->out);
	write_text(writer, text);
}

static void write_default(struct writer *writer, const struct field *field)
{
	bool bare = field->type == FIELD_BOOL || (field->type == FIELD_NUMBER && field->unit == UNIT_NONE &&
		(field->zero == NULL || strcmp(field->zero, field->standard) != 0));

	fputs(", \"default\": ", writer->out);
	if (bare)
		fputs(field->standard, writer->out);
	else
		write_text(writer, field->standard);
}

/* The value is a part of its own, because older readers pass over what stands beside a reference. */
static void write_field(struct writer *writer, const struct field *field)
{
	write_text(writer, field->key);
	fputs(": { ", writer->out);
	write_description(writer, field);
	if (field->standard != NULL)
		write_default(writer, field);
	fputs(", \"allOf\": [", writer->out);
	write_value(writer, field);
	fputs("] }", writer->out);
}

static void write_required(struct writer *writer, const struct field *table)
{
	const char *before = "";

	fputs("\"required\": [", writer->out);
	for (; table->key != NULL; table++) {
		if (!(table->flags & FIELD_REQUIRED))
			continue;
		fputs(before, writer->out);
		write_text(writer, table->key);
		before = ", ";
	}
	fputc(']', writer->out);
}

static void write_properties(struct writer *writer, const struct field *table)
{
	const char *before = "";

	fputs("\"type\": \"object\", \"additionalProperties\": false, \"properties\": {", writer->out);
	writer->indent += 2;
	for (; table->key != NULL; table++) {
		if (table->type == FIELD_LATER)
			continue;
		fputs(before, writer->out);
		new_line(writer);
		write_field(writer, table);
		before = ",";
	}
	writer->indent -= 2;
	new_line(writer);
	fputc('}', writer->out);
}

static void write_table(struct writer *writer, const struct field *table)
{
	fputs("{ ", writer->out);
	write_properties(writer, table);
	fputs(", ", writer->out);
	write_required(writer, table);
	fputs(" }", writer->out);
}

static void write_protocols(struct writer *writer)
{
	fputs("\"protocol\": { \"anyOf\": [{ \"type\": \"integer\", \"minimum\": 0, \"maximum\": 255 }, { \"enum\": [",
		writer->out);
	for (size_t i = 0; protocol_known(i) != NULL; i++) {
		fputs(i == 0 ? "" : ", ", writer->out);
		write_text(writer, protocol_known(i));
	}
	fputs("] }] }", writer->out);
}

static void write_definitions(struct writer *writer)
{
	fputs("\"$defs\": {", writer->out);
	writer->indent += 2;
	for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++) {
		new_line(writer);
		fprintf(writer->out, "\"%s\": %s,", definitions[i].name, definitions[i].schema);
	}
	new_line(writer);
	write_protocols(writer);
	writer->indent -= 2;
	new_line(writer);
	fputc('}', writer->out);
}

/* What has only keys of such a file is one of policies.d, and needs no more than those. */
static void write_kinds(struct writer *writer)
{
	fputs("\"if\": { \"propertyNames\": { \"enum\": [", writer->out);
	for (const struct field *field = schema_policy_file; field->key != NULL; field++) {
		fputs(field == schema_policy_file ? "" : ", ", writer->out);
		write_text(writer, field->key);
	}
	fputs("] }, ", writer->out);
	write_required(writer, schema_policy_file);
	fputs(" }, \"else\": { ", writer->out);
	write_required(writer, schema_top);
	fputs(" }", writer->out);
}

void config_schema_print(FILE *out)
{
	struct writer writer = { .out = out, .indent = 2 };

	fputs("{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      "  \"title\": \"uplinkd.yaml, and the files in policies.d beside it\",\n  ", out);
	write_properties(&writer, schema_top);
	fputs(",\n  ", out);
	write_kinds(&writer);
	fputs(",\n  ", out);
	write_definitions(&writer);
	fputs("\n}\n", out);
}
