/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the terminal: colours, errors, JSON, and texts of others made harmless. */

#include "ctl/output.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "ctl/commands.h"

/* Beyond control characters: what hides text or turns it around. */
static const struct {
	uint32_t first, last;
} unprintable[] = {
	{ 0x00, 0x1f },
	{ 0x7f, 0x9f },
	{ 0xad, 0xad },
	{ 0x061c, 0x061c },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xd800, 0xdfff },
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
	{ 0xe0000, 0xe007f },
};

bool output_likes_colour(int fd)
{
	const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");

	if (refused != NULL && refused[0] != '\0')
		return false;
	return isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

const char *output_colour(bool wanted, enum colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "",
		[COLOUR_GOOD] = "\033[32m",
		[COLOUR_WARNING] = "\033[33m",
		[COLOUR_BAD] = "\033[1;31m",
		[COLOUR_QUIET] = "\033[2m",
		[COLOUR_TITLE] = "\033[1m",
	};

	return wanted ? codes[colour] : "";
}

const char *output_plain(bool wanted)
{
	return wanted ? "\033[0m" : "";
}

void *output_need(void *pointer)
{
	if (pointer != NULL)
		return pointer;
	fputs("uplinkctl: no memory\n", stderr);
	exit(EXIT_ERROR);
}

/* The next code point and its length in bytes; 0 where the bytes are not UTF-8. */
static size_t next_code(const char *text, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80                    ? 1
			: first >= 0xf0 && first < 0xf8 ? 4
			: first >= 0xe0                 ? 3
							: 2;
	uint32_t code = length == 1 ? first : first & (0xffU >> (length + 1));

	if ((first >= 0x80 && first < 0xc0) || first >= 0xf8)
		return 0;
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte & 0x3f);
	}
	*ret_code = code;
	return code >= least[length] && code <= 0x10ffff ? length : 0;
}

static bool is_printable(uint32_t code)
{
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++) {
		if (code >= unprintable[i].first && code <= unprintable[i].last)
			return false;
	}
	return true;
}

/* Writes one code point or its escape, and returns how many bytes of text that was. */
static size_t escape_next(FILE *out, const char *text, const char *keep)
{
	uint32_t code;
	size_t length = next_code(text, &code);

	if (length == 0) {
		fprintf(out, "\\x%02x", (unsigned int)(unsigned char)text[0]);
		return 1;
	}
	if (is_printable(code) || (length == 1 && strchr(keep, (int)code) != NULL))
		fwrite(text, 1, length, out);
	else
		fprintf(out, code < 0x80 ? "\\x%02x" : "\\u%04x", code);
	return length;
}

char *output_escape(const char *text, const char *keep)
{
	char *escaped = NULL;
	size_t size;
	FILE *out = output_need(open_memstream(&escaped, &size));

	while (*text != '\0')
		text += escape_next(out, text, keep);
	fclose(out);
	return output_need(escaped);
}

size_t output_width(const char *text)
{
	size_t width = 0;

	while (*text != '\0') {
		uint32_t code = 0;
		size_t length = next_code(text, &code);
		int columns = length == 0 ? 1 : wcwidth((wchar_t)code);

		width += columns > 0 ? (size_t)columns : 0;
		text += length == 0 ? 1 : length;
	}
	return width;
}

static void print_escaped(FILE *out, const char *prefix, const char *format, va_list arguments)
{
	char *text = NULL, *escaped;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	escaped = output_escape(output_need(text), "\n");
	fprintf(out, "%s%s", prefix, escaped);
	free(escaped);
	free(text);
}

void output_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_escaped(stderr, "uplinkctl: ", format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

void output_text(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_escaped(stdout, "", format, arguments);
	va_end(arguments);
}

/* 15 digits say 4.1 as 4.1, and a time in seconds to the 10 microseconds. */
void output_json(const json_t *document)
{
	size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
	bool terminal = isatty(STDOUT_FILENO);
	char *text = output_need(
		json_dumps(document, flags | (terminal ? JSON_INDENT(2) : JSON_COMPACT)));
	char *escaped = output_escape(text, "\n");

	puts(terminal ? escaped : text);
	free(escaped);
	free(text);
}

char *output_list(const char *const *items, size_t count)
{
	char *list = NULL;
	size_t size;
	FILE *out = output_need(open_memstream(&list, &size));

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", items[i]);
	fclose(out);
	return output_need(list);
}
