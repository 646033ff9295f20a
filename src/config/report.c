/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows errors to a human: place, message, the line with a caret under it, and the way out. */

#include "config/config.h"

#include <string.h>

#include "config/text.h"

/* Characters of a source line that are shown, and how many of them before the caret at most. */
#define WINDOW        100
#define WINDOW_BEFORE 70

struct paint {
	const char *place, *error, *warning, *caret, *hint, *off;
};

static const struct paint plain = { "", "", "", "", "", "" };
static const struct paint coloured = { "\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m", "\033[1;36m", "\033[0m" };

/* Writes the characters first .. last - 1 of a line, or the blanks that stand under them. */
static void write_part(FILE *out, const char *line, size_t first, size_t last, bool blank)
{
	size_t length = strlen(line), number = 0;

	for (size_t at = 0, step; at < length && number < last; at += step, number++) {
		bool printable;

		step = text_step(line + at, length - at, &printable);
		if (number < first)
			continue;
		if (line[at] == '\t')
			fputc('\t', out);
		else if (blank)
			fputc(' ', out);
		else if (printable)
			fwrite(line + at, 1, step, out);
		else
			fputc('?', out);
	}
}

static size_t characters(const char *line)
{
	size_t length = strlen(line), count = 0;

	for (size_t at = 0; at < length; count++) {
		bool printable;

		at += text_step(line + at, length - at, &printable);
	}
	return count;
}

static void write_source(FILE *out, const struct config_error *error, const struct paint *paint)
{
	size_t column = error->column == 0 ? 0 : error->column - 1;
	size_t first = column > WINDOW_BEFORE ? column - WINDOW_BEFORE : 0;
	size_t total = characters(error->source);

	fprintf(out, "    %s", first > 0 ? "..." : "");
	write_part(out, error->source, first, first + WINDOW, false);
	fprintf(out, "%s\n    %s", first + WINDOW < total ? "..." : "", first > 0 ? "   " : "");
	write_part(out, error->source, first, column, true);
	for (size_t i = total; i < column; i++)
		fputc(' ', out);
	fprintf(out, "%s^%s\n", paint->caret, paint->off);
}

static void write_error(FILE *out, const struct config_error *error, const struct paint *paint)
{
	bool warning = error->severity == CONFIG_WARNING;

	fputs(paint->place, out);
	if (error->line == 0)
		fprintf(out, "%s: ", error->file);
	else
		fprintf(out, "%s:%u:%u: ", error->file, error->line, error->column);
	fprintf(out, "%s%s%s:%s %s\n", paint->off, warning ? paint->warning : paint->error,
		warning ? "warning" : "error", paint->off, error->message);
	if (error->source != NULL)
		write_source(out, error, paint);
	if (error->hint != NULL)
		fprintf(out, "    %shint:%s %s\n", paint->hint, paint->off, error->hint);
}

void config_errors_print(FILE *out, const struct config_errors *errors, int colour)
{
	for (size_t i = 0; i < errors->count; i++)
		write_error(out, &errors->items[i], colour ? &coloured : &plain);
}
