/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints a configuration by the rows of the schema, as YAML that loads again to the same. */

#include <stdlib.h>
#include <string.h>

#include "config/forms.h"

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/uplinkd"
#endif

/* Tells editors where the schema is. */
#define HEAD "# yaml-language-server: $schema=" PKGDATADIR "/schema.json\n"

static uint64_t load(const void *base, const struct field *field)
{
	const char *member = (const char *)base + field->offset;
	uint64_t value = 0;
	uint32_t large;
	uint16_t medium;
	uint8_t small;

	switch (field->size) {
	case sizeof(small):
		memcpy(&small, member, sizeof(small));
		return small;
	case sizeof(medium):
		memcpy(&medium, member, sizeof(medium));
		return medium;
	case sizeof(large):
		memcpy(&large, member, sizeof(large));
		return large;
	case sizeof(value):
		memcpy(&value, member, sizeof(value));
		return value;
	}
	return value;
}

static const char *load_text(const void *base, const struct field *field)
{
	const char *text;

	memcpy(&text, (const char *)base + field->offset, sizeof(text));
	return text;
}

/* Words that other readers of YAML take for something else than text. */
static bool looks_like_other(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0)
			return true;
	}
	return text[strspn(text, "0123456789._-+eExX")] == '\0';
}

static bool is_plain(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@-";

	return text[0] != '\0' && strchr(first, text[0]) != NULL && text[strspn(text, rest)] == '\0' &&
	       !looks_like_other(text);
}

/* IPv4 addresses and networks, ports: plain, because no reader takes them for anything else. */
static bool is_dotted(const char *text)
{
	size_t dots = 0;

	for (const char *at = text; *at != '\0'; at++)
		dots += *at == '.';
	return dots == 3 && text[strspn(text, "0123456789./")] == '\0';
}

void print_text(struct printer *printer, const char *text)
{
	size_t length = strlen(text);

	if (is_plain(text) || is_dotted(text)) {
		fputs(text, printer->out);
		return;
	}
	fputc('"', printer->out);
	for (size_t at = 0, step; at < length; at += step) {
		bool printable;

		step = text_step(text + at, length - at, &printable);
		if (text[at] == '"' || text[at] == '\\')
			fprintf(printer->out, "\\%c", text[at]);
		else if (step == 1 && !printable)
			fprintf(printer->out, "\\x%02x", (unsigned int)(unsigned char)text[at]);
		else
			fwrite(text + at, 1, step, printer->out);
	}
	fputc('"', printer->out);
}

void print_names(struct printer *printer, const struct names *names)
{
	fputc('[', printer->out);
	for (size_t i = 0; i < names->count; i++) {
		fputs(i == 0 ? "" : ", ", printer->out);
		print_text(printer, names->items[i]);
	}
	fputc(']', printer->out);
}

void print_key(struct printer *printer, const char *key)
{
	if (printer->in_braces) {
		fputs(printer->first ? " " : ", ", printer->out);
		printer->first = false;
	} else if (printer->dash) {
		fprintf(printer->out, "%*s- ", (int)printer->indent - 2, "");
		printer->dash = false;
	} else {
		fprintf(printer->out, "%*s", (int)printer->indent, "");
	}
	print_text(printer, key);
	fputc(':', printer->out);
}

static bool table_absent(const struct field *table, const void *base);

static bool field_absent(const struct field *field, const void *base)
{
	const void *member = (const char *)base + field->offset;

	if (field->absent != NULL && field->absent(base))
		return true;
	switch (field->type) {
	case FIELD_WORD:
	case FIELD_BOOL:
	case FIELD_NUMBER:
		return (field->flags & FIELD_OPTIONAL) != 0 && load(base, field) == 0;
	case FIELD_TEXT:
		return load_text(base, field) == NULL;
	case FIELD_MAP:
		if (field->flags & FIELD_OPTIONAL)
			return field_absent(&field->table[0], member);
		return table_absent(field->table, member);
	case FIELD_FORM:
		return field->form->absent != NULL && field->form->absent(member);
	case FIELD_LATER:
		return true;
	}
	return true;
}

static bool table_absent(const struct field *table, const void *base)
{
	for (; table->key != NULL; table++) {
		if (!field_absent(table, base))
			return false;
	}
	return true;
}

void print_braces(struct printer *printer, const struct field *table, const void *base)
{
	fputc('{', printer->out);
	printer->in_braces = true;
	printer->first = true;
	print_table(printer, table, base);
	printer->in_braces = false;
	fputs(" }", printer->out);
}

static void print_map(struct printer *printer, const struct field *field, const void *base)
{
	if (!(field->flags & FIELD_ONE_LINE)) {
		fputc('\n', printer->out);
		printer->indent += 2;
		print_table(printer, field->table, base);
		printer->indent -= 2;
		return;
	}
	fputc(' ', printer->out);
	print_braces(printer, field->table, base);
	fputc('\n', printer->out);
}

static void print_word(struct printer *printer, const struct field *field, uint64_t value)
{
	for (const struct word *word = field->words; word->word != NULL; word++) {
		if ((uint64_t)word->value == value)
			fputs(word->word, printer->out);
	}
}

static void print_number(struct printer *printer, const struct field *field, uint64_t value)
{
	char text[VALUE_TEXT_MAX];

	if (value == 0 && field->zero != NULL)
		fputs(field->zero, printer->out);
	else
		fputs(value_format(value * (field->scale == 0 ? 1 : field->scale), field->unit, text), printer->out);
}

/* Forms that fill lines of their own end them themselves. */
static bool ends_line(const struct field *field)
{
	return field->type == FIELD_MAP || field->form == &form_zones || field->form == &form_links ||
	       field->form == &form_sets || field->form == &form_policies ||
	       field->form == &form_classes;
}

static void print_value(struct printer *printer, const struct field *field, const void *base)
{
	const void *member = (const char *)base + field->offset;

	if (!ends_line(field))
		fputc(' ', printer->out);
	switch (field->type) {
	case FIELD_WORD:
		print_word(printer, field, load(base, field));
		break;
	case FIELD_BOOL:
		fputs(load(base, field) ? "true" : "false", printer->out);
		break;
	case FIELD_NUMBER:
		print_number(printer, field, load(base, field));
		break;
	case FIELD_TEXT:
		print_text(printer, load_text(base, field));
		break;
	case FIELD_MAP:
		print_map(printer, field, member);
		break;
	case FIELD_FORM:
		field->form->print(printer, member);
		break;
	case FIELD_LATER:
		break;
	}
	if (!printer->in_braces && !ends_line(field))
		fputc('\n', printer->out);
}

void print_table(struct printer *printer, const struct field *table, const void *base)
{
	for (; table->key != NULL; table++) {
		if (field_absent(table, base))
			continue;
		print_key(printer, table->key);
		print_value(printer, table, base);
	}
}

static void print_whole(FILE *out, const struct config *config, const char *head, const struct field *table, const void *base)
{
	struct printer printer = { .out = out, .config = config };

	fputs(head, out);
	print_table(&printer, table, base);
}

void config_print(FILE *out, const struct config *config)
{
	print_whole(out, config, HEAD, schema_top, config);
}

static char *text_of(const struct config *config, const char *head, const struct field *table, const void *base)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	print_whole(out, config, head, table, base);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

char *config_text(const struct config *config)
{
	return text_of(config, HEAD, schema_top, config);
}

char *table_text(const struct config *config, const struct field *table, const void *base)
{
	return text_of(config, "", table, base);
}
