/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in aligned columns, whatever alphabet is in it. */

#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

#define GAP 2

struct cell {
	char *text;
	enum colour colour;
};

struct table {
	const char *const *titles;
	size_t columns;
	struct cell *cells;
	size_t count, size;
};

struct table *table_new(const char *const *titles, size_t columns)
{
	struct table *table = output_need(calloc(1, sizeof(*table)));

	table->titles = titles;
	table->columns = columns;
	return table;
}

void table_free(struct table *table)
{
	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_add(struct table *table, enum colour colour, const char *text)
{
	if (table->count == table->size) {
		table->size = table->size == 0 ? 64 : table->size * 2;
		table->cells = output_need(
			reallocarray(table->cells, table->size, sizeof(table->cells[0])));
	}
	table->cells[table->count++] = (struct cell){ output_escape(text, ""), colour };
}

static bool is_right(const char *title)
{
	return title[0] == '>';
}

static const char *bare_title(const char *title)
{
	return is_right(title) ? title + 1 : title;
}

/* 0: the column has no text at all, and is left out. */
static size_t column_width(const struct table *table, size_t column)
{
	size_t title = output_width(bare_title(table->titles[column])), widest = 0;

	for (size_t i = column; i < table->count; i += table->columns) {
		size_t width = output_width(table->cells[i].text);

		widest = width > widest ? width : widest;
	}
	return widest == 0 || widest > title ? widest : title;
}

/* Spaces are printed only before the next text, so that no row ends with them. */
struct row {
	size_t gap;
	bool colour;
};

static void print_cell(
	struct row *row, const char *text, size_t width, bool right, enum colour colour)
{
	size_t rest = width - output_width(text);
	bool painted = row->colour && colour != COLOUR_NONE;

	if (right)
		row->gap += rest;
	if (text[0] != '\0') {
		printf("%*s%s%s%s", (int)row->gap, "", output_colour(painted, colour), text,
			output_plain(painted));
		row->gap = 0;
	}
	row->gap += GAP + (right ? 0 : rest);
}

static void print_titles(const struct table *table, const size_t *widths, bool colour)
{
	struct row row = { .colour = colour };

	for (size_t i = 0; i < table->columns; i++) {
		const char *title = table->titles[i];

		if (widths[i] > 0)
			print_cell(
				&row, bare_title(title), widths[i], is_right(title), COLOUR_TITLE);
	}
	putchar('\n');
}

static void print_row(
	const struct table *table, const struct cell *cells, const size_t *widths, bool colour)
{
	struct row row = { .colour = colour };

	for (size_t i = 0; i < table->columns; i++) {
		if (widths[i] > 0)
			print_cell(&row, cells[i].text, widths[i], is_right(table->titles[i]),
				cells[i].colour);
	}
	putchar('\n');
}

void table_print(const struct table *table, bool colour)
{
	size_t *widths = output_need(calloc(table->columns, sizeof(*widths)));

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	if (table->count > 0)
		print_titles(table, widths, colour);
	for (size_t i = 0; i + table->columns <= table->count; i += table->columns)
		print_row(table, &table->cells[i], widths, colour);
	free(widths);
}
