/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that came from outside: what of it can be shown, and which known word is near to it. */

#include "config/text.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 32

static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

/* The character of a sequence of 2 to 4 bytes, or 0 where it is none. */
static uint32_t decode(const unsigned char *bytes, size_t size)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t character = bytes[0] & (0xffu >> (size + 1));

	for (size_t i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (character < lowest[size] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return 0;
	return character;
}

/* Controls, and the marks that turn the direction of writing: a line must look like what it says. */
static bool hides(uint32_t character)
{
	return character < 0xa0 || (character >= 0x200b && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
	       character == 0xfeff || (character & 0xfffe) == 0xfffe;
}

size_t text_step(const char *text, size_t length, bool *ret_printable)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t size = sequence_length(bytes[0]);
	uint32_t character;

	*ret_printable = false;
	if (size == 0 || size > length)
		return 1;
	if (size == 1) {
		*ret_printable = bytes[0] >= ' ' && bytes[0] != 0x7f;
		return 1;
	}
	character = decode(bytes, size);
	if (character == 0)
		return 1;
	*ret_printable = !hides(character);
	return size;
}

char *text_clean(char *text)
{
	size_t length = strlen(text);

	for (size_t at = 0, step; at < length; at += step) {
		bool printable;

		step = text_step(text + at, length - at, &printable);
		if (!printable)
			memset(text + at, '?', step);
	}
	return text;
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/*
 * How many letters must be added, taken away, changed or swapped with their neighbour (Damerau's
 * distance, optimal string alignment). Both words are shorter than WORD_MAX.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows[WORD_MAX + 1][WORD_MAX + 1];
	size_t a_length = strlen(a), b_length = strlen(b);

	for (size_t i = 0; i <= a_length; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t j = 1; j <= b_length; j++) {
			size_t change = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			rows[i][j] = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1, change);
		}
	}
	return rows[a_length][b_length];
}

struct nearest nearest_to(const char *wrong)
{
	size_t length = strlen(wrong);

	return (struct nearest){ .wrong = wrong, .distance = length < 5 ? 2 : length < 8 ? 3 : 4 };
}

void nearest_try(struct nearest *nearest, const char *word)
{
	size_t length = strlen(word), found;

	if (length > WORD_MAX || strlen(nearest->wrong) > WORD_MAX)
		return;
	found = distance(nearest->wrong, word);
	if (found < nearest->distance && found < length) {
		nearest->distance = found;
		nearest->word = word;
	}
}
