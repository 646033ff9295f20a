/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathers what is wrong, with its place, while a configuration is read. */

#include "config/errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A place further right, or a longer rest of its line, is not shown: such a line was not written by hand. */
#define SHOWN_COLUMN_MAX 1000
#define SHOWN_LINE_MAX   4000

static void clear(struct config_error *error)
{
	free(error->file);
	free(error->message);
	free(error->hint);
	free(error->source);
}

/* The line itself, or NULL where there is none to show. Not cleaned: tabs count for the caret. */
static char *copy_line(struct position at)
{
	const char *text = at.source->text, *end = text + at.source->length, *line_end;

	if (at.line == 0 || text == NULL || at.column > SHOWN_COLUMN_MAX)
		return NULL;
	for (size_t line = 1; line < at.line; line++) {
		text = memchr(text, '\n', (size_t)(end - text));
		if (text == NULL)
			return NULL;
		text++;
	}
	line_end = memchr(text, '\n', (size_t)(end - text));
	if (line_end == NULL)
		line_end = end;
	if (line_end > text && line_end[-1] == '\r')
		line_end--;
	return strndup(text, line_end - text > SHOWN_LINE_MAX ? SHOWN_LINE_MAX : (size_t)(line_end - text));
}

static struct problem *grow(struct problems *problems)
{
	size_t room = problems->room == 0 ? 8 : problems->room * 2;
	struct problem *items;

	if (problems->count < problems->room)
		return &problems->items[problems->count];
	items = reallocarray(problems->items, room, sizeof(*items));
	if (items == NULL) {
		problems->no_memory = true;
		return NULL;
	}
	problems->items = items;
	problems->room = room;
	return &items[problems->count];
}

static char *format_clean(const char *format, va_list arguments)
{
	char *text;

	return vasprintf(&text, format, arguments) < 0 ? NULL : text_clean(text);
}

static void add(struct problems *problems, struct position at, enum config_severity severity, const char *format,
	va_list arguments)
{
	struct problem *problem;

	if (problems->no_memory || problems->count >= PROBLEMS_MAX)
		return;
	problem = grow(problems);
	if (problem == NULL)
		return;
	*problem = (struct problem){
		.file = at.source->order,
		.number = problems->count,
		.error = {
			.file = strdup(at.source->name),
			.line = at.line > UINT32_MAX ? UINT32_MAX : (unsigned int)at.line,
			.column = at.column > UINT32_MAX ? UINT32_MAX : (unsigned int)at.column,
			.message = format_clean(format, arguments),
			.source = copy_line(at),
			.severity = severity,
		},
	};
	problems->count++;
	if (problem->error.file == NULL || problem->error.message == NULL)
		problems->no_memory = true;
	else
		text_clean(problem->error.file);
}

void problem_add(struct problems *problems, struct position at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(problems, at, CONFIG_ERROR, format, arguments);
	va_end(arguments);
}

void problem_warn(struct problems *problems, struct position at, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(problems, at, CONFIG_WARNING, format, arguments);
	va_end(arguments);
}

void problem_hint(struct problems *problems, const char *format, ...)
{
	struct config_error *error;
	va_list arguments;

	if (problems->no_memory || problems->count == 0)
		return;
	error = &problems->items[problems->count - 1].error;
	if (error->hint != NULL)
		return;
	va_start(arguments, format);
	error->hint = format_clean(format, arguments);
	va_end(arguments);
	problems->no_memory |= error->hint == NULL;
}

bool problem_hint_near(struct problems *problems, const struct nearest *nearest)
{
	if (nearest->word == NULL)
		return false;
	problem_hint(problems, "did you mean `%s'?", nearest->word);
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->error.line != b->error.line)
		return a->error.line < b->error.line ? -1 : 1;
	if (a->error.column != b->error.column)
		return a->error.column < b->error.column ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

/* A value that several aliases stand for is read several times. */
static bool is_told_twice(const struct problem *a, const struct problem *b)
{
	return a->file == b->file && a->error.line == b->error.line && a->error.column == b->error.column &&
	       strcmp(a->error.message, b->error.message) == 0;
}

static void discard(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		clear(&problems->items[i].error);
	free(problems->items);
	*problems = (struct problems){ .no_memory = problems->no_memory };
}

int problems_finish(struct problems *problems, struct config_errors *errors)
{
	int result = 0;

	*errors = (struct config_errors){ .items = NULL };
	if (!problems->no_memory && problems->count > 0) {
		errors->items = calloc(problems->count, sizeof(*errors->items));
		problems->no_memory = errors->items == NULL;
	}
	if (problems->no_memory || problems->count == 0) {
		discard(problems);
		return problems->no_memory ? -ENOMEM : 0;
	}
	qsort(problems->items, problems->count, sizeof(*problems->items), compare);
	for (size_t i = 0; i < problems->count; i++) {
		if (i > 0 && is_told_twice(&problems->items[i], &problems->items[i - 1]))
			clear(&errors->items[--errors->count]);
		errors->items[errors->count++] = problems->items[i].error;
		if (problems->items[i].error.severity == CONFIG_ERROR)
			result = -EINVAL;
	}
	problems->count = 0;
	discard(problems);
	return result;
}

void config_errors_free(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		clear(&errors->items[i]);
	free(errors->items);
	*errors = (struct config_errors){ .items = NULL };
}
