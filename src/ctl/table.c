/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in aligned columns, whatever alphabet is in it. */

#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

#define GAP "  "

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
		table->cells = output_need(reallocarray(table->cells, table->size, sizeof(table->cells[0])));
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

static void pad(size_t width)
{
	while (width-- > 0)
		putchar(' ');
}

/* The column that ends the rows: no spaces are put behind it. */
static size_t last_column(const struct table *table, const size_t *widths)
{
	size_t last = 0;

	for (size_t i = 0; i < table->columns; i++) {
		if (widths[i] > 0)
			last = i;
	}
	return last;
}

static void print_cell(const char *text, size_t width, bool right, bool last, const char *begin, const char *end)
{
	size_t rest = width - output_width(text);

	if (right)
		pad(rest);
	printf("%s%s%s", begin, text, end);
	if (!right && !last)
		pad(rest);
	fputs(last ? "\n" : GAP, stdout);
}

void table_print(const struct table *table, bool colour)
{
	size_t *widths = output_need(calloc(table->columns, sizeof(*widths)));
	size_t last;

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	last = last_column(table, widths);
	for (size_t i = 0; table->count > 0 && i < table->columns; i++) {
		if (widths[i] > 0)
			print_cell(bare_title(table->titles[i]), widths[i], is_right(table->titles[i]), i == last,
				output_colour(colour, COLOUR_TITLE), output_plain(colour));
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct cell *cell = &table->cells[i];
		size_t column = i % table->columns;
		bool painted = colour && cell->colour != COLOUR_NONE;

		if (widths[column] > 0)
			print_cell(cell->text, widths[column], is_right(table->titles[column]), column == last,
				output_colour(painted, cell->colour), output_plain(painted));
	}
	free(widths);
}
