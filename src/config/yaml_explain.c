/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says in plain words what libyaml found to be wrong. */

#include "config/yaml.h"

#include <string.h>
#include <yaml.h>

struct explanation {
	const char *problem; /* how libyaml's words begin */
	const char *message;
	const char *hint;
};

#define QUOTES "put the value in quotes"

static const struct explanation explanations[] = {
	{ "found a tab character", "tab used for indentation", "YAML indents with spaces" },
	{ "mapping values are not allowed", "a `:' that is not expected here",
		"the value before it ends its line: check the indentation, or put quotes around a text with `: ' in it" },
	{ "mapping keys are not allowed", "a `?' that is not expected here", QUOTES },
	{ "block sequence entries are not allowed", "a list item (`-') that is not expected here",
		"a list starts on the line after its key" },
	{ "could not find expected ':'", "a key without `:'", "a key is followed by a colon and a space: `key: value'" },
	{ "did not find expected key", "this does not fit to the lines above",
		"keys of one place start in the same column; a value that goes on needs quotes or brackets" },
	{ "did not find expected '-'", "this does not fit to the list above",
		"each item of a list starts with `- ', all in the same column" },
	{ "did not find expected ',' or ']'", "a list in brackets that is not closed", "a `,' or `]' is missing" },
	{ "did not find expected ',' or '}'", "keys in braces that are not closed", "a `,' or `}' is missing" },
	{ "found unexpected end of stream", "quotes that are not closed", "a quote is missing at the end of this text" },
	{ "found unexpected document indicator", "quotes that are not closed",
		"a quote is missing at the end of this text" },
	{ "found unknown escape character", "a backslash that means nothing here",
		"in double quotes write it twice, or use single quotes" },
	{ "did not find expected hexdecimal", "a number is missing after the backslash",
		"in double quotes write a backslash twice, or use single quotes" },
	{ "did not find expected alphabetic", "a name is missing after `&' or `*'", QUOTES },
	{ "did not find expected node content", "a value is missing here", "write it, or take the comma or key away" },
	{ "did not find expected <document start>", "this does not belong to what stands above",
		"check the indentation: the keys at the top start in the first column" },
	{ "found unknown directive name", "a line that starts with `%'", QUOTES },
	{ "found undefined tag handle", "tags (`!') are not known", QUOTES },
	{ "control characters", "a control character", "take it out; in double quotes it can be written as an escape" },
	{ "invalid", "bytes that are not UTF-8", "save the file as UTF-8" },
	{ "incomplete", "bytes that are not UTF-8", "save the file as UTF-8" },
};

static const struct explanation *explanation_of(const char *problem)
{
	for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		if (strncmp(problem, explanations[i].problem, strlen(explanations[i].problem)) == 0)
			return &explanations[i];
	}
	return NULL;
}

/* The byte that a position in characters points to, or -1. */
static size_t offset_of(const struct source *source, size_t line, size_t column)
{
	size_t at = 0;
	bool printable;

	for (; line > 1 && at < source->length; at++)
		line -= source->text[at] == '\n';
	for (; column > 1 && at < source->length; column--)
		at += text_step(source->text + at, source->length - at, &printable);
	return at;
}

static struct position position_of(const struct source *source, size_t offset)
{
	struct position at = { source, 1, 1 };
	bool printable;

	for (size_t i = 0, step; i < offset && i < source->length; i += step) {
		step = text_step(source->text + i, source->length - i, &printable);
		at.column++;
		if (source->text[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return at;
}

/* Only blanks before it: the tab was meant to indent. */
static bool tab_indents(const struct source *source, size_t offset)
{
	while (offset > 0 && (source->text[offset - 1] == ' ' || source->text[offset - 1] == '\t'))
		offset--;
	return offset == 0 || source->text[offset - 1] == '\n';
}

static void explain_character(const struct source *source, struct position at, struct problems *problems)
{
	size_t offset = offset_of(source, at.line, at.column);
	char character = offset < source->length ? source->text[offset] : '\0';

	if (character == '\t') {
		problem_add(problems, at, tab_indents(source, offset) ? "tab used for indentation" :
									"a tab where YAML wants a space");
		problem_hint(problems, "YAML indents with spaces");
	} else {
		problem_add(problems, at, "a value cannot start with `%c'", character);
		problem_hint(problems, QUOTES);
	}
}

/* Where a thing was opened and not closed, its beginning helps more than the place where the file ends. */
static bool is_unclosed(const char *problem)
{
	return strncmp(problem, "found unexpected", 16) == 0 || strncmp(problem, "did not find expected ','", 25) == 0;
}

static struct position place_of(const yaml_parser_t *parser, const struct source *source)
{
	const yaml_mark_t *mark = &parser->problem_mark;

	if (parser->error == YAML_READER_ERROR)
		return position_of(source, parser->problem_offset);
	if (parser->context != NULL && is_unclosed(parser->problem))
		mark = &parser->context_mark;
	return (struct position){ source, mark->line + 1, mark->column + 1 };
}

void yaml_explain(const struct yaml_parser_s *parser, const struct source *source, struct problems *problems)
{
	const char *problem = parser->problem == NULL ? "not valid YAML" : parser->problem;
	const struct explanation *explanation;
	struct position at;

	if (parser->error == YAML_MEMORY_ERROR) {
		problems->no_memory = true;
		return;
	}
	explanation = explanation_of(problem);
	at = place_of(parser, source);
	if (strcmp(problem, "found character that cannot start any token") == 0) {
		explain_character(source, at, problems);
	} else if (explanation == NULL) {
		problem_add(problems, at, "not valid YAML: %s", problem);
		problem_hint(problems, QUOTES);
	} else {
		problem_add(problems, at, "%s", explanation->message);
		problem_hint(problems, "%s", explanation->hint);
	}
}
